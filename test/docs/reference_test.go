package docs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/reference/cli.md")

const opening = `# The command line

Generated from the program's own help by ` + "`go test ./test/docs -run Reference -update`" + `; do not edit.

Every command takes ` + "`-o json`" + `: one document on standard output, everything else on standard error.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | a fault |
| 2 | the command or a declaration is wrong |
| 3 | refused by a bar, a guard, a budget or a policy |
| 4 | no such thing |
| 5 | denied |
| 6 | the installation cannot be used now: held by another server, or its disk failed |
`

func TestReferenceOfTheCommandLineIsWhatTheProgramSays(t *testing.T) {
	var page bytes.Buffer
	page.WriteString(opening)
	for _, name := range names(t) {
		fmt.Fprintf(&page, "\n## rondo %s\n\n```\n%s```\n", name, help(t, name))
	}
	path := filepath.Join("..", "..", "docs", "reference", "cli.md")
	if *update {
		if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(was), page.String()); diff != "" {
		t.Errorf("docs/reference/cli.md (-update writes it):\n%s", diff)
	}
}

var completed = regexp.MustCompile(`(?m)^complete -c rondo -f -n __fish_use_subcommand -a (\S+)$`)

// names are the program's commands, in its own order.
func names(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range completed.FindAllStringSubmatch(ask(t, "completion", "fish"), -1) {
		all = append(all, m[1])
	}
	if len(all) < 10 {
		t.Fatalf("%d commands: %v", len(all), all)
	}
	return all
}

func help(t *testing.T, name string) string {
	t.Helper()
	text := ask(t, name, "--help")
	if home, err := os.UserHomeDir(); err == nil {
		text = strings.ReplaceAll(text, home, "~")
	}
	if here, err := os.Getwd(); err == nil {
		text = strings.ReplaceAll(text, here, ".")
	}
	return strings.TrimSpace(text) + "\n"
}

func ask(t *testing.T, args ...string) string {
	t.Helper()
	var problem bytes.Buffer
	c := exec.Command(filepath.Join(rondo, "rondo"), args...)
	c.Env = append(os.Environ(), "COLUMNS=100", "RONDO_HOME=~/.rondo")
	c.Stderr = &problem
	out, err := c.Output()
	if err != nil {
		t.Fatalf("rondo %s: %v\n%s", strings.Join(args, " "), err, problem.Bytes())
	}
	return string(out)
}
