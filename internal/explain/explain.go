// Package explain says what the text of an AWS credential error means: the
// likely cause, what to check and in which order, and what mends it where the
// credential is used.
//
// What it knows is data: topics.go has a row for each kind of error, with its
// ground, remedies.go what to do in each environment. The rows hold what the
// usual troubleshooting lists say, less what is wrong in them.
//
// It promises that no piece of the text comes out again but what has the form
// of an access key id, an operation or an error code of ours. A text alone
// seldom decides: how sure an answer is says so, and investigating the key is
// one of its checks.
package explain

import (
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/lineage"
	"github.com/trailverdict/trailverdict/internal/logline"
)

// Answer is what an error's text means.
type Answer struct {
	// Topic names the kind of error; empty if the text says nothing that is
	// known.
	Topic string
	// Code is the credential error's code, where the text has one.
	Code      string
	Operation string // the failed call, such as sts:AssumeRole, if it is named
	KeyID     string // the access key id, if one is named
	Account   string // the account in the key id, as far as it can be read there

	Title   string
	Verdict incident.Verdict // empty where no credential incident is behind it
	Cause   incident.Cause   // empty where none of the causes fits
	Sure    Sure
	Why     string
	Checks  []Check
	// Myth sets right what is often said of the error.
	Myth string
	// Source is the ground of all that.
	Source string

	Environment Environment
	// Guessed is set if the environment was read out of the text.
	Guessed bool
	Fix     []string
	// Exposed names a secret that stands in the text in clear, such as
	// "session_token".
	Exposed string

	topic topic
	text  text
}

// Sure says how far the text alone decides.
type Sure string

const (
	Certain Sure = "the text says it"
	Likely  Sure = "likely"
	Open    Sure = "the text alone does not decide"
)

// Check is something to look at, and what it tells.
type Check struct {
	Do    string // a command, or a sentence without one
	Means string
}

// maxText is how much of a text is looked at.
const maxText = 64 << 10

// Error explains a text. Without an environment it is guessed from the text.
func Error(message string, env Environment) Answer {
	message = message[:min(len(message), maxText)]
	t := read(message)
	topic := t.topic()
	a := Answer{
		topic: topic, text: t, Topic: topic.id, Code: t.code, Operation: t.operation, Title: topic.title,
		Verdict: topic.verdict, Cause: topic.cause, Sure: topic.sure, Why: topic.why, Myth: topic.myth, Source: topic.source,
		Environment: env, Exposed: t.exposed,
	}
	if a.Environment == Unknown {
		a.Environment = guess(t.lower)
		a.Guessed = a.Environment != Unknown
	}
	a.Fix = remedies[topic.remedy][a.Environment]
	return a.About(t.keyID)
}

// About is the answer for an access key that the text does not name.
func (a Answer) About(keyID string) Answer {
	a.KeyID, a.text.keyID, a.Checks = keyID, keyID, nil
	a.Account, _ = lineage.AccountOfKey(keyID)
	for _, c := range a.topic.checks {
		if c, ok := a.text.fill(c); ok {
			a.Checks = append(a.Checks, c)
		}
	}
	return a
}

// text is what an error's text tells.
type text struct {
	lower     string
	code      string
	reason    incident.Reason
	operation string
	keyID     string
	exposed   string
}

func read(message string) text {
	t := text{lower: strings.ToLower(strings.Join(strings.Fields(message), " "))}
	for _, f := range logline.Read(message) {
		switch {
		case f.Exposure != nil:
			t.exposed = f.Exposure.What
		case t.code == "":
			t.code, t.reason, t.operation = f.Code, f.Reason, f.Operation
		}
		if t.keyID == "" {
			t.keyID = f.KeyID
		}
	}
	if codes := logline.Codes(message); t.code == "" && len(codes) > 0 {
		t.code = codes[0]
		t.reason = logline.ReasonOf(t.code, message)
	}
	if t.keyID == "" {
		t.keyID = logline.KeyID(message)
	}
	return t
}

// topic is the first row that the text fits; rows that look at more stand
// first.
func (t text) topic() topic {
	i := slices.IndexFunc(topics, t.fits)
	if i < 0 {
		return unknown
	}
	return topics[i]
}

func (t text) fits(row topic) bool {
	for _, words := range row.texts {
		if t.says(words) {
			return true
		}
	}
	if len(row.codes) == 0 || !slices.Contains(row.codes, t.code) {
		return false
	}
	if len(row.reasons) > 0 && !slices.Contains(row.reasons, t.reason) {
		return false
	}
	return !row.federated || t.federated()
}

// says reports whether the text holds all parts of words, which are separated
// by "…", in their order.
func (t text) says(words string) bool {
	rest := t.lower
	for part := range strings.SplitSeq(words, "…") {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}

// federated reports whether the failed call presents a token from outside AWS.
func (t text) federated() bool {
	return strings.Contains(t.lower, "assumerolewithwebidentity") || strings.Contains(t.lower, "assumerolewithsaml") ||
		strings.HasPrefix(t.operation, "sts:AssumeRoleWith")
}

// fill puts the key id into a check. A check about one kind of key makes no
// sense for the other.
func (t text) fill(c Check) (Check, bool) {
	temporary := strings.HasPrefix(t.keyID, "ASIA")
	switch {
	case strings.Contains(c.Do, "AKIA…") && temporary,
		strings.Contains(c.Do+c.Means, "ASIA…") && t.keyID != "" && !temporary:
		return c, false
	case t.keyID != "":
		c.Do = strings.NewReplacer("AKIA…", t.keyID, "ASIA…", t.keyID, "KEY", t.keyID).Replace(c.Do)
	}
	return c, true
}
