package cost

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/trailverdict/trailverdict/internal/schema/schematest"
	"github.com/trailverdict/trailverdict/internal/telemetry"
)

func bill(t testing.TB, stacks []Stack, u Usage) Bill {
	t.Helper()
	p, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Compute(stacks, u, p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func defaults(t testing.TB) []Stack {
	t.Helper()
	stacks, err := DefaultStacks()
	if err != nil {
		t.Fatal(err)
	}
	return stacks
}

// golden are the stacks of a deployment whose templates the stack's tests keep.
func golden(t testing.TB, name string) []Stack {
	t.Helper()
	files, err := filepath.Glob("../../infra/testdata/" + name + ".*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	var stacks []Stack
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Read(strings.TrimSuffix(filepath.Base(file), ".json"), text)
		if err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, s)
	}
	return stacks
}

// The goal of the default deployment, in dollars a month in which nothing happens.
const idleGoal = 0.30

func TestIdleCostsLessThanTheGoal(t *testing.T) {
	b := bill(t, defaults(t), DefaultUsage(1000))
	if b.Idle > idleGoal || b.Idle < 0.20 {
		t.Errorf("a month in which nothing happens costs $%.3f, and at most $%.2f is allowed (less than two alarms cannot be)", b.Idle, idleGoal)
	}
	if idle := bill(t, defaults(t), DefaultUsage(0)); math.Abs(idle.Monthly-b.Idle) > 1e-9 {
		t.Errorf("no events cost $%.4f, and idle is $%.4f", idle.Monthly, b.Idle)
	}
}

// TestOneMoreAlarmIsTooMuch has a change of the stack break the goal.
func TestOneMoreAlarmIsTooMuch(t *testing.T) {
	more, err := Read("more", []byte(`{"Resources":{"Alarm":{"Type":"AWS::CloudWatch::Alarm","Properties":{}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if b := bill(t, append(defaults(t), more), DefaultUsage(0)); b.Idle <= idleGoal {
		t.Errorf("with one more alarm it is $%.3f", b.Idle)
	}
}

func TestChoicesCost(t *testing.T) {
	plain, full := bill(t, defaults(t), DefaultUsage(1000)), bill(t, golden(t, "everything"), DefaultUsage(1000))
	for price, want := range map[string]float64{"key": 2, "dashboard": 1, "metric": 28} {
		if got := quantity(full, price); got != want {
			t.Errorf("everything has %g of %s, want %g", got, price, want)
		}
		if quantity(plain, price) > 0 {
			t.Errorf("the default deployment pays for %s", price)
		}
	}
	for _, price := range []string{"key-requests", "sns-https", "s3-storage", "events-custom", "alarm"} {
		if quantity(full, price) <= quantity(plain, price) {
			t.Errorf("everything has %g of %s, the default deployment %g", quantity(full, price), price, quantity(plain, price))
		}
	}
	if full.Idle < plain.Idle+2+3 {
		t.Errorf("with two keys and a dashboard, idle is $%.2f, and $%.2f without", full.Idle, plain.Idle)
	}
}

func quantity(b Bill, price string) float64 {
	n := 0.0
	for _, l := range b.Lines {
		if l.Price == price {
			n += l.Quantity
		}
	}
	return n
}

// TestMoreEventsCostMore for any usage.
func TestMoreEventsCostMore(t *testing.T) {
	stacks := map[string][]Stack{"default": defaults(t), "everything": golden(t, "everything")}
	rapid.Check(t, func(t *rapid.T) {
		p, err := ListPrices()
		if err != nil {
			t.Fatal(err)
		}
		u := DefaultUsage(0)
		u.Changes = rapid.Float64Range(0, 0.5).Draw(t, "changes")
		u.Failures = rapid.Float64Range(0, 0.5).Draw(t, "failures")
		u.Incidents = rapid.Float64Range(0, 100).Draw(t, "incidents")
		u.Free = rapid.SampledFrom([]FreeTier{Listed, None, All}).Draw(t, "free")
		deployment := stacks[rapid.SampledFrom([]string{"default", "everything"}).Draw(t, "stacks")]
		few := rapid.Float64Range(0, 1e8).Draw(t, "few")
		many := few + rapid.Float64Range(0, 1e8).Draw(t, "more")
		var bills []Bill
		for _, n := range []float64{few, many} {
			u.Events = n
			b, err := Compute(deployment, u, p)
			if err != nil {
				t.Fatal(err)
			}
			bills = append(bills, b)
		}
		if bills[1].Monthly < bills[0].Monthly-1e-9 {
			t.Errorf("%g events a day cost $%g, and %g cost $%g", few, bills[0].Monthly, many, bills[1].Monthly)
		}
		if bills[0].Idle > bills[0].Monthly+1e-9 {
			t.Errorf("idle costs $%g, more than %g events a day: $%g", bills[0].Idle, few, bills[0].Monthly)
		}
	})
}

func TestFreeAmountsAreSharedAndOrdered(t *testing.T) {
	u := DefaultUsage(50_000)
	var monthly []float64
	for _, tier := range []FreeTier{None, Listed, All} {
		u.Free = tier
		b := bill(t, defaults(t), u)
		monthly = append(monthly, b.Monthly)
		free := map[string]float64{}
		for _, l := range b.Lines {
			free[l.Price] += l.Free
		}
		if tier == Listed && (free["sqs-requests"] != 1_000_000 || free["alarm"] > 0) {
			t.Errorf("free are %v", free)
		}
	}
	if !(monthly[0] > monthly[1] && monthly[1] > monthly[2]) {
		t.Errorf("without, with the lists' and with all free amounts it is %v", monthly)
	}
	u.Free = Listed
	if b := bill(t, defaults(t), u); math.Abs(b.Used-monthly[0]) > 1e-9 {
		t.Errorf("without the free steps it is said to be %g, and is %g", b.Used, monthly[0])
	}
}

// TestLinesAddUp by hand.
func TestLinesAddUp(t *testing.T) {
	b := bill(t, defaults(t), DefaultUsage(1000))
	sum := 0.0
	for _, l := range b.Lines {
		sum += l.Monthly
		if want := (l.Quantity - l.Free) * l.Dollars / l.Per; math.Abs(l.Monthly-want) > 1e-12 {
			t.Errorf("%s %s: %g, want %g", l.Resource, l.Driver, l.Monthly, want)
		}
	}
	if math.Abs(sum-b.Monthly) > 1e-9 {
		t.Errorf("the lines are %g together, the month %g", sum, b.Monthly)
	}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	schematest.Lines(t, string(text))
	for _, want := range []struct {
		price    string
		quantity float64
	}{
		{"sqs-requests", 5*3*60*730 + 990*days*3},                                // polls, and each event sent, received and deleted by itself
		{"scheduler", 730*12 + days + days/7},                                    // settle, and two kinds of reports
		{"dynamodb-writes", 1000*days*3 + 4*3*days + 730*12 + 100*(days+days/7)}, // events, findings three times, settle's notes, the book of reports
		{"dynamodb-storage", 1000 * 90 * 1200 / 1e9},
	} {
		if got := quantity(b, want.price); math.Abs(got-want.quantity) > 1e-6*want.quantity {
			t.Errorf("%g of %s, want %g", got, want.price, want.quantity)
		}
	}
}

func TestWhatNobodyKnowsIsAnError(t *testing.T) {
	for name, tt := range map[string]struct{ resource, want string }{
		"a type": {`{"Type":"AWS::EC2::NatGateway"}`, "s: X: nobody knows what AWS::EC2::NatGateway costs"},
		"a schedule": {
			`{"Type":"AWS::Scheduler::Schedule","Properties":{"ScheduleExpression":"cron(0/5 * * * ? *)"}}`,
			`s: X: nobody knows how often "cron(0/5 * * * ? *)" is in a month`,
		},
		"a protocol":            {`{"Type":"AWS::SNS::Subscription","Properties":{"Protocol":"sms"}}`, `s: X: nobody knows what a subscription by "sms" costs`},
		"a bucket without ends": {`{"Type":"AWS::S3::Bucket"}`, "s: X: it keeps everything for ever"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Read("s", []byte(`{"Resources":{"X":`+tt.resource+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			p, err := ListPrices()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Compute([]Stack{s}, DefaultUsage(1), p); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Compute() = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestBadUsageIsNamed(t *testing.T) {
	for want, change := range map[string]func(*Usage){
		"events per day":     func(u *Usage) { u.Events = -1 },
		"failures":           func(u *Usage) { u.Failures = 1.5 },
		"more than all":      func(u *Usage) { u.Failures, u.Changes = 0.7, 0.7 },
		"batch":              func(u *Usage) { u.Batch = 0.5 },
		"incidents per day":  func(u *Usage) { u.Incidents = math.NaN() },
		"expected a number ": func(u *Usage) { u.LogLines = math.Inf(1) },
	} {
		u := DefaultUsage(1000)
		change(&u)
		if _, err := Compute(nil, u, Prices{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compute() = %v, want %q in it", err, want)
		}
	}
}

func TestFrequency(t *testing.T) {
	for text, want := range map[string]float64{
		"rate(5 minutes)": 8760, "rate(1 hour)": 730, "rate(1 day)": days, "cron(20 6 * * ? *)": days, "cron(40 6 ? * MON *)": days / 7, "cron(0 6 ? * MON,FRI *)": days / 7 * 2,
		"rate(0 minutes)": 0, "rate(x)": 0, "cron(0 6 1 * ? *)": 0, "cron(0 6 ? * MON-FRI *)": 0, "at(2026-01-01T00:00:00)": 0, "": 0,
	} {
		got, err := frequency(text)
		if math.Abs(got-want) > 1e-9 || (err == nil) != (want > 0) {
			t.Errorf("frequency(%q) = %g, %v, want %g", text, got, err, want)
		}
	}
}

// TestEveryPriceHasItsSource checks the data.
func TestEveryPriceHasItsSource(t *testing.T) {
	p, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^20\d\d-\d\d-\d\d$`).MatchString(p.Date) || p.Region == "" {
		t.Errorf("prices of %q in %q", p.Date, p.Region)
	}
	used := map[string]bool{}
	for _, l := range bill(t, golden(t, "everything"), Usage{Events: 1e6, Changes: 0.1, Failures: 0.1, Reported: 1, Elsewhere: 1, Incidents: 10, LogLines: 10, Free: None}).Lines {
		used[l.Price] = true
	}
	for name, price := range p.Prices {
		if price.Dollars <= 0 || price.Per <= 0 || price.Unit == "" || !strings.HasPrefix(price.Page, "https://aws.amazon.com/") || p.Grounds[price.Ground] == "" {
			t.Errorf("%s is %+v", name, price)
		}
		if !used[name] {
			t.Errorf("nothing is billed by %s", name)
		}
	}
}

// TestFiguresAreTheMeasuredOnes compares what is computed with to what the page
// of measurements says.
func TestFiguresAreTheMeasuredOnes(t *testing.T) {
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[string][2]float64{
		"single events":                                   {singleWrites, singleReads},
		"100 events of 10 principals in a batch":          {batchWrites, batchReads},
		"100 failures of 100 keys of one role in a batch": {sessionWrites, 0},
	} {
		m := regexp.MustCompile(regexp.QuoteMeta("| "+row+", deciding included: writes; write units; reads | ") + `[\d.]+; ([\d.]+); ([\d.]+) \|`).FindSubmatch(page)
		if m == nil {
			t.Errorf("performance.md has no row for %s", row)
			continue
		}
		for i, figure := range want {
			got, err := strconv.ParseFloat(string(m[i+1]), 64)
			if err != nil {
				t.Fatal(err)
			}
			if figure > 0 && math.Abs(got-figure) > 0.05*figure+0.02 {
				t.Errorf("%s: %g was measured, and %g is computed with", row, got, figure)
			}
		}
	}
}

func TestMetricsAreThoseOfTheFunctions(t *testing.T) {
	written := map[string]float64{}
	for _, d := range telemetry.Metrics() {
		for by := range strings.SplitSeq(d.By, ", ") {
			written[strings.ToUpper(by[:1])+by[1:]]++
		}
	}
	for function, n := range written {
		if metrics(function) != n {
			t.Errorf("%s writes %g metrics, and %g are billed", function, n, metrics(function))
		}
	}
}

func TestTextFitsATerminal(t *testing.T) {
	for _, stacks := range [][]Stack{defaults(t), golden(t, "everything")} {
		for _, events := range []float64{0, 1000, 1e7} {
			var out bytes.Buffer
			if err := Text(&out, bill(t, stacks, DefaultUsage(events)), events > 0); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 7: "7", 0.0183: "0.018", 1234: "1,234", 1234567.8: "1,234,568", 100: "100"} {
		if got := count(n); got != want {
			t.Errorf("count(%g) = %q, want %q", n, got, want)
		}
	}
}

// FuzzRead bills whatever is a template.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"Resources":{"Q":{"Type":"AWS::SQS::Queue"},"M":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"EventSourceArn":{"Fn::GetAtt":["Q","Arn"]}}}}}`))
	f.Add([]byte(`{"Resources":{"R":{"Type":"AWS::Events::Rule","Properties":{"Targets":[{"Id":"Home"},null,3]}}}}`))
	f.Add([]byte(`{"Resources":{"S":{"Type":"AWS::Scheduler::Schedule","Properties":{"ScheduleExpression":"rate(1e-9 minutes)"}}}}`))
	f.Add([]byte(`[]`))
	p, err := ListPrices()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Read("s", text)
		if err != nil {
			return
		}
		b, err := Compute([]Stack{s}, DefaultUsage(1000), p)
		if err != nil {
			return
		}
		if b.Monthly < 0 || math.IsNaN(b.Monthly) {
			t.Errorf("a month costs %g", b.Monthly)
		}
		if slices.ContainsFunc(b.Lines, func(l Line) bool { return l.Quantity <= 0 }) {
			t.Errorf("lines of nothing in %s", fmt.Sprint(b.Lines))
		}
		if _, err := json.Marshal(b); err != nil && !math.IsInf(b.Monthly, 0) {
			t.Error(err)
		}
	})
}
