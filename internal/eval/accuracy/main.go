// Accuracy measures the detector on everything labelled that is at hand, prints
// the figures, and with -write puts them into docs/accuracy.md between the
// markers there. Run it from the project's root, as make eval does.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/trailverdict/trailverdict/internal/eval"
)

func main() {
	write := flag.Bool("write", false, "write the figures into docs/accuracy.md")
	data := flag.String("data", "../shared/data", "folder of recorded sets; left out if it is not there")
	flag.Parse()
	if err := run(*data, *write); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(data string, write bool) error {
	var b strings.Builder
	if err := section(&b, eval.StoriesTitle, func() ([]eval.Judged, error) { return eval.Stories(os.DirFS("events/scenario")) }); err != nil {
		return err
	}
	if _, err := os.Stat(data); err != nil {
		fmt.Fprintf(os.Stderr, "no %s: the recorded sets were not measured\n", data)
	} else if err := recorded(&b, os.DirFS(data)); err != nil {
		return err
	}
	fmt.Print(b.String())
	if write {
		return replace("docs/accuracy.md", "verdicts", b.String())
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

// replace puts text between the markers of a part of a document.
func replace(file, part, text string) error {
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- begin "+part+" -->\n", "<!-- end "+part+" -->"
	before, rest, found := strings.Cut(string(doc), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s: no markers for %s", file, part)
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644)
}
