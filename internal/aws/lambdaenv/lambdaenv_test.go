package lambdaenv

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/trailverdict/trailverdict/internal/config"
)

func in(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestConfigIsWhatLambdaSays(t *testing.T) {
	cfg, err := Config(in(map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "ASIAEXAMPLEINTAKE001", "AWS_SECRET_ACCESS_KEY": "invented", "AWS_SESSION_TOKEN": "also invented",
	}))
	if err != nil {
		t.Fatal(err)
	}
	creds, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil || creds.AccessKeyID != "ASIAEXAMPLEINTAKE001" || creds.SecretAccessKey != "invented" || creds.SessionToken != "also invented" {
		t.Errorf("credentials %+v, %v", creds, err)
	}
	if cfg.Region != "eu-west-1" {
		t.Errorf("Region %s", cfg.Region)
	}
}

func TestConfigSaysWhatIsMissingAndNotWhatIsThere(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"AWS_REGION":            {"AWS_ACCESS_KEY_ID": "ASIAEXAMPLEINTAKE001", "AWS_SECRET_ACCESS_KEY": "invented"},
		"AWS_SECRET_ACCESS_KEY": {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "ASIAEXAMPLEINTAKE001"},
	} {
		_, err := Config(in(env))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "invented") || strings.Contains(err.Error(), "INTAKE") {
			t.Errorf("the error is %v, want one about %s", err, want)
		}
	}
}

func TestRequestID(t *testing.T) {
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "r-1"})
	if got := RequestID(ctx); got != "r-1" {
		t.Errorf("RequestID = %q", got)
	}
	if got := RequestID(context.Background()); got != "" {
		t.Errorf("RequestID outside of an invocation = %q", got)
	}
}

func TestAccount(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:lambda:us-east-1:111122223333:function:report": "111122223333",
		"":  "",
		"x": "",
	} {
		ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{InvokedFunctionArn: arn})
		if got := Account(ctx); got != want {
			t.Errorf("Account of %q = %q, want %q", arn, got, want)
		}
	}
	if got := Account(context.Background()); got != "" {
		t.Errorf("Account outside of an invocation = %q", got)
	}
}

func TestLoadSaysWhatIsMissing(t *testing.T) {
	env := map[string]string{}
	lookup := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	for _, step := range []struct{ lacks, name, value string }{
		{config.EnvTable, config.EnvTable, "table"},
		{"AWS_REGION", "AWS_REGION", "eu-west-1"},
		{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID", "ASIAEXAMPLEINTAKE001"},
		{"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "invented"},
	} {
		if _, err := Load("detect", lookup, config.EnvTable); err == nil || !strings.Contains(err.Error(), step.lacks) {
			t.Errorf("the error is %v, want one about %s", err, step.lacks)
		}
		env[step.name] = step.value
	}
	f, err := Load("detect", lookup, config.EnvTable)
	if err != nil || f.Env.Table != "table" || f.AWS.Region != "eu-west-1" || f.Getenv("AWS_REGION") != "eu-west-1" || f.Log == nil || f.Config.Settings.Checks.MaxSession == 0 {
		t.Errorf("Load() = %+v, %v", f, err)
	}
	env[config.EnvConfigFile] = "lambdaenv.go"
	if _, err := Load("detect", lookup, config.EnvTable); err == nil || !strings.Contains(err.Error(), "lambdaenv.go") {
		t.Errorf("the error is %v, want that the file holds no configuration", err)
	}
}
