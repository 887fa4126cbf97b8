package logline

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// What an Exposure can be about.
const (
	sessionToken    = "session_token"
	secretAccessKey = "secret_access_key"
)

// secretLength is the length of every secret access key: 30 bytes in base64.
const secretLength = 40

const (
	// minToken is the least length of what is taken for a session token. Real
	// ones have some 300 characters and more; an id is shorter than this.
	minToken = 40
	// minUnmarked is the same for a value that neither begins like AWS's tokens
	// nor is named as one of AWS's.
	minUnmarked = 100
	// minNamed and maxNamed bound the length of what is given by name as a
	// secret access key; somebody may have copied one badly.
	minNamed, maxNamed = 36, 48
)

// readLeaks finds session tokens and secret access keys that a message holds
// in clear. Neither is kept: the fact says which of the two it was, and the key
// id beside it.
func readLeaks(message string) []Fact {
	s := message
	if strings.IndexByte(s, '\\') >= 0 {
		s = unslash.Replace(s)
	}
	if strings.Contains(s, encodedQuote) {
		s = strings.ReplaceAll(s, encodedQuote, `"`)
	}
	if start, _ := longRun(s, 0, minNamed, isTokenByte); start < 0 {
		return nil
	}
	ids, at := keyIDs(s)
	var facts []Fact
	for _, i := range tokens(s, len(ids) > 0) {
		facts = foldLeak(facts, sessionToken, nearest(ids, at, i))
	}
	for _, i := range secrets(s, at) {
		facts = foldLeak(facts, secretAccessKey, nearest(ids, at, i))
	}
	return facts
}

// encodedQuote is a quotation mark in a link. A link for signing in to the
// console holds credentials as JSON, and what stands around a value would
// otherwise be taken for a part of it.
const encodedQuote = "%22"

// unslash undoes what JSON encoders do to base64: PHP's escapes slashes, .NET's
// the plus sign as well.
var unslash = strings.NewReplacer(`\/`, "/", `\u002b`, "+", `\u002B`, "+", `\u002f`, "/", `\u002F`, "/", `\u003d`, "=", `\u003D`, "=", `\n`, "\n", `\r`, "\r", `\t`, "\t")

func foldLeak(facts []Fact, what, key string) []Fact {
	for _, f := range facts {
		if f.Exposure.What == what && f.KeyID == key {
			return facts
		}
	}
	return append(facts, Fact{KeyID: key, Count: 1, Exposure: &incident.Exposure{What: what}})
}

// nearest is the key id closest to i. A message with one id means it, however
// far away it stands; of several only a close one.
func nearest(ids []string, at []int, i int) string {
	const near = 300
	best, gap := "", near
	for n, id := range ids {
		d := max(at[n]-i, i-at[n]-keyIDLength)
		if d < gap {
			best, gap = id, d
		}
	}
	if best == "" && len(ids) == 1 {
		return ids[0]
	}
	return best
}

// tokenPrefixes are how session tokens begin: base64 of a version byte and the
// words "origin" or "aws". They have been these for years, and are promised by
// nobody. Sources: public secret scanners' rules; AQoDYXdz is the oldest.
var tokenPrefixes = []string{
	"IQoJb3JpZ2lu", "AgoJb3JpZ2lu",
	"FwoGZXIvYXdz", "FQoGZXIvYXdz", "AgoGZXIvYXdz", "FwoDYXdz", "FQoDYXdz", "AQoDYXdz",
}

// tokens lists the places of session tokens in s: values that begin like one,
// and long ones that are given as one.
func tokens(s string, withKeyID bool) []int {
	var found []int
	for i := 0; len(found) < maxFound; {
		start, end := longRun(s, i, minToken, isTokenByte)
		if start < 0 {
			break
		}
		if isToken(s[:start], s[start:end], withKeyID) && !isCut(s[end:]) {
			found = append(found, start)
		}
		i = end
	}
	return found
}

// isTokenByte holds for base64, URL-encoded or not. Padding is no part of it:
// the same sign separates a name from its value.
func isTokenByte(c byte) bool { return isBase64(c) || c == '%' }

func isBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

func isToken(before, value string, withKeyID bool) bool {
	if isPlaceholder(value) || !isMixed(value) {
		return false
	}
	for _, p := range tokenPrefixes {
		if strings.HasPrefix(value, p) {
			return true
		}
	}
	name := nameBefore(before)
	if !strings.HasSuffix(name, "sessiontoken") && !strings.HasSuffix(name, "securitytoken") {
		return false
	}
	if strings.Contains(name, "aws") || strings.Contains(name, "amz") {
		return true
	}
	// An application's own sessionToken is none of ours.
	return withKeyID && len(value) >= minUnmarked && !strings.HasPrefix(value, "eyJ")
}

// isCut reports whether a value goes on as what somebody has cut or masked.
func isCut(after string) bool {
	return strings.HasPrefix(after, "...") || strings.HasPrefix(after, "…") || strings.HasPrefix(after, "*")
}

// secrets lists the places of secret access keys in s: base64 of the right
// length that is given as one, or stands right beside a key id.
func secrets(s string, keys []int) []int {
	var found []int
	for i := 0; len(found) < maxFound; {
		start, end := longRun(s, i, minNamed, isBase64)
		if start < 0 {
			break
		}
		if isSecret(s, start, end, keys) {
			found = append(found, start)
		}
		i = end
	}
	return found
}

func isSecret(s string, start, end int, keys []int) bool {
	value := s[start:end]
	if len(value) > maxNamed || joins(s, start-1) || joins(s, end) || end < len(s) && s[end] == '=' || isCut(s[end:]) ||
		isPlaceholder(value) || !isMixed(value) {
		return false
	}
	name := nameBefore(s[:start])
	if strings.HasSuffix(name, "secretaccesskey") || strings.HasSuffix(name, "awssecretkey") || strings.HasSuffix(name, "awssecret") {
		return true
	}
	if len(value) != secretLength {
		return false
	}
	if strings.HasSuffix(name, "secretkey") && len(keys) > 0 {
		return true
	}
	return besideKey(s, start, keys)
}

// joins reports whether the byte at i makes a longer word of what it stands
// beside: a URL-safe token, the part of a JWT, a file name.
func joins(s string, i int) bool {
	return i >= 0 && i < len(s) && strings.IndexByte("_-.%@~", s[i]) >= 0
}

// besideKey reports whether a key id stands shortly before start, with nothing
// but punctuation, or a word about secrets, between.
func besideKey(s string, start int, keys []int) bool {
	const near = 40
	for _, at := range keys {
		end := at + keyIDLength
		if end > start || start-end > near {
			continue
		}
		gap := s[end:start]
		if strings.Contains(strings.ToLower(gap), "secret") || !strings.ContainsFunc(gap, isLetter) && !strings.Contains(gap, "/") {
			return true
		}
	}
	return false
}

func isLetter(r rune) bool { return r < 128 && isWord(byte(r)) }

// nameBefore is the name under which a value is given, in small letters and
// without punctuation; empty if the value is given under none.
func nameBefore(s string) string {
	const separators = " \t\r\n\"'`\\:=>|("
	trimmed := strings.TrimRight(tail(s, 64), separators)
	if b, ok := strings.CutSuffix(trimmed, "b"); ok && strings.HasSuffix(s, "'") { // Python's b'…'
		trimmed = strings.TrimRight(b, separators)
	}
	if len(trimmed) == len(tail(s, 64)) {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z':
			return r
		}
		return -1
	}, tail(trimmed, 24))
}

// isPlaceholder reports whether a value comes from documentation: AWS's
// examples have EXAMPLE in them. What is otherwise a long token of today is
// none, whatever else stands in it.
func isPlaceholder(value string) bool {
	const plenty = 100
	rest := strings.ReplaceAll(value, "EXAMPLE", "")
	if len(rest) == len(value) {
		return false
	}
	return strings.HasPrefix(value, "AQo") || len(rest) < plenty
}

// isMixed tells noise from words, hexadecimal digests and runs of one letter.
func isMixed(value string) bool {
	var upper, lower, digit bool
	var seen [128]bool
	distinct := 0
	for _, c := range []byte(value) {
		upper = upper || 'A' <= c && c <= 'Z'
		lower = lower || 'a' <= c && c <= 'z'
		digit = digit || '0' <= c && c <= '9' || c == '+' || c == '/'
		if c < 128 && !seen[c] {
			seen[c] = true
			distinct++
		}
	}
	const enough = 12
	return upper && lower && digit && distinct >= enough && !isHex(value)
}

func isHex(value string) bool {
	return strings.Trim(value, "0123456789abcdefABCDEF") == ""
}

// HoldsSecret reports whether a text that is to be kept, such as an id or a name,
// could hold a session token or a secret key. It knows nothing of the
// surroundings, so whatever has a secret's length and no pattern will do; names
// of roles and tasks, which may be long, are told apart by their parts.
func HoldsSecret(s string) bool {
	for i := 0; ; {
		start, end := longRun(s, i, secretLength, isTokenByte)
		if start < 0 {
			return false
		}
		if looksSecret(s[start:end]) {
			return true
		}
		i = end
	}
}

func looksSecret(run string) bool {
	for _, p := range tokenPrefixes {
		if strings.HasPrefix(run, p) {
			return true
		}
	}
	if len(run) >= minUnmarked && isMixed(run) {
		return true
	}
	for start := 0; start+secretLength <= len(run); {
		if isKeyLike(run[start:]) {
			return true
		}
		next := strings.IndexByte(run[start:], '/')
		if next < 0 {
			break
		}
		start += next + 1
	}
	return false
}

// isKeyLike reports whether s begins with a part, or parts, of a path that
// could be a secret access key, or with a longer random word.
func isKeyLike(s string) bool {
	part, _, _ := strings.Cut(s, "/")
	if len(part) >= secretLength {
		return isMixed(part)
	}
	if len(s) > secretLength && s[secretLength] != '/' {
		return false
	}
	return isMixed(s[:secretLength]) && !endsInDigest(s[:secretLength])
}

// endsInDigest reports whether the last part of a path is a task's or a
// build's id.
func endsInDigest(path string) bool {
	const shortest = 32
	last := path[strings.LastIndexByte(path, '/')+1:]
	return len(last) >= shortest && isHex(last)
}
