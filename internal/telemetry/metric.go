package telemetry

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
)

// Metric is one of the figures that functions write.
type Metric string

// The metrics are a closed list: each one costs money for each function that
// writes it.
const (
	EventsKept       Metric = "EventsKept"
	EventsIrrelevant Metric = "EventsIrrelevant"
	EventsPoison     Metric = "EventsPoison"
	EventsFailed     Metric = "EventsFailed"
	Lateness         Metric = "Lateness"
	AlertsSent       Metric = "AlertsSent"
	EventToAlert     Metric = "EventToAlert"
	CanaryToAlert    Metric = "CanaryToAlert"
	LookupsSpent     Metric = "LookupsSpent"
	CapsReached      Metric = "CapsReached"
	Anomalies        Metric = "Anomalies"
	LogLinesOmitted  Metric = "LogLinesOmitted"
)

// Description says what a metric means.
type Description struct {
	Metric
	Unit  string // CloudWatch's
	Means string
	By    string // the functions that write it
}

// Metrics describes every metric, in the order of the documentation.
func Metrics() []Description {
	return []Description{
		{EventsKept, "Count", "events that can tell something about a credential, and were kept or passed on", "detect, intake, settle"},
		{EventsIrrelevant, "Count", "events that were understood and are of no interest", "detect, intake"},
		{EventsPoison, "Count", "events that can't be understood, now or later", "detect, intake, notify"},
		{EventsFailed, "Count", "events that could not be kept for a fault of ours or of AWS's; they come again", "detect, intake, notify, settle"},
		{Lateness, "Seconds", "age of an invocation's oldest event when it was handled", "detect, intake"},
		{AlertsSent, "Count", "revisions of findings, and reports, that were told to somebody", "notify, report"},
		{EventToAlert, "Seconds", "from the last event that a finding rests on until it was told", "notify"},
		{CanaryToAlert, "Seconds", "from a canary's event until its test alert", "notify"},
		{LookupsSpent, "Count", "requests to CloudTrail's event history, of which an account has two a second", "settle"},
		{CapsReached, "Count", "versions of findings, and runs of report, for which something was left out, since a limit was reached", "detect, report, settle"},
		{Anomalies, "Count", "what a run of report found odd about the times of events", "report"},
		{LogLinesOmitted, "Count", "log lines that were not written, since there were too many of a kind", "detect, intake, notify, report, settle"},
	}
}

// Namespace is where CloudWatch files the metrics.
const Namespace = "trailverdict"

// maxValues is the most values of a metric on a line, by the format.
const maxValues = 100

// Sample is what a metric was.
type Sample struct {
	Metric
	Values []float64
}

// The embedded metric format.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type (
	emfHeader struct {
		Timestamp         int64
		CloudWatchMetrics []emfDirective
	}
	emfDirective struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []emfMetric
	}
	emfMetric struct {
		Name string
		Unit string
	}
)

// Encode writes samples down as lines of the embedded metric format, each with
// its line break. There is one line, unless a metric has more than a hundred
// values. What is no number is left out.
func Encode(at time.Time, function, requestID string, samples []Sample) []byte {
	var out []byte
	for rest := finite(samples); len(rest) > 0; {
		var line []Sample
		line, rest = portion(rest)
		out = append(encodeLine(out, at, function, requestID, line), '\n')
	}
	return out
}

// finite drops what JSON has no numbers for, and metrics of which nothing is
// left.
func finite(samples []Sample) []Sample {
	var out []Sample
	for _, s := range samples {
		s.Values = slices.DeleteFunc(slices.Clone(s.Values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
		if len(s.Values) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// portion parts what fits on a line from the rest.
func portion(samples []Sample) (line, rest []Sample) {
	for _, s := range samples {
		n := min(len(s.Values), maxValues)
		line = append(line, Sample{s.Metric, s.Values[:n]})
		if n < len(s.Values) {
			rest = append(rest, Sample{s.Metric, s.Values[n:]})
		}
	}
	return line, rest
}

func encodeLine(out []byte, at time.Time, function, requestID string, samples []Sample) []byte {
	d := emfDirective{Namespace: Namespace, Dimensions: [][]string{{"Function"}}}
	for _, s := range samples {
		d.Metrics = append(d.Metrics, emfMetric{string(s.Metric), unitOf(s.Metric)})
	}
	header := emfHeader{Timestamp: at.UnixMilli(), CloudWatchMetrics: []emfDirective{d}}
	out = member(append(out, '{'), "_aws", header)
	out = member(append(out, ','), "Function", function)
	if requestID != "" {
		out = member(append(out, ','), "requestId", requestID)
	}
	for _, s := range samples {
		out = member(append(out, ','), string(s.Metric), nil)
		out = appendValues(out, s.Values)
	}
	return append(out, '}')
}

// member appends a name and, unless it is nil, a value. Neither can fail to be
// encoded: they are strings and integers.
func member(out []byte, name string, value any) []byte {
	out = append(strconv.AppendQuote(out, name), ':')
	if value == nil {
		return out
	}
	b, err := json.Marshal(value)
	if err != nil {
		return append(out, "null"...)
	}
	return append(out, b...)
}

func appendValues(out []byte, values []float64) []byte {
	if len(values) == 1 {
		return appendNumber(out, values[0])
	}
	for i, v := range values {
		sep := byte(',')
		if i == 0 {
			sep = '['
		}
		out = appendNumber(append(out, sep), v)
	}
	return append(out, ']')
}

func appendNumber(out []byte, v float64) []byte { return strconv.AppendFloat(out, v, 'f', -1, 64) }

func unitOf(m Metric) string {
	for _, d := range Metrics() {
		if d.Metric == m {
			return d.Unit
		}
	}
	return "None"
}
