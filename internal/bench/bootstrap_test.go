package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/archive"
	"github.com/trailverdict/trailverdict/internal/aws/dynamo"
	"github.com/trailverdict/trailverdict/internal/aws/lambdaenv"
	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/localaws"
)

const (
	minimal = "internal/bench/testdata/minimal"
	root    = "../.."
)

// size is what a function's program takes as it is deployed, in MB: as it is, and
// zipped.
func size(t *testing.T, folder string) (mb, zippedMB float64) {
	t.Helper()
	bootstrap := localaws.Build(t, folder, localaws.BuildEnv()...)
	info, err := os.Stat(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := archive.Folder(filepath.Dir(bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	return float64(info.Size()) / 1e6, float64(len(packed)) / 1e6
}

// started is what a process took until it asked for its first event.
type started struct{ cpuMS, rssMiB float64 }

func start(t *testing.T, bootstrap string, env []string) started {
	t.Helper()
	f := localaws.Start(t, bootstrap, env)
	defer f.Kill()
	if err := f.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	return started{cpuMS(t, f.Pid()), rssMiB(t, f.Pid())}
}

// cpuMS is how long a process's threads have run. Its own times are counted in
// ticks, which are longer than a start takes.
func cpuMS(t *testing.T, pid int) float64 {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		t.Skipf("NOT MEASURED: no threads of process %d under /proc (%v)", pid, err)
	}
	total := 0.0
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(b), " ")
		ns, err := strconv.ParseFloat(first, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		total += ns / 1e6
	}
	return total
}

var rss = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

func rssMiB(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("NOT MEASURED: %v", err)
	}
	m := rss.FindSubmatch(b)
	if m == nil {
		t.Fatalf("process %d has no VmRSS", pid)
	}
	kb, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}

// detectEnv is what detect needs to start; nothing is asked of the table then.
func detectEnv(table string) []string {
	return []string{config.EnvTable + "=" + table, config.EnvLogLevel + "=error"}
}

// afterEvents is what detect takes after n events in batches of 100 from the
// queue: half of them failures of 40 roles' keys, and half sessions issued to them.
func afterEvents(t *testing.T, bootstrap string, n int) float64 {
	t.Helper()
	at := localaws.DynamoDB(t)
	getenv := func(name string) string {
		return map[string]string{
			"AWS_REGION": localaws.Region, "AWS_ENDPOINT_URL": at.URL,
			"AWS_ACCESS_KEY_ID": localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY": localaws.SecretAccessKey,
		}[name]
	}
	cfg, err := lambdaenv.Config(getenv)
	if err != nil {
		t.Fatal(err)
	}
	table := "bench-" + rand.Text()
	if err := dynamo.Create(t.Context(), dynamo.NewClient(cfg, getenv), table); err != nil {
		t.Fatal(err)
	}
	f := localaws.Start(t, bootstrap, append(at.Env("DYNAMODB"), detectEnv(table)...))
	defer f.Kill()
	c := newCorpus()
	for done := 0; done < n; done += 100 {
		answer, err := f.Invoke(context.Background(), c.batch(t, 100))
		if err != nil || string(answer) != `{"batchItemFailures":[]}` {
			t.Fatalf("Invoke() = %s, %v; it printed:\n%s", answer, err, f.Logs())
		}
	}
	return rssMiB(t, f.Pid())
}

// batch is what Lambda hands over from the queue.
func (c *corpus) batch(t *testing.T, n int) []byte {
	t.Helper()
	type message struct {
		ID   string `json:"messageId"`
		Body string `json:"body"`
	}
	var list struct{ Records []message }
	for i := range n {
		list.Records = append(list.Records, message{c.uuid(), string(c.delivered([]sort{issuance, failure}[i%2], ""))})
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
