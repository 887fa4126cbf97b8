package telemetry

import (
	"sync"
	"time"
)

const (
	// calm is how many lines a second are written without a second thought.
	// Nobody reads more, and an attacker who fails a thousand times a second
	// would have us pay for each.
	calm = 20
	// firstOfKind lines of a kind are written in each minute even then, and
	// afterwards one of oneOf.
	firstOfKind = 10
	oneOf       = 100
	// maxKinds bounds what is counted apart. The messages are constants, so
	// there are few.
	maxKinds = 200
)

// sampler decides which log lines are written.
type sampler struct {
	mu      sync.Mutex
	second  int64
	lines   int // in this second
	minute  int64
	kinds   map[string]*kind
	omitted int // since it was asked
}

// kind counts the lines of one level and message.
type kind struct {
	lines   int // in this minute
	omitted int // since one was written
}

// pass reports whether a line is to be written, and how many of its kind were
// left out before it.
func (s *sampler) pass(at time.Time, name string) (ok bool, omitted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kind(at, name)
	k.lines++
	s.lines++
	if s.lines > calm && k.lines > firstOfKind && (k.lines-firstOfKind)%oneOf != 0 {
		k.omitted++
		s.omitted++
		return false, 0
	}
	omitted, k.omitted = k.omitted, 0
	return true, omitted
}

// kind is the counter of a kind of lines, at a time.
func (s *sampler) kind(at time.Time, name string) *kind {
	if second := at.Unix(); second != s.second {
		s.second, s.lines = second, 0
	}
	if minute := at.Unix() / 60; minute != s.minute || s.kinds == nil {
		s.minute = minute
		s.roll()
	}
	if s.kinds[name] == nil {
		if len(s.kinds) >= maxKinds {
			name = ""
		}
		if s.kinds[name] == nil {
			s.kinds[name] = &kind{}
		}
	}
	return s.kinds[name]
}

// roll begins a minute. What was left out is not forgotten before it is told.
func (s *sampler) roll() {
	kept := map[string]*kind{}
	for name, k := range s.kinds {
		if k.omitted > 0 {
			k.lines = 0
			kept[name] = k
		}
	}
	s.kinds = kept
}

// takeOmitted returns how many lines were left out since it was last asked.
func (s *sampler) takeOmitted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.omitted
	s.omitted = 0
	return n
}
