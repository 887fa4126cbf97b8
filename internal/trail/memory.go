package trail

import (
	"strings"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/jsonscan"
	"github.com/trailverdict/trailverdict/internal/lineage"
)

// memory is what texts that come again and again were read as: who called, from
// where, with what. A text that is the same byte for byte means the same, so it
// is read once.
type memory struct {
	words    memo[string]
	shared   memo[string]
	accounts memo[string]
	regions  memo[string]
	callers  memo[caller]
	places   memo[place]
	agents   memo[agent]
	services memo[service]
	calls    memo[call]
	fates    memo[fate]
	quick    quick
}

// What is remembered is bounded, since whoever makes up events may choose any
// text: in each memo by number and by bytes, whichever is reached first.
const (
	maxRemembered   = 2048
	longestText     = 1536
	rememberedBytes = 1 << 20

	maxMemory = 32 << 20 // what all of it comes to
)

// memo remembers values of one type by the JSON that they were read from.
type memo[T any] struct {
	known  map[string]*kept[T]
	size   int                   // of all texts
	recent [recentTexts]*kept[T] // what was met last is mostly met again
}

// kept is a text, and what it reads as.
type kept[T any] struct {
	value T
	text  string
}

// recentTexts is how many of a memo's texts are found without hashing all of them.
const recentTexts = 8

// of is what v reads as.
func (m *memo[T]) of(v jsonscan.Value, read func(jsonscan.Value) T) *T {
	if known := m.get(v.Raw()); known != nil {
		return known
	}
	return m.add(v.Raw(), read(v))
}

// get is what was remembered of text, or nil.
func (m *memo[T]) get(text []byte) *T {
	recent := &m.recent[recentOf(text)]
	if k := *recent; k != nil && string(text) == k.text {
		return &k.value
	}
	k := m.known[string(text)]
	if k == nil {
		return nil
	}
	*recent = k
	return &k.value
}

// recentOf tells texts apart that are often met in turn.
func recentOf(text []byte) int {
	n := len(text)
	if n < 2 {
		return n
	}
	return (n + int(text[n-2]) + int(text[n/2])) % recentTexts // the last one is a quote
}

func (m *memo[T]) add(text []byte, value T) *T {
	if len(text) > longestText {
		return &value
	}
	switch {
	case m.known == nil:
		m.known = map[string]*kept[T]{}
	case len(m.known) >= maxRemembered || m.size+len(text) > rememberedBytes:
		clear(m.known)
		clear(m.recent[:])
		m.size = 0
	}
	k := &kept[T]{value, string(text)}
	m.known[k.text] = k
	m.size += len(text)
	return &k.value
}

// word is the text of v, as Str is, of which there are few that come often, such
// as Regions' names and error codes.
func (m *memory) word(v jsonscan.Value) string {
	if v.Kind() != jsonscan.String {
		return ""
	}
	return *m.words.of(v, jsonscan.Value.Str)
}

// account and region are what v is the id or name of.
func (m *memory) account(v jsonscan.Value) string {
	return *m.accounts.of(v, func(v jsonscan.Value) string { return accountID(v.Str()) })
}

func (m *memory) region(v jsonscan.Value) string {
	return *m.regions.of(v, func(v jsonscan.Value) string { return regionName(v.Str()) })
}

// caller is a userIdentity, as it reads in a record of an account.
type caller struct {
	account string
	serves  bool
	habit   habit
	identity
	use    incident.Use // what was usual the last time
	folded []*foldedUse // since they were sent
}

func (m *memory) caller(v jsonscan.Value, account string) *caller {
	if c := m.callers.get(v.Raw()); c != nil && c.account == account {
		return c
	}
	return m.callers.add(v.Raw(), caller{account: account, serves: serves(v), identity: readIdentity(v, account)})
}

// teaches reports whether a call says something about somebody's habits. Those by
// services and from other accounts teach nothing about anybody here.
func (c *caller) teaches() bool {
	return c.Known() && !c.Foreign && c.Type != incident.Service
}

// usual is what all uses of the caller's credentials, recorded there, have in
// common.
func (c *caller) usual(account, region string) *incident.Use {
	if c.use.Account != account || c.use.Region != region || account == "" || region == "" {
		p := c.Principal
		complete(&p, c.partitionIn(region), account)
		c.use = incident.Use{
			Account:     account,
			Region:      region,
			Principal:   p,
			SessionName: c.SessionName,
			AccessKeyID: c.AccessKeyID,
			IssuedAt:    c.IssuedAt,
			Credentials: c.CredentialsOf,
		}
	}
	return &c.use
}

// place is where a call came from.
type place struct {
	address string
	network *string
}

func (m *memory) place(v jsonscan.Value) *place {
	if p := m.places.get(v.Raw()); p != nil {
		return p
	}
	from := address(v.Str())
	return m.places.add(v.Raw(), place{from, m.share(lineage.Network(from))})
}

// agent is a user agent, and the client that it names.
type agent struct {
	text   string
	client *string
}

func (m *memory) agent(v jsonscan.Value) *agent {
	if a := m.agents.get(v.Raw()); a != nil {
		return a
	}
	text := v.Str()
	return m.agents.add(v.Raw(), agent{text, m.share(lineage.Client(text))})
}

// share is the one copy of a text. Its address tells texts apart.
func (m *memory) share(text string) *string {
	if k, ok := m.shared.known[text]; ok {
		return &k.value
	}
	return m.shared.add([]byte(text), text)
}

// service is what was called, as eventSource names it.
type service struct {
	name    *string
	special bool // its records mean more than the names of their calls say
}

func (m *memory) service(v jsonscan.Value) *service {
	if s := m.services.get(v.Raw()); s != nil {
		return s
	}
	text := v.Str()
	return m.services.add(v.Raw(), service{m.share(text), text == "" || text == signIn || strings.HasPrefix(text, "aws:")})
}

// call is which call it was.
type call struct {
	name          string
	listed, probe bool // in the catalogue, for some service; GetCallerIdentity

	of, operation string // the service that it was of the last time, and the two in IAM's notation
}

func readCall(v jsonscan.Value) call {
	name := v.Str()
	return call{name: name, listed: name == "" || byName[name] != nil, probe: name == probe}
}

// operation is a call in IAM's notation.
func (m *memory) operation(source, name jsonscan.Value) string {
	c, of := m.calls.of(name, readCall), m.word(source)
	if c.operation == "" || c.of != of {
		c.of, c.operation = of, operation(of, c.name)
	}
	return c.operation
}

// fate is what became of a call.
type fate uint8

const (
	succeeded fate = iota
	unmade         // for a reason of no interest
	refused        // for its credential or its permissions
)

func readFate(v jsonscan.Value) fate {
	switch code := errorCode(v.Str()); {
	case code == "":
		return succeeded
	case isRecordedCode(code), isDenied(code):
		return refused
	}
	return unmade
}
