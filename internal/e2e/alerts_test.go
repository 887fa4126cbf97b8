package e2e

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/trailverdict/trailverdict/internal/aws/book"
	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/sns"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/notify"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/routing"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Every story goes through the detecting function's handler, and what that
// commits through the notifying function's, as the table's stream: late, and
// some of it twice. A queue behind the topic then holds each revision once, and
// the last message about each finding says what replay says of it.
func TestAlerts(t *testing.T) {
	localaws.DynamoDB(t)
	localaws.Messaging(t)
	sum := &tally{}
	t.Run("story", func(t *testing.T) {
		for n, st := range stories(t, "../../events/scenario") {
			if testing.Short() && n%10 != 0 {
				continue
			}
			t.Run(st.Name, func(t *testing.T) { alerts(t, st, uint64(n), sum) })
		}
	})
	t.Log(sum)
}

// What is not told on purpose is not told, in whatever order it comes, unless it
// was told before the reason was known.
func TestSilence(t *testing.T) {
	localaws.DynamoDB(t)
	localaws.Messaging(t)
	sum := &tally{}
	const orders = 8
	list := stories(t, "testdata")
	t.Run("story", func(t *testing.T) {
		for _, st := range list {
			for seed := range uint64(orders) {
				t.Run(fmt.Sprintf("%s/%d", st.Name, seed), func(t *testing.T) { alerts(t, st, seed, sum) })
			}
		}
	})
	t.Log(sum)
	if sum.stories < orders*len(list) {
		return // only some were asked for
	}
	if sum.inhibited == 0 || sum.raised != sum.inhibited || sum.suppressed != orders {
		t.Error("each silence should be met, and what is inhibited raise what broke it")
	}
}

func stories(t *testing.T, folder string) []scenario.Story {
	t.Helper()
	list, err := scenario.Load(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// alerts tells a story, and checks what was heard of it.
func alerts(t *testing.T, st scenario.Story, seed uint64, sum *tally) {
	t.Parallel()
	a := subscribed(t, prepare(t, st), seed)
	a.tell(t, a.cases, a, seed, func() { a.deliver(t) })
	a.later(t)
	a.check(t, sum)
}

// tally is what all stories came to.
type tally struct {
	mu                                                      sync.Mutex
	stories, records, messages, again                       int
	ended, inhibited, raised, lowered, onRecord, suppressed int
}

func (s *tally) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%d stories, %d records delivered, %d messages, %d duplicates; %d findings told to have ended; "+
		"stories with a finding inhibited: %d, raised by its reach: %d, lowered without a word: %d, kept on record: %d, suppressed: %d",
		s.stories, s.records, s.messages, s.again, s.ended, s.inhibited, s.raised, s.lowered, s.onRecord, s.suppressed)
}

// audience is an account of its own for a story: a table with its stream, and a
// topic with a queue behind it. It is the ledger of the detecting function, so
// that it sees every commit.
type audience struct {
	*play
	detect.Ledger
	t     *testing.T
	cases *filing.Store
	db    *ddb.Client
	table string
	queue string
	inbox *awssqs.Client
	told  *notify.Handler
	rnd   *mrand.Rand
	now   time.Time

	stream    []change                 // what was not delivered yet
	committed map[string][]detect.Case // every version of each case
	last      map[string]change        // the record of the last one
	outcomes  map[string]notify.Outcome
	published map[message]int
	delivered int
}

// change is a record of the table's stream.
type change struct {
	id     string // the case's
	record string
}

// message names what is told.
type message struct {
	id       string
	revision int
}

// subscribed returns an audience that has heard nothing yet.
func subscribed(t *testing.T, p *play, seed uint64) *audience {
	t.Helper()
	cfg, getenv := clientConfig(localaws.DynamoDB(t).URL)
	at := localaws.Messaging(t).URL
	a := &audience{
		play: p, t: t, table: emptyTable(t), db: dynamo.NewClient(cfg, getenv), now: p.asOf, rnd: mrand.New(mrand.NewPCG(seed, 7)),
		inbox:     awssqs.NewFromConfig(cfg, func(o *awssqs.Options) { o.BaseEndpoint = &at }),
		committed: map[string][]detect.Case{}, last: map[string]change{}, outcomes: map[string]notify.Outcome{}, published: map[message]int{},
	}
	limits := store.LiveLimits()
	a.cases = dynamo.New(a.db, a.table, limits, nil)
	a.Ledger = a.cases
	client := sns.NewClient(cfg, func(name string) string { return map[string]string{"AWS_ENDPOINT_URL": at}[name] })
	b := book.New(a.db, a.table, limits.Retention)
	findings := notify.Channel{Name: "findings", Publisher: sns.Findings(client, a.subscribe(t, client))}
	a.told = &notify.Handler{
		Notifier: notify.NewNotifier(b, b, a.cases, p.settings, routing.Rules{Suppressions: p.settings.Suppressions}, findings),
		Case:     dynamo.StreamCase, Now: a.clock, Observe: a.observe,
	}
	return a
}

// subscribe makes a topic with a queue behind it.
func (a *audience) subscribe(t *testing.T, client *awssns.Client) (topic string) {
	t.Helper()
	ctx, name := context.Background(), aws.String("story-"+rand.Text())
	made, err := client.CreateTopic(ctx, &awssns.CreateTopicInput{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	// What is received is deleted. What was on its way when an answer got lost, as
	// happens on a busy machine, comes again soon.
	queue, err := a.inbox.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: name, Attributes: map[string]string{"VisibilityTimeout": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	attrs, err := a.inbox.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Subscribe(ctx, &awssns.SubscribeInput{
		TopicArn: made.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(attrs.Attributes["QueueArn"]), Attributes: map[string]string{"RawMessageDelivery": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.queue = *queue.QueueUrl
	return *made.TopicArn
}

// clock runs while the notifying function works.
func (a *audience) clock() time.Time {
	a.now = a.now.Add(time.Duration(a.rnd.IntN(20)) * time.Second)
	return a.now
}

func (a *audience) observe(_ context.Context, r notify.Report) {
	if r.Err != nil || r.Poison > 0 {
		a.t.Errorf("not all was told: %d records cannot be read, %v", r.Poison, r.Err)
	}
	a.delivered += r.Records
	for _, o := range r.Outcomes {
		a.outcomes[o.Case] = o
		if o.Revision > 0 {
			a.published[message{o.Case, o.Revision}]++
		}
	}
}

// Commit commits, and takes down what the table's stream says of it.
func (a *audience) Commit(ctx context.Context, c detect.Commit) error {
	if err := a.Ledger.Commit(ctx, c); err != nil {
		return err
	}
	for _, kept := range c.Cases {
		kept.Version++
		ch := change{kept.Finding.ID, a.record(ctx, kept)}
		a.stream = append(a.stream, ch)
		a.last[ch.id] = ch
		a.committed[ch.id] = append(a.committed[ch.id], kept)
	}
	return nil
}

// record is a case's item as a record of the stream has it.
func (a *audience) record(ctx context.Context, c detect.Case) string {
	a.t.Helper()
	var out ddb.Page
	err := a.db.Call(ctx, "Query", ddb.QueryInput{
		TableName: a.table, ConsistentRead: true, KeyConditionExpression: "#p = :p AND #s = :s",
		ExpressionAttributeNames:  map[string]string{"#p": config.TablePartition, "#s": config.TableSort},
		ExpressionAttributeValues: ddb.Attributes{":p": ddb.Text(config.TableCases + c.Subject()), ":s": ddb.Text(c.Finding.ID)},
	}, &out)
	if err != nil || len(out.Items) != 1 {
		a.t.Fatalf("the item of case %s: %d, %v", c.Finding.ID, len(out.Items), err)
	}
	b, err := json.Marshal(map[string]any{
		"eventID": rand.Text(), "eventName": "MODIFY", "eventSource": "aws:dynamodb", "awsRegion": localaws.Region,
		"dynamodb": map[string]any{"SequenceNumber": rand.Text(), "NewImage": out.Items[0], "StreamViewType": "NEW_IMAGE"},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return string(b)
}

// deliver hands over what the stream holds, or leaves it for the next time:
// streams are late. A case's records stay in their order. Now and then a batch
// comes again from somewhere in it.
func (a *audience) deliver(t *testing.T) {
	t.Helper()
	if a.rnd.IntN(4) == 0 {
		return
	}
	for list := a.mixed(); len(list) > 0; {
		n := 1 + a.rnd.IntN(len(list))
		a.invoke(t, list[:n])
		if a.rnd.IntN(3) == 0 {
			a.invoke(t, list[a.rnd.IntN(n):n])
		}
		list = list[n:]
	}
}

// mixed takes what the stream holds, with the cases in any order.
func (a *audience) mixed() []change {
	byCase := map[string][]change{}
	var turns []string
	for _, ch := range a.stream {
		byCase[ch.id] = append(byCase[ch.id], ch)
		turns = append(turns, ch.id)
	}
	a.rnd.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	list := make([]change, len(turns))
	for n, id := range turns {
		list[n], byCase[id] = byCase[id][0], byCase[id][1:]
	}
	a.stream = nil
	return list
}

func (a *audience) invoke(t *testing.T, list []change) {
	t.Helper()
	records := make([]string, len(list))
	for n, ch := range list {
		records[n] = ch.record
	}
	answer, err := a.told.Invoke(context.Background(), []byte(`{"Records":[`+strings.Join(records, ",")+`]}`))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("Invoke() = %s, %v", answer, err)
	}
}

// later delivers what is left. Once nothing is gathered any more, it delivers
// the last version of each case again, in place of the one that it has when it
// settles.
func (a *audience) later(t *testing.T) {
	t.Helper()
	a.tellAll(t, a.mixed())
	a.now = a.now.Add(2 * notify.Patience)
	for _, ch := range a.last {
		a.stream = append(a.stream, ch)
	}
	slices.SortFunc(a.stream, func(a, b change) int { return cmp.Compare(a.id, b.id) })
	a.tellAll(t, a.mixed())
}

func (a *audience) tellAll(t *testing.T, list []change) {
	t.Helper()
	if len(list) > 0 {
		a.invoke(t, list)
	}
}

// heard is a message in the queue.
type heard struct {
	ID          string
	Revision    int
	Status      incident.Status
	Account     string
	Subject     struct{ Type, Name string }
	Verdict     incident.Verdict
	Cause       incident.Cause
	Severity    string
	Summary     string
	NextSteps   []string
	BlastRadius struct{ Principals []string }
}

// attributes are what a message is to be filtered by.
func (h heard) attributes() map[string]string {
	return map[string]string{
		"verdict": string(h.Verdict), "cause": string(h.Cause), "severity": h.Severity, "account": h.Account,
		"subjectType": h.Subject.Type, "subject": h.Subject.Name, "revision": strconv.Itoa(h.Revision),
	}
}

// overdue is for how long a message that was told is waited for.
const overdue = 30 * time.Second

// received takes the messages out of the queue, all that were told if they come in
// time, and holds the attributes of each to its body.
func (a *audience) received(t *testing.T) []heard {
	t.Helper()
	told := 0
	for _, n := range a.published {
		told += n
	}
	var list []heard
	for late := time.Now().Add(overdue); ; {
		in := &awssqs.ReceiveMessageInput{QueueUrl: &a.queue, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}}
		if len(list) < told {
			in.WaitTimeSeconds = 1
		}
		out, err := a.inbox.ReceiveMessage(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 && (len(list) >= told || time.Now().After(late)) {
			return list
		}
		for _, m := range out.Messages {
			if _, err := a.inbox.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: &a.queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
			var h heard
			if err := json.Unmarshal([]byte(*m.Body), &h); err != nil {
				t.Fatal(err)
			}
			for name, want := range h.attributes() {
				if got := aws.ToString(m.MessageAttributes[name].StringValue); got != want {
					t.Errorf("%s r%d: the attribute %s is %q, the body says %q", h.ID, h.Revision, name, got, want)
				}
			}
			if len(m.MessageAttributes) > 7 {
				t.Errorf("%s r%d has %d attributes", h.ID, h.Revision, len(m.MessageAttributes))
			}
			list = append(list, h)
		}
	}
}

// check holds what the queue got to what was told, and that to replay.
func (a *audience) check(t *testing.T, sum *tally) {
	t.Helper()
	table := tableAt(localaws.DynamoDB(t).URL, a.table)
	if got, want := printed(t, a.standing(t, table)), a.replayed(t); got != want {
		t.Errorf("the table's findings differ from replay's\nreplay: %s\nlive:   %s", want, got)
	}
	list := a.received(t)
	byCase := a.once(t, list, sum)
	standing := map[string]incident.Finding{}
	found := map[string]bool{} // what was not told on purpose
	for _, f := range a.findings() {
		standing[f.ID] = f
		a.stands(t, f, byCase, found)
	}
	sum.mu.Lock()
	defer sum.mu.Unlock()
	for id, told := range byCase {
		if _, ok := standing[id]; !ok {
			a.ends(t, id, told[len(told)-1], found)
			sum.ended++
		}
		a.alarmed(t, id, told[0], byCase)
	}
	sum.stories++
	sum.records += a.delivered
	sum.messages += len(list)
	for why, n := range map[string]*int{"inhibited": &sum.inhibited, "raised": &sum.raised, "lowered": &sum.lowered, "on record": &sum.onRecord, "suppressed": &sum.suppressed} {
		if found[why] {
			*n++
		}
	}
}

// once wants each published revision exactly once, and those of a finding
// without gaps. It returns them by finding, in their order.
func (a *audience) once(t *testing.T, list []heard, sum *tally) map[string][]heard {
	t.Helper()
	got, byCase := map[message]int{}, map[string][]heard{}
	for _, h := range list {
		got[message{h.ID, h.Revision}]++
		byCase[h.ID] = append(byCase[h.ID], h)
	}
	for m, n := range got {
		if n != 1 || a.published[m] != 1 {
			t.Errorf("%s r%d is in the queue %d times, and was told %d times", m.id, m.revision, n, a.published[m])
		}
		sum.mu.Lock()
		sum.again += n - 1
		sum.mu.Unlock()
	}
	for m := range a.published {
		if got[m] == 0 {
			t.Errorf("%s r%d was told, and is not in the queue", m.id, m.revision)
		}
	}
	for id, told := range byCase {
		slices.SortFunc(told, func(a, b heard) int { return cmp.Compare(a.Revision, b.Revision) })
		for n, h := range told {
			if h.Revision != n+1 {
				t.Errorf("%s: message %d is revision %d", id, n+1, h.Revision)
			}
		}
	}
	return byCase
}

// stands wants the last message about a finding to say what replay says, but
// for what is not told on purpose.
func (a *audience) stands(t *testing.T, f incident.Finding, byCase map[string][]heard, found map[string]bool) {
	t.Helper()
	told := byCase[f.ID]
	if a.suppressed(f) {
		found["suppressed"] = true
		if len(told) > 0 && !slices.ContainsFunc(a.committed[f.ID], func(c detect.Case) bool { return !a.suppressed(c.Finding) }) {
			t.Errorf("%s is suppressed, and was told %d times", f.ID, len(told))
		}
		return
	}
	if a.outcomes[f.ID].Reason == notify.Inhibited {
		found["inhibited"] = true
		a.reaches(t, f, byCase)
		if len(told) > 0 && told[len(told)-1].Verdict != f.Verdict {
			t.Errorf("%s: inhibited as %s, but told last as %s", f.ID, f.Verdict, told[len(told)-1].Verdict)
		}
		return
	}
	if len(told) == 0 {
		if f.Severity >= incident.Low {
			t.Errorf("%s (%s %s %s): not told: %s", f.ID, f.Verdict, f.Cause, f.Severity, a.outcomes[f.ID].Reason)
		}
		return
	}
	last := told[len(told)-1]
	severity := severityOf(t, last)
	if f.Severity == incident.Informational && severity == incident.Informational && (last.Verdict != f.Verdict || last.Cause != f.Cause) {
		found["on record"] = true // an all-clear is told once, whatever it turns out to be
		return
	}
	switch {
	case last.Verdict != f.Verdict || last.Cause != f.Cause || severity < f.Severity:
		t.Errorf("%s: replay says %s %s %s, the last message %s %s %s", f.ID, f.Verdict, f.Cause, f.Severity, last.Verdict, last.Cause, last.Severity)
	case last.Status == incident.Resolved && f.Status != incident.Resolved:
		t.Errorf("%s stands, and was told to have ended", f.ID)
	case severity > f.Severity && a.broke(f.ID, last):
		found["raised"] = true
	case severity > f.Severity:
		found["lowered"] = true
	}
}

func (a *audience) suppressed(f incident.Finding) bool {
	_, ok := routing.Of(a.settings).Silenced(f, a.now)
	return ok
}

// reaches wants a finding that is not told for itself to stand in the reach of
// one that is, and to be of the kind that a cut-off can explain.
func (a *audience) reaches(t *testing.T, f incident.Finding, byCase map[string][]heard) {
	t.Helper()
	if f.Verdict != incident.Expiry && f.Cause != incident.UnexplainedFailures {
		t.Errorf("%s: a finding of %s %s was inhibited", f.ID, f.Verdict, f.Cause)
	}
	for _, told := range byCase {
		last := told[len(told)-1]
		if last.ID != f.ID && last.Severity != incident.Informational.String() && slices.Contains(last.BlastRadius.Principals, render.SubjectName(f.Subject)) {
			return
		}
	}
	t.Errorf("%s (%s) was inhibited, and nothing that was told reaches it", f.ID, render.SubjectName(f.Subject))
}

// ends wants the last message about a finding that is none any more to say so,
// and where to go on.
func (a *audience) ends(t *testing.T, id string, last heard, found map[string]bool) {
	t.Helper()
	c := a.committed[id][len(a.committed[id])-1]
	if a.suppressed(c.Finding) {
		found["suppressed"] = true
		return
	}
	var next []string
	if c.SupersededBy != detect.Withdrawn {
		next = []string{"Go on with finding " + c.SupersededBy}
	}
	if c.SupersededBy == "" || last.Status != incident.Resolved || last.Summary == c.Finding.Summary || !slices.Equal(last.NextSteps, next) {
		t.Errorf("%s ended in %q, but was told last as %s: %s %q", id, c.SupersededBy, last.Status, last.Summary, last.NextSteps)
	}
}

// alarmed wants what was told to have been an alarm at some time: by itself, by
// what it broke, or by what it stands in place of.
func (a *audience) alarmed(t *testing.T, id string, first heard, byCase map[string][]heard) {
	t.Helper()
	for _, c := range a.committed[id] {
		tookOver := slices.ContainsFunc(c.Supersedes, func(id string) bool { return len(byCase[id]) > 0 })
		if c.Finding.Severity >= incident.Low || tookOver || a.broke(id, first) {
			return
		}
	}
	t.Errorf("%s was told as %s %s %s, and was never an alarm", id, first.Verdict, first.Cause, first.Severity)
}

// broke reports whether a message about a finding at informational was raised to
// low, since it tells of another case as its reach.
func (a *audience) broke(id string, told heard) bool {
	for _, versions := range a.committed {
		last := versions[len(versions)-1]
		if last.Finding.ID != id && slices.Contains(told.BlastRadius.Principals, render.SubjectName(last.Finding.Subject)) {
			return severityOf(a.t, told) == incident.Low
		}
	}
	return false
}

func severityOf(t *testing.T, h heard) incident.Severity {
	t.Helper()
	for s := incident.Informational; s <= incident.Critical; s++ {
		if s.String() == h.Severity {
			return s
		}
	}
	t.Errorf("%s r%d: severity %q", h.ID, h.Revision, h.Severity)
	return 0
}
