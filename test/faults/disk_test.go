package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/smalldisk"
	"rondo.dev/rondo/internal/rondo"
)

// TestAFullDiskLosesNothing fills the disk of a server that is told and asked things, twice, the second time over an
// orderly end and a start; each time it goes on when there is room.
func TestAFullDiskLosesNothing(t *testing.T) {
	disk, inside := smalldisk.Enter(t, "24m")
	if !inside {
		return
	}
	home := aHome(t, disk)
	s := up(t, home)
	told := &telling{}
	for n := range 20 {
		if err := told.tell(t, s, "before", n); err != nil {
			t.Fatal(err)
		}
	}
	load := ask(t, s.client)
	ballast := fill(t, disk)
	// 1. Full: whoever tells is told so, whoever asks is answered.
	var refused error
	for n := 0; n < 100_000 && refused == nil; n++ {
		refused = told.tell(t, s, "full", 1000+n)
	}
	if refused == nil || rondo.KindOf(refused) != rondo.Unavailable || !strings.Contains(refused.Error(), "no space left") {
		t.Errorf("on a full disk: %v", refused)
	}
	t.Logf("on a full disk: %v", refused)
	load.goesOn(t, 100)
	if _, err := s.client.Rollback(t.Context(), model, "a test"); err == nil {
		t.Log("the small decision still had room")
	} else if rondo.KindOf(err) != rondo.Unavailable {
		t.Errorf("a decision on a full disk: %v", err)
	} else {
		t.Logf("a decision on a full disk: %v", err)
	}
	// 2. Room again: the same server goes on.
	room(t, ballast)
	if !within(10*time.Second, func() bool { return told.tell(t, s, "room", 200_000) == nil }) {
		t.Fatal("there is room, and the server does not go on")
	}
	load.stop()
	load.done.Wait()
	if err := load.failed.Load(); err != nil {
		t.Errorf("a question failed: %v", *err)
	}
	told.checked(t, s)
	// 3. Full at the end and at the start.
	ballast = fill(t, disk)
	s.end(t)
	code, said := command(t, "--home", home, "get", "routes")
	if strings.Contains(said, "panic") || code != 0 && !strings.Contains(said, "space") && !strings.Contains(said, "full") {
		t.Errorf("a command on a full disk, exit %d: %s", code, said)
	}
	t.Logf("a command on a full disk, exit %d: %s", code, said)
	room(t, ballast)
	s = up(t, home)
	told.checked(t, s)
	t.Logf("%d acknowledged requests are there", len(told.acked))
	s.stop(t)
}

// end tells the server to stop; on a full disk it may have something to say about it.
func (s *server) end(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	timer := time.AfterFunc(15*time.Second, func() { once.Do(func() { _ = s.cmd.Process.Kill() }) })
	defer timer.Stop()
	err := s.cmd.Wait()
	if strings.Contains(fmt.Sprint(err), "killed") || strings.Contains(s.errs.String(), "panic") {
		t.Errorf("the end on a full disk: %v\n%s", err, s.errs)
	}
	t.Logf("the end on a full disk: %v %s", err, s.errs)
}

// fill writes a file until there is no room, and gives its path.
func fill(t *testing.T, disk string) string {
	t.Helper()
	path := filepath.Join(disk, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; { // ever smaller pieces, to the last byte
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 4
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return path
}

func room(t *testing.T, ballast string) {
	t.Helper()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
}
