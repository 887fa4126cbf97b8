package sns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

// service is SNS as far as publishing goes: it keeps the rules of its
// documentation.
type service struct {
	got []*sns.PublishInput
	err error
}

func (s *service) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if s.err != nil {
		return nil, s.err
	}
	if err := invalid(in); err != nil {
		return nil, err
	}
	s.got = append(s.got, in)
	return &sns.PublishOutput{MessageId: aws.String("m")}, nil
}

// invalid says what SNS, or a queue behind it, would refuse.
func invalid(in *sns.PublishInput) error {
	total := len(*in.Message)
	texts := map[string]string{"message": *in.Message}
	for name, v := range in.MessageAttributes {
		if *v.StringValue == "" || v.BinaryValue != nil {
			return fmt.Errorf("InvalidParameterValue: attribute %s is empty", name)
		}
		total += len(name) + len(*v.DataType) + len(*v.StringValue)
		texts[name] = *v.StringValue
	}
	for name, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' || r == 0xfffe || r == 0xffff }) {
			return fmt.Errorf("InvalidParameterValue: %s holds what is no character", name)
		}
	}
	if in.Subject != nil {
		if s := *in.Subject; len(s) == 0 || len(s) >= 100 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("InvalidParameter: subject %q", s)
		}
	}
	switch {
	case total > 262_144:
		return fmt.Errorf("InvalidParameter: %d bytes are too long", total)
	case len(*in.Message) == 0:
		return errors.New("InvalidParameter: empty message")
	case in.MessageStructure != nil:
		return errors.New("with a message structure the attributes are lost")
	case len(in.MessageAttributes) > 10:
		return errors.New("a queue with raw delivery drops messages with more than ten attributes")
	}
	return nil
}

func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-03-04 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// opened is a finding of a role that was opened to strangers.
func opened() incident.Finding {
	return incident.Finding{
		ID: "tv-4f1d2a90c3b7e815", Revision: 3, Status: incident.Open, Account: "111122223333", Region: "us-east-1", Partition: "aws",
		Subject: incident.Subject{Principal: incident.Principal{
			Type: incident.Role, Account: "111122223333", Name: "payments-role", ARN: "arn:aws:iam::111122223333:role/payments-role",
		}},
		Verdict: incident.Compromise, Cause: incident.TrustOpened, Confidence: 0.97, Severity: incident.Critical,
		FirstSeen: at("10:00:00"), LastSeen: at("10:07:02"), Summary: "Role payments-role can now be assumed by strangers.",
		Evidence: []incident.Evidence{
			{EventID: "e-1", Time: at("10:00:00"), Signal: incident.TrustChanged, Direction: incident.Compromise, Weight: 3.4, Fact: "role payments-role now trusts account 999988887777"},
			{EventID: "e-2", Time: at("10:07:02"), Signal: incident.SessionIssued, Direction: incident.Compromise, Weight: 2.9, Fact: "account 999988887777 assumed the role"},
		},
		NextSteps: []string{"Close the trust policy again: `aws iam update-assume-role-policy --role-name payments-role --policy-document file://trust.json`"},
	}
}

func topics(s Sender) map[string]*Topic {
	const arn = "arn:aws:sns:us-east-1:111122223333:trailverdict-"
	return map[string]*Topic{"findings": Findings(s, arn+"findings"), "chat": Chat(s, arn+"chat"), "email": Email(s, arn+"email")}
}

func TestWhatIsPublished(t *testing.T) {
	note := render.Note{Thread: "tv-0", News: "The severity was raised from high to critical."}
	bodies := map[string]func(io.Writer) error{
		"findings": func(w io.Writer) error { return render.JSON(w, opened()) },
		"chat":     func(w io.Writer) error { return render.Chat(w, opened(), note) },
		"email":    func(w io.Writer) error { return render.Email(w, opened(), note) },
	}
	for name, topic := range topics(&service{}) {
		t.Run(name, func(t *testing.T) {
			s := &service{}
			topic.client = s
			if err := topic.Publish(t.Context(), opened(), note); err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := bodies[name](&want); err != nil {
				t.Fatal(err)
			}
			in := s.got[0]
			if got := *in.Message; got != strings.TrimSuffix(want.String(), "\n") {
				t.Errorf("message:\n%s\nwant:\n%s", got, want.String())
			}
			if *in.TopicArn != topic.arn {
				t.Errorf("topic %s", *in.TopicArn)
			}
			if subject := "[COMPROMISE] role payments-role: trust opened (critical), update"; name == "email" && aws.ToString(in.Subject) != subject {
				t.Errorf("subject = %q, want %q", aws.ToString(in.Subject), subject)
			}
			if name != "email" && in.Subject != nil {
				t.Errorf("subject = %q, want none", *in.Subject)
			}
			got := map[string]string{}
			for name, v := range in.MessageAttributes {
				got[name] = *v.DataType + " " + *v.StringValue
			}
			if d := cmp.Diff(map[string]string{
				"verdict": "String compromise", "cause": "String trust_opened", "severity": "String critical", "account": "String 111122223333",
				"subjectType": "String role", "subject": "String payments-role", "revision": "Number 3",
			}, got); d != "" {
				t.Errorf("attributes differ (-want +got):\n%s", d)
			}
		})
	}
}

// TestCanariesAskForNoAttention: a test alert has a schema of its own, and nothing
// by which routes choose findings.
func TestCanariesAskForNoAttention(t *testing.T) {
	for _, c := range []incident.Canary{{ID: "c-1", Sent: at("10:00:00")}, {ID: "c-2", Account: "111122223333", Region: "eu-west-1", Sent: at("10:00:00")}} {
		s := &service{}
		if err := topics(s)["findings"].PublishCanary(context.Background(), c, at("10:00:02")); err != nil {
			t.Fatal(err)
		}
		schematest.Lines(t, *s.got[0].Message)
		for name := range s.got[0].MessageAttributes {
			if name != "canary" && name != "account" {
				t.Errorf("it has the attribute %s", name)
			}
		}
	}
}

func TestAttributesOfSubjectsThatAreHardToName(t *testing.T) {
	f := opened()
	f.Account, f.Subject.Name = "", "a\x00b\u202e\ufffe "
	list := attributes(f, render.Note{})
	if _, ok := list["account"]; ok {
		t.Error("an unknown account is an empty attribute, which SNS refuses")
	}
	if got := *list["subject"].StringValue; got != `a\u0000b\u202e\ufffe` {
		t.Errorf("subject = %q", got)
	}
	f.Subject.Name = strings.Repeat("ü", 300)
	if got := *list["subject"].StringValue; len(got) > maxValue {
		t.Errorf("a value of %d bytes", len(got))
	}
	if got := *attributes(f, render.Note{})["subject"].StringValue; !utf8.ValidString(got) || !strings.HasSuffix(got, "ü…") || len(got) > maxValue || len(got) < maxValue-4 {
		t.Errorf("cut to %q", got)
	}
}

func TestErrorsNameTheFindingAndTheTopic(t *testing.T) {
	refused := errors.New("AuthorizationError")
	for name, topic := range topics(&service{err: refused}) {
		err := topic.Publish(t.Context(), opened(), render.Note{})
		if want := "publish finding tv-4f1d2a90c3b7e815 to topic trailverdict-" + name + ": AuthorizationError"; err == nil || err.Error() != want || !errors.Is(err, refused) {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
}

func TestALongFindingSaysWhatIsLeftOut(t *testing.T) {
	f := opened()
	f.Evidence = nil
	for i := range 400 {
		f.Evidence = append(f.Evidence, incident.Evidence{
			EventID: fmt.Sprintf("e-%03d", i), Time: at("10:00:00").Add(time.Duration(i) * time.Second), Weight: float64(i % 7),
			Fact: strings.Repeat("ü", 350),
		})
	}
	s := &service{}
	if err := topics(s)["findings"].Publish(t.Context(), f, render.Note{}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		ID       string
		Evidence []struct {
			EventID string
			Weight  float64
			Fact    string
		}
		WouldChange []string
	}
	if err := json.Unmarshal([]byte(*s.got[0].Message), &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != f.ID || len(got.Evidence) != 200 {
		t.Fatalf("%s has %d facts, want 200", got.ID, len(got.Evidence))
	}
	if want := "evidence that was left out: long texts, and 200 of 400 facts, since a message holds no more"; !slices.Contains(got.WouldChange, want) {
		t.Errorf("would change: %q", got.WouldChange)
	}
	ids := []string{}
	for _, e := range got.Evidence {
		ids = append(ids, e.EventID)
		if e.Weight < 3 {
			t.Errorf("%s of weight %v is kept", e.EventID, e.Weight)
		}
	}
	if !slices.IsSorted(ids) {
		t.Error("the facts are not in the order of time")
	}
	if len(f.Evidence) != 400 || len(f.Capped) > 0 {
		t.Error("the caller's finding was changed")
	}
}

// The quiet twin: what fits is left as it is.
func TestWhatFitsIsNotCut(t *testing.T) {
	f := opened()
	f.Summary = strings.Repeat("x", 200<<10)
	s := &service{}
	if err := topics(s)["findings"].Publish(t.Context(), f, render.Note{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(*s.got[0].Message, f.Summary) {
		t.Error("a summary was cut that fits")
	}
}

// TestAnythingCanBePublished gives findings any text of any length, and lets the
// service judge the messages.
func TestAnythingCanBePublished(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		unit := rapid.StringOfN(rapid.Rune(), 1, 8, -1).Draw(r, "text")
		long := strings.Repeat(unit, rapid.SampledFrom([]int{1, 40, 400}).Draw(r, "times"))
		list := slices.Repeat([]string{long}, rapid.SampledFrom([]int{0, 1, 20}).Draw(r, "items"))
		f := opened()
		f.Subject.Name, f.Subject.ARN, f.Summary, f.Region = long, long, long, long
		f.Subject.AccessKeyIDs, f.Subject.Workloads, f.WouldChange, f.NextSteps, f.ATTACK, f.Capped = list, list, list, list, list, list
		f.BlastRadius = &incident.BlastRadius{Principals: list, Services: list}
		for range list {
			e := incident.Evidence{EventID: long, Actor: long, SourceIP: long, Fact: long, Time: at("10:00:00")}
			f.Evidence, f.CounterEvidence = append(f.Evidence, e), append(f.CounterEvidence, e)
		}
		s := &service{}
		for name, topic := range topics(s) {
			if err := topic.Publish(context.Background(), f, render.Note{News: render.Short(long, 1000)}); err != nil {
				r.Fatalf("%s: %v", name, err)
			}
		}
		for _, in := range s.got {
			if strings.HasSuffix(*in.TopicArn, "findings") && !json.Valid([]byte(*in.Message)) {
				r.Fatal("the message is no JSON")
			}
		}
	})
}
