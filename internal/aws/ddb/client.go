package ddb

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/trailverdict/trailverdict/internal/backoff"
)

// Client calls DynamoDB over HTTPS, signing with the SDK's signer. It is safe
// for concurrent use.
type Client struct {
	url         string
	region      string
	credentials aws.CredentialsProvider
	signer      *v4.Signer
	http        *http.Client
}

// NewClient returns a client. The environment may name another endpoint, as it
// may for the SDK.
func NewClient(cfg aws.Config, getenv func(string) string) *Client {
	dialer := &net.Dialer{Timeout: 2 * time.Second}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 3 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: 10, // as many as one decision has use for
	}
	return &Client{
		url:         cmp.Or(getenv("AWS_ENDPOINT_URL_DYNAMODB"), getenv("AWS_ENDPOINT_URL"), endpoint(cfg.Region)),
		region:      cfg.Region,
		credentials: cfg.Credentials,
		signer:      v4.NewSigner(),
		http:        &http.Client{Transport: transport, Timeout: tryTimeout},
	}
}

// endpoint is DynamoDB's in a Region. Partitions other than AWS's first have
// domains of their own:
// https://docs.aws.amazon.com/general/latest/gr/ddb.html
func endpoint(region string) string {
	domain := "amazonaws.com"
	for prefix, other := range map[string]string{
		"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu", "us-iso-": "c2s.ic.gov", "us-isob-": "sc2s.sgov.gov",
		"eu-isoe-": "cloud.adc-e.uk", "us-isof-": "csp.hci.ic.gov", "eu-isof-": "csp.hci.ic.gov",
	} {
		if strings.HasPrefix(region, prefix) {
			domain = other
		}
	}
	return "https://dynamodb." + region + "." + domain
}

const (
	// tries is how often a call is made before its failure is the caller's. A
	// function has little time, and whoever called it delivers again.
	tries = 4
	// tryTimeout is far above what DynamoDB takes, and leaves time for another
	// try.
	tryTimeout = 5 * time.Second
	// maxAnswer is above DynamoDB's own limit on what it answers, 16 MB.
	maxAnswer = 32 << 20
)

// Error is what DynamoDB answered instead of a result.
type Error struct {
	Operation string
	Status    int    // of HTTP
	Code      string // such as ThrottlingException
	Message   string
	// Reasons are the codes of a cancelled transaction's actions, in their
	// order, "None" where the action is not to blame.
	Reasons []string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %s", e.Operation, e.Code, e.Message) }

// Is reports whether DynamoDB answered with an error of that code.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// transient are the codes of errors that pass. Others, and all of a cancelled
// transaction's, are for whoever called.
var transient = []string{
	"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException",
	"TransactionInProgressException", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException",
}

// Call makes a call, and makes it again where it failed of something that passes.
// In and out are an operation's types of this package.
func (c *Client) Call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: encode: %w", operation, err)
	}
	for try := 0; ; try++ {
		if waitErr := Pause(ctx, try); waitErr != nil {
			if errors.Is(waitErr, ErrUndone) {
				return err
			}
			return errors.Join(waitErr, err)
		}
		if err = c.try(ctx, operation, body, out); err == nil || !passes(ctx, err) {
			return err
		}
	}
}

// passes reports whether another try may succeed where this one failed.
func passes(ctx context.Context, err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return ctx.Err() == nil // the network
	}
	for _, code := range transient {
		if e.Code == code {
			return true
		}
	}
	return e.Status >= http.StatusInternalServerError
}

func (c *Client) try(ctx context.Context, operation string, body []byte, out any) error {
	req, err := c.request(ctx, operation, body)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: read answer: %w", operation, err)
	}
	if sum := resp.Header.Get("X-Amz-Crc32"); sum != "" && sum != strconv.FormatUint(uint64(crc32.ChecksumIEEE(answer)), 10) {
		return fmt.Errorf("%s: the answer was damaged on its way", operation)
	}
	if resp.StatusCode != http.StatusOK {
		return errorOf(operation, resp.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: decode answer: %w", operation, err)
	}
	return nil
}

// request is a signed request for an operation:
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
func (c *Client) request(ctx context.Context, operation string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	req.Header.Set("User-Agent", "trailverdict")
	// The sum that comes with an answer is that of the bytes on the wire.
	req.Header.Set("Accept-Encoding", "identity")
	creds, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "dynamodb", c.region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return req, nil
}

func errorOf(operation string, status int, answer []byte) error {
	var body struct {
		Type                string `json:"__type"`
		Message             string `json:"message"` // or Message: names are matched without regard to case
		CancellationReasons []struct{ Code string }
	}
	e := &Error{Operation: operation, Status: status}
	if err := json.Unmarshal(answer, &body); err != nil {
		e.Code, e.Message = strconv.Itoa(status), "the answer is no JSON"
		return e
	}
	_, code, found := strings.Cut(body.Type, "#")
	if !found {
		code = body.Type
	}
	e.Code, e.Message = cmp.Or(code, strconv.Itoa(status)), body.Message
	for _, r := range body.CancellationReasons {
		e.Reasons = append(e.Reasons, r.Code)
	}
	return e
}

// ErrUndone says that DynamoDB left a part of a batch undone, time and again.
var ErrUndone = errors.New("throttled: a part of a batch is left undone")

// Pause waits before a try that is not the first, longer each time. Where there
// have been enough it returns ErrUndone.
func Pause(ctx context.Context, try int) error {
	if try >= tries {
		return ErrUndone
	}
	return backoff.New(150*time.Millisecond, time.Second).Wait(ctx, try)
}
