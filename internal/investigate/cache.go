package investigate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Segment is what is known of an answer for a part of the time asked about. It
// may hold events from just outside that part.
type Segment struct {
	From, To time.Time // both inclusive
	Signals  []incident.Signal
	Uses     []incident.Use
	Calls    []Call
}

// Cache keeps what was read, so that it is not asked for again. Parts of the
// time that may still change are not kept.
type Cache interface {
	// Read returns the segments that touch a question's time.
	Read(account string, q Question) ([]Segment, error)
	// Add keeps a segment of the answer to a question.
	Add(account string, q Question, s Segment) error
}

// nowhere keeps nothing.
type nowhere struct{}

func (nowhere) Read(string, Question) ([]Segment, error) { return nil, nil }
func (nowhere) Add(string, Question, Segment) error      { return nil }

// gaps are the parts of a question's time that segments leave open, the newest
// first.
func gaps(q Question, segments []Segment) []Question {
	segments = slices.Clone(segments)
	slices.SortFunc(segments, func(a, b Segment) int { return b.To.Compare(a.To) })
	var open []Question
	for _, s := range segments {
		if s.To.Before(q.To) {
			gap := q
			gap.From = s.To.Add(time.Second)
			if gap.From.Before(q.From) {
				break
			}
			open = append(open, gap)
		}
		if s.From.Before(q.To) || s.From.Equal(q.To) {
			q.To = s.From.Add(-time.Second)
		}
		if q.To.Before(q.From) {
			return open
		}
	}
	return append(open, q)
}

// Folder is a cache of files, one for each question, which only its owner can
// read. A file has a line for each segment. It is only added to, so that a
// program that is killed leaves what it had read; a line that is damaged counts
// for nothing. Files hold what the detector keeps of events, and so no secrets.
type Folder struct {
	path string
	mu   sync.Mutex
}

// keepFor is how long a question's file is kept after it was last added to.
const keepFor = 7 * 24 * time.Hour

// OpenFolder returns the cache in a folder, which it makes if it is not there,
// and from which it deletes what is old.
func OpenFolder(path string, now time.Time) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasSuffix(e.Name(), suffix) && now.Sub(info.ModTime()) > keepFor {
			_ = os.Remove(filepath.Join(path, e.Name())) // it is tried again next time
		}
	}
	return &Folder{path: path}, nil
}

const suffix = ".segments"

// version is that of the files' format. Another one has other names.
const version = "1"

func (f *Folder) file(account string, q Question) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{version, account, q.Region, q.Attribute, q.Value}, "\x00")))
	return filepath.Join(f.path, hex.EncodeToString(sum[:16])+suffix)
}

// wireSegment is a line. Signals and uses are as stores keep them.
type wireSegment struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Signals [][]byte  `json:"signals,omitempty"`
	Uses    [][]byte  `json:"uses,omitempty"`
	Calls   []Call    `json:"calls,omitempty"`
	Sum     string    `json:"sum,omitempty"` // of the line without it
}

// Add implements Cache.
func (f *Folder) Add(account string, q Question, s Segment) error {
	w := wireSegment{From: s.From, To: s.To, Calls: s.Calls}
	for _, x := range s.Signals {
		w.Signals = append(w.Signals, filing.EncodeSignal(x))
	}
	for _, u := range s.Uses {
		w.Uses = append(w.Uses, filing.EncodeUse(u))
	}
	line, err := w.encode()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.OpenFile(f.file(account, q), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	// A line that was cut off before stands alone.
	_, err = file.Write(slices.Concat([]byte("\n"), line, []byte("\n")))
	return errors.Join(err, file.Close())
}

func (w wireSegment) encode() ([]byte, error) {
	w.Sum = ""
	plain, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode what was read: %w", err)
	}
	sum := sha256.Sum256(plain)
	w.Sum = hex.EncodeToString(sum[:8])
	return json.Marshal(w)
}

// Read implements Cache.
func (f *Folder) Read(account string, q Question) ([]Segment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.Open(f.file(account, q))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var list []Segment
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if s, ok := decodeSegment(line); ok && !s.To.Before(q.From) && !s.From.After(q.To) {
			list = append(list, s)
		}
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// decodeSegment reads a line. One that is not whole is not believed in part.
func decodeSegment(line []byte) (Segment, bool) {
	var w wireSegment
	line = bytes.TrimSpace(line)
	if len(line) == 0 || json.Unmarshal(line, &w) != nil {
		return Segment{}, false
	}
	if again, err := w.encode(); err != nil || !bytes.Equal(again, line) {
		return Segment{}, false
	}
	s := Segment{From: w.From, To: w.To, Calls: w.Calls}
	for _, b := range w.Signals {
		x, err := filing.DecodeSignal(b)
		if err != nil {
			return Segment{}, false
		}
		s.Signals = append(s.Signals, x)
	}
	for _, b := range w.Uses {
		u, err := filing.DecodeUse(b)
		if err != nil {
			return Segment{}, false
		}
		s.Uses = append(s.Uses, u)
	}
	return s, true
}
