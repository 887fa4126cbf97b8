package cost

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// least is what a line of a bill comes to at least, unless all lines are asked
// for: a cent, rounded.
const least = 0.005

// Text writes a bill for people, in lines of at most 80 columns: what it comes to
// first, then for what.
func Text(w io.Writer, b Bill, verbose bool) error {
	t := &printer{}
	u := b.Usage
	t.line("A month of trailverdict costs $%s in %s, by prices of %s,", money(b.Monthly, 2), b.Region, b.Date)
	t.line("and $%s if nothing happens.", money(b.Idle, 2))
	t.line("")
	t.line("events a day               %12s", count(u.Events))
	t.line("  sessions issued          %12s", count(u.Events*(1-u.Changes-u.Failures)))
	t.line("  failures and denials     %12s", count(u.Events*u.Failures))
	t.line("  changes of identities    %12s", count(u.Events*u.Changes))
	t.line("incidents a day            %12s", count(u.Incidents))
	t.line("events that arrive at once %12s", count(b.Batch))
	t.lines(b, verbose)
	t.free(b)
	_, err := io.WriteString(w, t.String())
	if err != nil {
		return fmt.Errorf("write bill: %w", err)
	}
	return nil
}

// lines are what is to be paid for, stack by stack.
func (t *printer) lines(b Bill, verbose bool) {
	stack, small, rest := "", 0, 0.0
	for _, l := range b.Lines {
		if l.Monthly < least && !verbose {
			small, rest = small+1, rest+l.Monthly
			continue
		}
		if l.Stack != stack {
			t.line("")
			if stack == "" {
				t.line("%-41s %14s %12s %9s", "", "in a month", "price", "dollars")
			}
			stack = l.Stack
			t.line("%s", stack)
		}
		t.line("  %-16s %-22s %14s %12s %9s", cut(l.Resource, 16), cut(l.Driver, 22), amount(l), unitPrice(l), money(l.Monthly, 4))
	}
	if small > 0 {
		t.line("  %-68s %9s", fmt.Sprintf("… %d of less than a cent each, -v shows them", small), money(rest, 4))
	}
}

type printer struct{ strings.Builder }

func (p *printer) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// free says what the bill rests on.
func (p *printer) free(b Bill) {
	p.line("")
	if more := b.Used - b.Monthly; more >= 0.005 {
		p.line("SQS's first million requests a month are free by its price list. Where other")
		p.line("queues of the account take them, it is $%s more (--free-tier none).", money(more, 2))
	}
	if b.Usage.Free != All {
		p.line("AWS's free tier is left out; --free-tier all counts it.")
	}
	n := 0
	for _, k := range slices.Sorted(maps.Keys(b.Free)) {
		n += b.Free[k]
	}
	p.line("%d parts are free: rules, roles, policies, what AWS itself sends.", n)
	p.line("Not in it: taxes, discounts, and months in which things fail.")
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n-1] + "…"
	}
	return s
}

// amount is a quantity with its unit, where that is no mere number of things.
func amount(l Line) string {
	switch {
	case l.Unit == "GB" && l.Quantity < 0.1:
		return count(l.Quantity*1000) + " MB"
	case strings.HasPrefix(l.Unit, "GB"):
		return count(l.Quantity) + " " + l.Unit
	}
	return count(l.Quantity)
}

// unitPrice is a price for what it is for: a million, a thousand, one.
func unitPrice(l Line) string {
	if l.Free == l.Quantity {
		return "free"
	}
	per := map[float64]string{1: "", 1e3: "/1,000", 1e4: "/10,000", 1e5: "/100,000", 1e6: "/million"}[l.Per]
	return strconv.FormatFloat(l.Dollars, 'f', -1, 64) + per
}

func money(d float64, digits int) string { return strconv.FormatFloat(d, 'f', digits, 64) }

// count writes a number with as many digits as matter.
func count(n float64) string {
	if n != 0 && n < 10 && n != math.Trunc(n) {
		return strconv.FormatFloat(n, 'g', 2, 64)
	}
	digits := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
