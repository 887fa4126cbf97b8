package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// output is where findings go: standard output, or a file that appears under
// its name when it is complete.
type output struct {
	*bufio.Writer
	commit  func() error
	discard func()
}

// openOutput opens path; empty means standard output.
func (p *program) openOutput(path string) (*output, error) {
	if path == "" {
		return direct(p.stdout), nil
	}
	// A link stays a link, and a device or pipe is not replaced by a file.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return openDevice(path)
		}
		mode = info.Mode().Perm()
	}
	return createOutput(path, mode)
}

func direct(w io.Writer) *output {
	o := &output{Writer: bufio.NewWriter(w), discard: func() {}}
	o.commit = o.Flush
	return o
}

func openDevice(path string) (*output, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	o := direct(f)
	o.commit = func() error {
		if err := o.Flush(); err != nil {
			return err
		}
		return f.Close()
	}
	o.discard = func() { _ = f.Close() } // nothing can be taken back
	return o, nil
}

func createOutput(path string, mode os.FileMode) (*output, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("create output: %w", err)
	}
	o := direct(f)
	o.discard = func() {
		_ = f.Close() // it is thrown away
		_ = os.Remove(f.Name())
	}
	o.commit = func() error {
		err := o.Flush()
		if err == nil {
			err = f.Chmod(mode)
		}
		if err == nil {
			err = f.Close()
		}
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			o.discard()
		}
		return err
	}
	return o, nil
}

// finish commits o if err is nil, and throws it away otherwise.
func (o *output) finish(err error) error {
	if err != nil {
		o.discard()
		return err
	}
	if err := o.commit(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
