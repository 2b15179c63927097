package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// each document has this long; a tutorial that takes longer loses its reader too.
const longest = 5 * time.Minute

// rondo is the folder that holds the program under test: made by make, or here.
var rondo string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if bin := os.Getenv("RONDO_BIN"); bin != "" {
		rondo = bin
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "rondo-docs")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir, "rondo.dev/rondo/cmd/rondo")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build rondo: %w", err)
	}
	rondo = dir
	return m.Run(), nil
}

// command is a line of a document, with its place.
type command struct {
	Line int
	Text string
	Exit int
}

// document is a page with the commands of its console blocks (Run) and of its sh blocks (Named).
type document struct {
	Path  string
	Run   []command
	Named []command
}

var expected = regexp.MustCompile(`\s+# exit (\d+)$`)

// read takes the commands out of a page. A line that ends with a backslash goes on in the next.
func read(path string, text []byte) (document, error) {
	d := document{Path: path}
	fence := ""
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if info, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			if fence == "" {
				fence = "other"
				if info != "" {
					fence = info
				}
			} else {
				fence = ""
			}
			continue
		}
		c := command{Line: i + 1}
		switch fence {
		case "console":
			text, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if !ok {
				continue
			}
			for strings.HasSuffix(text, `\`) && i+1 < len(lines) {
				i++
				text += "\n" + lines[i]
			}
			c.Text = text
			if m := expected.FindStringSubmatch(text); m != nil {
				c.Text = strings.TrimSuffix(text, m[0])
				if _, err := fmt.Sscan(m[1], &c.Exit); err != nil {
					return d, fmt.Errorf("%s:%d: %w", path, c.Line, err)
				}
			}
			d.Run = append(d.Run, c)
		case "sh", "bash", "shell":
			if c.Text = strings.TrimSpace(line); c.Text != "" && !strings.HasPrefix(c.Text, "#") {
				d.Named = append(d.Named, c)
			}
		}
	}
	if fence != "" {
		return d, fmt.Errorf("%s: a block that does not end", path)
	}
	return d, nil
}

func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	for _, top := range []string{"README.md", "CHANGELOG.md", "docs", "examples"} {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(name) != ".md" {
				return err
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			d, err := read(strings.TrimPrefix(filepath.ToSlash(name), "../../"), text)
			all = append(all, d)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// script is a document as one shell session that stops, and says where, at the first command that ends otherwise than told.
func (d document) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "set -uo pipefail\ndid() { [ \"$1\" -eq \"$2\" ] || { echo \"%s:$3: exit $1, the document says $2\" >&2; exit 1; }; }\n", d.Path)
	for _, c := range d.Run {
		fmt.Fprintf(&b, "echo '+ %s:%d'\n%s\ndid $? %d %d\n", d.Path, c.Line, c.Text, c.Exit, c.Line)
	}
	return b.String()
}

func TestEveryCommandOfTheDocumentsRuns(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, d := range documents(t) {
		if len(d.Run) == 0 || strings.HasPrefix(d.Path, "docs/tutorials/") { // cmd/rondo holds those to their output, too
			continue
		}
		ran += len(d.Run)
		t.Run(d.Path, func(t *testing.T) { d.play(t, root) })
	}
	if ran == 0 {
		t.Error("no document has a command in a console block")
	}
}

// play runs a document in a folder of its own. Whatever it has started ends with it.
func (d document) play(t *testing.T, root string) {
	dir := t.TempDir()
	for _, name := range []string{"examples", "docs"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", d.script())
	shell.Dir = dir
	shell.Env = append(os.Environ(), "HOME="+dir, "RONDO_HOME="+filepath.Join(dir, "home"), "NO_COLOR=1",
		"PATH="+rondo+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out bytes.Buffer
	shell.Stdout, shell.Stderr = &out, &out
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() error {
		err := syscall.Kill(-shell.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return nil
		}
		return err
	}
	shell.Cancel, shell.WaitDelay = end, time.Second
	err := shell.Run()
	if shell.Process != nil {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("%s: %v\n%s", d.Path, err, out.Bytes())
	}
}

// stages are what .ci/run does itself: these are too long, or too circular, to be run by this test.
var stages = []string{"go run ./cmd/rondo demo", "make test", "make bench", "make crash", "make secondopinion", "make fuzz", "make lint",
	`go build -o bin/rondo ./cmd/rondo && export PATH="$PWD/bin:$PATH"`} // what a tutorial begins with, and make too

func TestCommandsThatAreNotRunHereAreStagesOfCI(t *testing.T) {
	known := map[string]bool{}
	for _, stage := range stages {
		known[stage] = true
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range stages {
		if target, ok := strings.CutPrefix(stage, "make "); ok && !bytes.Contains(makefile, []byte("\n"+target+":")) {
			t.Errorf("the Makefile has no target %s", target)
		}
	}
	for _, d := range documents(t) {
		for _, c := range d.Named {
			if text, _, _ := strings.Cut(c.Text, "  #"); !known[strings.TrimSpace(text)] {
				t.Errorf("%s:%d: %q stands in an sh block and nobody runs it; fence it as console", d.Path, c.Line, c.Text)
			}
		}
	}
}

func TestReadTakesCommandsAndTheirCodes(t *testing.T) {
	text := "a\n```console\n$ rondo get models\nNAME\n$ rondo run \\\n  m.yaml   # exit 3\n```\n```sh\nmake test\n```\n```\n$ no\n```\n"
	d, err := read("x.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Run) != 2 || d.Run[0].Text != "rondo get models" || d.Run[1].Exit != 3 || d.Run[1].Text != "rondo run \\\n  m.yaml" || d.Run[1].Line != 5 {
		t.Errorf("%+v", d.Run)
	}
	if len(d.Named) != 1 || d.Named[0].Text != "make test" {
		t.Errorf("%+v", d.Named)
	}
	if _, err := read("x.md", []byte("```\nopen")); err == nil {
		t.Error("a block that does not end is no error")
	}
}

func TestADocumentThatEndsOtherwiseIsToldWithItsPlace(t *testing.T) {
	d := document{Path: "x.md", Run: []command{{Line: 3, Text: "true"}, {Line: 4, Text: "(exit 3)", Exit: 3}, {Line: 7, Text: "(exit 2)"}, {Line: 9, Text: "echo never"}}}
	out, err := exec.Command("bash", "-c", d.script()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "x.md:7: exit 2, the document says 0") || strings.Contains(string(out), "never") {
		t.Errorf("%v: %s", err, out)
	}
}
