package modelfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (write it with -update):\n%s", path, diff)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

func TestBadFilesAreAnsweredWithAllTheirMistakes(t *testing.T) {
	for _, path := range files(t, "testdata/bad/*.yaml") {
		spec, err := modelfile.Parse(filepath.Base(path), read(t, path))
		var mistakes modelfile.Errors
		if spec != nil || !errors.As(err, &mistakes) || rondo.KindOf(err) != rondo.Invalid {
			t.Errorf("%s: %v, %v", path, spec, err)
			continue
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".golden", []byte(err.Error()+"\n"))
	}
}

func TestGoodFilesBecomeSpecsWithEveryDefault(t *testing.T) {
	for _, path := range files(t, "testdata/good/*.yaml") {
		spec, err := modelfile.Parse(filepath.Base(path), read(t, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, modelfile.Canonical(spec), "", "  "); err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".golden", append(pretty.Bytes(), '\n'))
	}
}
