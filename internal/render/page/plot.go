package page

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// ink is a colour of a plot. The page's style sheet says what it looks like, in
// light and in dark; here it is only told from the others.
type ink uint8

const (
	inkText   ink = iota + 1 // text and axes
	inkFaint                 // lines that only guide the eye
	inkBeat                  // where a rhythm lets failures expect
	inkOn                    // failures on the beat
	inkOff                   // failures off the beat
	inkSpike                 // failures of a spike
	inkIssued                // credentials issued
	inkLife                  // credential lifetimes
	inkFits                  // the lifetime that fits
	inkHeat                  // the first of heatSteps
)

const heatSteps = 6

// RGBA makes ink a color.Color that no other colour of a plot is.
func (i ink) RGBA() (r, g, b, a uint32) {
	return color.RGBA{0xc0, 0x10, uint8(i), 0xff}.RGBA()
}

// variables turns the colours of a drawing into the style sheet's variables.
func variables(svg string) string {
	names := []string{"text", "faint", "beat", "on", "off", "spike", "issued", "life", "fits", "heat0", "heat1", "heat2", "heat3", "heat4", "heat5"}
	var pairs []string
	for i, name := range names {
		pairs = append(pairs, fmt.Sprintf("#C010%02X", i+1), "var(--"+name+")")
	}
	return strings.NewReplacer(pairs...).Replace(svg)
}

// figure is a plot of a given size, in the page's pixels.
type figure struct {
	*plot.Plot
	width, height int
}

func newFigure(width, height int) *figure {
	p := plot.New()
	p.BackgroundColor = nil
	f := &figure{p, width, height}
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color = inkFaint
		axis.LineStyle.Width = 1
		axis.Tick.LineStyle.Color = inkFaint
		axis.Tick.LineStyle.Width = 1
		axis.Tick.Length = 4
		axis.Tick.Label.Color = inkText
		axis.Tick.Label.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 11}
		axis.Padding = 0
	}
	return f
}

// svg draws the figure for a page whose reader may not see it: label says the
// same in words.
func (f *figure) svg(label string) (template.HTML, error) {
	c := vgsvg.New(vg.Length(f.width), vg.Length(f.height))
	f.Draw(vgdraw.Crop(vgdraw.New(c), 1, -1, 1, -1))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("draw plot: %w", err)
	}
	_, body, found := strings.Cut(b.String(), "<g ")
	if !found {
		return "", fmt.Errorf("draw plot: the drawing holds nothing")
	}
	const face = "font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;font-size:11px"
	body = strings.NewReplacer("\n\t", " ", face, "font-size:11px").Replace(variables(body))
	open := fmt.Sprintf(`<svg viewBox="0 0 %d %d" role="img" aria-label="%s"><g `, f.width, f.height, html.EscapeString(label))
	// The drawing holds numbers, and words of this package alone.
	return template.HTML(open + body), nil
}

// bars are filled boxes from the axis up.
type bars struct {
	color ink
	boxes []box
}

// box reaches from x0 to x1 and from y0 to y1 in the plot's own units.
type box struct{ x0, x1, y0, y1 float64 }

// Plot implements plot.Plotter.
func (b bars) Plot(c vgdraw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, o := range b.boxes {
		left, right := x(o.x0), x(o.x1)
		if right-left < 1.5 { // thinner ones would not be seen
			middle := (left + right) / 2
			left, right = middle-0.75, middle+0.75
		}
		left, right = max(left, c.Min.X), min(right, c.Max.X)
		if left >= right {
			continue
		}
		c.FillPolygon(b.color, []vg.Point{{X: left, Y: y(o.y0)}, {X: right, Y: y(o.y0)}, {X: right, Y: y(o.y1)}, {X: left, Y: y(o.y1)}})
	}
}

// rules are upright lines through the whole plot, dashed or not.
type rules struct {
	color  ink
	at     []float64
	dashed bool
}

// Plot implements plot.Plotter.
func (r rules) Plot(c vgdraw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	style := vgdraw.LineStyle{Color: r.color, Width: 1}
	if r.dashed {
		style.Dashes = []vg.Length{2, 3}
	}
	for _, at := range r.at {
		if v := x(at); v >= c.Min.X && v <= c.Max.X {
			c.StrokeLine2(style, v, c.Min.Y, v, c.Max.Y)
		}
	}
}

// rings are small marks along the top of the plot.
type rings struct {
	color ink
	at    []float64
	shape vgdraw.GlyphDrawer
}

// Plot implements plot.Plotter.
func (r rings) Plot(c vgdraw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	style := vgdraw.GlyphStyle{Color: r.color, Radius: 3, Shape: r.shape}
	for _, at := range r.at {
		if v := x(at); v >= c.Min.X && v <= c.Max.X {
			c.DrawGlyph(style, vg.Point{X: v, Y: c.Max.Y - 6})
		}
	}
}

// grid are level lines at the axis' marks.
type grid struct{}

// Plot implements plot.Plotter.
func (grid) Plot(c vgdraw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if v := y(t.Value); t.Value > p.Y.Min && v <= c.Max.Y {
			c.StrokeLine2(vgdraw.LineStyle{Color: inkFaint, Width: 0.5}, c.Min.X, v, c.Max.X, v)
		}
	}
}

// marks are the given marks of an axis.
type marks []plot.Tick

// Ticks implements plot.Ticker.
func (m marks) Ticks(_, _ float64) []plot.Tick { return m }

// counts marks an axis of whole numbers, from 0 to a round number that holds
// most.
func counts(most float64) (top float64, m marks) {
	step := 1.0
	for most/step > 4 {
		switch lead := step / math.Pow(10, math.Floor(math.Log10(step))); {
		case lead < 1.5:
			step *= 2
		case lead < 3:
			step *= 2.5
		default:
			step *= 2
		}
		step = math.Round(step)
	}
	top = step * math.Ceil(max(most, 1)/step)
	for v := 0.0; v <= top; v += step {
		m = append(m, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return top, m
}
