package replay_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/replay"
	"github.com/trailverdict/trailverdict/internal/routing"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/store"
)

const events = "../../events"

// stories are the project's own scenarios.
func stories(t *testing.T) []scenario.Story {
	t.Helper()
	list, err := scenario.Load(os.DirFS(filepath.Join(events, "scenario")))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 60 {
		t.Fatalf("%d stories, want at least 60", len(list))
	}
	return list
}

func configured(t *testing.T, s scenario.Story) config.Config {
	t.Helper()
	if len(s.Config) == 0 {
		return config.Default()
	}
	c, err := file.Load("config.yaml", s.Config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tell replays parts of a recording as the command does.
func tell(t *testing.T, s scenario.Story, parts ...[]byte) ([]incident.Finding, replay.Summary) {
	t.Helper()
	c := configured(t, s)
	d := detect.New(store.NewMemory(store.DefaultLimits()), c.Settings)
	var inputs []replay.Input
	for i, p := range parts {
		inputs = append(inputs, replay.Stream(fmt.Sprintf("part %d", i), bytes.NewReader(p)))
	}
	sum, err := replay.Read(context.Background(), replay.All(inputs), d, replay.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	findings, err := d.Findings(context.Background(), sum.AsOf(s.AsOf))
	if err != nil {
		t.Fatal(err)
	}
	return findings, sum
}

func asJSON(t *testing.T, findings []incident.Finding) string {
	t.Helper()
	var b strings.Builder
	for _, f := range findings {
		if err := render.JSON(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestStories(t *testing.T) {
	for _, s := range stories(t) {
		t.Run(s.Name, func(t *testing.T) {
			findings, _ := tell(t, s, s.Events)
			for _, c := range s.Check(findings) {
				t.Error(c)
			}
			for _, c := range unheard(t, s, findings) {
				t.Error(c)
			}
			if t.Failed() {
				for _, f := range findings {
					if err := render.Text(testWriter{t}, f, render.TextOptions{Verbose: true}); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// unheard says of whom a story expects that he hears at once, and of whom not,
// and is wrong.
func unheard(t *testing.T, s scenario.Story, findings []incident.Finding) (complaints []string) {
	rules := configured(t, s).Rules()
	for _, e := range s.Expect {
		if i := slices.IndexFunc(findings, e.Meets); e.Told != "" && i >= 0 {
			if got := told(rules, findings[i]); got != e.Told {
				complaints = append(complaints, fmt.Sprintf("%s: %s hears of it", e, got))
			}
		}
	}
	return complaints
}

// told are the routes that hear of a finding as it stands, when it is new.
func told(rules routing.Rules, f incident.Finding) string {
	var names []string
	if _, silenced := rules.Silenced(f, f.LastSeen); silenced || f.Severity == incident.Informational {
		return scenario.Nobody
	}
	for _, r := range rules.Routes {
		if d := rules.Decide(r, routing.Question{Finding: f, News: true, Now: f.LastSeen}); d.Act == routing.Tell {
			names = append(names, r.Name)
		}
	}
	return cmp.Or(strings.Join(names, " "), scenario.Nobody)
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

// TestStoriesTellOfEveryCause wants each verdict and each cause in some story, and
// for each that somebody has to act on a story with a quiet twin.
func TestStoriesTellOfEveryCause(t *testing.T) {
	told, twins := map[string]incident.Verdict{}, map[string]bool{}
	all := stories(t)
	for _, s := range all {
		quiet := slices.ContainsFunc(all, func(twin scenario.Story) bool { return twin.Name == s.Name+"-quiet" })
		for _, e := range s.Expect {
			told[string(e.Cause)] = e.Verdict
			twins[string(e.Cause)] = twins[string(e.Cause)] || quiet
		}
	}
	verdicts := map[incident.Verdict]bool{}
	for _, cause := range causes(t) {
		verdicts[told[cause]] = true
		if told[cause] == "" {
			t.Errorf("no story tells of %s", cause)
		}
		if told[cause] != incident.PlannedChange && !twins[cause] {
			t.Errorf("no story of %s has a quiet twin", cause)
		}
	}
	for _, v := range incident.Verdicts {
		if !verdicts[v] {
			t.Errorf("no story tells of %s", v)
		}
	}
}

// causes are all that there are, as the configuration's schema lists them.
func causes(t *testing.T) []string {
	t.Helper()
	var schema struct {
		Defs map[string]struct {
			Enum []string `json:"enum"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	list := schema.Defs["cause"].Enum
	if len(list) < 30 {
		t.Fatalf("only %d causes found", len(list))
	}
	return list
}

// values splits a story's events into single JSON values. The stories hold one
// a line; one that does not is told in one piece.
func values(s scenario.Story) [][]byte {
	return slices.DeleteFunc(bytes.SplitAfter(s.Events, []byte("\n")), func(line []byte) bool {
		return len(bytes.TrimSpace(line)) == 0
	})
}

// lineByLine reports whether each line of the story's events is a value by
// itself, so that lines can be reordered.
func lineByLine(t *testing.T, s scenario.Story) bool {
	t.Helper()
	_, whole := tell(t, s, s.Events)
	_, apart := tell(t, s, values(s)...)
	return whole.Values == apart.Values && len(whole.Skipped) == len(apart.Skipped)
}

// TestDeliveryChangesNothing delivers each story in other orders, repeated, and
// in batches, and wants the same bytes.
func TestDeliveryChangesNothing(t *testing.T) {
	for i, s := range stories(t) {
		t.Run(s.Name, func(t *testing.T) {
			if !lineByLine(t, s) {
				t.Skip("the events are no JSON Lines, so they cannot be cut apart here: their order was not checked")
			}
			findings, _ := tell(t, s, s.Events)
			want := whole(t, findings)
			r := rand.New(rand.NewPCG(7, uint64(i)))
			for name, parts := range map[string][][]byte{
				"backward":            backward(values(s)),
				"shuffled":            shuffled(r, values(s)),
				"repeated":            shuffled(r, slices.Repeat(values(s), 3)),
				"in batches":          batches(r, shuffled(r, values(s))),
				"repeated in batches": batches(r, shuffled(r, slices.Repeat(values(s), 2))),
			} {
				findings, _ := tell(t, s, parts...)
				if got := whole(t, findings); got != want {
					t.Errorf("%s: the findings differ:\n%s\nwant:\n%s", name, got, want)
				}
			}
		})
	}
}

// whole is findings as JSON, and their tags, which JSON does not have.
func whole(t *testing.T, findings []incident.Finding) string {
	t.Helper()
	text := asJSON(t, findings)
	for _, f := range findings {
		text += fmt.Sprintln(f.ID, f.Subject.Tags)
	}
	return text
}

func backward(parts [][]byte) [][]byte {
	slices.Reverse(parts)
	return parts
}

func shuffled(r *rand.Rand, parts [][]byte) [][]byte {
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return parts
}

// batches joins runs of values into streams of several.
func batches(r *rand.Rand, parts [][]byte) [][]byte {
	var out [][]byte
	for len(parts) > 0 {
		n := 1 + r.IntN(len(parts))
		out = append(out, bytes.Join(parts[:n], []byte("\n")))
		parts = parts[n:]
	}
	return out
}

// irrelevant are events that say nothing about the stories' principals: other
// people's work in another account, and things that are no credentials'.
const irrelevant = `{"eventVersion":"1.11","userIdentity":{"type":"AWSService","invokedBy":"kms.amazonaws.com"},"eventTime":"%s","eventSource":"kms.amazonaws.com","eventName":"RotateKey","awsRegion":"eu-central-1","sourceIPAddress":"kms.amazonaws.com","userAgent":"kms.amazonaws.com","requestParameters":null,"responseElements":null,"eventID":"irrelevant-1","readOnly":false,"eventType":"AwsServiceEvent","recipientAccountId":"444455556666","eventCategory":"Management"}
{"version":"0","id":"irrelevant-2","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"444455556666","time":"%[1]s","region":"eu-central-1","resources":[],"detail":{"instance-id":"i-0123456789abcdef0","state":"running"}}
{"version":"0","id":"irrelevant-3","detail-type":"Scheduled Event","source":"aws.events","account":"444455556666","time":"%[1]s","region":"eu-central-1","resources":["arn:aws:events:eu-central-1:444455556666:rule/nightly"],"detail":{}}
{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAQSTRANGERSROLE001:nightly","arn":"arn:aws:sts::444455556666:assumed-role/inventory/nightly","accountId":"444455556666","accessKeyId":"ASIAQSTRANGERSKEY001","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAQSTRANGERSROLE001","arn":"arn:aws:iam::444455556666:role/inventory","accountId":"444455556666","userName":"inventory"},"attributes":{"creationDate":"%[1]s","mfaAuthenticated":"false"}}},"eventTime":"%[1]s","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"eu-central-1","sourceIPAddress":"192.0.2.200","userAgent":"Boto3/1.34.0","requestParameters":{},"responseElements":null,"requestID":"r","eventID":"irrelevant-4","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"444455556666","eventCategory":"Management"}
`

func TestIrrelevantEventsChangeNothing(t *testing.T) {
	for _, s := range stories(t) {
		t.Run(s.Name, func(t *testing.T) {
			findings, sum := tell(t, s, s.Events)
			noise := fmt.Sprintf(irrelevant, sum.First.Format("2006-01-02T15:04:05Z"))
			again, _ := tell(t, s, []byte(noise), s.Events)
			if got, want := asJSON(t, again), asJSON(t, findings); got != want {
				t.Errorf("the findings differ:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestNothingSecretComesOut looks for the tokens and keys of the events, which
// all hold the word FAKE, in everything that is kept or printed.
func TestNothingSecretComesOut(t *testing.T) {
	singles, err := filepath.Glob(filepath.Join(events, "single", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := stories(t)
	for _, name := range singles {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, scenario.Story{Name: filepath.Base(name), Events: data})
	}
	secrets := 0
	for _, s := range all {
		secrets += bytes.Count(s.Events, []byte("FAKE"))
		var kept sink
		sum := read(t, []replay.Input{replay.Stream(s.Name, bytes.NewReader(s.Events))}, &kept)
		findings, _ := tell(t, s, s.Events)
		var b strings.Builder
		fmt.Fprintf(&b, "%+v %v %s", sum.Examples, sum.Failed, asJSON(t, findings))
		for _, x := range kept.signals {
			b.Write(store.Canonical(x))
		}
		for _, u := range kept.uses {
			fmt.Fprintf(&b, "%+v", u)
		}
		if i := strings.Index(b.String(), "FAKE"); i >= 0 {
			t.Errorf("%s: a secret comes out after %q", s.Name, b.String()[max(0, i-80):i])
		}
	}
	if secrets < 50 {
		t.Errorf("the events hold %d secrets, too few to prove anything", secrets)
	}
}

// TestSingleEvents decodes each event of events/single by itself: all are in a
// form that is understood, and nothing of them is skipped.
func TestSingleEvents(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(events, "single", "*.json"))
	if err != nil || len(files) < 60 {
		t.Fatalf("%d events, %v; want at least 60", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			d := detect.New(store.NewMemory(store.DefaultLimits()), incident.DefaultSettings())
			inputs, err := replay.Find([]string{name}, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			sum, err := replay.Read(context.Background(), replay.All(inputs), d, replay.Options{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			broken := 0
			if filepath.Base(name) == "form-sqs-batch.json" {
				broken = 1 // its last message, on purpose
			}
			if len(sum.Examples) != broken || len(sum.Failed) > 0 {
				t.Errorf("skipped %v, %v", sum.Examples, sum.Failed)
			}
			if sum.Values == 0 {
				t.Error("nothing was read")
			}
			if sum.Signals+sum.Uses == 0 && sum.Irrelevant == 0 {
				t.Error("neither a signal, nor a use, nor known to be of no interest")
			}
		})
	}
}
