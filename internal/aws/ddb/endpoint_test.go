package ddb

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// TestEndpointsAreTheSDKs compares a Region of each partition.
func TestEndpointsAreTheSDKs(t *testing.T) {
	resolver := dynamodb.NewDefaultEndpointResolverV2()
	for _, region := range []string{
		"us-east-1", "eu-central-2", "me-central-1", "us-gov-west-1", "cn-north-1", "cn-northwest-1",
		"us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1",
	} {
		want, err := resolver.ResolveEndpoint(t.Context(), dynamodb.EndpointParameters{
			Region: &region, UseFIPS: aws.Bool(false), UseDualStack: aws.Bool(false),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := endpoint(region); got != want.URI.String() {
			t.Errorf("endpoint(%s) = %s, want %s", region, got, want.URI.String())
		}
	}
}

func TestTheEnvironmentNamesTheEndpoint(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"https://dynamodb.eu-west-1.amazonaws.com": {},
		"http://127.0.0.1:1":                       {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
		"http://127.0.0.1:2":                       {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"},
	} {
		c := NewClient(aws.Config{Region: "eu-west-1"}, func(name string) string { return env[name] })
		if c.url != want {
			t.Errorf("with %v calls go to %s, want %s", env, c.url, want)
		}
	}
}
