package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPlainTemplates writes what is deployed without the CDK, twice.
func TestPlainTemplates(t *testing.T) {
	needsNode(t)
	built := functionsOf(t)
	t.Chdir("..") // where cdk.json is
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := run([]string{"-template", dir, "-c", prefix + "functions=" + built, "-c", prefix + "email=soc@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	files := filesIn(t, first)
	if !slices.Contains(files, "trailverdict.template.json") || !slices.Contains(files, "trailverdict-watch.template.json") {
		t.Fatalf("only %v written", files)
	}
	for _, name := range files {
		a, b := read(t, first, name), read(t, second, name)
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs between two runs", name)
		}
	}
	for name, s := range templates(t, first) {
		if len(s.text) > 51_200 {
			t.Errorf("%s has %d bytes, and CloudFormation takes 51,200 without a bucket", name, len(s.text))
		}
	}
	plainTemplate(t, first)
}

// TestPlainTemplatesWarn writes templates of a deployment that tells nobody.
func TestPlainTemplatesWarn(t *testing.T) {
	needsNode(t)
	built := functionsOf(t)
	t.Chdir("..")
	var warnings strings.Builder
	if err := writeTemplates(t.TempDir(), []string{prefix + "functions=" + built}, &warnings); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(warnings.String(), "infra: trailverdict: nobody is told about findings") {
		t.Errorf("the warnings are %q", warnings.String())
	}
}

// plainTemplate checks that nothing of the CDK's is asked for, and that the
// archives are what the template names.
func plainTemplate(t *testing.T, dir string) {
	t.Helper()
	s := templates(t, dir)["trailverdict"]
	for _, word := range []string{"cdk-hnb659fds", "BootstrapVersion"} {
		if bytes.Contains(s.text, []byte(word)) {
			t.Errorf("the template speaks of %s", word)
		}
	}
	for id, r := range s.of("AWS::Lambda::Function") {
		code, _ := r.Properties["Code"].(map[string]any)
		bucket, _ := json.Marshal(code["S3Bucket"])
		if string(bucket) != `{"Ref":"CodeBucket"}` {
			t.Errorf("%s comes from the bucket %s", id, bucket)
		}
		key, _ := code["S3Key"].(string)
		archive, err := zip.NewReader(bytes.NewReader(read(t, dir, key)), int64(len(read(t, dir, key))))
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if f := archive.File[0]; len(archive.File) != 1 || f.Name != "bootstrap" || f.Mode().Perm() != 0o755 {
			t.Errorf("%s holds %v, %v", key, f.Name, f.Mode())
		}
	}
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
