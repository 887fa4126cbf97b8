package localaws_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

// clock is a clock that tests set.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// history holds n deletions of roles, one a minute up to noon, and a clock that
// stands at noon.
func history(t *testing.T, n int) (*localaws.EventHistory, *clock) {
	t.Helper()
	c := &clock{noon()}
	h := localaws.NewEventHistory(c.now)
	for i := range n {
		if err := h.Add(deletion(fmt.Sprintf("e%03d", i), noon().Add(time.Duration(i-n+1)*time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	return h, c
}

func deletion(id string, at time.Time) string {
	return fmt.Sprintf(`{"eventVersion":"1.11","eventID":%q,"eventTime":%q,"eventSource":"iam.amazonaws.com","eventName":"DeleteRole","awsRegion":"us-east-1",
		"userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEDEPLOYER1:oncall","accessKeyId":"ASIAEXAMPLEDEPLOYER1"},
		"requestParameters":{"roleName":"orders-api"},"responseElements":null,"readOnly":false,"managementEvent":true,"eventCategory":"Management","recipientAccountId":"111122223333"}`,
		id, at.Format(time.RFC3339))
}

const assumeRole = `{"eventVersion":"1.11","eventID":"issue","eventTime":"2026-03-04T11:00:00Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1",
	"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","userName":"ci","accessKeyId":"AKIAEXAMPLECI0000001"},
	"requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/orders-api","roleSessionName":"build-7"},
	"responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLEORDERS001","expiration":"Mar 4, 2026, 12:00:00 PM"},
	 "assumedRoleUser":{"assumedRoleId":"AROAEXAMPLEORDERS:build-7","arn":"arn:aws:sts::111122223333:assumed-role/orders-api/build-7"}},
	"readOnly":true,"managementEvent":true,"eventCategory":"Management","recipientAccountId":"111122223333"}`

// page is an answer, whether it went well or not.
type page struct {
	Events []struct {
		EventId, EventName, ReadOnly, Username, AccessKeyId, EventSource, CloudTrailEvent string
		EventTime                                                                         float64
		Resources                                                                         []struct{ ResourceType, ResourceName string }
	}
	NextToken string
	Type      string `json:"__type"`
}

func (p page) ids() []string {
	var out []string
	for _, e := range p.Events {
		out = append(out, e.EventId)
	}
	return out
}

func ask(t *testing.T, h http.Handler, region, body string) page {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	req.Header.Set("X-Amz-Target", "CloudTrail_20131101.LookupEvents")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260304/"+region+"/cloudtrail/aws4_request, SignedHeaders=host, Signature=0")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	var p page
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	if failed := p.Type != ""; failed != (w.Code == http.StatusBadRequest) {
		t.Fatalf("status %d with error %q", w.Code, p.Type)
	}
	return p
}

func by(key, value string) string {
	return fmt.Sprintf(`"LookupAttributes":[{"AttributeKey":%q,"AttributeValue":%q}]`, key, value)
}

func TestLookupRefusesWhatCloudTrailRefuses(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"no attribute, a bad page": {`{"MaxResults":51}`, "InvalidMaxResultsException"},
		"two attributes":           {`{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"x"},{"AttributeKey":"EventSource","AttributeValue":"y"}]}`, "InvalidLookupAttributesException"},
		"an address":               {`{` + by("SourceIPAddress", "192.0.2.1") + `}`, "InvalidLookupAttributesException"},
		"an empty value":           {`{` + by("EventName", "") + `}`, "InvalidLookupAttributesException"},
		"a page of none":           {`{"MaxResults":0,` + by("EventName", "x") + `}`, "InvalidMaxResultsException"},
		"a page of 51":             {`{"MaxResults":51,` + by("EventName", "x") + `}`, "InvalidMaxResultsException"},
		"a category":               {`{"EventCategory":"data",` + by("EventName", "x") + `}`, "InvalidEventCategoryException"},
		"an end before the start":  {`{"StartTime":10,"EndTime":9,` + by("EventName", "x") + `}`, "InvalidTimeRangeException"},
		"a token that nobody gave": {`{"NextToken":"abc",` + by("EventName", "x") + `}`, "InvalidNextTokenException"},
		"no JSON":                  {`]`, "SerializationException"},
		"all is well":              {`{"MaxResults":50,"StartTime":9,"EndTime":9,` + by("EventName", "x") + `}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := history(t, 1)
			if got := ask(t, h, "us-east-1", test.body); got.Type != test.want {
				t.Errorf("error %q, want %q", got.Type, test.want)
			}
		})
	}
}

func TestLookupPagesNewestFirst(t *testing.T) {
	h, c := history(t, 120)
	var all []string
	next := ""
	for _, want := range []int{50, 50, 20} {
		p := ask(t, h, "us-east-1", `{`+next+by("EventName", "DeleteRole")+`}`)
		if len(p.Events) != want || (p.NextToken == "") != (want == 20) {
			t.Fatalf("a page of %d events, next %q; want %d", len(p.Events), p.NextToken, want)
		}
		all = append(all, p.ids()...)
		next = fmt.Sprintf(`"NextToken":%q,`, p.NextToken)
		c.Time = c.Add(time.Second)
		if err := h.Add(deletion("new"+p.NextToken, c.Time)); err != nil { // what comes in between spoils nothing
			t.Fatal(err)
		}
	}
	if !slices.IsSortedFunc(all, func(a, b string) int { return strings.Compare(b, a) }) || len(slices.Compact(all)) != 120 {
		t.Errorf("not newest first, each once: %v", all)
	}
}

func TestLookupWithoutAttributeShowsEverything(t *testing.T) {
	h, _ := history(t, 3)
	if err := h.Add(assumeRole); err != nil {
		t.Fatal(err)
	}
	if p := ask(t, h, "us-east-1", `{}`); len(p.Events) != 3 {
		t.Errorf("%d events, want all 3 of the Region", len(p.Events))
	}
}

func TestLookupTokenNeedsEqualParameters(t *testing.T) {
	for name, change := range map[string]string{
		"another value":       by("EventName", "CreateRole"),
		"another attribute":   by("EventSource", "DeleteRole"),
		"another start":       `"StartTime":5,` + by("EventName", "DeleteRole"),
		"another page size":   `"MaxResults":49,` + by("EventName", "DeleteRole"),
		"equal parameters":    by("EventName", "DeleteRole"),
		"another end as well": `"EndTime":1e10,` + by("EventName", "DeleteRole"),
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := history(t, 60)
			first := ask(t, h, "us-east-1", `{`+by("EventName", "DeleteRole")+`}`)
			want := "InvalidNextTokenException"
			if name == "equal parameters" {
				want = ""
			}
			if got := ask(t, h, "us-east-1", fmt.Sprintf(`{"NextToken":%q,%s}`, first.NextToken, change)); got.Type != want {
				t.Errorf("error %q, want %q", got.Type, want)
			}
		})
	}
}

func TestLookupAllowsTwoRequestsASecondInARegion(t *testing.T) {
	h, c := history(t, 1)
	body := `{` + by("EventName", "DeleteRole") + `}`
	got := []string{
		ask(t, h, "us-east-1", body).Type, ask(t, h, "us-east-1", body).Type, ask(t, h, "us-east-1", body).Type,
		ask(t, h, "eu-west-1", body).Type,
	}
	c.Time = c.Add(999 * time.Millisecond)
	got = append(got, ask(t, h, "us-east-1", body).Type)
	c.Time = c.Add(time.Millisecond)
	got = append(got, ask(t, h, "us-east-1", body).Type)
	if want := []string{"", "", "ThrottlingException", "", "ThrottlingException", ""}; !slices.Equal(got, want) {
		t.Errorf("errors %q, want %q", got, want)
	}
	if requests := h.Requests(); len(requests) != 6 || requests[2].Error != "ThrottlingException" || requests[3].Region != "eu-west-1" {
		t.Errorf("requests %+v", requests)
	}
}

func TestLookupSelects(t *testing.T) {
	for name, test := range map[string]struct {
		region, body string
		want         []string
	}{
		"what issued a key":            {"eu-west-1", by("ResourceName", "ASIAEXAMPLEORDERS001"), []string{"issue"}},
		"the issuing of a session":     {"eu-west-1", by("ResourceName", "build-7"), []string{"issue"}},
		"the use of a role":            {"eu-west-1", by("ResourceName", "arn:aws:iam::111122223333:role/orders-api"), []string{"issue"}},
		"a key's own calls":            {"eu-west-1", by("AccessKeyId", "AKIAEXAMPLECI0000001"), []string{"issue"}},
		"an issued key's own calls":    {"eu-west-1", by("AccessKeyId", "ASIAEXAMPLEORDERS001"), nil},
		"a user":                       {"eu-west-1", by("Username", "ci"), []string{"issue"}},
		"a session":                    {"us-east-1", by("Username", "oncall"), []string{"e001", "e000"}},
		"reading calls":                {"eu-west-1", by("ReadOnly", "true"), []string{"issue"}},
		"changes":                      {"us-east-1", by("ReadOnly", "false"), []string{"e001", "e000"}},
		"a type of resources":          {"us-east-1", by("ResourceType", "AWS::IAM::Role"), []string{"e001", "e000"}},
		"an event":                     {"us-east-1", by("EventId", "e000"), []string{"e000"}},
		"a source":                     {"us-east-1", by("EventSource", "iam.amazonaws.com"), []string{"e001", "e000"}},
		"another Region":               {"us-east-1", by("EventId", "issue"), nil},
		"a start, included":            {"us-east-1", fmt.Sprintf(`"StartTime":%d,%s`, noon().Unix(), by("EventName", "DeleteRole")), []string{"e001"}},
		"an end, included":             {"us-east-1", fmt.Sprintf(`"EndTime":%d,%s`, noon().Unix()-60, by("EventName", "DeleteRole")), []string{"e000"}},
		"Insights, of which there are": {"us-east-1", `"EventCategory":"insight",` + by("EventName", "DeleteRole"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := history(t, 2)
			if err := h.Add(assumeRole); err != nil {
				t.Fatal(err)
			}
			if got := ask(t, h, test.region, `{`+test.body+`}`); !slices.Equal(got.ids(), test.want) || got.Type != "" {
				t.Errorf("events %v, error %q; want %v", got.ids(), got.Type, test.want)
			}
		})
	}
}

func TestLookupShowsManagementEventsOfNinetyDaysAfterAWhile(t *testing.T) {
	h, c := history(t, 0)
	old := noon().Add(-90 * 24 * time.Hour)
	data := strings.ReplaceAll(deletion("data", noon()), `"managementEvent":true,"eventCategory":"Management"`, `"managementEvent":false,"eventCategory":"Data"`)
	if err := h.Add(deletion("old", old), deletion("older", old.Add(-time.Second)), data); err != nil {
		t.Fatal(err)
	}
	if err := h.AddLater(noon().Add(10*time.Minute), deletion("late", noon().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	body := `{` + by("EventName", "DeleteRole") + `}`
	if got := ask(t, h, "us-east-1", body).ids(); !slices.Equal(got, []string{"old"}) {
		t.Errorf("at noon it shows %v, want the one of 90 days ago", got)
	}
	c.Time = noon().Add(10 * time.Minute)
	if got := ask(t, h, "us-east-1", body).ids(); !slices.Equal(got, []string{"late"}) {
		t.Errorf("later it shows %v, want what came late", got)
	}
}

func TestLookupShowsAnEventAsCloudTrailDoes(t *testing.T) {
	h, _ := history(t, 0)
	if err := h.Add(assumeRole); err != nil {
		t.Fatal(err)
	}
	got := ask(t, h, "eu-west-1", `{`+by("EventId", "issue")+`}`)
	if len(got.Events) != 1 {
		t.Fatalf("%d events", len(got.Events))
	}
	e := got.Events[0]
	if e.ReadOnly != "true" || e.Username != "ci" || e.AccessKeyId != "AKIAEXAMPLECI0000001" || e.CloudTrailEvent != assumeRole ||
		e.EventTime != float64(noon().Add(-time.Hour).Unix()) || len(e.Resources) != 5 {
		t.Errorf("event %+v", e)
	}
}

func TestLookupFailsOnDemand(t *testing.T) {
	h, c := history(t, 1)
	h.Fail("InternalFailure", "AccessDeniedException")
	body := `{` + by("EventName", "DeleteRole") + `}`
	var got []string
	for range 3 {
		got = append(got, ask(t, h, "us-east-1", body).Type)
		c.Time = c.Add(time.Second)
	}
	if want := []string{"InternalFailure", "AccessDeniedException", ""}; !slices.Equal(got, want) {
		t.Errorf("errors %q, want %q", got, want)
	}
}

func TestEventHistoryTakesRecordsAlone(t *testing.T) {
	h, _ := history(t, 0)
	if err := h.Add("]"); err == nil {
		t.Error("Add() took what is no JSON")
	}
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
	req.Header.Set("X-Amz-Target", "CloudTrail_20131101.StopLogging")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "UnknownOperationException") {
		t.Errorf("another operation: %d %s", w.Code, w.Body)
	}
}
