package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// console are the pages with commands whose output is what the program prints.
func console(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("verdicts/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	return append(pages, "soc.md")
}

// session is a block of a page: a command and its output.
var session = regexp.MustCompile("(?s)```console\n\\$ ([^\n]+)\n(.*?)```\n")

// TestCommandsPrintWhatThePagesSay runs each command in the project's root.
func TestCommandsPrintWhatThePagesSay(t *testing.T) {
	program := filepath.Join(t.TempDir(), "trailverdict")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/trailverdict").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, page := range console(t) {
		n := 0
		text := session.ReplaceAllStringFunc(read(t, page), func(block string) string {
			n++
			command := session.FindStringSubmatch(block)[1]
			return "```console\n$ " + command + "\n" + printed(t, program, command) + "```\n"
		})
		if n == 0 {
			t.Errorf("%s shows no command", page)
		}
		if *update {
			if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(read(t, page), text); d != "" {
			t.Errorf("%s is not what the program prints (make update): %s", page, d)
		}
	}
}

// TestPlaybooks holds that each verdict has a page, and each of its causes a part
// of it with a story in which it is found.
func TestPlaybooks(t *testing.T) {
	for _, v := range incident.Verdicts {
		page := filepath.Join("verdicts", string(v)+".md")
		text := read(t, page)
		for _, title := range []string{"## The first fifteen minutes", "## How to decide", "## Causes", "## How to close it", "## What it cannot see"} {
			if !strings.Contains(text, "\n"+title+"\n") {
				t.Errorf("%s lacks %q", page, title)
			}
		}
		_, causes, _ := strings.Cut(text, "\n## Causes\n")
		parts := strings.Split(causes, "\n### ")[1:]
		if len(parts) != len(v.Causes()) {
			t.Errorf("%s describes %d causes, and the verdict has %d", page, len(parts), len(v.Causes()))
		}
		for _, c := range v.Causes() {
			found := false
			for _, part := range parts {
				if strings.HasPrefix(part, "`"+string(c)+"`\n") {
					found = strings.Contains(part, "\n  "+string(c)+", ")
				}
			}
			if !found {
				t.Errorf("%s has no story of %s", page, c)
			}
		}
		for _, example := range examples(t, page, "yaml") {
			if _, err := loaded(example); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// printed is what a shell's command prints where trailverdict is the program. A
// compromise is no failure of it.
func printed(t *testing.T, program, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(command, "trailverdict ", program+" "))
	cmd.Dir = ".."
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("%s: %v\n%s", command, err, complaints.String())
	}
	return out.String()
}

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
