//go:build failpoints

package fail

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// child is what a test lets itself run as: it passes sites a, b, a, b, a, and ends.
const child = "RONDO_FAIL_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	for _, site := range []string{"a", "b", "a", "b", "a"} {
		At(site)
	}
}

func TestAtKillsAtTheNamedHitAndNoOther(t *testing.T) {
	for _, c := range []struct {
		fail   string
		passed string
	}{
		{"", "a\nb\na\nb\na\n"}, {"a:1", "a\n"}, {"a:3", "a\nb\na\nb\na\n"}, {"b:2", "a\nb\na\nb\n"}, {"*:2", "a\nb\n"},
		{"a:4", "a\nb\na\nb\na\n"}, {"c:1", "a\nb\na\nb\na\n"}, {"a:x", "a\nb\na\nb\na\n"},
	} {
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), child+"=1", "RONDO_FAIL="+c.fail, "RONDO_FAIL_TRACE="+trace)
		err := cmd.Run()
		killed := false
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			killed = exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		} else if err != nil {
			t.Fatal(err)
		}
		passed, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		want := c.fail == "a:1" || c.fail == "a:3" || c.fail == "b:2" || c.fail == "*:2"
		if killed != want || string(passed) != c.passed {
			t.Errorf("RONDO_FAIL=%s: killed %v, passed %q", c.fail, killed, passed)
		}
	}
}
