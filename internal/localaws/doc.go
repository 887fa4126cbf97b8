// Package localaws runs parts of AWS on this machine for tests: DynamoDB Local,
// an emulator of SNS, SQS and S3, and the Lambda Runtime API under a real
// bootstrap.
//
//	db := localaws.DynamoDB(t)      // http://127.0.0.1:…
//	detect := localaws.Start(t, localaws.Build(t, "functions/detect"), db.Env("DYNAMODB"))
//	response, err := detect.Invoke(ctx, event)
//
// The servers are started once for each test binary, on free ports, when the
// first test asks for them. They end with the test binary, however it ends: a
// shell beside each waits for the binary's end of a pipe to close.
//
// Where Java, Node or their packages are missing, a test that asks for a server
// is skipped and says what was not tested. With CI=true it fails instead, since
// nobody reads what a CI run left out.
//
// DynamoDB Local and the emulator listen on all addresses of the machine and
// can't be told otherwise. They hold what tests put there, which is invented.
package localaws
