package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// What docs/routing.md shows is what the worked example decides.
func TestTheRoutingExampleIsTrue(t *testing.T) {
	findings, err := os.ReadFile("../../internal/render/testdata/findings.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/routing.md")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(findings, []byte("\n"))
	var out, complaints bytes.Buffer
	args := []string{"routes", "test", "--config", "../../docs/examples/trailverdict.yaml", "--at", "2026-03-07T03:00:00Z", "--tag", "stage=prod", "-"}
	if status := run(t.Context(), os.Getenv, bytes.NewReader(first), &out, &complaints, args); status != exitOK {
		t.Fatalf("exit status %d: %s", status, &complaints)
	}
	if !strings.Contains(string(page), "```\n"+out.String()+"```\n") {
		t.Errorf("docs/routing.md does not show what the command prints:\n%s", &out)
	}
}
