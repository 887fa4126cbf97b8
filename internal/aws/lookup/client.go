package lookup

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
)

// NewClient returns a client as History needs it: it does not retry by itself,
// since that would spend requests that nobody counts. The environment may name
// another endpoint, as it may for the other SDKs.
func NewClient(cfg aws.Config, getenv func(string) string) *cloudtrail.Client {
	return cloudtrail.NewFromConfig(cfg, func(o *cloudtrail.Options) {
		o.Retryer = aws.NopRetryer{}
		if url := cmp.Or(getenv("AWS_ENDPOINT_URL_CLOUDTRAIL"), getenv("AWS_ENDPOINT_URL")); url != "" {
			o.BaseEndpoint = aws.String(url)
		}
	})
}
