// Package eventbus puts findings on an event bus of Amazon EventBridge, such as
// a security team's own.
//
// The event's source is "trailverdict", its detail-type "Credential Finding", and
// its detail the finding as JSON. A finding is shortened before it is too long,
// and says so. As with topics, what was put once may come twice: a receiver can
// drop what it has seen by id and revision.
//
// It makes the one call that it needs itself, signed as the SDK signs. The SDK's
// module would be a further dependency, and a megabyte in each function that
// links it, for a request of a few lines. It does not retry: the stream delivers
// again what was not told.
//
// See https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
package eventbus

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/trailverdict/trailverdict/internal/incident"
	"github.com/trailverdict/trailverdict/internal/render"
)

// What rules on the bus match.
const (
	Source     = "trailverdict"
	DetailType = "Credential Finding"
)

const (
	// maxEntry is how large an entry may be: its source, detail-type, detail and
	// resources.
	maxEntry = 256 << 10
	// maxAnswer is more than any answer to one entry.
	maxAnswer = 64 << 10
	timeout   = 10 * time.Second
)

// Bus is one bus.
type Bus struct {
	name     string
	endpoint string
	region   string
	creds    aws.CredentialsProvider
	client   *http.Client
	now      func() time.Time
}

// New returns the bus with a name or an ARN. The environment may name another
// endpoint, as it may for all SDKs of AWS. Now is the clock by which requests are
// signed.
func New(cfg aws.Config, getenv func(string) string, name string, now func() time.Time) *Bus {
	return &Bus{
		name: name, region: cfg.Region, creds: cfg.Credentials, client: &http.Client{Timeout: timeout}, now: now,
		endpoint: cmp.Or(getenv("AWS_ENDPOINT_URL_EVENTBRIDGE"), getenv("AWS_ENDPOINT_URL"), "https://events."+cfg.Region+"."+domain(cfg.Region)),
	}
}

// domain is where a Region's endpoints lie.
func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// entry is an event to be put.
type entry struct {
	Source       string   `json:"Source"`
	DetailType   string   `json:"DetailType"`
	EventBusName string   `json:"EventBusName"`
	Resources    []string `json:"Resources,omitempty"`
	Detail       string   `json:"Detail"`
}

type request struct {
	Entries []entry `json:"Entries"`
}

// answer is what EventBridge says: an accepted entry has an id, a refused one a
// code.
type answer struct {
	Entries []struct {
		EventID   string `json:"EventId"`
		ErrorCode string `json:"ErrorCode"`
	} `json:"Entries"`
}

// Publish puts a finding on the bus.
func (b *Bus) Publish(ctx context.Context, f incident.Finding, _ render.Note) error {
	e, err := b.entry(f)
	if err != nil {
		return fmt.Errorf("write finding %s for the event bus: %w", f.ID, err)
	}
	if err := b.put(ctx, e); err != nil {
		return fmt.Errorf("put finding %s on the event bus: %w", f.ID, err)
	}
	return nil
}

func (b *Bus) entry(f incident.Finding) (entry, error) {
	e := entry{Source: Source, DetailType: DetailType, EventBusName: b.name}
	if arn := f.Subject.ARN; arn != "" && len(arn) <= 2048 {
		e.Resources = []string{arn}
	}
	size := len(e.Source) + len(e.DetailType) + len(strings.Join(e.Resources, ""))
	var err error
	e.Detail, err = render.Within(f, maxEntry-size, func(f incident.Finding) (string, error) {
		var s strings.Builder
		err := render.JSON(&s, f)
		return strings.TrimSuffix(s.String(), "\n"), err
	})
	return e, err
}

func (b *Bus) put(ctx context.Context, e entry) error {
	body, err := json.Marshal(request{[]entry{e}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSEvents.PutEvents")
	if err := b.sign(ctx, req, body); err != nil {
		return err
	}
	res, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return accepted(res.StatusCode, text)
}

func (b *Bus) sign(ctx context.Context, req *http.Request, body []byte) error {
	creds, err := b.creds.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("find credentials: %w", err)
	}
	hash := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(hash[:]), "events", b.region, b.now())
}

// accepted reads the answer. Only an entry with an id is on the bus. Of a refusal
// it gives the code alone: a message may repeat what was sent.
func accepted(status int, text []byte) error {
	if status != http.StatusOK {
		var refusal struct {
			Type string `json:"__type"`
		}
		if json.Unmarshal(text, &refusal) != nil || refusal.Type == "" {
			return fmt.Errorf("answered with status %d", status)
		}
		return fmt.Errorf("refused with status %d: %s", status, refusal.Type[strings.LastIndexByte(refusal.Type, '#')+1:])
	}
	var a answer
	switch err := json.Unmarshal(text, &a); {
	case err != nil:
		return errors.New("the answer is no JSON")
	case len(a.Entries) != 1:
		return fmt.Errorf("the answer is about %d entries", len(a.Entries))
	case a.Entries[0].EventID == "":
		return fmt.Errorf("refused: %s", cmp.Or(a.Entries[0].ErrorCode, "no reason given"))
	}
	return nil
}
