package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Status is how a check came out.
type Status string

const (
	// Problem keeps the detector from seeing, deciding or telling something.
	Problem Status = "problem"
	// Unchecked is a check for which facts are missing.
	Unchecked Status = "unchecked"
	// Advice is what could be better.
	Advice Status = "advice"
	// OK is a check that found nothing.
	OK Status = "ok"
)

// statuses are in the order in which a reader wants them.
var statuses = []Status{Problem, Unchecked, Advice, OK}

// Finding is what a check saw.
type Finding struct {
	Check  string // its ID
	Title  string
	Status Status
	Region string // empty where it is about the account
	// Seen says what was seen, Why what follows from it.
	Seen, Why string
	// Fix lists what to do: commands, which begin with "$ ", or sentences.
	Fix []string
	// Permission is what an unchecked check lacks, if that is why.
	Permission string
}

// Check looks at one thing that must hold.
type Check struct {
	ID, Title string
	// Why is what happens where it does not hold.
	Why string
	// Needs are the permissions to read the facts.
	Needs []string
	// Before is set for checks that make sense before a deployment.
	Before bool

	run func(*exam)
}

// Checks is the catalogue, in the order in which events pass what is checked.
func Checks() []Check {
	return slices.Concat(accountChecks(), stackChecks(), pathChecks(), tellingChecks())
}

// Examination is what all checks found, the problems first.
type Examination struct {
	Facts    Facts
	Findings []Finding
}

// Examine runs the checks that apply.
func Examine(f Facts) Examination {
	e := Examination{Facts: f}
	for _, c := range Checks() {
		if f.Before && !c.Before {
			continue
		}
		x := exam{Facts: f, check: c}
		c.run(&x)
		e.Findings = append(e.Findings, x.result()...)
	}
	slices.SortStableFunc(e.Findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(statuses, a.Status), slices.Index(statuses, b.Status))
	})
	return e
}

// Count is how many findings have a status.
func (e Examination) Count(s Status) int {
	n := 0
	for _, f := range e.Findings {
		if f.Status == s {
			n++
		}
	}
	return n
}

// Sound reports whether everything that applies was checked and is in order.
func (e Examination) Sound() bool { return e.Count(Problem) == 0 && e.Count(Unchecked) == 0 }

// exam is one check at work.
type exam struct {
	Facts
	check    Check
	found    []Finding
	detail   string
	notApply bool
}

// skip says that there is nothing to check.
func (x *exam) skip() { x.notApply = true }

// note is what an ok check tells.
func (x *exam) note(format string, args ...any) { x.detail = fmt.Sprintf(format, args...) }

func (x *exam) problem(region, seen string, fix ...string) { x.add(Problem, region, seen, fix) }
func (x *exam) advise(region, seen string, fix ...string)  { x.add(Advice, region, seen, fix) }

func (x *exam) add(s Status, region, seen string, fix []string) {
	x.found = append(x.found, Finding{
		Check: x.check.ID, Title: x.check.Title, Status: s, Region: region, Seen: seen, Why: x.check.Why, Fix: fix,
	})
}

// unknown notes a gap; each permission and Region once.
func (x *exam) unknown(g *Gap) {
	f := Finding{Check: x.check.ID, Title: x.check.Title, Status: Unchecked, Region: g.Region, Seen: g.Reason}
	if g.Denied {
		f.Permission, f.Seen = g.Action, "the credentials lack "+g.Action
	} else {
		f.Seen = g.Action + ": " + g.Reason
	}
	same := func(o Finding) bool { return o.Status == Unchecked && o.Region == f.Region && o.Seen == f.Seen }
	if !slices.ContainsFunc(x.found, same) {
		x.found = append(x.found, f)
	}
}

// result is what the check found, or that all is well.
func (x *exam) result() []Finding {
	if x.notApply && len(x.found) == 0 {
		return nil
	}
	if len(x.found) == 0 {
		x.add(OK, "", x.detail, nil)
		x.found[0].Why = ""
	}
	return x.found
}

// know returns the value of an answer. If there is none, the check has a gap.
func know[T any](x *exam, a Answer[T]) (T, bool) {
	if a.Gap != nil {
		x.unknown(a.Gap)
	}
	return a.Value, a.Known()
}

// each calls f for the parts of a stack that exist and are known.
func each[T any](x *exam, parts []Part[T], f func(Part[T], T)) {
	for _, p := range parts {
		if v, ok := know(x, p.Is); ok {
			f(p, v)
		}
	}
}

// stacks are those whose parts are known: the home stack, the watching one, the
// forwarders. Without any, there is nothing to check.
func (x *exam) stacks() []Stack {
	answers := []Answer[Stack]{x.ByPlace[x.Home].Stack, x.Watch}
	for _, region := range x.Looked[1:] {
		answers = append(answers, x.ByPlace[region].Stack)
	}
	var list []Stack
	for _, a := range answers {
		if s, ok := x.parted(a); ok {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		x.skip()
	}
	return list
}

// parted is a stack whose parts are known.
func (x *exam) parted(a Answer[Stack]) (Stack, bool) {
	s, ok := know(x, a)
	if ok && s.Unread != nil {
		x.unknown(s.Unread)
		ok = false
	}
	return s, ok
}

// command is a fix that can be pasted. What comes from the account is quoted:
// whoever can name a rule there must not run anything here.
func command(format string, args ...string) string {
	quoted := make([]any, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return "$ " + fmt.Sprintf(format, quoted...)
}

// quote makes one word of s for a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@,+=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
