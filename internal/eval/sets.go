package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// Decide runs the detector over recorded bytes. A zero asOf stands for the time
// of the last event.
func Decide(r io.Reader, s incident.Settings, asOf time.Time) ([]incident.Finding, error) {
	var got gathered
	if _, err := trail.Decode(r, "", &got); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return correlate.Findings(got.Evidence, s, asOf), nil
}

// gathered is a decoder's sink that keeps everything.
type gathered struct{ correlate.Evidence }

func (g *gathered) Signal(s incident.Signal) { g.Signals = append(g.Signals, s) }
func (g *gathered) Use(u incident.Use)       { g.Uses = append(g.Uses, u) }
func (g *gathered) Skipped(trail.Skip)       {}

// Stories judges the stories beneath a file system's root by what they expect.
func Stories(fsys fs.FS) ([]Judged, error) {
	stories, err := scenario.Load(fsys)
	if err != nil {
		return nil, err
	}
	var out []Judged
	for _, st := range stories {
		settings := incident.DefaultSettings()
		if len(st.Config) > 0 {
			c, err := file.Load("config.yaml", st.Config)
			if err != nil {
				return nil, fmt.Errorf("story %s: %w", st.Name, err)
			}
			settings = c.Settings
		}
		findings, err := Decide(bytes.NewReader(st.Events), settings, st.AsOf)
		if err != nil {
			return nil, fmt.Errorf("story %s: %w", st.Name, err)
		}
		out = append(out, Match(st.Name, labels(st), findings)...)
	}
	return out, nil
}

func labels(st scenario.Story) []Label {
	var out []Label
	for _, e := range st.Expect {
		out = append(out, Label{e.SubjectType + " " + e.SubjectName, e.Verdict, e.Cause})
	}
	return out
}

// pantherRules are the rules of panther-analysis that ask what we ask. Theirs
// judge one record each; what they expect is whether the rule fires.
var pantherRules = []string{
	"AWS.CloudTrail.EventSelectorsDisabled", "AWS.CloudTrail.IAMCompromisedKeyQuarantine", "AWS.CloudTrail.Stopped",
	"AWS.IAM.AccessKeyCompromised", "AWS.IAM.Backdoor.User.Keys", "AWS.IAM.BackdoorRole", "AWS.User.Login.Profile.Modified",
}

// Panther judges the rule tests of panther-analysis that ask what we ask. Where
// the rule should fire, any finding at low or above is right.
func Panther(r io.Reader) ([]Judged, error) {
	var out []Judged
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var t struct {
			Rule, Test string
			Expected   bool `json:"panther_expected"`
			Record     json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return nil, fmt.Errorf("read rule test: %w", err)
		}
		if !slices.Contains(pantherRules, t.Rule) {
			continue
		}
		findings, err := Decide(bytes.NewReader(t.Record), incident.DefaultSettings(), time.Time{})
		if err != nil {
			return nil, err
		}
		out = append(out, fires(t.Rule+": "+t.Test, t.Expected, findings))
	}
	return out, lines.Err()
}

// fires turns "should alert" and "did" into a judged case of two answers.
func fires(name string, want bool, findings []incident.Finding) Judged {
	j := Judged{Case: name, Want: None, Got: None}
	if want {
		j.Want = incident.Compromise
	}
	for _, f := range findings {
		if f.Severity > incident.Informational {
			j.Got, j.GotCause, j.Confidence = f.Verdict, f.Cause, f.Confidence
		}
	}
	return j
}

// attack judges a recording of an attack: any compromise is right, and where the
// technique is one that we watch for, its cause should be among the findings.
func attack(name string, findings []incident.Finding) Judged {
	j := Judged{Case: name, Want: incident.Compromise, WantCause: techniques[name], Got: None}
	for _, f := range findings {
		if f.Verdict == incident.Compromise && j.GotCause != j.WantCause || j.Got == None && f.Severity > incident.Informational {
			j.Got, j.GotCause, j.Confidence = f.Verdict, f.Cause, f.Confidence
		}
	}
	return j
}

// techniques are the attack techniques of stratus-red-team that attack what we
// watch, with the cause that each should give.
var techniques = map[string]incident.Cause{
	"cloudtrail-delete":             incident.AuditTampering,
	"cloudtrail-event-selectors":    incident.AuditTampering,
	"cloudtrail-stop":               incident.AuditTampering,
	"iam-backdoor-role":             incident.TrustOpened,
	"iam-create-backdoor-role":      incident.TrustOpened,
	"iam-backdoor-user":             incident.CredentialsAdded,
	"iam-create-user-login-profile": incident.CredentialsAdded,
	"iam-update-user-login-profile": incident.CredentialsAdded,
}

// Stratus judges recorded attacks, one file each. Many attack what we do not
// watch; the attacker's client gives them away all the same, since it says what
// it is.
func Stratus(fsys fs.FS) ([]Judged, error) {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, err
	}
	var out []Judged
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		findings, err := Decide(bytes.NewReader(data), incident.DefaultSettings(), time.Time{})
		if err != nil {
			return nil, err
		}
		out = append(out, attack(technique(name), findings))
	}
	return out, nil
}

func technique(file string) string {
	file = strings.TrimSuffix(file, ".json")
	return file[strings.LastIndex(file, ".")+1:]
}

// Quiet judges a recording of an account where nothing was wrong: every finding
// is a false alarm.
func Quiet(name string, r io.Reader) ([]Judged, error) {
	findings, err := Decide(r, incident.DefaultSettings(), time.Time{})
	if err != nil {
		return nil, err
	}
	return Match(name, nil, findings), nil
}
