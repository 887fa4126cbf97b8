package dynamo_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trailverdict/trailverdict/internal/aws/book"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/notify"
	"github.com/trailverdict/trailverdict/internal/store"
)

// everyCall makes every kind of request, and returns what was sent.
func everyCall(t *testing.T) (sent []exchange) {
	t.Helper()
	g, c := newGate(t)
	g.see = func(x exchange) { sent = append(sent, x) }
	ctx := context.Background()
	name := "test-every-call"
	s := dynamo.New(c, name, store.Limits{SignalsPerHour: 100, Uses: 100, Retention: time.Hour}, func(dynamo.Cost) {})
	b := book.New(c, name, time.Hour)
	decided := decided()
	revised := caseOf(decided.Signals[0])
	revised.Version, revised.Due = 1, time.Time{}
	lots := many()
	for _, one := range lots.Signals {
		lots.Cases = append(lots.Cases, caseOf(one))
	}
	lots.Cases = lots.Cases[1:]
	var uses []incident.Use
	for i := range 80 {
		uses = append(uses, incident.Use{Account: "111122223333", AccessKeyID: "ASIA1", Last: noon().Add(time.Duration(i))})
	}
	for _, do := range []func() error{
		func() error { return dynamo.Create(ctx, c, name) },
		func() error { return s.Commit(ctx, one()) },
		func() error { return s.Commit(ctx, decided) },
		func() error { return s.Commit(ctx, store.Commit{Cases: []store.Case{revised}}) },
		func() error { return s.Commit(ctx, lots) },
		func() error { _, err := s.Signals(ctx, store.Query{}); return err },
		func() error { _, _, err := s.DueCases(ctx, noon(), ""); return err },
		func() error { return b.Keep(ctx, notify.Page{CaseID: "f"}) },
		func() error { return b.Keep(ctx, notify.Page{CaseID: "f", Version: 1}) },
		func() error {
			for i := range uses {
				if err := s.Commit(ctx, store.Commit{Uses: uses[i : i+1]}); err != nil {
					return err
				}
			}
			_, err := s.Uses(ctx, store.Query{Node: "key/ASIA1"})
			return err
		},
		func() error { return dynamo.Drop(ctx, c, name) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	return sent
}

// TestWhatIsSentIsTheAPIs holds each name that is sent to the SDK's description
// of the operation. DynamoDB Local passes over names that it does not know.
func TestWhatIsSentIsTheAPIs(t *testing.T) {
	inputs := map[string]any{
		"Query": dynamodb.QueryInput{}, "Scan": dynamodb.ScanInput{}, "PutItem": dynamodb.PutItemInput{}, "UpdateItem": dynamodb.UpdateItemInput{},
		"BatchGetItem": dynamodb.BatchGetItemInput{}, "BatchWriteItem": dynamodb.BatchWriteItemInput{},
		"TransactWriteItems": dynamodb.TransactWriteItemsInput{}, "CreateTable": dynamodb.CreateTableInput{}, "DeleteTable": dynamodb.DeleteTableInput{},
	}
	seen := map[string]bool{}
	for _, x := range everyCall(t) {
		seen[x.operation] = true
		input, ok := inputs[x.operation]
		if !ok {
			t.Fatalf("operation %s is not tested", x.operation)
		}
		var body any
		if err := json.Unmarshal(x.request, &body); err != nil {
			t.Fatalf("%s: %v", x.operation, err)
		}
		for _, bad := range strangers(body, reflect.TypeOf(input), x.operation) {
			t.Error(bad)
		}
	}
	if len(seen) != len(inputs) {
		t.Errorf("operations %v were tried, want all %d", seen, len(inputs))
	}
}

// strangers are the names in a body that its type does not have, and values of
// another kind.
func strangers(body any, typ reflect.Type, path string) (bad []string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ == reflect.TypeFor[types.AttributeValue]() {
		for name, v := range body.(map[string]any) {
			if _, text := v.(string); !text || !slices.Contains([]string{"S", "N", "B"}, name) {
				bad = append(bad, path+": attribute of type "+name)
			}
		}
		return bad
	}
	switch body := body.(type) {
	case map[string]any:
		for name, v := range body {
			switch field, ok := fieldOf(typ, name); {
			case typ.Kind() == reflect.Map:
				bad = append(bad, strangers(v, typ.Elem(), path+"."+name)...)
			case !ok:
				bad = append(bad, path+"."+name+" is unknown")
			default:
				bad = append(bad, strangers(v, field, path+"."+name)...)
			}
		}
	case []any:
		if typ.Kind() != reflect.Slice {
			return []string{path + " is a list"}
		}
		for _, v := range body {
			bad = append(bad, strangers(v, typ.Elem(), path+"[]")...)
		}
	default:
		if _, text := body.(string); text != (typ.Kind() == reflect.String) {
			return []string{fmt.Sprintf("%s is %T", path, body)}
		}
	}
	return bad
}

func fieldOf(typ reflect.Type, name string) (reflect.Type, bool) {
	if typ.Kind() != reflect.Struct {
		return nil, false
	}
	f, ok := typ.FieldByName(name)
	return f.Type, ok
}

// TestHeadersAreTheSDKs compares the headers that matter with those that the
// SDK sends.
func TestHeadersAreTheSDKs(t *testing.T) {
	g, c := newGate(t)
	var sent []http.Header
	g.see = func(x exchange) {
		if x.operation == "PutItem" {
			sent = append(sent, x.header)
		}
	}
	name := newTable(t, c)
	raw := dynamodb.NewFromConfig(sdkConfig(), func(o *dynamodb.Options) {
		server := httptest.NewServer(g)
		t.Cleanup(server.Close)
		o.BaseEndpoint = &server.URL
	})
	if err := dynamo.New(c, name, store.DefaultLimits(), nil).Commit(context.Background(), one()); err != nil {
		t.Fatal(err)
	}
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}, "sk": &types.AttributeValueMemberS{Value: "b"}}
	if _, err := raw.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &name, Item: item}); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 2 {
		t.Fatalf("%d items were put, want ours and theirs", len(sent))
	}
	ours, theirs := sent[0], sent[1]
	for _, header := range []string{"Content-Type", "X-Amz-Target", "Accept-Encoding", "X-Amz-Security-Token"} {
		if ours.Get(header) == "" || ours.Get(header) != theirs.Get(header) {
			t.Errorf("%s = %q, the SDK sends %q", header, ours.Get(header), theirs.Get(header))
		}
	}
	// The SDK counts its tries in headers of its own.
	want := strings.NewReplacer("amz-sdk-invocation-id;", "", "amz-sdk-request;", "").Replace(signed(theirs))
	if signed(ours) != want {
		t.Errorf("signed are %s, the SDK signs %s", signed(ours), want)
	}
}

// signed are the names of the headers that a signature covers.
func signed(h http.Header) string {
	_, names, _ := strings.Cut(h.Get("Authorization"), "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	return names
}

// TestTheSignatureIsThatOfWhatArrives signs what arrived once more.
func TestTheSignatureIsThatOfWhatArrives(t *testing.T) {
	creds, err := sdkConfig().Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, c := newGate(t)
	var host string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		g.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	var x exchange
	g.see = func(seen exchange) { x = seen }
	s := dynamo.New(clientAt(server.URL), newTable(t, c), store.DefaultLimits(), nil)
	if err := s.Commit(t.Context(), one()); err != nil {
		t.Fatal(err)
	}
	again, err := http.NewRequest(http.MethodPost, "http://"+host+"/", strings.NewReader(string(x.request)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Split(signed(x.header), ";") {
		if v := x.header.Get(name); v != "" {
			again.Header.Set(name, v)
		}
	}
	at, err := time.Parse("20060102T150405Z", x.header.Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(x.request)
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, again, hex.EncodeToString(sum[:]), "dynamodb", "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	if got, want := x.header.Get("Authorization"), again.Header.Get("Authorization"); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// TestADamagedAnswerIsNotBelieved changes an answer on its way.
func TestADamagedAnswerIsNotBelieved(t *testing.T) {
	g, c := newGate(t)
	name := newTable(t, c)
	if err := dynamo.New(c, name, store.DefaultLimits(), nil).Commit(t.Context(), decided()); err != nil {
		t.Fatal(err)
	}
	answers := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers++; answers <= 2 {
			w.Header().Set("X-Amz-Crc32", "1")
			_, _ = w.Write([]byte(`{"Items":[]}`))
			return
		}
		g.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	cases, err := dynamo.New(clientAt(server.URL), name, store.DefaultLimits(), nil).Cases(t.Context(), decided().Cases[0].Subject())
	if err != nil || len(cases) != 1 || answers != 3 {
		t.Errorf("Cases() = %v, %v after %d answers; want the one after 3", cases, err, answers)
	}
}
