package bench

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/correlate"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/replay"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// naiveReplay is the program that one would write without a thought of speed: it
// has the standard library unpack files and decode them into structs, makes of the
// records the signals and uses that trail makes of them, and decides as replay
// does. It knows the calls of the corpus alone, which makes it no slower.
type naiveReplay struct {
	signals map[string]incident.Signal // by id, so that duplicates are one
	uses    map[string]incident.Use    // joined, by key
	last    time.Time
}

func newNaiveReplay() *naiveReplay {
	return &naiveReplay{signals: map[string]incident.Signal{}, uses: map[string]incident.Use{}}
}

// replayNaively prints the findings about a folder.
func replayNaively(folder string) error {
	n := newNaiveReplay()
	if err := eachFile(folder, n.read); err != nil {
		return err
	}
	for _, f := range n.findings() {
		if err := render.JSON(os.Stdout, f); err != nil {
			return err
		}
	}
	return nil
}

func (n *naiveReplay) read(r io.Reader) error {
	z, err := stdgzip.NewReader(r)
	if err != nil {
		return err
	}
	var f struct{ Records []typed }
	if err := json.NewDecoder(z).Decode(&f); err != nil {
		return err
	}
	for i := range f.Records {
		if err := n.take(&f.Records[i]); err != nil {
			return fmt.Errorf("record %s: %w", f.Records[i].EventID, err)
		}
	}
	return nil
}

// take keeps what a record means. Calls by AWS's own services mean nothing.
func (n *naiveReplay) take(r *typed) error {
	if r.UserIdentity.Type != "AssumedRole" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, r.EventTime)
	if err != nil {
		return err
	}
	if at.After(n.last) {
		n.last = at
	}
	s := incident.Signal{
		ID: r.EventID, Account: r.RecipientAccountID, Partition: "aws", Region: r.AWSRegion, Time: at, Feed: incident.FromTrail, Count: 1,
		Operation: strings.TrimSuffix(r.EventSource, ".amazonaws.com") + ":" + r.EventName,
	}
	if s.Actor, err = actorOf(r); err != nil {
		return err
	}
	switch {
	case r.ErrorCode != "":
		s.Kind, s.ErrorCode, s.Target, s.Key = incident.CredentialFailed, r.ErrorCode, s.Actor.Principal, s.Actor.AccessKeyID
		if strings.Contains(r.ErrorMessage, "expired") {
			s.Reason = incident.ReasonExpired
		}
		n.signals[s.ID] = s
		return nil // which is no use
	case s.Operation == "sts:AssumeRole":
		if err := assumed(r, &s); err != nil {
			return err
		}
		n.signals[s.ID] = s
	case s.Operation == "iam:AttachRolePolicy":
		if err := attached(r, &s); err != nil {
			return err
		}
		n.signals[s.ID] = s
	}
	n.use(r, &s)
	return nil
}

// roleOf is the role that an ARN names.
func roleOf(arn, id string) incident.Principal {
	part := strings.Split(arn, ":")
	return incident.Principal{Type: incident.Role, Partition: part[1], Account: part[4], Name: arn[strings.LastIndexByte(arn, '/')+1:], ID: id, ARN: arn}
}

func actorOf(r *typed) (incident.Actor, error) {
	session := &r.UserIdentity.SessionContext
	issued, err := time.Parse(time.RFC3339, session.Attributes.CreationDate)
	return incident.Actor{
		Principal:   roleOf(session.SessionIssuer.ARN, session.SessionIssuer.PrincipalID),
		SessionName: r.UserIdentity.ARN[strings.LastIndexByte(r.UserIdentity.ARN, '/')+1:],
		SessionARN:  r.UserIdentity.ARN, AccessKeyID: r.UserIdentity.AccessKeyID, IssuedAt: issued,
		MFA: session.Attributes.MFAAuthenticated == "true", SourceIP: r.SourceIPAddress, UserAgent: r.UserAgent,
	}, err
}

func assumed(r *typed, s *incident.Signal) error {
	var asked struct {
		RoleARN, RoleSessionName string
		DurationSeconds          int
	}
	var got struct {
		Credentials     struct{ AccessKeyID, Expiration string }
		AssumedRoleUser struct{ AssumedRoleID string }
	}
	if err := json.Unmarshal(r.RequestParameters, &asked); err != nil {
		return err
	}
	if err := json.Unmarshal(r.ResponseElements, &got); err != nil {
		return err
	}
	end, err := time.Parse("Jan 2, 2006, 3:04:05 PM", got.Credentials.Expiration)
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(got.AssumedRoleUser.AssumedRoleID, ":")
	s.Kind, s.Target, s.Key = incident.SessionIssued, roleOf(asked.RoleARN, id), got.Credentials.AccessKeyID
	s.Issued = &incident.Session{AccessKeyID: s.Key, Name: asked.RoleSessionName, IssuedAt: s.Time, ParentKey: s.Actor.AccessKeyID, Chained: true}
	if !end.After(s.Time) {
		end = s.Time.Add(time.Duration(asked.DurationSeconds) * time.Second)
	}
	s.Issued.ExpiresAt = end
	return nil
}

func attached(r *typed, s *incident.Signal) error {
	var asked struct{ RoleName, PolicyARN string }
	if err := json.Unmarshal(r.RequestParameters, &asked); err != nil {
		return err
	}
	s.Kind = incident.PolicyAttached
	s.Target = incident.Principal{Type: incident.Role, Partition: s.Partition, Account: s.Account, Name: asked.RoleName}
	s.Policy = &incident.Policy{ARN: asked.PolicyARN, Name: asked.PolicyARN[strings.LastIndexByte(asked.PolicyARN, '/')+1:]}
	return nil
}

func (n *naiveReplay) use(r *typed, s *incident.Signal) {
	u := incident.Use{
		Account: s.Account, Region: s.Region, Principal: s.Actor.Principal, SessionName: s.Actor.SessionName, AccessKeyID: s.Actor.AccessKeyID, IssuedAt: s.Actor.IssuedAt,
		SourceIP: r.SourceIPAddress, Network: lineage.Network(r.SourceIPAddress), Client: lineage.Client(r.UserAgent), Service: r.EventSource,
		First: s.Time, Last: s.Time, FirstID: s.ID, LastID: s.ID,
	}
	if have, ok := n.uses[u.Key()]; ok {
		u = have.Join(u)
	}
	n.uses[u.Key()] = u
}

// findings are those that replay prints.
func (n *naiveReplay) findings() (out []incident.Finding) {
	var e correlate.Evidence
	for _, s := range n.signals {
		e.Signals = append(e.Signals, s)
	}
	for _, u := range n.uses {
		e.Uses = append(e.Uses, u)
	}
	for _, f := range correlate.Findings(e, incident.DefaultSettings(), n.last) {
		if f.Severity >= incident.Low {
			out = append(out, f)
		}
	}
	return out
}

// collector is a decoder's sink that keeps what naiveReplay does.
type collector struct {
	*naiveReplay
	skips int
}

func (c *collector) Signal(s incident.Signal) { c.signals[s.ID] = s }

func (c *collector) Use(u incident.Use) {
	if have, ok := c.uses[u.Key()]; ok {
		u = have.Join(u)
	}
	c.uses[u.Key()] = u
}

func (c *collector) Skipped(trail.Skip) { c.skips++ }

// TestTheNaiveProgramDoesTheSame holds the program that ours is compared with to
// the same signals, uses and findings, so that it does the same work.
func TestTheNaiveProgramDoesTheSame(t *testing.T) {
	folder, _ := year(t, 3)
	naive, ours := newNaiveReplay(), collector{naiveReplay: newNaiveReplay()}
	if err := eachFile(folder, naive.read); err != nil {
		t.Fatal(err)
	}
	if err := eachFile(folder, func(r io.Reader) error {
		_, err := trail.Decode(r, "corpus", &ours)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if ours.skips > 0 {
		t.Errorf("%d records were skipped", ours.skips)
	}
	if d := cmp.Diff(ours.signals, naive.signals); d != "" {
		t.Errorf("signals (-replay +naive):\n%s", d)
	}
	if d := cmp.Diff(ours.uses, naive.uses); d != "" {
		t.Errorf("uses (-replay +naive):\n%s", d)
	}
	want, got := printed(t, replayed(t, folder)), printed(t, naive.findings())
	if want != got || want == "" {
		t.Errorf("findings (-replay +naive):\n%s", cmp.Diff(want, got))
	}
}

// replayed are the findings of a replay.
func replayed(t *testing.T, folder string) (out []incident.Finding) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := replay.Find(names, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := replay.NewRecording(replay.DefaultLimits())
	defer r.Close()
	sum, err := replay.Read(t.Context(), replay.All(inputs), r, replay.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := r.Decide(t.Context(), sum.AsOf(time.Time{}), replay.Canonical, 1, incident.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	defer found[0].Close()
	for h, err := range found[0].Histories() {
		if err != nil {
			t.Fatal(err)
		}
		if f := h[len(h)-1]; f.Severity >= incident.Low {
			out = append(out, f)
		}
	}
	return out
}

func printed(t *testing.T, findings []incident.Finding) string {
	t.Helper()
	var b bytes.Buffer
	for _, f := range findings {
		if err := render.JSON(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
