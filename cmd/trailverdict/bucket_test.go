package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

// gate lets some downloads through, and holds the others back until it is opened.
type gate struct {
	http.Handler
	gets, through atomic.Int64
	limit         atomic.Int64
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".gz") {
		if g.gets.Add(1) > g.limit.Load() {
			<-r.Context().Done()
			return
		}
		defer g.through.Add(1)
	}
	g.Handler.ServeHTTP(w, r)
}

// put stores an object without a client.
func put(t *testing.T, endpoint, path string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint+"/"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("put %s: %s, %v", path, resp.Status, err)
	}
}

// logFile is a log file of failures, as clients report them, a minute apart.
func logFile(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for i := range 3 {
		at := time.Date(2026, 3, 2, 10, n, i, 0, time.UTC).Format(time.RFC3339)
		_, _ = fmt.Fprintf(w, `{"version":"0","id":"x","detail-type":"AWS Credential Failure","source":"trailverdict.client","account":"111122223333","time":%[1]q,"region":"eu-west-1","resources":[],`+
			`"detail":{"eventId":"e-%[2]d-%[3]d","eventTime":%[1]q,"errorCode":"InvalidClientTokenId","operation":"sts:GetCallerIdentity","workload":"feeder"}}`+"\n", at, n, i)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAKilledReplayOfABucketGoesOn kills the program in the middle of a bucket, and
// wants the second run to read the rest alone and to find what one run finds.
func TestAKilledReplayOfABucketGoesOn(t *testing.T) {
	messaging := localaws.Messaging(t).URL
	target, err := url.Parse(messaging)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}}
	g.limit.Store(12)
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)

	const files = 24
	bucket, folder := "trail-"+strings.ToLower(rand.Text()), t.TempDir()
	put(t, messaging, bucket, nil)
	for n := range files {
		body := logFile(t, n)
		put(t, messaging, fmt.Sprintf("%s/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/02/%02d.json.gz", bucket, n), body)
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%02d.json.gz", n)), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(t, messaging, bucket+"/AWSLogs/444455556666/CloudTrail/eu-west-1/2026/03/02/x.json.gz", []byte("not ours"))

	program := filepath.Join(t.TempDir(), "trailverdict")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	journal := filepath.Join(t.TempDir(), "journal")
	replay := func(ctx context.Context, paths ...string) (stdout, stderr string) {
		var out, errs bytes.Buffer
		cmd := exec.CommandContext(ctx, program, append([]string{"replay", "--format", "json", "--workers", "2"}, paths...)...)
		cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_S3="+server.URL, "AWS_REGION="+localaws.Region, "AWS_EC2_METADATA_DISABLED=true",
			"AWS_ACCESS_KEY_ID="+localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+localaws.SecretAccessKey)
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run() // what it prints tells
		return out.String(), errs.String()
	}
	want, _ := replay(t.Context(), folder)
	if !strings.Contains(want, "feeder") {
		t.Fatalf("the folder gives %q", want)
	}

	ctx, kill := context.WithCancel(t.Context())
	go func() {
		for g.through.Load() < 12 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond) // the last ones reach the journal
		kill()
	}()
	all := []string{"--resume", journal, "--account", "111122223333", "--since", "2026-03-01", "--until", "2026-03-02", "s3://" + bucket + "/"}
	if out, _ := replay(ctx, all...); out != "" {
		t.Fatalf("a killed replay printed %q", out)
	}
	g.limit.Store(1 << 30)
	g.gets.Store(0)
	got, stderr := replay(t.Context(), all...)
	if got != want {
		t.Errorf("resumed:\n%s\nfrom a folder:\n%s\n%s", got, want, stderr)
	}
	if n := g.gets.Load(); n == 0 || n >= files {
		t.Errorf("the second run read %d of %d files, want the rest alone", n, files)
	}
	if !strings.Contains(stderr, "known from before") {
		t.Errorf("the summary does not say what was resumed:\n%s", stderr)
	}
	if _, stderr := replay(t.Context(), "s3://no-such-"+bucket+"/"); !strings.Contains(stderr, "s3://no-such-"+bucket) {
		t.Errorf("error %q, want one that names the bucket", stderr)
	}
}
