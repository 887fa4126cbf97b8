// Minimal is the least that a function written with aws-lambda-go is: what any
// function costs before it does something.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

type handler struct{}

func (handler) Invoke(context.Context, []byte) ([]byte, error) { return nil, nil }

func main() { lambda.Start(handler{}) }
