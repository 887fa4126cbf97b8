package history_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trailverdict/trailverdict/internal/aws/history"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/investigate"
	"github.com/trailverdict/trailverdict/internal/localaws"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// world is an account with the real client before it, and a clock that moves
// when somebody sleeps.
type world struct {
	*localaws.Account
	mu      sync.Mutex
	at      time.Time
	waiting int
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
	return ctx.Err()
}

func (w *world) tell(string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting++
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{at: noon()}
	w.Account = localaws.NewAccount("111122223333", "aws", w.now, "us-east-1", "eu-west-1", "eu-south-1")
	return w
}

// open opens the account.
func (w *world) open(t *testing.T, regions ...string) *history.Account {
	t.Helper()
	a, err := history.OpenWith(t.Context(), w.config(), history.Options{Regions: regions, Tell: w.tell}, history.Clock{Now: w.now, Sleep: w.sleep})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) config() aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: direct{w.Account},
		BaseEndpoint: aws.String("http://aws.invalid"), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
		}),
	}
}

// direct hands requests to a handler without a network between them.
type direct struct{ http.Handler }

func (d direct) Do(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, req)
	return rec.Result(), nil
}

func (w *world) add(t *testing.T, records ...string) {
	t.Helper()
	if err := w.History().Add(records...); err != nil {
		t.Fatal(err)
	}
}

const (
	userKey  = "AKIAQEXAMPLE0000CI01"
	firstKey = "ASIAQEXAMPLE0000AA01"
	lastKey  = "ASIAQEXAMPLE0000BB02"
	// token is what no output and no file may hold.
	token = "IQoJb3JpZ2luX2VjEXAMPLETOKENTHATNOBODYMAYKEEP"
)

// record is a CloudTrail record of somebody's call.
func record(id string, at time.Time, who, source, name, more string) string {
	return fmt.Sprintf(`{"eventVersion":"1.11","eventID":%q,"eventTime":%q,"eventSource":"%s.amazonaws.com","eventName":%q,"awsRegion":"us-east-1",
		"sourceIPAddress":"192.0.2.31","userAgent":"aws-cli/2.31.0","userIdentity":%s,"recipientAccountId":"111122223333","managementEvent":true,"eventCategory":"Management"%s}`,
		id, at.Format(time.RFC3339), source, name, who, more)
}

const ci = `{"type":"IAMUser","principalId":"AIDAQEXAMPLE0000CI01","arn":"arn:aws:iam::111122223333:user/ci","accountId":"111122223333","accessKeyId":"` + userKey + `","userName":"ci"}`

func session(role, name, key string, issued time.Time) string {
	return fmt.Sprintf(`{"type":"AssumedRole","principalId":"AROAQEXAMPLE%s:%s","arn":"arn:aws:sts::111122223333:assumed-role/%s/%s","accountId":"111122223333","accessKeyId":%q,
		"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAQEXAMPLE%s","arn":"arn:aws:iam::111122223333:role/%s","accountId":"111122223333","userName":%q},"attributes":{"creationDate":%q,"mfaAuthenticated":"false"}}}`,
		role, name, role, name, key, role, role, role, issued.Format(time.RFC3339))
}

func assumed(id string, at time.Time, who, role, name, key string) string {
	return record(id, at, who, "sts", "AssumeRole", fmt.Sprintf(`,"readOnly":true,"requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/%s","roleSessionName":%q},
		"responseElements":{"credentials":{"accessKeyId":%q,"sessionToken":%q,"expiration":%q},"assumedRoleUser":{"assumedRoleId":"AROAQEXAMPLE%s:%s","arn":"arn:aws:sts::111122223333:assumed-role/%s/%s"}}`,
		role, name, key, token, at.Add(time.Hour).Format("Jan 2, 2006, 3:04:05 PM"), role, name, role, name))
}

// pipeline is a user's key that takes a role, whose session takes another one,
// which lists buckets n times. Another user's responder revokes that last role's
// sessions.
func (w *world) pipeline(t *testing.T, n int) {
	t.Helper()
	w.add(t,
		record("created", noon().Add(-40*24*time.Hour), `{"type":"IAMUser","principalId":"AIDAQEXAMPLEADMIN","arn":"arn:aws:iam::111122223333:user/admin","accountId":"111122223333","accessKeyId":"AKIAQEXAMPLE000ADMIN","userName":"admin"}`,
			"iam", "CreateAccessKey", `,"readOnly":false,"requestParameters":{"userName":"ci"},"responseElements":{"accessKey":{"userName":"ci","accessKeyId":"`+userKey+`","status":"Active"}}`),
		assumed("first", noon().Add(-50*time.Minute), ci, "build", "job-7", firstKey),
		assumed("second", noon().Add(-45*time.Minute), session("build", "job-7", firstKey, noon().Add(-50*time.Minute)), "deploy", "job-7", lastKey),
	)
	for i := range n {
		w.add(t, record(fmt.Sprintf("list%03d", i), noon().Add(-40*time.Minute+time.Duration(i)*time.Second), session("deploy", "job-7", lastKey, noon().Add(-45*time.Minute)), "s3", "ListBuckets", `,"readOnly":true`))
	}
	w.add(t, record("revoked", noon().Add(-20*time.Minute), session("responder", "erin", "ASIAQEXAMPLE0000RR01", noon().Add(-30*time.Minute)), "iam", "PutRolePolicy",
		`,"readOnly":false,"requestParameters":{"roleName":"deploy","policyName":"AWSRevokeOlderSessions","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":[\"*\"],\"Resource\":[\"*\"],\"Condition\":{\"DateLessThan\":{\"aws:TokenIssueTime\":\"2026-03-04T11:40:00Z\"}}}]}"}`))
}

func (w *world) request(a *history.Account) investigate.Request {
	return investigate.Request{
		Account: a.ID, Partition: a.Partition, Home: a.Home, Regions: a.Regions, From: noon().Add(-24 * time.Hour), To: noon(), Now: noon(),
		MaxRequests: 100, Settings: incident.Settings{Responders: []string{"responder"}},
	}
}

func run(t *testing.T, r investigate.Request, e investigate.Events, c investigate.Cache) investigate.Result {
	t.Helper()
	result, err := investigate.Run(t.Context(), r, e, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func text(t *testing.T, r investigate.Result, o investigate.TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := investigate.Text(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestLineageOfAChain asks about the last key of a chain, and finds it back to
// the user's key, and who cut it off.
func TestLineageOfAChain(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 3)
	a := w.open(t)
	r := w.request(a)
	r.Key = lastKey
	result := run(t, r, a, nil)
	k := result.Keys[0]
	if k.Owner.Name != "deploy" || k.Parent == nil || k.Parent.ID != firstKey || k.Parent.Parent == nil || k.Parent.Parent.ID != userKey {
		t.Fatalf("the chain is %+v", k)
	}
	if made := k.Parent.Parent.Issuance; made == nil || made.By != "user admin" {
		t.Errorf("the user's key was created by %+v", made)
	}
	if len(k.CutOffs) != 1 || k.CutOffs[0].By != "role responder (erin)" || len(k.Parent.CutOffs) != 0 {
		t.Errorf("cut off: %+v; the key above: %+v", k.CutOffs, k.Parent.CutOffs)
	}
	want := []investigate.Tally{{Operation: "s3:ListBuckets", Count: 3, Errors: map[string]int{}, First: noon().Add(-40 * time.Minute), Last: noon().Add(-40*time.Minute + 2*time.Second)}}
	if d := cmp.Diff(want, k.Calls); d != "" {
		t.Errorf("calls: %s", d)
	}
	for _, q := range w.History().Requests() {
		if q.Attribute != investigate.AccessKeyID && q.Attribute != investigate.ResourceName {
			t.Errorf("a key is asked for by %s", q.Attribute)
		}
	}
}

// TestLineageDownwards asks about the user's key, and finds what came of it.
func TestLineageDownwards(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 3)
	a := w.open(t)
	r := w.request(a)
	r.Key = userKey
	k := run(t, r, a, nil).Keys[0]
	if len(k.Children) != 1 || k.Children[0].ID != firstKey || len(k.Children[0].Children) != 1 || k.Children[0].Children[0].ID != lastKey {
		t.Fatalf("the keys below are %+v", k.Children)
	}
	if calls := k.Children[0].Children[0].Calls; len(calls) != 1 || calls[0].Count != 3 {
		t.Errorf("the last key's calls: %+v", calls)
	}
}

// TestPagesAndRate reads more than a page, at the rate that is allowed.
func TestPagesAndRate(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 120)
	a := w.open(t)
	r := w.request(a)
	r.Key = lastKey
	result := run(t, r, a, nil)
	if calls := result.Keys[0].Calls; len(calls) != 1 || calls[0].Count != 120 {
		t.Errorf("calls: %+v, want all 120", calls)
	}
	pages := 0
	var before time.Time
	for _, q := range w.History().Requests() {
		if q.Next {
			pages++
		}
		if d := q.Time.Sub(before); d < time.Second || q.Error != "" {
			t.Errorf("a request %s after the one before, answered %q", d, q.Error)
		}
		before = q.Time
	}
	if pages != 2 || result.Requests != len(w.History().Requests()) {
		t.Errorf("%d further pages in %d requests, want 2; %d were counted", pages, len(w.History().Requests()), result.Requests)
	}
}

// TestThrottling waits for others, and gives up only after a while.
func TestThrottling(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 1)
	a := w.open(t)
	r := w.request(a)
	r.Key = lastKey
	w.History().Fail("ThrottlingException", "ThrottlingException", "InternalFailure")
	if result := run(t, r, a, nil); len(result.Unread) != 0 || result.Keys[0].Parent == nil {
		t.Errorf("after some throttling, unread: %v", result.Unread)
	}
	if w.waiting < 2 {
		t.Errorf("%d waits were told, want at least 2", w.waiting)
	}
	w.History().Fail(slices.Repeat([]string{"ThrottlingException"}, 200)...)
	result := run(t, r, a, nil)
	if len(result.Unread) == 0 || !strings.Contains(result.Unread[0].Why, "throttled") {
		t.Errorf("while it is throttled, unread: %v", result.Unread)
	}
}

// TestARegionThatRefuses costs that Region alone.
func TestARegionThatRefuses(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 1)
	a := w.open(t, "us-east-1", "eu-south-1")
	w.SetRegion("eu-south-1", "DISABLED")
	r := w.request(a)
	r.Key = lastKey
	result := run(t, r, a, nil)
	if result.Keys[0].Parent == nil {
		t.Error("the other Region was not read")
	}
	if len(result.Unread) == 0 || result.Unread[0].Region != "eu-south-1" || !strings.Contains(result.Unread[0].Why, "not switched on") {
		t.Errorf("unread: %v", result.Unread)
	}
	w.Deny("cloudtrail:LookupEvents")
	if result = run(t, r, a, nil); len(result.Unread) == 0 || !strings.Contains(result.Unread[0].Why, "cloudtrail:LookupEvents") || result.Events != 0 {
		t.Errorf("without permission: %d events, unread %v", result.Events, result.Unread)
	}
}

// TestRegions are those named, the configured one, or all that are switched on.
func TestRegions(t *testing.T) {
	w := newWorld(t)
	w.SetRegion("eu-south-1", "DISABLED")
	for want, asked := range map[string][]string{
		"us-east-1":            nil,
		"us-east-1 eu-west-1":  {"eu-west-1", "us-east-1"},
		"us-east-1 eu-west-1 ": {history.All},
	} {
		if got := strings.Join(w.open(t, asked...).Regions, " "); got != strings.TrimSpace(want) {
			t.Errorf("asked for %v: %s, want %s", asked, got, want)
		}
	}
}

// killed is a history that ends the program after some pages.
type killed struct {
	investigate.Events
	pages int
}

var errKilled = errors.New("killed")

func (k *killed) Page(ctx context.Context, q investigate.Question, next string) (investigate.Page, error) {
	if k.pages--; k.pages < 0 {
		return investigate.Page{}, errKilled
	}
	return k.Events.Page(ctx, q, next)
}

// TestResume goes on where it was interrupted, at any page, and comes to the
// same answer. A line that was being written counts for nothing.
func TestResume(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 170)
	a := w.open(t)
	r := w.request(a)
	r.Key, r.Now = lastKey, noon().Add(time.Hour)
	whole := run(t, r, a, nil)
	for pages := range whole.Requests {
		folder := t.TempDir()
		cache, err := investigate.OpenFolder(folder, noon())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := investigate.Run(t.Context(), r, &killed{a, pages}, cache, nil); !errors.Is(err, errKilled) {
			t.Fatalf("after %d pages: %v", pages, err)
		}
		damage(t, folder)
		again := run(t, r, a, cache)
		// The page whose line was damaged is read again, and the last second of the
		// one before.
		if again.Requests > whole.Requests-pages+1 {
			t.Errorf("after %d of %d pages, %d more requests", pages, whole.Requests, again.Requests)
		}
		if d := cmp.Diff(whole, again, cmpopts.IgnoreFields(investigate.Result{}, "Requests"), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("after %d pages: %s", pages, d)
		}
		if third := run(t, r, a, cache); third.Requests != 0 {
			t.Errorf("a third time takes %d requests", third.Requests)
		}
	}
}

// damage cuts off the end of one file.
func damage(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) == 0 {
		return
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], b[:len(b)-5], 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWhatMayStillChangeIsAskedAgain: the history comes late.
func TestWhatMayStillChangeIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 3)
	a := w.open(t)
	r := w.request(a)
	r.Key = lastKey
	cache, err := investigate.OpenFolder(t.TempDir(), noon())
	if err != nil {
		t.Fatal(err)
	}
	run(t, r, a, cache)
	w.add(t, record("late", noon().Add(-5*time.Minute), session("deploy", "job-7", lastKey, noon().Add(-45*time.Minute)), "s3", "ListBuckets", `,"readOnly":true`))
	if calls := run(t, r, a, cache).Keys[0].Calls; len(calls) != 1 || calls[0].Count != 4 {
		t.Errorf("calls: %+v, want the late one too", calls)
	}
}

// TestSecretsEndInTheAdapter looks for the session token in files and outputs.
func TestSecretsEndInTheAdapter(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 3)
	a := w.open(t)
	folder := t.TempDir()
	cache, err := investigate.OpenFolder(filepath.Join(folder, "cache"), noon())
	if err != nil {
		t.Fatal(err)
	}
	r := w.request(a)
	r.Key = userKey
	result := run(t, r, a, cache)
	out := bytes.NewBufferString(text(t, result, investigate.TextOptions{Verbose: true}))
	if err := investigate.JSON(out, result); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), token[:20]) {
		t.Error("the output holds a session token")
	}
	files := 0
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(token[:20])) || bytes.Contains(b, []byte("sessionToken")) {
			t.Errorf("%s holds a session token", path)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files in the cache: %v", files, err)
	}
}

// TestLimit stops after the requests that were allowed, and says where.
func TestLimit(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 170)
	a := w.open(t)
	r := w.request(a)
	r.Key, r.MaxRequests = lastKey, 2
	result := run(t, r, a, nil)
	if result.Requests != 2 || len(result.Unread) == 0 || !strings.Contains(result.Unread[0].Why, "read back to 2026-03-04 11:2") {
		t.Errorf("%d requests, unread %v", result.Requests, result.Unread)
	}
}

// TestPrincipals are found by name and ARN.
func TestPrincipals(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 3)
	a := w.open(t)
	for _, p := range []incident.Principal{
		{Account: a.ID, Name: "deploy"},
		{Type: incident.Role, Account: a.ID, Name: "deploy", ARN: "arn:aws:iam::111122223333:role/deploy"},
		{Account: a.ID, Name: "ci"},
		{Type: incident.User, Account: a.ID, Name: "ci"},
	} {
		r := w.request(a)
		r.Principal = p
		result := run(t, r, a, nil)
		if len(result.Keys) != 1 || result.Keys[0].Owner.Name != p.Name || len(result.Keys[0].Calls) == 0 {
			t.Errorf("%+v: keys %+v", p, result.Keys)
		}
	}
}

// TestText is 80 columns wide, coloured or not, and says what is not seen.
func TestText(t *testing.T) {
	w := newWorld(t)
	w.pipeline(t, 3)
	a := w.open(t)
	for _, key := range []string{userKey, firstKey, lastKey, "ASIAQEXAMPLE0000ZZ99"} {
		r := w.request(a)
		r.Key = key
		r.Settings = incident.Settings{}
		result := run(t, r, a, nil)
		for _, o := range []investigate.TextOptions{{}, {Verbose: true}, {Color: true, MinSeverity: incident.Low}} {
			s := text(t, result, o)
			for line := range strings.Lines(s) {
				line = strings.TrimRight(line, "\n")
				if n := utf8.RuneCountInString(line); n > 80 && !strings.Contains(line, "`") && !strings.Contains(line, "https://") && !o.Color {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			if strings.Contains(s, "\x1b[") && !o.Color {
				t.Errorf("colours that nobody asked for:\n%s", s)
			}
			if !strings.Contains(s, "Unseen") || !strings.Contains(s, "Lineage") {
				t.Errorf("it lacks a part:\n%s", s)
			}
		}
		var b bytes.Buffer
		if err := investigate.JSON(&b, result); err != nil || !json.Valid(b.Bytes()) {
			t.Errorf("JSON: %v", err)
		}
	}
}
