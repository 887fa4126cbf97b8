package replay

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"os"
	"sync"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/store/filing"
)

// Journal is a file of what inputs held, so that a replay which was interrupted
// goes on where it was. It holds the evidence, no events, and costs 8 bytes of
// memory for each input.
//
// It is appended to. What a crash left unfinished at its end is dropped when it
// is opened.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	done map[uint64]bool // inputs, by a hash of their ids
}

// The frames of a journal, each with its length and checksum before it.
const (
	frameHead    = 'h' // who wrote it
	framePortion = 'p' // evidence of an input
	frameDone    = 'd' // an input was read to its end; its summary
)

// OpenJournal opens a journal, or begins one. The head says what its contents
// depend on beside the inputs; a journal with another is an error.
func OpenJournal(path, head string) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{file: f, done: map[uint64]bool{}}
	if err := j.open(head); err != nil {
		_ = f.Close() // it was only read
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	return j, nil
}

var errJournal = errors.New("it was written by another version, with other log_groups, or is no journal; name another file or delete it")

func (j *Journal) open(head string) error {
	var size int64
	first := true
	err := j.frames(func(kind byte, body []byte, end int64) error {
		if first && (kind != frameHead || string(body) != head) {
			return errJournal
		}
		first = false
		if kind == frameDone && len(body) >= 8 {
			j.done[binary.BigEndian.Uint64(body)] = true
		}
		size = end
		return nil
	})
	if err != nil {
		return err
	}
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	if first && info.Size() > 0 {
		return errJournal // not ours to overwrite
	}
	if err := j.file.Truncate(size); err != nil {
		return err
	}
	if _, err := j.file.Seek(size, io.SeekStart); err != nil || !first {
		return err
	}
	return j.write(frameHead, []byte(head))
}

// maxFrame is more than a portion of evidence takes.
const maxFrame = 64 << 20

// frames reads the frames that are whole, each with the place where it ends.
func (j *Journal) frames(each func(kind byte, body []byte, end int64) error) error {
	r := bufio.NewReaderSize(io.NewSectionReader(j.file, 0, 1<<62), 64<<10)
	at := int64(0)
	var head [8]byte
	var buf []byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return tornOff(err)
		}
		n := binary.BigEndian.Uint32(head[:])
		if n == 0 || n > maxFrame {
			return nil
		}
		if uint32(cap(buf)) < n {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if _, err := io.ReadFull(r, buf); err != nil {
			return tornOff(err)
		}
		if crc32.ChecksumIEEE(buf) != binary.BigEndian.Uint32(head[4:]) {
			return nil
		}
		at += int64(len(head)) + int64(n)
		if err := each(buf[0], buf[1:], at); err != nil {
			return err
		}
	}
}

// tornOff is no error where the file just ends.
func tornOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func (j *Journal) write(kind byte, body []byte) error {
	frame := make([]byte, 8, 9+len(body))
	frame = append(append(frame, kind), body...)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-8))
	binary.BigEndian.PutUint32(frame[4:], crc32.ChecksumIEEE(frame[8:]))
	if _, err := j.file.Write(frame); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// restore gives what is in the journal of inputs that were read to their end to d,
// and adds up their summaries.
func (j *Journal) restore(ctx context.Context, d Ingester) (Summary, error) {
	var sum Summary
	err := j.frames(func(kind byte, body []byte, _ int64) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if len(body) < 8 || !j.done[binary.BigEndian.Uint64(body)] {
			return nil
		}
		switch kind {
		case framePortion:
			signals, uses, err := filing.DecodeEvidence(body[8:])
			if err == nil {
				_, err = d.Ingest(ctx, signals, uses)
			}
			return err
		case frameDone:
			var w wireSummary
			if err := json.Unmarshal(body[8:], &w); err != nil {
				return err
			}
			sum.add(w.summary())
		}
		return nil
	})
	if err != nil {
		return Summary{}, fmt.Errorf("read journal: %w", err)
	}
	sum.Resumed = sum.Files + sum.Other
	return sum, nil
}

func idHash(id string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, id) // never fails
	return h.Sum64()
}

// has reports whether an input was read to its end.
func (j *Journal) has(id string) bool {
	if j == nil || id == "" {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.done[idHash(id)]
}

// portion adds a part of an input's evidence.
func (j *Journal) portion(id string, signals []incident.Signal, uses []incident.Use) error {
	if j == nil || id == "" {
		return nil
	}
	body := append(binary.BigEndian.AppendUint64(nil, idHash(id)), filing.EncodeEvidence(signals, uses)...)
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write(framePortion, body)
}

// finish says that an input was read to its end.
func (j *Journal) finish(id string, s Summary) error {
	if j == nil || id == "" {
		return nil
	}
	text, err := json.Marshal(wireSummaryOf(s))
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write(frameDone, append(binary.BigEndian.AppendUint64(nil, idHash(id)), text...))
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// wireSummary is a Summary of an input that was read to its end.
type wireSummary struct {
	Summary
	Blank                       int
	Client, IAM, Issuance, Used bool
}

func wireSummaryOf(s Summary) wireSummary {
	s.Failed = nil
	return wireSummary{Summary: s, Blank: s.blank, Client: s.seen.client, IAM: s.seen.iam, Issuance: s.seen.issuance, Used: s.seen.uses}
}

func (w wireSummary) summary() Summary {
	s := w.Summary
	s.blank, s.seen = w.Blank, sight{w.Client, w.IAM, w.Issuance, w.Used}
	return s
}
