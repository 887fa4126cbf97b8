package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/aws/book"
	"github.com/trailverdict/trailverdict/internal/aws/canary"
	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/eventpattern"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/notify"
	"github.com/trailverdict/trailverdict/internal/store"
)

// TestCasesAloneStartNotify lets the real store and the real book write, and
// puts the keys that they write to the filter of the table's stream.
func TestCasesAloneStartNotify(t *testing.T) {
	written := &keys{}
	client := written.client(t)
	s, b := dynamo.New(client, "table", store.LiveLimits(), nil), book.New(client, "table", time.Hour)
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	role := incident.Principal{Type: incident.Role, Account: "111122223333", Name: "orders-api"}
	signal := incident.Signal{ID: "e1", Account: role.Account, Time: at, Kind: incident.CallDenied, Target: role, Key: "ASIARTX3GSDS3ORDB3G4"}
	use := incident.Use{Principal: role, AccessKeyID: signal.Key, First: at, Last: at}
	longest := incident.Principal{Type: incident.Workload, Account: role.Account, Name: strings.Repeat("payments ", 100)}
	for name, tt := range map[string]struct {
		write  func(context.Context) error
		starts bool
	}{
		"a canary": {func(ctx context.Context) error {
			return canary.New(client, "table").Keep(ctx, incident.Canary{ID: "c-1", Sent: at}, at)
		}, true},
		"a case":                               {func(ctx context.Context) error { return s.Commit(ctx, commitOf(role)) }, true},
		"a case of a subject with a long name": {func(ctx context.Context) error { return s.Commit(ctx, commitOf(longest)) }, true},
		"quiet: evidence": {func(ctx context.Context) error {
			return s.Commit(ctx, store.Commit{Signals: []incident.Signal{signal}, Uses: []incident.Use{use}})
		}, false},
		"quiet: evidence to be looked at again": {func(ctx context.Context) error {
			return s.Commit(ctx, store.Commit{Signals: []incident.Signal{signal, {ID: "e2", Time: at, Target: longest}}, Recheck: at})
		}, false},
		"quiet: notes":                   {func(ctx context.Context) error { return s.SaveNotes(ctx, "settle", []byte("{}"), 0) }, false},
		"quiet: what was told of a case": {func(ctx context.Context) error { return b.Keep(ctx, notify.Page{CaseID: "tv-1"}) }, false},
		"quiet: a cut-off":               {func(ctx context.Context) error { return b.KeepCut(ctx, notify.Cut{CaseID: "tv-1", Until: at}) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.write(t.Context()); err != nil {
				t.Fatal(err)
			}
			nodes := written.take()
			if len(nodes) == 0 {
				t.Fatal("nothing was written")
			}
			for _, node := range nodes {
				for event, starts := range map[string]bool{"INSERT": tt.starts, "MODIFY": tt.starts && !isCanary(node), "REMOVE": false} {
					if got := startsNotify(t, event, node); got != starts {
						t.Errorf("%s of %q starts notify: %t, want %t", event, node, got, starts)
					}
				}
			}
		})
	}
}

// TestStreamFilterIsInTheTemplate looks for the filter that is tested above.
func TestStreamFilterIsInTheTemplate(t *testing.T) {
	for _, r := range deployments["smallest"](t)["trailverdict"].of("AWS::Lambda::EventSourceMapping") {
		if source, _ := json.Marshal(r.Properties["EventSourceArn"]); !strings.Contains(string(source), "StreamArn") {
			continue
		}
		filters, _ := json.Marshal(r.Properties["FilterCriteria"])
		want, _ := json.Marshal(map[string]any{"Filters": []any{map[string]string{"Pattern": casesAlone}, map[string]string{"Pattern": newCanaries}}})
		if !equalJSON(t, filters, want) {
			t.Errorf("the stream is filtered by %s, want %s", filters, want)
		}
		return
	}
	t.Error("no function is started by the table's stream")
}

func commitOf(subject incident.Principal) store.Commit {
	return store.Commit{Cases: []store.Case{{Finding: incident.Finding{ID: "tv-1", Subject: incident.Subject{Principal: subject}}}}}
}

// isCanary: that one went out is written down in the same item.
func isCanary(node string) bool { return strings.HasPrefix(node, config.TableCanaries) }

func startsNotify(t *testing.T, event, node string) bool {
	t.Helper()
	record, err := json.Marshal(map[string]any{
		"eventName": event, "eventSource": "aws:dynamodb",
		"dynamodb": map[string]any{"Keys": map[string]any{
			config.TablePartition: map[string]string{"S": node}, config.TableSort: map[string]string{"S": "any"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{casesAlone, newCanaries} {
		pattern, err := eventpattern.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		yes, err := pattern.Matches(record)
		if err != nil {
			t.Fatal(err)
		}
		if yes {
			return true
		}
	}
	return false
}

// keys are the partition keys that were written to a DynamoDB that says yes to
// everything.
type keys struct{ seen map[string]bool }

func (k *keys) take() []string {
	nodes := slices.Sorted(maps.Keys(k.seen))
	k.seen = nil
	return nodes
}

func (k *keys) client(t *testing.T) *ddb.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		walk(body, k.note)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "us-east-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIA4TRAILV3RD1CT000", SecretAccessKey: "invented"}, nil
	})}
	return dynamo.NewClient(cfg, func(name string) string {
		return map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": server.URL}[name]
	})
}

// note keeps an object's partition key, if it has one: that of an item or of an
// update's key.
func (k *keys) note(object map[string]any) {
	value, ok := object[config.TablePartition].(map[string]any)
	if !ok {
		return
	}
	if k.seen == nil {
		k.seen = map[string]bool{}
	}
	k.seen[fmt.Sprint(value["S"])] = true
}
