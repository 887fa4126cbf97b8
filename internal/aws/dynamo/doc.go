// Package dynamo keeps evidence and cases in one DynamoDB table.
//
// Package filing says what the items are. Here is how they lie in DynamoDB.
// An item's partition key is its first node. Its further nodes are keys of three
// sparse indexes, so that one event costs one write request whatever the number
// of its nodes; more nodes than those hold get an item of their own. What is due
// stands in a fourth index, which holds keys alone: what it names is read from
// the table, as it is now.
//
//	pk    the first node: a principal, or the key or thing of an unknown one
//	g1    a second name that is not a key
//	g2 g3 access keys
//	kind, due   "case" or "evidence", and when to look again
//	d     the data, v a case's version, expires the second of its end
//
// Reading a node asks the table and the indexes that can hold it, all at once.
// The table answers consistently, the indexes may lag behind by a moment: a
// decision that missed something for that is made again when the evidence is
// due. Cases are read from the table alone.
//
// # Writes
//
// A batch's signals with the same nodes, of one hour, are one item. A commit
// with cases is one transaction. What one costs, in requests and in write units
// of 1 KB, is measured in the tests; a batch of 100 failures of one key is one
// request, and 2 to 3 KB in the table and again in each index that holds it.
//
// # No hot key
//
// DynamoDB takes 1,000 write units a second for one partition key, in the table
// and in each index. A thousand failures a second of one key come in batches of
// 100, so ten items a second of 2.3 KB: 3 units each, 30 units a second, and in
// a transaction, where everything costs double, 60. The key's case is revised
// with each of those batches, some 10 units in a transaction, so 100 units a
// second on the case's own partition. Ten entries a second reach the index of
// what is due, 1 unit each, and 10 more of the case. The most loaded key takes
// a tenth of what it may, so there are no shards to spread it over. What
// contends is the case: see store.ErrConflict.
//
// In batches of one, which a queue gives only to a quiet account, a thousand
// failures a second would be a thousand items: 1 unit each, the limit itself.
// DynamoDB then throttles, the call returns that as an error, and the queue
// delivers again, in fuller batches since there is a backlog by then.
//
// # Failures
//
// The SDK retries a few times, then the error is the caller's to return: Lambda
// and the queue deliver again, and writing again changes nothing.
package dynamo
