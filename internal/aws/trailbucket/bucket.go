// Package trailbucket reads the log files that CloudTrail writes to a bucket of
// Amazon S3.
//
// It lists only the folders that may hold what is wanted, page by page, and goes on
// where it was when a download breaks off. It links the SDK's configuration, and
// is for the command line alone.
package trailbucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trailverdict/trailverdict/internal/aws/inspect"
)

// Scheme begins the address of a bucket.
const Scheme = "s3://"

// Bucket is a bucket, or what begins with a prefix in it.
type Bucket struct {
	client       *awss3.Client
	name, prefix string
	page         int32 // keys of a page; 0 means as many as S3 gives
}

// Open opens the bucket of an address, s3://bucket/prefix, with the credentials
// that the environment gives, as they are found by all of AWS's tools.
func Open(ctx context.Context, address string, getenv func(string) string) (*Bucket, error) {
	cfg, err := inspect.Config(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", address, err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // until the bucket says where it is
	}
	return open(ctx, cfg, address, getenv)
}

// newClient returns a client of S3, or of what the environment names instead, where
// buckets are named in the path.
func newClient(cfg aws.Config, getenv func(string) string) *awss3.Client {
	return awss3.NewFromConfig(cfg, func(o *awss3.Options) {
		if url := cmp.Or(getenv("AWS_ENDPOINT_URL_S3"), getenv("AWS_ENDPOINT_URL")); url != "" {
			o.BaseEndpoint, o.UsePathStyle = &url, true
		}
	})
}

func open(ctx context.Context, cfg aws.Config, address string, getenv func(string) string) (*Bucket, error) {
	rest, ok := strings.CutPrefix(address, Scheme)
	name, prefix, _ := strings.Cut(rest, "/")
	if !ok || name == "" {
		return nil, fmt.Errorf("open %s: expected s3://bucket/prefix", address)
	}
	b := &Bucket{client: newClient(cfg, getenv), name: name, prefix: prefix}
	region, err := b.region(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", address, err)
	}
	if region != "" && region != cfg.Region {
		cfg.Region = region
		b.client = newClient(cfg, getenv)
	}
	return b, nil
}

// region is where the bucket is. S3 says it in the answer, also in one that sends
// the caller elsewhere.
func (b *Bucket) region(ctx context.Context) (string, error) {
	const header = "x-amz-bucket-region"
	out, err := b.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &b.name})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	var failed *smithyhttp.ResponseError
	if errors.As(err, &failed) && failed.Response != nil {
		if region := failed.Response.Header.Get(header); region != "" {
			return region, nil // what else is wrong will show when it is listed
		}
		if failed.HTTPStatusCode() == 403 {
			return "", nil // it may be listed all the same
		}
	}
	return "", err
}

// Object is a log file.
type Object struct {
	Key, ETag string
	Size      int64
}

// Address is how an object is named to people.
func (b *Bucket) Address(o Object) string { return Scheme + b.name + "/" + o.Key }

// Objects yields the objects that are wanted, in the order of their keys.
func (b *Bucket) Objects(ctx context.Context, s Selection) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) { b.walk(ctx, b.prefix, s, yield) }
}

// walk yields what is beneath a prefix, and reports whether to go on.
func (b *Bucket) walk(ctx context.Context, prefix string, s Selection, yield func(Object, error) bool) bool {
	in := &awss3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix, Delimiter: aws.String("/")}
	if b.page > 0 {
		in.MaxKeys = &b.page
	}
	for pages := awss3.NewListObjectsV2Paginator(b.client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return yield(Object{}, fmt.Errorf("list s3://%s/%s: %w", b.name, prefix, err)) && false
		}
		for _, o := range page.Contents {
			if strings.HasSuffix(*o.Key, "/") {
				continue // a folder that a console made
			}
			if !yield(Object{*o.Key, aws.ToString(o.ETag), aws.ToInt64(o.Size)}, nil) {
				return false
			}
		}
		for _, p := range page.CommonPrefixes {
			if s.wants(*p.Prefix) && !b.walk(ctx, *p.Prefix, s, yield) {
				return false
			}
		}
	}
	return true
}

// attempts is how often a download that breaks off is taken up again, besides the
// SDK's own attempts at each request.
const attempts = 4

// Read opens an object. The context must live as long as it is read.
func (b *Bucket) Read(ctx context.Context, o Object) (io.ReadCloser, error) {
	d := &download{ctx: ctx, bucket: b, object: o}
	if err := d.request(); err != nil {
		return nil, err
	}
	return d, nil
}

// download reads an object, in several requests if need be.
type download struct {
	ctx    context.Context
	bucket *Bucket
	object Object
	body   io.ReadCloser
	at     int64
	failed int
}

func (d *download) request() error {
	in := &awss3.GetObjectInput{Bucket: &d.bucket.name, Key: &d.object.Key}
	if d.object.ETag != "" {
		in.IfMatch = &d.object.ETag
	}
	if d.at > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", d.at))
	}
	out, err := d.bucket.client.GetObject(d.ctx, in)
	if err != nil {
		return fmt.Errorf("get %s: %w", d.bucket.Address(d.object), err)
	}
	d.body = out.Body
	return nil
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.body.Read(p)
	d.at += int64(n)
	if err == nil || errors.Is(err, io.EOF) && d.at >= d.object.Size {
		return n, err
	}
	if d.failed++; d.failed >= attempts || d.ctx.Err() != nil {
		return n, fmt.Errorf("get %s: %d of %d bytes: %w", d.bucket.Address(d.object), d.at, d.object.Size, short(err))
	}
	_ = d.body.Close() // it failed
	return n, d.request()
}

// short tells an end that comes too soon from one that does not.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (d *download) Close() error { return d.body.Close() }
