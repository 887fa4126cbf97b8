// Package bolt is a store in one file on disk, for the command line: what it was
// given is still there in the next run.
//
// The file is bbolt's. One process at a time may have it open. A Put or Commit
// that returned is on disk; one that was cut short left nothing.
package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/trailverdict/trailverdict/internal/store"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Store is a store in a file.
type Store struct {
	*filing.Store
	db *bbolt.DB
}

// lockTimeout is how long Open waits for another process to close the file.
const lockTimeout = time.Second

// Open opens a file, or creates it.
func Open(path string, limits store.Limits) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open store %s: another process has it open", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(itemsBucket))
		_, dueErr := tx.CreateBucketIfNotExists([]byte(dueBucket))
		return errors.Join(err, dueErr)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare store %s: %w", path, err), db.Close())
	}
	return &Store{filing.New(table{db}, limits), db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Prune drops what had expired at now, and returns how many items that were.
func (s *Store) Prune(now time.Time) (dropped int, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		items := tx.Bucket([]byte(itemsBucket))
		expired := map[string]held{}
		err := items.ForEach(func(k, v []byte) error {
			h, err := parse(v)
			if err == nil && !h.expires.IsZero() && !h.expires.After(now) {
				expired[string(k)] = h
			}
			return err
		})
		for k, h := range expired {
			err = errors.Join(err, forgetDue(tx, []byte(k), h), items.Delete([]byte(k)))
		}
		dropped = len(expired)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune store: %w", err)
	}
	return dropped, nil
}

// Items lie under the length and text of their node, and their sort key. What is
// due lies under its kind, time and item.
const (
	itemsBucket = "items/v1"
	dueBucket   = "due/v1"
)

// table is a bbolt database as filing wants it.
type table struct{ db *bbolt.DB }

func itemKey(node, sort string) []byte {
	key := binary.BigEndian.AppendUint16(nil, uint16(len(node)))
	return append(append(key, node...), sort...)
}

func sortOf(key []byte) (string, error) {
	if len(key) < 2 || len(key) < 2+int(binary.BigEndian.Uint16(key)) {
		return "", errDamaged
	}
	return string(key[2+binary.BigEndian.Uint16(key):]), nil
}

var errDamaged = errors.New("the file is damaged, or no store of this version")

// held is an item's value.
type held struct {
	version      int64
	expires, due time.Time
	data         []byte
}

func (h held) bytes() []byte {
	b := binary.AppendUvarint(nil, uint64(h.version))
	b = appendTime(b, h.expires)
	b = appendTime(b, h.due)
	return append(b, h.data...)
}

// appendTime writes times so that they sort by their bytes.
func appendTime(b []byte, t time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Unix())^1<<63)
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

const timeSize = 12

func readTime(b []byte) time.Time {
	t := time.Unix(int64(binary.BigEndian.Uint64(b)^1<<63), int64(binary.BigEndian.Uint32(b[8:]))).UTC()
	if t.IsZero() {
		return time.Time{}
	}
	return t
}

func parse(b []byte) (held, error) {
	version, n := binary.Uvarint(b)
	if n <= 0 || len(b) < n+2*timeSize {
		return held{}, errDamaged
	}
	return held{
		version: int64(version), expires: readTime(b[n:]), due: readTime(b[n+timeSize:]),
		data: b[n+2*timeSize:],
	}, nil
}

func dueKey(kind filing.Kind, at time.Time, item []byte) []byte {
	return append(appendTime([]byte(kind+"/"), at), item...)
}

func kindOf(h held) filing.Kind { return filing.Item{Version: h.version}.Kind() }

// pageItems is how many items one transaction reads. Between transactions
// others may write.
const pageItems = 500

// Items yields a node's items.
func (t table) Items(ctx context.Context, node, from, to string) iter.Seq2[filing.Item, error] {
	start, end := itemKey(node, from), itemKey(node, to)
	if node == "" {
		start, end = nil, []byte{0xff, 0xff, 0xff}
	}
	return func(yield func(filing.Item, error) bool) {
		for start := start; ; {
			page, next, err := t.page(start, end)
			if err = errors.Join(err, ctx.Err()); err != nil {
				yield(filing.Item{}, fmt.Errorf("read the file: %w", err))
				return
			}
			for _, item := range page {
				if !yield(item, nil) {
					return
				}
			}
			if start = next; start == nil {
				return
			}
		}
	}
}

// page reads from a key on, and returns where the next page starts.
func (t table) page(start, end []byte) (items []filing.Item, next []byte, err error) {
	err = t.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(itemsBucket)).Cursor()
		for k, v := c.Seek(start); k != nil && string(k) < string(end); k, v = c.Next() {
			if len(items) == pageItems {
				next = append([]byte{}, k...)
				return nil
			}
			item, err := itemOf(k, v)
			if err != nil {
				return err
			}
			items = append(items, item)
		}
		return nil
	})
	return items, next, err
}

func itemOf(k, v []byte) (filing.Item, error) {
	sort, err := sortOf(k)
	if err != nil {
		return filing.Item{}, err
	}
	h, err := parse(v)
	if err != nil {
		return filing.Item{}, err
	}
	return filing.Item{
		Sort: sort, Data: append([]byte{}, h.data...), Expires: h.expires, Due: h.due, Version: h.version,
	}, nil
}

// Write keeps evidence and cases together, or neither.
func (t table) Write(_ context.Context, evidence, cases []filing.Item) error {
	return t.db.Update(func(tx *bbolt.Tx) error {
		items := tx.Bucket([]byte(itemsBucket))
		for _, item := range cases {
			var kept int64
			if v := items.Get(itemKey(item.Node, item.Sort)); v != nil {
				h, err := parse(v)
				if err != nil {
					return err
				}
				kept = h.version
			}
			if kept != item.Version-1 {
				return store.ErrConflict
			}
		}
		for _, item := range append(evidence[:len(evidence):len(evidence)], cases...) {
			if err := put(tx, item); err != nil {
				return err
			}
		}
		return nil
	})
}

// put writes an item, and that it is due.
func put(tx *bbolt.Tx, item filing.Item) error {
	items, key := tx.Bucket([]byte(itemsBucket)), itemKey(item.Node, item.Sort)
	if old := items.Get(key); old != nil {
		was, err := parse(old)
		if err != nil {
			return err
		}
		if err := forgetDue(tx, key, was); err != nil {
			return err
		}
	}
	h := held{item.Version, item.Expires, item.Due, item.Data}
	if err := items.Put(key, h.bytes()); err != nil {
		return err
	}
	if h.due.IsZero() {
		return nil
	}
	return tx.Bucket([]byte(dueBucket)).Put(dueKey(kindOf(h), h.due, key), nil)
}

// Replace writes evidence and drops what it stands in place of.
func (t table) Replace(_ context.Context, old, evidence []filing.Item) error {
	return t.db.Update(func(tx *bbolt.Tx) error {
		for _, item := range evidence {
			if err := put(tx, item); err != nil {
				return err
			}
		}
		for _, item := range old {
			if err := tx.Bucket([]byte(itemsBucket)).Delete(itemKey(item.Node, item.Sort)); err != nil {
				return err
			}
		}
		return nil
	})
}

func forgetDue(tx *bbolt.Tx, key []byte, h held) error {
	if h.due.IsZero() {
		return nil
	}
	return tx.Bucket([]byte(dueBucket)).Delete(dueKey(kindOf(h), h.due, key))
}

// duePage is how many items a page of what is due holds.
const duePage = 100

// Due returns a page of what is due.
func (t table) Due(_ context.Context, kind filing.Kind, since, until time.Time, after string) (page []filing.Item, next string, err error) {
	// An item's key starts with the length of a name, which no 0xff does.
	start, end := append(dueKey(kind, since, nil), 0xff), append(dueKey(kind, until, nil), 0xff)
	if after != "" {
		start = append([]byte(after), 0)
	}
	err = t.db.View(func(tx *bbolt.Tx) error {
		items, c := tx.Bucket([]byte(itemsBucket)), tx.Bucket([]byte(dueBucket)).Cursor()
		var last []byte
		for k, _ := c.Seek(start); k != nil && string(k) < string(end); k, _ = c.Next() {
			if len(page) == duePage {
				next = string(last)
				return nil
			}
			key := k[len(dueKey(kind, since, nil)):]
			item, err := itemOf(key, items.Get(key))
			if err != nil {
				return err
			}
			page, last = append(page, item), k
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("read what is due: %w", err)
	}
	return page, next, nil
}
