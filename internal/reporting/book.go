package reporting

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/report"
	"github.com/trailverdict/trailverdict/internal/store"
)

// Notebook keeps texts by name. A text is saved as the version after the one
// that was read, or the error is store.ErrConflict.
type Notebook interface {
	Notes(ctx context.Context, name string) (text []byte, version int64, err error)
	SaveNotes(ctx context.Context, name string, text []byte, version int64) error
}

const (
	// The book is kept in parts, each on a page of the notebook that a database
	// holds as one item.
	pages     = 64
	pageName  = "report/%02d"
	coverName = "report"
	// maxPage is the most that a page holds, in bytes.
	maxPage = 350_000
	// retries is how often a page is joined anew with what another run wrote.
	retries = 8
)

// cover says how far the book goes, and what was seen of accounts.
type cover struct {
	// Until is the time up to which evidence that was due is in the book.
	Until time.Time       `json:"until"`
	Seen  json.RawMessage `json:"seen"`
}

// ledger is the book as it is kept.
type ledger struct {
	notebook Notebook
	book     *report.Book
	until    time.Time
	limits   Limits
	texts    map[string][]byte // as they were read
	versions map[string]int64
	dropped  int // states for which there was no room
}

// openBook reads the whole book. A page that cannot be read is begun anew, from
// the evidence.
func openBook(ctx context.Context, n Notebook, l Limits) (*ledger, error) {
	b := &ledger{notebook: n, book: report.NewBook(), limits: l, texts: map[string][]byte{}, versions: map[string]int64{}}
	text, err := b.read(ctx, coverName)
	if err != nil {
		return nil, err
	}
	whole := true
	if len(text) > 0 {
		var c cover
		part, err := (*report.Book)(nil), json.Unmarshal(text, &c)
		if err == nil {
			part, err = report.DecodeBook(c.Seen)
		}
		if whole = err == nil; whole {
			b.until = c.Until
			b.book.Join(part)
		}
	}
	for i := range pages {
		text, err := b.read(ctx, fmt.Sprintf(pageName, i))
		if err != nil {
			return nil, err
		}
		if len(text) == 0 {
			continue
		}
		part, err := report.DecodeBook(text)
		if err != nil {
			whole = false
			continue
		}
		b.book.Join(part)
	}
	if !whole {
		b.until = time.Time{}
	}
	return b, nil
}

func (b *ledger) read(ctx context.Context, name string) ([]byte, error) {
	text, version, err := b.notebook.Notes(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read the book: %w", err)
	}
	b.texts[name], b.versions[name] = text, version
	return text, nil
}

// close keeps the book, which holds all that was due until a time. The cover is
// last: until it is written, the next run takes in the same evidence again.
func (b *ledger) close(ctx context.Context, until time.Time) error {
	parts := b.parts(until)
	for i, part := range parts {
		if err := b.save(ctx, fmt.Sprintf(pageName, i), func(text []byte) ([]byte, error) {
			if other, err := report.DecodeBook(text); err == nil {
				part.Join(other)
			}
			return b.encode(part)
		}); err != nil {
			return err
		}
	}
	return b.save(ctx, coverName, func(text []byte) ([]byte, error) {
		var c cover
		seen := &report.Book{Sights: b.book.Sights}
		if err := json.Unmarshal(text, &c); err == nil {
			if other, err := report.DecodeBook(c.Seen); err == nil {
				seen.Join(other)
			}
		}
		if until.After(c.Until) {
			c.Until = until
		}
		var err error
		if c.Seen, err = seen.Encode(); err != nil {
			return nil, err
		}
		return json.Marshal(c)
	})
}

// save writes a page, joined with what another run wrote on it meanwhile.
func (b *ledger) save(ctx context.Context, name string, join func(text []byte) ([]byte, error)) error {
	var text []byte
	for range retries {
		next, err := join(text)
		if err != nil {
			return err
		}
		if bytes.Equal(next, b.texts[name]) || len(next) == 0 && b.versions[name] == 0 {
			return nil
		}
		err = b.notebook.SaveNotes(ctx, name, next, b.versions[name])
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("write the book: %w", err)
		}
		if text, err = b.read(ctx, name); err != nil {
			return err
		}
	}
	return fmt.Errorf("write the book: %w after %d attempts", store.ErrConflict, retries)
}

// parts deals the states out to pages, without those that nothing was heard of
// for long.
func (b *ledger) parts(until time.Time) []*report.Book {
	out := make([]*report.Book, pages)
	for i := range out {
		out[i] = report.NewBook()
	}
	for key, s := range b.book.States {
		if s.Last().Before(until.Add(-b.limits.History)) {
			continue
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(key)) // never fails
		out[h.Sum32()%pages].States[key] = s
	}
	return out
}

// encode writes a page, and leaves out what does not fit: first those without a
// rhythm, of those the ones with the largest hashes.
func (b *ledger) encode(part *report.Book) ([]byte, error) {
	room := max(1, b.limits.Principals/pages)
	for len(part.States) > 0 {
		b.dropped += shorten(part, room)
		text, err := part.Encode()
		if err != nil || len(text) <= maxPage {
			return text, err
		}
		room = len(part.States) * 3 / 4
	}
	return nil, nil
}

func shorten(part *report.Book, room int) (dropped int) {
	if len(part.States) <= room {
		return 0
	}
	type ranked struct {
		key    string
		steady bool
		hash   uint64
	}
	var all []ranked
	for key, s := range part.States {
		h := fnv.New64a()
		_, _ = h.Write([]byte(key))
		all = append(all, ranked{key, s.Steady(), h.Sum64()})
	}
	slices.SortFunc(all, func(x, y ranked) int {
		if x.steady != y.steady {
			if x.steady {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.key, y.key))
	})
	for _, r := range all[room:] {
		delete(part.States, r.key)
	}
	return len(all) - room
}
