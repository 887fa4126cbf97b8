package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/aws/ddb"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/eventbus"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/config/file"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/localaws/account"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/routing"
	"github.com/trailverdict/trailverdict/internal/scenario"
	"github.com/trailverdict/trailverdict/internal/trail"
)

// deployment is what infra synthesises with all options, and keeps as golden
// templates.
const deployment = "../../infra/testdata/everything."

// TestAccount runs the detector in an account that is made of the templates.
func TestAccount(t *testing.T) {
	f := built(t)
	for name, test := range map[string]func(*testing.T){
		"stories": f.stories, "lost": f.lost, "forbidden": f.forbidden, "poisoned": f.poisoned, "attacked": f.attacked, "canary": f.canary, "routes": f.heard, "reports": f.reports, "on_arm": f.onARM,
	} {
		t.Run(name, test)
	}
}

// stories tells every story. The events go in at the event buses of their
// Regions and pass the templates' rules, queues and streams, the functions' real
// programs and the topics' filters. In the end the table says to the byte what
// replay says of the events that the rules let through, and each route has got
// exactly what it asks for of what was told.
func (f *factory) stories(t *testing.T) {
	list := stories(t, "../../events/scenario")
	sum := &passage{}
	var wg sync.WaitGroup
	turn := make(chan struct{}, 4)
	for n, st := range list {
		if testing.Short() && n%20 != 0 {
			continue
		}
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			t.Run(st.Name, func(t *testing.T) { f.tell(t, st, sum) })
		})
	}
	wg.Wait()
	t.Log(sum)
	if sum.stories == len(list) {
		sum.needsAll(t)
	}
}

// factory is what accounts are made of.
type factory struct {
	bootstraps map[string]string
	routes     []byte // the configuration's routes
	match      map[string]routing.Match
	forwarder  []byte
}

var functionNames = []string{"detect", "intake", "notify", "settle", "report"}

func built(t *testing.T) *factory {
	t.Helper()
	localaws.DynamoDB(t)
	localaws.Messaging(t)
	f := &factory{bootstraps: map[string]string{}, match: map[string]routing.Match{}, forwarder: contents(t, deployment+"tv-eu-west-1.json")}
	for _, name := range functionNames {
		f.bootstraps[name] = localaws.Build(t, "functions/"+name)
	}
	text := contents(t, "../../infra/testdata/routes.yaml")
	c, err := file.Load("routes.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.Routes {
		if r.Type != routing.Chat { // a chat configuration subscribes itself
			f.match[subscriptionID(r.Name)] = r.Match
		}
	}
	f.routes = text[bytes.Index(text, []byte("routes:")):bytes.Index(text, []byte("log_groups:"))]
	return f
}

// subscriptionID is the logical name that infra gives a route's subscription.
func subscriptionID(route string) string {
	id := "Route"
	for part := range strings.SplitSeq(route, "-") {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

func contents(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// deploy makes an account with the home stack, the watching one, and forwarders
// in some Regions.
func (f *factory) deploy(t *testing.T, settings []byte, history *localaws.EventHistory, regions ...string) *account.Account {
	t.Helper()
	d := account.Deployment{
		Bootstraps: f.bootstraps, History: history, Files: f.files(t, settings),
		Stacks: []account.Stack{
			{Name: "tv", Region: localaws.Region, Template: contents(t, deployment+"tv.json")},
			{Name: "tv-watch", Region: localaws.Region, Template: contents(t, deployment+"tv-watch.json")},
		},
	}
	for _, region := range regions {
		// Forwarders differ by the name of their Region alone.
		text := bytes.ReplaceAll(f.forwarder, []byte("eu-west-1"), []byte(region))
		d.Stacks = append(d.Stacks, account.Stack{Name: "tv", Region: region, Template: text})
	}
	return account.Deploy(t, d)
}

// configuration is a story's settings with the routes of the deployment in place
// of those that the story may have.
func (f *factory) configuration(settings []byte) []byte {
	if len(settings) == 0 {
		settings = []byte("version: 1")
	}
	own := regexp.MustCompile(`(?m)^routes:.*\n(^[ #].*\n)*`)
	return append(own.ReplaceAll(append(bytes.TrimSpace(settings), '\n'), nil), f.routes...)
}

// files are what infra packs beside a function: a story's settings with the
// routes of the deployment.
func (f *factory) files(t *testing.T, settings []byte) map[string][]byte {
	t.Helper()
	c, err := file.Load("trailverdict.yaml", f.configuration(settings))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := config.Pack(c)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{config.PackedName: packed}
}

// passage is what all stories came to.
type passage struct {
	mu                                sync.Mutex
	stories, events, taken, logs      int
	findings, messages, routed, alike int
	inReach                           int
	unused                            []string // what is granted, and no story has use for
}

func (s *passage) String() string {
	return fmt.Sprintf("%d stories, %d events put on the buses, %d taken by rules, %d batches of log lines; %d findings equal to replay's, told in %d messages, "+
		"of which %d reached filtered routes; %d told as the reach of another; in %d stories the findings are those of a replay of all events",
		s.stories, s.events, s.taken, s.logs, s.findings, s.messages, s.routed, s.inReach, s.alike)
}

// tell tells a story as if it had ended five minutes ago.
func (f *factory) tell(t *testing.T, st scenario.Story, sum *passage) {
	began := time.Now().UTC().Truncate(time.Second)
	st = moved(t, st, began.Add(-5*time.Minute))
	st.Config = f.configuration(st.Config)
	whole := prepare(t, st)
	posts := posted(t, whole.messages)
	history := localaws.NewEventHistory(time.Now)
	if lookedUp[st.Name] != "" {
		posts.remembered(t, history)
	} else {
		history.Fail(slices.Repeat([]string{"AccessDeniedException"}, 100)...) // the detector works without
	}
	a := f.deploy(t, st.Config, history, posts.regions()...)
	p := &play{story: st, settings: whole.settings}
	logs := 0
	for _, e := range posts.events {
		if a.Put(e) {
			p.messages = append(p.messages, e)
		}
	}
	for _, l := range posts.logs {
		if a.Log(l.LogGroup, l.LogStream, l.LogEvents) {
			p.messages = append(p.messages, l.text)
			logs++
		}
	}
	a.Deliver()
	name := a.Name("AWS::DynamoDB::Table", "Table")
	makeDue(t, name)
	a.Run("SettleSchedule")
	a.Deliver()
	p.asOf = time.Now()
	taken := len(p.messages) - logs
	asks := lookedUp[st.Name] != ""
	if asks {
		p.messages = whole.messages // what was not delivered is found
	}
	if _, err := trail.Decode(strings.NewReader(strings.Join(p.messages, "\n")), st.Name, p); err != nil {
		t.Fatal(err)
	}
	standing := p.standing(t, tableAt(localaws.DynamoDB(t).URL, name))
	if got, want := printed(t, standing), p.replayed(t); got != want && !asks {
		t.Errorf("the table's findings differ from replay's\nreplay: %s\nlive:   %s\ndetect printed: %s\nsettle printed: %s", want, got, a.Function("Detect").Logs(), a.Function("Settle").Logs())
	}
	for _, m := range a.Dead("DeadLetters") {
		t.Errorf("a dead letter: %s", m.Body)
	}
	told, filtered := f.routed(t, a)
	whole.asOf = p.asOf
	sum.mu.Lock()
	defer sum.mu.Unlock()
	p.stands(t, told, sum)
	sum.stories++
	sum.events += len(posts.events)
	sum.taken += taken
	sum.logs += logs
	sum.findings += len(standing)
	sum.messages += len(told)
	if unused := a.Unused(); sum.stories == 1 {
		sum.unused = unused
	} else {
		sum.unused = slices.DeleteFunc(sum.unused, func(u string) bool { return !slices.Contains(unused, u) })
	}
	sum.routed += filtered
	all, got := gist(whole.findings()), gist(standing)
	if all == got {
		sum.alike++
	}
	if why := undelivered[st.Name]; (all != got) != (why != "") {
		t.Errorf("left undelivered: %q; a replay of all events says %q, the table %q", why, all, got)
	}
}

// undelivered are the stories of which a deployment sees less than a replay of
// all events does, and why.
var undelivered = map[string]string{
	"quarantined_by_aws-china":         "all: it is another partition's",
	"used_from_elsewhere-two-accounts": "calls from elsewhere: told at once, the session has ended when settle looks",
}

// lookedUp are the stories of which the rules leave out what decides, and what
// that is. The event history has it. In all others it refuses to answer, and they
// end like a replay of all events without.
var lookedUp = map[string]string{
	"containment_evaded-new-network":               "calls that show the usual network",
	"credentials_added_by_stranger-access-key":     "calls of the new key",
	"key_disabled_by_stranger-outage-quiet":        "calls of the replacement",
	"refresh_bug-not-for-rotated-key":              "calls of the replacement",
	"session_token_missing-second-process":         "calls with the session token",
	"session_token_missing-second-process-quiet":   "calls that show whose the key is",
	"token_expired-identity-center":                "calls that show whose the key is",
	"token_expired-identity-center-weeks-later":    "calls that show whose the key is",
	"unexplained_failures-before-expiration-quiet": "calls that show that the key lives",
	"unexplained_failures-denied-explicitly-quiet": "calls that the session is allowed",
	"unexplained_failures-ten-in-five-minutes":     "calls that show whose the key is",
	"used_from_elsewhere-instance-role":            "calls from elsewhere",
}

// sparing are the actions that no story comes to, and what does.
var sparing = map[string]string{
	"dynamodb:BatchGetItem": "commits of more than a transaction holds",
	"dynamodb:DeleteItem":   "the joining of many items, in a batch",
	"events:PutEvents":      "attacks on the detector",
	"sqs:SendMessage":       "what fails",
}

// needsAll wants the functions to have had use for everything that their roles
// are granted, but for what other tests need and for what no part here asks for.
func (s *passage) needsAll(t *testing.T) {
	t.Helper()
	for _, u := range s.unused {
		role, action, _ := strings.Cut(u, " ")
		inReports := strings.HasPrefix(role, "Report") || strings.HasPrefix(role, "WeeklyReport")
		if !inReports && sparing[action] == "" && !strings.HasPrefix(action, "logs:") && !strings.HasPrefix(action, "kms:") {
			t.Errorf("no story has use for a permission: %s", u)
		}
	}
}

// makeDue lets the time come of everything in a table that waits for it.
func makeDue(t *testing.T, table string) {
	t.Helper()
	ctx := context.Background()
	db := dynamo.NewClient(clientConfig(localaws.DynamoDB(t).URL))
	index := config.TableIndexes()[0]
	now := ddb.Text(time.Now().UTC().Add(-time.Second).Format("2006-01-02T15:04:05.000000000Z"))
	in := ddb.ScanInput{TableName: table, ConsistentRead: true}
	for {
		var page ddb.Page
		if err := db.Call(ctx, "Scan", in, &page); err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			if item.Text(index.Sort) == "" {
				continue
			}
			err := db.Call(ctx, "UpdateItem", ddb.UpdateInput{Update: ddb.Update{
				TableName:        table,
				Key:              ddb.Attributes{config.TablePartition: item[config.TablePartition], config.TableSort: item[config.TableSort]},
				UpdateExpression: "SET #d = :d", ConditionExpression: "attribute_exists(#d)",
				ExpressionAttributeNames: map[string]string{"#d": index.Sort}, ExpressionAttributeValues: ddb.Attributes{":d": now},
			}}, &ddb.WriteOutput{})
			if err != nil {
				t.Fatal(err)
			}
		}
		if in.ExclusiveStartKey = page.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return
		}
	}
}

// routed takes what all routes got, and holds each to its match: of what was
// told to the one that takes everything it got all that it asks for, and nothing
// else. It returns what was told.
func (f *factory) routed(t *testing.T, a *account.Account) (told []heard, filtered int) {
	t.Helper()
	for _, m := range a.Received(takesAll) {
		told = append(told, hear(t, m.Body, m.Attributes))
	}
	if got, want := named(onBus(t, a)), named(told); !slices.Equal(got, want) {
		t.Errorf("the central bus got %v, want %v", got, want)
	}
	for id, match := range f.match {
		if id == takesAll {
			continue
		}
		var got []heard
		for _, m := range a.Received(id) {
			h := heard{Account: m.Attributes["account"], Verdict: incident.Verdict(m.Attributes["verdict"]), Cause: incident.Cause(m.Attributes["cause"]), Severity: m.Attributes["severity"]}
			if id != takesText {
				h = hear(t, m.Body, m.Attributes)
			}
			if !takes(t, match, h) {
				t.Errorf("%s got %+v", id, h)
			}
			got = append(got, h)
		}
		filtered += len(got)
		want := slices.DeleteFunc(slices.Clone(told), func(h heard) bool { return !takes(t, match, h) })
		if id != takesText && !slices.Equal(named(got), named(want)) {
			t.Errorf("%s got %v, want %v", id, named(got), named(want))
		}
		if id == takesText && len(got) == 0 && slices.ContainsFunc(want, func(h heard) bool { return h.Status != incident.Resolved }) {
			t.Errorf("%s got no mail of %v", id, named(want))
		}
	}
	return told, filtered
}

// Two of the routes: one without a match, and one whose messages are mail.
const takesAll, takesText = "RouteTicket", "RoutePlatformTeam"

// hear reads a message, and holds its attributes to it.
func hear(t *testing.T, body string, attributes map[string]string) heard {
	t.Helper()
	var h heard
	if err := json.Unmarshal([]byte(body), &h); err != nil {
		t.Fatal(err)
	}
	for name, want := range h.attributes() {
		if attributes[name] != want {
			t.Errorf("%s r%d: the attribute %s is %q, the body says %q", h.ID, h.Revision, name, attributes[name], want)
		}
	}
	return h
}

// onBus are the findings on the central bus.
func onBus(t *testing.T, a *account.Account) []heard {
	t.Helper()
	var list []heard
	for _, e := range a.Foreign("arn:aws:events:us-east-1:999988887777:event-bus/findings") {
		var v struct {
			Source string
			Detail heard
		}
		if err := json.Unmarshal([]byte(e), &v); err != nil {
			t.Fatal(err)
		}
		if v.Source == eventbus.Source { // the watching rules tell of attacks there, too
			list = append(list, v.Detail)
		}
	}
	return list
}

// named are the names of messages, sorted.
func named(list []heard) []string {
	var names []string
	for _, h := range list {
		names = append(names, fmt.Sprintf("%s r%d", h.ID, h.Revision))
	}
	slices.Sort(names)
	return names
}

// takes reports whether a match takes a finding.
func takes(t *testing.T, m routing.Match, h heard) bool {
	t.Helper()
	return (len(m.Verdicts) == 0 || slices.Contains(m.Verdicts, h.Verdict)) && (len(m.Causes) == 0 || slices.Contains(m.Causes, h.Cause)) &&
		(len(m.Accounts) == 0 || slices.Contains(m.Accounts, h.Account)) && severityOf(t, h) >= m.Severity
}

// stands wants what was told last about each finding to be what replay says, and
// what is no finding any more to have been told to have ended. A finding that is
// the consequence of another may be told as its reach.
func (p *play) stands(t *testing.T, told []heard, s *passage) {
	t.Helper()
	last := map[string]heard{}
	for _, h := range told {
		if h.Revision > last[h.ID].Revision {
			last[h.ID] = h
		}
	}
	for _, f := range p.findings() {
		h, ok := last[f.ID]
		delete(last, f.ID)
		_, suppressed := routing.Of(p.settings).Silenced(f, p.asOf)
		switch onlyReach := reached(f, told); {
		case suppressed:
		case !ok && f.Severity < incident.Low:
		case onlyReach && (!ok || h.Verdict == f.Verdict):
			s.inReach++
		case f.Severity == incident.Informational && h.Severity == "informational":
		case !ok || h.Verdict != f.Verdict || h.Cause != f.Cause || severityOf(t, h) < f.Severity:
			t.Errorf("%s: replay says %s %s %s, the last message %+v", f.ID, f.Verdict, f.Cause, f.Severity, h)
		}
	}
	for id, h := range last {
		if h.Status != incident.Resolved {
			t.Errorf("%s is no finding, and was told last as %s %s", id, h.Verdict, h.Cause)
		}
	}
}

// reached reports whether a finding can be explained by a cut-off, and something
// that was told names it as its reach.
func reached(f incident.Finding, told []heard) bool {
	return (f.Verdict == incident.Expiry || f.Cause == incident.UnexplainedFailures) && slices.ContainsFunc(told, func(h heard) bool {
		return h.ID != f.ID && slices.Contains(h.BlastRadius.Principals, render.SubjectName(f.Subject))
	})
}

// gist is what of findings people act on.
func gist(list []incident.Finding) string {
	var lines []string
	for _, f := range list {
		if f.Severity > incident.Informational {
			lines = append(lines, fmt.Sprintf("%s %s %s %s", render.SubjectName(f.Subject), f.Verdict, f.Cause, f.Severity))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}
