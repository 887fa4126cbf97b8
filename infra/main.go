// Command infra is the CDK application that deploys the detector: a home stack
// in the partition's home Region, and a forwarder stack in each other Region
// that the context names. It is the only place that knows the CDK.
//
// It is run by the CDK's command line, which passes the context and takes what
// is written into its output folder. With -template it is run alone instead, and
// writes templates and archives that CloudFormation deploys without the CDK:
//
//	go run ./infra -template build/template -c trailverdict:email=soc@example.com
//
// Synthesis needs Node, the built functions and nothing else: no credentials, no
// network, no look-ups. It compiles nothing, and gives nothing a fixed name: a
// second copy under another stack name works beside the first.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/cxapi"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	err := run(os.Args[1:])
	jsii.Close()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "infra: %v\n", err)
		os.Exit(1)
	}
}

// run synthesises the stacks. The CDK's own errors come as panics, and are
// errors here.
func run(args []string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("synthesise: %v", p)
		}
	}()
	flags := flag.NewFlagSet("infra", flag.ContinueOnError)
	dir := flags.String("template", "", "write plain templates and archives into this `folder`")
	var given []string
	flags.Func("c", "`key=value` of the context; may be given several times", func(s string) error {
		given = append(given, s)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir != "" {
		return writeTemplates(*dir, given, os.Stderr)
	}
	app := awscdk.NewApp(nil)
	context, _ := app.Node().GetAllContext(nil).(map[string]any)
	if err := synthesise(app, context, ""); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// writeTemplates writes one template for each stack, and the archives that
// they name. The CDK's command line is not there to show warnings, so it does.
func writeTemplates(dir string, given []string, warnings io.Writer) error {
	context, err := fileContext("cdk.json")
	if err != nil {
		return err
	}
	for _, pair := range given {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("-c %s: expected key=value", pair)
		}
		context[key] = value
	}
	out, err := os.MkdirTemp("", "trailverdict-")
	if err != nil {
		return fmt.Errorf("write templates: %w", err)
	}
	defer os.RemoveAll(out)
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(out), Context: &context})
	if err := synthesise(app, context, dir); err != nil {
		return err
	}
	showWarnings(warnings, app.Synth(nil))
	files, err := filepath.Glob(filepath.Join(out, "*.template.json"))
	if err != nil {
		return fmt.Errorf("write templates: %w", err)
	}
	for _, file := range files {
		if err := compact(file, filepath.Join(dir, filepath.Base(file))); err != nil {
			return fmt.Errorf("write templates: %w", err)
		}
	}
	return nil
}

func showWarnings(w io.Writer, assembly cxapi.CloudAssembly) {
	for _, stack := range *assembly.Stacks() {
		for _, m := range *stack.Messages() {
			//lint:ignore SA1019 the place that it has moved to is not there in Go
			if text, ok := m.Entry.Data.(string); ok {
				fmt.Fprintf(w, "infra: %s: %s\n", *stack.StackName(), text)
			}
		}
	}
}

// compact copies a template without its white space. CloudFormation takes 51,200
// bytes without a detour by a bucket.
func compact(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var short bytes.Buffer
	if err := json.Compact(&short, text); err != nil {
		return err
	}
	return os.WriteFile(to, short.Bytes(), 0o644)
}

// fileContext is the context that the CDK's command line would read from its
// file.
func fileContext(name string) (map[string]any, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read context: %w", err)
	}
	var file struct{ Context map[string]any }
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("read context of %s: %w", name, err)
	}
	return file.Context, nil
}

// synthesise adds the stacks to the app. With a folder for archives they need
// nothing of the CDK's to be deployed.
func synthesise(app awscdk.App, context map[string]any, zips string) error {
	o, err := readOptions(context)
	if err != nil {
		return err
	}
	o.zips = zips
	if o.stackSet && zips == "" {
		return fmt.Errorf("context %sstack-set: the CDK deploys no StackSets; write templates with make template", prefix)
	}
	code, err := stage(o)
	if err != nil {
		return err
	}
	defer code.remove()
	h, err := newHome(app, o, code)
	if err != nil {
		return err
	}
	newWatch(app, h)
	for _, region := range o.forwarders() {
		if err := newForwarder(app, o, region); err != nil {
			return err
		}
	}
	awscdk.Tags_Of(app).Add(jsii.String("project"), jsii.String("trailverdict"), nil)
	return nil
}
