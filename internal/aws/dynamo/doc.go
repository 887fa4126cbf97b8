// Package dynamo keeps evidence and cases in one DynamoDB table.
//
// Package filing says what the items are: one for each node and commit. Here is
// how they lie in DynamoDB. The partition key is the node, so that a node is
// read from one partition, consistently. The one index lists what is due; it
// holds keys alone, and what it names is read from the table, as it is now.
//
//	pk         a node: a principal, a key, a workload, a provider; or case/ and a subject
//	sk         the item's place in it
//	d          the data
//	v          a case's version
//	expires    the second of the item's end
//	kind, due  "case" or "evidence", and when to look again
//
// A case has attributes besides for whoever looks at the table: its verdict,
// cause, severity, status and summary. Attributes that this package does not know
// are left alone.
//
// # Writes
//
// A commit is one request if it has cases, or one for 25 items. Its items are
// one for each node that it tells about: a batch of 100 failures of one key of a
// role is two items of 2.4 KB, a single failure two of 0.4 KB. What that costs
// in requests and units is measured in the tests.
//
// # No hot key
//
// DynamoDB takes 1,000 write units a second for one partition key, in the table
// and in the index. A thousand failures a second come in batches of 100, and no
// commit writes a node more than once. So whoever they are about, one key or a
// thousand keys of one role, a node gets 10 items a second of 2.4 KB, 3 units
// each, and in a transaction, where everything costs double, 60 units a second.
// The subject's case is revised with each batch: 1.5 to 5 KB, at most 100 units
// a second on a partition of its own. The index gets one entry for the commit's
// evidence and one for each case that it revises: the most that 10 commits a
// second can revise are 1,000 cases a second, but a transaction of a hundred
// actions takes longer than the tenth of a second that this leaves for it. A
// single subject reaches a tenth of what a key may, so nothing is spread over
// shards. What contends is the case: see store.ErrConflict.
//
// In batches of one, which a queue gives only to a quiet account, a thousand
// failures a second of one key would be a thousand items: 1 unit each, the limit
// itself. DynamoDB then throttles, the call returns that as an error, and the
// queue delivers again, in fuller batches since there is a backlog by then.
//
// # Failures
//
// The SDK retries a few times, then the error is the caller's to return: Lambda
// and the queue deliver again, and writing again changes nothing.
package dynamo
