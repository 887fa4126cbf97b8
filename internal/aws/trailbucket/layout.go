package trailbucket

import (
	"slices"
	"strings"
	"time"
)

// Selection is which of a bucket's log files are wanted. Empty fields want all.
type Selection struct {
	// Since and Until bound the days. A file lies under the day on which it was
	// delivered, so one more is taken at the end: events may be late.
	Since, Until      time.Time
	Accounts, Regions []string
}

// folder is what the name of a folder tells: AWSLogs/ORG/ACCOUNT/CloudTrail/
// REGION/YYYY/MM/DD, of which ORG stands in an organization's trail alone.
type folder struct {
	account, service, region string
	date                     []string // year, month, day, as far as they are given
}

// read takes a prefix apart. What is not in CloudTrail's layout says nothing.
func read(prefix string) folder {
	_, rest, ok := strings.Cut("/"+prefix, "/AWSLogs/")
	if !ok {
		return folder{}
	}
	parts := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	if strings.HasPrefix(parts[0], "o-") {
		parts = parts[1:]
	}
	var f folder
	for i, field := range []*string{&f.account, &f.service, &f.region} {
		if i < len(parts) {
			*field = parts[i]
		}
	}
	if len(parts) > 3 {
		f.date = parts[3:min(len(parts), 6)]
	}
	return f
}

// wants reports whether a folder may hold what is wanted.
func (s Selection) wants(prefix string) bool {
	f := read(prefix)
	switch {
	case f.account != "" && len(s.Accounts) > 0 && !slices.Contains(s.Accounts, f.account):
		return false
	case f.service != "" && f.service != "CloudTrail":
		return false // digests, insights, and the logs of other services
	case f.region != "" && len(s.Regions) > 0 && !slices.Contains(s.Regions, f.region):
		return false
	}
	return s.wantsDate(f.date)
}

func (s Selection) wantsDate(date []string) bool {
	if len(date) == 0 {
		return true
	}
	begin, err := time.Parse(time.DateOnly, strings.Join(append(slices.Clone(date), []string{"", "01", "01"}[len(date):]...), "-"))
	if err != nil {
		return true // no date, after all
	}
	end := begin.AddDate(0, 0, 1)
	switch len(date) {
	case 1:
		end = begin.AddDate(1, 0, 0)
	case 2:
		end = begin.AddDate(0, 1, 0)
	}
	return (s.Since.IsZero() || end.After(s.Since)) && (s.Until.IsZero() || begin.Before(s.Until.AddDate(0, 0, 1)))
}
