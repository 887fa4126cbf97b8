package trail

import (
	"slices"
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// What an Exposure of static credentials can be about.
const (
	accessKeyID     = "access_key_id"
	secretAccessKey = "secret_access_key"
)

// static is what an environment holds of access keys. Values are looked at and
// dropped, but for the id of a key, which is no secret.
type static struct {
	key, what string
	variables []string
}

func functionConfigured(r *record) string {
	var found static
	r.params.Get("environment", "variables").Members(func(name string, v jsonscan.Value) bool {
		found.see(name, v.Str())
		return true
	})
	return r.static("function", r.params.Get("functionName"), found)
}

func taskRegistered(r *record) string {
	var found static
	r.params.Get("containerDefinitions").Elements(func(_ int, container jsonscan.Value) bool {
		container.Get("environment").Elements(func(_ int, v jsonscan.Value) bool {
			found.see(v.Get("name").Str(), v.Get("value").Str())
			return true
		})
		return true
	})
	return r.static("task definition", r.params.Get("family"), found)
}

// static makes a signal of what was found, and none of nothing.
func (r *record) static(of string, name jsonscan.Value, found static) string {
	if len(found.variables) == 0 {
		return ""
	}
	slices.Sort(found.variables)
	r.sig.Kind = incident.StaticCredentials
	r.sig.Key = found.key
	r.sig.Exposure = &incident.Exposure{What: found.what, Where: strings.Join(slices.Compact(found.variables), ", ")}
	if r.sig.Resource = of; isHarmless(baseName(name.Str())) {
		r.sig.Resource += " " + baseName(name.Str())
	}
	return ""
}

// baseName is a function's name, which may be given by its ARN.
func baseName(s string) string {
	if _, name, ok := strings.Cut(s, ":function:"); ok {
		s = name
	}
	return s
}

// see looks at one variable. A key's id tells by its form; a secret has one that
// much else has, so that the variable's name must agree.
func (f *static) see(name, value string) {
	value = strings.TrimSpace(value)
	isKey, isSecret := isKeyID(value), namesSecret(name) && (isSecretKey(value) || value == hidden)
	switch {
	case isSecret:
		f.what = secretAccessKey
	case isKey || namesKeyID(name) && value == hidden:
		if f.what == "" {
			f.what = accessKeyID
		}
	default:
		return
	}
	if isKey && (f.key == "" || value < f.key) {
		f.key = value
	}
	f.variables = append(f.variables, variable(name))
}

// variable is the name of a variable, or what stands for one that is no name.
func variable(name string) string {
	if isHarmless(name) {
		return name
	}
	return "a variable"
}

func isHarmless(name string) bool {
	const longest = 255
	return name != "" && len(name) <= longest && !strings.ContainsFunc(name, func(c rune) bool {
		return !strings.ContainsRune("_-.:", c) && !alphanumeric(string(c))
	})
}

func isKeyID(s string) bool {
	const length = 20
	kind := lineage.IDKind(s)
	return len(s) == length && alphanumeric(s) && s == strings.ToUpper(s) && (kind == lineage.LongTermKey || kind == lineage.TemporaryKey)
}

// isSecretKey reports whether s has the form of a secret: 30 bytes in base64.
func isSecretKey(s string) bool {
	const length = 40
	return len(s) == length && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '/' && c != '+' && !alphanumeric(string(c))
	})
}

func namesSecret(name string) bool {
	name = letters(name)
	return strings.Contains(name, "SECRETACCESSKEY") || strings.Contains(name, "AWSSECRET")
}

func namesKeyID(name string) bool { return strings.Contains(letters(name), "ACCESSKEYID") }

// letters are those of a variable's name in upper case: AWS_SECRET_KEY and
// awsSecretKey are the same.
func letters(name string) string {
	return strings.ToUpper(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
}
