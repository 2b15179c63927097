package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/lib/smalldisk"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlite"
)

// The test binary is its own child: see TestMain.
const (
	childWrites = "RONDO_CHILD_WRITES" // number of writers
	childPath   = "RONDO_CHILD_PATH"
	childFirst  = "RONDO_CHILD_FIRST" // first row number
	childDies   = "RONDO_CHILD_DIES"  // at this call of OnCommit
)

func TestMain(m *testing.M) {
	if n := os.Getenv(childWrites); n != "" {
		if err := writeForEver(n); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForEver writes numbered rows and says each number after its Write has returned.
func writeForEver(n string) error {
	writers, err1 := strconv.Atoi(n)
	first, err2 := strconv.Atoi(os.Getenv(childFirst))
	dies, err3 := strconv.Atoi(os.Getenv(childDies))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	opt := sqlite.Options{OnCommit: func(n int) {
		if n == dies {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // dead from here
		}
	}}
	ctx := context.Background()
	s, err := sqlite.Open(ctx, os.Getenv(childPath), clock.Wall{}, opt)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for row := first + w; ; row += writers {
				if err = s.Write(ctx, putRow(row)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Println(row) // one write call: lines do not mix
			}
		})
	}
	all.Wait()
	return nil
}

func rowName(n int) string { return fmt.Sprintf("%08d", n) }

func putRow(n int) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Values().Put("m", rowName(n), bytes.Repeat([]byte{byte(n)}, 200)) }
}

// rows reads all numbered rows and checks their content.
func rows(t *testing.T, s store.Store) map[int]bool {
	t.Helper()
	there := map[int]bool{}
	err := s.Read(t.Context(), func(tx store.Tx) error {
		all, err := tx.Values().Range("m", "", "")
		for _, v := range all {
			n, err := strconv.Atoi(v.Name)
			if err != nil || len(v.Value) == 0 || v.Value[0] != byte(n) || v.Value[len(v.Value)-1] != byte(n) {
				t.Errorf("row %s is %d bytes, %v", v.Name, len(v.Value), err)
			}
			there[n] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}

func open(t *testing.T, path string, opt sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, clock.Wall{}, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// child writes from row first on until it is killed: by itself at a commit, or by the caller after so many lines.
func child(t *testing.T, path string, writers, first, dies, lines int) (acknowledged []int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childWrites+"="+strconv.Itoa(writers), childPath+"="+path,
		childFirst+"="+strconv.Itoa(first), childDies+"="+strconv.Itoa(dies))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for said := bufio.NewScanner(out); said.Scan(); {
		n, err := strconv.Atoi(said.Text())
		if err != nil {
			break // cut by the kill
		}
		if acknowledged = append(acknowledged, n); len(acknowledged) == lines {
			cmd.Process.Kill() // and read what it has said until then
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child ended by itself: %v\n%s", err, &stderr)
	}
	return acknowledged
}

func TestAcknowledgedRowsSurviveThirtyKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rondo.db")
	chance := seed.Seed(1).Rand("kills")
	var acknowledged []int
	for kill := range 30 {
		acknowledged = append(acknowledged, child(t, path, 4, kill*100_000, 0, 1+chance.IntN(150))...)
		s := open(t, path, sqlite.Options{})
		there := rows(t, s)
		for _, n := range acknowledged {
			if !there[n] {
				t.Fatalf("row %d was acknowledged and is gone after kill %d", n, kill)
			}
		}
		if more := len(there) - len(acknowledged); more > 4*(kill+1) {
			t.Fatalf("%d rows more than were acknowledged", more)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rows acknowledged", len(acknowledged))
}

// One writer dies before (odd) and after (even) each of its first commits: exactly the commits that were made are there.
func TestKilledAtEveryCommit(t *testing.T) {
	for n := 1; n <= 8; n++ {
		path := filepath.Join(t.TempDir(), "rondo.db")
		acknowledged := child(t, path, 1, 0, n, 0)
		there := rows(t, open(t, path, sqlite.Options{}))
		if len(there) != n/2 || len(acknowledged) != (n-1)/2 {
			t.Errorf("killed at call %d: %d rows are there, %d were acknowledged", n, len(there), len(acknowledged))
		}
	}
}

// wantUnavailable demands an error that names the place and a next move.
func wantUnavailable(t *testing.T, err error, path string) {
	t.Helper()
	if rondo.KindOf(err) != rondo.Unavailable || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), ": ") {
		t.Errorf("error %v", err)
	}
}

func TestFullDiskRefusesAndGoesOnWhenThereIsRoom(t *testing.T) {
	dir, inside := smalldisk.Enter(t, "6m")
	if !inside {
		return
	}
	ballast, path := filepath.Join(dir, "ballast"), filepath.Join(dir, "rondo.db")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, sqlite.Options{})
	big := func(n int) func(store.Tx) error {
		return func(tx store.Tx) error {
			return tx.Values().Put("m", rowName(n), bytes.Repeat([]byte{byte(n)}, 50_000))
		}
	}
	kept, mu := map[int]bool{}, sync.Mutex{}
	fill := func(first int) {
		var all sync.WaitGroup
		for w := range 4 {
			all.Go(func() {
				for row := first + w; ; row += 4 {
					if err := s.Write(t.Context(), big(row)); err != nil {
						wantUnavailable(t, err, path)
						return
					}
					mu.Lock()
					kept[row] = true
					mu.Unlock()
				}
			})
		}
		all.Wait()
	}
	same := func(when string) {
		there := rows(t, s)
		if len(there) != len(kept) {
			t.Fatalf("%s: %d rows are there, %d were kept", when, len(there), len(kept))
		}
	}
	fill(0)
	same("full")
	fill(100_000) // still full
	same("still full")
	full := len(kept)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	fill(200_000)
	same("full again")
	// Part of the room goes to a checkpoint that begins when the log is long and finds no room beside it.
	if len(kept) < full+8 {
		t.Errorf("%d rows before, %d after 3 MiB became free", full, len(kept))
	}
	if err := s.Close(); err != nil {
		t.Logf("close on a full disk: %v", err)
	}
	s = open(t, path, sqlite.Options{})
	same("reopened")
}

// shim makes fsync and fdatasync fail on files whose name ends in the text of the file that SYNC_FAILS names.
const shim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int broken(int fd) {
	char suffix[64] = "", link[64], name[4096] = "";
	const char *path = getenv("SYNC_FAILS");
	int f = path ? open(path, O_RDONLY) : -1;
	if (f < 0) return 0;
	ssize_t n = read(f, suffix, sizeof suffix - 1);
	close(f);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t m = readlink(link, name, sizeof name - 1);
	if (n <= 0 || m < n || strcmp(name + m - n, suffix)) return 0;
	errno = EIO;
	return 1;
}
int fsync(int fd) {
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	return broken(fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	return broken(fd) ? -1 : real(fd);
}
`

func TestAfterAFailedSyncNothingIsAcceptedUntilReopened(t *testing.T) {
	if os.Getenv("LD_PRELOAD") == "" {
		again(t)
		return
	}
	trigger := os.Getenv("SYNC_FAILS")
	for _, suffix := range []string{"-wal", ".db"} { // at a commit; at the checkpoint after a commit
		path := filepath.Join(t.TempDir(), "rondo.db")
		s := open(t, path, sqlite.Options{})
		if err := s.Write(t.Context(), putRow(1)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(trigger, []byte(suffix), 0o600); err != nil {
			t.Fatal(err)
		}
		err := s.Write(t.Context(), func(tx store.Tx) error { // long enough for a checkpoint
			return errors.Join(putRow(2)(tx), tx.Values().Put("big", "big", make([]byte, 20<<20)))
		})
		if suffix == "-wal" {
			wantUnavailable(t, err, path)
		} else if err != nil {
			t.Errorf("the commit itself was synced: %v", err)
		}
		if err := os.Remove(trigger); err != nil {
			t.Fatal(err)
		}
		never := func(store.Tx) error { t.Error("f ran after a failed sync"); return nil }
		wantUnavailable(t, s.Write(t.Context(), never), path)
		wantUnavailable(t, s.Read(t.Context(), never), path)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, sqlite.Options{})
		if err := s.Write(t.Context(), putRow(3)); err != nil {
			t.Fatal(err)
		}
		there := rows(t, s)
		if !there[1] || !there[3] || suffix == ".db" && !there[2] {
			t.Errorf("after a failed sync of %s and reopening: %v", suffix, there)
		}
	}
}

// again runs the calling test again with a C library whose syncs fail on demand.
func again(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	source, library := filepath.Join(dir, "shim.c"), filepath.Join(dir, "shim.so")
	if err := os.WriteFile(source, []byte(shim), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-o", library, source, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+library, "SYNC_FAILS="+filepath.Join(dir, "fails"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with failing syncs: %v\n%s", err, out)
	}
}
