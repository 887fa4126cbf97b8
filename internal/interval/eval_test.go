package interval

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/interval/streams"
)

var (
	evaluate  = flag.Bool("eval", false, "measure with many streams and print the tables of docs/accuracy.md")
	calibrate = flag.Bool("calibrate", false, "draw the gains of needTable anew and print them")
)

// size is how many streams a figure rests on.
func size(quick, thorough int) int {
	if *evaluate {
		return thorough
	}
	return quick
}

// print writes a part of docs/accuracy.md.
func print(t *testing.T, format string, args ...any) {
	t.Helper()
	if *evaluate {
		fmt.Printf(format, args...)
	}
}

// A goal is what must be found, as the design promises it.
type goal struct {
	streams.Beat
	share float64 // of the streams
}

// The period of the goals is no lifetime, so that nothing makes them easier.
func goals() []goal {
	const period = 47 * minute
	return []goal{
		{streams.Beat{Period: period, Jitter: 0.05, Missing: 0.2}, 0.99},
		{streams.Beat{Period: period, Jitter: 0.01, Missing: 0.5}, 0.90},
		{streams.Beat{Period: period, Jitter: 0.05, Noise: 0.5}, 0.90},
	}
}

// seen sets how many beats are due so that n of them come.
func seen(b streams.Beat, n int) streams.Beat {
	b.Beats = int(math.Round(float64(n) / (1 - b.Missing)))
	return b
}

// power is the share of streams in which the period is found within 2 %, and
// the share in which any is.
func power(b streams.Beat, seed uint64, n int) (right, found float64) {
	for i := range n {
		r, ok := Find(b.Times(streams.Rand(seed, uint64(i))), Options{})
		if !ok {
			continue
		}
		found++
		if abs(r.Period.Seconds()/b.Period.Seconds()-1) <= 0.02 {
			right++
		}
	}
	return right / float64(n), found / float64(n)
}

func TestPower(t *testing.T) {
	n := size(300, 4000)
	print(t, "### Rhythms found\n\nStreams are drawn (internal/interval/streams) with a period of 47 minutes, which is no credential lifetime. A rhythm counts as found if its period is right to 2 %%.\n\n")
	print(t, "| 24 beats | goal | found |\n| --- | --: | --: |\n")
	for _, g := range goals() {
		right, _ := power(seen(g.Beat, 24), 71, n)
		print(t, "| jitter %.0f %%, %.0f %% missing, %.1f as much noise | %.0f %% | %.1f %% |\n", 100*g.Jitter, 100*g.Missing, g.Noise, 100*g.share, 100*right)
		// Three standard errors are allowed for.
		if least := g.share - 3*math.Sqrt(g.share*(1-g.share)/float64(n)); right < least {
			t.Errorf("jitter %v, %v missing, %v noise: %.1f %% found, want %.0f %%", g.Jitter, g.Missing, g.Noise, 100*right, 100*g.share)
		}
	}
	print(t, "\n")
}

// TestPowerTable prints how much is found, of 24 beats that came and of 24
// that were due.
func TestPowerTable(t *testing.T) {
	if !*evaluate {
		t.Skip("measured with -eval alone; TestPower checks the goals")
	}
	print(t, "| each beat counts from | jitter | missing | noise per beat | 24 came | 24 were due | 48 were due |\n| --- | --: | --: | --: | --: | --: | --: |\n")
	sum, rows := 0.0, 0.0
	for _, drift := range []bool{false, true} {
		for _, jitter := range []float64{0.01, 0.02, 0.05, 0.1} {
			for _, missing := range []float64{0, 0.2, 0.5} {
				for _, noise := range []float64{0, 0.5, 1} {
					b := streams.Beat{Period: 47 * minute, Jitter: jitter, Drift: drift, Missing: missing, Noise: noise}
					kind := "a clock"
					if drift {
						kind = "the last one"
					}
					print(t, "| %s | %.0f %% | %.0f %% | %.1f |", kind, 100*jitter, 100*missing, noise)
					right, _ := power(seen(b, 24), 72, 1000)
					print(t, " %.1f %% |", 100*right)
					for _, due := range []int{24, 48} {
						b.Beats = due
						right, found := power(b, 73, 1000)
						print(t, " %.1f %% |", 100*right)
						if due == 24 {
							sum, rows = sum+found, rows+1
						}
					}
					print(t, "\n")
				}
			}
		}
	}
	print(t, "\nAny rhythm, of whatever period, was found in %.1f %% of the streams with 24 beats due.\n\n", 100*sum/rows)
}

// falseAlarms is the share of streams of n events in which a rhythm is found.
func falseAlarms(b streams.Background, seed uint64, n, draws int) float64 {
	alarms := 0
	for i := range draws {
		if _, ok := Find(b.Times(streams.Rand(seed, uint64(n*1_000_000+i)), n, 1), Options{}); ok {
			alarms++
		}
	}
	return float64(alarms) / float64(draws)
}

func TestFalseAlarms(t *testing.T) {
	sizes := []int{6, 8, 12, 24, 64}
	print(t, "### Rhythms seen where there are none\n\nThe share of streams without a rhythm in which one is seen. Thresholds were fixed on the tuning streams; the checking streams share neither shapes nor seeds with them.\n\n")
	for _, family := range []struct {
		name string
		seed uint64
		list []streams.Background
	}{{"tuning", 9100, streams.Tuning()}, {"checking", 9200, streams.Checking()}} {
		print(t, "| streams without a rhythm (%s) | %s |\n|%s\n", family.name, events(sizes), " --- |"+strings.Repeat(" --: |", len(sizes)))
		for i, b := range family.list {
			print(t, "| %s |", b.Name)
			sum := 0.0
			for _, n := range sizes {
				draws := size(15_000/(n+20), 20_000)
				share := falseAlarms(b, family.seed+uint64(i), n, draws)
				print(t, " %.3f %% |", 100*share)
				sum += share
			}
			print(t, "\n")
			// The goal is 0.1 %; the strictest of the checking streams reach
			// 0.3 %. A broken threshold shows as several times that.
			if mean := sum / float64(len(sizes)); mean > 0.004 {
				t.Errorf("%s: a rhythm in %.2f %% of the streams", b.Name, 100*mean)
			}
		}
		print(t, "\n")
	}
}

func events(sizes []int) string {
	var out []string
	for _, n := range sizes {
		out = append(out, fmt.Sprintf("%d events", n))
	}
	return strings.Join(out, " | ")
}

// spikeFigures are what is measured on one kind of load.
type spikeFigures struct {
	perDay, firstWeek float64 // false alarms per key and day
	ten, twenty, many float64 // share of bursts found
}

func measureSpikes(l streams.Load, seed uint64, keys int, known bool) spikeFigures {
	const days = 28
	var f spikeFigures
	bursts := 0.0
	for k := range keys {
		r := streams.Rand(seed, uint64(k))
		load := l.Times(r, days*24*hour)
		var o SpikeOptions
		if rhythm, ok := Find(load, Options{}); ok && known {
			o.Rhythm = &rhythm
		}
		for _, s := range Spikes(ones(load), o) {
			if s.Start.Sub(streams.Start) < 7*24*hour {
				f.firstWeek += 1 / float64(keys*7)
			} else {
				f.perDay += 1 / float64(keys*(days-7))
			}
		}
		for range 3 {
			bursts++
			at := streams.Start.Add(time.Duration((10 + 17*r.Float64()) * 24 * float64(hour))).Truncate(time.Second)
			f.ten += seenIn(load, streams.Burst(r, at, 10, 2*minute), o)
			f.twenty += seenIn(load, streams.Burst(r, at, 20, 5*minute), o)
			f.many += seenIn(load, streams.Burst(r, at, 200, 10*minute), o)
		}
	}
	f.ten, f.twenty, f.many = f.ten/bursts, f.twenty/bursts, f.many/bursts
	return f
}

// seenIn is 1 if the burst is reported within a bin of its start, else 0.
func seenIn(load, burst []time.Time, o SpikeOptions) float64 {
	slices.SortFunc(burst, time.Time.Compare)
	until := burst[0].Add(Bin)
	early := slices.DeleteFunc(slices.Concat(load, burst), func(t time.Time) bool { return t.After(until) })
	for _, s := range Spikes(ones(early), o) {
		if !s.End.Before(burst[0]) {
			return 1
		}
	}
	return 0
}

func TestSpikeGoals(t *testing.T) {
	print(t, "### Spikes\n\nFalse alarms after a week of history, and bursts that are seen within five minutes of their start.\n\n")
	for _, family := range []struct {
		name string
		seed uint64
		list []streams.Load
	}{{"tuning", 9300, streams.TuningLoads()}, {"checking", 9400, streams.CheckingLoads()}} {
		print(t, "| load (%s) | false alarms per key and day | in the first week | 10 failures in 2 min | 20 in 5 min | 200 in 10 min |\n| --- | --: | --: | --: | --: | --: |\n", family.name)
		sum := 0.0
		for i, l := range family.list {
			f := measureSpikes(l, family.seed+uint64(i), size(6, 100), false)
			sum += f.perDay
			row(t, l.Name, f)
			if f.many < 1 {
				t.Errorf("%s: %.0f %% of the bursts of 200 found", l.Name, 100*f.many)
			}
			if i == 0 && f.ten < 1 {
				t.Errorf("%s: %.0f %% of the bursts of ten found", l.Name, 100*f.ten)
			}
			if f := measureSpikes(l, family.seed+uint64(i), size(2, 50), true); strings.Contains(l.Name, "job") || strings.Contains(l.Name, "batch") {
				row(t, l.Name+", its rhythm subtracted", f)
			}
		}
		mean := sum / float64(len(family.list))
		print(t, "\nMean: %.4f false alarms per key and day.\n\n", mean)
		if most := 0.02; *evaluate && mean > most || mean > 2*most {
			t.Errorf("%s: %.3f false alarms per key and day, want %v", family.name, mean, most)
		}
	}
}

func row(t *testing.T, name string, f spikeFigures) {
	t.Helper()
	print(t, "| %s | %.4f | %.4f | %.0f %% | %.0f %% | %.0f %% |\n", name, f.perDay, f.firstWeek, 100*f.ten, 100*f.twenty, 100*f.many)
}

// TestCalibrate draws the gains that streams without a rhythm reach, for each
// tracker, and what must be added because there are several trackers.
func TestCalibrate(t *testing.T) {
	if !*calibrate {
		t.Skip("run with -calibrate")
	}
	for _, have := range needTable {
		share, draws := 0.001, 10_000
		if have.beats < 8 {
			share, draws = 0.00025, 40_000
		}
		fmt.Printf("%d", have.beats)
		for _, x := range worst(have.beats, draws, share) {
			fmt.Printf(", %.1f", x)
		}
		fmt.Println()
	}
}

// worst is the gain, by tracker, that the worst of the tuning streams reach in
// the given share of draws, all trackers together.
func worst(n, draws int, share float64) [7]float64 {
	var reach [7]float64
	var all [][][7]float64
	for i, b := range streams.Tuning() {
		rows := drawnGains(b, uint64(300+i), n, draws)
		all = append(all, rows)
		for k := range reach {
			reach[k] = max(reach[k], exceeded(rows, share, func(r [7]float64) float64 { return r[k] }))
		}
	}
	extra := 0.0
	for _, rows := range all {
		extra = max(extra, exceeded(rows, share, func(r [7]float64) float64 {
			most := math.Inf(-1)
			for k := range r {
				most = max(most, r[k]-reach[k])
			}
			return most
		}))
	}
	for k := range reach {
		reach[k] += extra
	}
	return reach
}

func drawnGains(b streams.Background, seed uint64, n, draws int) [][7]float64 {
	var rows [][7]float64
	for i := 0; len(rows) < draws; i++ {
		all := Merge(b.Times(streams.Rand(seed, uint64(n*1_000_000+i)), n+n/2+4, 1))
		if len(all) >= n {
			rows = append(rows, gains(offsets(all[:n])))
		}
	}
	return rows
}

// gains are the best gains of each tracker, as the search meets them.
func gains(at []float64) [7]float64 {
	s := newSearcher(at)
	periods := candidates(at)
	all := trackers(len(at))
	rough := s.trials(periods, all[:coarse])
	var out [7]float64
	for _, tried := range append(rough, s.trials(s.near(periods, rough), all)...) {
		for k, tr := range all {
			if tr.sigma == tried.tracker.sigma && tr.follow == tried.tracker.follow {
				out[k] = max(out[k], tried.margin+tr.need)
			}
		}
	}
	return out
}

func exceeded(rows [][7]float64, share float64, of func([7]float64) float64) float64 {
	xs := make([]float64, len(rows))
	for i, r := range rows {
		xs[i] = of(r)
	}
	slices.Sort(xs)
	return xs[len(xs)-1-int(share*float64(len(xs)))]
}
