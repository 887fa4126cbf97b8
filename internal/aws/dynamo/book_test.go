package dynamo_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/notify"
	"github.com/trailverdict/trailverdict/internal/notify/notifytest"
	"github.com/trailverdict/trailverdict/internal/store"
)

const month = 30 * 24 * time.Hour

func TestBook(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Store {
		c := client(t)
		return dynamo.NewBook(c, newTable(t, c), month)
	})
}

// TestTheBookExpiresAndIsNoEvidence looks at the items: they end some time, none
// begins like a case, and whoever reads all evidence does not meet them.
func TestTheBookExpiresAndIsNoEvidence(t *testing.T) {
	c := client(t)
	name := newTable(t, c)
	book := dynamo.NewBook(c, name, month)
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	page := notify.Page{CaseID: "tv-1", Claim: notify.Claim{Token: "x", Until: at.Add(-time.Hour)}, Told: map[string]notify.Told{"chat": {Revision: 1, At: at}}}
	if err := book.Keep(t.Context(), page); err != nil {
		t.Fatal(err)
	}
	if err := book.KeepCut(t.Context(), notify.Cut{CaseID: "tv-1", Names: []string{"role/111122223333/a"}, Until: at}); err != nil {
		t.Fatal(err)
	}
	out, err := c.Scan(context.Background(), &dynamodb.ScanInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Items) != 2 {
		t.Fatalf("%d items, want 2", len(out.Items))
	}
	for _, item := range out.Items {
		pk := item[config.TablePartition].(*types.AttributeValueMemberS).Value
		if strings.HasPrefix(pk, config.TableCases) {
			t.Errorf("%s begins like a case: notify would be told of its own writing", pk)
		}
		expires, ok := item[config.TableExpiry].(*types.AttributeValueMemberN)
		want := strconv.FormatInt(at.Add(month).Unix(), 10)
		if pk == "cuts" {
			want = strconv.FormatInt(at.Add(8*24*time.Hour).Unix(), 10)
		}
		if !ok || expires.Value != want {
			t.Errorf("%s expires at %v, want %s", pk, item[config.TableExpiry], want)
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
	book := dynamo.NewBook(c, newTable(t, c), month)
	long := strings.Repeat("\x00", 512)
	page := notify.Page{CaseID: "tv-1", Name: long, Told: map[string]notify.Told{}}
	for range 50 {
		page.Broken = append(page.Broken, notify.Broken{CaseID: "tv-0123456789abcdef0123", Subject: long, Name: strings.Repeat("\x00", 100)})
	}
	for _, channel := range []string{"findings", "chat", "email", "bus"} {
		told := notify.Told{Revision: 1}
		for range 500 {
			told.Members = append(told.Members, "0123456789abcdef")
		}
		page.Told[channel] = told
	}
	if err := book.Keep(t.Context(), page); err != nil {
		t.Fatal(err)
	}
}

// refusing is DynamoDB when it has enough.
type refusing struct{ dynamo.BookAPI }

func (refusing) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return nil, &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
}

func (refusing) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return nil, &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
}

func TestErrorsOfTheBookNameWhatFailed(t *testing.T) {
	book := dynamo.NewBook(refusing{}, "trailverdict", month)
	_, page := book.Page(t.Context(), "tv-1")
	_, cuts := book.Cuts(t.Context(), time.Time{})
	for want, err := range map[string]error{
		"query page of tv-1 in table trailverdict: ": page,
		"put page of tv-1 into table trailverdict: ": book.Keep(t.Context(), notify.Page{CaseID: "tv-1"}),
		"query cut-offs in table trailverdict: ":     cuts,
		"put cut-off tv-1 into table trailverdict: ": book.KeepCut(t.Context(), notify.Cut{CaseID: "tv-1"}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "slow down") {
			t.Errorf("error = %v, want one that begins with %q", err, want)
		}
	}
}
