package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTutorialsDoWhatTheyShow runs the console blocks of every tutorial, as a reader would: from a folder like the root of
// a clone, in order. A line that begins with "$ " is a command; the lines up to the next one are what it prints. Three dots
// stand for anything: alone for lines, within a line for text.
func TestTutorialsDoWhatTheyShow(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs/tutorials/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no tutorials: %v", err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.Symlink(filepath.Join(root, "examples"), filepath.Join(dir, "examples")); err != nil {
				t.Fatal(err)
			}
			commands := console(string(text))
			if len(commands) == 0 {
				t.Fatal("no commands")
			}
			env := append(os.Environ(), "RONDO_HOME="+filepath.Join(dir, "home"))
			for _, c := range commands {
				if to, ok := strings.CutPrefix(c.text, "cd "); ok {
					dir = filepath.Join(dir, to)
					continue
				}
				run := exec.Command("sh", "-c", c.text)
				run.Dir, run.Env = dir, env
				out, err := run.Output()
				if err != nil {
					t.Fatalf("line %d: %s: %v\n%s\n%s", c.line, c.text, err, out, stderr(err))
				}
				if !c.prints(string(out)) {
					t.Errorf("line %d: %s\nprints\n%s\nwhich is not\n%s", c.line, c.text, out, strings.Join(c.shown, "\n"))
				}
			}
		})
	}
}

func stderr(err error) string {
	if exit, ok := err.(*exec.ExitError); ok {
		return string(exit.Stderr)
	}
	return ""
}

// command is one that a page shows, with what it is said to print.
type command struct {
	line  int
	text  string
	shown []string
}

// console gives the commands of a page's console blocks.
func console(page string) []command {
	var out []command
	inside := false
	for n, line := range strings.Split(page, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside && strings.TrimSpace(line) == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			out = append(out, command{line: n + 1, text: line[2:]})
		case len(out) > 0:
			c := &out[len(out)-1]
			c.shown = append(c.shown, line)
		}
	}
	return out
}

// prints says whether the shown lines stand in the output, in order; blank lines and runs of spaces do not matter.
func (c *command) prints(output string) bool {
	pattern := `(?s)^`
	for _, line := range c.shown {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case len(words) == 1 && words[0] == "...":
			pattern += `.*?`
		default:
			for i, w := range words {
				if i > 0 {
					pattern += `[ ]*`
				}
				pattern += strings.ReplaceAll(regexp.QuoteMeta(w), `\.\.\.`, `[^\n]*?`)
			}
			pattern += `[^\S\n]*\n\s*`
		}
	}
	return len(c.shown) == 0 || regexp.MustCompile(pattern+`$`).MatchString(output+"\n")
}

func TestConsoleBlocksAreHeldToTheirOutput(t *testing.T) {
	page := "text\n```sh\n$ not run\n```\n```console\n$ one\na  b\n...\nc ... d\n$ two\n```\n"
	got := console(page)
	if len(got) != 2 || got[0].text != "one" || len(got[0].shown) != 3 || got[1].line != 10 {
		t.Fatalf("got %+v", got)
	}
	for output, want := range map[string]bool{"a b\nx\ny\nc 12 d\n": true, "a b\nc 12 d\n": true, "a b\nc 12\nd\n": false, "b\nc 12 d\n": false, "a b\nc 1 d\nmore\n": false} {
		if got[0].prints(output) != want {
			t.Errorf("%q: %v", fmt.Sprint(output), !want)
		}
	}
}
