// Package lambdaenv takes from Lambda what a function begins with: its environment
// and configuration, Region and credentials, other endpoints, logs and metrics with
// the id of a request.
//
// It is there instead of the SDK's config package, which looks in many more
// places than a function has, and costs a fifth of a small program's size and
// start. What it does not do: profiles, shared files, roles to be
// assumed, the metadata of instances.
package lambdaenv

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailverdict/trailverdict/internal/config"
	"github.com/trailverdict/trailverdict/internal/telemetry"
)

// Function is what a function begins with.
type Function struct {
	Env    config.Env
	Config config.Config
	AWS    aws.Config
	// Getenv is the environment as clients ask it for endpoints.
	Getenv func(name string) string
	Log    *slog.Logger
	Meter  *telemetry.Meter
}

// Load reads what a function of a name is told by an environment in which the
// required variables must be set. It returns no pointer: what the SDK hangs on its
// configuration would be linked as types of their own.
func Load(name string, lookup func(name string) (string, bool), required ...string) (f Function, err error) {
	f.Getenv = func(name string) string { value, _ := lookup(name); return value }
	if f.Env, err = config.LoadEnv(lookup, required...); err != nil {
		return Function{}, err
	}
	if f.Config, err = config.LoadPacked(f.Env.ConfigFile, os.ReadFile); err != nil {
		return Function{}, err
	}
	if f.AWS, err = Config(f.Getenv); err != nil {
		return Function{}, err
	}
	f.Log, f.Meter = telemetry.New(os.Stdout, telemetry.Options{
		Function: name, Level: f.Env.LogLevel, Metrics: f.Env.Metrics, RequestID: RequestID, Now: time.Now,
	})
	return f, nil
}

// Config is the configuration of the SDK's clients. Lambda sets the Region and
// the credentials once, when it starts the process, and ends the process before
// they do.
func Config(getenv func(name string) string) (aws.Config, error) {
	region := cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	creds := aws.Credentials{
		AccessKeyID:     getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    getenv("AWS_SESSION_TOKEN"),
		Source:          "environment",
	}
	switch {
	case region == "":
		return aws.Config{}, errors.New("the environment names no Region (AWS_REGION)")
	case !creds.HasKeys():
		return aws.Config{}, errors.New("the environment holds no credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)")
	}
	return aws.Config{
		Region:      region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil }),
	}, nil
}

// RequestID is the id of the invocation that ctx belongs to, empty outside of
// one.
func RequestID(ctx context.Context) string {
	if c, ok := lambdacontext.FromContext(ctx); ok {
		return c.AwsRequestID
	}
	return ""
}

// Account is the account of the function that ctx is an invocation of, empty
// outside of one.
func Account(ctx context.Context) string {
	c, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return ""
	}
	// arn:aws:lambda:REGION:ACCOUNT:function:NAME
	if part := strings.Split(c.InvokedFunctionArn, ":"); len(part) > 4 {
		return part[4]
	}
	return ""
}
