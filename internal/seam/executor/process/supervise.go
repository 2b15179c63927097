package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rondo.dev/rondo/internal/lib/clock"
)

const (
	lookAtMemory = 100 * time.Millisecond
	lookAtWords  = 20 * time.Millisecond
	lockFile     = 3 // the descriptor that Start hands over
)

// Main is the supervisor: `rondo supervise FOLDER`, not for people. It exits 0 when the job's end is written down,
// whatever that end was.
func Main(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "supervise: not for people; give the folder of one job")
		return 2
	}
	// The child dies with the thread that made it, so this thread has to stay.
	runtime.LockOSThread()
	s := &supervisor{folder: folder{args[0]}, overflow: make(chan struct{}, 1)}
	if err := s.run(); err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", err)
		return 1
	}
	return 0
}

// supervisor sees one child to its end.
type supervisor struct {
	folder folder
	order  order
	pid    int
	watch  clock.Stopwatch

	room     atomic.Int64 // bytes of output that may still be kept
	overflow chan struct{}
	copies   sync.WaitGroup

	reason string        // why it was ended; empty while nobody did
	termAt time.Duration // on watch: when the grace period began
	status unix.WaitStatus
}

func (s *supervisor) run() error {
	unix.CloseOnExec(lockFile)
	var err error
	if s.order, err = s.folder.readOrder(); err != nil {
		return err
	}
	s.room.Store(s.order.Limits.Output)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become reaper: %w", err)
	}
	room, err := s.folder.takeRoom()
	if err != nil {
		return err
	}
	defer room.Close()

	signals := make(chan os.Signal, 16) // caught, not ignored: what is ignored stays so in the child
	signal.Notify(signals, unix.SIGCHLD, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT)
	s.watch = clock.Start()
	end := ending{Exit: 127}
	if err := s.start(); err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		end.Reason = "start"
	} else {
		s.see(signals)
		s.clear()
		end = s.ending()
	}
	s.copies.Wait()
	return s.folder.writeResult(room, end)
}

// start starts the child in a group of its own.
func (s *supervisor) start() error {
	if err := os.MkdirAll(s.order.Dir, 0o700); err != nil {
		return err
	}
	stdin := os.DevNull
	if s.order.Stdin {
		stdin = s.folder.file("stdin")
	}
	in, err := os.Open(stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := s.keep("stdout")
	if err != nil {
		return err
	}
	defer out.Close()
	errOut, err := s.keep("stderr")
	if err != nil {
		return err
	}
	defer errOut.Close()
	if err := s.limit(); err != nil {
		return err
	}
	// Written first: without this file the child never ran.
	if err := s.folder.writeRecord(startedFile, identity{}); err != nil {
		return err
	}
	p, err := os.StartProcess(s.order.Path, s.order.Argv, &os.ProcAttr{
		Dir:   s.order.Dir,
		Env:   append([]string{s.folder.token()}, s.order.Env...),
		Files: []*os.File{in, out, errOut},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		fmt.Fprintln(errOut, err) // the job's own log says why
		return err
	}
	s.pid = p.Pid
	return s.folder.writeRecord(startedFile, identify(s.pid))
}

// limit sets what the child inherits.
func (s *supervisor) limit() error {
	data := uint64(s.order.Limits.Memory)*2 + 1<<30
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: data, Max: data}); err != nil {
		return fmt.Errorf("limit data: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit core: %w", err)
	}
	return nil
}

// keep gives the end of a pipe whose bytes go to a file of the folder while there is room.
func (s *supervisor) keep(name string) (*os.File, error) {
	file, err := os.OpenFile(s.folder.file(name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s.copies.Go(func() {
		defer file.Close()
		defer r.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Read(buf)
			s.write(file, buf[:n])
			if err != nil {
				return
			}
		}
	})
	return w, nil
}

// write keeps what there is room for. Bytes that cannot be kept end the job: a disk that is full does too.
func (s *supervisor) write(file io.Writer, b []byte) {
	left := s.room.Add(-int64(len(b)))
	fits := min(max(int64(len(b))+min(left, 0), 0), int64(len(b)))
	_, err := file.Write(b[:fits])
	if err != nil || left < 0 {
		select {
		case s.overflow <- struct{}{}:
		default: // already said
		}
	}
}

// see watches the child until its own end.
func (s *supervisor) see(signals <-chan os.Signal) {
	words, memory := time.NewTicker(lookAtWords), time.NewTicker(lookAtMemory)
	defer words.Stop()
	defer memory.Stop()
	for !s.ended() {
		select {
		case sig := <-signals:
			if sig == unix.SIGTERM { // the machine goes down
				s.terminate("stopped")
			}
		case <-s.overflow:
			s.kill("output")
		case <-memory.C:
			below := descendants(os.Getpid())
			if memoryOf(below) > s.order.Limits.Memory {
				s.kill("memory")
			}
			s.reapStrays(below)
		case <-words.C:
			s.listen()
		}
	}
}

// ended says whether the child has ended, and leaves it unwaited for: its group's number stays taken.
func (s *supervisor) ended() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, s.pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// reapStrays waits for descendants that lost their parents and have ended.
func (s *supervisor) reapStrays(below []int) {
	for _, pid := range below {
		if pid != s.pid {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // ECHILD: it has a parent that waits
		}
	}
}

// listen obeys the words in the folder and the clock.
func (s *supervisor) listen() {
	switch {
	case s.folder.has(killFile):
		s.kill("stopped")
	case s.folder.has(stopFile):
		s.terminate("stopped")
	case s.watch.Elapsed() > s.order.Limits.Wall:
		s.terminate("wall time")
	}
	if s.termAt > 0 && s.watch.Elapsed()-s.termAt > s.order.Limits.Grace {
		s.kill(s.reason)
	}
}

// terminate asks the group to end. The first reason counts.
func (s *supervisor) terminate(reason string) {
	if s.reason != "" {
		return
	}
	s.reason, s.termAt = reason, s.watch.Elapsed()
	_ = unix.Kill(-s.pid, unix.SIGTERM)
}

func (s *supervisor) kill(reason string) {
	if s.reason == "" {
		s.reason = reason
	}
	s.killTree()
}

// killTree kills the group and every descendant. All are safe to name: the child is not waited for yet, and what is below
// us stays a number of ours until we wait for it.
func (s *supervisor) killTree() {
	_ = unix.Kill(-s.pid, unix.SIGKILL)
	s.killStrays()
}

func (s *supervisor) killStrays() {
	for _, pid := range descendants(os.Getpid()) {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// clear ends what the child left behind, and waits for the child and all of them.
func (s *supervisor) clear() {
	s.killTree()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return // ECHILD: nothing is left
		case pid == s.pid:
			s.status = status
		}
		s.killStrays()
	}
}

func (s *supervisor) ending() ending {
	end := ending{Exit: s.status.ExitStatus(), Reason: s.reason}
	if s.status.Signaled() {
		end.Exit, end.Signal = -1, unix.SignalName(s.status.Signal())
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &usage); err != nil {
		fmt.Fprintln(os.Stderr, "usage:", err)
	}
	end.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	return end
}
