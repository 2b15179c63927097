package modelfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
)

// A hostile file costs at most this much, whatever it holds. The limits are wide: the measured worst is 0.2 s and 110 MB,
// for 256 KiB of one key in a flow mapping and of stacked lists, on a busy machine with two cores.
const (
	maxTime  = 5 * time.Second
	maxBytes = 300 << 20
)

func TestHostileFilesCostBoundedTimeAndMemory(t *testing.T) {
	full := func(s string) string { return strings.Repeat(s, modelfile.MaxBytes/len(s)) }
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		one := "*" + string(c-1) + ", "
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat(one, 9), ", ") + "]\n"
	}
	head := "name: a\ntask: {kind: binary, target: b}\ndata: {source: a.csv}\n"
	for name, text := range map[string]string{
		"ten megabytes": strings.Repeat("a: 1\n", 2<<20), "alias bomb": bomb, "merge bomb": strings.ReplaceAll(bomb, "]", "]\n<<: *a"),
		"flow lists": full("["), "flow maps": full("{a: "), "stacked lists": full("- "), "stacked keys": full("? "), "block maps": deep(400),
		"one key": full("a:\n"), "flow key": "{" + full("a:,") + "}", "many keys": head + keys(20_000), "list items": full("- a\n"), "flow items": "[" + full("a,") + "]",
		"empty lines": "a: |\n" + full("\n"), "quoted lines": "a: '" + full("\n") + "'", "quotes": full(`"`), "backslashes": `a: "` + full(`\`), "anchors": full("&a "),
		"tags": full("!a "), "comments": full("#\n"), "colons": full(":"), "questions": full("?"), "dashes": full("-"), "tabs": full("\t"), "percent": full("%"),
		"bars": head + "evaluate:\n  bars:\n" + full("    - a\n")[:200<<10], "checks": head + "  checks: [" + full("x,")[:100<<10] + "]",
		"long expression": head + "derive: {a: " + full("1+") + "}", "long word": full("a"), "zeros": full("\x00"), "documents": full("--- a\n"),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			spec, err := modelfile.Parse("x.yaml", []byte(text))
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			used := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d KiB: %v, %d KiB allocated", len(text)>>10, took, used>>10)
			var mistakes modelfile.Errors
			if spec != nil || !errors.As(err, &mistakes) || len(mistakes) > 101 {
				t.Errorf("accepted, or %d mistakes", len(mistakes))
			}
			if took > maxTime || used > maxBytes {
				t.Errorf("took %v and %d MiB", took, used>>20)
			}
		})
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := 0; i < n; i++ {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func keys(n int) string {
	var b strings.Builder
	for i := 0; i < n; i++ {
		b.WriteString("k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + ": 1\n")
	}
	return b.String()
}

func TestDeepNestingIsRefusedBeforeTheLibrarySeesIt(t *testing.T) {
	for _, text := range []string{strings.Repeat("[", 65), "a: " + strings.Repeat("{b: ", 65), strings.Repeat("- ", 66) + "x", "a: [" + strings.Repeat("\n[", 70)} {
		_, err := modelfile.Parse("x.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "this nests more than 64 deep") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	// Brackets in texts and comments are no nesting.
	head := "name: a\ntask: {kind: binary, target: b}\ndata: {source: a.csv}\n"
	for _, text := range []string{"# " + strings.Repeat("[", 99), "train: {trainer: 'boosted-trees'} # {" + strings.Repeat("{", 99)} {
		if _, err := modelfile.Parse("x.yaml", []byte(head+text)); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestLoadKnowsItsFolderAndStopsReadingAtTheLimit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.yaml")
	if _, err := modelfile.Load(path); rondo.KindOf(err) != rondo.NotFound {
		t.Errorf("an absent file: %v", err)
	}
	if err := os.WriteFile(path, read(t, "testdata/good/smallest.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec, err := modelfile.Load(path)
	if err != nil || spec.Dir != dir {
		t.Fatalf("%+v, %v", spec, err)
	}
	if err := os.WriteFile(path, make([]byte, 10<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := modelfile.Load(path); err == nil || !strings.Contains(err.Error(), "at most 256 KiB") {
		t.Errorf("ten megabytes: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		spec, err := modelfile.Parse("x.yaml", b)
		if err == nil {
			if !modelfile.Digest(spec).Valid() {
				t.Fatal("a spec without digest")
			}
			return
		}
		var mistakes modelfile.Errors
		if !errors.As(err, &mistakes) || len(mistakes) == 0 {
			t.Fatalf("an error without mistakes: %v", err)
		}
		lines := 1 // YAML knows more line breaks than most editors
		for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
			lines += strings.Count(string(b), end)
		}
		for _, m := range mistakes {
			if m.Line < 1 || m.Column < 1 || m.Line > lines+1 || m.Message == "" || strings.ContainsAny(m.Message, "\n\x1b") {
				t.Fatalf("%d lines: %+v", lines, m)
			}
		}
	})
}
