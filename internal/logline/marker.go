package logline

import (
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// Field and Value mark our own line: the member that an object must have to be
// one. See the package's documentation for its other members.
const (
	Field = "trailverdict"
	Value = "credential_failure"
)

const (
	// maxMarked and maxNesting bound the work on one message: how many of our
	// lines are read in it, and how many times a logger may have quoted them.
	maxMarked  = 64
	maxNesting = 3
	// maxLine is how long our line may be.
	maxLine = 16 << 10
	// maxCount is the largest number of failures that one line may report.
	maxCount = 1_000_000
)

// readMarked finds our own lines in a message: alone, inside a structured log
// entry, or as the text of one of its members. A marked line is the program's
// last word, so that marked is true even if it holds no code that we know.
func readMarked(message string) (facts []Fact, marked bool) {
	for range maxNesting {
		if !strings.Contains(message, Field) {
			return facts, marked
		}
		facts, marked = markedIn(message)
		if marked || !strings.Contains(message, `\"`) {
			return facts, marked
		}
		message = unquote.Replace(message)
	}
	return facts, marked
}

// unquote undoes one JSON encoder's work on a text, as far as it matters here.
var unquote = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\/`, `/`, `\n`, "\n", `\r`, "\r", `\t`, "\t")

func markedIn(message string) (facts []Fact, marked bool) {
	for at, n := 0, 0; n < maxMarked; n++ {
		i := strings.Index(message[at:], `"`+Field+`"`)
		if i < 0 {
			break
		}
		line, end := markedAround(message, at+i)
		if line.Kind() == jsonscan.Object {
			marked = true
			if f, ok := factOf(line); ok {
				facts = append(facts, f)
			}
		}
		at = max(end, at+i+len(Field))
	}
	return facts, marked
}

// markedAround is the innermost object around the marker at i, and where it
// ends; Missing if what stands there is no such object.
func markedAround(message string, i int) (line jsonscan.Value, end int) {
	const maxBraces = 16
	open := i
	for range maxBraces {
		if open = strings.LastIndexByte(message[max(0, i-maxLine):open], '{'); open < 0 {
			break
		}
		open += max(0, i-maxLine)
		v, n, err := jsonscan.Next([]byte(message[open:min(open+maxLine, len(message))]))
		if err == nil && open+n > i && v.Get(Field).Str() == Value {
			return v, open + n
		}
	}
	return jsonscan.Value{}, 0
}

// factOf takes each member of our line only in the form that it must have, so
// that nothing else gets in by it.
func factOf(line jsonscan.Value) (Fact, bool) {
	code := line.Get("errorCode").Str()
	if !isCode(code) {
		return Fact{}, false
	}
	f := Fact{
		Code:      code,
		Reason:    ReasonOf(code, line.Get("errorMessage").Str()),
		Workload:  plain(line.Get("workload").Str()),
		UserAgent: plain(line.Get("userAgent").Str()),
		EventID:   plain(line.Get("eventId").Str()),
		Count:     1,
	}
	if service, name, ok := strings.Cut(line.Get("operation").Str(), ":"); ok {
		f.Operation = inIAMNotation(service, name)
	}
	if id := line.Get("accessKeyId").Str(); isKeyID(id) {
		f.KeyID = id
	}
	if arn := line.Get("principalArn").Str(); isPrincipalARN(arn) {
		f.PrincipalARN = arn
	}
	if ip, err := netip.ParseAddr(line.Get("sourceIPAddress").Str()); err == nil {
		f.SourceIP = ip.WithZone("").String()
	}
	if t, err := time.Parse(time.RFC3339, line.Get("eventTime").Str()); err == nil {
		f.Time = t.UTC()
	}
	if n, ok := line.Get("count").Int(); ok && n > 1 {
		f.Count = int(min(n, maxCount))
	}
	return f, true
}

// plain is s if it can be shown to people: short, printable, and without
// anything that looks like a secret.
func plain(s string) string {
	const longest = 512
	if len(s) > longest || !utf8.ValidString(s) || HoldsSecret(s) {
		return ""
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return ""
		}
	}
	return s
}
