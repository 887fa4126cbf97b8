package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/localaws"
	"github.com/trailverdict/trailverdict/internal/telemetry"
)

func operations(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestOperationsListsTheMetrics(t *testing.T) {
	page := operations(t)
	written := 0
	for _, d := range telemetry.Metrics() {
		if row := fmt.Sprintf("| %s | %s | %s | %s |\n", d.Metric, d.Unit, d.Means, d.By); !strings.Contains(page, row) {
			t.Errorf("operations.md lacks the row %s", row)
		}
		written += len(strings.Split(d.By, ", "))
	}
	if cost := fmt.Sprintf("$%.2f for\nall %d below", 0.30*float64(written), written); !strings.Contains(page, cost) {
		t.Errorf("operations.md does not say what they cost: %q", cost)
	}
}

// TestMetricsAreWrittenByWhomTheListNames reads the functions' source. What is
// decided, Decided counts; what was left out of the log, every meter.
func TestMetricsAreWrittenByWhomTheListNames(t *testing.T) {
	sources := map[string]string{}
	for _, d := range telemetry.Metrics() {
		for _, function := range []string{"detect", "intake", "notify", "report", "settle"} {
			if sources[function] == "" {
				b, err := os.ReadFile(filepath.Join("..", "functions", function, "main.go"))
				if err != nil {
					t.Fatal(err)
				}
				sources[function] = string(b)
			}
			names := []string{"telemetry." + string(d.Metric)}
			switch d.Metric {
			case telemetry.CapsReached:
				names = append(names, "telemetry.Decided")
			case telemetry.LogLinesOmitted:
				names = []string{"meter.Flush"}
			}
			says := slices.Contains(strings.Split(d.By, ", "), function)
			if writes := slices.ContainsFunc(names, func(n string) bool { return strings.Contains(sources[function], n) }); writes != says {
				t.Errorf("%s writes %s: %t, and the list says %t", function, d.Metric, writes, says)
			}
		}
	}
}

// TestOperationsExplainsTheAlarms looks for the alarms of the stack's source,
// which this package can't import.
func TestOperationsExplainsTheAlarms(t *testing.T) {
	page := operations(t)
	source, err := os.ReadFile(filepath.Join("..", "infra", "alarms.go"))
	if err != nil {
		t.Fatal(err)
	}
	alarms := regexp.MustCompile(`id: "(\w+)Alarm"|\{"(\w+)", "The function `).FindAllStringSubmatch(string(source), -1)
	if len(alarms) < 6 {
		t.Errorf("only %d alarms are found in the stack", len(alarms))
	}
	for _, m := range alarms {
		name := m[1] + m[2]
		if !strings.Contains(page, "["+name+"](#") {
			t.Errorf("operations.md does not explain the alarm %s", name)
		}
	}
}

func TestOperationsShowsLinesOfLogs(t *testing.T) {
	for _, line := range examples(t, "operations.md", "json") {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || m["message"] == nil || m["function"] == nil || m["timestamp"] == nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestDeadLettersAreReplayed runs the commands of operations.md on an emulator
// of SQS, with the AWS command line and ours.
func TestDeadLettersAreReplayed(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: reading dead letters, since it starts the AWS command line several times")
	}
	if err := exec.Command("aws", "--version").Run(); err != nil {
		t.Skipf("NOT TESTED: reading dead letters with the AWS command line, since it does not run: %v", err)
	}
	at := localaws.Messaging(t)
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "trailverdict"), "../cmd/trailverdict").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shell := func(script string) string {
		t.Helper()
		script = `aws() { command aws --endpoint-url "$ENDPOINT" "$@"; }` + "\n" + script // version 1 does not look for it in the environment
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "AWS_REGION="+localaws.Region, "AWS_DEFAULT_REGION="+localaws.Region,
			"AWS_ACCESS_KEY_ID="+localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+localaws.SecretAccessKey, "AWS_EC2_METADATA_DISABLED=true", "ENDPOINT="+at.URL)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return string(out)
	}
	queue := strings.TrimSpace(shell(fmt.Sprintf("aws sqs create-queue --queue-name dead-%d --query QueueUrl --output text", time.Now().UnixNano())))
	write(t, filepath.Join(dir, "trailverdict.yaml"), "version: 1\n")
	const letters = 12 // more than one call returns
	var batches [2][]string
	for i := range letters {
		failed := fmt.Sprintf(`{"detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333","detail":{"eventId":"%d","eventTime":"2026-03-01T10:00:%02dZ","errorCode":"ExpiredToken","workload":"payments-worker"}}`, i, i)
		entry, err := json.Marshal(map[string]string{"Id": fmt.Sprint(i), "MessageBody": failed})
		if err != nil {
			t.Fatal(err)
		}
		batches[i/6] = append(batches[i/6], string(entry))
	}
	for i, b := range batches {
		write(t, filepath.Join(dir, fmt.Sprintf("batch-%d.json", i)), "["+strings.Join(b, ",")+"]")
		shell(fmt.Sprintf("aws sqs send-message-batch --queue-url '%s' --entries file://batch-%d.json", queue, i))
	}
	scripts := examples(t, "operations.md", "sh")
	find := func(part string) string {
		for _, s := range scripts {
			if strings.Contains(s, part) {
				return "queue='" + queue + "'\n" + s
			}
		}
		t.Fatalf("operations.md has no commands with %s", part)
		return ""
	}
	if out := shell(find("| trailverdict replay")); !strings.Contains(out, "EXPIRY") || !strings.Contains(out, "payments-worker") {
		t.Errorf("what a call returns is replayed as:\n%s", out)
	}
	// The messages come back into sight after the time that the command asks
	// for; the emulator is asked to show them at once.
	script := strings.Replace(find("> dead-letters.json"), "while batch", "aws sqs purge-queue --queue-url \"$queue\"\nfor n in 0 1; do aws sqs send-message-batch --queue-url \"$queue\" --entries file://batch-$n.json >sent.json; done\nwhile batch", 1)
	if out := shell(script); !strings.Contains(out, fmt.Sprintf("%d records", letters)) {
		t.Errorf("all %d messages are replayed as:\n%s", letters, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
