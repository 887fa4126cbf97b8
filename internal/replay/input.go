package replay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// Input is one stream of a recording.
type Input struct {
	// Name is how the input is called in the summary: its path, or "-".
	Name string
	// Size is its size in bytes as it lies on disk, or -1 if that is not known.
	Size int64
	// Named is set where the user named the input itself, and not a folder
	// that it was found in. Such an input is expected to hold events.
	Named bool
	// ID is what a Journal knows the input by, contents included; empty where
	// there is no such thing.
	ID   string
	open func() (io.ReadCloser, error)
	far  bool // opening takes so long that it is done ahead of time
}

// Remote is an input that is fetched from somewhere, as a file of a folder is.
func Remote(name, id string, size int64, open func() (io.ReadCloser, error)) Input {
	return Input{Name: name, Size: size, ID: id, open: open, far: true}
}

// ahead opens a remote input while others are read.
func (in Input) ahead() Input {
	if !in.far {
		return in
	}
	type opened struct {
		r   io.ReadCloser
		err error
	}
	done := make(chan opened, 1)
	open := in.open
	go func() {
		r, err := open()
		done <- opened{r, err}
	}()
	in.open = func() (io.ReadCloser, error) {
		o := <-done
		return o.r, o.err
	}
	return in
}

// All yields inputs.
func All(inputs []Input) iter.Seq2[Input, error] {
	return func(yield func(Input, error) bool) {
		for _, in := range inputs {
			if !yield(in, nil) {
				return
			}
		}
	}
}

// Stream is an input that is read from r, which stays open.
func Stream(name string, r io.Reader) Input {
	return Input{Name: name, Size: -1, Named: true, open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

// Find lists the inputs that paths stand for: files by themselves, folders with
// everything beneath them in sorted order, and "-" for stdin, which can be read
// once. The error of a path that does not exist is an fs.ErrNotExist. Nothing is
// read yet.
func Find(paths []string, stdin io.Reader) ([]Input, error) {
	var inputs []Input
	var errs []error
	for i, path := range paths {
		if path == "-" && slices.Contains(paths[:i], path) {
			continue
		}
		found, err := find(path, stdin)
		inputs = append(inputs, found...)
		errs = append(errs, err)
	}
	return inputs, errors.Join(errs...)
}

func find(path string, stdin io.Reader) ([]Input, error) {
	if path == "-" {
		return []Input{Stream(path, stdin)}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("find input: %w", err)
	}
	if !info.IsDir() {
		in := file(path, info)
		in.Named = true
		return []Input{in}, nil
	}
	return walk(path)
}

// walk lists the files beneath a folder. A folder beneath it that cannot be
// listed becomes an input that cannot be opened, so that it is reported with
// what else could not be read.
func walk(root string) ([]Input, error) {
	var inputs []Input
	// The separator makes a root that is a link to a folder be followed.
	err := filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			inputs = append(inputs, Input{Name: path, open: func() (io.ReadCloser, error) { return nil, err }})
			return nil
		case d.IsDir():
			return nil
		}
		// Stat follows links, as logs are often gathered with them.
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			inputs = append(inputs, file(path, info))
		}
		return nil
	})
	return inputs, err
}

func file(path string, info fs.FileInfo) Input {
	size := info.Size()
	if !info.Mode().IsRegular() {
		size = -1 // a pipe, or something like it
	}
	return Input{Name: path, Size: size, open: func() (io.ReadCloser, error) { return os.Open(path) }}
}
