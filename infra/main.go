// Command infra is the CDK application that deploys the detector: a home stack
// in the partition's home Region, and a forwarder stack in each other Region
// that the context names. It is the only place that knows the CDK.
//
// It is run by the CDK's command line, which passes the context and takes what
// is written into its output folder. Synthesis needs Node, the built functions
// and nothing else: no credentials, no network, no look-ups.
//
// It does not compile anything, and gives nothing a fixed name: a second copy
// under another stack name works beside the first.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	err := run()
	jsii.Close()
	if err != nil {
		fmt.Fprintf(os.Stderr, "infra: %v\n", err)
		os.Exit(1)
	}
}

// run synthesises the stacks into the folder that the CDK's command line names.
// The CDK's own errors come as panics, and are errors here.
func run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("synthesise: %v", p)
		}
	}()
	app := awscdk.NewApp(nil)
	context, _ := app.Node().GetAllContext(nil).(map[string]any)
	if err := synthesise(app, context); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// synthesise adds the stacks to the app.
func synthesise(app awscdk.App, context map[string]any) error {
	o, err := readOptions(context)
	if err != nil {
		return err
	}
	code, err := stage(o)
	if err != nil {
		return err
	}
	defer code.remove()
	if err := newHome(app, o, code); err != nil {
		return err
	}
	newWatch(app, o)
	for _, region := range o.regions {
		if err := newForwarder(app, o, region); err != nil {
			return err
		}
	}
	awscdk.Tags_Of(app).Add(jsii.String("project"), jsii.String("trailverdict"), nil)
	return nil
}
