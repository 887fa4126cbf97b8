package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/aws/book"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/localaws/account"
	"github.com/trailverdict/trailverdict/internal/store"
)

// timed is a deployment with routes that wait, repeat and keep quiet hours.
const timed = "../../infra/testdata/timed."

// heard: a night and a day of incidents, and who hears of what, and when. It is
// ten in the evening by the payments team's clock when they begin.
func (f *factory) heard(t *testing.T) {
	r := f.timed(t)

	// Eve deletes two roles, and what ran with them fails. Credentials of a third
	// expire; so do those of an old job each hour, of which nobody wants to hear.
	r.broken("payments-api")
	r.broken("orders-api")
	r.expired("payments-batch")
	hours := r.hourly()
	last := len(hours) - 1
	for n, at := range hours[:last] {
		r.failed("payments-legacy", "ExpiredToken", keyOf(n), at)
	}
	for range 2 { // as EventBridge may
		r.beyondTheRails()
	}
	r.Deliver()
	r.hear("at once", heardBy{
		"Archive":      {"orders-api r1 compromise high", "payments-api r1 compromise high", "payments-batch r1 expiry low"},
		"Reports":      {"orders-api r1 compromise high", "payments-api r1 compromise high", "payments-batch r1 expiry low"},
		"Desk":         {"orders-api r1 compromise high", "payments-api r1 compromise high"},
		"Soc":          {"payments-api r1 compromise high"},
		"PaymentsMail": {"payments-api r1 compromise high"}, // it is urgent
	})

	r.after(30 * time.Minute)
	r.hear("half an hour later", heardBy{})
	r.Put(r.byEve("CreateRole", "orders-api", 24*time.Hour))
	r.Deliver()
	const own = "orders-api r2 planned_change low"
	r.hear("once it is known that one of the roles was Eve's own", heardBy{"Archive": {own}, "Reports": {own}, "Desk": {own}})

	r.after(58 * time.Minute)
	r.hear("just before an hour is over", heardBy{})
	r.after(62 * time.Minute)
	r.hear("after an hour", heardBy{"OnCall": {"payments-api r1 compromise high"}})

	r.after(suppressed + time.Minute)
	r.hear("when the suppression has ended", heardBy{})
	r.failed("payments-legacy", "ExpiredToken", keyOf(last), hours[last])
	r.Deliver()
	r.hear("when what was suppressed goes on", heardBy{"Archive": {"payments-legacy r1 expiry low"}, "Reports": {"payments-legacy r1 expiry low"}})

	r.after(4*time.Hour - 2*time.Minute)
	r.hear("just before four hours are over", heardBy{})
	r.after(4*time.Hour + 2*time.Minute)
	r.hear("after four hours", heardBy{"Desk": {"payments-api r2 compromise high"}})
	r.after(8*time.Hour - 2*time.Minute)
	r.hear("just before eight hours are over", heardBy{})
	r.after(8*time.Hour + 2*time.Minute)
	r.hear("after eight hours", heardBy{"Desk": {"payments-api r3 compromise high"}, "PaymentsMail": {"payments-api r3 compromise high"}})

	r.after(9*time.Hour - 2*time.Minute)
	r.hear("just before seven in the morning", heardBy{})
	r.after(9*time.Hour + 2*time.Minute)
	r.hear("at seven", heardBy{"PaymentsMail": {"payments-batch r1 expiry low", "payments-legacy r1 expiry low"}})

	r.Put(r.byEve("CreateRole", "payments-api", 24*time.Hour))
	r.Deliver()
	const clear = "payments-api r4 planned_change low"
	r.hear("when the other role was Eve's own, too", heardBy{"Archive": {clear}, "Reports": {clear}, "Desk": {clear}, "OnCall": {clear}, "PaymentsMail": {clear}})

	r.after(33 * time.Hour)
	r.hear("a day later", heardBy{"PaymentsMail": {"payments-batch r2 expiry low", "payments-legacy r2 expiry low"}})
	r.Run("ReportSchedule")
	mail := r.Received("RouteReports")
	if len(mail) != 1 {
		t.Fatalf("the report is told in %d mails", len(mail))
	}
	for _, want := range []string{
		r.ended(), "Changes: long sessions (1), access keys in environments (1).",
		"sessions of role exports may last 12 h", "the environment of task definition orders-sync holds access key AKIARTX3GSDS3ORDERSX",
	} {
		if !strings.Contains(oneLine(mail[0].Body), want) {
			t.Errorf("the mail about the report lacks %q:\n%s", want, mail[0].Body)
		}
	}
	if text := mail[0].Body + r.Function("Detect").Logs(); strings.Contains(text, invented) {
		t.Error("the secret of an environment came out")
	}
}

// routed is an account with routes, in which time passes.
type routed struct {
	*account.Account
	t      *testing.T
	told   *book.Book
	began  time.Time
	passed time.Duration
}

func (f *factory) timed(t *testing.T) *routed {
	t.Helper()
	r := &routed{t: t, began: time.Now().UTC().Truncate(time.Minute)}
	r.Account = account.Deploy(t, account.Deployment{
		Bootstraps: f.bootstraps, Files: r.files(),
		Stacks: []account.Stack{
			{Name: "trailverdict", Region: localaws.Region, Template: contents(t, timed+"trailverdict.json")},
			{Name: "trailverdict-watch", Region: localaws.Region, Template: contents(t, timed+"trailverdict-watch.json")},
		},
	})
	r.told = book.New(dynamo.NewClient(clientConfig(localaws.DynamoDB(t).URL)), r.Name("AWS::DynamoDB::Table", "Table"), store.LiveLimits().Retention)
	return r
}

// suppressed is for how long nobody hears of the old job.
const suppressed = 2 * time.Hour

// files are the configuration of the deployment: with a clock that shows ten in
// the evening when the story begins, and a suppression.
func (r *routed) files() map[string][]byte {
	r.t.Helper()
	wall := time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC).Add(r.passed)
	ahead := wall.Sub(wall.Truncate(24*time.Hour)) - r.began.Sub(r.began.Truncate(24*time.Hour))
	if ahead > 12*time.Hour {
		ahead -= 24 * time.Hour
	}
	if ahead < -12*time.Hour {
		ahead += 24 * time.Hour
	}
	zone := time.Unix(0, 0).In(time.FixedZone("", int(ahead.Seconds()))).Format("-07:00")
	text := bytes.ReplaceAll(contents(r.t, "../../infra/testdata/timed.yaml"), []byte("Europe/Berlin"), []byte(`"`+zone+`"`))
	text = fmt.Appendf(text, "suppressions:\n  - {subject: payments-legacy, verdict: expiry, until: %q, reason: it goes away, author: ivy}\n", r.until().Format(time.RFC3339))
	c, _, err := file.Check("timed.yaml", text, time.Now(), time.LoadLocation)
	if err != nil {
		r.t.Fatal(err)
	}
	packed, err := config.Pack(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return map[string][]byte{config.PackedName: packed}
}

func (r *routed) until() time.Time { return r.began.Add(suppressed - r.passed) }

// ended is what a report says of the suppression once it is over.
func (r *routed) ended() string {
	return fmt.Sprintf("(it goes away, ivy) ended on %s, and findings that it covered are told again: 1 of these.", r.until().Format("2006-01-02"))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// after lets time pass, until so much later than the beginning. The programs go
// by a clock that no test can move, so that all that they compare with it is moved
// back: what was told, and what is configured. The schedule comes twice, as it may.
func (r *routed) after(since time.Duration) {
	r.t.Helper()
	d := since - r.passed
	r.passed = since
	r.Update(r.files())
	ctx := r.t.Context()
	ids, err := r.told.Due(ctx, time.Now().Add(48*time.Hour))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, id := range ids {
		page, err := r.told.Page(ctx, id)
		if err != nil {
			r.t.Fatal(err)
		}
		page.Opened, page.Due = page.Opened.Add(-d), page.Due.Add(-d)
		for name, told := range page.Told {
			told.At = told.At.Add(-d)
			page.Told[name] = told
		}
		if err := r.told.Keep(ctx, page); err != nil {
			r.t.Fatal(err)
		}
	}
	for range 2 {
		r.Run("NotifySchedule")
		r.Deliver()
	}
}

// broken is a role that Eve deletes, and that its workers want still.
func (r *routed) broken(role string) {
	r.t.Helper()
	for n := range 4 {
		r.failed(role, "InvalidClientTokenId", "", r.began.Add(time.Duration(n-14)*time.Minute))
	}
	r.Put(r.byEve("DeleteRole", role, 15*time.Minute))
}

// byEve is what Eve did to a role some time ago.
func (r *routed) byEve(name, role string, ago time.Duration) string {
	r.t.Helper()
	return enveloped(r.t, fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDARTX3GSDS7NTJ2MHY","arn":"arn:aws:iam::111122223333:user/eve","accountId":"111122223333","accessKeyId":"AKIARTX3GSDS3EVEAAAA","userName":"eve"},"eventTime":%q,"eventSource":"iam.amazonaws.com","eventName":%q,"awsRegion":"us-east-1","sourceIPAddress":"198.51.100.9","userAgent":"aws-cli/2.17.0","requestParameters":{"roleName":%q},"responseElements":null,"eventID":"%[2]s-%[3]s","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}`,
		r.began.Add(-ago).Format(time.RFC3339), name, role))
}

// expired are failures of a role whose sessions ran out.
func (r *routed) expired(role string) {
	r.t.Helper()
	for n := range 4 {
		r.failed(role, "ExpiredToken", "", r.began.Add(time.Duration(n-14)*time.Minute))
	}
}

const invented = "FAKE/SECRET/DO/NOT/KEEP/0123456789abcdef"

// beyondTheRails are changes beyond guard rails on the day that is reported, which
// are no incident, and one that is not.
func (r *routed) beyondTheRails() {
	r.t.Helper()
	task := func(id, value string) string {
		return `{"family":"` + id + `","containerDefinitions":[{"name":"app","environment":[{"name":"AWS_ACCESS_KEY_ID","value":"AKIARTX3GSDS3ORDERSX"},{"name":"AWS_SECRET_ACCESS_KEY","value":"` + value + `"}]}]}`
	}
	for _, e := range []struct{ id, source, name, request string }{
		{"exports", "iam", "UpdateRole", `{"roleName":"exports","maxSessionDuration":43200}`},
		{"orders-sync", "ecs", "RegisterTaskDefinition", task("orders-sync", invented)},
		{"imports", "iam", "UpdateRole", `{"roleName":"imports","maxSessionDuration":3600}`},
	} {
		ok := r.Put(enveloped(r.t, fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDARTX3GSDS7NTJ2MHZ","arn":"arn:aws:iam::111122223333:user/ivy","accountId":"111122223333","accessKeyId":"AKIARTX3GSDS3IVYAAAA","userName":"ivy"},"eventTime":%q,"eventSource":"%s.amazonaws.com","eventName":%q,"awsRegion":"us-east-1","sourceIPAddress":"198.51.100.42","userAgent":"aws-cli/2.17.0","requestParameters":%s,"responseElements":{},"eventID":"rail-%s","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}`,
			r.end().Add(-time.Hour).Format(time.RFC3339), e.source, e.name, e.request, e.id)))
		if !ok {
			r.t.Errorf("no rule takes %s", e.name)
		}
	}
}

// end is that of the day that is reported, which ends with a whole hour.
func (r *routed) end() time.Time { return r.began.Truncate(time.Hour) }

// hourly are the times at which an old job fails: in some hours of the day that
// is reported, and ever since.
func (r *routed) hourly() (times []time.Time) {
	for at := r.end().Add(-11*time.Hour - 7*time.Minute); at.Before(r.began); at = at.Add(time.Hour) {
		times = append(times, at)
	}
	return times
}

func keyOf(n int) string { return fmt.Sprintf("ASIARTX3GSDSABCDEF%02d", n+10) }

// failed is a call that a client saw fail: one of a role, or with a key of a job.
func (r *routed) failed(name, code, key string, at time.Time) {
	r.t.Helper()
	who := `"principalArn":"arn:aws:iam::111122223333:role/` + name + `"`
	if key != "" {
		who = `"workload":"` + name + `","accessKeyId":"` + key + `"`
	}
	time := at.Format(time.RFC3339)
	r.Put(fmt.Sprintf(`{"version":"0","id":"%[1]s-%[2]s","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333","time":%[2]q,"region":"us-east-1","resources":[],"detail":{"eventId":"%[1]s-%[2]s","errorCode":%[3]q,"eventTime":%[2]q,%[4]s}}`, name, time, code, who))
}

// heardBy are messages by route.
type heardBy map[string][]string

// hear takes what all routes got, and wants it to be that and nothing else, each
// once.
func (r *routed) hear(when string, want heardBy) {
	r.t.Helper()
	got := heardBy{}
	for _, id := range r.Subscriptions() {
		route, isRoute := strings.CutPrefix(id, "Route")
		for _, m := range r.Received(id) {
			a := m.Attributes
			if !isRoute {
				r.t.Errorf("%s: %s got %s", when, id, m.Body)
			}
			got[route] = append(got[route], fmt.Sprintf("%s r%s %s %s", a["subject"], a["revision"], a["verdict"], a["severity"]))
		}
		slices.Sort(got[route])
	}
	if d := cmp.Diff(want, got); d != "" {
		r.t.Errorf("%s, the routes hear something else (-want +got):\n%s", when, d)
	}
}
