// Command trailverdict says whether a failing or changed AWS credential was
// stolen, cut off on purpose, badly configured, or simply ran out. It reads
// recorded CloudTrail events and client failures, or asks an AWS account.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Getenv, os.Stdin, os.Stdout, os.Stderr, os.Args[1:]))
}
