package app

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
)

// TestTheTokenIsMadeOnceAndAgainWhenItIsLost opens a home again and again: the owner is never locked out.
func TestTheTokenIsMadeOnceAndAgainWhenItIsLost(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	file := filepath.Join(home, tokenFile)
	open := func() (token string, first bool) {
		t.Helper()
		a, err := Open(t.Context(), Config{Home: home, Manual: true})
		if err != nil {
			t.Fatal(err)
		}
		if valid := *a.valid.Load(); len(valid) != 1 || valid[0].Name != "cli" {
			t.Errorf("the tokens are %v", valid)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode of the token's file: %v, %v", info.Mode(), err)
		}
		if kept, err := ReadToken(home); err != nil || kept != a.Token || kept == "" {
			t.Errorf("the file has %q, the token is %q: %v", kept, a.Token, err)
		}
		return a.Token, a.First
	}
	made, first := open()
	if !first {
		t.Error("the first start does not say so")
	}
	if again, first := open(); again != made || first {
		t.Errorf("token %q became %q; first: %v", made, again, first)
	}
	for name, damage := range map[string]func() error{
		"lost":  func() error { return os.Remove(file) },
		"empty": func() error { return os.WriteFile(file, nil, 0o600) },
		"blank": func() error { return os.WriteFile(file, []byte("\n"), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		again, first := open()
		if again == made || first {
			t.Errorf("%s: token %q again; first: %v", name, again, first)
		}
		made = again
	}
	if left, err := filepath.Glob(file + "-*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestWhoLooksForAServerKeepsNoneFromStarting looks, for twenty milliseconds, whether a server runs.
func TestWhoLooksForAServerKeepsNoneFromStarting(t *testing.T) {
	home := t.TempDir()
	looker, err := os.Create(filepath.Join(home, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(looker.Fd()), unix.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	var looking sync.WaitGroup
	looking.Go(func() {
		_ = clock.Wall{}.Until(t.Context(), clock.Wall{}.Now().Add(20*time.Millisecond))
		_ = looker.Close()
	})
	held, err := lockHome(t.Context(), home)
	looking.Wait()
	if err != nil {
		t.Fatal(err)
	}
	defer held.free()
	if _, err := lockHome(t.Context(), home); rondo.KindOf(err) != rondo.Unavailable || !strings.Contains(err.Error(), "held by another rondo") {
		t.Errorf("a home that is held: %v", err)
	}
}
