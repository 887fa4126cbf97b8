package page

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/trailverdict/trailverdict/internal/render/rendertest"
)

// TestColoursCanBeTold computes the contrasts that WCAG 2 asks for at level AA:
// 4.5 for text, 3 for the marks of plots, on a bright screen, a dark one and
// paper. Paper has to have the whole set, as it may be printed from a dark
// screen.
func TestColoursCanBeTold(t *testing.T) {
	css := string(reported(t, rendertest.Odd()))
	roots := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(css, -1)
	if len(roots) != 3 {
		t.Fatalf("%d sets of colours, want those of a bright screen, a dark one and paper", len(roots))
	}
	for i, name := range []string{"bright", "dark", "paper"} {
		colour := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(roots[i][1], -1) {
			colour[m[1]] = m[2]
		}
		check := func(least float64, on string, names ...string) {
			for _, n := range names {
				if colour[n] == "" || colour[on] == "" {
					t.Errorf("%s: no colour %s on %s", name, n, on)
				} else if c := contrast(t, colour[n], colour[on]); c < least {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want %v", name, n, on, c, least)
				}
			}
		}
		check(4.5, "page", "text", "soft", "link")
		check(4.5, "card", "text", "soft", "link")
		check(3, "card", "beat", "on", "off", "spike", "issued", "life", "fits")
		for _, badge := range []string{"red", "amber", "blue", "grey"} {
			check(4.5, badge+"-bg", badge)
		}
		check(3, "heat0", "heat5")
	}
}

// contrast is that of two colours, as WCAG 2 defines it.
func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatalf("colour %s: %v", hex, err)
		}
		c := float64(n) / 255
		if c <= 0.03928 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}
