package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/localaws/account"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

// canary: one that the schedule sends goes the whole way, and so does one that
// the command sends from another Region. Each comes out once, for routes without
// a match alone; it makes no finding, and the time to its alert is known.
func (f *factory) canary(t *testing.T) {
	a := f.deploy(t, nil, nil, "eu-west-1")
	a.Run("CanarySchedule")
	a.Deliver()
	f.onlyTest(t, a, "us-east-1")

	command := localaws.Build(t, "cmd/trailverdict")
	said := f.command(t, a, command, "canary", "--stack", "tv", "--region", "eu-west-1", "--timeout", "1m")
	if !regexp.MustCompile(`^The test alert of canary cli-[A-Z2-7]+ went out \d+\.\d s after its event in eu-west-1\.\n$`).MatchString(said) {
		t.Errorf("the command said %q", said)
	}
	f.onlyTest(t, a, "eu-west-1")

	a.Function("Notify").Kill()
	again := fmt.Sprintf(`{"version":"0","id":"x","detail-type":"trailverdict Canary","source":"trailverdict.canary","account":"111122223333","time":"%[1]s","region":"us-east-1","resources":[],"detail":{"canaryId":"twice","sentAt":"%[1]s"}}`, time.Now().UTC().Format(time.RFC3339))
	a.Put(again)
	a.Deliver()
	a.Put(again)
	a.Deliver()
	f.onlyTest(t, a, "us-east-1")
	if _, err := a.Function("Detect").Invoke(t.Context(), []byte(strings.Replace(again, `"twice"`, `"no id!"`, 1))); err == nil {
		t.Error("a canary without an id is no poison")
	}
	if logs := a.Function("Notify").Logs(); strings.Count(logs, `"message":"told a canary"`) != 3 || strings.Count(logs, `"CanaryToAlert":`) != 3 {
		t.Errorf("notify printed %s", logs)
	}
}

// command runs a command of the detector's while the account is at work.
func (f *factory) command(t *testing.T, a *account.Account, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(a.Operator(), "HOME="+t.TempDir())
	var said, complained strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%v: %v: %s", args, err, complained.String())
			}
			return said.String()
		default:
			a.Deliver()
		}
	}
}

// onlyTest wants one test alert at the route that takes everything, and nothing
// anywhere else.
func (f *factory) onlyTest(t *testing.T, a *account.Account, region string) {
	t.Helper()
	got := a.Received(takesAll)
	if len(got) != 1 {
		t.Fatalf("%s got %v, want one test alert", takesAll, got)
	}
	schematest.Lines(t, got[0].Body)
	var alert struct {
		Schema, Region string
		SecondsToAlert *float64
	}
	if err := json.Unmarshal([]byte(got[0].Body), &alert); err != nil {
		t.Fatal(err)
	}
	if alert.Schema != "trailverdict.canary/v1" || alert.Region != region || alert.SecondsToAlert == nil || *alert.SecondsToAlert < 0 || got[0].Attributes["canary"] != "true" {
		t.Errorf("the test alert is %s %v", got[0].Body, got[0].Attributes)
	}
	for id := range f.match {
		if list := a.Received(id); len(list) > 0 {
			t.Errorf("%s got %v", id, list)
		}
	}
	if list := onBus(t, a); len(list) > 0 {
		t.Errorf("the central bus got %v", list)
	}
	if list := a.Dead("DeadLetters"); len(list) > 0 {
		t.Errorf("the dead letters are %v", list)
	}
}
