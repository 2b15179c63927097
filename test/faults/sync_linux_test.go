package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/door/cli"
	"rondo.dev/rondo/internal/rondo"
)

// TestALogThatCannotBeSyncedEndsTheServer takes the log's disk away under a server in this process: the file that it writes
// to becomes /dev/null, which cannot be synced. It ends by itself and says why; a start has all that was acknowledged.
func TestALogThatCannotBeSyncedEndsTheServer(t *testing.T) {
	home := aHome(t, "")
	out, in := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		code := cli.Main(ctx, []string{"--home", home, "-o", "json", "up", "--listen", "127.0.0.1:0"}, cli.Streams{In: strings.NewReader(""), Out: in, Err: &errs})
		in.Close()
		ended <- code
	}()
	var started struct{ Address string }
	said := json.NewDecoder(out)
	if err := said.Decode(&started); err != nil {
		t.Fatal(err)
	}
	last := make(chan string, 1)
	go func() {
		var failed struct{ Error string }
		_ = said.Decode(&failed) // what is missing in it is seen below
		last <- failed.Error
	}()
	token, err := app.ReadToken(home)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{client: api.NewClient(started.Address, token)}
	told := &telling{}
	for n := range 5 {
		if err := told.tell(t, s, "before", n); err != nil {
			t.Fatal(err)
		}
	}
	deafen(t, filepath.Join(home, "log"))
	if err := told.tell(t, s, "deaf", 5); rondo.KindOf(err) != rondo.Unavailable {
		t.Errorf("told a server that cannot sync: %v", err)
	}
	select {
	case code := <-ended:
		if code != 6 {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the server runs on")
	}
	if why := <-last; !strings.Contains(why, "could not be synced") || !strings.Contains(why, "next start") {
		t.Errorf("it said %q, and %s", why, &errs)
	}
	again := up(t, home)
	told.checked(t, again)
	if err := told.tell(t, again, "after", 6); err != nil {
		t.Error(err)
	}
	again.stop(t)
}

// deafen lets every file of a folder that this process writes to be /dev/null from now on.
func deafen(t *testing.T, dir string) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	deaf := 0
	for _, one := range all {
		path, err := os.Readlink(filepath.Join("/proc/self/fd", one.Name()))
		if err != nil || filepath.Dir(path) != dir {
			continue
		}
		var fd int
		if _, err := fmt.Sscan(one.Name(), &fd); err != nil {
			t.Fatal(err)
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_ACCMODE == unix.O_RDONLY {
			continue
		}
		if err := unix.Dup3(int(null.Fd()), fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		deaf++
	}
	if deaf != 1 {
		t.Fatalf("%d files of the log are written to", deaf)
	}
}
