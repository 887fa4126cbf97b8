// Package archive packs a function as Lambda takes it: the files of one folder,
// with their permissions, as a zip archive. The same files give the same bytes,
// by which deployments tell whether anything changed. It packs as tightly as
// deflate's best level does, since whoever starts a function downloads it.
//
// It does not look into folders within.
package archive

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/flate"
)

// Folder returns the archive of the files in a folder.
func Folder(folder string) ([]byte, error) {
	entries, err := os.ReadDir(folder) // in the order of their names
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	for _, e := range entries {
		if err := add(w, folder, e); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func add(w *zip.Writer, folder string, e os.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(folder, e.Name()))
	if err != nil {
		return err
	}
	header := &zip.FileHeader{Name: e.Name(), Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(info.Mode().Perm())
	out, err := w.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}
