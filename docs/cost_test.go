package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/cost"
)

// TestCost keeps the tables of cost.md what the command computes.
func TestCost(t *testing.T) {
	page, err := os.ReadFile("cost.md")
	if err != nil {
		t.Fatal(err)
	}
	stacks, err := cost.DefaultStacks()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := cost.Text(&text, costOf(t, stacks, 1000), true); err != nil {
		t.Fatal(err)
	}
	got := between(t, string(page), "totals", totals(t, stacks))
	golden(t, "cost.md", between(t, got, "bill", "```\n"+text.String()+"```\n"))
}

func totals(t *testing.T, stacks []cost.Stack) string {
	t.Helper()
	all := everything(t)
	table := "| events a day | default | where SQS's free million is used up | everything |\n| --: | --: | --: | --: |\n"
	for _, n := range []float64{0, 100, 1000, 10_000, 100_000, 1_000_000} {
		b := costOf(t, stacks, n)
		table += fmt.Sprintf("| %.0f | %.2f | %.2f | %.2f |\n", n, b.Monthly, b.Used, costOf(t, all, n).Monthly)
	}
	return table
}

func costOf(t *testing.T, stacks []cost.Stack, events float64) cost.Bill {
	t.Helper()
	prices, err := cost.ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	b, err := cost.Compute(stacks, cost.DefaultUsage(events), prices)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything is the deployment with all choices, whose templates the stack's
// tests keep.
func everything(t *testing.T) []cost.Stack {
	t.Helper()
	files, err := filepath.Glob("../infra/testdata/everything.*.json")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	var stacks []cost.Stack
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := cost.Read(filepath.Base(file), text)
		if err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, s)
	}
	return stacks
}

// between replaces what stands between a page's marks.
func between(t *testing.T, page, mark, text string) string {
	t.Helper()
	begin, end := "<!-- begin "+mark+" -->\n", "<!-- end "+mark+" -->"
	before, rest, found := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("the page has no part %s", mark)
	}
	return before + begin + "\n" + text + "\n" + end + after
}
