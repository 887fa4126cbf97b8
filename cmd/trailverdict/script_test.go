package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"trailverdict": main})
}

// templates are what infra makes.
const templates = "../../infra/testdata"

// TestScripts runs the command as a user types it.
func TestScripts(t *testing.T) {
	events, err := filepath.Abs("../../events")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("EVENTS", events)
			env.Setenv("NO_COLOR", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"account": account, "exits": exits, "history": eventHistory, "gzip": gzipFile, "json": validJSON, "lines": lines, "narrow": narrow,
		},
	})
}

// account puts an account in AWS's place, in which the smallest deployment stands,
// and does something to it: account sound
func account(ts *testscript.TestScript, _ bool, args []string) {
	a := localaws.NewAccount("111122223333", "aws", time.Now, "us-east-1", "eu-west-1")
	var home *localaws.Stack
	for _, name := range []string{"trailverdict", "trailverdict-watch"} {
		template, err := os.ReadFile(filepath.Join(templates, "smallest."+name+".json"))
		ts.Check(err)
		s, err := a.Deploy(name, "us-east-1", template)
		ts.Check(err)
		if home == nil {
			home = s
		}
	}
	trail := a.AddTrail("audit", "us-east-1")
	switch args[0] {
	case "sound":
	case "harmed":
		trail.EventSelectors[0]["ReadWriteType"] = "WriteOnly"
		home.Part("Sessions").Properties["State"] = "ENABLED"
		home.Part("IdentityChanges").Properties["State"] = "DISABLED"
		home.Part("RouteEmail1").Properties["State"] = "PendingConfirmation"
		home.Part("Operations9").Properties["KmsMasterKeyId"] = "alias/aws/sns"
		home.Part("DeadLettersB").Properties["Waiting"] = 3
	case "closed":
		a.Deny("sns:ListSubscriptionsByTopic", "events:ListTargetsByRule", "sqs:GetQueueAttributes")
	case "expired":
		a.Fail("sts:GetCallerIdentity", "ExpiredToken")
	case "empty":
		a.Undeploy("trailverdict", "us-east-1")
		a.Undeploy("trailverdict-watch", "us-east-1")
	default:
		ts.Fatalf("account %s: unknown", args[0])
	}
	serve(ts, a)
}

// eventHistory puts an account in AWS's place whose event history holds the
// events of a story, at a time shortly after it, and may not be read in some
// Regions: history 2026-03-02T14:00:00Z story.txtar
func eventHistory(ts *testscript.TestScript, _ bool, args []string) {
	at, err := time.Parse(time.RFC3339, args[0])
	ts.Check(err)
	began := time.Now()
	now := func() time.Time { return at.Add(time.Since(began)) }
	a := localaws.NewAccount("111122223333", "aws", now, "us-east-1", "eu-west-1")
	for _, name := range args[1:] {
		if action, ok := strings.CutPrefix(name, "deny="); ok {
			a.Deny(action)
			continue
		}
		story, err := txtar.ParseFile(filepath.Join(ts.Getenv("EVENTS"), "scenario", name))
		ts.Check(err)
		for _, f := range story.Files {
			if f.Name != "events.ndjson" {
				ts.Check(os.WriteFile(ts.MkAbs(f.Name), f.Data, 0o644))
				continue
			}
			for line := range bytes.Lines(f.Data) {
				var e struct{ Detail json.RawMessage }
				ts.Check(json.Unmarshal(line, &e))
				ts.Check(a.History().Add(string(e.Detail)))
			}
		}
	}
	serve(ts, a)
}

// serve lets commands take an account for AWS.
func serve(ts *testscript.TestScript, a *localaws.Account) {
	server := httptest.NewServer(a)
	ts.Defer(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY": localaws.SecretAccessKey, "AWS_SESSION_TOKEN": "invented-token",
	} {
		ts.Setenv(name, value)
	}
}

// narrow wants no line of a file, or of stdout, to be wider than a terminal,
// but for words that have no place to break, and commands to copy.
func narrow(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line = strings.TrimRight(line, "\n")
		if utf8.RuneCountInString(line) > 80 && strings.Contains(strings.TrimSpace(line), " ") && !strings.HasPrefix(strings.TrimSpace(line), "--") &&
			!strings.HasPrefix(strings.TrimSpace(line), "`") {
			ts.Fatalf("wider than 80 columns: %s", line)
		}
	}
}

// exits runs a command and wants an exit status: exits 3 trailverdict replay x
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	status := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if status != want {
		ts.Fatalf("exit status %d, want %d", status, want)
	}
}

// gzipFile compresses files in place: gzip a.json makes a.json.gz
func gzipFile(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(ts.ReadFile(name)))
		ts.Check(err)
		ts.Check(w.Close())
		ts.Check(os.WriteFile(ts.MkAbs(name+".gz"), b.Bytes(), 0o644))
		ts.Check(os.Remove(ts.MkAbs(name)))
	}
}

// validJSON wants every line of a file, or of stdout, to be a JSON object, and to
// keep to the schema that it names, if it names one.
func validJSON(ts *testscript.TestScript, _ bool, args []string) {
	data := []byte(ts.ReadFile(args[0]))
	if len(bytes.TrimSpace(data)) == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
	for line := range bytes.Lines(data) {
		var object map[string]any
		if err := json.Unmarshal(line, &object); err != nil {
			ts.Fatalf("not JSON: %v: %s", err, line)
		}
		if object["schema"] != nil {
			ts.Check(schematest.Valid(line))
		}
	}
}

// lines wants a number of lines in a file, or in stdout: lines stdout 3
func lines(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := bytes.Count([]byte(ts.ReadFile(args[0])), []byte("\n")); got != want {
		ts.Fatalf("%s has %d lines, want %d", args[0], got, want)
	}
}
