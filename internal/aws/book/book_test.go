package book_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/aws/book"
	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/notify"
	"github.com/trailverdict/trailverdict/internal/notify/notifytest"
	"github.com/trailverdict/trailverdict/internal/store"
)

// account is the configuration and environment of a client of a local DynamoDB.
func account(url string) (aws.Config, func(string) string) {
	cfg := aws.Config{
		Region: localaws.Region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
		}),
	}
	return cfg, func(name string) string { return map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": url}[name] }
}

func client(t *testing.T) *ddb.Client {
	t.Helper()
	return ddb.NewClient(account(localaws.DynamoDB(t).URL))
}

// newTable returns the name of a new table, which is dropped after the test.
func newTable(t *testing.T, c *ddb.Client) string {
	t.Helper()
	name := "book-" + rand.Text()
	if err := dynamo.Create(context.Background(), c, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dynamo.Drop(context.Background(), c, name); err != nil {
			t.Error(err)
		}
	})
	return name
}

const month = 30 * 24 * time.Hour

func TestBook(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Store {
		c := client(t)
		return book.New(c, newTable(t, c), month)
	})
}

// TestTheBookExpiresAndIsNoEvidence looks at the items: they end some time, none
// begins like a case, and whoever reads all evidence does not meet them.
func TestTheBookExpiresAndIsNoEvidence(t *testing.T) {
	c := client(t)
	name := newTable(t, c)
	b := book.New(c, name, month)
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	page := notify.Page{CaseID: "tv-1", Claim: notify.Claim{Token: "x", Until: at.Add(-time.Hour)}, Told: map[string]notify.Told{"chat": {Revision: 1, At: at}}}
	if err := b.Keep(t.Context(), page); err != nil {
		t.Fatal(err)
	}
	if err := b.KeepCut(t.Context(), notify.Cut{CaseID: "tv-1", Names: []string{"role/111122223333/a"}, Until: at}); err != nil {
		t.Fatal(err)
	}
	var out ddb.Page
	if err := c.Call(t.Context(), "Scan", ddb.ScanInput{TableName: name}, &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Items) != 2 {
		t.Fatalf("%d items, want 2", len(out.Items))
	}
	for _, item := range out.Items {
		pk := item.Text(config.TablePartition)
		if strings.HasPrefix(pk, config.TableCases) {
			t.Errorf("%s begins like a case: notify would be told of its own writing", pk)
		}
		want := at.Add(month).Unix()
		if pk == "cuts" {
			want = at.Add(8 * 24 * time.Hour).Unix()
		}
		if got := item.Number(config.TableExpiry); got != want {
			t.Errorf("%s expires at %d, want %d", pk, got, want)
		}
	}
	evidence := dynamo.New(c, name, store.LiveLimits(), nil)
	signals, err := evidence.Signals(t.Context(), store.Query{})
	if err != nil || len(signals.Items) > 0 {
		t.Errorf("Signals() = %v, %v", signals, err)
	}
	uses, err := evidence.Uses(t.Context(), store.Query{})
	if err != nil || len(uses.Items) > 0 {
		t.Errorf("Uses() = %v, %v", uses, err)
	}
}

// TestAFullPageFits fills a page with all that may stand in it, in the longest
// words that come through.
func TestAFullPageFits(t *testing.T) {
	c := client(t)
	b := book.New(c, newTable(t, c), month)
	long := strings.Repeat("\x00", 512)
	page := notify.Page{CaseID: "tv-1", Name: long, Told: map[string]notify.Told{}}
	for range 60 { // as many as maxBrokenBytes allows of them
		page.Broken = append(page.Broken, notify.Broken{CaseID: "tv-0123456789abcdef0123", Subject: long, Name: strings.Repeat("\x00", 100)})
	}
	for _, channel := range []string{"findings", "chat", "email", "bus"} {
		told := notify.Told{Revision: 1}
		for range 500 {
			told.Members = append(told.Members, "0123456789abcdef")
		}
		page.Told[channel] = told
	}
	if err := b.Keep(t.Context(), page); err != nil {
		t.Fatal(err)
	}
	page.CaseID, page.Broken = "tv-2", nil
	for range 500 { // as many as maxBroken allows, in words of a usual length
		page.Broken = append(page.Broken, notify.Broken{CaseID: "tv-0123456789abcdef0123", Subject: strings.Repeat("s", 160), Name: strings.Repeat("n", 100)})
	}
	if err := b.Keep(t.Context(), page); err != nil {
		t.Fatal(err)
	}
}

func TestErrorsOfTheBookNameWhatFailed(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"slow down"}`)
	}))
	t.Cleanup(refusing.Close)
	b := book.New(ddb.NewClient(account(refusing.URL)), "trailverdict", month)
	_, page := b.Page(t.Context(), "tv-1")
	_, cuts := b.Cuts(t.Context(), time.Time{})
	for want, err := range map[string]error{
		"query page of tv-1 in table trailverdict: ": page,
		"put page of tv-1 into table trailverdict: ": b.Keep(t.Context(), notify.Page{CaseID: "tv-1"}),
		"query cut-offs in table trailverdict: ":     cuts,
		"put cut-off tv-1 into table trailverdict: ": b.KeepCut(t.Context(), notify.Cut{CaseID: "tv-1"}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "slow down") {
			t.Errorf("error = %v, want one that begins with %q", err, want)
		}
	}
}
