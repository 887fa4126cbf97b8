package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

// TestInterruptedInvestigationSaysSo ends an investigation in its middle, as
// somebody does who presses ctrl-C.
func TestInterruptedInvestigationSaysSo(t *testing.T) {
	a := localaws.NewAccount("111122223333", "aws", time.Now, "us-east-1")
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.Header.Get("X-Amz-Target"), "LookupEvents") {
			cancel()
		}
		a.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": t.TempDir(),
		"AWS_ACCESS_KEY_ID": localaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY": localaws.SecretAccessKey, "AWS_SESSION_TOKEN": "invented-token",
	} {
		t.Setenv(name, value)
	}
	var stdout, stderr bytes.Buffer
	status := run(ctx, func(string) string { return "" }, nil, &stdout, &stderr, []string{"investigate", "--cache", t.TempDir()})
	if status != exitFailure || !strings.Contains(stderr.String(), "the same command goes on from there") || stdout.Len() > 0 {
		t.Errorf("status %d, stderr %q, stdout %q", status, stderr.String(), stdout.String())
	}
}
