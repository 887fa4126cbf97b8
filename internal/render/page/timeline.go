package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"github.com/trailverdict/trailverdict/internal/incident"
	rhythms "github.com/trailverdict/trailverdict/internal/interval"
	"github.com/trailverdict/trailverdict/internal/render"
)

// timeline shows when a principal's credentials failed and were issued, and
// where its rhythm lets failures expect.
func timeline(a render.About, to time.Time, width int) (template.HTML, error) {
	from, to := window(a, to)
	f := newFigure(width, timelineHeight(a))
	f.X.Min, f.X.Max = float64(from.Unix()), float64(to.Unix())
	f.X.Tick.Marker = clockMarks(from, to, width/110)
	f.Add(rules{inkBeat, unixes(a.Series.Beats), true})
	failures(f, a, from, to, width/5)
	step := (f.X.Max - f.X.Min) / float64(width) * 6 // rings closer than this would cover one another
	usual, strange := issuances(a)
	f.Add(rings{inkIssued, apart(unixes(usual), step), vgdraw.RingGlyph{}}, rings{inkSpike, apart(unixes(strange), step), vgdraw.CircleGlyph{}})
	return f.svg(timelineLabel(a, from, to))
}

// timelineHeight leaves out the space for failures where there are none.
func timelineHeight(a render.About) int {
	if len(a.Series.Failures) == 0 {
		return 70
	}
	return 170
}

// failures adds the bars of failures and their axis.
func failures(f *figure, a render.About, from, to time.Time, bins int) {
	if len(a.Series.Failures) == 0 {
		f.HideY()
		f.Y.Min, f.Y.Max = 0, 1
		return
	}
	drawn, most := failureBars(a, from, to, bins)
	top, m := counts(most)
	f.Y.Min, f.Y.Max, f.Y.Tick.Marker = 0, top, m
	if len(a.Series.Issuances) > 0 {
		f.Y.Max += top * 0.15 // room for the rings
	}
	f.Add(grid{})
	for _, b := range drawn {
		f.Add(b)
	}
}

// issuances are those on the beat, and those off it.
func issuances(a render.About) (usual, strange []time.Time) {
	for _, x := range a.Anomalies {
		if x.Kind == incident.OffBeatIssuance {
			strange = append(strange, x.Times...)
		}
	}
	for _, t := range a.Series.Issuances {
		if !slices.ContainsFunc(strange, t.Equal) {
			usual = append(usual, t)
		}
	}
	return usual, strange
}

func timelineLabel(a render.About, from, to time.Time) string {
	s := fmt.Sprintf("Time axis from %s to %s with %d failures and %d issuances",
		from.Format(clock), to.Format(clock), within(a.Series.Failures, from, to), within(a.Series.Issuances, from, to))
	if n := within(a.Series.Beats, from, to); n > 0 {
		s += fmt.Sprintf(", and %d times at which the rhythm lets failures or renewals expect", n)
	}
	return s
}

func within(times []time.Time, from, to time.Time) int {
	n := 0
	for _, t := range times {
		if !t.Before(from) && !t.After(to) {
			n++
		}
	}
	return n
}

// What a timeline shows, in periods before and after the point of interest.
const (
	shownBefore = 45
	shownAfter  = 15
	// withoutPeriod stands for a period where there is none.
	withoutPeriod = 30 * time.Minute
)

// window is the time worth showing: around the last event of the most urgent
// anomaly, as far as there are events or beats to be expected.
func window(a render.About, to time.Time) (time.Time, time.Time) {
	x := a.MostUrgent()
	point, period := to, max(x.Period, withoutPeriod)
	if n := len(x.Times); n > 0 {
		point = x.Times[n-1]
	}
	first, last := extent(a.Series, point)
	last = incident.Later(last, to)
	from := incident.Later(point.Add(-shownBefore*period), first.Add(-period/2))
	until := point.Add(shownAfter * period)
	if end := last.Add(period / 2); end.Before(until) {
		until = end
	}
	return from.UTC(), incident.Later(until, from.Add(time.Minute)).UTC()
}

// extent is when a subject's first and last events and beats are.
func extent(s incident.Series, point time.Time) (first, last time.Time) {
	first, last = point, point
	for _, list := range [][]time.Time{s.Failures, s.Issuances, s.Beats} {
		if n := len(list); n > 0 {
			first = incident.Earlier(first, list[0])
			last = incident.Later(last, list[n-1])
		}
	}
	return first, last
}

// failureBars counts failures in bins across the window, in three colours.
func failureBars(a render.About, from, to time.Time, bins int) (drawn []bars, most float64) {
	step := to.Sub(from).Seconds() / float64(bins)
	total := map[ink][]float64{inkOn: make([]float64, bins), inkOff: make([]float64, bins), inkSpike: make([]float64, bins)}
	for _, t := range a.Series.Failures {
		if i := int(t.Sub(from).Seconds() / step); !t.Before(from) && i < bins {
			total[kindOf(a, t)][i]++
		}
	}
	base := make([]float64, bins)
	for _, color := range []ink{inkOn, inkOff, inkSpike} {
		b := bars{color: color}
		for i, n := range total[color] {
			if n > 0 {
				x := float64(from.Unix()) + float64(i)*step
				b.boxes = append(b.boxes, box{x, x + step, base[i], base[i] + n})
				base[i] += n
			}
		}
		drawn = append(drawn, b)
	}
	return drawn, slices.Max(base)
}

// kindOf tells what a failure belongs to.
func kindOf(a render.About, t time.Time) ink {
	for _, x := range a.Anomalies {
		if x.Kind == incident.SpikeAnomaly && len(x.Times) > 0 && !t.Before(x.Times[0]) && !t.After(x.Times[len(x.Times)-1]) {
			return inkSpike
		}
	}
	if onBeat(a, t) {
		return inkOn
	}
	return inkOff
}

// onBeat reports whether a failure belongs to one of the beats shown.
func onBeat(a render.About, t time.Time) bool {
	i, exact := slices.BinarySearchFunc(a.Series.Beats, t, time.Time.Compare)
	if exact {
		return true
	}
	slack := beatSlack(a)
	return i > 0 && t.Sub(a.Series.Beats[i-1]) < slack+rhythms.MergeWithin || i < len(a.Series.Beats) && a.Series.Beats[i].Sub(t) < slack
}

func beatSlack(a render.About) time.Duration {
	for _, x := range a.Anomalies {
		if x.Kind == incident.RefreshBugAnomaly {
			return min(max(3*x.Jitter, x.Period/50), x.Period/7)
		}
	}
	return 0
}

func unixes(times []time.Time) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = float64(t.Unix())
	}
	return out
}

// apart leaves out what is closer than step to the one before: it would be
// drawn on the same spot.
func apart(at []float64, step float64) []float64 {
	var out []float64
	for _, x := range at {
		if n := len(out); n == 0 || x-out[n-1] >= step {
			out = append(out, x)
		}
	}
	return out
}

// clockMarks are at most n round times between from and to.
func clockMarks(from, to time.Time, n int) marks {
	steps := []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour,
		12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 364 * 24 * time.Hour,
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if float64(to.Sub(from))/float64(s) <= float64(n) {
			step = s
			break
		}
	}
	layout := "2 Jan 15:04"
	if step >= 24*time.Hour {
		layout = "2 Jan"
	}
	var m marks
	for t := from.Truncate(step); !t.After(to) && len(m) < 100; t = t.Add(step) {
		edge := to.Sub(from) / time.Duration(2*n+6) // a label needs half its width
		if t.Sub(from) >= edge && to.Sub(t) >= edge {
			m = append(m, plot.Tick{Value: float64(t.Unix()), Label: t.Format(layout)})
		}
	}
	return m
}

// gapHistogram shows how long the pauses between failures are, beside the
// lifetimes of credentials. Without failures it shows those between issuances.
func gapHistogram(a render.About, width, height int) (template.HTML, error) {
	gaps, what := pauses(a)
	f := newFigure(width, height)
	f.X.Min, f.X.Max = math.Log(shortestGap), math.Log(longestGap)
	b, most := gapBars(gaps)
	top, m := counts(most)
	f.Y.Min, f.Y.Max, f.Y.Tick.Marker = 0, top, m
	var known, fits rules
	known, fits = rules{color: inkLife, dashed: true}, rules{color: inkFits}
	var ticks marks
	last := math.Inf(-1)
	for _, l := range rhythms.Lifetimes() {
		at := math.Log(l.Duration.Seconds())
		if fitted(a) == l.Duration {
			fits.at = append(fits.at, at)
		} else {
			known.at = append(known.at, at)
		}
		label := incident.Span(l.Duration)
		if at-last < 0.5 {
			label = "" // it would be written over the one before
		} else {
			last = at
		}
		ticks = append(ticks, plot.Tick{Value: at, Label: label})
	}
	f.X.Tick.Marker = append(ticks, plot.Tick{Value: math.Log(longestGap * 0.8), Label: "4d"})
	f.Add(grid{}, known, b, fits)
	return f.svg(fmt.Sprintf("Histogram of %d pauses between %s on a logarithmic axis, with the lifetimes of credentials marked%s", len(gaps), what, commonest(gaps)))
}

const (
	shortestGap = 110.0
	longestGap  = 5 * 24 * 3600.0
	gapBins     = 56
)

// pauses are the gaps between beats, in seconds, and between what.
func pauses(a render.About) ([]float64, string) {
	starts, what := rhythms.Beats(a.Series.Failures), "failures"
	if len(starts) < 2 {
		starts, what = rhythms.Beats(a.Series.Issuances), "issuances"
	}
	var gaps []float64
	for i := 1; i < len(starts); i++ {
		gaps = append(gaps, starts[i].Sub(starts[i-1]).Seconds())
	}
	return gaps, what
}

func gapBars(gaps []float64) (b bars, most float64) {
	low, high := math.Log(shortestGap), math.Log(longestGap)
	step := (high - low) / gapBins
	var n [gapBins]float64
	for _, g := range gaps {
		n[min(gapBins-1, max(0, int((math.Log(g)-low)/step)))]++
	}
	b.color = inkOn
	for i, count := range n {
		if count > 0 {
			x := low + float64(i)*step
			b.boxes = append(b.boxes, box{x, x + step, 0, count})
		}
	}
	return b, slices.Max(n[:])
}

// fitted is the lifetime that a rhythm of the subject fits.
func fitted(a render.About) time.Duration {
	for _, x := range a.Anomalies {
		if x.Lifetime > 0 {
			return x.Lifetime
		}
	}
	return 0
}

func commonest(gaps []float64) string {
	if len(gaps) == 0 {
		return ""
	}
	sorted := slices.Clone(gaps)
	slices.Sort(sorted)
	return "; the usual one is " + incident.Span(time.Duration(sorted[len(sorted)/2]*float64(time.Second)))
}

// weekMap shows at which hours of the week failures come.
func weekMap(a render.About, width, height int) (template.HTML, error) {
	f := newFigure(width, height)
	f.X.Min, f.X.Max, f.Y.Min, f.Y.Max = 0, 24, 0, 7
	f.X.Tick.Marker = marks{{Value: 0, Label: "0"}, {Value: 6, Label: "6"}, {Value: 12, Label: "12"}, {Value: 18, Label: "18"}, {Value: 24, Label: "24"}}
	var days marks
	for i, name := range []string{"Sun", "Sat", "Fri", "Thu", "Wed", "Tue", "Mon"} {
		days = append(days, plot.Tick{Value: float64(i) + 0.5, Label: name})
	}
	f.Y.Tick.Marker = days
	f.Y.Tick.LineStyle.Width = 0
	f.Y.Tick.Length = 2
	most, busiest := 0, ""
	for day, hours := range a.Series.Weekly {
		for hour, n := range hours {
			if n > most {
				most, busiest = n, fmt.Sprintf("%s from %d:00 to %d:00", time.Weekday(day), hour, hour+1)
			}
		}
	}
	heat := make([]bars, heatSteps)
	for day, hours := range a.Series.Weekly {
		row := float64((7 - day) % 7) // Monday on top, Sunday at the bottom
		for hour, n := range hours {
			i := heatStep(n, most)
			heat[i].boxes = append(heat[i].boxes, box{float64(hour) + 0.06, float64(hour) + 0.94, row + 0.07, row + 0.93})
		}
	}
	for i := range heat {
		heat[i].color = inkHeat + ink(i)
		f.Add(heat[i])
	}
	label := "Hours of the week with failures (UTC): none"
	if most > 0 {
		label = fmt.Sprintf("Hours of the week with failures (UTC): most often, %s, on %s", times(most), busiest)
	}
	return f.svg(label)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// heatStep maps a count to a colour; only none at all has the first one.
func heatStep(n, most int) int {
	if n == 0 || most == 0 {
		return 0
	}
	return 1 + int(float64(heatSteps-2)*math.Log1p(float64(n))/math.Log1p(float64(most)))
}
