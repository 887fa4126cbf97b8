package file

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// The forms of values, as the schema has them too.
var (
	accountForm      = newForm(`^[0-9]{12}$`)
	organisationForm = newForm(`^o-[a-z0-9]{10,32}$`)
	// IAM's own alphabet for names, and the wildcards.
	nameForm = newForm(`^[A-Za-z0-9_+=,.@*?-]{1,64}$`)
	arnForm  = newForm(`^arn:[a-z*?-]+:(iam|sts)::[0-9*?]{1,12}:[A-Za-z0-9_+=,.@*?/-]+$`)
	// Nothing but wildcards where the name stands.
	everybodyForm = newForm(`^([*?]+|arn:.*:((role|user|assumed-role|federated-user)/?)?[*?/]*[*?])$`)

	// CloudWatch Logs' own alphabet for groups, and the wildcards.
	groupForm     = newForm(`^[A-Za-z0-9_/.#*?-]{1,512}$`)
	everyForm     = newForm(`^[*?]*$`)
	workloadForm  = newForm(`^[A-Za-z0-9/][A-Za-z0-9_/.:@#+-]{0,127}$`)
	principalForm = newForm(`^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$`)

	timeForm      = newForm(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`)
	dateForm      = newForm(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	clockForm     = newForm(`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)
	durationForm  = newForm(`^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$`)
	sentenceForm  = newForm(`^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$`)
	subjectForm   = newForm(`^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$`)
	routeNameForm = newForm(`^[a-z0-9][a-z0-9-]{0,62}$`)
	ownerForm     = newForm(`^[A-Za-z0-9_.:/=+@-]([A-Za-z0-9 _.:/=+@-]{0,126}[A-Za-z0-9_.:/=+@-])?$`)
	// IAM's own alphabet for tags; in values the wildcards besides.
	tagKeyForm   = newForm(`^[\p{L}\p{N}_.:/=+@-]([\p{L}\p{N} _.:/=+@-]{0,126}[\p{L}\p{N}_.:/=+@-])?$`)
	tagValueForm = newForm(`^[\p{L}\p{N} _.:/=+@*?-]{0,256}$`)
	zoneForm     = newForm(`^([A-Za-z][A-Za-z0-9_+/-]{1,63}|[+-](0[0-9]|1[0-4]):[0-5][0-9])$`)

	queueForm    = newForm(`^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?$`)
	functionForm = newForm(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$`)
	chatForm     = newForm(`^arn:aws[a-z-]*:chatbot::[0-9]{12}:chat-configuration/[A-Za-z-]+/[A-Za-z0-9_-]{1,128}$`)
)

// account reads an account id. Without quotes it is a number, and loses the
// zeros that it begins with.
func (r *reader) account(path string, n ast.Node) (string, bool) {
	const what = `an account id: 12 digits in quotes, such as "111122223333"`
	if isBareNumber(n) {
		r.reportAt(n.GetToken(), path, "expected %s; write it as %q, since a number loses its leading zeros", what, n.GetToken().Value)
		return "", false
	}
	return r.formed(path, n, accountForm, what)
}

// isBareNumber holds for digits without quotes, whatever YAML makes of them.
func isBareNumber(n ast.Node) bool {
	t := n.GetToken()
	return t.Type != token.SingleQuoteType && t.Type != token.DoubleQuoteType && t.Value != "" && strings.Trim(t.Value, "0123456789") == ""
}

// formed reads text of a given form.
func (r *reader) formed(path string, n ast.Node, form form, what string) (string, bool) {
	s, ok := r.text(path, n, what)
	if !ok {
		return "", false
	}
	if !form.MatchString(s) {
		r.reportAt(n.GetToken(), path, "expected %s, got %s", what, shown(s))
		return "", false
	}
	return s, true
}

func (r *reader) organisation(path string, n ast.Node) (string, bool) {
	return r.formed(path, n, organisationForm, "an organisation's id, such as o-a1b2c3d4e5")
}

// actor reads whom an entry of responders, deployers or a window's actors
// means, as lineage.Matches understands it.
func (r *reader) actor(path string, n ast.Node) (string, bool) {
	const what = "the name of a role or user, or its ARN, with or without wildcards"
	s, ok := r.text(path, n, what)
	if !ok {
		return "", false
	}
	switch {
	case strings.HasSuffix(s, ".amazonaws.com"):
		r.reportAt(n.GetToken(), path, "expected %s; AWS services need no entry, CloudTrail itself tells them apart", what)
	case isName(s) || isARN(s):
		if !matchesEverybody(s) {
			return s, true
		}
		r.reportAt(n.GetToken(), path, "the pattern %s matches everybody; name somebody, or leave the entry out", shown(s))
	case !strings.HasPrefix(s, "arn:") && strings.Contains(s, "/"):
		r.reportAt(n.GetToken(), path, "expected %s, got %s; a name stands alone, without a path", what, shown(s))
	default:
		r.reportAt(n.GetToken(), path, "expected %s, got %s", what, shown(s))
	}
	return "", false
}

func isName(s string) bool { return !strings.HasPrefix(s, "arn:") && nameForm.MatchString(s) }

func isARN(s string) bool {
	const longest = 2048
	return len(s) <= longest && arnForm.MatchString(s)
}

// matchesEverybody holds for patterns whose name is made of wildcards alone.
func matchesEverybody(pattern string) bool { return everybodyForm.MatchString(pattern) }

// userName reads the name of a user, with wildcards.
func (r *reader) userName(path string, n ast.Node) (string, bool) {
	const what = "the name of a user, such as ci-*"
	s, ok := r.formed(path, n, nameForm, what)
	if ok && matchesEverybody(s) {
		r.reportAt(n.GetToken(), path, "expected %s, got %s, which matches everybody", what, shown(s))
		return "", false
	}
	return s, ok
}

func (r *reader) subject(path string, n ast.Node) (string, bool) {
	const what = "a subject's name or ARN, with or without wildcards"
	s, ok := r.text(path, n, what)
	if ok && (!subjectForm.MatchString(s) || strings.Trim(s, "*?") == "" || utf8.RuneCountInString(s) > 2048) {
		r.reportAt(n.GetToken(), path, "expected %s, got %s", what, shown(s))
		return "", false
	}
	return s, ok
}

// groupPattern reads the name of a log group. One that means every group would
// lay all failures at one door.
func (r *reader) groupPattern(path string, n ast.Node) (string, bool) {
	const what = "the name of a log group, with or without wildcards"
	s, ok := r.formed(path, n, groupForm, what)
	if ok && everyForm.MatchString(s) {
		r.reportAt(n.GetToken(), path, "the pattern %s matches every log group; name some", shown(s))
		return "", false
	}
	return s, ok
}

func (r *reader) workload(path string, n ast.Node) (string, bool) {
	return r.formed(path, n, workloadForm, "a program's name of letters, digits and _/.:@#+-")
}

// principal reads the one role or user that a program runs as.
func (r *reader) principal(path string, n ast.Node) (string, bool) {
	const what = "the ARN of one role or user, such as arn:aws:iam::111122223333:role/payments"
	const longest = 512
	s, ok := r.formed(path, n, principalForm, what)
	if ok && len(s) > longest {
		r.reportAt(n.GetToken(), path, "expected %s, at most %d characters long", what, longest)
		return "", false
	}
	return s, ok
}

func (r *reader) network(path string, n ast.Node) (string, bool) {
	const what = "a network in CIDR notation, such as 198.51.100.0/24"
	s, ok := r.text(path, n, what)
	if !ok {
		return "", false
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		r.reportAt(n.GetToken(), path, "expected %s; a single address is %s/%d", what, addr, addr.BitLen())
		return "", false
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		r.reportAt(n.GetToken(), path, "expected %s, got %s", what, shown(s))
	case p != p.Masked():
		r.reportAt(n.GetToken(), path, "expected %s; did you mean %s?", what, p.Masked())
	case p.Bits() == 0:
		r.reportAt(n.GetToken(), path, "the network %s holds every address", p)
	default:
		return p.String(), true
	}
	return "", false
}

// sentence reads text for people: not blank, and on one line.
func (r *reader) sentence(path string, n ast.Node) (string, bool) {
	const longest = 500
	s, ok := r.text(path, n, "text")
	if !ok {
		return "", false
	}
	if !sentenceForm.MatchString(s) || utf8.RuneCountInString(s) > longest {
		r.reportAt(n.GetToken(), path, "expected text of one line, at most %d characters", longest)
		return "", false
	}
	return strings.TrimSpace(s), true
}

func (r *reader) tagKey(path string, n ast.Node) (string, bool) {
	return r.formed(path, n, tagKeyForm, "the key of a tag: at most 128 letters, digits, spaces and _.:/=+-@")
}

func (r *reader) tagValue(path string, n ast.Node) (string, bool) {
	return r.formed(path, n, tagValueForm, "the value of a tag: at most 256 letters, digits, spaces and _.:/=+-@, with or without wildcards")
}

func (r *reader) routeName(path string, n ast.Node) (string, bool) {
	return r.formed(path, n, routeNameForm, "a name of small letters, digits and hyphens")
}

func (r *reader) time(path string, n ast.Node) (time.Time, bool) {
	const what = "a time such as 2026-03-01T22:00:00Z"
	s, ok := r.formed(path, n, timeForm, what)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		r.reportAt(n.GetToken(), path, "expected %s; there is no %s", what, shown(s))
		return time.Time{}, false
	}
	return t.UTC(), true
}

// end reads the time until which something holds. A date is meant to its end.
func (r *reader) end(path string, n ast.Node) (time.Time, bool) {
	const what = "a date such as 2026-06-30, or a time such as 2026-06-30T12:00:00Z"
	s, ok := r.text(path, n, what)
	if !ok {
		return time.Time{}, false
	}
	if dateForm.MatchString(s) {
		if day, err := time.Parse(time.DateOnly, s); err == nil {
			return day.AddDate(0, 0, 1), true
		}
		r.reportAt(n.GetToken(), path, "expected %s; there is no %s", what, shown(s))
		return time.Time{}, false
	}
	if !timeForm.MatchString(s) {
		r.reportAt(n.GetToken(), path, "expected %s, got %s", what, shown(s))
		return time.Time{}, false
	}
	return r.time(path, n)
}

// clock reads a time of day as the time since midnight.
func (r *reader) clock(path string, n ast.Node) (time.Duration, bool) {
	s, ok := r.formed(path, n, clockForm, `a time of day in UTC, such as "22:00"`)
	if !ok {
		return 0, false
	}
	hour, _ := strconv.Atoi(s[:2])
	minute, _ := strconv.Atoi(s[3:])
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute, true
}

// weekdayNames are in the order of time.Weekday.
var weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (r *reader) weekday(path string, n ast.Node) (time.Weekday, bool) {
	name, ok := word[string](r, weekdayNames)(path, n)
	for day, w := range weekdayNames {
		if w == name {
			return time.Weekday(day), ok
		}
	}
	return 0, false
}

func (r *reader) severity(path string, n ast.Node) (incident.Severity, bool) {
	name, ok := word[string](r, incident.Severities)(path, n)
	for s, w := range incident.Severities {
		if w == name {
			return incident.Severity(s), ok
		}
	}
	return 0, false
}

// duration makes a reader of durations within bounds.
func (r *reader) duration(least, most time.Duration) func(string, ast.Node) (time.Duration, bool) {
	return func(path string, n ast.Node) (time.Duration, bool) {
		const what = "a duration such as 90s, 15m or 1h30m"
		if i, ok := n.(*ast.IntegerNode); ok {
			r.reportAt(n.GetToken(), path, "expected %s, got the number %s; is it %ss?", what, i.GetToken().Value, i.GetToken().Value)
			return 0, false
		}
		s, ok := r.text(path, n, what)
		if !ok {
			return 0, false
		}
		d, err := time.ParseDuration(s)
		if err != nil || !durationForm.MatchString(s) {
			r.reportAt(n.GetToken(), path, "expected %s, got %s%s", what, shown(s), inHours(s))
			return 0, false
		}
		if d < least || d > most {
			r.reportAt(n.GetToken(), path, "expected a duration from %s to %s, got %s", short(least), short(most), short(d))
			return 0, false
		}
		return d, true
	}
}

// inHours helps whoever wrote days.
func inHours(s string) string {
	days, ok := strings.CutSuffix(s, "d")
	n, err := strconv.Atoi(days)
	if !ok || err != nil || n < 1 || n > 365 {
		return ""
	}
	return fmt.Sprintf("; days are written in hours: %dh", 24*n)
}

// short is a duration without the zeros that Go appends.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// count makes a reader of whole numbers within bounds.
func (r *reader) count(least, most int) func(string, ast.Node) (int, bool) {
	return func(path string, n ast.Node) (int, bool) {
		what := fmt.Sprintf("a whole number from %d to %d", least, most)
		i, ok := n.(*ast.IntegerNode)
		if !ok {
			r.expected(path, n, what)
			return 0, false
		}
		v, err := strconv.Atoi(i.GetToken().Value)
		if err != nil || v < least || v > most {
			r.reportAt(n.GetToken(), path, "expected %s, got %s", what, shown(i.GetToken().Value))
			return 0, false
		}
		return v, true
	}
}

// target reads a route's address. It is not repeated in an error: an address
// may hold a secret.
func (r *reader) target(path string, n ast.Node, kind routing.Type) string {
	what, isTarget := targetForm(kind)
	s, ok := r.text(path, n, what)
	if ok && !isTarget(s) {
		r.reportAt(n.GetToken(), path, "expected %s for a route of type %s", what, kind)
		return ""
	}
	return s
}

func targetForm(kind routing.Type) (what string, is func(string) bool) {
	switch kind {
	case routing.Email:
		return "an e-mail address", isEmail
	case routing.SQS:
		return "a queue's ARN", queueForm.MatchString
	case routing.Lambda:
		return "a function's ARN", functionForm.MatchString
	case routing.Chat:
		return "the ARN of a chat configuration (arn:aws:chatbot::…:chat-configuration/…)", chatForm.MatchString
	}
	return "an address that begins with https:// and holds no user name or password", isHTTPS
}

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && emailForm.MatchString(s)
}

func isHTTPS(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.User == nil && u.Fragment == "" && u.Hostname() != "" && httpsForm.MatchString(s)
}

var (
	emailForm = newForm(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
	httpsForm = newForm(`^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s#]*)?$`)
)

func verdictNames() []string {
	var names []string
	for _, v := range incident.Verdicts {
		names = append(names, string(v))
	}
	return names
}

func causeNames() []string {
	var names []string
	for _, v := range incident.Verdicts {
		for _, c := range v.Causes() {
			names = append(names, string(c))
		}
	}
	return names
}
