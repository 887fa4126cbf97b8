// Package s3 keeps reports in a bucket of Amazon S3, and makes links that open
// them without credentials.
//
// Encryption is the bucket's affair: it has a default, and a policy if it wants
// another. What is put under a key that is taken stands in its place.
package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// NewClient returns a client of S3. The environment may name another endpoint,
// as it may for all SDKs of AWS. Buckets are then named in the path, since few
// other endpoints have a host for each.
func NewClient(cfg aws.Config, getenv func(string) string) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		if url := cmp.Or(getenv("AWS_ENDPOINT_URL_S3"), getenv("AWS_ENDPOINT_URL")); url != "" {
			o.BaseEndpoint, o.UsePathStyle = &url, true
		}
	})
}

// Bucket is a bucket of S3.
type Bucket struct {
	client *s3.Client
	name   string
}

// New returns the bucket of a name.
func New(c *s3.Client, name string) *Bucket { return &Bucket{c, name} }

// Put keeps an object, and returns its address.
func (b *Bucket) Put(ctx context.Context, key, contentType string, body []byte) (place string, err error) {
	_, err = b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, ContentType: &contentType, Body: bytes.NewReader(body),
	})
	if err != nil {
		return "", fmt.Errorf("put %s into bucket %s: %w", key, b.name, err)
	}
	return "s3://" + b.name + "/" + key, nil
}

// maxObject is the most that is read of an object, far more than a report has.
const maxObject = 32 << 20

// Get returns an object, or nothing if there is none.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if none := (*types.NoSuchKey)(nil); errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get %s from bucket %s: %w", key, b.name, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxObject))
	if err != nil {
		return nil, fmt.Errorf("get %s from bucket %s: %w", key, b.name, err)
	}
	return body, nil
}

// Link returns an address at which the object can be read by whoever has it. It
// works for the given time, or until the credentials that sign it end, if that
// is sooner.
func (b *Bucket) Link(ctx context.Context, key string, life time.Duration) (string, error) {
	r, err := s3.NewPresignClient(b.client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key}, s3.WithPresignExpires(life))
	if err != nil {
		return "", fmt.Errorf("make a link to %s in bucket %s: %w", key, b.name, err)
	}
	return r.URL, nil
}
