package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// configName is the configuration file's name beside the functions. Lambda
// starts them in that folder.
const configName = "trailverdict.yaml"

// staged holds a folder for each function, with its bootstrap and the
// configuration file. The CDK copies what it takes from there.
type staged struct{ dir string }

func (s staged) folder(name string) string { return filepath.Join(s.dir, name) }
func (s staged) remove()                   { _ = os.RemoveAll(s.dir) } // a temporary folder; the system clears it, too

// stage brings the built functions and the configuration together.
func stage(o options) (staged, error) {
	dir, err := os.MkdirTemp("", "trailverdict-")
	if err != nil {
		return staged{}, fmt.Errorf("stage functions: %w", err)
	}
	s := staged{dir}
	for _, f := range functions() {
		if err := s.add(o, f.name); err != nil {
			s.remove()
			return staged{}, err
		}
	}
	return s, nil
}

func (s staged) add(o options, name string) error {
	built := filepath.Join(o.functions, name, "bootstrap")
	err := copyFile(built, filepath.Join(s.folder(name), "bootstrap"), 0o755)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is missing: run make functions first", built)
	}
	if err == nil && o.configFile != "" {
		err = copyFile(o.configFile, filepath.Join(s.folder(name), configName), 0o644)
	}
	if err != nil {
		return fmt.Errorf("stage function %s: %w", name, err)
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
