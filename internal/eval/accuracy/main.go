// Accuracy measures the detector on everything labelled that is at hand, prints
// the figures, and with -write puts them into docs/accuracy.md between the
// markers there. Recorded sets that are not at hand keep the figures that they
// have. Run it from the project's root, as make eval does.
package main

import (
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/trailverdict/trailverdict/internal/eval"
)

// The page, and the markers of its part that is written.
const (
	page  = "docs/accuracy.md"
	begin = "<!-- begin verdicts -->\n"
	end   = "<!-- end verdicts -->"
)

func main() {
	write := flag.Bool("write", false, "write the figures into docs/accuracy.md")
	data := flag.String("data", "../shared/data", "folder of recorded sets; left out if it is not there")
	drawn := flag.Bool("rhythms", false, "instead, copy what interval's tests print with -eval from standard input into docs/accuracy.md")
	flag.Parse()
	do := func() error { return run(*data, *write) }
	if *drawn {
		do = rhythms
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

// rhythms copies the tables that interval's tests print.
func rhythms() error {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var b strings.Builder
	for line := range strings.Lines(string(in)) {
		if status := strings.Fields(line); len(status) == 0 || status[0] != "PASS" && status[0] != "ok" {
			b.WriteString(line)
		}
		if strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") {
			return fmt.Errorf("a goal was missed: %s", line)
		}
	}
	fmt.Print(b.String())
	doc, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	const from, to = "<!-- begin rhythms -->\n", "<!-- end rhythms -->"
	before, rest, found := strings.Cut(string(doc), from)
	_, after, closed := strings.Cut(rest, to)
	if !found || !closed {
		return fmt.Errorf("%s: no markers for rhythms", page)
	}
	return os.WriteFile(page, []byte(before+from+strings.TrimSpace(b.String())+"\n\n"+to+after), 0o644)
}

func run(data string, write bool) error {
	var b strings.Builder
	if err := section(&b, eval.StoriesTitle, func() ([]eval.Judged, error) { return eval.Stories(os.DirFS("events/scenario")) }); err != nil {
		return err
	}
	if _, err := os.Stat(data); err != nil {
		fmt.Fprintf(os.Stderr, "no %s: the recorded sets were not measured\n", data)
		if err := kept(&b, page); err != nil {
			return err
		}
	} else if err := recorded(&b, os.DirFS(data)); err != nil {
		return err
	}
	fmt.Print(b.String())
	if write {
		return replace(page, b.String())
	}
	return nil
}

func recorded(b *strings.Builder, fsys fs.FS) error {
	if err := section(b, "Recorded attacks (stratus-red-team)", func() ([]eval.Judged, error) {
		sub, err := fs.Sub(fsys, "stratus/orig")
		if err != nil {
			return nil, err
		}
		return eval.Stratus(sub)
	}); err != nil {
		return err
	}
	if err := section(b, "Rule tests of panther-analysis", func() ([]eval.Judged, error) {
		f, err := fsys.Open("panther_rule_tests/tests.jsonl")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return eval.Panther(f)
	}); err != nil {
		return err
	}
	return section(b, "Recordings in which nothing was wrong", func() ([]eval.Judged, error) {
		var out []eval.Judged
		for _, name := range []string{"boogy_prod_baseline/records.jsonl", "custodian_eventbridge/records.jsonl", "misc/fivexl.jsonl", "misc/lambda_promtail.jsonl", "misc/plaso.jsonl", "misc/trailscraper.jsonl"} {
			f, err := fsys.Open(name)
			if err != nil {
				return nil, err
			}
			cases, err := eval.Quiet(filepath.Dir(name), f)
			f.Close()
			if err != nil {
				return nil, err
			}
			out = append(out, cases...)
		}
		return out, nil
	})
}

// section measures one set and writes its part of the page.
func section(b *strings.Builder, title string, measure func() ([]eval.Judged, error)) error {
	cases, err := measure()
	if err != nil {
		return fmt.Errorf("measure %s: %w", title, err)
	}
	b.WriteString(eval.Section(title, cases))
	return nil
}

// kept adds the sections after the stories' as they stand in the page.
func kept(b *strings.Builder, file string) error {
	_, figures, _, err := parts(file)
	if err != nil {
		return err
	}
	if i := strings.Index(figures, "\n### "); i >= 0 {
		b.WriteString(figures[i+1:])
	}
	return nil
}

// replace puts text between the markers of a page.
func replace(file, text string) error {
	before, _, after, err := parts(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644)
}

// parts are a page's text before, between and after its markers.
func parts(file string) (before, between, after string, err error) {
	doc, err := os.ReadFile(file)
	if err != nil {
		return "", "", "", err
	}
	before, rest, found := strings.Cut(string(doc), begin)
	between, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", "", "", fmt.Errorf("%s: no markers for the figures", file)
	}
	return before, between, after, nil
}
