package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/detect"
	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
	"github.com/trailverdict/trailverdict/internal/routing"
)

// desk is a notifier with everything around it: a ledger, a book, and channels
// that remember what they heard. Its calls can be made to fail.
type desk struct {
	mu     sync.Mutex
	ledger map[string][]detect.Case
	heard  []message
	// fault decides about the call that is about to be made; nil lets all pass.
	fault func(call string) fault

	memory *Memory
	*Notifier
}

// fault is what happens to a call.
type fault int

const (
	none        fault = iota
	refused           // an error, and nothing was done
	unconfirmed       // an error, though it was done
	dies              // the program ends before the call
	diesAfter         // the program ends after it
)

var errFault = errors.New("fault")

// death is what a program that ends is thrown out with.
type death struct{}

// message is what a channel heard.
type message struct {
	channel, id string
	revision    int
	verdict     incident.Verdict
	note        render.Note
	body        string
	finding     incident.Finding
}

func (m message) String() string {
	s := fmt.Sprintf("%s %s r%d %s", m.channel, m.id, m.revision, m.verdict)
	if m.note.News != "" {
		s += ": " + m.note.News
	}
	return s
}

func newDesk(s incident.Settings) *desk {
	d := &desk{ledger: map[string][]detect.Case{}, memory: NewMemory()}
	d.Notifier = d.copy(s)
	return d
}

// copy is another notifier on the same book and channels, as after a deployment
// or beside the first.
func (d *desk) copy(s incident.Settings) *Notifier {
	return d.routed(s, routing.Rules{})
}

// routed is such a copy that decides by rules, with a channel for each route.
func (d *desk) routed(s incident.Settings, r routing.Rules) *Notifier {
	r.Suppressions, r.ChangeWindows = s.Suppressions, s.ChangeWindows
	channels := []Channel{{Name: "findings", Publisher: ear{d, "findings"}}, {Name: "chat", People: true, Publisher: ear{d, "chat"}}}
	for _, route := range r.Routes {
		channels = append(channels, Channel{Name: "route/" + route.Name, Route: route.Name, People: route.Type == routing.Email, Publisher: ear{d, route.Name}})
	}
	n := NewNotifier(faulty{d}, faulty{d}, faulty{d}, s, r, channels...)
	n.retry.Sleep = func(context.Context, time.Duration) error { time.Sleep(50 * time.Microsecond); return nil }
	return n
}

// call makes a call as its fault wants it.
func (d *desk) call(name string, do func() error) error {
	f := none
	d.mu.Lock()
	if d.fault != nil {
		f = d.fault(name)
	}
	d.mu.Unlock()
	switch f {
	case refused:
		return errFault
	case dies:
		panic(death{})
	}
	err := do()
	switch {
	case f == diesAfter:
		panic(death{})
	case f == unconfirmed && err == nil:
		return errFault
	}
	return err
}

// faulty is the desk's book and ledger.
type faulty struct{ d *desk }

func (f faulty) Page(ctx context.Context, id string) (p Page, err error) {
	err = f.d.call("page", func() error { p, err = f.d.memory.Page(ctx, id); return err })
	return p, err
}

func (f faulty) Due(ctx context.Context, t time.Time) (ids []string, err error) {
	err = f.d.call("due", func() error { ids, err = f.d.memory.Due(ctx, t); return err })
	return ids, err
}

func (f faulty) Keep(ctx context.Context, p Page) error {
	return f.d.call("keep", func() error { return f.d.memory.Keep(ctx, p) })
}

func (f faulty) Cuts(ctx context.Context, t time.Time) (list []Cut, err error) {
	err = f.d.call("cuts", func() error { list, err = f.d.memory.Cuts(ctx, t); return err })
	return list, err
}

func (f faulty) KeepCut(ctx context.Context, c Cut) error {
	return f.d.call("keep cut", func() error { return f.d.memory.KeepCut(ctx, c) })
}

func (f faulty) Cases(_ context.Context, subject string) (list []detect.Case, err error) {
	err = f.d.call("cases", func() error {
		f.d.mu.Lock()
		defer f.d.mu.Unlock()
		list = append(list, f.d.ledger[subject]...)
		return nil
	})
	return list, err
}

// ear is a channel.
type ear struct {
	d    *desk
	name string
}

func (e ear) Publish(_ context.Context, f incident.Finding, n render.Note) error {
	return e.d.call("publish", func() error {
		var b bytes.Buffer
		if err := render.JSON(&b, f); err != nil {
			return err
		}
		e.d.mu.Lock()
		defer e.d.mu.Unlock()
		e.d.heard = append(e.d.heard, message{e.name, f.ID, f.Revision, f.Verdict, n, b.String(), f})
		return nil
	})
}

// commit keeps a case as the next version, as the ledger does, and returns what
// the table's stream then delivers.
func (d *desk) commit(c detect.Case) detect.Case {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.ledger[c.Subject()]
	for i := range list {
		if list[i].Finding.ID == c.Finding.ID {
			c.Version = list[i].Version + 1
			list[i] = c
			return c
		}
	}
	c.Version = 1
	d.ledger[c.Subject()] = append(list, c)
	return c
}

// deliver hands a version over at a time. It reports whether that went well; a
// program that ends is no success.
func (d *desk) deliver(n *Notifier, c detect.Case, now time.Time) (list []Outcome, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case death:
			err = errFault
		default:
			panic(r)
		}
	}()
	return n.Handle(context.Background(), c, now, now.Add(30*time.Second))
}
