package file

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// Load reads a configuration file. What it does not set has its default. If
// anything is wrong with it the error is of type Problems and names all of it;
// name is what they call the file.
func Load(name string, data []byte) (config.Config, error) {
	c, _, err := load(name, data)
	return c, err
}

// Check loads a file as Load does, looks up its time zones with the given
// function, such as time.LoadLocation, and finds what cannot be deployed, which
// is an error, or what nobody can have meant, of which it warns.
func Check(name string, data []byte, now time.Time, zone func(string) (*time.Location, error)) (config.Config, Problems, error) {
	c, r, err := load(name, data)
	if err != nil {
		return c, nil, err
	}
	rules, issues := c.Rules().Locate(zone)
	c.Routes = rules.Routes
	var fatal, warnings Problems
	for _, i := range append(issues, rules.Lint(now)...) {
		if p := r.problem(i); i.Fatal {
			fatal = append(fatal, p)
		} else {
			warnings = append(warnings, p)
		}
	}
	warnings.sort()
	if len(fatal) > 0 {
		fatal.sort()
		return config.Config{}, warnings, fatal
	}
	return c, warnings, nil
}

func load(name string, data []byte) (config.Config, *reader, error) {
	r := &reader{file: name, places: map[string]*token.Token{}}
	c := config.Default()
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if doc := r.parse(data); doc != nil && r.isPlain("", doc) {
		r.top(doc, &c)
	}
	if len(r.problems) > 0 {
		r.problems.sort()
		return config.Config{}, r, r.problems
	}
	c.Settings.Tags = tagsAsked(c)
	return c, r, nil
}

// tagsAsked are the keys of the tags that routes, suppressions or owners go by,
// each in the spelling that sorts first.
func tagsAsked(c config.Config) []string {
	var keys []string
	add := func(match []incident.TagMatch) {
		for _, m := range match {
			keys = append(keys, m.Key)
		}
	}
	if c.Settings.OwnerTag != "" {
		keys = append(keys, c.Settings.OwnerTag)
	}
	for _, r := range c.Routes {
		add(r.Match.Tags)
	}
	for _, s := range c.Settings.Suppressions {
		add(s.Tags)
	}
	slices.Sort(keys)
	return slices.CompactFunc(slices.SortedStableFunc(slices.Values(keys), func(a, b string) int {
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	}), lineage.SameTagKey)
}

// problem says where in the file an issue lies: at its key, or at the nearest
// one around it that is there.
func (r *reader) problem(i routing.Issue) Problem {
	p := Problem{File: r.file, Path: i.Path, Message: i.Message}
	for path := i.Path; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if at := r.places[path]; at != nil {
			p.Line, p.Column = at.Position.Line, at.Position.Column
			break
		}
	}
	return p
}

// top reads the file's own mapping.
func (r *reader) top(n ast.Node, c *config.Config) {
	s := &c.Settings
	r.mapping("", n, 1, []key{
		{"version", r.version},
		{"accounts", listOf(r, &s.Accounts, r.account)},
		{"trusted_accounts", listOf(r, &s.TrustedAccounts, r.account)},
		{"organisations", listOf(r, &s.Organisations, r.organisation)},
		{"responders", listOf(r, &s.Responders, r.actor)},
		{"deployers", listOf(r, &s.Deployers, r.actor)},
		{"trusted_networks", listOf(r, &s.TrustedNetworks, r.network)},
		{"change_windows", r.changeWindows(&s.ChangeWindows)},
		{"thresholds", r.thresholds(&s.Thresholds)},
		{"checks", r.checks(&s.Checks)},
		{"suppressions", r.suppressions(&s.Suppressions)},
		{"owners", r.owners(&s.Owners)},
		{"owner_tag", into(&s.OwnerTag, r.tagKey)},
		{"routes", r.routes(&c.Routes)},
		{"log_groups", r.logGroups(&c.LogGroups)},
	})
}

func (r *reader) version(path string, n ast.Node) {
	if i, ok := n.(*ast.IntegerNode); ok && i.Value == uint64(config.Version) {
		return
	}
	r.reportAt(start(n), path, "expected %d, the only version of the format so far, got %s", config.Version, kindOf(n))
}

func (r *reader) changeWindows(dst *[]incident.ChangeWindow) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		names := map[string]int{}
		r.items(path, n, func(path string, n ast.Node) {
			w := r.changeWindow(path, n)
			r.unique(path, n, names, w.Name)
			*dst = append(*dst, w)
		})
	}
}

func (r *reader) changeWindow(path string, n ast.Node) incident.ChangeWindow {
	var w incident.ChangeWindow
	seen := r.mapping(path, n, 1, []key{
		{"name", into(&w.Name, r.sentence)},
		{"start", into(&w.Start, r.time)},
		{"end", into(&w.End, r.time)},
		{"days", listOf(r, &w.Days, r.weekday)},
		{"from", into(&w.From, r.clock)},
		{"until", into(&w.Until, r.clock)},
		{"actors", listOf(r, &w.Actors, r.actor)},
		{"subjects", oneOrMore(r, &w.Subjects, r.subject)},
		{"expects", oneOrMore(r, &w.Expects, r.expectedCause)},
	})
	if seen == nil {
		return w
	}
	single := seen["start"] != nil || seen["end"] != nil
	weekly := seen["days"] != nil || seen["from"] != nil || seen["until"] != nil
	switch at := start(n); {
	case single && weekly:
		r.reportAt(at, path, "expected either start and end, or from and until with or without days, got both")
	case single:
		r.together(path, at, seen, "start", "end")
		if !w.Start.IsZero() && !w.End.IsZero() && !w.Start.Before(w.End) {
			r.reportAt(seen["end"], join(path, "end"), "expected a time after start")
		}
	case weekly:
		r.together(path, at, seen, "from", "until")
		r.weeklySpan(path, &w, seen)
	default:
		r.reportAt(at, path, "expected either start and end, or from and until with or without days, got neither")
	}
	return w
}

// expectedCause reads what a window expects. A compromise is nothing to be planned.
func (r *reader) expectedCause(path string, n ast.Node) (incident.Cause, bool) {
	c, ok := word[incident.Cause](r, causeNames())(path, n)
	if ok && c.Verdict() == incident.Compromise {
		r.reportAt(n.GetToken(), path, "cause %s is a compromise, which no window expects; suppress it by name, with an end and a reason", c)
		return "", false
	}
	return c, ok
}

// weeklySpan makes an until that lies before from mean the next day.
func (r *reader) weeklySpan(path string, w *incident.ChangeWindow, seen map[string]*token.Token) {
	const day = 24 * time.Hour
	if w.From >= day {
		r.reportAt(seen["from"], join(path, "from"), "expected a time of day before 24:00")
		return
	}
	if seen["from"] != nil && seen["until"] != nil && w.From == w.Until {
		r.reportAt(seen["until"], join(path, "until"), "expected another time than from; a whole day is from \"00:00\" until \"24:00\"")
		return
	}
	if w.Until < w.From {
		w.Until += day
	}
}

// together reports which of two keys is missing beside the other.
func (r *reader) together(path string, at *token.Token, seen map[string]*token.Token, names ...string) {
	for _, name := range names {
		if seen[name] == nil {
			r.reportAt(at, path, "key %s is missing; %s go together", name, strings.Join(names, " and "))
		}
	}
}

// unique reports a name that an earlier element of the list has too.
func (r *reader) unique(path string, n ast.Node, names map[string]int, name string) {
	if name == "" {
		return
	}
	if line := names[name]; line > 0 {
		r.reportAt(start(n), join(path, "name"), "the name %s is already used on line %d", shown(name), line)
		return
	}
	names[name] = start(n).Position.Line
}

func (r *reader) thresholds(dst *incident.Thresholds) func(string, ast.Node) {
	const day = 24 * time.Hour
	return func(path string, n ast.Node) {
		r.mapping(path, n, 0, []key{
			{"correlation", into(&dst.Correlation, r.duration(time.Minute, day))},
			{"spike_floor", into(&dst.SpikeFloor, r.count(2, 1_000_000))},
			{"spike_window", into(&dst.SpikeWindow, r.duration(time.Second, day))},
			{"plain_failures", into(&dst.PlainFailures, r.count(1, 1_000_000))},
			{"denials", into(&dst.Denials, r.count(1, 1_000_000))},
			{"refresh_beats", into(&dst.RefreshBeats, r.count(3, 1_000))},
			{"lateness", into(&dst.Lateness, r.duration(0, day))},
			{"quiet", into(&dst.Quiet, r.duration(time.Hour, 30*day))},
			{"propagation", into(&dst.Propagation, r.duration(0, time.Hour))},
			{"max_evidence", into(&dst.MaxEvidence, r.count(1, config.MaxEvidence))},
		})
		if dst.Quiet < dst.Correlation {
			r.reportAt(start(n), join(path, "quiet"), "expected at least the correlation's %s: an incident would be over before its failures are", dst.Correlation)
		}
		if dst.Quiet < dst.Lateness {
			r.reportAt(start(n), join(path, "quiet"), "expected at least the lateness's %s: an incident would be over before its evidence is in", dst.Lateness)
		}
	}
}

func (r *reader) checks(dst *incident.Checks) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		r.mapping(path, n, 0, []key{
			{"max_session", into(&dst.MaxSession, r.duration(15*time.Minute, 12*time.Hour))},
			{"oidc_subject", into(&dst.OIDCSubject, r.truth)},
			{"static_credentials", into(&dst.StaticCredentials, r.truth)},
			{"ci_users", listOf(r, &dst.CIUsers, r.userName)},
		})
	}
}

func (r *reader) suppressions(dst *[]incident.Suppression) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		r.items(path, n, func(path string, n ast.Node) {
			*dst = append(*dst, r.suppression(path, n))
		})
	}
}

func (r *reader) suppression(path string, n ast.Node) incident.Suppression {
	var s incident.Suppression
	seen := r.mapping(path, n, 2, []key{
		{"until", into(&s.Until, r.end)},
		{"reason", into(&s.Reason, r.sentence)},
		{"verdict", into(&s.Verdict, word[incident.Verdict](r, verdictNames()))},
		{"cause", into(&s.Cause, word[incident.Cause](r, causeNames()))},
		{"subject", into(&s.Subject, r.subject)},
		{"account", into(&s.Account, r.account)},
		{"tag", r.tags(&s.Tags)},
		{"author", into(&s.Author, r.sentence)},
	})
	if seen == nil {
		return s
	}
	if seen["verdict"] == nil && seen["cause"] == nil && seen["subject"] == nil && seen["account"] == nil && seen["tag"] == nil {
		r.reportAt(start(n), path, "expected at least one of verdict, cause, subject, account and tag: a suppression of everything hides everything")
	}
	if seen["tag"] != nil && (s.Verdict == incident.Compromise || s.Cause.Verdict() == incident.Compromise) {
		r.reportAt(seen["tag"], join(path, "tag"), "a compromise is not suppressed by tags, since whoever attacks may have put them on; name the subject")
	}
	if v := s.Cause.Verdict(); s.Cause != "" && s.Verdict != "" && v != s.Verdict {
		r.reportAt(seen["cause"], join(path, "cause"), "cause %s belongs to the verdict %s, not to %s", s.Cause, v, s.Verdict)
	}
	return s
}

func (r *reader) logGroups(dst *[]config.LogGroup) func(string, ast.Node) {
	return func(path string, n ast.Node) {
		lines := map[string]int{}
		r.items(path, n, func(path string, n ast.Node) {
			g := r.logGroup(path, n)
			if line := lines[g.Pattern]; line > 0 {
				r.reportAt(start(n), join(path, "pattern"), "the pattern %s is already used on line %d, and the first one decides", shown(g.Pattern), line)
			} else if g.Pattern != "" {
				lines[g.Pattern] = start(n).Position.Line
			}
			*dst = append(*dst, g)
		})
	}
}

func (r *reader) logGroup(path string, n ast.Node) config.LogGroup {
	var g config.LogGroup
	seen := r.mapping(path, n, 1, []key{
		{"pattern", into(&g.Pattern, r.groupPattern)},
		{"workload", into(&g.Workload, r.workload)},
		{"principal", into(&g.Principal, r.principal)},
	})
	if seen != nil && seen["workload"] == nil && seen["principal"] == nil {
		r.reportAt(start(n), path, "expected at least one of workload and principal")
	}
	return g
}
