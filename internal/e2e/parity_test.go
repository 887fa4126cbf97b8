// Package e2e runs the functions' handlers on real parts, and holds what they
// say to what a replay says of the same events.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// Every story goes through the detecting function's handler as batches of a
// queue, shuffled and with messages delivered again, into DynamoDB. Once late
// evidence was looked at again, the table holds exactly the findings that
// replay prints. TestAlerts asks the same of all stories, in another order and
// with notify at work; here every fourth one is enough.
func TestParity(t *testing.T) {
	origin := localaws.DynamoDB(t).URL
	stories, err := scenario.Load(os.DirFS("../../events/scenario"))
	if err != nil {
		t.Fatal(err)
	}
	for n, st := range stories {
		if n%4 != 1 || testing.Short() && n%40 != 1 {
			continue
		}
		t.Run(st.Name, func(t *testing.T) {
			t.Parallel()
			s := prepare(t, st)
			got := s.live(t, tableAt(origin, emptyTable(t)), uint64(n))
			if want := s.replayed(t); got != want {
				t.Errorf("the table's findings differ from replay's\nreplay: %s\nlive:   %s", want, got)
			}
		})
	}
}

// play is a story made ready to be told.
type play struct {
	story    scenario.Story
	settings incident.Settings
	messages []string // one value of the stream each
	asOf     time.Time
	evidence correlate.Evidence
}

func (p *play) Signal(s incident.Signal) { p.evidence.Signals = append(p.evidence.Signals, s) }
func (p *play) Use(u incident.Use)       { p.evidence.Uses = append(p.evidence.Uses, u) }
func (p *play) Skipped(trail.Skip)       {}

func prepare(t *testing.T, st scenario.Story) *play {
	t.Helper()
	p := &play{story: st, settings: incident.DefaultSettings(), asOf: st.AsOf}
	if len(st.Config) > 0 {
		c, err := file.Load("config.yaml", st.Config)
		if err != nil {
			t.Fatal(err)
		}
		p.settings = c.Settings
	}
	if _, err := trail.Decode(bytes.NewReader(st.Events), st.Name, p); err != nil {
		t.Fatal(err)
	}
	if p.asOf.IsZero() {
		for _, s := range p.evidence.Signals {
			p.asOf = later(p.asOf, s.Time)
		}
		for _, u := range p.evidence.Uses {
			p.asOf = later(p.asOf, u.Last)
		}
	}
	for line := range strings.Lines(string(st.Events)) {
		if line = strings.TrimSpace(line); line != "" {
			p.messages = append(p.messages, line)
		}
	}
	return p
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// replayed are the findings of the whole set, as replay prints them.
func (p *play) replayed(t *testing.T) string {
	t.Helper()
	return printed(t, p.findings())
}

// findings are those of the whole set.
func (p *play) findings() []incident.Finding {
	e := p.evidence
	e.Signals = store.Resolve(slices.Clone(e.Signals))
	return correlate.Findings(e, p.settings, p.asOf)
}

func printed(t *testing.T, findings []incident.Finding) string {
	t.Helper()
	var lines []string
	for _, f := range findings {
		var b bytes.Buffer
		if err := render.JSON(&b, f); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, f.Subject.Tags) // which JSON does not have
		lines = append(lines, b.String())
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// live tells the story to the function's handler and returns what the table
// then holds.
func (p *play) live(t *testing.T, table *filing.Store, seed uint64) string {
	t.Helper()
	p.tell(t, table, table, seed, func() {})
	return printed(t, p.standing(t, table))
}

// tell tells the story to the function's handler, and looks at late evidence
// again. It calls then after each invocation.
func (p *play) tell(t *testing.T, source detect.Source, ledger detect.Ledger, seed uint64, then func()) {
	t.Helper()
	ctx := context.Background()
	live := detect.NewLive(source, ledger, p.settings)
	h := &detect.Handler{Keeper: live, Now: func() time.Time { return p.asOf }}
	rnd := mrand.New(mrand.NewPCG(seed, 11))
	for _, batch := range batches(p.messages, rnd) {
		if _, err := h.Invoke(ctx, batch); err != nil {
			t.Fatal(err)
		}
		then()
	}
	for after := ""; ; {
		due, next, err := ledger.DueEvidence(ctx, time.Time{}, p.asOf.Add(24*time.Hour), after)
		if err != nil {
			t.Fatal(err)
		}
		if err := live.Recheck(ctx, due, p.asOf); err != nil {
			t.Fatal(err)
		}
		then()
		if after = next; after == "" {
			return
		}
	}
}

// standing are the findings of all cases that no other took over, of everybody
// whom the story could be about.
func (p *play) standing(t *testing.T, table *filing.Store) []incident.Finding {
	t.Helper()
	var out []incident.Finding
	for _, key := range p.subjects() {
		cases, err := table.Cases(context.Background(), key)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			if c.SupersededBy == "" {
				out = append(out, c.Finding)
			}
		}
	}
	return out
}

func (p *play) subjects() []string {
	all, about := correlate.Index(p.evidence), map[string]incident.Principal{}
	for n := range p.evidence.Signals {
		all.About(&p.evidence.Signals[n], about)
	}
	keys := map[string]bool{}
	for key := range about {
		keys[key] = true
	}
	for _, u := range p.evidence.Uses {
		keys[u.Principal.Key()] = true
	}
	for _, s := range p.evidence.Signals {
		for _, who := range []incident.Principal{
			{Type: incident.AccessKey, Account: s.Account, Name: s.Key},
			{Type: incident.Workload, Account: s.Account, Name: s.Workload},
		} {
			keys[who.Key()] = who.Known()
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// batches are a queue's deliveries: in any order, some messages twice.
func batches(messages []string, rnd *mrand.Rand) [][]byte {
	all := slices.Clone(messages)
	for _, m := range messages {
		if rnd.IntN(4) == 0 {
			all = append(all, m)
		}
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var out [][]byte
	for len(all) > 0 {
		n := min(len(all), 1+rnd.IntN(20))
		out = append(out, envelope(all[:n]))
		all = all[n:]
	}
	return out
}

// envelope is what SQS hands to a function.
func envelope(bodies []string) []byte {
	type record struct {
		ID     string `json:"messageId"`
		Body   string `json:"body"`
		Source string `json:"eventSource"`
	}
	var batch struct{ Records []record }
	for n, body := range bodies {
		batch.Records = append(batch.Records, record{fmt.Sprintf("m%d", n), body, "aws:sqs"})
	}
	b, err := json.Marshal(batch)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return b
}

// tableAt opens a table behind a URL of DynamoDB.
func tableAt(url, name string) *filing.Store {
	return dynamo.New(dynamo.NewClient(clientConfig(url)), name, store.LiveLimits(), nil)
}

// clientConfig is the configuration and environment of a client of a local DynamoDB.
func clientConfig(url string) (aws.Config, func(string) string) {
	cfg := aws.Config{
		Region: localaws.Region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
		}),
	}
	return cfg, func(name string) string {
		return map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": url}[name]
	}
}

// emptyTable returns the name of a new table, which goes when the test ends.
func emptyTable(t *testing.T) string {
	t.Helper()
	name, client := "story-"+rand.Text(), dynamo.NewClient(clientConfig(localaws.DynamoDB(t).URL))
	if err := dynamo.Create(context.Background(), client, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dynamo.Drop(context.Background(), client, name); err != nil {
			t.Errorf("drop table %s: %v", name, err)
		}
	})
	return name
}
