package doctor

import "time"

// Answer is what AWS said to a question, or why it did not.
type Answer[T any] struct {
	Value T
	// Missing is set if what was asked about does not exist.
	Missing bool
	// Gap is set if there is no answer.
	Gap *Gap
}

// Gap is a question that was not answered.
type Gap struct {
	Action string // the permission that it takes, such as sns:GetTopicAttributes
	Region string
	Denied bool   // for want of the permission
	Reason string // another reason, in a few words
}

// Known reports whether there is an answer about something that exists.
func (a Answer[T]) Known() bool { return a.Gap == nil && !a.Missing }

// Facts are what the checks look at.
type Facts struct {
	Stack string // the home stack's name
	Home  string // the partition's home Region
	// Before is set if only what holds before a deployment is asked.
	Before bool
	// GuardRails is set if the configuration asks for guard rails that take rules
	// of their own.
	GuardRails bool

	Account, Partition, Caller string
	// Skew is how far this machine's clock is ahead of AWS's.
	Skew time.Duration
	// Now is when the facts were read.
	Now time.Time

	// Regions are those that can be used. Looked are those that were looked
	// at, the home Region first.
	Regions Answer[[]string]
	Looked  []string
	ByPlace map[string]Region

	Watch Answer[Stack]
	// Spare is how many copies of functions the account has left in the home
	// Region, reserved for none.
	Spare Answer[int]
	// Bus is the policy of the home Region's default bus, empty if it has none.
	Bus Answer[string]
}

// Region is what was read of one Region.
type Region struct {
	Trails Answer[[]Trail]
	// Use is not asked in the home Region.
	Use   Answer[Use]
	Stack Answer[Stack]
}

// Use is the latest sign that somebody uses a Region; zero if none was seen.
type Use struct {
	Event string // such as AssumeRole
	Time  time.Time
}

// Trail is a trail that records a Region.
type Trail struct {
	Name, ARN, Home      string
	Everywhere, Global   bool // all Regions; services that have none
	Organization, Others bool // the organisation's; another account's
	Status               Answer[TrailStatus]
	Selectors            Answer[[]Selector]
}

// TrailStatus is whether a trail works.
type TrailStatus struct {
	Logging       bool
	Stopped       time.Time
	DeliveryError string // of the latest delivery to its bucket, empty for none
}

// Selector is a part of what a trail records of management events.
type Selector struct {
	Read, Write bool
	// Excluded are event sources that it leaves out.
	Excluded []string
	// Narrowed names the fields by which it leaves out more.
	Narrowed []string
}

// Stack is a stack of CloudFormation's and its parts.
type Stack struct {
	Name, Region, Status string
	// Watching is set for the stack that watches the others.
	Watching bool
	// Unread is set if its parts could not be listed.
	Unread *Gap

	Rules     []Part[Rule]
	Queues    []Part[Queue]
	Topics    []Part[Topic]
	Functions []Part[Function]
	Mappings  []Part[Mapping]
	Schedules []Part[Schedule]
	Tables    []Part[Table]
	Logs      []Part[LogGroup]
	Alarms    []Part[Alarm]
	// Declared are the subscriptions that the stack made.
	Declared []Part[struct{}]
	// Keys are those that its queues and topics are encrypted with.
	Keys map[string]Answer[Key]
}

// Part is a part of a stack. ID is its name in the template, Name the one that
// AWS knows it by.
type Part[T any] struct {
	ID, Name string
	Is       Answer[T]
}

// Rule is a rule of EventBridge's.
type Rule struct {
	State, Pattern string
	Targets        Answer[[]Target]
}

// Target is where a rule sends events.
type Target struct {
	ARN              string
	Role, DeadLetter bool // it has one
}

// Queue is a queue of SQS's.
type Queue struct {
	ARN, Policy string
	Key         string // empty if SQS's own, or none
	Waiting     int
}

// Topic is a topic of SNS's.
type Topic struct {
	Policy, Key   string
	Subscriptions Answer[[]Subscription]
}

// Subscription is one receiver of a topic. ARN is no ARN until it is confirmed.
type Subscription struct{ ARN, Protocol, Endpoint string }

// Function is a function of Lambda's.
type Function struct {
	State, Update, Reason string
	// Bus is the event bus that it tells findings, if it is to.
	Bus string
	// Reserved is how many copies are kept for it; nil if none are.
	Reserved Answer[*int]
}

// Mapping starts a function for what is in a queue or stream.
type Mapping struct{ State, LastResult string }

// Schedule starts a function at times.
type Schedule struct{ State string }

// Table is a table of DynamoDB's.
type Table struct {
	Status, Stream string // Stream is what it shows, empty if it is off
	Expiry         Answer[Expiry]
	Recovery       Answer[bool] // to a point in time
}

// Expiry is the attribute by which items are dropped.
type Expiry struct {
	On        bool
	Attribute string
}

// LogGroup is a log group; Days is 0 if lines are kept for ever.
type LogGroup struct{ Days int }

// Alarm is an alarm of CloudWatch's.
type Alarm struct {
	State   string
	Actions bool // it tells somebody
}

// Key is a key of KMS's. Own keys are made by whoever owns the account, others
// by AWS.
type Key struct {
	ARN, State string
	Own        bool
	Policy     Answer[string]
}
