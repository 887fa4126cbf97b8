package trailbucket

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/trailverdict/trailverdict/internal/localaws"
)

func day(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOnlyFoldersThatMayHoldWhatIsWantedAreListed(t *testing.T) {
	march := Selection{Since: day(t, "2026-03-05"), Until: day(t, "2026-03-08")}
	mine := Selection{Accounts: []string{"111122223333"}, Regions: []string{"eu-west-1"}}
	const org, one = "logs/AWSLogs/o-abcde12345/", "AWSLogs/111122223333/CloudTrail/eu-west-1/"
	for _, c := range []struct {
		s      Selection
		prefix string
		want   bool
	}{
		{Selection{}, "AWSLogs/", true},
		{Selection{}, "AWSLogs/111122223333/CloudTrail-Digest/", false},
		{Selection{}, org + "111122223333/Config/", false},
		{Selection{}, "exports/CloudTrail-Digest/", true},
		{mine, "AWSLogs/111122223333/", true},
		{mine, "AWSLogs/444455556666/", false},
		{mine, org, true},
		{mine, org + "111122223333/", true},
		{mine, org + "444455556666/", false},
		{mine, one, true},
		{mine, org + "111122223333/CloudTrail/us-east-1/", false},
		{march, one + "2025/", false},
		{march, one + "2026/", true},
		{march, one + "2026/02/", false},
		{march, one + "2026/03/", true},
		{march, one + "2026/04/", false},
		{march, one + "2026/03/04/", false},
		{march, one + "2026/03/05/", true},
		{march, one + "2026/03/08/", true}, // the day after: events may be late
		{march, one + "2026/03/09/", false},
		{march, one + "by-hand/", true},
		{Selection{Since: day(t, "2026-12-31")}, one + "2026/", true},
		{Selection{Until: day(t, "2026-01-01")}, one + "2026/01/01/", true},
	} {
		if got := c.s.wants(c.prefix); got != c.want {
			t.Errorf("wants(%s) = %t, want %t", c.prefix, got, c.want)
		}
	}
}

func credentials() aws.Config {
	return aws.Config{Region: localaws.Region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: localaws.AccessKeyID, SecretAccessKey: localaws.SecretAccessKey}, nil
	})}
}

func at(endpoint string) func(string) string {
	return func(n string) string { return map[string]string{"AWS_ENDPOINT_URL_S3": endpoint}[n] }
}

// filled makes a bucket with objects, each of its own contents.
func filled(t *testing.T, keys ...string) (name string) {
	t.Helper()
	client := newClient(credentials(), at(localaws.Messaging(t).URL))
	name = "trail-" + strings.ToLower(rand.Text())
	if _, err := client.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if _, err := client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &name, Key: &key, Body: strings.NewReader(contents(key))}); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func contents(key string) string { return strings.Repeat(key+"\n", 1000) }

// path is where CloudTrail writes a file.
func path(account, region, day string, n int) string {
	return fmt.Sprintf("AWSLogs/%s/CloudTrail/%s/%s/%d.json.gz", account, region, strings.ReplaceAll(day, "-", "/"), n)
}

func keys(t *testing.T, b *Bucket, s Selection) (out []string) {
	t.Helper()
	for o, err := range b.Objects(t.Context(), s) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o.Key)
	}
	return out
}

func TestAListingHasManyPages(t *testing.T) {
	var all, third []string
	for _, day := range []string{"2026-03-03", "2026-03-04"} {
		for n := range 7 {
			all = append(all, path("111122223333", "eu-west-1", day, n))
			if day == "2026-03-03" {
				third = append(third, all[len(all)-1])
			}
		}
	}
	others := []string{path("444455556666", "eu-west-1", "2026-03-03", 0), "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/03/03/x.json.gz"}
	name := filled(t, append(others, all...)...)
	b, err := open(t.Context(), credentials(), "s3://"+name+"/AWSLogs/", at(localaws.Messaging(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	b.page = 2
	mine := Selection{Accounts: []string{"111122223333"}}
	if got := keys(t, b, mine); !slices.Equal(got, all) {
		t.Errorf("listed %v, want %v", got, all)
	}
	mine.Until = day(t, "2026-03-03")
	if got := keys(t, b, mine); !slices.Equal(got, third) {
		t.Errorf("listed %v, want %v", got, third)
	}
}

// unreliable stands before S3: it refuses, or breaks off, some of the downloads.
type unreliable struct {
	http.Handler
	mu    sync.Mutex
	gets  int
	fault func(get int) string
}

func (u *unreliable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".gz") {
		u.mu.Lock()
		u.gets++
		fault := u.fault(u.gets)
		u.mu.Unlock()
		switch fault {
		case "throttled":
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
			return
		case "broken off":
			w = &cutting{ResponseWriter: w, left: 10_000}
		}
	}
	u.Handler.ServeHTTP(w, r)
}

// cutting ends the connection after some bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (s *cutting) Write(b []byte) (int, error) {
	if len(b) >= s.left {
		_, _ = s.ResponseWriter.Write(b[:s.left])
		if f, ok := s.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler) // the server's own way to cut a connection
	}
	s.left -= len(b)
	return s.ResponseWriter.Write(b)
}

func before(t *testing.T, fault func(int) string) (*unreliable, string) {
	t.Helper()
	target, err := url.Parse(localaws.Messaging(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	u := &unreliable{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}, fault: fault}
	s := httptest.NewServer(u)
	t.Cleanup(s.Close)
	return u, s.URL
}

func TestADownloadThatFailsGoesOn(t *testing.T) {
	key := path("111122223333", "eu-west-1", "2026-03-03", 1)
	name := filled(t, key)
	for what, c := range map[string]struct {
		fault func(int) string
		want  string // of an error
	}{
		"a throttled one":                {func(get int) string { return map[int]string{1: "throttled"}[get] }, ""},
		"one that breaks off twice":      {func(get int) string { return map[int]string{1: "broken off", 2: "broken off"}[get] }, ""},
		"one that always breaks off":     {func(int) string { return "broken off" }, "get s3://" + name + "/" + key + ": "},
		"one that nothing is wrong with": {func(int) string { return "" }, ""},
	} {
		t.Run(what, func(t *testing.T) {
			_, endpoint := before(t, c.fault)
			b, err := open(t.Context(), credentials(), "s3://"+name, at(endpoint))
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for o, err := range b.Objects(t.Context(), Selection{}) {
				if err != nil {
					t.Fatal(err)
				}
				r, err := b.Read(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				got, err = io.ReadAll(r)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("error %v, want %q", err, c.want)
				}
			}
			if c.want == "" && string(got) != contents(key) {
				t.Errorf("read %d bytes, want %d", len(got), len(contents(key)))
			}
		})
	}
}

func TestWhatIsWrongNamesTheBucket(t *testing.T) {
	endpoint := localaws.Messaging(t).URL
	for _, address := range []string{"s3://", "s3:///AWSLogs", "s3://no-such-bucket-" + strings.ToLower(rand.Text())} {
		b, err := open(t.Context(), credentials(), address, at(endpoint))
		if err == nil {
			for _, failed := range b.Objects(t.Context(), Selection{}) {
				err = failed
			}
		}
		if err == nil || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: error %v, want one that names it", address, err)
		}
	}
}
