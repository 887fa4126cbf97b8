package bench

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fastjson"
)

// peerVar makes the test binary a program that reads a folder in another way, so
// that it is measured as the product is.
const peerVar = "TRAILVERDICT_BENCH_PEER"

func TestMain(m *testing.M) {
	name, folder, ok := strings.Cut(os.Getenv(peerVar), "=")
	if !ok {
		os.Exit(m.Run())
	}
	if err := peers()[name](folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// peers are the ways to read a folder that are built in. The naive one decides, as
// replay does; the others are the floor, and decoding alone.
func peers() map[string]func(folder string) error {
	return map[string]func(folder string) error{
		"gunzip": func(folder string) error { return eachFile(folder, gunzip) },
		"naive":  replayNaively,
		"split":  func(folder string) error { return eachFile(folder, split) },
	}
}

func eachFile(folder string, one func(io.Reader) error) error {
	names, err := filepath.Glob(filepath.Join(folder, "*.gz"))
	if err != nil || len(names) == 0 {
		return errors.Join(fmt.Errorf("no files in %s", folder), err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(one(f), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// split is what the fastest known program does that reads CloudTrail: it cuts the
// file into records by their braces, and has fastjson parse each.
func split(r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	var p fastjson.Parser
	kept := 0
	for _, record := range recordsOf(b) {
		v, err := p.ParseBytes(record)
		if err != nil {
			return err
		}
		for _, field := range [][]string{{"eventTime"}, {"eventSource"}, {"eventName"}, {"errorCode"}, {"sourceIPAddress"}, {"userIdentity", "arn"}, {"userIdentity", "accessKeyId"}} {
			kept += len(v.GetStringBytes(field...))
		}
	}
	if kept == 0 {
		return errors.New("nothing was read")
	}
	return nil
}

// recordsOf cuts {"Records":[{…},{…}]} into its records. Braces in strings are none.
func recordsOf(b []byte) (out [][]byte) {
	depth, start, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			if depth++; depth == 2 {
				start = i
			}
		case c == '}':
			if depth--; depth == 1 {
				out = append(out, b[start:i+1])
			}
		}
	}
	return out
}

// cost is what a program took.
type cost struct {
	cpu, wall time.Duration
	rssMiB    float64
}

// spend runs a program to its end. The verdict compromise is no failure.
func spend(t *testing.T, env []string, name string, args ...string) cost {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	ended, peak := make(chan struct{}), make(chan float64)
	go func() { peak <- highest(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	close(ended)
	c := cost{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rssMiB: <-peak}
	if err != nil && cmd.ProcessState.ExitCode() != 3 {
		t.Fatalf("%s: %v\n%s", name, err, errs.String())
	}
	return c
}

// highest is the high water mark of a program's memory until it ends, in MiB,
// read every few milliseconds. What wait reports instead begins with the memory
// of the test that started it.
func highest(pid int, ended <-chan struct{}) (mib float64) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
		if _, rest, ok := strings.Cut(string(b), "VmHWM:"); ok {
			var kib float64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				mib = kib / 1024
			}
		}
		select {
		case <-ended:
			return mib
		case <-tick.C:
		}
	}
}

// program builds the command line.
func program(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "trailverdict")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/trailverdict")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// year writes log files of the corpus's mix.
func year(t *testing.T, files int) (folder string, size int64) {
	t.Helper()
	folder = t.TempDir()
	c := newCorpus()
	for n := range files {
		b := file(records, func() string { r, _ := c.next(); return r })
		size += int64(len(b))
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%03d.json.gz", n)), zipped(t, b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder, size
}

// reader is a program that reads the folder.
type reader struct {
	name string
	env  []string
	argv []string
}

// others are programs that somebody would reach for instead, as far as they are
// there. Each counts failed calls by principal.
func others(folder string) (out []reader) {
	const query = `[.Records[]|select(.errorCode)|.userIdentity.arn]|group_by(.)|map({arn:.[0],n:length})`
	if _, err := exec.LookPath("jq"); err == nil {
		out = append(out, reader{"zcat and jq", nil, []string{"sh", "-c", "zcat " + folder + "/*.gz | jq -c '" + query + "'"}})
	}
	const sql = `SELECT r.userIdentity.arn, count(*) FROM (SELECT unnest(Records) AS r FROM read_json('%s/*.gz', maximum_object_size=67108864)) WHERE r.errorCode IS NOT NULL GROUP BY 1`
	if _, err := exec.LookPath("duckdb"); err == nil {
		out = append(out, reader{"DuckDB", nil, []string{"duckdb", "-c", "SET threads=1;" + fmt.Sprintf(sql, folder)}})
	} else if duckDB := nodePackage("@duckdb/node-api"); duckDB != "" {
		script := `const {DuckDBInstance}=require(` + strconv.Quote(duckDB) + `);` +
			`DuckDBInstance.create(":memory:",{threads:"1"}).then(i=>i.connect()).then(c=>c.runAndReadAll(` + strconv.Quote(fmt.Sprintf(sql, folder)) + `)).then(r=>console.log(r.getRows().length))`
		out = append(out, reader{"DuckDB", nil, []string{"node", "-e", script}})
	}
	return out
}

// nodePackage is where node finds a package, among the parts of .ci or in
// NODE_PATH; empty where it does not.
func nodePackage(name string) string {
	cmd := exec.Command("node", "-p", "require.resolve("+strconv.Quote(name)+")")
	cmd.Dir = filepath.Join(root, ".ci")
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// whole measures the program as a user runs it, beside others that read the same
// files.
func whole(t *testing.T, out *table) {
	binary := program(t)
	folder, size := year(t, 20)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	one := []string{"GOMAXPROCS=1"}
	readers := []reader{{"trailverdict", one, []string{binary, "replay", "--workers", "1", "--format", "json", folder}}}
	for _, name := range []string{"gunzip", "naive", "split"} {
		readers = append(readers, reader{name, append([]string{peerVar + "=" + name + "=" + folder}, one...), []string{self}})
	}
	missing := []string{"zcat and jq", "DuckDB"}
	for _, r := range others(folder) {
		readers = append(readers, r)
		missing = without(missing, r.name)
	}
	cpu, rss := map[string][]float64{}, map[string][]float64{}
	for range 3 {
		for _, r := range readers {
			c := spend(t, r.env, r.argv[0], r.argv[1:]...)
			cpu[r.name], rss[r.name] = append(cpu[r.name], c.cpu.Seconds()), append(rss[r.name], c.rssMiB)
		}
	}
	ours := median(cpu["trailverdict"])
	out.section(fmt.Sprintf("The whole program, 100,000 records, %.0f MB, one core", float64(size)/1e6))
	out.atLeast("times faster than compress/gzip and encoding/json that decide the same", median(cpu["naive"])/ours, 4, "%.1f")
	out.atLeast("part of the speed of klauspost's gunzip alone", median(cpu["gunzip"])/ours, 0.70, "%.2f")
	out.atLeast("times faster than splitting records and fastjson", median(cpu["split"])/ours, 2, "%.1f")
	for _, r := range readers[4:] {
		out.fact("times faster than "+r.name, fmt.Sprintf("%.1f", median(cpu[r.name])/ours))
	}
	for _, name := range missing {
		out.fact("times faster than "+name, "not there")
		t.Logf("NOT MEASURED: %s, which is not installed", name)
	}
	out.fact("records a second; MB/s", fmt.Sprintf("%.0f; %.0f", 20*records/ours, float64(size)/1e6/ours))
	out.atMost("RSS with one worker, MiB", median(rss["trailverdict"]), 96, "%.0f")
	scale(t, out, binary, folder)
}

// scale compares two workers with one, by the clock.
func scale(t *testing.T, out *table, binary, folder string) {
	var ratios, rss []float64
	for range 5 {
		a := spend(t, nil, binary, "replay", "--workers", "1", "--format", "json", folder)
		b := spend(t, nil, binary, "replay", "--workers", "2", "--format", "json", folder)
		ratios, rss = append(ratios, a.wall.Seconds()/b.wall.Seconds()), append(rss, b.rssMiB)
	}
	out.atLeast("times faster with two workers, by the clock", median(ratios), 1.8, "%.2f")
	out.atMost("RSS with two workers, MiB", median(rss), 128, "%.0f")
}

func without(list []string, name string) (out []string) {
	for _, s := range list {
		if s != name {
			out = append(out, s)
		}
	}
	return out
}

// outage is failures that clients report, of so many roles in turn. Each role
// fails at the same pace, however many there are: what is decided about one must
// not depend on their number where cost is compared.
type outage struct {
	failures, roles int
	every           time.Duration // that a role fails
}

func (f outage) write(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	out, err := os.Create(filepath.Join(folder, "failures.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	w := gzip.NewWriter(out)
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for n := range f.failures {
		at := began.Add(time.Duration(n+1) * f.every / time.Duration(f.roles))
		when := at.Format(time.RFC3339)
		role := n % f.roles
		_, err := fmt.Fprintf(w, `{"version":"0","id":"x","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333","time":%[1]q,"region":"eu-west-1","resources":[],"detail":{"eventId":"e-%[2]d","eventTime":%[1]q,"errorCode":"InvalidClientTokenId","operation":"sts:GetCallerIdentity","accessKeyId":"ASIAEXAMPLE%09[3]d","workload":"w-%[3]d","principalArn":"arn:aws:iam::111122223333:role/r-%[3]d","sourceIPAddress":"192.0.2.%[4]d"}}`+"\n", when, n, role, n%256)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	return folder
}

// growth measures how cost grows with what is read.
func growth(t *testing.T, out *table) {
	binary := program(t)
	run := func(folder string) cost {
		var rounds []cost
		for range 3 {
			rounds = append(rounds, spend(t, nil, binary, "replay", "--workers", "2", "--format", "json", folder))
		}
		slices.SortFunc(rounds, func(a, b cost) int { return cmp.Compare(a.cpu, b.cpu) })
		return rounds[1]
	}
	out.section("Ten times as much: CPU, and RSS with two workers")
	row := func(what string, a, b cost) {
		out.atMost(what+": times the CPU", b.cpu.Seconds()/a.cpu.Seconds(), 13, "%.1f")
		out.atMost(what+": RSS, MiB", max(a.rssMiB, b.rssMiB), 128, "%.0f")
	}
	some, _ := year(t, 6)
	many, _ := year(t, 60)
	row("30,000 → 300,000 records of the mix", run(some), run(many))
	failures := func(n, roles int, every time.Duration) cost { return run(outage{n, roles, every}.write(t)) }
	row("failures, 30 → 300 roles with 200 each", failures(6000, 30, 30*time.Second), failures(60_000, 300, 30*time.Second))
	row("failures, 300 → 3,000 roles with 200 each", failures(60_000, 300, 30*time.Second), failures(600_000, 3000, 30*time.Second))
	row("incidents, 300 → 3,000 roles with 20 each", failures(6000, 300, 50*time.Minute), failures(60_000, 3000, 50*time.Minute))
	row("failures of one role, 100,000 → 1,000,000", failures(100_000, 1, 30*time.Second), failures(1_000_000, 1, 30*time.Second))
}

// TestMemoryIsBounded holds the program to the memory that it promises, with the
// most that is decided about as a whole, and with evidence that takes several times
// as much.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 95,000 failures")
	}
	binary := program(t)
	for _, f := range []outage{{15_000, 300, 50 * time.Minute}, {40_000, 1, time.Minute}, {40_000, 400, 400 * time.Second}} {
		folder := f.write(t)
		for workers, limit := range map[int]float64{1: 96, 2: 128} {
			c := spend(t, nil, binary, "replay", "--workers", strconv.Itoa(workers), "--format", "json", folder)
			if c.rssMiB == 0 {
				t.Skip("NOT TESTED: how much memory a replay takes, since there is no /proc to read it from")
			}
			if c.rssMiB > limit {
				t.Errorf("%d failures of %d roles take %.0f MiB with %d workers, want at most %.0f", f.failures, f.roles, c.rssMiB, workers, limit)
			}
		}
		// A report keeps times besides, of 40,000 failures 8 MB.
		c := spend(t, nil, binary, "report", "--format", "json", folder)
		if limit := float64(64 + 32*runtime.GOMAXPROCS(0) + 32); c.rssMiB > limit {
			t.Errorf("a report on %d failures of %d roles takes %.0f MiB, want at most %.0f", f.failures, f.roles, c.rssMiB, limit)
		}
	}
}
