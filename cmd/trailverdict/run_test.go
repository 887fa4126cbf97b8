package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func none(string) string { return "" }

// interrupted cancels when it is first read, and then never ends.
type interrupted struct{ cancel func() }

func (i interrupted) Read(p []byte) (int, error) {
	i.cancel()
	return copy(p, "\n"), nil
}

func TestAnInterruptLeavesNothingBehind(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	status := run(ctx, none, interrupted{cancel}, &stdout, &stderr, []string{"replay", "-o", filepath.Join(dir, "out.json"), "-"})
	if status != exitFailure || stdout.Len() > 0 || stderr.String() != "trailverdict: interrupted; nothing was decided\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, &stdout, &stderr)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	event := filepath.Join("..", "..", "events", "single", "iam-attachuserpolicy-quarantine-v3.json")
	for _, args := range [][]string{{"replay", event}, {"replay", "--format", "json", event}, {"demo"}, {"version"}, {"config", "schema"}} {
		var stderr bytes.Buffer
		if status := run(context.Background(), none, strings.NewReader(""), full{}, &stderr, args); status != exitFailure || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%v: status %d, stderr %q; want a failure that says why", args, status, &stderr)
		}
	}
}

// broken fails after its content.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = errors.New("connection reset")
	}
	return n, err
}

func TestInputThatBreaksOffIsAFailureAndWhatWasReadIsPrinted(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "events", "single", "iam-attachuserpolicy-quarantine-v3.json"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status := run(context.Background(), none, broken{bytes.NewReader(data)}, &stdout, &stderr, []string{"replay", "-"})
	if status != exitFailure || !strings.Contains(stdout.String(), "COMPROMISE") || !strings.Contains(stderr.String(), "connection reset") {
		t.Errorf("status %d, stdout %q, stderr %q; want a failure with the finding", status, &stdout, &stderr)
	}
}
