package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/report"
	"github.com/trailverdict/trailverdict/internal/reporting"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// The scheduled report, which knows between reports only the beats that it keeps
// and reads what is new, finds what the report of the recorded events finds. The
// story is told in two halves, each shuffled and partly twice, with a report after
// each of them. Those in which something is odd are told, and some of the others.
func TestReportParity(t *testing.T) {
	origin := localaws.DynamoDB(t).URL
	odd := 0
	for n, st := range stories(t, "../../events/scenario") {
		p := prepare(t, st)
		if p.asOf.IsZero() {
			continue
		}
		want := p.recordedReport(t)
		spikes := !slices.ContainsFunc(want, func(line string) bool { return !strings.Contains(line, `"anomaly":"spike"`) })
		if spikes && n%4 != 3 || len(want) == 0 && n%20 != 3 || testing.Short() && n%10 != 3 {
			continue
		}
		odd += len(want)
		t.Run(st.Name, func(t *testing.T) {
			t.Parallel()
			got := p.keptReport(t, tableAt(origin, emptyTable(t)), uint64(n))
			if !slices.Equal(got, want) {
				t.Errorf("of recorded events:\n%s\nfrom the table:\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
		})
	}
	if odd < 10 && !testing.Short() {
		t.Errorf("%d anomalies in all stories prove little", odd)
	}
}

const reportedHome = "111122223333"

// week is the period of the last report.
func (p *play) week() reporting.Period { return reporting.Period{Span: reporting.Week, End: p.asOf} }

func (p *play) recordedReport(t *testing.T) []string {
	t.Helper()
	e := p.evidence
	e.Signals = store.Resolve(slices.Clone(e.Signals))
	return principals(t, report.Build(e, p.settings, p.week().From(), p.asOf))
}

// principals are a report's lines about them.
func principals(t *testing.T, r incident.Report) []string {
	t.Helper()
	var b bytes.Buffer
	if err := render.ReportJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return principalsIn(t, b.Bytes())
}

func principalsIn(t *testing.T, data []byte) (lines []string) {
	t.Helper()
	var in struct{ Principals []json.RawMessage }
	if err := json.Unmarshal(data, &in); err != nil {
		t.Fatal(err)
	}
	for _, p := range in.Principals {
		lines = append(lines, string(p))
	}
	slices.Sort(lines)
	return lines
}

// keptReport tells the story to the detector and has it reported on in between
// and at the end.
func (p *play) keptReport(t *testing.T, table *filing.Store, seed uint64) []string {
	t.Helper()
	rnd := mrand.New(mrand.NewPCG(seed, 7))
	middle := p.middle()
	live := detect.NewLive(table, table, p.settings)
	r := &reporting.Reporter{Evidence: table, Notebook: table, Shelf: &shelf{}, Settings: p.settings, Limits: reporting.DefaultLimits()}
	p.handle(t, live, rnd, middle, func(at time.Time) bool { return !at.After(middle) })
	if _, err := r.Report(context.Background(), reportedHome, reporting.Period{Span: reporting.Day, End: middle}); err != nil {
		t.Fatal(err)
	}
	p.handle(t, live, rnd, p.asOf, func(at time.Time) bool { return at.After(middle) })
	p.settle(t, table)
	kept := &shelf{}
	r.Shelf = kept
	if _, err := r.Report(context.Background(), reportedHome, p.week()); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, o := range kept.objects {
		if strings.HasSuffix(o.key, ".json") {
			lines = append(lines, principalsIn(t, o.body)...)
		}
	}
	slices.Sort(lines)
	return lines
}

// middle is the time of the middle event.
func (p *play) middle() time.Time {
	var all []time.Time
	for _, s := range p.evidence.Signals {
		all = append(all, s.Time)
	}
	slices.SortFunc(all, time.Time.Compare)
	if len(all) == 0 {
		return p.asOf
	}
	return all[len(all)/2].Truncate(time.Second)
}

// handle has the detector keep the evidence of a half, in any order, in parts,
// some of them twice.
func (p *play) handle(t *testing.T, live *detect.Live, rnd *mrand.Rand, now time.Time, in func(time.Time) bool) {
	t.Helper()
	var signals []incident.Signal
	for _, s := range p.evidence.Signals {
		if in(s.Time) {
			signals = append(signals, s)
		}
	}
	var uses []incident.Use
	for _, u := range p.evidence.Uses {
		if in(u.Last) {
			uses = append(uses, u)
		}
	}
	rnd.Shuffle(len(signals), func(i, j int) { signals[i], signals[j] = signals[j], signals[i] })
	for n := 0; n < max(1, len(signals)); n += 25 {
		part := signals[n:min(n+25, len(signals))]
		for range 1 + rnd.IntN(2) {
			if err := live.Handle(context.Background(), part, uses, now); err != nil {
				t.Fatal(err)
			}
		}
		uses = nil
	}
}

// shelf is a bucket.
type shelf struct{ objects []object }

type object struct {
	key  string
	body []byte
}

func (s *shelf) Put(_ context.Context, key, _ string, body []byte) (string, error) {
	s.objects = append(s.objects, object{key, body})
	return key, nil
}

func (s *shelf) Get(context.Context, string) ([]byte, error) { return nil, nil }

func (s *shelf) Link(_ context.Context, key string, life time.Duration) (string, error) {
	return fmt.Sprint(key, life), nil
}
