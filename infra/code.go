package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/trailverdict/trailverdict/internal/archive"
	"github.com/trailverdict/trailverdict/internal/config"
)

// staged holds a folder for each function, with its bootstrap and the packed
// configuration, and the archives that the CDK copies.
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
	var problems []error
	for _, f := range functions() {
		problems = append(problems, s.add(o, f.name))
	}
	if err := errors.Join(problems...); err != nil {
		s.remove()
		return staged{}, err
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
		err = s.configure(o.config, name)
	}
	if err != nil {
		return fmt.Errorf("stage function %s: %w", name, err)
	}
	return nil
}

// configure packs the configuration beside a function.
func (s staged) configure(c config.Config, name string) error {
	packed, err := config.Pack(c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.folder(name), config.PackedName), packed, 0o644)
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

// pack writes a function's folder as an archive into another folder, and
// returns the archive's name. The same contents give the same bytes and, since
// the name ends in their hash, another name for others: CloudFormation looks at
// names alone.
func pack(folder, to, name string) (string, error) {
	packed, err := archive.Folder(folder)
	if err != nil {
		return "", fmt.Errorf("pack function %s: %w", name, err)
	}
	sum := sha256.Sum256(packed)
	key := name + "-" + hex.EncodeToString(sum[:8]) + ".zip"
	if err = os.MkdirAll(to, 0o755); err == nil {
		err = os.WriteFile(filepath.Join(to, key), packed, 0o644)
	}
	if err != nil {
		return "", fmt.Errorf("pack function %s: %w", name, err)
	}
	return key, nil
}
