package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/trailverdict/trailverdict/internal/logline"
)

// handler writes log lines, or leaves them out.
type handler struct {
	next      slog.Handler
	requestID func(context.Context) string
	sampler   *sampler
}

func newHandler(w io.Writer, o Options, s *sampler) handler {
	next := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level, ReplaceAttr: replace})
	return handler{next: next.WithAttrs([]slog.Attr{slog.String("function", o.Function)}), requestID: o.RequestID, sampler: s}
}

func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle writes a line, if it is not one of too many. The first one that is
// written after others were left out says how many.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	pass, omitted := h.sampler.pass(r.Time, r.Level.String()+" "+r.Message)
	if !pass {
		return nil
	}
	r = r.Clone()
	if omitted > 0 {
		r.AddAttrs(slog.Int("omitted", omitted))
	}
	if id := h.requestID(ctx); id != "" {
		r.AddAttrs(slog.String("requestId", id))
	}
	return h.next.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.next = h.next.WithAttrs(attrs)
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	h.next = h.next.WithGroup(name)
	return h
}

// replace names the members of a line as Lambda does, and lets pass of the
// values what is fit to be logged.
func replace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.TimeKey:
			a.Key = "timestamp"
		case slog.MessageKey:
			a.Key = "message"
		}
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(presentable(a.Value.String()))
	case slog.KindAny:
		a.Value = slog.StringValue(described(a.Value.Any()))
	}
	return a
}

// described is the text of an error, of a word or of a name in a closed list,
// and of anything else its type alone: it may hold an event.
func described(v any) string {
	if err, ok := v.(error); ok {
		return presentable(err.Error())
	}
	switch value := reflect.ValueOf(v); {
	case value.Kind() == reflect.String:
		return presentable(value.String())
	case value.IsValid() && value.CanInt():
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("(%T)", v)
}

// maxText is the longest text of an attribute. Errors that are longer repeat
// what others sent.
const maxText = 1000

// presentable cuts a text, and withholds one in which a credential is seen.
func presentable(s string) string {
	if slices.ContainsFunc(logline.Read(s), func(f logline.Fact) bool { return f.Exposure != nil }) {
		return "(withheld: it holds a credential)"
	}
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
