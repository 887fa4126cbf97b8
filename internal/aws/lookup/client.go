package lookup

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
)

// NewClient returns a client as History needs it: it does not retry by itself,
// since that would spend requests that nobody counts. The endpoint is AWS's if
// nil.
func NewClient(cfg aws.Config, endpoint *string) *cloudtrail.Client {
	return cloudtrail.NewFromConfig(cfg, func(o *cloudtrail.Options) {
		o.Retryer = aws.NopRetryer{}
		if endpoint != nil {
			o.BaseEndpoint = endpoint
		}
	})
}
