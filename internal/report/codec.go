package report

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/interval"
)

// MaxBeatBytes is the most that the beats of a line take: 64 of them, each with
// its distance from the one before and its length. Base64 makes 512 of it.
const MaxBeatBytes = 384

// bookVersion is that of the form in which books are kept. A book of another one
// cannot be read.
const bookVersion = 1

var errBook = errors.New("a book of another version, or damaged")

// The forms in which a book is kept. Names are short, since there are many.
type (
	keptBook struct {
		Version int                  `json:"v"`
		States  []keptState          `json:"s"`
		Sights  map[string]keptSight `json:"seen,omitempty"`
	}
	keptState struct {
		Type      incident.PrincipalType `json:"t"`
		Partition string                 `json:"p,omitempty"`
		Account   string                 `json:"a,omitempty"`
		Name      string                 `json:"n"`
		ID        string                 `json:"id,omitempty"`
		ARN       string                 `json:"arn,omitempty"`
		Told      string                 `json:"by,omitempty"`
		Failed    *keptLine              `json:"f,omitempty"`
		Other     *keptLine              `json:"o,omitempty"`
		Workloads []keptLine             `json:"w,omitempty"`
		Renewed   []keptSource           `json:"r,omitempty"`
		Hours     []byte                 `json:"h,omitempty"`
	}
	keptLine struct {
		Workload string `json:"w,omitempty"`
		// Same says that the beats and keys are those of all the failures that a
		// renewal would have prevented.
		Same  bool      `json:"=,omitempty"`
		Beats []byte    `json:"b,omitempty"`
		Keys  []keptKey `json:"k,omitempty"`
	}
	keptKey struct {
		Key  string `json:"k,omitempty"`
		Last int64  `json:"t"`
	}
	keptSource struct {
		Name      string  `json:"n"`
		Caller    string  `json:"c,omitempty"`
		Beats     []byte  `json:"b"`
		Key       string  `json:"k,omitempty"`
		IssuedAt  int64   `json:"i"`
		ExpiresAt int64   `json:"e,omitempty"`
		ByService bool    `json:"s,omitempty"`
		Lifetimes []int64 `json:"l,omitempty"`
	}
	keptSight struct {
		Failures  int64            `json:"f,omitempty"`
		Issuances int64            `json:"i,omitempty"`
		IAM       int64            `json:"iam,omitempty"`
		Regions   map[string]int64 `json:"r,omitempty"`
	}
)

// Encode writes a book. Equal books give equal bytes.
func (b *Book) Encode() ([]byte, error) {
	kept := keptBook{Version: bookVersion, States: []keptState{}, Sights: map[string]keptSight{}}
	for _, key := range sortedKeys(b.States) {
		kept.States = append(kept.States, keepState(b.States[key]))
	}
	for account, s := range b.Sights {
		k := keptSight{Failures: unix(s.Failures), Issuances: unix(s.Issuances), IAM: unix(s.IAM), Regions: map[string]int64{}}
		for region, t := range s.Regions {
			k.Regions[region] = unix(t)
		}
		kept.Sights[account] = k
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("encode book: %w", err)
	}
	return out, nil
}

// DecodeBook reads a book. Its error holds nothing of the bytes.
func DecodeBook(data []byte) (*Book, error) {
	var kept keptBook
	if err := json.Unmarshal(data, &kept); err != nil || kept.Version != bookVersion {
		return nil, fmt.Errorf("decode book: %w", errBook)
	}
	b := NewBook()
	for _, k := range kept.States {
		s, err := k.state()
		if err != nil {
			return nil, fmt.Errorf("decode book: %w", err)
		}
		b.States[s.Principal.Key()] = s
	}
	for account, k := range kept.Sights {
		s := &Sight{Failures: fromUnix(k.Failures), Issuances: fromUnix(k.Issuances), IAM: fromUnix(k.IAM)}
		for region, t := range k.Regions {
			s.region(region, fromUnix(t))
		}
		b.Sights[account] = s
	}
	return b, nil
}

func keepState(s State) keptState {
	p := s.Principal
	k := keptState{
		Type: p.Type, Partition: p.Partition, Account: p.Account, Name: p.Name, ID: p.ID, ARN: p.ARN, Told: s.Account,
		Failed: keepWhole(s.Failed), Other: keepWhole(s.Other), Hours: encodeHours(s.Hours),
	}
	for _, l := range s.Workloads {
		kept := keepLine(l)
		if slices.Equal(l.Beats, s.Failed.Beats) && slices.Equal(l.Keys, s.Failed.Keys) {
			kept = keptLine{Workload: l.Workload, Same: true}
		}
		k.Workloads = append(k.Workloads, kept)
	}
	for _, x := range s.Renewed {
		kept := keptSource{
			Name: x.Name, Caller: x.Caller, Beats: encodeBeats(x.Beats), Key: x.Key,
			IssuedAt: unix(x.IssuedAt), ExpiresAt: unix(x.ExpiresAt), ByService: x.ByService,
		}
		for _, d := range x.Lifetimes {
			kept.Lifetimes = append(kept.Lifetimes, int64(d/time.Second))
		}
		k.Renewed = append(k.Renewed, kept)
	}
	return k
}

func keepWhole(l Line) *keptLine {
	if len(l.Beats) == 0 {
		return nil
	}
	k := keepLine(l)
	return &k
}

func keepLine(l Line) keptLine {
	k := keptLine{Workload: l.Workload, Beats: encodeBeats(l.Beats)}
	for _, key := range l.Keys {
		k.Keys = append(k.Keys, keptKey{key.Key, unix(key.Last)})
	}
	return k
}

func (k keptState) state() (State, error) {
	s := State{
		Principal: incident.Principal{Type: k.Type, Partition: k.Partition, Account: k.Account, Name: k.Name, ID: k.ID, ARN: k.ARN},
		Account:   k.Told,
	}
	if !s.Principal.Known() {
		return s, errBook
	}
	var err error
	line := func(k keptLine) (l Line) {
		if err == nil {
			l, err = k.line(s.Failed)
		}
		return l
	}
	if k.Failed != nil {
		s.Failed = line(*k.Failed)
	}
	if k.Other != nil {
		s.Other = line(*k.Other)
	}
	for _, w := range k.Workloads {
		s.Workloads = append(s.Workloads, line(w))
	}
	for _, r := range k.Renewed {
		beats, wrong := decodeBeats(r.Beats)
		if wrong != nil {
			return s, wrong
		}
		x := Source{
			Name: r.Name, Caller: r.Caller, Beats: beats, Key: r.Key,
			IssuedAt: fromUnix(r.IssuedAt), ExpiresAt: fromUnix(r.ExpiresAt), ByService: r.ByService,
		}
		for _, d := range r.Lifetimes {
			x.Lifetimes = append(x.Lifetimes, time.Duration(d)*time.Second)
		}
		s.Renewed = append(s.Renewed, x)
	}
	if err == nil {
		s.Hours, err = decodeHours(k.Hours)
	}
	return s, err
}

func (k keptLine) line(whole Line) (Line, error) {
	if k.Same {
		whole.Workload = k.Workload
		return whole, nil
	}
	l := Line{Workload: k.Workload}
	var err error
	l.Beats, err = decodeBeats(k.Beats)
	for _, key := range k.Keys {
		l.Keys = append(l.Keys, KeySeen{key.Key, fromUnix(key.Last)})
	}
	return l, err
}

// encodeBeats writes as many of the latest beats as MaxBeatBytes hold: all 64
// unless years lie between them.
func encodeBeats(list []interval.Beat) []byte {
	for {
		out := make([]byte, 0, MaxBeatBytes)
		end := int64(0)
		for _, b := range list {
			out = binary.AppendUvarint(out, uint64(unix(b.Start)-end))
			out = binary.AppendUvarint(out, uint64(unix(b.End)-unix(b.Start)))
			end = unix(b.End)
		}
		if len(out) <= MaxBeatBytes {
			return out
		}
		list = list[1:]
	}
}

func decodeBeats(data []byte) ([]interval.Beat, error) {
	var out []interval.Beat
	end := int64(0)
	for len(data) > 0 {
		var gap, length int64
		var ok bool
		if gap, data, ok = uvarint(data); !ok {
			return nil, errBook
		}
		if length, data, ok = uvarint(data); !ok {
			return nil, errBook
		}
		start := end + gap
		if end = start + length; end > maxSeconds {
			return nil, errBook
		}
		out = append(out, interval.Beat{Start: fromUnix(start), End: fromUnix(end)})
	}
	if len(out) > interval.MaxBeats {
		return nil, errBook
	}
	return out, nil
}

// maxSeconds is the year 9999: what lies beyond cannot be written as a time.
const maxSeconds = 253_402_300_799

func uvarint(data []byte) (int64, []byte, bool) {
	v, n := binary.Uvarint(data)
	if n <= 0 || v > maxSeconds {
		return 0, nil, false
	}
	return int64(v), data[n:], true
}

func encodeHours(hours []int64) []byte {
	var out []byte
	last := int64(0)
	for _, h := range hours {
		out = binary.AppendUvarint(out, uint64(h-last))
		last = h
	}
	return out
}

func decodeHours(data []byte) ([]int64, error) {
	var out []int64
	last := int64(0)
	for len(data) > 0 {
		var gap int64
		var ok bool
		if gap, data, ok = uvarint(data); !ok || len(out) == maxHours {
			return nil, errBook
		}
		last += gap
		out = append(out, last)
	}
	return out, nil
}

// unix is 0 for what lies before 1970, which no credential did.
func unix(t time.Time) int64 { return max(0, t.Unix()) }

func fromUnix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
