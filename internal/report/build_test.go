package report

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

const (
	account = "111122223333"
	minute  = time.Minute
	hour    = time.Hour
)

func role(name string) incident.Principal {
	return incident.Principal{Type: incident.Role, Partition: "aws", Account: account, Name: name, ARN: "arn:aws:iam::" + account + ":role/" + name}
}

// story collects evidence.
type story struct{ correlate.Evidence }

func (s *story) add(sig incident.Signal) {
	sig.ID = fmt.Sprintf("e-%04d", len(s.Signals))
	sig.Account, sig.Partition, sig.Region, sig.Count = account, "aws", "eu-west-1", max(1, sig.Count)
	s.Signals = append(s.Signals, sig)
}

// fails adds a client's report of a failure.
func (s *story) fails(p incident.Principal, key, code string, at time.Time) {
	s.add(incident.Signal{Time: at, Kind: incident.CredentialFailed, Feed: incident.FromClient, Target: p, Key: key, Workload: p.Name + "-worker", ErrorCode: code})
}

// issues adds a session of one hour.
func (s *story) issues(p incident.Principal, caller string, at time.Time) {
	key := fmt.Sprintf("ASIAINVENTED%08d", len(s.Signals))
	s.add(incident.Signal{
		Time: at, Kind: incident.SessionIssued, Feed: incident.FromTrail, Operation: "sts:AssumeRole", Target: p,
		Actor:  incident.Actor{Principal: role(caller)},
		Issued: &incident.Session{AccessKeyID: key, Name: "worker", IssuedAt: at, ExpiresAt: at.Add(hour)},
	})
}

func (s *story) failsHourly(p incident.Principal, n int) {
	for i := range n {
		s.fails(p, "", "ExpiredToken", monday.Add(time.Duration(i)*hour+time.Duration(i*7%5)*time.Second))
	}
}

func (s *story) renewed(p incident.Principal, caller string, period time.Duration, n int) time.Time {
	var at time.Time
	for i := range n {
		at = monday.Add(time.Duration(i)*period + time.Duration(i*11%7)*time.Second)
		s.issues(p, caller, at)
	}
	return at
}

func build(e correlate.Evidence, asOf time.Time) incident.Report {
	return Build(e, incident.DefaultSettings(), time.Time{}, asOf)
}

// inputOf is evidence with other findings than those that it makes.
func inputOf(e correlate.Evidence, findings []incident.Finding, asOf time.Time) Input {
	in := Input{
		Book: NewBook(), Failures: map[string][]Failure{}, Findings: findings,
		Settings: incident.DefaultSettings(), From: monday, AsOf: asOf,
	}
	in.Book.Fold(e.Signals, lineage.Build(e.Signals, e.Uses), asOf, func(key string, s *incident.Signal) {
		in.Failures[key] = append(in.Failures[key], FailureOf(s))
	})
	return in
}

func lookAt(e correlate.Evidence, findings []incident.Finding, asOf time.Time) *view {
	return look(inputOf(e, findings, asOf))
}

func kinds(r incident.Report) []string {
	var out []string
	for _, a := range r.Anomalies {
		out = append(out, string(a.Subject.Type)+" "+a.Subject.Name+" "+string(a.Kind))
	}
	return out
}

func TestBuild(t *testing.T) {
	payments := role("payments")
	for name, test := range map[string]struct {
		tell func(*story) time.Time // returns asOf; zero for the last event
		want []string
	}{
		"nothing": {
			tell: func(*story) time.Time { return time.Time{} },
		},
		"hourly failures are a refresh bug": {
			tell: func(s *story) time.Time { s.failsHourly(payments, 9); return time.Time{} },
			want: []string{"role payments refresh_bug"},
		},
		"failures at odd times are none": {
			tell: func(s *story) time.Time {
				for _, m := range []int{0, 17, 91, 140, 333, 341, 502, 777} {
					s.fails(payments, "", "ExpiredToken", monday.Add(time.Duration(m)*minute))
				}
				return time.Time{}
			},
		},
		"a skewed clock that fails hourly is none": {
			tell: func(s *story) time.Time {
				for i := range 9 {
					s.fails(payments, "", "RequestTimeTooSkewed", monday.Add(time.Duration(i)*hour))
				}
				return time.Time{}
			},
		},
		"a long-term key that is polled hourly is none": {
			tell: func(s *story) time.Time {
				for i := range 9 {
					s.fails(payments, "AKIAINVENTED00000001", "InvalidClientTokenId", monday.Add(time.Duration(i)*hour))
				}
				return time.Time{}
			},
		},
		"one workload's rhythm is found among another's noise": {
			tell: func(s *story) time.Time {
				s.failsHourly(payments, 9)
				for _, m := range []int{3, 21, 35, 47, 66, 74, 88, 101, 117, 129, 148, 163, 171, 189, 202, 215, 233, 247, 256, 271, 288, 293, 311, 327, 338, 352, 361, 378, 394, 405, 423, 431, 449} {
					s.add(incident.Signal{Time: monday.Add(time.Duration(m) * minute), Kind: incident.CredentialFailed, Feed: incident.FromClient, Target: payments, Workload: "other", ErrorCode: "ExpiredToken"})
				}
				return time.Time{}
			},
			want: []string{"role payments refresh_bug"},
		},
		"a renewal that stopped while its credentials go on failing is missed": {
			tell: func(s *story) time.Time {
				last := s.renewed(payments, "deployer", 50*minute, 14)
				s.fails(payments, "", "ExpiredToken", last.Add(4*hour))
				return last.Add(5 * hour)
			},
			want: []string{"role payments missed_renewal"},
		},
		"a service that simply stopped is no anomaly": {
			tell: func(s *story) time.Time { return s.renewed(payments, "deployer", 50*minute, 14).Add(5 * hour) },
		},
		"a renewal that stopped while its neighbour's goes on is missed": {
			tell: func(s *story) time.Time {
				s.renewed(payments, "deployer", 50*minute, 14)
				return s.renewed(role("orders"), "deployer", 50*minute, 22)
			},
			want: []string{"role payments missed_renewal"},
		},
		"a steady renewal is in order": {
			tell: func(s *story) time.Time { return s.renewed(payments, "deployer", 50*minute, 20) },
		},
		"a session between the renewals is off the beat": {
			tell: func(s *story) time.Time {
				end := s.renewed(payments, "deployer", 50*minute, 20)
				s.issues(payments, "deployer", monday.Add(7*50*minute+22*minute))
				return end
			},
			want: []string{"role payments off_beat_issuance"},
		},
		"a session that another caller asked for is not": {
			tell: func(s *story) time.Time {
				end := s.renewed(payments, "deployer", 50*minute, 20)
				s.issues(payments, "operator", monday.Add(7*50*minute+22*minute))
				return end
			},
		},
		"a renewal that became faster has changed": {
			tell: func(s *story) time.Time {
				end := s.renewed(payments, "deployer", 50*minute, 14)
				for i := range 14 {
					s.issues(payments, "deployer", end.Add(time.Duration(i+1)*15*minute))
				}
				return time.Time{}
			},
			want: []string{"role payments cadence_change"},
		},
		"ten failures within two minutes are a spike": {
			tell: func(s *story) time.Time {
				for i := range 10 {
					s.fails(payments, "", "InvalidClientTokenId", monday.Add(9*hour+time.Duration(i)*12*time.Second))
				}
				return time.Time{}
			},
			want: []string{"role payments spike"},
		},
		"one report of ten failures is one too": {
			tell: func(s *story) time.Time {
				s.add(incident.Signal{Time: monday, Kind: incident.CredentialFailed, Feed: incident.FromClient, Target: payments, ErrorCode: "InvalidClientTokenId", Count: 10})
				return time.Time{}
			},
			want: []string{"role payments spike"},
		},
		"one failure is none": {
			tell: func(s *story) time.Time {
				s.fails(payments, "", "InvalidClientTokenId", monday)
				return time.Time{}
			},
		},
		"what comes after the time asked about is not known": {
			tell: func(s *story) time.Time { s.failsHourly(payments, 9); return monday.Add(2 * hour) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			var s story
			asOf := test.tell(&s)
			r := build(s.Evidence, asOf)
			if got := kinds(r); !slices.Equal(got, test.want) {
				t.Fatalf("%q, want %q", got, test.want)
			}
			for i, a := range r.Anomalies {
				if a.Summary == "" || a.Fix == "" || a.Confidence <= 0.5 || a.Confidence >= 1 || len(a.Times) == 0 || a.Occurrences == 0 {
					t.Errorf("anomaly %d is not complete: %+v", i, a)
				}
			}
		})
	}
}

// TestAttackIsNoRefreshBug gives the look a finding that explains the failures.
func TestAttackIsNoRefreshBug(t *testing.T) {
	payments := role("payments")
	var s story
	s.failsHourly(payments, 9)
	asOf := monday.Add(9 * hour)
	for _, verdict := range incident.Verdicts {
		about := incident.Finding{Subject: incident.Subject{Principal: payments}, Verdict: verdict, FirstSeen: monday.Add(-hour), LastSeen: asOf}
		v := lookAt(s.Evidence, []incident.Finding{about}, asOf)
		want := verdict == incident.Expiry || verdict == incident.Inconclusive
		if got := len(v.anomalies) == 1; got != want {
			t.Errorf("beside a finding that says %s: refresh bug reported %v, want %v", verdict, got, want)
		}
		about.Subject.Name = "other"
		if v := lookAt(s.Evidence, []incident.Finding{about}, asOf); len(v.anomalies) != 1 {
			t.Errorf("beside a finding about another role that says %s: %d anomalies, want 1", verdict, len(v.anomalies))
		}
	}
}

func TestReportAgreesWithTheFinding(t *testing.T) {
	var s story
	s.failsHourly(role("payments"), 12)
	r := build(s.Evidence, time.Time{})
	for _, f := range r.Findings {
		if f.Cause == incident.RefreshBug {
			a := r.Anomalies[0]
			if f.Interval == nil || a.Confidence != f.Confidence || a.Occurrences != f.Interval.Occurrences || a.Period != f.Interval.Period {
				t.Errorf("anomaly %+v, finding's interval %+v and confidence %v", a, f.Interval, f.Confidence)
			}
			return
		}
	}
	t.Errorf("no finding says refresh_bug: %+v", r.Findings)
}

func TestReportSaysNoLessThanTheFindings(t *testing.T) {
	payments := role("payments")
	var s story
	s.renewed(payments, "deployer", 50*minute, 5)
	asOf := monday.Add(6 * hour)
	about := incident.Finding{
		Subject: incident.Subject{Principal: payments}, Verdict: incident.Expiry, Cause: incident.NotRenewed, Confidence: 0.8,
		FirstSeen: monday.Add(4 * hour), LastSeen: monday.Add(4 * hour), Summary: "Renewals of payments stopped.",
	}
	v := lookAt(s.Evidence, []incident.Finding{about}, asOf)
	if len(v.anomalies) != 1 || v.anomalies[0].Kind != incident.MissedRenewal || v.anomalies[0].Period.Round(minute) != 50*minute || v.anomalies[0].Confidence != 0.8 {
		t.Errorf("anomalies %+v, want the missed renewal of the finding with its clock", v.anomalies)
	}
	if v := lookAt(s.Evidence, nil, asOf); len(v.anomalies) != 0 {
		t.Errorf("without the finding: %+v", v.anomalies)
	}
}

func TestReportIsAFunctionOfTheSet(t *testing.T) {
	var s story
	for _, name := range []string{"a", "b", "c"} {
		s.failsHourly(role(name), 9)
		s.renewed(role(name), "deployer", 50*minute, 12)
	}
	want := build(s.Evidence, time.Time{})
	e := correlate.Evidence{Signals: append(slices.Clone(s.Signals), s.Signals...), Uses: s.Uses}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(e.Signals), func(i, j int) { e.Signals[i], e.Signals[j] = e.Signals[j], e.Signals[i] })
	if got := build(e, time.Time{}); !reflect.DeepEqual(got, want) {
		t.Errorf("report %+v\nafter shuffling and doubling %+v", want, got)
	}
}

func TestAnomaliesBeforeTheReportsPeriodAreLeftOut(t *testing.T) {
	var s story
	s.failsHourly(role("payments"), 9)
	r := Build(s.Evidence, incident.DefaultSettings(), monday.Add(24*hour), monday.Add(48*hour))
	if len(r.Anomalies) != 0 {
		t.Errorf("%q, though all of it ended a day before", kinds(r))
	}
}

func TestBlindSpots(t *testing.T) {
	var s story
	s.renewed(role("payments"), "deployer", 50*minute, 12)
	s.Capped = []string{"signals of role/x: 10000 read"}
	r := build(s.Evidence, time.Time{})
	if len(r.BlindSpots) != 4 {
		t.Errorf("blind spots %q, want client failures, IAM, Regions and the limit", r.BlindSpots)
	}
}

func TestBlindSpotsOfRegions(t *testing.T) {
	seen := func(regions ...string) *Book {
		b := NewBook()
		for _, r := range regions {
			b.See(&incident.Signal{Account: account, Region: r, Time: monday.Add(hour), Kind: incident.CredentialFailed})
		}
		return b
	}
	const (
		known   = "Events of eu-west-1, us-east-1 were seen. Nothing is known of other Regions."
		silent  = "eu-central-1 forward events, and none came in this period. That is right only if nothing happens there."
		foreign = "eu-west-1 have no forwarder, though clients report from there: revocations and sessions of these Regions are not seen."
	)
	for name, c := range map[string]struct {
		forwarded []string
		from      time.Time
		want      []string
	}{
		"of recordings, nobody knows what forwards":           {nil, monday, []string{known}},
		"all that forward were heard of":                      {[]string{"eu-west-1", "us-east-1"}, monday, []string{known}},
		"one that forwards is silent":                         {[]string{"eu-central-1", "eu-west-1", "us-east-1"}, monday, []string{known, silent}},
		"clients are where nothing forwards":                  {[]string{"us-east-1"}, monday, []string{known, foreign}},
		"both":                                                {[]string{"us-east-1", "eu-central-1"}, monday, []string{known, silent, foreign}},
		"what was seen before the period says nothing of now": {[]string{"eu-central-1"}, monday.Add(2 * hour), []string{silent}},
	} {
		in := Input{Book: seen("us-east-1", "eu-west-1"), Forwarded: c.forwarded, From: c.from}
		if d := cmp.Diff(c.want, regions(in.Book.Sights[account].Regions, in)); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}

func TestSeriesIsBounded(t *testing.T) {
	var s story
	for i := range 5000 {
		s.fails(role("payments"), "", "ExpiredToken", monday.Add(time.Duration(i)*time.Second))
	}
	r := build(s.Evidence, time.Time{})
	if len(r.Series) != 1 || len(r.Series[0].Failures) != maxSeries || r.Series[0].Left != 3000 {
		t.Fatalf("series %+v", len(r.Series))
	}
	if len(r.Anomalies[0].Times) > maxTimes {
		t.Errorf("%d times in an anomaly", len(r.Anomalies[0].Times))
	}
	sum := 0
	for _, day := range r.Series[0].Weekly {
		for _, n := range day {
			sum += n
		}
	}
	if sum != 2 {
		t.Errorf("the heat map counts %d hours, want the two of 5000 seconds", sum)
	}
}

// kept is a book of a thousand principals with as many beats as are known: a
// third keeps a rhythm, with jitter and a fifth of the beats missing, a third has
// noise around it, and a third fails at random.
func kept(tb testing.TB) []byte {
	tb.Helper()
	b := NewBook()
	for p := range 1000 {
		r := rand.New(rand.NewPCG(1, uint64(p)))
		var list []interval.Beat
		for i := 0; len(list) < interval.MaxBeats; i++ {
			at := monday.Add(time.Duration((float64(i) + 0.05*r.NormFloat64()) * float64(hour)))
			if p%3 == 2 || p%3 == 1 && r.IntN(3) == 0 {
				at = monday.Add(time.Duration(r.Float64() * 80 * float64(hour)))
			}
			if at = second(at); r.IntN(5) > 0 {
				list = interval.Union(list, []interval.Beat{{Start: at, End: at}})
			}
		}
		who := role(fmt.Sprintf("role-%04d", p))
		l := Line{Beats: list, Keys: []KeySeen{{"ASIAINVENTED00000001", list[len(list)-1].Start}}}
		b.States[who.Key()] = State{Principal: who, Account: account, Failed: l, Workloads: []Line{l}}
	}
	data, err := b.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// BenchmarkThousandPrincipals reads and reports on what is kept of them. It has a
// budget of one second of CPU.
func BenchmarkThousandPrincipals(b *testing.B) {
	data := kept(b)
	b.ReportMetric(float64(len(data))/1000, "bytes/principal")
	for b.Loop() {
		book, err := DecodeBook(data)
		if err != nil {
			b.Fatal(err)
		}
		Make(Input{Book: book, Settings: incident.DefaultSettings(), From: monday, AsOf: monday.Add(100 * hour)})
	}
}
