package trail

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
)

// The quick way of reading a record.
//
// Nearly all records of a log file say what one before them said, but for when
// and under which id: the same credentials were used again. A member that is the
// same byte for byte as in a record before needs no second reading, and what
// such a record means is remembered. It is only looked at as far as it differs,
// and counted with the use that it repeats.
//
// The quick way decides nothing by itself. A record that may be a signal, that
// has a caller, place or client not met before, or that is not written just as
// CloudTrail writes its log files is left to the full decoder, and so is all that
// is no record. Every byte is checked as the full decoder checks it, or equal to
// bytes that were.

// quickStart begins what is worth a try.
const quickStart = `{"eventVersion":"`

// outcome is how far the quick way went.
type outcome uint8

const (
	odd   outcome = iota // not as CloudTrail writes it; or no record at all
	short                // so far a record, and there is no more of it
	full                 // a record for the full decoder
	done
)

// aspect is what a member of a record is read for.
type aspect uint8

const (
	anything aspect = iota
	aIdentity
	aTime
	aSource
	aName
	aRegion
	aAddress
	aAgent
	aCode
	aID
	aAccount
	aspects

	aList aspect = 255 // begins another form
)

// aspectOf are the members that matter to records of no interest and to uses.
var aspectOf = map[string]aspect{
	"userIdentity": aIdentity, "eventTime": aTime, "eventSource": aSource, "eventName": aName, "awsRegion": aRegion,
	"sourceIPAddress": aAddress, "userAgent": aAgent, "errorCode": aCode, "eventID": aID, "recipientAccountId": aAccount,
	lists[0]: aList, lists[1]: aList, lists[2]: aList,
}

// member is one of a record, as it was last.
type member struct {
	text   []byte // all of it
	name   int    // how much of it is the name and the colon
	aspect aspect
	next   *member // what came behind it
	misses uint8
	alike  [1 << patternBits]*jsonscan.Pattern
}

// quick is what the quick way remembers besides who, where and with what.
type quick struct {
	members map[string]*member // by name and colon
	size    int                // of all patterns, at most
	before  member             // the first one
	found   [aspects][]byte    // of the record at hand, as they stand there

	day      []byte // that midnight starts
	midnight int64

	where  [aspects]int
	tails  [1 << patternBits]tail
	caller *caller // of the record at hand, if it is known
	habit  *habit  // of that caller, if the record follows it or set it
	order  []*foldedUse
}

const (
	patternBits = 6
	maxMembers  = 64
	longestName = 64
	longestKept = 1024 // of a member, or of what follows the id
	maxFolded   = 4096

	patternBytes = 4 << 20 // of all patterns
)

// kind is what makes two uses of a caller's credentials alike. The addresses
// stand for what is there.
type kind struct {
	network, client, service *string
	region                   string
	probe                    bool
}

// foldedUse are uses of a caller's credentials that are alike.
type foldedUse struct {
	first, last int64
	sent        bool // and nothing was added since
	lastSize    uint8
	lastID      [longestID]byte

	incident.Use
	kind
	caller *caller
}

// tryQuick reads the record that rest starts with the quick way, and reports
// whether it could.
func (d *decoder) tryQuick() bool {
	d.odd = true
	q := &d.out.remembered().quick
	if d.thorough {
		*d.out.memory = memory{}
	}
	for len(d.rest()) < len(quickStart) && d.more() {
	}
	if d.thorough || !bytes.HasPrefix(d.rest(), []byte(quickStart)) {
		return false
	}
	for {
		n, how := d.scanQuickly(q, d.rest())
		if how == short && d.more() {
			continue
		}
		if how == done && n <= maxElement {
			how = d.quickly(q)
		}
		if d.odd = how == odd || how == short; how != done {
			return false
		}
		d.pass(n)
		return true
	}
}

// scan finds the members of the record that b starts with, and its length.
func (d *decoder) scanQuickly(q *quick, b []byte) (int, outcome) {
	q.found, q.caller, q.habit = [aspects][]byte{}, nil, nil
	before, id, behindTime := &q.before, 0, 0
	for i := 1; ; {
		m := before.next
		if m == nil || !bytes.HasPrefix(b[i:], m.text[:m.name]) {
			var how outcome
			if m, how = q.member(b[i:]); how != done {
				return 0, how
			}
			before.next = m
		}
		val := i + m.name
		end := d.pastValue(q, b, val, m)
		if end < 0 {
			return 0, odd
		}
		if end >= len(b) {
			return 0, short
		}
		if m.aspect != anything {
			if q.found[m.aspect] != nil {
				return 0, odd
			}
			q.found[m.aspect], q.where[m.aspect] = b[val:end], val
			switch m.aspect {
			case aTime:
				behindTime = end
				if h := q.knownHabit(b, end); h != nil {
					end, m = end+len(h.text), h.last
				}
			case aAgent:
				q.keepHabit(b, behindTime, end, m)
			case aID:
				if n := q.knownTail(b, end); n > 0 {
					return n, done
				}
				id = end
			}
		}
		switch b[end] {
		case ',':
			i = end + 1
		case '}':
			if id > 0 {
				q.keepTail(b[:end+1], id)
			}
			return end + 1, done
		default:
			return 0, odd
		}
		before = m
	}
}

// foundAt is where in a stretch a member's value stands.
type foundAt struct {
	start, end uint16
	aspect     aspect
}

// stretch is a part of a record, whole members from the comma on. It is small, and
// in one piece: there are many of them, and a processor waits for memory.
type stretch struct {
	text  []byte
	found [aspects]foundAt
	n     uint8 // of found
}

// tail is what follows the id, which is mostly the same in all records of a call.
type tail = stretch

// habit is what a caller called the last time, from where and with what: the
// members between the time and the parameters. Most callers do one thing over and
// over.
type habit struct {
	stretch
	last *member
	from *place
	use  *foldedUse // that such a call is one of; nil if it is not known to be a use
}

// longestHabit is how many bytes are kept of it.
const longestHabit = 512

// knownHabit is that of the caller of the record at hand, if b[i:] starts with it
// and goes on.
func (q *quick) knownHabit(b []byte, i int) *habit {
	if q.caller == nil {
		return nil
	}
	h := &q.caller.habit
	if len(b)-i <= len(h.text) || !q.matches(&h.stretch, b, i) {
		return nil
	}
	q.habit = h
	return h
}

// keepHabit remembers what stands from b[i] on up to the member m, which ends
// there. Calls that teach nothing are not worth it.
func (q *quick) keepHabit(b []byte, i, end int, m *member) {
	c := q.caller
	if i == 0 || c == nil || c.serves || !c.teaches() || end-i > longestHabit {
		return
	}
	c.habit.last, c.habit.use = m, nil
	q.keep(&c.habit.stretch, b[i:end], i)
	q.habit = &c.habit
}

// knownTail passes the end of a record, if it is known, and returns the record's
// length.
func (q *quick) knownTail(b []byte, i int) int {
	t := &q.tails[hashed(q.found[aName])]
	if !q.matches(t, b, i) {
		return 0
	}
	return i + len(t.text)
}

// matches reports whether b[i:] starts with s, and notes what is found there.
func (q *quick) matches(s *stretch, b []byte, i int) bool {
	if len(s.text) == 0 || !bytes.HasPrefix(b[i:], s.text) {
		return false
	}
	found := s.found[:s.n]
	for _, at := range found {
		if q.found[at.aspect] != nil {
			return false
		}
	}
	for _, at := range found {
		start, end := i+int(at.start), i+int(at.end)
		q.found[at.aspect], q.where[at.aspect] = b[start:end], start
	}
	return true
}

// keepTail remembers the end of a record from b[i] on.
func (q *quick) keepTail(b []byte, i int) {
	if len(b)-i <= longestKept {
		q.keep(&q.tails[hashed(q.found[aName])], b[i:], i)
	}
}

// keep remembers a text that stands at i, and what was found there.
func (q *quick) keep(s *stretch, text []byte, i int) {
	s.text, s.n = append(s.text[:0], text...), 0
	for a, value := range q.found {
		if at := q.where[a] - i; value != nil && at > 0 {
			s.found[s.n] = foundAt{uint16(at), uint16(at + len(value)), aspect(a)}
			s.n++
		}
	}
}

// hashed is a small number that tells calls apart.
func hashed(name []byte) int {
	hash := uint64(len(name))
	if n := len(name); n >= 8 {
		hash += binary.LittleEndian.Uint64(name) ^ 3*binary.LittleEndian.Uint64(name[n-8:])
	}
	return int(hash * 0x9e3779b97f4a7c15 >> (64 - patternBits))
}

// pastValue passes the value of a member. It is negative for what is no value.
func (d *decoder) pastValue(q *quick, b []byte, i int, m *member) int {
	if i < len(b) && (b[i] == '{' || b[i] == '[') {
		if m.aspect == aIdentity {
			if n := d.known(q, b[i:]); n > 0 {
				return i + n
			}
		}
		return q.compound(b, i, m)
	}
	if m.misses < 16 {
		if last := m.text[m.name:]; len(last) > 0 && bytes.HasPrefix(b[i:], last) {
			if end := i + len(last); end < len(b) && (b[end] == ',' || b[end] == '}') {
				if m.misses > 0 {
					m.misses--
				}
				return end
			}
		}
	}
	end, ok := jsonscan.Skip(b, i, 1)
	if !ok {
		if end >= len(b) {
			return len(b)
		}
		return -1
	}
	if m.misses < 16 && end-i <= longestKept {
		m.misses += 2
		m.text = append(m.text[:m.name], b[i:end]...)
	}
	return end
}

// known recognises the caller whose identity b starts with, and returns its
// length. Where it may end is a guess; that it is the same text is what counts.
func (d *decoder) known(q *quick, b []byte) int {
	b = b[:min(len(b), longestText)]
	n := bytes.Index(b, []byte(`},"eventTime"`)) + 1
	if n > 0 {
		q.caller = d.out.memory.callers.get(b[:n])
	}
	if q.caller == nil {
		return 0
	}
	return n
}

// compound passes an object or array. Those of the same call are mostly alike.
func (q *quick) compound(b []byte, i int, m *member) int {
	of := q.found[aName]
	if len(of) < 8 {
		of = b[i:min(i+16, len(b))]
	}
	p := m.pattern(of)
	if end, ok := p.Skip(b, i); ok {
		return end
	}
	end, ok := jsonscan.Skip(b, i, 1)
	if ok {
		q.setPattern(p, b[i:end])
		return end
	}
	if end >= len(b) {
		return len(b)
	}
	return -1
}

// setPattern has p be like v. If patterns take too much all are forgotten.
func (q *quick) setPattern(p *jsonscan.Pattern, v []byte) {
	before := p.Size()
	p.Set(v)
	if q.size += p.Size() - before; q.size <= patternBytes {
		return
	}
	for _, m := range q.members {
		clear(m.alike[:])
	}
	q.size = 0
}

// pattern is what the member was like in records of a kind.
func (m *member) pattern(of []byte) *jsonscan.Pattern {
	p := &m.alike[hashed(of)]
	if *p == nil {
		*p = &jsonscan.Pattern{}
	}
	return *p
}

// member is the one whose name and colon b starts with.
func (q *quick) member(b []byte) (*member, outcome) {
	if len(b) == 0 {
		return nil, short
	}
	if b[0] != '"' {
		return nil, odd
	}
	n := bytes.IndexByte(b[1:], '"') + 2
	if n < 2 || n >= len(b) {
		return nil, short
	}
	if b[n] != ':' {
		return nil, odd
	}
	n++
	if m, ok := q.members[string(b[:n])]; ok {
		return m, done
	}
	name := b[1 : n-2]
	if len(q.members) >= maxMembers || n > longestName || !plainName(name) || aspectOf[string(name)] == aList {
		return nil, odd
	}
	m := &member{text: bytes.Clone(b[:n]), name: n, aspect: aspectOf[string(name)]}
	if q.members == nil {
		q.members = map[string]*member{}
	}
	q.members[string(b[:n])] = m
	return m, done
}

// plainName reports whether a member's name reads as it is written.
func plainName(name []byte) bool {
	for len(name) >= 8 && jsonscan.Plain(binary.LittleEndian.Uint64(name)) {
		name = name[8:]
	}
	for _, c := range name {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// quickly decodes the record whose members were found, unless it may be a signal.
func (d *decoder) quickly(q *quick) outcome {
	for a := anything + 1; a < aspects; a++ {
		if q.found[a] == nil && a != aCode {
			return odd
		}
	}
	if d.again(q) {
		return done
	}
	m := d.out.memory
	service, call := m.service(q.at(aSource)), *m.calls.of(q.at(aName), readCall)
	fate := *m.fates.of(q.at(aCode), readFate)
	at, ok := q.time(q.found[aTime])
	id, account := q.found[aID], m.account(q.at(aAccount))
	if !ok || service.special || call.listed || fate == refused || !plainID(id) || account == "" {
		return full
	}
	var c *caller
	if fate == succeeded {
		if c = q.caller; c == nil || c.account != account {
			v, _, _ := d.out.caller.Next(q.found[aIdentity])
			c = m.caller(v, account)
		}
	}
	if c == nil || c.serves || !c.teaches() {
		d.count(&d.stats.Irrelevant)
		return done
	}
	region := m.region(q.at(aRegion))
	if region == "" {
		return full
	}
	from := m.place(q.at(aAddress))
	like := kind{from.network, m.agent(q.at(aAgent)).client, service.name, region, call.probe}
	f := d.fold(q, c, like, from)
	f.join(from, at, id[1:len(id)-1])
	if q.habit != nil && c == q.caller {
		q.habit.use, q.habit.from = f, from
	}
	d.count(&d.stats.Uses)
	return done
}

// again counts one more use of a kind if the caller did as it did the last time,
// and nothing else about the record has a say. All members were found.
func (d *decoder) again(q *quick) bool {
	h := q.habit
	if h == nil || h.use == nil || q.found[aCode] != nil || d.out.memory.account(q.at(aAccount)) != q.caller.account {
		return false
	}
	at, ok := q.time(q.found[aTime])
	id := q.found[aID]
	if !ok || !plainID(id) {
		return false
	}
	if h.use.sent {
		d.begin(q, h.use)
	}
	h.use.join(h.from, at, id[1:len(id)-1])
	d.count(&d.stats.Uses)
	return true
}

// at is the value that was found, or Missing.
func (q *quick) at(a aspect) jsonscan.Value { return jsonscan.Checked(q.found[a]) }

func (d *decoder) count(what *int) {
	d.stats.Values++
	d.stats.Records++
	*what++
}

// longestID is how long a UUID is.
const longestID = len("01234567-89ab-cdef-0123-456789abcdef")

// plainID reports whether an event's id is one by its looks: a UUID, or something
// no longer, in which no secret can be.
func plainID(raw []byte) bool {
	if len(raw) < 3 || len(raw) > longestID+2 || raw[0] != '"' {
		return false
	}
	return plainName(raw[1 : len(raw)-1])
}

// time reads an eventTime.
func (q *quick) time(raw []byte) (int64, bool) {
	const size = len(`"2006-01-02T15:04:05Z"`)
	if len(raw) != size || raw[0] != '"' {
		return 0, false
	}
	text := raw[1 : size-1]
	if !bytes.Equal(text[:10], q.day) {
		t, ok := parsePlain(text)
		if !ok || !believable(t) {
			return 0, false
		}
		q.day = append(q.day[:0], text[:10]...)
		q.midnight = t.Truncate(24 * time.Hour).Unix()
	}
	h, m, s := digits(text[11:]), digits(text[14:]), digits(text[17:])
	if text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z' || h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	return q.midnight + int64(h*3600+m*60+s), true
}

// digits is the number of two digits that b starts with; it is large for none.
func digits(b []byte) uint {
	tens, units := uint(b[0])-'0', uint(b[1])-'0'
	if tens > 9 || units > 9 {
		return 100
	}
	return 10*tens + units
}

// fold finds the uses of a caller's credentials that are alike, or begins with
// the one at hand.
func (d *decoder) fold(q *quick, c *caller, like kind, from *place) *foldedUse {
	if i := slices.IndexFunc(c.folded, func(f *foldedUse) bool { return f.kind == like }); i >= 0 {
		return c.folded[i]
	}
	f := &foldedUse{Use: *c.usual(c.account, like.region), kind: like, caller: c}
	locate(&f.Use, from, *like.client, *like.service, like.probe)
	d.begin(q, f)
	return f
}

// begin has f take in uses from now on.
func (d *decoder) begin(q *quick, f *foldedUse) {
	if len(q.order) >= maxFolded {
		q.send(d.sink)
	}
	f.first, f.last, f.sent = math.MaxInt64, math.MinInt64, false
	f.caller.folded = append(f.caller.folded, f)
	q.order = append(q.order, f)
}

// join adds one use.
func (f *foldedUse) join(from *place, at int64, id []byte) {
	if at == f.first && string(id) == f.FirstID && from.address != "" && (f.SourceIP == "" || from.address < f.SourceIP) {
		f.SourceIP = from.address // two of one id: the order in which they are read must not matter
	}
	if at < f.first || at == f.first && string(id) < f.FirstID {
		f.first, f.FirstID, f.SourceIP = at, string(id), from.address
	}
	if at > f.last || at == f.last && bytes.Compare(id, f.lastID[:f.lastSize]) > 0 {
		f.last, f.lastSize = at, uint8(copy(f.lastID[:], id))
	}
}

// endFolding passes on the uses that were joined, unless they are gathered.
func (d *decoder) endFolding() {
	if !d.gathers {
		d.out.remembered().quick.send(d.sink)
	}
}

// send passes on the uses that were joined.
func (q *quick) send(to Sink) {
	for _, f := range q.order {
		f.First, f.Last, f.LastID = time.Unix(f.first, 0).UTC(), time.Unix(f.last, 0).UTC(), string(f.lastID[:f.lastSize])
		to.Use(f.Use)
		f.caller.folded, f.sent = nil, true
	}
	clear(q.order)
	q.order = q.order[:0]
}
