package snippets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/logline"
	"github.com/trailverdict/trailverdict/internal/schema/schematest"
)

const (
	key           = "ASIARTX3GSDS4ORDERSO"
	authorization = "AWS4-HMAC-SHA256 Credential=" + key + "/20260304/eu-west-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=0"
	expired       = "The security token included in the request is expired"
)

// wanted is what a line should tell of a call that failed in the tests.
func wanted(change func(*logline.Fact)) []logline.Fact {
	f := logline.Fact{
		Code: "ExpiredToken", Reason: incident.ReasonExpired, Operation: "sts:GetCallerIdentity",
		KeyID: key, Workload: "payments-worker", Count: 1,
	}
	if change != nil {
		change(&f)
	}
	return []logline.Fact{f}
}

// tells compares what a program wrote with the facts that it should tell.
func tells(t *testing.T, output string, want []logline.Fact) {
	t.Helper()
	var got []logline.Fact
	for line := range strings.Lines(output) {
		if len(logline.Read(line)) > 0 {
			if err := schematest.Keeps("failure", []byte(line[strings.IndexByte(line, '{'):])); err != nil {
				t.Error(err)
			}
		}
		got = append(got, logline.Read(line)...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\ntells (-want +got):\n%s", output, diff)
	}
}

// refusing is a service that refuses every request for its credentials, in the
// protocol that the request speaks.
func refusing(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-Requestid", "5f1c0f9e-7d0b-4b55-9d0b-2f5a8a9d6c11")
		if r.Header.Get("X-Amz-Target") != "" {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"__type":"com.amazon.coral.service#ExpiredTokenException","message":%q}`, expired)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, expired)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// program is a program's path, or ends the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		leftOut(t, name+" is not in the PATH")
	}
	return path
}

// leftOut skips a test and says what was not tested. Each snippet is run where its
// runtime is at hand; the project itself needs none of them.
func leftOut(t *testing.T, why string) {
	t.Helper()
	t.Skipf("NOT TESTED: %s, since %s", t.Name(), why)
}

// run runs a program and returns what it printed to both of its outputs.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestGo(t *testing.T) {
	var log bytes.Buffer
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(refusing(t)), RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: key, SecretAccessKey: "invented", SessionToken: "invented"}, nil
	})}
	cfg.APIOptions = append(cfg.APIOptions, ReportCredentialFailures(&log, "payments-worker"))
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "ExpiredToken" {
		t.Errorf("the program sees %v", err)
	}
	tells(t, log.String(), wanted(nil))

	log.Reset()
	if _, err := sqs.NewFromConfig(cfg).ListQueues(t.Context(), nil); err == nil {
		t.Error("a refused call succeeds")
	}
	tells(t, log.String(), wanted(func(f *logline.Fact) { f.Code, f.Operation = "ExpiredTokenException", "sqs:ListQueues" }))
}

func TestGoSaysNothingOfOtherErrors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>`)
	}))
	defer server.Close()
	var log bytes.Buffer
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{}}
	cfg.APIOptions = append(cfg.APIOptions, ReportCredentialFailures(&log, "payments-worker"))
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil); err == nil || log.Len() > 0 {
		t.Errorf("%v writes %s", err, log.String())
	}
}

// cases are failures as each language's stand-in lets them happen.
var cases = []struct {
	name, code, message, authorization string
	want                               []logline.Fact
}{
	{"expired", "ExpiredToken", expired, authorization, wanted(nil)},
	{"not signed", "InvalidIdentityToken", "No OpenIDConnect provider \"found\"\nin your account\t\\", "", wanted(func(f *logline.Fact) {
		f.Code, f.Reason, f.KeyID = "InvalidIdentityToken", "", ""
	})},
	{"a clock that is wrong", "SignatureDoesNotMatch", "Signature expired: 20260304T091500Z is now earlier than 20260304T092500Z", authorization, wanted(func(f *logline.Fact) {
		f.Code, f.Reason = "SignatureDoesNotMatch", incident.ReasonClockSkew
	})},
	{"not allowed", "AccessDenied", "User is not authorized", authorization, nil},
}

func TestPython(t *testing.T) {
	python := program(t, "python3")
	script := filepath.Join("testdata", "call.py")
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			tells(t, run(t, []string{"PYTHONDONTWRITEBYTECODE=1"}, python, script, here(t), tt.code, tt.message, tt.authorization), tt.want)
		})
	}
	t.Run("boto3", func(t *testing.T) {
		if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
			leftOut(t, "boto3 is not installed")
		}
		env := []string{"PYTHONDONTWRITEBYTECODE=1", "AWS_EC2_METADATA_DISABLED=true", "ENDPOINT=" + refusing(t)}
		tells(t, run(t, env, python, script, here(t), "", "", ""), wanted(nil))
	})
}

func TestJavaScript(t *testing.T) {
	node := program(t, "node")
	script := filepath.Join("testdata", "call.mjs")
	snippet := filepath.Join(here(t), "credential-failures.mjs")
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			tells(t, run(t, nil, node, script, snippet, tt.code, tt.message, tt.authorization), tt.want)
		})
	}
	t.Run("an exception's name", func(t *testing.T) {
		got := run(t, nil, node, script, snippet, "InvalidIdentityTokenException", "Incorrect token audience", "")
		tells(t, got, wanted(func(f *logline.Fact) { f.Code, f.Reason, f.KeyID = "InvalidIdentityToken", incident.ReasonAudience, "" }))
	})
	t.Run("the SDK", func(t *testing.T) {
		modules := filepath.Join("..", "..", ".ci", "node_modules")
		if _, err := os.Stat(filepath.Join(modules, "@aws-sdk", "client-sqs")); err != nil {
			leftOut(t, "the SDK for JavaScript is not in .ci/node_modules")
		}
		absolute, err := filepath.Abs(modules)
		if err != nil {
			t.Fatal(err)
		}
		env := []string{"ENDPOINT=" + refusing(t), "MODULES=" + absolute}
		tells(t, run(t, env, node, script, snippet), wanted(func(f *logline.Fact) { f.Code, f.Operation = "ExpiredTokenException", "sqs:ListQueues" }))
	})
}

// TestJava compiles the snippet against the few classes of the SDK that it
// uses, which the test brings along.
func TestJava(t *testing.T) {
	javac, java := program(t, "javac"), program(t, "java")
	archive, err := txtar.ParseFile(filepath.Join("testdata", "java-sdk.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sources := []string{filepath.Join(here(t), "CredentialFailures.java")}
	for _, f := range archive.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, path)
	}
	run(t, nil, javac, append([]string{"--release", "11", "-Xlint:all,-serial", "-Werror", "-proc:none", "-d", filepath.Join(dir, "classes")}, sources...)...)
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			tells(t, run(t, nil, java, "-cp", filepath.Join(dir, "classes"), "Program", tt.code, tt.message, tt.authorization), tt.want)
		})
	}
}

func TestShell(t *testing.T) {
	// An aws that fails as told. It is found before the real one.
	dir := t.TempDir()
	const stub = "#!/bin/sh\necho \"answer to $*\"\n[ -z \"$CODE\" ] && exit 0\necho >&2\n" +
		"echo \"An error occurred ($CODE) when calling the ListBuckets operation: $MESSAGE\" >&2\nexit 254\n"
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	listed := func(f *logline.Fact) { f.Reason, f.Operation = incident.ReasonExpired, "s3:ListBuckets" }
	for _, tt := range []struct {
		name, command, code, message, status string
		want                                 []logline.Fact
	}{
		{"a call that fails", "aws s3api list-buckets", "ExpiredToken", expired, "254", wanted(listed)},
		{"with another profile", "aws s3api list-buckets --profile nightly", "ExpiredToken", expired, "254", wanted(func(f *logline.Fact) { listed(f); f.KeyID = "" })},
		{"options first", "aws --output json s3api list-buckets", "ExpiredToken", expired, "254", wanted(func(f *logline.Fact) { listed(f); f.Operation = "" })},
		{"not allowed", "aws s3api list-buckets", "AccessDenied", "Access Denied", "254", nil},
		{"a call that succeeds", "aws s3api list-buckets", "", "", "0", nil},
	} {
		for _, shell := range []string{"bash", "sh"} {
			t.Run(tt.name+", "+shell, func(t *testing.T) {
				env := []string{
					"PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH"), "AWS_ACCESS_KEY_ID=" + key, "WORKLOAD=payments-worker",
					"CODE=" + tt.code, "MESSAGE=" + tt.message, "SNIPPET=" + filepath.Join(here(t), "credential-failures.sh"),
				}
				script := `set -eu; . "$SNIPPET"; status=0; ` + tt.command + ` || status=$?; echo "status $status"`
				got := run(t, env, program(t, shell), "-c", script)
				if !strings.Contains(got, "answer to ") || !strings.Contains(got, "status "+tt.status+"\n") {
					t.Errorf("the script sees:\n%s", got)
				}
				var ours []string
				for line := range strings.Lines(got) {
					if strings.Contains(line, logline.Field) {
						ours = append(ours, line)
					}
				}
				tells(t, strings.Join(ours, ""), tt.want)
			})
		}
	}
	t.Run("the real command line", func(t *testing.T) {
		if err := exec.Command(program(t, "aws"), "--version").Run(); err != nil {
			leftOut(t, "the AWS command line does not run")
		}
		env := []string{
			"AWS_ACCESS_KEY_ID=" + key, "AWS_SECRET_ACCESS_KEY=invented", "AWS_SESSION_TOKEN=invented", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1",
			"WORKLOAD=payments-worker", "SNIPPET=" + filepath.Join(here(t), "credential-failures.sh"), "ENDPOINT=" + refusing(t),
		}
		got := run(t, env, program(t, "sh"), "-c", `. "$SNIPPET"; aws sts get-caller-identity --region eu-west-1 --endpoint-url "$ENDPOINT" 2>&1 | grep trailverdict`)
		tells(t, got, wanted(nil))
	})
}

// TestEverySnippetKnowsTheCodes compares each snippet's list with the program's.
func TestEverySnippetKnowsTheCodes(t *testing.T) {
	for _, name := range []string{"credential_failures.go", "credential_failures.py", "credential-failures.mjs", "CredentialFailures.java", "credential-failures.sh"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range credentialCodes {
			if n := strings.Count(string(text), code); n == 0 {
				t.Errorf("%s does not know %s", name, code)
			}
		}
	}
	for _, code := range credentialCodes {
		line := `{"trailverdict":"credential_failure","errorCode":"` + code + `"}`
		if facts := logline.Read(line); len(facts) != 1 {
			t.Errorf("%s gives %v", line, facts)
		}
	}
}
