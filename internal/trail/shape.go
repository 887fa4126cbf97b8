package trail

import (
	"strings"
	"unicode"

	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/logline"
)

// What is kept of an event is shown to people. AWS fixes the shape of these
// values, so whatever has another shape is no such value, and may be anything:
// a program's mistake, or a secret that was put into the wrong field.

// regionName is s if it is shaped like a Region's name.
func regionName(s string) string {
	if len(s) > 32 || !composed(s, "-") {
		return ""
	}
	return s
}

// partitionName is s if it is shaped like a partition's name.
func partitionName(s string) string {
	if len(s) > 16 || !strings.HasPrefix(s, "aws") || !composed(s, "-") {
		return ""
	}
	return s
}

// address is s if it can be what CloudTrail writes as a call's source: an
// address, a service's host name, or AWS Internal.
func address(s string) string {
	if len(s) > 255 || !composed(s, ".,:-_/%* ") || logline.HoldsSecret(s) {
		return ""
	}
	return s
}

// threatType is s if it is shaped like the type of a GuardDuty finding, such as
// UnauthorizedAccess:IAMUser/TorIPCaller.
func threatType(s string) string {
	if len(s) > 128 || !strings.Contains(s, ":") || !composed(s, ".:/!-_") {
		return ""
	}
	return s
}

// resourceName is s if it can be an ARN or the name of a trail or provider.
func resourceName(s string) string {
	if _, isARN := parseARN(s); !isARN && len(s) > 128 || !printable(s) || logline.HoldsSecret(s) {
		return ""
	}
	return s
}

// callerARN is s if it can be the ARN of who called, in which IAM allows visible
// ASCII alone.
func callerARN(s string) string {
	if len(s) > 2048 || !printable(s) {
		return ""
	}
	return s
}

// groupName is s if CloudWatch Logs lets a log group have that name.
func groupName(s string) string {
	if len(s) > 512 || !composed(s, "._-/#") || logline.HoldsSecret(s) {
		return ""
	}
	return s
}

// eventIDIn is the id that a value holds, and empty where it is no id. Whoever
// makes up events may choose any.
func eventIDIn(v jsonscan.Value) string {
	const longest = 1024 // an ARN of AWS Health is about 200
	if raw := v.Raw(); plainID(raw) {
		return string(raw[1 : len(raw)-1])
	}
	s := v.Str()
	if len(s) > longest || strings.ContainsFunc(s, unicode.IsControl) || logline.HoldsSecret(s) {
		return ""
	}
	return s
}

// composed reports whether s has ASCII letters, digits and the others alone.
func composed(s, others string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i:i+1]) && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return true
}

// printable reports whether s is visible ASCII without a space.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
