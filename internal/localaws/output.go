package localaws

import (
	"fmt"
	"io"
	"os"
)

// output is what processes print: a file that they write themselves, so that
// what one printed is there when it answers. The file has no name, and goes
// with the test binary.
type output struct{ file *os.File }

func newOutput() (output, error) {
	f, err := os.CreateTemp("", "localaws")
	if err != nil {
		return output{}, fmt.Errorf("create a file for what a program prints: %w", err)
	}
	return output{f}, os.Remove(f.Name())
}

func (o output) String() string {
	info, err := o.file.Stat()
	if err != nil {
		return err.Error()
	}
	b, err := io.ReadAll(io.NewSectionReader(o.file, 0, info.Size()))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
