package trail

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/trailverdict/trailverdict/internal/incident"
)

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) Signal(incident.Signal) {}
func (nowhere) Use(incident.Use)       {}
func (nowhere) Skipped(Skip)           {}

// lines is a stream of n records, made as they are read.
func lines(n int, record func(i int) string) io.Reader {
	r, w := io.Pipe()
	go func() {
		for i := range n {
			if _, err := io.WriteString(w, record(i)+"\n"); err != nil {
				return
			}
		}
		w.Close()
	}()
	return r
}

// TestMemoryIsBoundedByBytes has a Memory learn from records that differ in what
// is remembered, and holds it to what its comment says.
func TestMemoryIsBoundedByBytes(t *testing.T) {
	long := func(i, n int) string { return fmt.Sprintf("%07d", i) + strings.Repeat("x", n-7) }
	numbers := strings.Repeat("1,", 2000) + "1"
	tests := []struct {
		name   string
		record func(i int) string
	}{
		{"callers with long session names", func(i int) string {
			return strings.Replace(usual(byRole, "e-1", "10"), `"arn":"`, `"x":"`+long(i, 500)+`","arn":"`, 1)
		}},
		{"agents", func(i int) string { return strings.Replace(usual(byRole, "e-1", "10"), `aws-cli/`, long(i, 1400), 1) }},
		{"calls", func(i int) string { return strings.Replace(usual(byRole, "e-1", "10"), `Decrypt`, long(i, 1400), 1) }},
		{"services", func(i int) string { return strings.Replace(usual(byRole, "e-1", "10"), `kms.`, long(i, 1400), 1) }},
		{"codes", func(i int) string {
			return strings.Replace(usual(byRole, "e-1", "10"), `"readOnly":`, `"errorCode":"`+long(i, 1400)+`","readOnly":`, 1)
		}},
		{"long names of members", func(i int) string {
			return strings.Replace(usual(byRole, "e-1", "10"), `"readOnly":`, `"`+long(i, 500000)+`":1,"readOnly":`, 1)
		}},
		{"long ends", func(i int) string {
			return strings.Replace(strings.Replace(usual(byRole, "e-1", "10"), `"tlsDetails":`, `"more":"`+long(i, 500000)+`","tlsDetails":`, 1), `Decrypt`, long(i, 20), 1)
		}},
		{"patterns of all members and calls", func(i int) string {
			return strings.Replace(strings.Replace(usual(byRole, "e-1", "10"), `"tlsDetails":`, fmt.Sprintf(`"m%d":[%s],"tlsDetails":`, i%40, numbers), 1), `Decrypt`, long(i, 20), 1)
		}},
		{"patterns of some strings", func(i int) string {
			return strings.Replace(strings.Replace(usual(byRole, "e-1", "10"), `"tlsDetails":`, fmt.Sprintf(`"m%d":["%s"%s],"tlsDetails":`, i%40, long(i, 3000), strings.Repeat(",1", 200)), 1), `Decrypt`, long(i, 20), 1)
		}},
	}
	var known Memory
	before := heap()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := 4000
			if len(test.record(0)) > 100000 {
				n = 150
			}
			if _, err := Decode(lines(n, test.record), "test", nowhere{}, Gather(&known)); err != nil {
				t.Fatal(err)
			}
			if got := heap() - before; got > maxMemory {
				t.Errorf("a memory of %d bytes, want at most %d", got, maxMemory)
			} else {
				t.Logf("%d kB", got>>10)
			}
		})
	}
	runtime.KeepAlive(&known)
}

// heap is what is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
