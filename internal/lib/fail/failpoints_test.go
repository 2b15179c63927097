//go:build failpoints

package fail

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// passes is what the child of these tests does.
func passes() {
	for range 3 {
		At("store/commit")
		At("store/synced")
	}
}

func TestMain(m *testing.M) {
	if os.Getenv("RONDO_FAIL_CHILD") == "1" {
		passes()
		os.Exit(7)
	}
	os.Exit(m.Run())
}

// child runs passes in a process of its own: what it passed, and whether it was killed.
func child(t *testing.T, failAt string) (passed []string, killed bool) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "RONDO_FAIL_CHILD=1", "RONDO_FAIL="+failAt, "RONDO_FAIL_TRACE="+trace)
	err := c.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("%s: %v", failAt, err)
	}
	status := exit.Sys().(syscall.WaitStatus)
	killed = status.Signaled() && status.Signal() == syscall.SIGKILL
	if !killed && status.ExitStatus() != 7 {
		t.Fatalf("%s: %v", failAt, err)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text)), killed
}

func TestProgramDiesAtTheNamedPlaceAndTime(t *testing.T) {
	for failAt, passed := range map[string]int{"store/commit:1": 1, "store/commit:3": 5, "store/synced:1": 2, "*:4": 4, "*:6": 6} {
		if sites, killed := child(t, failAt); !killed || len(sites) != passed {
			t.Errorf("%s: killed %v after %v", failAt, killed, sites)
		}
	}
}

func TestProgramLivesWhereNothingIsNamed(t *testing.T) {
	for _, failAt := range []string{"", "store/commit", "store/commit:4", "store/commit:0", "store/commit:x", "store:1", "*:7", ":1"} {
		if sites, killed := child(t, failAt); killed || len(sites) != 6 || sites[0] != "store/commit" || sites[1] != "store/synced" {
			t.Errorf("%q: killed %v after %v", failAt, killed, sites)
		}
	}
}
