package archive

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// folder makes a function's folder.
func folder(t *testing.T, bootstrap, settings string) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range map[string]struct {
		text string
		mode os.FileMode
	}{"settings.json": {settings, 0o644}, "bootstrap": {bootstrap, 0o755}} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func packed(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFolderHoldsItsFilesAsTheyAre(t *testing.T) {
	program := strings.Repeat("the program of a function, ", 1000)
	b := packed(t, folder(t, program, "{}"))
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name, text string
		mode       os.FileMode
	}{{"bootstrap", program, 0o755}, {"settings.json", "{}", 0o644}}
	if len(z.File) != len(want) {
		t.Fatalf("%d files, want %d", len(z.File), len(want))
	}
	for i, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || f.Name != want[i].name || string(text) != want[i].text || f.Mode() != want[i].mode {
			t.Errorf("file %d is %s, %v, %d bytes, %v; want %s, %v, %d bytes", i, f.Name, f.Mode(), len(text), err, want[i].name, want[i].mode, len(want[i].text))
		}
	}
}

func TestTheSameFilesGiveTheSameBytes(t *testing.T) {
	dir := folder(t, "program", "{}")
	first := packed(t, dir)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "bootstrap"), later, later); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(packed(t, dir), first) || !bytes.Equal(packed(t, folder(t, "program", "{}")), first) {
		t.Error("the same files give another archive at another time or in another place")
	}
	if bytes.Equal(packed(t, folder(t, "program 2", "{}")), first) {
		t.Error("another program gives the same archive")
	}
}

// TestProgramsArePackedTightly holds the archive of a real program to what the
// standard library's best level makes of it.
func TestProgramsArePackedTightly(t *testing.T) {
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program = program[:min(len(program), 1<<20)]
	var best bytes.Buffer
	w, err := flate.NewWriter(&best, flate.BestCompression)
	if err == nil {
		_, err = w.Write(program)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := len(packed(t, folder(t, string(program), "{}"))); got > best.Len() {
		t.Errorf("a program of %d bytes takes %d, more than the %d that it could", len(program), got, best.Len())
	}
}

func TestAMissingFolderIsNamed(t *testing.T) {
	_, err := Folder(filepath.Join(t.TempDir(), "nowhere"))
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("Folder() = %v, want an error that names the folder", err)
	}
}
