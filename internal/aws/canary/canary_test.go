package canary_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/aws/canary"
	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
)

func table(t *testing.T) (*canary.Table, *ddb.Client, string) {
	t.Helper()
	cfg := aws.Config{Region: localaws.Region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
	})}
	url := localaws.DynamoDB(t).URL
	client := ddb.NewClient(cfg, func(name string) string { return map[string]string{"AWS_ENDPOINT_URL": url}[name] })
	name := "canary-" + rand.Text()
	if err := dynamo.Create(t.Context(), client, name); err != nil {
		t.Fatal(err)
	}
	return canary.New(client, name), client, name
}

// TestCanariesPassTheTable follows one from detect to whoever sent it.
func TestCanariesPassTheTable(t *testing.T) {
	c, client, name := table(t)
	ctx, sent := t.Context(), time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	one := incident.Canary{ID: "c-1", Account: "111122223333", Region: "eu-west-1", Sent: sent}
	when := func(wantKept bool, want time.Time) {
		t.Helper()
		if got, kept, err := c.When(ctx, one.ID); err != nil || kept != wantKept || !got.Equal(want) {
			t.Errorf("When() = %v, %t, %v; want %v, %t", got, kept, err, want, wantKept)
		}
	}
	when(false, time.Time{})
	if err := c.Keep(ctx, one, sent); err != nil {
		t.Fatal(err)
	}
	when(true, time.Time{})
	image := imageOf(t, client, name)
	if got, ok, err := canary.FromStream(image); err != nil || !ok || got != one {
		t.Errorf("FromStream() = %+v, %t, %v", got, ok, err)
	}
	told := sent.Add(2500 * time.Millisecond)
	if err := c.Told(ctx, one, told); err != nil {
		t.Fatal(err)
	}
	if err := c.Keep(ctx, one, sent.Add(time.Minute)); err != nil { // the queue delivers again
		t.Fatal(err)
	}
	when(true, told)
	if _, ok, err := canary.FromStream(imageOf(t, client, name)); ok || err != nil {
		t.Errorf("one that was told is told again: %v", err)
	}
}

// imageOf is the table's only item, as a record of the stream has it.
func imageOf(t *testing.T, client *ddb.Client, name string) []byte {
	t.Helper()
	var page ddb.Page
	if err := client.Call(t.Context(), "Scan", ddb.ScanInput{TableName: name, ConsistentRead: true}, &page); err != nil || len(page.Items) != 1 {
		t.Fatalf("%d items, %v", len(page.Items), err)
	}
	image, err := json.Marshal(page.Items[0])
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func FuzzFromStream(f *testing.F) {
	f.Add([]byte(`{"pk":{"S":"canary/c-1"},"sk":{"S":"canary"},"sent":{"S":"2026-03-01T10:00:00Z"}}`))
	f.Add([]byte(`{"pk":{"S":"canary/c-1"},"sent":{"S":"2026-03-01T10:00:00Z"},"told":{"S":"2026-03-01T10:00:02Z"}}`))
	f.Add([]byte(`{"pk":{"S":"canary/c-1"},"sent":{"N":"1"}}`))
	f.Add([]byte(`{"pk":{"S":"case/x"}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, image []byte) {
		c, ok, err := canary.FromStream(image)
		if ok && (err != nil || c.Sent.IsZero() && !strings.Contains(string(image), "0001-01-01")) || !ok && c != (incident.Canary{}) {
			t.Errorf("FromStream(%s) = %+v, %t, %v", image, c, ok, err)
		}
	})
}
