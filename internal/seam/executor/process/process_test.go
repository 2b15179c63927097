package process

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/seam/executor"
	"rondo.dev/rondo/internal/seam/executor/executortest"
)

// TestMain is a supervisor, a server or a child when it is told to be.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(Main(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "server" {
		os.Exit(server(os.Args[2], os.Args[3:]))
	}
	if code, ok := executortest.Child(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// server starts one job and waits to be killed.
func server(dir string, args []string) int {
	e, err := New(self(), dir, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s := executortest.Spec("job", 1, args...)
	s.Line = func(line []byte) { fmt.Printf("job: %s\n", line) }
	fmt.Println("starting")
	j, err := e.Start(context.Background(), s)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("started")
	_, _ = j.Wait(context.Background())
	select {}
}

// self is this binary as a supervisor; under env, because a supervisor gets no environment.
func self() []string { return []string{"/usr/bin/env", executortest.Quick, os.Args[0], "supervise"} }

func open(t *testing.T, dir string) *Executor {
	t.Helper()
	e, err := New(self(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Sweep(context.Background(), func(string, int) bool { return false }); err != nil {
			t.Error(err)
		}
		e.Close()
	})
	return e
}

func TestPromise(t *testing.T) {
	executortest.Run(t, func(t *testing.T, dir string) executor.Executor { return open(t, dir) })
}

// served starts a server in a process of its own and waits for what it has to say.
func served(t *testing.T, dir, until string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"server", dir}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != until; {
	}
	return cmd
}

func kill9(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestJobOfAKilledServerIsAdopted(t *testing.T) {
	dir := t.TempDir()
	kill9(served(t, dir, "job: ready", "polite"))
	var lines []string
	j, attempt, err := open(t, dir).Adopt(t.Context(), "job", func(b []byte) { lines = append(lines, string(b)) })
	if err != nil || attempt != 1 {
		t.Fatalf("%v, attempt %d", err, attempt)
	}
	if !executortest.Alive(j.PID()) {
		t.Fatal("the job died with its server")
	}
	if err := j.Stop(); err != nil {
		t.Fatal(err)
	}
	if r := executortest.End(t, j); r.Exit != 75 || !r.CPUKnown || len(lines) != 1 {
		t.Errorf("%+v, lines %q", r, lines)
	}
}

func TestJobThatEndedUnseenIsAdoptedWithItsResult(t *testing.T) {
	dir := t.TempDir()
	kill9(served(t, dir, "started", "spin", "200"))
	j, _, err := open(t, dir).Adopt(t.Context(), "job", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := executortest.End(t, j); r.Exit != 0 || r.Reason != "" || !r.CPUKnown || r.CPU < 20*time.Millisecond {
		t.Errorf("%+v", r)
	}
}

func TestLostSupervisorTakesItsChildAlong(t *testing.T) {
	e := open(t, t.TempDir())
	said := make(chan bool, 1)
	s := executortest.Spec("job", 1, "deaf")
	s.Line = func([]byte) { said <- true }
	j, err := e.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	<-said
	pid := j.PID()
	executortest.Eventually(t, "the deaf child has its own child", func() bool { return len(carriersOf(e.folder("job", 1))) == 3 })
	for _, c := range carriersOf(e.folder("job", 1)) {
		if c.pid != pid && parent(c.pid) == os.Getpid() {
			_ = syscall.Kill(c.pid, syscall.SIGKILL)
		}
	}
	r := executortest.End(t, j)
	if r.Reason != "lost" || r.CPUKnown || r.Exit != -1 {
		t.Errorf("%+v", r)
	}
	if left := carriersOf(e.folder("job", 1)); len(left) > 0 || executortest.Alive(pid) {
		t.Errorf("left behind: %v", left)
	}
}

func parent(pid int) int {
	b, _ := os.ReadFile(proc(pid, "stat"))
	_, rest, _ := strings.Cut(string(b), ") ")
	n, _ := strconv.Atoi(strings.Fields(rest + " 0 0")[1])
	return n
}

func TestAFrozenSupervisorIsKilledAfterGrace(t *testing.T) {
	e := open(t, t.TempDir())
	j, err := e.Start(t.Context(), executortest.Spec("job", 1, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	executortest.Eventually(t, "the child runs", func() bool { return j.PID() > 0 })
	pid := j.PID()
	if err := syscall.Kill(parent(pid), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Start(t.Context(), executortest.Spec("job", 2, "exit", "0")); err != nil {
		t.Fatal(err)
	}
	if executortest.Alive(pid) {
		t.Error("the first attempt lives beside the second")
	}
}

// A stranger took the number of a child whose job was lost: nothing may happen to it.
func TestARecycledPidIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	stranger := exec.Command(os.Args[0], "executortest-child", "sleep")
	stranger.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer kill9(stranger)
	e := open(t, dir)
	f := e.folder("job", 1)
	if err := f.make(order{Name: "job", Attempt: 1}, nil); err != nil {
		t.Fatal(err)
	}
	old := identify(stranger.Process.Pid)
	old.Start = "17"
	b, _ := json.Marshal(old)
	if err := os.WriteFile(f.file(startedFile), b, 0o600); err != nil {
		t.Fatal(err)
	}
	j, _, err := e.Adopt(t.Context(), "job", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := executortest.End(t, j); r.Reason != "lost" || j.PID() != 0 {
		t.Errorf("%+v, pid %d", r, j.PID())
	}
	if err := e.Sweep(t.Context(), func(string, int) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if !executortest.Alive(stranger.Process.Pid) {
		t.Error("a stranger was killed")
	}
}

func TestProcessesWithoutAFolderAreSwept(t *testing.T) {
	e := open(t, t.TempDir())
	j, err := e.Start(t.Context(), executortest.Spec("job", 1, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	executortest.Eventually(t, "the child runs", func() bool { return j.PID() > 0 })
	pid := j.PID()
	if err := os.RemoveAll(filepath.Join(e.dir, "job")); err != nil {
		t.Fatal(err)
	}
	if err := e.Sweep(t.Context(), func(string, int) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if executortest.Alive(pid) {
		t.Error("it lives")
	}
}

// At any instant of its life a server may be killed: the next one finds the job running, ended, or never begun, and can
// start the next attempt with nothing of the first left.
func TestServersKilledAtRandomLoseNothing(t *testing.T) {
	const kills = 20
	rng := seed.Seed(3).Rand("kills")
	found, begun := 0, 0
	for i := range kills {
		dir := t.TempDir()
		cmd := served(t, dir, "starting", "spin", "50")
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(12_000))*time.Microsecond)
		<-ctx.Done()
		cancel()
		kill9(cmd)
		e := open(t, dir)
		j, _, err := e.Adopt(t.Context(), "job", nil)
		if err == nil {
			found++
			r := executortest.End(t, j)
			if lost := r.Reason == "lost" && r.CPUKnown && r.CPU == 0; !lost && (r.Exit != 0 || r.Reason != "" || !r.CPUKnown) {
				t.Fatalf("kill %d: %+v", i, r)
			}
			if r.CPU > 0 {
				begun++
			}
		}
		j, err = e.Start(t.Context(), executortest.Spec("job", 2, "exit", "0"))
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if r := executortest.End(t, j); r.Exit != 0 {
			t.Fatalf("kill %d: second attempt %+v", i, r)
		}
		if left := carriersOf(e.folder("job", 1)); len(left) > 0 {
			t.Fatalf("kill %d: %v of the first attempt live", i, left)
		}
	}
	t.Logf("%d kills: %d jobs found, %d of them had begun", kills, found, begun)
}

func TestSupervisorIsNotForPeople(t *testing.T) {
	if Main(nil) != 2 {
		t.Error("no folder, but no usage error")
	}
}
