package bench

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

var (
	figures = flag.Bool("figures", false, "measure everything and print the table")
	write   = flag.Bool("write", false, "write the table into docs/performance.md, too")
)

const (
	begin = "<!-- begin figures -->\n"
	end   = "<!-- end figures -->"
)

// table collects the figures.
type table struct{ strings.Builder }

func (t *table) section(title string) {
	fmt.Fprintf(t, "\n### %s\n\n| what | measured | goal | |\n| --- | --: | --: | --- |\n", title)
}

// atLeast and atMost add a row whose goal is a bound, and fact one without a
// goal. A missed goal is for the page to explain, and fails nothing: a busy
// machine is no fault of the program.
func (t *table) atLeast(what string, got, goal float64, format string) {
	t.row(what, fmt.Sprintf(format, got), "≥ "+fmt.Sprintf(format, goal), verdict(got >= goal))
}

func (t *table) atMost(what string, got, goal float64, format string) {
	t.row(what, fmt.Sprintf(format, got), "≤ "+fmt.Sprintf(format, goal), verdict(got <= goal))
}

func (t *table) fact(what, got string) { t.row(what, got, "", "") }

func (t *table) row(what, got, goal, verdict string) {
	fmt.Fprintf(t, "| %s | %s | %s | %s |\n", what, got, goal, verdict)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

// TestFigures measures everything. It is make bench, and no test otherwise.
func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("measures only with -figures; make bench does")
	}
	var out table
	for _, part := range []struct {
		name    string
		measure func(*testing.T, *table)
	}{{"live", live}, {"files", files}, {"whole", whole}, {"growth", growth}, {"writes", writes}, {"reports", reports}, {"programs", programs}} {
		t.Run(part.name, func(t *testing.T) { part.measure(t, &out) })
	}
	fmt.Println(out.String())
	if *write && !t.Failed() {
		replace(t, out.String()+"\n")
	}
}

// replace puts text between the markers of the page.
func replace(t *testing.T, text string) {
	t.Helper()
	page := filepath.Join(root, "docs", "performance.md")
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(b), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no markers for the figures", page)
	}
	if err := os.WriteFile(page, []byte(before+begin+text+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// measured is the median of some rounds: CPU time, and allocations.
type measured struct{ ns, allocs float64 }

// medians runs benchmarks in turn, so that what slows the machine down for a
// while slows down all of them.
func medians(benchmarks ...func(*testing.B)) []measured {
	const rounds = 5
	ns, allocs := make([][]float64, len(benchmarks)), make([][]float64, len(benchmarks))
	for range rounds {
		for i, b := range benchmarks {
			r := testing.Benchmark(b)
			ns[i] = append(ns[i], r.Extra[cpuTime])
			allocs[i] = append(allocs[i], float64(r.AllocsPerOp()))
		}
	}
	out := make([]measured, len(benchmarks))
	for i := range out {
		out[i] = measured{median(ns[i]), median(allocs[i])}
	}
	return out
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func live(_ *testing.T, out *table) {
	m := medians(BenchmarkLive, BenchmarkLiveStock, BenchmarkLiveIrrelevant, BenchmarkLiveIrrelevantStock, BenchmarkLiveScan, BenchmarkLiveMany, BenchmarkLiveManyStock)
	us := func(i int) string { return fmt.Sprintf("%.1f µs, %.0f allocations", m[i].ns/1000, m[i].allocs) }
	out.section("One event from EventBridge, " + fmt.Sprintf("%.1f kB", float64(len(ofInterest()))/1000))
	out.atLeast("event of interest: times faster than the stock handler", m[1].ns/m[0].ns, 7, "%.1f")
	out.atLeast("irrelevant event: times faster than the stock handler", m[3].ns/m[2].ns, 7, "%.1f")
	out.atMost("irrelevant event: allocations", m[2].allocs, 0, "%.0f")
	out.fact("events of interest of 500 sessions in turn: times faster than the stock handler", fmt.Sprintf("%.1f", m[6].ns/m[5].ns))
	out.fact("checking the JSON alone, part of the time for an event of interest", fmt.Sprintf("%.2f", m[4].ns/m[0].ns))
	out.fact("detect, event of interest", us(0))
	out.fact("detect, irrelevant event", us(2))
	out.fact("stock handler, event of interest", us(1))
}

func files(_ *testing.T, out *table) {
	m := medians(BenchmarkFile, BenchmarkFileNaive, BenchmarkFileGunzip, BenchmarkPlain, BenchmarkPlainNaive, BenchmarkPlainIrrelevant, BenchmarkPlainAlone)
	first, services := float64(len(mixed()[0])), float64(len(ofServices()[0]))
	out.section("Log files, gzip, one core")
	out.atLeast("file: times faster than compress/gzip and encoding/json", m[1].ns/m[0].ns, 4, "%.1f")
	out.atLeast("file: part of the speed of klauspost's gunzip alone", m[2].ns/m[0].ns, 0.70, "%.2f")
	out.atLeast("decoder: times faster than encoding/json", m[4].ns/m[3].ns, 10, "%.1f")
	out.atMost("decoder: allocations an irrelevant record", m[5].allocs/records, 0.03, "%.3f")
	out.fact("decoder, records of no interest alone: times faster than encoding/json on the mix, a byte", fmt.Sprintf("%.1f",
		m[4].ns/first/(m[5].ns/services)))
	out.fact("decoder, a file of whose callers none is known: times faster than encoding/json", fmt.Sprintf("%.1f", m[4].ns/m[6].ns))
	out.fact("decoder, MB/s", fmt.Sprintf("%.0f", first/m[3].ns*1000))
	out.fact("file, MB/s of what it unpacks to; gunzip alone", fmt.Sprintf("%.0f; %.0f", first/m[0].ns*1000, first/m[2].ns*1000))
}

// priced reads what the store's own test prints.
var priced = regexp.MustCompile(`(evidence|evidence and cases), per event: write requests ([\d.]+), items ([\d.]+), write units ([\d.]+), read requests ([\d.]+)`)

// looked reads what a lone failure is decided about with, and hottest what the
// most written partition bears.
var (
	looked  = regexp.MustCompile(` 1 failures in a batch, altogether: .*read requests ([\d.]+), read units ([\d.]+)`)
	hottest = regexp.MustCompile(`the hottest is \S+ with ([\d.]+) write units`)
)

// quietEvents are those of the store's test that are about no incident.
const quietEvents = "100 sessions issued to one caller in a batch"

func writes(t *testing.T, out *table) {
	cmd := exec.Command("go", "test", "./internal/aws/dynamo", "-run", "^(TestWritesPerEvent|TestReadsOfABusyRole|TestNoKeyIsHot)$", "-v", "-count=1")
	cmd.Dir = root
	printed, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	out.section("DynamoDB, requests an event")
	name, found := "", 0
	for lines := bufio.NewScanner(bytes.NewReader(printed)); lines.Scan(); {
		if _, run, ok := strings.Cut(lines.Text(), "=== RUN   TestWritesPerEvent/"); ok {
			name, _, _ = strings.Cut(strings.ReplaceAll(run, "_", " "), ",")
		}
		if _, run, ok := strings.Cut(lines.Text(), "=== RUN   TestReadsOfABusyRole/"); ok {
			name = strings.ReplaceAll(run, "_", " ")
		}
		if m := looked.FindStringSubmatch(lines.Text()); m != nil {
			out.fact("one failure of "+name+": reads; read units", strings.TrimSuffix(m[1], ".000")+"; "+strings.TrimSuffix(m[2], ".000"))
		}
		if m := hottest.FindStringSubmatch(lines.Text()); m != nil {
			hot, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			out.atMost("a thousand failures of one role in a second: write units of the hottest partition", hot, 1000, "%.0f")
		}
		m := priced.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		found++
		writes, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		goal := 0.10
		if name == "single events" {
			goal = 1.05
		}
		if m[1] == "evidence" {
			out.atMost(name+": writes", writes, goal, "%.2f")
			continue
		}
		if name == quietEvents {
			reads, err := strconv.ParseFloat(m[5], 64)
			if err != nil {
				t.Fatal(err)
			}
			out.atMost(name+", of no incident: reads", reads, 0.10, "%.2f")
			continue
		}
		out.fact(name+", deciding included: writes; write units; reads", m[2]+"; "+m[4]+"; "+m[5])
	}
	if found == 0 {
		t.Skip("NOT MEASURED: what DynamoDB is asked for, since there is no DynamoDB Local; see make parts")
	}
}

func programs(t *testing.T, out *table) {
	out.section("The functions' programs, arm64")
	sizes(t, out)
	const starts = 21
	bootstraps := []string{localaws.Build(t, "functions/detect"), localaws.Build(t, minimal)}
	var cpu, rss [2][]float64
	for range starts {
		for i, b := range bootstraps {
			s := start(t, b, detectEnv("none"))
			cpu[i], rss[i] = append(cpu[i], s.cpuMS), append(rss[i], s.rssMiB)
		}
	}
	out.section("detect's process, on this machine")
	out.atMost("CPU to the first poll: times a minimal handler's", median(cpu[0])/median(cpu[1]), 1.6, "%.2f")
	out.atMost("RSS at the first poll, MiB", median(rss[0]), 10, "%.1f")
	t.Run("after events", func(t *testing.T) {
		out.atMost("RSS after 10,000 events, MiB", afterEvents(t, bootstraps[0], 10000), 24, "%.1f")
	})
	out.fact("CPU to the first poll, ms: detect; minimal", fmt.Sprintf("%.2f; %.2f", median(cpu[0]), median(cpu[1])))
	out.fact("RSS at the first poll of a minimal handler, MiB", fmt.Sprintf("%.1f", median(rss[1])))
}

func sizes(t *testing.T, out *table) {
	mb, zip := size(t, "functions/detect")
	out.atMost("detect, MB", mb, 8.5, "%.1f")
	out.atMost("detect zipped, MB", zip, 3.2, "%.1f")
	for _, name := range []string{"intake", "notify", "settle"} {
		mb, zip := size(t, "functions/"+name)
		out.fact(name+", MB; zipped", fmt.Sprintf("%.1f; %.1f", mb, zip))
	}
	mb, zip = size(t, minimal)
	out.fact("minimal handler, MB; zipped", fmt.Sprintf("%.1f; %.1f", mb, zip))
}
