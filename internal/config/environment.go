package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Env is what the environment tells a function. What a function does not need
// may be empty.
type Env struct {
	Table, FindingsTopic, ChatTopic, EmailTopic, EventBus, Queue, ReportBucket string

	// RouteTopics are the names of the topics of routes that have one of their
	// own, by the route's name.
	RouteTopics map[string]string
	// ReportLink is for how long the link to a report works; zero if nothing is
	// said.
	ReportLink time.Duration
	// Forwarded are the Regions whose events come, as far as it is known.
	Forwarded []string
	// ConfigFile is the path of the packed configuration; empty means none.
	ConfigFile string
	// Lookups says whether CloudTrail's event history is asked, Metrics whether
	// metrics are written, LogLevel what is logged at least.
	Lookups  bool
	Metrics  bool
	LogLevel slog.Level
}

// LoadEnv reads the environment of a function that cannot do without the given
// variables. The error names all that are missing, and all whose value makes no
// sense, without repeating the values.
func LoadEnv(lookup func(name string) (string, bool), required ...string) (Env, error) {
	r := envReader{lookup: lookup, required: required}
	e := Env{
		Table: r.text(EnvTable), FindingsTopic: r.text(EnvFindingsTopic), ChatTopic: r.text(EnvChatTopic), EmailTopic: r.text(EnvEmailTopic),
		EventBus: r.text(EnvEventBus), Queue: r.text(EnvQueue), ReportBucket: r.text(EnvReportBucket), ConfigFile: r.text(EnvConfigFile),
		Lookups: r.onOff(EnvLookups), Metrics: r.onOff(EnvMetrics), LogLevel: r.level(EnvLogLevel),
		ReportLink: r.hours(EnvReportLink), RouteTopics: r.pairs(EnvRouteTopics),
		Forwarded: r.list(EnvForwarded),
	}
	if len(r.missing) > 0 {
		r.errs = append(r.errs, fmt.Errorf("the environment lacks %s", strings.Join(r.missing, ", ")))
	}
	if err := errors.Join(r.errs...); err != nil {
		return Env{}, err
	}
	return e, nil
}

// envReader gathers what is wrong with an environment.
type envReader struct {
	lookup   func(string) (string, bool)
	required []string
	missing  []string
	errs     []error
}

func (r *envReader) text(name string) string {
	s, _ := r.lookup(name)
	if s == "" && slices.Contains(r.required, name) {
		r.missing = append(r.missing, name)
	}
	return s
}

func (r *envReader) list(name string) []string {
	var out []string
	for part := range strings.SplitSeq(r.text(name), ",") {
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}

// onOff is off unless said otherwise: what is switched by it costs money, or
// requests that others need.
func (r *envReader) onOff(name string) bool {
	switch r.text(name) {
	case "on":
		return true
	case "", "off":
	default:
		r.errs = append(r.errs, fmt.Errorf("%s is neither on nor off", name))
	}
	return false
}

// maxLink is the longest that S3 lets a link work, in hours.
const maxLink = 7 * 24

func (r *envReader) hours(name string) time.Duration {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLink {
		r.errs = append(r.errs, fmt.Errorf("%s is no number of hours from 1 to %d", name, maxLink))
		return 0
	}
	return time.Duration(n) * time.Hour
}

// pairs reads key=value, separated by commas.
func (r *envReader) pairs(name string) map[string]string {
	text := r.text(name)
	if text == "" {
		return nil
	}
	list := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" || value == "" {
			r.errs = append(r.errs, fmt.Errorf("%s is not made of pairs such as route=topic, separated by commas", name))
			return nil
		}
		list[key] = value
	}
	return list
}

func (r *envReader) level(name string) slog.Level {
	switch r.text(name) {
	case "debug":
		return slog.LevelDebug
	case "", "info":
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	default:
		r.errs = append(r.errs, fmt.Errorf("%s is none of debug, info, warn and error", name))
	}
	return slog.LevelInfo
}
