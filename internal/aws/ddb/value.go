package ddb

import (
	"strconv"
	"time"
)

// Text is a text as a value.
func Text(s string) Value { return Value{S: &s} }

// Number is a whole number as a value.
func Number(n int64) Value { return Value{N: strconv.FormatInt(n, 10)} }

// Binary is bytes as a value, also where there are none.
func Binary(b []byte) Value { return Value{B: append([]byte{}, b...)} }

// Seconds is a time as DynamoDB wants it of when an item expires: in seconds,
// rounded up, so that nothing goes before its time.
func Seconds(t time.Time) Value {
	if t.Nanosecond() > 0 {
		t = t.Add(time.Second)
	}
	return Number(t.Unix())
}

// None reports whether v is neither text nor number nor bytes.
func (v Value) None() bool { return v.S == nil && v.N == "" && v.B == nil }

// Text returns an attribute's text, empty if it has none.
func (a Attributes) Text(name string) string {
	if v := a[name]; v.S != nil {
		return *v.S
	}
	return ""
}

// Number returns an attribute's number, 0 if it has none.
func (a Attributes) Number(name string) int64 {
	n, _ := strconv.ParseInt(a[name].N, 10, 64)
	return n
}

// Binary returns an attribute's bytes, nil if it has none.
func (a Attributes) Binary(name string) []byte { return a[name].B }
