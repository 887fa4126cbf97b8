package account

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

// home is the Region in which the parts are.
const home = localaws.Region

// Stack is a template under the name and in the Region that it is deployed.
type Stack struct {
	Name, Region string
	Template     []byte
}

// Deployment is what an account is made of.
type Deployment struct {
	Stacks []Stack
	// Bootstraps are the programs of the functions, by their logical names in
	// small letters, and Files what lies beside each.
	Bootstraps map[string]string
	Files      map[string][]byte
	// History answers LookupEvents; nil means one that is empty.
	History *localaws.EventHistory
}

// Account is what was deployed.
type Account struct {
	t             testing.TB
	suffix        string
	stacks        []*template
	policies      policies
	functions     map[string]*program // by ARN
	rules         []*rule
	sources       []*source
	filters       []*filter
	schedules     map[string]*schedule // by the logical name
	receivers     map[string]string    // the queues behind subscriptions, by their logical names
	db, messaging http.Handler
	history       http.Handler
	api           api
	marks         int

	mu      sync.Mutex
	refused []string
	done    map[string]bool // who took which action
	foreign map[string][]string
}

// Deploy makes an account out of templates. It lasts until the test ends.
func Deploy(t testing.TB, d Deployment) *Account {
	t.Helper()
	a := &Account{
		t: t, suffix: strings.ToLower(rand.Text()[:12]),
		policies:  policies{identity: map[string][]statement{}, resource: map[string][]statement{}, keys: map[string]string{}},
		functions: map[string]*program{}, schedules: map[string]*schedule{}, receivers: map[string]string{},
		done: map[string]bool{}, foreign: map[string][]string{},
		api: api{db: localaws.DynamoDB(t).URL, messaging: localaws.Messaging(t).URL, queues: map[string]string{}},
	}
	if d.History == nil {
		d.History = localaws.NewEventHistory(time.Now)
	}
	var err, err2 error
	a.history = d.History
	a.db, err = proxy(a.api.db)
	a.messaging, err2 = proxy(a.api.messaging)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	exports := map[string]any{}
	for _, s := range d.Stacks {
		parsed, err := parse(s, a.suffix, exports)
		if err != nil {
			t.Fatal(err)
		}
		a.stacks = append(a.stacks, parsed)
	}
	if err := a.create(d); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.checkRefused)
	return a
}

func (a *Account) checkRefused() {
	for _, text := range a.Refused() {
		a.t.Errorf("the templates do not permit it: %s", text)
	}
}

// Refused takes what was refused so far.
func (a *Account) Refused() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.refused
	a.refused = nil
	return list
}

// Unused are the actions that a role is granted and that nobody has taken in it
// yet, each behind the role's logical name.
func (a *Account) Unused() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []string
	for _, s := range a.stacks {
		for _, r := range s.Resources {
			if r.Type != "AWS::IAM::Role" {
				continue
			}
			arn := "arn:aws:iam::" + accountID + ":role/" + r.name
			for _, granted := range a.policies.identity[arn] {
				for _, action := range texts(granted.Action) {
					if !a.done[arn+" "+action] {
						list = append(list, logical(r.id)+" "+action)
					}
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Foreign are the events that reached an event bus outside the account.
func (a *Account) Foreign(bus string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.foreign[bus])
}

// Name is the physical name of a resource, given by the beginning of its logical
// one, such as Table.
func (a *Account) Name(kind, id string) string {
	for _, s := range a.stacks {
		for _, r := range s.Resources {
			if r.Type == kind && logical(r.id) == id {
				return r.name
			}
		}
	}
	a.t.Fatalf("there is no %s %s", kind, id)
	return ""
}

// hashed is what the CDK puts behind the names of what it makes itself.
var hashed = regexp.MustCompile(`[0-9A-F]{8}$`)

func logical(id string) string { return hashed.ReplaceAllString(id, "") }

// program is a function of Lambda's.
type program struct {
	arn, role string
	dead      string // ARN of the queue for events that it fails for
	retries   int
	folder    string // where its archive lies
	*localaws.Function
}

func write(folder string, files map[string][]byte) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Update puts other files beside the functions, which then start anew.
func (a *Account) Update(files map[string][]byte) {
	a.t.Helper()
	for _, f := range a.functions {
		f.Kill()
		if err := write(f.folder, files); err != nil {
			a.t.Fatal(err)
		}
	}
}

// start makes a function ready to run, in a folder with its archive's files.
func (a *Account) start(r *resource, arn string, d Deployment) error {
	var p struct {
		Role             string
		Environment      struct{ Variables map[string]string }
		DeadLetterConfig struct{ TargetArn string }
		Timeout          float64
		Handler, Runtime string
	}
	if err := decode(r.Properties, &p); err != nil {
		return err
	}
	name := strings.ToLower(logical(r.id))
	bootstrap := d.Bootstraps[name]
	if bootstrap == "" || p.Handler != "bootstrap" || p.Runtime != "provided.al2023" {
		return fmt.Errorf("no bootstrap of %s for handler %q of runtime %q", name, p.Handler, p.Runtime)
	}
	folder := a.t.TempDir()
	if err := os.Symlink(bootstrap, filepath.Join(folder, "bootstrap")); err != nil {
		return err
	}
	if err := write(folder, d.Files); err != nil {
		return err
	}
	env := []string{"AWS_ENDPOINT_URL=" + a.open(p.Role), "AWS_LAMBDA_FUNCTION_NAME=" + r.name}
	for key, value := range p.Environment.Variables {
		env = append(env, key+"="+value)
	}
	a.functions[arn] = &program{
		arn: arn, role: p.Role, dead: p.DeadLetterConfig.TargetArn, retries: 2, folder: folder,
		Function: localaws.Start(a.t, filepath.Join(folder, "bootstrap"), env),
	}
	return nil
}

// Function is a function by its logical name, such as Detect.
func (a *Account) Function(name string) *localaws.Function {
	a.t.Helper()
	return a.functions["arn:aws:lambda:"+home+":"+accountID+":function:"+a.Name("AWS::Lambda::Function", name)].Function
}

// invoke starts a function asynchronously, for a service: what fails is tried
// again, then ends among its dead letters.
func (a *Account) invoke(arn string, payload []byte, by, source string) {
	f := a.functions[arn]
	if f == nil {
		a.t.Errorf("%s starts %s, which is not there", source, arn)
		return
	}
	if !a.allowed(request{who: by, action: "lambda:InvokeFunction", resource: arn, source: source}) {
		return
	}
	var err error
	for range 1 + f.retries {
		if _, err = f.Invoke(context.Background(), payload); err == nil {
			return
		}
	}
	if a.allowed(request{who: f.role, action: "sqs:SendMessage", resource: f.dead}) {
		a.send(f.dead, string(payload))
	}
}

// Schedules are the logical names of what starts by the clock.
func (a *Account) Schedules() []string {
	var list []string
	for id := range a.schedules {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// schedule is one of the Scheduler's.
type schedule struct {
	Target struct {
		Arn, RoleArn, Input   string
		EventBridgeParameters *struct{ DetailType, Source string }
	}
}

// Run does what a schedule does when its time has come.
func (a *Account) Run(id string) {
	a.t.Helper()
	s := a.schedules[id]
	if s == nil {
		a.t.Fatalf("there is no schedule %s, but %v", id, a.Schedules())
	}
	now := time.Now().UTC().Format(time.RFC3339)
	input := strings.NewReplacer("<aws.scheduler.scheduled-time>", now, "<aws.scheduler.execution-id>", rand.Text()).Replace(s.Target.Input)
	if p := s.Target.EventBridgeParameters; p != nil {
		if a.allowed(request{who: s.Target.RoleArn, action: "events:PutEvents", resource: s.Target.Arn}) {
			a.put(region(s.Target.Arn), a.event(entry{Source: p.Source, DetailType: p.DetailType, Detail: input}, region(s.Target.Arn)))
		}
		return
	}
	a.invoke(s.Target.Arn, []byte(input), s.Target.RoleArn, "")
}

// region is the Region in an ARN.
func region(arn string) string { return strings.Split(arn+":::::", ":")[3] }

// event is what a bus makes of an entry that comes in a Region.
func (a *Account) event(e entry, region string) string {
	text, err := json.Marshal(map[string]any{
		"version": "0", "id": rand.Text(), "source": e.Source, "detail-type": e.DetailType, "account": accountID,
		"time": time.Now().UTC().Format(time.RFC3339), "region": region, "resources": []string{}, "detail": json.RawMessage(e.Detail),
	})
	if err != nil {
		a.t.Error(err)
	}
	return string(text)
}
