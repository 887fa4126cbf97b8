package cost

// What the detector takes of AWS. The figures that are measured stand in
// docs/performance.md, and a test compares them; the others are assumed, since
// only an account could tell, and are rather too high.
const (
	// Single events, deciding included.
	singleWrites, singleReads = 3.0, 8.0
	// 100 events of 10 principals in a batch, deciding included.
	batchWrites, batchReads = 0.94, 0.31
	// A session issued, one of 100 in a batch: kept under its key, without a read.
	// Units are those of 100 failures of 100 keys of one role.
	sessionWrites = 1.13
	measuredBatch = 100.0

	roundTrip    = 0.010 // seconds a request to DynamoDB
	publishTime  = 0.030 // seconds a message to SNS
	itemBytes    = 1200  // of an event that is kept, its index included
	keptDays     = 90    // store.DefaultLimits
	revisions    = 3     // of a finding that are told
	logBytes     = 600   // an invocation: Lambda's own lines, and one of ours
	logPacked    = 0.15  // of its size that a line is kept in
	reportBytes  = 200_000
	settleReads  = 3   // units a run when nothing is due
	settleWrites = 1   // its notes
	settleTime   = 0.8 // seconds: every second run asks CloudTrail twice, a second apart
	reportTime   = 2   // seconds, and more for what it reads
	bookPages    = 100 // units a report reads and writes when nothing is new, its questions for each hour included
	otherTime    = 1   // seconds of a function that is not known here
	polls        = 3   // a minute and connection: long polls of 20 seconds
	connections  = 2   // to a quiet queue, by Lambda's documentation
	capped       = 5   // the same, if the mapping has a maximum concurrency
	trailShare   = 0.1 // of an account's management events that are of interest
	trailBytes   = 200 // an event in a trail's files, compressed
	keyPeriod    = 300 // seconds for which SQS and SNS use a data key

	hours = 730.0 // a month
	days  = hours / 24
)

// metrics are how many a function writes, if it writes any.
func metrics(function string) float64 {
	return map[string]float64{"Detect": 7, "Intake": 6, "Notify": 6, "Report": 4, "Settle": 5}[function]
}
