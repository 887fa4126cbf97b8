// Package scenario reads stories: recorded events with the findings that they
// should give. They are the project's tests, its demonstration, and what its
// accuracy is measured on.
//
// A story is a txtar archive. It starts with prose, which says what happened
// and why the verdict is what it is. Then come its files:
//
//	config.yaml     the configuration, if the story needs one
//	as-of           the time that the findings are asked for, if not the last event's
//	events.ndjson   the events, in any form that the decoder understands
//	expect          the findings, one a line
//
// A line of expect is
//
//	<subject type> <subject name> <verdict> <cause> <severity, or *>
//
// and may go on with who hears of the finding at once, by the routes of the
// story's configuration:
//
//	… -> <route> <route>
//	… -> nobody
//
// All findings at severity low or above are listed. Findings at informational
// may be; those that are must be there. The one word quiet stands for no
// finding at low or above.
package scenario

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// Story is one scenario.
type Story struct {
	// Name is the file's name without its ending.
	Name string
	// Prose is what happened.
	Prose string
	// Config is the configuration file; empty if there is none.
	Config []byte
	// AsOf is zero where the last event's time is meant.
	AsOf   time.Time
	Events []byte
	Expect []Expectation
}

// Expectation is one finding that a story should give.
type Expectation struct {
	SubjectType, SubjectName string
	Verdict                  incident.Verdict
	Cause                    incident.Cause
	Severity                 string // empty where any will do
	// Told are the names of the routes that hear of it, or Nobody; empty where
	// the story does not say.
	Told string
}

// Nobody stands for no route.
const Nobody = "nobody"

// Load reads all stories beneath a file system's root, in the order of names.
func Load(fsys fs.FS) ([]Story, error) {
	var stories []Story
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".txtar" {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		s, err := Parse(name, data)
		stories = append(stories, s)
		return err
	})
	return stories, err
}

// Parse reads one story. An error names it and what is wrong.
func Parse(name string, data []byte) (Story, error) {
	a := txtar.Parse(data)
	s := Story{
		Name:  strings.TrimSuffix(path.Base(name), ".txtar"),
		Prose: strings.TrimSpace(string(a.Comment)),
	}
	expected := false
	for _, f := range a.Files {
		var err error
		switch f.Name {
		case "config.yaml":
			s.Config = f.Data
		case "as-of":
			s.AsOf, err = time.Parse(time.RFC3339, string(bytes.TrimSpace(f.Data)))
		case "events.ndjson":
			s.Events = f.Data
		case "expect":
			expected = true
			s.Expect, err = parseExpect(string(f.Data))
		default:
			err = fmt.Errorf("no story has a file of that name")
		}
		if err != nil {
			return s, fmt.Errorf("read story %s: %s: %w", s.Name, f.Name, err)
		}
	}
	switch {
	case len(bytes.TrimSpace(s.Events)) == 0:
		return s, fmt.Errorf("read story %s: it has no events", s.Name)
	case !expected:
		return s, fmt.Errorf("read story %s: it expects nothing; say quiet if that is meant", s.Name)
	}
	return s, nil
}

func parseExpect(text string) ([]Expectation, error) {
	var list []Expectation
	quiet := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch line {
		case "":
			continue
		case "quiet":
			quiet = true
			continue
		}
		e, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if !quiet && len(list) == 0 {
		return nil, fmt.Errorf("neither findings nor quiet")
	}
	if quiet && slices.ContainsFunc(list, func(e Expectation) bool { return e.Severity != incident.Informational.String() }) {
		return nil, fmt.Errorf("quiet, and a finding that is not informational")
	}
	return list, nil
}

// parseLine reads a line of expect. Names may hold spaces.
func parseLine(line string) (Expectation, error) {
	line, told, says := strings.Cut(line, " ->")
	f := strings.Fields(line)
	if len(f) < 5 || says && strings.TrimSpace(told) == "" {
		return Expectation{}, fmt.Errorf("%q is not <type> <name> <verdict> <cause> <severity>", line)
	}
	n := len(f)
	e := Expectation{
		SubjectType: f[0],
		SubjectName: strings.Join(f[1:n-3], " "),
		Verdict:     incident.Verdict(f[n-3]),
		Cause:       incident.Cause(f[n-2]),
		Severity:    f[n-1],
		Told:        strings.Join(strings.Fields(told), " "),
	}
	if e.Severity == "*" {
		e.Severity = ""
	}
	if !slices.Contains(incident.Verdicts, e.Verdict) {
		return Expectation{}, fmt.Errorf("%q is no verdict", e.Verdict)
	}
	if e.Severity != "" && !slices.Contains(incident.Severities, e.Severity) {
		return Expectation{}, fmt.Errorf("%q is no severity", e.Severity)
	}
	return e, nil
}

// String is e as a line of expect.
func (e Expectation) String() string {
	line := fmt.Sprintf("%s %s %s %s %s", e.SubjectType, e.SubjectName, e.Verdict, e.Cause, cmp.Or(e.Severity, "*"))
	if e.Told != "" {
		line += " -> " + e.Told
	}
	return line
}

// Of is the line of expect that describes f.
func Of(f incident.Finding) Expectation {
	return Expectation{SubjectType: string(f.Subject.Type), SubjectName: f.Subject.Name, Verdict: f.Verdict, Cause: f.Cause, Severity: f.Severity.String()}
}

// Meets reports whether f is the finding that e expects.
func (e Expectation) Meets(f incident.Finding) bool {
	got := Of(f)
	got.Told = e.Told // is not the finding's to say
	if e.Severity == "" {
		got.Severity = ""
	}
	return got == e
}

// Check compares findings with what the story expects, and says what is
// missing and what is too much. It says nothing if all is as it should be.
func (s Story) Check(findings []incident.Finding) []string {
	var complaints []string
	left := slices.Clone(findings)
	for _, e := range s.Expect {
		i := slices.IndexFunc(left, e.Meets)
		if i < 0 {
			complaints = append(complaints, "missing: "+e.String())
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, f := range left {
		if f.Severity > incident.Informational {
			complaints = append(complaints, "not expected: "+Of(f).String())
		}
	}
	return complaints
}
