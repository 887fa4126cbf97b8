package settle_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/aws/lookup"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/settle"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

const ours = "111122223333"

// account is an account with a detector in it, whose clock is the test's. What
// happens in it is in the event history; only what is delivered is handled.
type account struct {
	*testing.T
	mem     *store.Memory
	live    *counting
	history *localaws.EventHistory
	book    *notebook
	settler *settle.Settler
	total   settle.Report
}

// counting is a detector that counts what it is asked, and fails on demand.
type counting struct {
	*detect.Live
	handled, rechecked, revisited int
	fails                         func(what string) error
}

func (c *counting) check(what string) error {
	if c.fails == nil {
		return nil
	}
	return c.fails(what)
}

func (c *counting) Handle(ctx context.Context, signals []incident.Signal, uses []incident.Use, now time.Time) error {
	c.handled += len(signals)
	if err := c.check("handle"); err != nil {
		return err
	}
	return c.Live.Handle(ctx, signals, uses, now)
}

func (c *counting) Recheck(ctx context.Context, signals []incident.Signal, now time.Time) error {
	c.rechecked++
	if err := c.check(signals[0].Target.Name + signals[0].Key); err != nil {
		return err
	}
	return c.Live.Recheck(ctx, signals, now)
}

func (c *counting) Revisit(ctx context.Context, who []incident.Principal, now time.Time) error {
	c.revisited++
	if err := c.check(who[0].Name); err != nil {
		return err
	}
	return c.Live.Revisit(ctx, who, now)
}

// notebook keeps notes in memory.
type notebook struct {
	text    string
	version int64
	fails   error
}

func (n *notebook) Notes(context.Context, string) ([]byte, int64, error) {
	return []byte(n.text), n.version, n.fails
}

func (n *notebook) SaveNotes(_ context.Context, _ string, text []byte, version int64) error {
	if version != n.version {
		return store.ErrConflict
	}
	n.text, n.version = string(text), version+1
	return n.fails
}

// direct hands requests to a handler without a network between them.
type direct struct{ http.Handler }

func (d direct) Do(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, req)
	return rec.Result(), nil
}

// story runs a test in a bubble in which time passes at once. It starts at noon.
func story(t *testing.T, tell func(a *account)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)))
		mem := store.NewMemory(store.DefaultLimits())
		settings := incident.DefaultSettings()
		a := &account{
			T: t, mem: mem, book: &notebook{},
			live:    &counting{Live: detect.NewLive(mem, mem, settings)},
			history: localaws.NewEventHistory(time.Now),
		}
		cfg := aws.Config{Region: "us-east-1", HTTPClient: direct{a.history}, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
		})}
		a.settler = &settle.Settler{
			Decider: a.live, Agenda: mem, Evidence: mem, Notebook: a.book, Settings: settings,
			History: lookup.New(lookup.NewClient(cfg, func(string) string { return "" }), lookup.Clock{}),
			Home:    "us-east-1", Limits: settle.DefaultLimits(),
		}
		tell(a)
	})
}

// happens puts records in the event history, as late as CloudTrail is.
func (a *account) happens(records ...string) {
	a.Helper()
	if err := a.history.AddLater(time.Now().Add(5*time.Minute), records...); err != nil {
		a.Fatal(err)
	}
}

// arrives delivers events.
func (a *account) arrives(events ...string) {
	a.Helper()
	var k kept
	if _, err := trail.Decode(strings.NewReader(strings.Join(events, "\n")), "test", &k); err != nil {
		a.Fatal(err)
	}
	if k.skipped > 0 {
		a.Fatalf("%d of %d events are none", k.skipped, len(events))
	}
	if err := a.live.Live.Handle(context.Background(), k.signals, k.uses, time.Now()); err != nil {
		a.Fatal(err)
	}
}

type kept struct {
	signals []incident.Signal
	uses    []incident.Use
	skipped int
}

func (k *kept) Signal(s incident.Signal) { k.signals = append(k.signals, s) }
func (k *kept) Use(u incident.Use)       { k.uses = append(k.uses, u) }
func (k *kept) Skipped(trail.Skip)       { k.skipped++ }

// run lets the settler run once.
func (a *account) run() (settle.Report, error) {
	r, err := a.settler.Run(context.Background(), time.Now())
	a.total.Evidence += r.Evidence
	a.total.Cases += r.Cases
	a.total.Lapsed += r.Lapsed
	a.total.Lookups += r.Lookups
	a.total.Found += r.Found
	a.total.Recovered += r.Recovered
	return r, err
}

// passes lets time pass, with a run every five minutes.
func (a *account) passes(d time.Duration) {
	a.Helper()
	for end := time.Now().Add(d); ; {
		next := time.Now().Truncate(5 * time.Minute).Add(5 * time.Minute)
		if next.After(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(time.Until(next))
		if _, err := a.run(); err != nil {
			a.Fatalf("Run() at %s = %v", time.Now().Format(time.TimeOnly), err)
		}
	}
}

// findings are the cases that stand about a subject, newest last.
func (a *account) findings(kind incident.PrincipalType, name string) []incident.Finding {
	a.Helper()
	cases, err := a.mem.Cases(context.Background(), incident.Principal{Type: kind, Account: ours, Name: name}.Key())
	if err != nil {
		a.Fatal(err)
	}
	var out []incident.Finding
	for _, c := range cases {
		if c.SupersededBy == "" {
			out = append(out, c.Finding)
		}
	}
	return out
}

// wants checks the one finding about a subject; an empty cause wants none.
func (a *account) wants(kind incident.PrincipalType, name string, cause incident.Cause, status incident.Status) {
	a.Helper()
	found := a.findings(kind, name)
	switch {
	case cause == "" && len(found) == 0:
	case cause == "":
		a.Errorf("at %s: finding %s about %s, want none", time.Now().Format(time.TimeOnly), found[0].Cause, name)
	case len(found) != 1:
		a.Errorf("at %s: %d findings about %s, want one: %s", time.Now().Format(time.TimeOnly), len(found), name, cause)
	case found[0].Cause != cause || status != "" && found[0].Status != status:
		a.Errorf("at %s: finding %s, %s about %s; want %s, %s", time.Now().Format(time.TimeOnly), found[0].Cause, found[0].Status, name, cause, status)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// failures are n reports of a worker that a key is refused, one a second.
func failures(key string, n int) []string {
	var out []string
	for i := range n {
		at := stamp(time.Now().Add(time.Duration(i-n) * time.Second))
		out = append(out, fmt.Sprintf(`{"version":"0","id":"f%s-%s-%d","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":%q,"time":%q,"region":"eu-west-1","resources":[],
			"detail":{"eventId":"f%[1]s-%[2]s-%[3]d","eventTime":%[5]q,"errorCode":"InvalidClientTokenId","operation":"sqs:SendMessage","accessKeyId":%[1]q,"count":1}}`,
			key, at, i, ours, at))
		out[i] = strings.ReplaceAll(out[i], "\n", " ")
	}
	return out
}

// session is a role's session that a user asks for now.
type session struct {
	role, user, key string
	at              time.Time
	life            time.Duration
}

func (s session) record() string {
	return strings.ReplaceAll(fmt.Sprintf(`{"eventVersion":"1.11","eventID":"issue-%s","eventTime":%q,"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-sdk-go-v2/1.48.0",
		"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE%[3]s","userName":%[3]q,"accountId":%[4]q,"arn":"arn:aws:iam::%[4]s:user/%[3]s","accessKeyId":"AKIAEXAMPLE000000001"},
		"requestParameters":{"roleArn":"arn:aws:iam::%[4]s:role/%[5]s","roleSessionName":"worker","durationSeconds":%[6]d},
		"responseElements":{"credentials":{"accessKeyId":%[1]q,"expiration":%[7]q,"sessionToken":"invented"},
		"assumedRoleUser":{"assumedRoleId":"AROAEXAMPLE:worker","arn":"arn:aws:sts::%[4]s:assumed-role/%[5]s/worker"}},
		"requestID":"r","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":%[4]q,"eventCategory":"Management"}`,
		s.key, stamp(s.at), s.user, ours, s.role, int(s.life.Seconds()), s.at.Add(s.life).UTC().Format("Jan 2, 2006, 3:04:05 PM")), "\n", " ")
}

// deletion is a role deleted now by a user.
func deletion(id, role, user string) string {
	return strings.ReplaceAll(fmt.Sprintf(`{"eventVersion":"1.11","eventID":%q,"eventTime":%q,"eventSource":"iam.amazonaws.com","eventName":"DeleteRole","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2.17.0",
		"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE%[3]s","userName":%[3]q,"accountId":%[4]q,"arn":"arn:aws:iam::%[4]s:user/%[3]s","accessKeyId":"AKIAEXAMPLE000000002"},
		"requestParameters":{"roleName":%[5]q},"responseElements":null,"requestID":"r","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":%[4]q,"eventCategory":"Management"}`,
		id, stamp(time.Now()), user, ours, role), "\n", " ")
}

const worker = "ASIAEXAMPLEWORKER001"

func TestALateIssuanceTurnsInconclusiveIntoExpiry(t *testing.T) {
	for name, late := range map[string]time.Duration{
		"before the evidence is looked at again": 10 * time.Minute,
		"after it was looked at again":           3 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(a *account) {
				a.settler.History = nil
				issued := session{role: "orders-worker", user: "broker", key: worker, at: time.Now().Add(-2 * time.Hour), life: time.Hour}
				a.arrives(failures(worker, 12)...)
				a.wants(incident.AccessKey, worker, incident.UnexplainedFailures, incident.Open)
				a.passes(late)
				a.arrives(issued.record())
				a.passes(20 * time.Minute)
				a.wants(incident.AccessKey, worker, "", "")
				a.wants(incident.Role, "orders-worker", incident.TokenExpired, "")
			})
		})
	}
}

func TestAnIssuanceThatNeverArrivesIsLookedUp(t *testing.T) {
	for name, test := range map[string]struct {
		region string
		off    bool
		found  bool
	}{
		"in the Region of the failure": {"eu-west-1", false, true},
		"in the home Region":           {"us-east-1", false, true},
		"not elsewhere":                {"ap-south-1", false, false},
		"not with lookups off":         {"eu-west-1", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(a *account) {
				if test.off {
					a.settler.History = nil
				}
				issued := session{role: "orders-worker", user: "broker", key: worker, at: time.Now().Add(-2 * time.Hour), life: time.Hour}
				a.happens(strings.ReplaceAll(issued.record(), "eu-west-1", test.region))
				a.arrives(failures(worker, 12)...)
				a.passes(40 * time.Minute)
				if !test.found {
					a.wants(incident.AccessKey, worker, incident.UnexplainedFailures, incident.Settled)
					return
				}
				a.wants(incident.AccessKey, worker, "", "")
				a.wants(incident.Role, "orders-worker", incident.TokenExpired, incident.Settled)
				if a.total.Found != 1 {
					a.Errorf("found %d keys", a.total.Found)
				}
			})
		})
	}
}

func TestWhatBecameOfAUsersKeyIsLookedUp(t *testing.T) {
	story(t, func(a *account) {
		const key = "AKIAEXAMPLEWORKER001"
		gone := strings.NewReplacer(`"DeleteRole"`, `"DeleteAccessKey"`, `{"roleName":"mailer"}`, `{"userName":"mailer","accessKeyId":"`+key+`"}`).
			Replace(deletion("gone", "mailer", "stranger"))
		a.happens(gone)
		a.settler.Limits.Requests = 7 // no request is left for reconciling: it needs four pages
		time.Sleep(time.Minute)
		a.arrives(failures(key, 12)...)
		a.wants(incident.AccessKey, key, incident.UnexplainedFailures, incident.Open)
		a.passes(40 * time.Minute)
		a.wants(incident.AccessKey, key, "", "")
		if f := a.findings(incident.User, "mailer"); len(f) != 1 || f[0].Verdict != incident.Compromise {
			a.Errorf("findings %+v, want that a stranger cut the user off", f)
		}
	})
}

func TestAFindingSettlesAndResolves(t *testing.T) {
	story(t, func(a *account) {
		a.arrives(failures(worker, 12)...)
		for _, step := range []struct {
			after time.Duration
			want  incident.Status
		}{
			{10 * time.Minute, incident.Open},
			{10 * time.Minute, incident.Settled},
			{23*time.Hour + 30*time.Minute, incident.Settled},
			{15 * time.Minute, incident.Resolved},
		} {
			a.passes(step.after)
			a.wants(incident.AccessKey, worker, incident.UnexplainedFailures, step.want)
		}
		due, before := a.total.Cases, a.live.revisited
		a.passes(48 * time.Hour)
		if a.total.Cases != due || a.live.revisited != before {
			a.Errorf("a resolved case was looked at %d times", a.total.Cases-due)
		}
		if due > 3 {
			a.Errorf("the case was due %d times, want about twice", due)
		}
	})
}

// renew lets a broker renew sessions of roles every 55 minutes, as often as it
// goes on.
func (a *account) renew(rounds map[string]int) {
	a.Helper()
	for n := range 20 {
		for _, role := range []string{"billing", "mail", "shipping"} {
			if n < rounds[role] {
				a.arrives(session{role: role, user: "broker", key: fmt.Sprintf("ASIAEXAMPLE%.3s%06d", strings.ToUpper(role), n), at: time.Now(), life: time.Hour}.record())
			}
		}
		a.passes(55 * time.Minute)
	}
}

func TestARenewalThatStopsIsNoticed(t *testing.T) {
	for name, test := range map[string]struct {
		rounds map[string]int
		want   incident.Cause
	}{
		"while its neighbours go on":   {map[string]int{"billing": 20, "mail": 20, "shipping": 10}, incident.NotRenewed},
		"not where all of them stop":   {map[string]int{"billing": 10, "mail": 10, "shipping": 10}, ""},
		"not where there was no clock": {map[string]int{"billing": 20, "mail": 20, "shipping": 2}, ""},
		"not where nothing stops":      {map[string]int{"billing": 20, "mail": 20, "shipping": 20}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(a *account) {
				a.settler.History = nil
				a.renew(test.rounds)
				a.wants(incident.Role, "shipping", test.want, "")
				a.wants(incident.Role, "billing", "", "")
				if n := a.live.revisited; n > 12 {
					a.Errorf("decided %d times about renewals, want few", n)
				}
			})
		})
	}
}

func TestARenewalThatStopsIsNoticedWhileAnotherOfTheRoleGoesOn(t *testing.T) {
	story(t, func(a *account) {
		a.settler.History = nil
		for n := range 20 {
			for _, user := range []string{"broker", "scheduler"} {
				if n < 10 || user == "broker" {
					a.arrives(session{role: "shipping", user: user, key: fmt.Sprintf("ASIAEXAMPLE%.3s%06d", strings.ToUpper(user), n), at: time.Now(), life: time.Hour}.record())
				}
			}
			a.passes(55 * time.Minute)
		}
		a.wants(incident.Role, "shipping", incident.NotRenewed, "")
	})
}

func TestAChangeThatNeverArrivedIsFound(t *testing.T) {
	story(t, func(a *account) {
		a.passes(time.Hour)
		a.happens(deletion("lost", "orders-worker", "stranger"))
		a.arrives(strings.ReplaceAll(failureOf("orders-worker", 12), "\n", " "))
		a.passes(30 * time.Minute)
		f := a.findings(incident.Role, "orders-worker")
		if len(f) != 1 || f[0].Cause != incident.RoleDeletedByStranger || a.total.Recovered != 1 {
			a.Fatalf("findings %+v, %d recovered; want that a stranger deleted the role", f, a.total.Recovered)
		}
		handled := a.live.handled
		a.passes(3 * time.Hour)
		if a.live.handled != handled {
			a.Errorf("what is known was handled %d times again", a.live.handled-handled)
		}
	})
}

// failureOf is a report of n failures of a role's credentials.
func failureOf(role string, n int) string {
	at := stamp(time.Now())
	return fmt.Sprintf(`{"version":"0","id":"of-%s","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":%q,"time":%q,"region":"eu-west-1","resources":[],
		"detail":{"eventId":"of-%[1]s","eventTime":%[3]q,"errorCode":"InvalidClientTokenId","operation":"sqs:SendMessage","principalArn":"arn:aws:iam::%[2]s:role/%[1]s","count":%[4]d}}`, role, ours, at, n)
}

func TestWhatArrivedIsNotRecovered(t *testing.T) {
	story(t, func(a *account) {
		a.passes(time.Hour)
		record := deletion("known", "orders-worker", "stranger")
		a.happens(record)
		a.arrives(record)
		a.passes(time.Hour)
		if a.total.Recovered != 0 || a.live.handled != 0 || a.total.Lookups == 0 {
			a.Errorf("report %+v, %d signals handled; want that it was compared and known", a.total, a.live.handled)
		}
	})
}

func TestThrottlingOpensTheCircuitAndNothingElseBreaks(t *testing.T) {
	story(t, func(a *account) {
		a.passes(time.Hour)
		a.happens(deletion("lost", "orders-worker", "stranger"))
		a.arrives(failures(worker, 12)...)
		for range 6 {
			a.history.Fail("ThrottlingException")
		}
		before := len(a.history.Requests())
		throttled := false
		for range 6 {
			time.Sleep(5 * time.Minute)
			r, err := a.run()
			if err != nil {
				a.Fatalf("Run() = %v", err)
			}
			throttled = throttled || errors.Is(r.Unanswered, settle.ErrThrottled)
		}
		if n := len(a.history.Requests()) - before; !throttled || n > 6 {
			a.Errorf("throttled %v, %d requests in half an hour; want a few", throttled, n)
		}
		a.wants(incident.AccessKey, worker, incident.UnexplainedFailures, incident.Settled)
		a.wants(incident.Role, "orders-worker", "", "")
		a.passes(2 * time.Hour)
		if f := a.findings(incident.Role, "orders-worker"); len(f) != 1 || a.total.Recovered != 1 {
			a.Errorf("findings %+v, %d recovered; want the change when the history answers again", f, a.total.Recovered)
		}
	})
}

// busy lets a scanner read IAM so much that its events are too many to read.
func (a *account) busy(n int) {
	a.Helper()
	for i := range n {
		read := strings.NewReplacer(`"DeleteRole"`, `"GetRole"`, `"readOnly":false`, `"readOnly":true`).
			Replace(deletion(fmt.Sprintf("read-%s-%d", stamp(time.Now()), i), "orders-worker", "scanner"))
		if err := a.history.Add(read); err != nil {
			a.Fatal(err)
		}
	}
}

func TestABusySourceIsComparedNameByName(t *testing.T) {
	story(t, func(a *account) {
		a.passes(10 * time.Minute)
		for range 20 {
			a.busy(30)
			a.passes(time.Minute)
		}
		a.happens(deletion("lost", "orders-worker", "stranger"))
		for range 90 {
			a.busy(30)
			a.passes(time.Minute)
		}
		if f := a.findings(incident.Role, "orders-worker"); len(f) != 1 || a.total.Recovered != 1 {
			a.Errorf("findings %+v, %d recovered; want the change", f, a.total.Recovered)
		}
		names, most, whole := map[string]bool{}, 0, 0
		perRun := map[int64]int{}
		for _, r := range a.history.Requests() {
			if r.Attribute == "EventName" {
				names[r.Value] = true
			} else if r.Value == "iam.amazonaws.com" {
				whole++
			}
			perRun[r.Time.Unix()/300]++
			most = max(most, perRun[r.Time.Unix()/300])
			if r.Error != "" {
				a.Errorf("request %+v failed", r)
			}
		}
		if len(names) < 38 || most > settle.DefaultLimits().Requests || whole > 10 {
			a.Errorf("asked for %d names, at most %d requests a run, %d for the whole source", len(names), most, whole)
		}
	})
}

// keeper keeps what it is given and decides nothing.
type keeper struct{ *store.Memory }

func (k keeper) Handle(ctx context.Context, signals []incident.Signal, uses []incident.Use, _ time.Time) error {
	return k.Commit(ctx, store.Commit{Signals: signals, Uses: uses})
}
func (keeper) Recheck(context.Context, []incident.Signal, time.Time) error    { return nil }
func (keeper) Revisit(context.Context, []incident.Principal, time.Time) error { return nil }

// A storm of changes of one kind is taken in piece by piece, however many they
// are, and the other kinds do not wait for it.
func TestAStormOfLostChanges(t *testing.T) {
	story(t, func(a *account) {
		a.settler.Decider = keeper{a.mem}
		a.passes(10 * time.Minute)
		const storm = 900
		for i := range storm {
			a.happens(deletion(fmt.Sprintf("storm-%d", i), fmt.Sprintf("role-%03d", i), "stranger"))
			if i%30 == 0 {
				a.passes(time.Minute)
			}
		}
		a.happens(strings.ReplaceAll(deletion("other", "mailer", "stranger"), `"DeleteRole"`, `"CreateRole"`))
		a.passes(4 * time.Hour)
		if a.total.Recovered != storm+1 {
			a.Errorf("%d recovered, want %d", a.total.Recovered, storm+1)
		}
	})
}

// tried is a call by a role's session that succeeds, from a network.
func tried(id, name, key, ip string) string {
	source, client := "sts.amazonaws.com", "aws-sdk-go-v2/1.48.0"
	if ip != "198.51.100.7" {
		client = "aws-cli/2.27.41"
	}
	if name != "GetCallerIdentity" {
		source = "sqs.amazonaws.com"
	}
	return strings.ReplaceAll(fmt.Sprintf(`{"eventVersion":"1.11","eventID":%q,"eventTime":%q,"eventSource":%q,"eventName":%q,"awsRegion":"eu-west-1","sourceIPAddress":%q,"userAgent":%[8]q,
		"userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:worker","arn":"arn:aws:sts::%[6]s:assumed-role/orders/worker","accountId":%[6]q,"accessKeyId":%[7]q,
		"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::%[6]s:role/orders","accountId":%[6]q,"userName":"orders"}}},
		"requestParameters":null,"responseElements":null,"requestID":"r","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":%[6]q,"eventCategory":"Management"}`,
		id, stamp(time.Now()), source, name, ip, ours, key, client), "\n", " ")
}

// The worker's own calls are in the event history alone. Of somebody else with
// its key nothing arrives but that he asks who he is.
func TestASessionThatIsTriedOutElsewhereIsLookedUp(t *testing.T) {
	for name, test := range map[string]struct {
		from  string
		off   bool
		found bool
	}{
		"by somebody else":                 {"203.0.113.61", false, true},
		"by whoever asked for it":          {"198.51.100.7", false, false},
		"by somebody else, without asking": {"203.0.113.61", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(a *account) {
				if test.off {
					a.settler.History = nil
				}
				issued := session{role: "orders", user: "broker", key: worker, at: time.Now(), life: 12 * time.Hour}
				a.arrives(issued.record())
				for n := range 4 {
					a.passes(30 * time.Minute)
					a.happens(tried(fmt.Sprint("own-", n), "GetQueueUrl", worker, "198.51.100.7"))
				}
				a.passes(time.Hour)
				before := a.askedFor(worker)
				who := tried("who", "GetCallerIdentity", worker, test.from)
				a.happens(who)
				a.arrives(who)
				a.happens(tried("more", "ListQueues", worker, test.from), tried("own", "GetQueueUrl", worker, "198.51.100.7"))
				a.passes(40 * time.Minute)
				var want incident.Cause
				if test.found {
					want = incident.UsedFromElsewhere
				}
				a.wants(incident.Role, "orders", want, "")
				if asked := a.askedFor(worker) > before; asked != test.found {
					a.Errorf("asked for the key: %t, want %t", asked, test.found)
				}
			})
		})
	}
}

// askedFor is how often the calls of a key were looked up.
func (a *account) askedFor(key string) int {
	n := 0
	for _, r := range a.history.Requests() {
		if r.Attribute == string(settle.AccessKeyID) && r.Value == key {
			n++
		}
	}
	return n
}

// A flood of sessions that are tried out elsewhere spends what runs have for it,
// and no more.
func TestAFewSessionsOfARoleAreLookedUp(t *testing.T) {
	story(t, func(a *account) {
		for n, key := range keys(40) {
			a.arrives(session{role: "orders", user: "broker", key: key, at: time.Now(), life: 12 * time.Hour}.record())
			a.arrives(tried("who-"+key, "GetCallerIdentity", key, fmt.Sprintf("203.0.%d.61", n)))
		}
		a.passes(time.Hour)
		asked := 0
		for _, key := range keys(40) {
			asked += min(1, a.askedFor(key))
		}
		if want := settle.DefaultLimits().Keys; asked != want {
			a.Errorf("looked up the calls of %d keys, want %d", asked, want)
		}
	})
}
