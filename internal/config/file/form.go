package file

import (
	"regexp"
	"sync"
)

// form is what a text must look like. It is compiled when it is first asked for:
// a function that starts without a configuration file, or with a short one, has
// no time to spare for all of them.
type form struct{ compiled func() *regexp.Regexp }

func newForm(pattern string) form {
	return form{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })}
}

// MatchString reports whether s has the form.
func (f form) MatchString(s string) bool { return f.compiled().MatchString(s) }
