package s3_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/trailverdict/trailverdict/internal/aws/s3"
	"github.com/trailverdict/trailverdict/internal/localaws"
)

func config() aws.Config {
	return aws.Config{Region: localaws.Region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey, SessionToken: "invented-token"}, nil
	})}
}

// at is an environment that names one endpoint.
func at(name, endpoint string) func(string) string {
	return func(n string) string { return map[string]string{name: endpoint}[n] }
}

const page = "text/html; charset=utf-8"

// TestWhatIsPutIsReadByItsLink goes through an emulator of S3.
func TestWhatIsPutIsReadByItsLink(t *testing.T) {
	client := s3.NewClient(config(), at("AWS_ENDPOINT_URL_S3", localaws.Messaging(t).URL))
	name := "reports-" + strings.ToLower(rand.Text())
	if _, err := client.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	b := s3.New(client, name)
	const key = "111122223333/day/2026-03-04T06Z.html"
	if body, err := b.Get(t.Context(), key); err != nil || body != nil {
		t.Errorf("before anything was put: %q, %v", body, err)
	}
	for _, body := range []string{"<p>first</p>", "<p>second, in its place</p>"} {
		place, err := b.Put(t.Context(), key, page, []byte(body))
		if err != nil || place != "s3://"+name+"/"+key {
			t.Fatalf("Put() = %q, %v", place, err)
		}
		link, err := b.Link(t.Context(), key, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		got, contentType := get(t, link)
		if got != body || contentType != page {
			t.Errorf("the link gives %q as %q, want %q", got, contentType, body)
		}
		if got, err := b.Get(t.Context(), key); err != nil || string(got) != body {
			t.Errorf("Get() = %q, %v, want %q", got, err, body)
		}
	}
}

func get(t *testing.T, link string) (body, contentType string) {
	t.Helper()
	resp, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", link, resp.Status, err)
	}
	return string(b), resp.Header.Get("Content-Type")
}

func TestAMissingBucketIsAnErrorThatNamesIt(t *testing.T) {
	b := s3.New(s3.NewClient(config(), at("AWS_ENDPOINT_URL", localaws.Messaging(t).URL)), "nowhere-"+strings.ToLower(rand.Text()))
	if _, err := b.Get(t.Context(), "k.html"); err == nil || !strings.Contains(err.Error(), "get k.html from bucket nowhere-") {
		t.Errorf("Get() = %v", err)
	}
	_, err := b.Put(t.Context(), "k.html", page, []byte("correct-horse"))
	if err == nil || !strings.Contains(err.Error(), "put k.html into bucket nowhere-") {
		t.Fatalf("Put() = %v", err)
	}
	for _, secret := range []string{"correct-horse", localaws.SecretAccessKey, "invented-token"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
}

func TestLinks(t *testing.T) {
	for _, test := range []struct {
		what, env, host, path string
	}{
		{"of AWS", "", "reports.s3.us-east-1.amazonaws.com", "/a/day/x.html"},
		{"of another endpoint", "AWS_ENDPOINT_URL_S3", "127.0.0.1:4566", "/reports/a/day/x.html"},
		{"of another endpoint for all", "AWS_ENDPOINT_URL", "127.0.0.1:4566", "/reports/a/day/x.html"},
	} {
		t.Run(test.what, func(t *testing.T) {
			link, err := s3.New(s3.NewClient(config(), at(test.env, "http://127.0.0.1:4566")), "reports").Link(t.Context(), "a/day/x.html", 12*time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(link)
			if err != nil || u.Host != test.host || u.Path != test.path || u.Query().Get("X-Amz-Expires") != "43200" {
				t.Errorf("link %s, %v", link, err)
			}
			if strings.Contains(link, localaws.SecretAccessKey+"&") || strings.HasSuffix(link, localaws.SecretAccessKey) {
				t.Error("the link holds the secret key")
			}
		})
	}
}
