// Package executortest examines implementations of executor: every line of its promise is a test.
//
// Children are this test binary run again: TestMain of the examined package calls Child first, and passes its own command
// line on. A second executor over the same folder stands for the next life of the program.
package executortest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/executor"
)

// Open opens an executor over a folder. It is closed by its closer before the test ends.
type Open func(t *testing.T, dir string) executor.Executor

// Child runs as a job of the examination when args say so, and returns its exit code.
func Child(args []string) (code int, ok bool) {
	if len(args) < 3 || args[1] != "executortest-child" {
		return 0, false
	}
	switch args[2] {
	case "exit":
		fmt.Fprintln(os.Stderr, "about to exit")
		n, _ := strconv.Atoi(args[3])
		return n, true
	case "lines":
		n, _ := strconv.Atoi(args[3])
		for i := range n {
			fmt.Println("line", i)
		}
		fmt.Print("no end")
		return 0, true
	case "env":
		fmt.Println(os.Getenv("GREETING"))
		wd, _ := os.Getwd()
		fmt.Println(wd)
		return 0, true
	case "cat":
		b := make([]byte, 100)
		n, _ := os.Stdin.Read(b)
		fmt.Println(string(b[:n]))
		return 0, true
	case "sleep":
		fmt.Println("ready")
		wait(time.Minute)
		return 0, true
	case "deaf": // keeps a deaf child, too
		ch := make(chan os.Signal, 16)
		signal.Notify(ch, syscall.SIGTERM)
		if len(args) < 4 {
			c := exec.Command(args[0], args[1], "deaf", "alone")
			_ = c.Start()
		}
		fmt.Println("ready")
		wait(time.Minute)
		return 0, true
	case "polite":
		ch := make(chan os.Signal, 1)
		signal.Notify(ch, syscall.SIGTERM)
		fmt.Println("ready")
		<-ch
		return 75, true
	case "orphan": // leaves a process in a session of its own behind
		c := exec.Command(args[0], args[1], "sleep")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = c.Start()
		fmt.Println(c.Process.Pid)
		return 0, true
	case "hog":
		var kept [][]byte
		for range 400 {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			kept = append(kept, b)
			wait(2 * time.Millisecond)
		}
		return len(kept) % 2, true
	case "flood":
		line := strings.Repeat("x", 1000)
		for {
			fmt.Println(line)
		}
	case "spin":
		ms, _ := strconv.Atoi(args[3])
		for watch := clock.Start(); watch.Elapsed() < time.Duration(ms)*time.Millisecond; {
		}
		return 0, true
	}
	return 2, true
}

func wait(d time.Duration) {
	_ = clock.Wall{}.Until(context.Background(), clock.Wall{}.Now().Add(d))
}

// Quick keeps a child that was built with the race detector from sleeping a second at its end.
const Quick = "GORACE=atexit_sleep_ms=0"

// Spec is a job that runs a child of the examination.
func Spec(name string, attempt int, args ...string) executor.Spec {
	return executor.Spec{
		Name: name, Attempt: attempt, Argv: append([]string{os.Args[0], "executortest-child"}, args...),
		Env: []string{"GREETING=good morning", Quick}, Limits: executor.Limits{Grace: 200 * time.Millisecond},
	}
}

// Alive says whether a process of that number is there and is no zombie.
func Alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// Eventually waits until the condition holds, for ten seconds at most.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for watch := clock.Start(); !holds(); wait(5 * time.Millisecond) {
		if watch.Elapsed() > 10*time.Second {
			t.Fatal("never came true: " + what)
		}
	}
}

// End waits for a job's result.
func End(t *testing.T, j executor.Job) executor.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := j.Wait(ctx)
	if err != nil {
		t.Fatalf("wait: %v", err)
	}
	return r
}

func start(t *testing.T, e executor.Executor, s executor.Spec) executor.Job {
	t.Helper()
	j, err := e.Start(t.Context(), s)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return j
}

// ready waits until the job has said so.
func ready(t *testing.T, e executor.Executor, s executor.Spec) executor.Job {
	t.Helper()
	said := make(chan struct{}, 1)
	s.Line = func(line []byte) {
		if string(line) == "ready" {
			said <- struct{}{}
		}
	}
	j := start(t, e, s)
	Eventually(t, "the job is ready", func() bool { return len(said) > 0 })
	return j
}

// Run examines an implementation.
func Run(t *testing.T, open Open) {
	for name, f := range map[string]func(*testing.T, Open){
		"exit code, standard error and seconds are known": exits,
		"every line arrives in order":                     lines,
		"environment, folder and input are as asked":      surroundings,
		"a name lives once":                               once,
		"a higher attempt ends the lower":                 fences,
		"a lower attempt is refused":                      late,
		"stop lets a child finish":                        polite,
		"stop kills the deaf and what they started":       deaf,
		"memory has a limit":                              memory,
		"output has a limit":                              output,
		"wall time has a limit":                           wall,
		"nothing outlives its job":                        orphan,
		"a living job is adopted with all its lines":      adoptsLiving,
		"an ended job is adopted with its result":         adoptsEnded,
		"what is not kept is swept":                       sweeps,
		"nonsense is refused":                             refuses,
		"waiting can be given up":                         givesUp,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); f(t, open) })
	}
}

func exits(t *testing.T, open Open) {
	e := open(t, t.TempDir())
	r := End(t, start(t, e, Spec("a", 1, "exit", "7")))
	if r.Exit != 7 || r.Reason != "" || r.Signal != "" || !slices.Equal(r.Tail, []string{"about to exit"}) {
		t.Errorf("%+v", r)
	}
	r = End(t, start(t, e, Spec("b", 1, "spin", "300")))
	if r.Exit != 0 || !r.CPUKnown || r.CPU < 50*time.Millisecond || r.CPU > 20*time.Second {
		t.Errorf("a child that computed for 0.3 s: %+v", r)
	}
}

func lines(t *testing.T, open Open) {
	var got []string
	s := Spec("a", 0, "lines", "20000")
	s.Line = func(b []byte) { got = append(got, string(b)) }
	End(t, start(t, open(t, t.TempDir()), s))
	if len(got) != 20001 || got[20000] != "no end" {
		t.Fatalf("%d lines, the last %q", len(got), got[max(len(got)-1, 0):])
	}
	for i, line := range got[:20000] {
		if line != "line "+strconv.Itoa(i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

func surroundings(t *testing.T, open Open) {
	var got []string
	keep := func(b []byte) { got = append(got, string(b)) }
	e := open(t, t.TempDir())
	s := Spec("a", 1, "env")
	s.Line, s.Dir = keep, t.TempDir()+"/made"
	End(t, start(t, e, s))
	in := Spec("b", 1, "cat")
	in.Line, in.Stdin = keep, strings.NewReader("hello")
	End(t, start(t, e, in))
	if !slices.Equal(got, []string{"good morning", s.Dir, "hello"}) {
		t.Errorf("%q", got)
	}
}

func once(t *testing.T, open Open) {
	e := open(t, t.TempDir())
	j := ready(t, e, Spec("a", 1, "sleep"))
	if _, err := e.Start(t.Context(), Spec("a", 1, "sleep")); !errors.Is(err, executor.ErrRunning) {
		t.Errorf("second start: %v", err)
	}
	if !Alive(j.PID()) {
		t.Error("the first was disturbed")
	}
	_ = j.Stop()
	End(t, j)
	if r := End(t, start(t, e, Spec("a", 1, "exit", "0"))); r.Exit != 0 || r.Reason != "" {
		t.Errorf("a name whose job has ended is free: %+v", r)
	}
}

func fences(t *testing.T, open Open) {
	e := open(t, t.TempDir())
	old := ready(t, e, Spec("a", 1, "deaf"))
	pid := old.PID()
	r := End(t, start(t, e, Spec("a", 2, "exit", "0")))
	if r.Exit != 0 {
		t.Errorf("second attempt: %+v", r)
	}
	if Alive(pid) {
		t.Error("the first attempt lives")
	}
	if r := End(t, old); r.Reason != "stopped" || r.Signal == "" || !r.CPUKnown {
		t.Errorf("the first attempt ended so: %+v", r)
	}
}

func late(t *testing.T, open Open) {
	e := open(t, t.TempDir())
	j := ready(t, e, Spec("a", 3, "sleep"))
	if _, err := e.Start(t.Context(), Spec("a", 2, "exit", "0")); rondo.KindOf(err) != rondo.Conflict {
		t.Errorf("a late attempt: %v", err)
	}
	if !Alive(j.PID()) {
		t.Error("a late attempt ended the newer")
	}
	_ = j.Stop()
	End(t, j)
}

func polite(t *testing.T, open Open) {
	s := Spec("a", 1, "polite")
	s.Limits.Grace = 10 * time.Second
	j := ready(t, open(t, t.TempDir()), s)
	if err := j.Stop(); err != nil {
		t.Fatal(err)
	}
	if r := End(t, j); r.Exit != 75 || r.Reason != "stopped" {
		t.Errorf("%+v", r)
	}
	if err := j.Stop(); err != nil || j.PID() != 0 {
		t.Errorf("stopping what has ended: %v, pid %d", err, j.PID())
	}
}

func deaf(t *testing.T, open Open) {
	j := ready(t, open(t, t.TempDir()), Spec("a", 1, "deaf"))
	pid, watch := j.PID(), clock.Start()
	_ = j.Stop()
	r := End(t, j)
	if r.Exit != -1 || r.Signal != "SIGKILL" || r.Reason != "stopped" {
		t.Errorf("%+v", r)
	}
	if d := watch.Elapsed(); d < 200*time.Millisecond {
		t.Errorf("killed after %v, before the grace period ended", d)
	}
	if Alive(pid) || syscall.Kill(-pid, 0) == nil {
		t.Error("the group is there after Wait")
	}
}

func memory(t *testing.T, open Open) {
	s := Spec("a", 1, "hog")
	s.Limits.Memory = 64 << 20
	if r := End(t, start(t, open(t, t.TempDir()), s)); r.Reason != "memory" || r.Exit == 0 {
		t.Errorf("%+v", r)
	}
}

func output(t *testing.T, open Open) {
	s, kept := Spec("a", 1, "flood"), 0
	s.Limits.Output = 1 << 20
	s.Line = func(b []byte) { kept += len(b) + 1 }
	if r := End(t, start(t, open(t, t.TempDir()), s)); r.Reason != "output" || r.Exit == 0 {
		t.Errorf("%+v", r)
	}
	if kept < 1<<19 || kept > 1<<20+1 {
		t.Errorf("%d bytes kept of at most %d", kept, 1<<20)
	}
}

func wall(t *testing.T, open Open) {
	s := Spec("a", 1, "polite")
	s.Limits.Wall, s.Limits.Grace = 300*time.Millisecond, 10*time.Second
	if r := End(t, start(t, open(t, t.TempDir()), s)); r.Reason != "wall time" || r.Exit != 75 {
		t.Errorf("%+v", r)
	}
}

func orphan(t *testing.T, open Open) {
	pid := 0
	s := Spec("a", 1, "orphan")
	s.Line = func(b []byte) { pid, _ = strconv.Atoi(string(b)) }
	if r := End(t, start(t, open(t, t.TempDir()), s)); r.Exit != 0 || r.Reason != "" {
		t.Errorf("%+v", r)
	}
	if pid == 0 || Alive(pid) {
		t.Errorf("process %d outlived its job", pid)
	}
}

func adoptsLiving(t *testing.T, open Open) {
	dir := t.TempDir()
	first := ready(t, open(t, dir), Spec("a", 4, "polite"))
	said := make(chan string, 10)
	j, attempt, err := open(t, dir).Adopt(t.Context(), "a", func(b []byte) { said <- string(b) })
	if err != nil || attempt != 4 || j.PID() != first.PID() {
		t.Fatalf("%v, attempt %d", err, attempt)
	}
	if line := <-said; line != "ready" {
		t.Errorf("first line %q", line)
	}
	_ = j.Stop()
	if r := End(t, j); r.Exit != 75 {
		t.Errorf("%+v", r)
	}
}

func adoptsEnded(t *testing.T, open Open) {
	dir := t.TempDir()
	End(t, start(t, open(t, dir), Spec("a", 1, "exit", "3")))
	End(t, start(t, open(t, dir), Spec("a", 2, "exit", "4")))
	j, attempt, err := open(t, dir).Adopt(t.Context(), "a", nil)
	if err != nil || attempt != 2 {
		t.Fatalf("%v, attempt %d", err, attempt)
	}
	if r := End(t, j); r.Exit != 4 || !r.CPUKnown || len(r.Tail) != 1 {
		t.Errorf("%+v", r)
	}
	if _, _, err := open(t, dir).Adopt(t.Context(), "b", nil); !errors.Is(err, executor.ErrNotFound) {
		t.Errorf("unknown name: %v", err)
	}
}

func sweeps(t *testing.T, open Open) {
	dir := t.TempDir()
	e := open(t, dir)
	kept := ready(t, e, Spec("kept", 1, "sleep"))
	gone := ready(t, e, Spec("gone", 1, "deaf"))
	pid := gone.PID()
	End(t, start(t, e, Spec("ended", 1, "exit", "0")))
	if err := open(t, dir).Sweep(t.Context(), func(name string, attempt int) bool { return name == "kept" && attempt == 1 }); err != nil {
		t.Fatal(err)
	}
	if Alive(pid) || !Alive(kept.PID()) {
		t.Error("swept the wrong one, or not at all")
	}
	for _, name := range []string{"gone", "ended"} {
		if _, _, err := e.Adopt(t.Context(), name, nil); !errors.Is(err, executor.ErrNotFound) {
			t.Errorf("%s after the sweep: %v", name, err)
		}
	}
	_ = kept.Stop()
	End(t, kept)
}

func refuses(t *testing.T, open Open) {
	e := open(t, t.TempDir())
	for what, s := range map[string]executor.Spec{
		"a path":       Spec("../a", 1, "exit", "0"),
		"no name":      Spec("", 1, "exit", "0"),
		"upper case":   Spec("A", 1, "exit", "0"),
		"attempt -1":   Spec("a", -1, "exit", "0"),
		"no command":   {Name: "a", Attempt: 1},
		"no program":   {Name: "a", Attempt: 1, Argv: []string{"/no/such/program"}},
		"limit of -1":  {Name: "a", Attempt: 1, Argv: []string{os.Args[0]}, Limits: executor.Limits{Wall: -1}},
		"a dot as one": Spec(".", 1, "exit", "0"),
	} {
		if _, err := e.Start(t.Context(), s); rondo.KindOf(err) != rondo.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func givesUp(t *testing.T, open Open) {
	j := ready(t, open(t, t.TempDir()), Spec("a", 1, "sleep"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if !Alive(j.PID()) {
		t.Error("giving up the wait ended the job")
	}
	_ = j.Stop()
	End(t, j)
}
