package enginetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rondo.dev/rondo/internal/seam/engine"
)

// late breaks a CSV file far behind its beginning.
func late(t *testing.T, e engine.Engine) {
	var b strings.Builder
	b.WriteString("a,b\n")
	for i := range 200_000 {
		fmt.Fprintf(&b, "%d,%d\n", i, i)
	}
	b.WriteString("1,2,3,4\n")
	path := file(t, "late.csv", b.String())
	refused(t, e, engine.Source{Files: []string{path}}, path, "")
}

func hostile(t *testing.T, e engine.Engine) {
	good, err := parquets.ReadFile("testdata/many.parquet")
	if err != nil {
		t.Fatal(err)
	}
	torn := file(t, "torn.parquet", string(good[:len(good)/2]))
	refused(t, e, engine.Source{Files: []string{torn}}, torn, "")

	holed := append([]byte(nil), good...)
	for i := len(holed) / 4; i < len(holed)/2; i++ {
		holed[i] ^= 0x5a
	}
	hole := file(t, "hole.parquet", string(holed))
	refused(t, e, engine.Source{Files: []string{hole}}, hole, "")

	huge := append([]byte(nil), good...)
	binary.LittleEndian.PutUint32(huge[len(huge)-8:], 0x7fffffff) // the footer claims 2 GiB
	claims := file(t, "huge.parquet", string(huge))
	refused(t, e, engine.Source{Files: []string{claims}}, claims, "")

	bomb := parquet(t, "bomb.parquet") // 1,200 rows of 256 KiB in a few kB
	refused(t, e, engine.Source{Files: []string{bomb}}, bomb, "")

	rng := rand.New(rand.NewPCG(1, 2))
	junk := make([]byte, 1<<20)
	for i := range junk {
		junk[i] = byte(rng.Uint32())
	}
	for _, ext := range []string{"csv", "json", "jsonl", "parquet"} {
		path := file(t, "junk."+ext, string(junk))
		refused(t, e, engine.Source{Files: []string{path}}, path, "")
	}
	wide := file(t, "wide.csv", strings.Repeat("a,", 100_000)+"a\n"+strings.Repeat("1,", 100_000)+"1\n")
	refused(t, e, engine.Source{Files: []string{wide}}, wide, "")
	deep := file(t, "deep.json", strings.Repeat("[", 1<<20))
	refused(t, e, engine.Source{Files: []string{deep}}, deep, "")
	notFiles(t, e)
}

// notFiles names what is no file to read.
func notFiles(t *testing.T, e engine.Engine) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder.csv")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	refused(t, e, engine.Source{Files: []string{folder}}, folder, "folder")
	missing := filepath.Join(dir, "missing.csv")
	refused(t, e, engine.Source{Files: []string{missing}}, missing, "no such file")
	link := filepath.Join(dir, "link.csv")
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Fatal(err)
	}
	refused(t, e, engine.Source{Files: []string{link}}, link, "link")
	pipe := filepath.Join(dir, "pipe.csv")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, e, engine.Source{Files: []string{pipe}}, pipe, "no regular file")
	empty := file(t, "empty.csv", "")
	refused(t, e, engine.Source{Files: []string{empty}}, empty, "empty")
	odd := file(t, "a.xlsx", "PK")
	refused(t, e, engine.Source{Files: []string{odd}}, odd, "csv, json, jsonl, parquet")
}

func nested(t *testing.T, e engine.Engine) {
	path := parquet(t, "nested.parquet")
	refused(t, e, engine.Source{Files: []string{path}}, path, `column "tags" is nested`)
	if got := all(t, e, engine.Source{Files: []string{path}, Columns: []string{"id"}}); got.Rows() != 2 {
		t.Errorf("%d rows of the other column", got.Rows())
	}
	lines := file(t, "a.jsonl", `{"a":{"b":1}}`+"\n")
	refused(t, e, engine.Source{Files: []string{lines}}, lines, `column "a"`)
}

func cancelled(t *testing.T, e engine.Engine) {
	path := parquet(t, "many.parquet")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	for _, err := range e.Read(ctx, engine.Source{Files: []string{path, path, path, path}}) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("got %v", last)
	}
}

func stopped(t *testing.T, e engine.Engine) {
	path := parquet(t, "many.parquet")
	n := 0
	for _, err := range e.Read(context.Background(), engine.Source{Files: []string{path}}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			break
		}
	}
}

// named puts quotes, globs and SQL into names.
func named(t *testing.T, e engine.Engine) {
	dir := t.TempDir()
	for _, name := range []string{"a*.csv", "ab.csv", "it's [1].csv", "x'); select 1; --.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("a\n1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"it's [1].csv", "x'); select 1; --.csv", "a*.csv"} {
		if got := all(t, e, engine.Source{Files: []string{filepath.Join(dir, name)}}); got.Rows() != 1 {
			t.Errorf("%s: %d rows", name, got.Rows())
		}
	}
}
