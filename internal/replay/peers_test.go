package replay_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/replay"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// Nineteen ways in which other detectors were seen to fail at correlating, each
// as a case that must come out right: what they did instead is in the comments.
// Four are as much about delivery and telling as about deciding, and the rest of
// each is tested where that is done: 10 in functions, 14 in detect and storetest,
// 17 and 18 in notify.

// call is a CloudTrail record of the account 111122223333.
type call struct {
	id, time, source, name, by, params, extra string
}

// bob is an administrator who explains nothing.
const bob = `{"type":"IAMUser","principalId":"AIDAQPEERSBOBUSER0001","arn":"arn:aws:iam::111122223333:user/bob","accountId":"111122223333","userName":"bob","accessKeyId":"AKIAQPEERSBOBKEY0001"}`

// session is a session of a role.
func session(role, name string) string {
	return fmt.Sprintf(`{"type":"AssumedRole","principalId":"AROAQPEERSROLE000001:%[2]s","arn":"arn:aws:sts::111122223333:assumed-role/%[1]s/%[2]s","accountId":"111122223333","accessKeyId":"ASIAQPEERSSESSION001",`+
		`"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAQPEERSROLE000001","arn":"arn:aws:iam::111122223333:role/%[1]s","accountId":"111122223333","userName":"%[1]s"},"attributes":{"creationDate":"2026-03-02T09:00:00Z","mfaAuthenticated":"false"}}}`, role, name)
}

func (c call) String() string {
	if c.by == "" {
		c.by = bob
	}
	if c.params == "" {
		c.params = "null"
	}
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":%s,"eventTime":"%s","eventSource":"%s.amazonaws.com","eventName":"%s","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.20","userAgent":"aws-cli/2.17.0","requestParameters":%s,"responseElements":null%s,"requestID":"r","eventID":"%s","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}`,
		c.by, c.time, c.source, c.name, c.params, c.extra, c.id)
}

func deletion(id, at, role string) string {
	return call{id: id, time: at, source: "iam", name: "DeleteRole", params: `{"roleName":"` + role + `"}`}.String()
}

// denial is a session of a role that may not assume another one.
func denial(id, at, who, role string) string {
	return call{id: id, time: at, source: "sts", name: "AssumeRole", by: session(who, "worker"), extra: `,"errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::111122223333:assumed-role/` + who + `/worker is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/` + role + `"`}.String()
}

// opening lets a foreign account assume a role.
func opening(id, at, role, by string) string {
	return call{id: id, time: at, source: "iam", name: "UpdateAssumeRolePolicy", by: by, params: `{"roleName":"` + role + `","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::999988887777:root\"},\"Action\":\"sts:AssumeRole\"}]}"}`}.String()
}

// failed is a client's report about a key that nobody knows.
func failed(id string, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"%[1]s","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333","time":"%[2]s","region":"us-east-1","resources":[],"detail":{"eventId":"%[1]s","eventTime":"%[2]s","errorCode":"InvalidClientTokenId","accessKeyId":"AKIAQPEERSFAILING001","workload":"payments-worker","count":1}}`, id, at.Format(time.RFC3339))
}

// failures are n reports, some seconds apart but not regularly so.
func failures(n int) []string {
	var list []string
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for i := range n {
		list = append(list, failed(fmt.Sprintf("f%04d", i), at))
		at = at.Add(time.Duration(1+i*i%7) * time.Second)
	}
	return list
}

// peer is a detector that recordings are given to, one after the other.
type peer struct {
	*detect.Detector
	t   *testing.T
	sum replay.Summary
}

func newPeer(t *testing.T, yaml string) *peer {
	t.Helper()
	settings := incident.DefaultSettings()
	if yaml != "" {
		c, err := file.Load("config.yaml", []byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		settings = c.Settings
	}
	return &peer{detect.New(store.NewMemory(store.DefaultLimits()), settings), t, replay.Summary{}}
}

func (p *peer) read(events ...string) {
	p.t.Helper()
	sum, err := replay.Read(context.Background(), replay.All([]replay.Input{replay.Stream("-", strings.NewReader(strings.Join(events, "\n")))}), p, replay.Options{Workers: 2})
	if err != nil {
		p.t.Fatal(err)
	}
	p.sum = sum
}

// findings are those at severity low or above.
func (p *peer) findings() []incident.Finding {
	p.t.Helper()
	all, err := p.Findings(context.Background(), time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	if err != nil {
		p.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f incident.Finding) bool { return f.Severity == incident.Informational })
}

// judge is what a detector says of events.
func judge(t *testing.T, yaml string, events ...string) []incident.Finding {
	t.Helper()
	p := newPeer(t, yaml)
	p.read(events...)
	return p.findings()
}

func one(t *testing.T, list []incident.Finding) incident.Finding {
	t.Helper()
	if len(list) != 1 {
		t.Fatalf("%d findings, want one: %s", len(list), asJSON(t, list))
	}
	return list[0]
}

func quiet(t *testing.T, list []incident.Finding) {
	t.Helper()
	if len(list) > 0 {
		t.Errorf("findings where none should be: %s", asJSON(t, list))
	}
}

// facts are a finding's evidence in words.
func facts(f incident.Finding) string {
	var b strings.Builder
	for _, e := range slices.Concat(f.Evidence, f.CounterEvidence) {
		fmt.Fprintln(&b, e.Fact)
	}
	return b.String()
}

const deletedAt, deniedAt = "2026-03-02T10:00:00Z", "2026-03-02T10:10:00Z"

func TestPeers(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"01 a deletion and a denial of the same role are one finding", deletionThenDenial},
		{"02 delivered in reverse they are the same finding", delivery},
		{"03 an unrelated denial is not laid to a deletion", unrelated},
		{"04 a second actor who does the same a minute later is a second finding", secondActor},
		{"05 a threshold of ten is reached by the tenth and the count is true", threshold},
		{"06 one event delivered many times is one event", redelivered},
		{"07 slow failures over days are no burst", slowFailures},
		{"08 records without userIdentity or parameters cost only themselves", noIdentity},
		{"09 braces inside strings do not split a record", braces},
		{"10 one poison record in a batch fails alone", poison},
		{"11 the finding names the session of the offending record", offendingSession},
		{"12 what is nested deep inside a field is found", nested},
		{"13 an event that comes 15 minutes late changes the verdict", late},
		{"14 more than a megabyte about one key is counted whole", muchState},
		{"15 times with Z and with +00:00 are equal", zones},
		{"16 two findings within one second have two ids", sameSecond},
		{"17 a new member of an incident revises its finding", newMember},
		{"18 reading all again says nothing new", readAgain},
		{"19 counting is by event time, however often and late events come", counting},
	} {
		t.Run(test.name, test.run)
	}
}

func deletionThenDenial(t *testing.T) {
	f := one(t, judge(t, "", deletion("e1", deletedAt, "payments"), denial("e2", deniedAt, "orders", "payments")))
	if f.Subject.Name != "payments" || f.FirstSeen.Format(time.RFC3339) != deletedAt {
		t.Errorf("finding about %s since %v, want payments since %s", f.Subject.Name, f.FirstSeen, deletedAt)
	}
}

// A detector that reads forward alone finds nothing here.
func delivery(t *testing.T) {
	a, b := deletion("e1", deletedAt, "payments"), denial("e2", deniedAt, "orders", "payments")
	if got, want := asJSON(t, judge(t, "", b, a)), asJSON(t, judge(t, "", a, b)); got != want {
		t.Errorf("in reverse:\n%s\nwant:\n%s", got, want)
	}
}

// One that joins on the rule's title correlates these.
func unrelated(t *testing.T) {
	made := call{id: "e0", time: "2026-03-02T08:00:00Z", source: "iam", name: "CreateRole", params: `{"roleName":"payments","assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ec2.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}`}.String()
	quiet(t, judge(t, "", made, deletion("e1", deletedAt, "payments"), denial("e2", deniedAt, "orders", "reports")))
}

// One with a cooldown for the rule says it once.
func secondActor(t *testing.T) {
	list := judge(t, "", opening("e1", "2026-03-02T10:00:00Z", "payments", bob), opening("e2", "2026-03-02T10:01:00Z", "reports", session("admin", "eve")))
	if len(list) != 2 || list[0].ID == list[1].ID || list[0].Subject.Name == list[1].Subject.Name {
		t.Errorf("findings: %s; want one about each role", asJSON(t, list))
	}
}

const tenAtLeast = "version: 1\nthresholds:\n  spike_floor: 10\n"

// One that stores each event twice under one key fires on the fifth, and says ten.
func threshold(t *testing.T) {
	quiet(t, judge(t, tenAtLeast, failures(9)...))
	f := one(t, judge(t, tenAtLeast, failures(10)...))
	if !strings.Contains(facts(f), "10 calls failed") {
		t.Errorf("evidence %q, want ten calls", facts(f))
	}
	if f := one(t, judge(t, tenAtLeast, failures(12)...)); !strings.Contains(facts(f), "12 calls failed") {
		t.Errorf("evidence %q, want twelve calls", facts(f))
	}
}

func redelivered(t *testing.T) {
	p := newPeer(t, tenAtLeast)
	p.read(slices.Repeat(failures(1), 20)...)
	if quiet(t, p.findings()); p.sum.Duplicates != 19 {
		t.Errorf("%d duplicates, want 19", p.sum.Duplicates)
	}
}

// One that takes a record's time to live for its window, and renews it at each
// failure, adds these up.
func slowFailures(t *testing.T) {
	var events []string
	at := time.Date(2026, 2, 20, 3, 0, 0, 0, time.UTC)
	for i := range 12 {
		events = append(events, failed(fmt.Sprintf("f%d", i), at))
		at = at.Add(time.Duration(9+i*i*5%17) * time.Hour)
	}
	quiet(t, judge(t, "", events...))
}

func noIdentity(t *testing.T) {
	odd := []string{
		`{"eventVersion":"1.09","eventTime":"2026-03-02T10:00:00Z","awsRegion":"us-east-1","eventID":"i1","eventType":"AwsCloudTrailInsight","recipientAccountId":"111122223333","insightDetails":{"state":"Start","eventSource":"iam.amazonaws.com","eventName":"DeleteRole","insightType":"ApiCallRateInsight"},"eventCategory":"Insight"}`,
		strings.Replace(deletion("i2", deletedAt, "x"), `{"roleName":"x"}`, `{}`, 1),
		strings.Replace(deletion("i3", deletedAt, "x"), `{"roleName":"x"}`, `null`, 1),
		strings.Replace(deletion("i4", deletedAt, "x"), bob, `{}`, 1),
		strings.Replace(deletion("i5", deletedAt, "x"), bob, `null`, 1),
	}
	want := opening("e1", deniedAt, "payments", bob)
	list := judge(t, "", append(odd, want)...)
	list = slices.DeleteFunc(list, func(f incident.Finding) bool { return f.Subject.Name == "x" })
	if got, want := asJSON(t, list), asJSON(t, judge(t, "", want)); got != want {
		t.Errorf("among odd records:\n%s\nwant:\n%s", got, want)
	}
}

func braces(t *testing.T) {
	plain := opening("e1", deletedAt, "payments", bob)
	tricky := strings.Replace(plain, `"userAgent":"aws-cli/2.17.0"`, `"userAgent":"aws-cli/2.17.0 }]}{\"Records\":[{ \\\"} \\"`, 1)
	for _, in := range []string{tricky, `{"Records":[` + tricky + `,` + deletion("e2", deniedAt, "reports") + `]}`} {
		p := newPeer(t, "")
		p.read(in)
		if list := p.findings(); len(p.sum.Skipped) > 0 || len(list) == 0 || list[0].Subject.Name != "payments" {
			t.Errorf("skipped %v, findings %s", p.sum.Skipped, asJSON(t, list))
		}
	}
}

// One drops the whole batch. That the poison alone is retried, and ends in the
// dead-letter queue, is the functions' part.
func poison(t *testing.T) {
	message := func(id, body string) string { return fmt.Sprintf(`{"messageId":%q,"body":%q}`, id, body) }
	p := newPeer(t, "")
	p.read(`{"Records":[` + message("m1", opening("e1", deletedAt, "payments", bob)) + `,` + message("m2", `{"eventVersion": oops`) + `,` + message("m3", opening("e2", deletedAt, "reports", bob)) + `]}`)
	if list := p.findings(); len(list) != 2 {
		t.Errorf("findings %s, want those of both whole messages", asJSON(t, list))
	}
	if n := p.sum.Skipped[trail.SkipSyntax] + p.sum.Skipped[trail.SkipTruncated]; n != 1 || len(p.sum.Examples) != 1 || p.sum.Examples[0].Offset == 0 {
		t.Errorf("skipped %v, examples %v; want one, at its place", p.sum.Skipped, p.sum.Examples)
	}
}

// One prints the session that it saw last.
func offendingSession(t *testing.T) {
	harmless := func(id, at, name string) string {
		return call{id: id, time: at, source: "s3", name: "ListBuckets", by: session("admin", name)}.String()
	}
	f := one(t, judge(t, "", harmless("e1", "2026-03-02T09:59:00Z", "first"), opening("e2", "2026-03-02T10:00:00Z", "payments", session("admin", "eve")), harmless("e3", "2026-03-02T10:01:00Z", "last")))
	for _, e := range f.Evidence {
		if e.EventID == "e2" && e.Actor != "arn:aws:sts::111122223333:assumed-role/admin/eve" {
			t.Errorf("actor %s, want the session eve", e.Actor)
		}
	}
	if text := asJSON(t, []incident.Finding{f}); strings.Contains(text, "assumed-role/admin/last") || !strings.Contains(text, "assumed-role/admin/eve") {
		t.Errorf("the finding names another session: %s", text)
	}
}

// One that does not resolve dotted names missed every revocation by policy.
func nested(t *testing.T) {
	policy := `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":[\"*\"],\"Resource\":[\"*\"],\"Condition\":{\"DateLessThan\":{\"aws:TokenIssueTime\":\"2026-03-02T10:00:00Z\"}}}]}`
	put := func(document string) string {
		return call{id: "e1", time: deletedAt, source: "iam", name: "PutRolePolicy", params: `{"roleName":"payments","policyName":"notes","policyDocument":"` + document + `"}`}.String()
	}
	f := one(t, judge(t, "", put(policy)))
	if f.Cause != incident.UnexplainedRevocation {
		t.Errorf("cause %s, want %s", f.Cause, incident.UnexplainedRevocation)
	}
	quiet(t, judge(t, "", put(strings.Replace(policy, "Deny", "Allow", 1))))
}

// One with an allowed lateness of nothing keeps to what it said first.
func late(t *testing.T) {
	revocation := call{id: "e1", time: "2026-03-02T09:58:00Z", source: "iam", name: "DeleteAccessKey", params: `{"userName":"payments","accessKeyId":"AKIAQPEERSFAILING001"}`}.String()
	p := newPeer(t, "")
	p.read(failures(12)...)
	before := one(t, p.findings())
	p.read(revocation)
	after := one(t, p.findings())
	if before.Verdict != incident.Inconclusive || after.Verdict == incident.Inconclusive {
		t.Errorf("before %s, after %s; want the late event to decide", before.Verdict, after.Verdict)
	}
	if got, want := asJSON(t, []incident.Finding{after}), asJSON(t, judge(t, "", append([]string{revocation}, failures(12)...)...)); got != want {
		t.Errorf("late:\n%s\nin order:\n%s", got, want)
	}
}

func muchState(t *testing.T) {
	const n = 3000
	events := failures(n)
	if size := len(strings.Join(events, "\n")); size < 1<<20 {
		t.Fatalf("%d bytes of events, want more than a megabyte", size)
	}
	p := newPeer(t, "")
	p.read(events...)
	e, err := p.Evidence(context.Background(), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC))
	if err != nil || len(e.Signals) != n || len(e.Capped) > 0 {
		t.Errorf("%d signals, capped by %v, %v; want %d", len(e.Signals), e.Capped, err, n)
	}
	one(t, p.findings())
}

// One compares times as strings.
func zones(t *testing.T) {
	events := strings.Join([]string{deletion("e1", deletedAt, "payments"), denial("e2", deniedAt, "orders", "payments")}, "\n")
	want := asJSON(t, judge(t, "", events))
	for _, zone := range []string{"+00:00", "-00:00"} {
		for _, at := range []string{deletedAt, deniedAt} {
			moved := strings.ReplaceAll(events, at, strings.TrimSuffix(at, "Z")+zone)
			if got := asJSON(t, judge(t, "", moved)); got != want {
				t.Errorf("with %s at %s:\n%s\nwant:\n%s", zone, at, got, want)
			}
		}
	}
}

// One makes ids of the second and the user.
func sameSecond(t *testing.T) {
	list := judge(t, "", opening("e1", deletedAt, "payments", bob), opening("e2", deletedAt, "reports", bob))
	if len(list) != 2 || list[0].ID == list[1].ID {
		t.Errorf("findings %s, want two with ids of their own", asJSON(t, list))
	}
}

// That people are told of it is tested in notify.
func newMember(t *testing.T) {
	p := newPeer(t, "")
	p.read(deletion("e1", deletedAt, "payments"), denial("e2", deniedAt, "orders", "payments"))
	before := one(t, p.findings())
	p.read(denial("e3", "2026-03-02T10:11:00Z", "billing", "payments"))
	after := one(t, p.findings())
	if before.ID != after.ID || bytes.Equal([]byte(asJSON(t, []incident.Finding{before})), []byte(asJSON(t, []incident.Finding{after}))) {
		t.Errorf("before %s\nafter %s\nwant the same incident, revised", asJSON(t, []incident.Finding{before}), asJSON(t, []incident.Finding{after}))
	}
}

// That nothing is sent again is tested in notify.
func readAgain(t *testing.T) {
	events := []string{deletion("e1", deletedAt, "payments"), denial("e2", deniedAt, "orders", "payments"), opening("e3", deniedAt, "reports", bob)}
	p := newPeer(t, "")
	p.read(events...)
	want := asJSON(t, p.findings())
	p.read(events...)
	if got := asJSON(t, p.findings()); got != want {
		t.Errorf("read again:\n%s\nwant:\n%s", got, want)
	}
	if got := asJSON(t, judge(t, "", events...)); got != want {
		t.Errorf("by a new detector:\n%s\nwant:\n%s", got, want)
	}
}

// One counts when it looks, and counts again what comes again.
func counting(t *testing.T) {
	events := failures(10)
	want := asJSON(t, judge(t, tenAtLeast, events...))
	p := newPeer(t, tenAtLeast)
	for _, at := range []int{9, 3, 3, 7, 0, 9, 1, 2, 4, 5, 6, 8, 0} {
		p.read(events[at])
	}
	if got := asJSON(t, p.findings()); got != want {
		t.Errorf("one by one, some again:\n%s\nwant:\n%s", got, want)
	}
	one(t, p.findings())
}
