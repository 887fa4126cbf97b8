package render

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// linkedKeys is how many keys of a finding get a link of their own.
const linkedKeys = 3

// Link leads to a page of the AWS console.
type Link struct{ Title, URL string }

// console is where a partition's console is, and the Region that records IAM's
// events there.
type console struct{ domain, home string }

// consoleOf returns the console of a partition. The isolated ones have none that
// is public.
func consoleOf(partition string) (c console, ok bool) {
	partition = cmp.Or(partition, "aws")
	switch partition {
	case "aws":
		c.domain = "console.aws.amazon.com"
	case "aws-cn":
		c.domain = "console.amazonaws.cn"
	case "aws-us-gov":
		c.domain = "console.amazonaws-us-gov.com"
	}
	c.home = lineage.HomeRegion(partition)
	return c, c.domain != ""
}

// page is the address of a service's page. What is no Region leads nowhere.
func (c console) page(service, region, fragment string) string {
	if !isRegion(region) {
		return ""
	}
	return "https://" + region + "." + c.domain + "/" + service + "/home?region=" + region + "#" + fragment
}

// Playbook is the page that says what a verdict means and what to do about it.
func Playbook(v incident.Verdict) string {
	return "https://github.com/trailverdict/trailverdict/blob/main/docs/verdicts/" + string(v) + ".md"
}

// Links are the pages of the AWS console on which to go on: whom a finding is
// about, what its keys did, the event that weighed most, and GuardDuty's own
// finding. The console shows them in the account that is signed in.
func Links(f incident.Finding) []Link {
	c, ok := consoleOf(f.Partition)
	if !ok {
		return nil
	}
	var list []Link
	add := func(title, url string) {
		if url != "" {
			list = append(list, Link{title, url})
		}
	}
	if s := f.Subject; (s.Type == incident.Role || s.Type == incident.User) && isFriendlyName(s.Name) {
		add("IAM, "+SubjectName(s), c.page("iam", c.home, "/"+string(s.Type)+"s/details/"+url.PathEscape(s.Name)))
	}
	for _, key := range f.Subject.AccessKeyIDs[:min(len(f.Subject.AccessKeyIDs), linkedKeys)] {
		add("CloudTrail, key "+key, c.page("cloudtrailv2", f.Region, "/events?AccessKeyId="+url.QueryEscape(key)))
	}
	if e, region, ok := c.recorded(f); ok {
		add("CloudTrail, event of "+e.Time.UTC().Format(clock), c.page("cloudtrailv2", region, "/events/"+e.EventID))
	}
	for _, e := range f.Evidence {
		if e.Signal == incident.ThreatFinding && isHex(e.EventID) {
			add("GuardDuty, finding "+e.EventID, c.page("guardduty", f.Region, "/findings?macros=all&fId="+e.EventID))
			break
		}
	}
	return list
}

// recorded is the weightiest fact that CloudTrail recorded under an id of its
// own, and the Region in whose event history it stands.
func (c console) recorded(f incident.Finding) (heaviest incident.Evidence, region string, ok bool) {
	for _, e := range f.Evidence {
		where := c.home
		switch e.Signal {
		case incident.CredentialFailed, incident.CredentialExposed, incident.ThreatFinding, incident.ExposureNotice:
			continue // not CloudTrail's
		case incident.CallDenied, incident.SessionIssued, incident.SignInFailed,
			incident.TrailStarted, incident.TrailStopped, incident.TrailDeleted, incident.TrailUpdated, incident.SelectorsChanged:
			where = f.Region
		}
		if isUUID(e.EventID) && (!ok || e.Weight > heaviest.Weight) {
			heaviest, region, ok = e, where, true
		}
	}
	return heaviest, region, ok
}

// isRegion reports whether s is shaped like a Region's name, and no longer than
// Security Hub takes one.
func isRegion(s string) bool {
	return s != "" && len(s) <= 16 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isFriendlyName reports whether s can be a role's or a user's name (IAM user
// guide, name requirements).
func isFriendlyName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= 64 && strings.Trim(s, letters+"_+=,.@-") == ""
}

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' && isHex(strings.ReplaceAll(s, "-", ""))
}

func isHex(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// urls are where links lead.
func urls(links []Link) []string {
	var list []string
	for _, l := range links {
		list = append(list, l.URL)
	}
	return list
}
