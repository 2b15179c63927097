// Package process answers: how do child processes keep the promise of executor on one Linux machine?
//
// Each job has a folder, DIR/NAME/ATTEMPT, and a supervisor: this same binary run again, which calls Main. The supervisor
// is in a session of its own, so it and its child outlive a server that is killed, and the next server finds them:
//
//	job.json      what to run, written before anything is started
//	lock          flock held by the supervisor for its whole life, from before it runs: it lives while the lock is held
//	started.json  who the child is: pid, its start time and the boot, so that a recycled pid is recognised
//	stdin, stdout, stderr   what the child reads and wrote; Spec.Line follows stdout, so adoption sees every line
//	stop, kill    written by the server, seen by the supervisor: end it with grace, or at once
//	result.json   how it ended, with the CPU seconds of the child and all it waited for; its room is taken at the start,
//	              so a full disk cannot lose it
//
// All processes of a job carry RONDO_JOB=FOLDER in their environment. The name is deterministic, so no record is needed
// to find them, and no pid is trusted that was not checked in that moment: signals go through a pidfd after the
// environment behind it was read. The supervisor is the reaper of its descendants (PR_SET_CHILD_SUBREAPER): those that left
// the group are killed and counted too. When the supervisor itself is killed the kernel kills the child
// (PR_SET_PDEATHSIG), the rest is found by its environment, and the result is "lost" with CPU time unknown. A descendant
// that changed its environment, left the group, and outlived a killed supervisor is not found.
//
// Memory is what the whole tree holds (anonymous, shared and swapped; files that are mapped do not count), looked at
// every 100 ms: what exceeds the limit is killed. RLIMIT_AS would forbid the address space that Go and CUDA only reserve;
// RLIMIT_DATA at twice the limit and 1 GiB more stops one that grows faster than we look.
//
// Missing: CPUKnown is false where nobody could measure; a child that never started is a measured 0.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/executor"
)

// ErrClosed is returned by Wait when the executor was closed; the job lives on and can be adopted.
var ErrClosed = errors.New("executor is closed")

// Options of an executor.
type Options struct {
	Limits executor.Limits // what a job gets that names no limit; zero: see defaultLimits
	Log    *slog.Logger    // nil: none
}

// defaultLimits bound what nobody thought about.
var defaultLimits = executor.Limits{
	Memory: 8 << 30, Wall: 24 * time.Hour, Output: 64 << 20, Grace: 10 * time.Second,
}

// Executor runs jobs as child processes.
type Executor struct {
	self   []string
	dir    string
	limits executor.Limits
	log    *slog.Logger

	mu        sync.Mutex // one Start, Adopt or Sweep at a time
	followers sync.WaitGroup
	life      context.Context
	end       context.CancelFunc
}

// New makes an executor. self is the command that leads to Main, to which the job's folder is added; dir is made if missing.
func New(self []string, dir string, opt Options) (*Executor, error) {
	if len(self) == 0 {
		return nil, errors.New("executor: no command that supervises")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("executor folder: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, rondo.Errorf(rondo.Unavailable, "executor folder: %w", err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, fmt.Errorf("executor folder: %w", err)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	life, end := context.WithCancel(context.Background())
	limits := withDefaults(opt.Limits, defaultLimits)
	return &Executor{self: slices.Clone(self), dir: abs, limits: limits, log: opt.Log, life: life, end: end}, nil
}

func withDefaults(l, d executor.Limits) executor.Limits {
	if l.Memory == 0 {
		l.Memory = d.Memory
	}
	if l.Wall == 0 {
		l.Wall = d.Wall
	}
	if l.Output == 0 {
		l.Output = d.Output
	}
	if l.Grace == 0 {
		l.Grace = d.Grace
	}
	return l
}

// Start starts a job.
func (e *Executor) Start(ctx context.Context, s executor.Spec) (executor.Job, error) {
	o, err := e.order(s)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.life.Err() != nil {
		return nil, ErrClosed
	}
	if err := e.fence(ctx, s.Name, s.Attempt); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	f := e.folder(s.Name, s.Attempt)
	if err := f.make(o, s.Stdin); err != nil {
		return nil, rondo.Errorf(rondo.Unavailable, "start %s: %w", s.Name, err)
	}
	cmd, err := e.supervise(f)
	if err != nil {
		return nil, rondo.Errorf(rondo.Unavailable, "start supervisor of %s: %w", s.Name, err)
	}
	return e.follow(f, o, cmd, s.Line), nil
}

func (e *Executor) order(s executor.Spec) (order, error) {
	if !validName(s.Name) || s.Attempt < 0 {
		return order{}, rondo.Errorf(rondo.Invalid, "job %q, attempt %d: a name is of a-z, 0-9 and -, an attempt is not negative", s.Name, s.Attempt)
	}
	if len(s.Argv) == 0 {
		return order{}, rondo.Errorf(rondo.Invalid, "job %s: no command", s.Name)
	}
	if s.Limits.Memory < 0 || s.Limits.Wall < 0 || s.Limits.Output < 0 || s.Limits.Grace < 0 {
		return order{}, rondo.Errorf(rondo.Invalid, "job %s: a limit is negative", s.Name)
	}
	path, err := exec.LookPath(s.Argv[0])
	if err != nil {
		return order{}, rondo.Errorf(rondo.Invalid, "job %s: %w", s.Name, err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return order{}, fmt.Errorf("job %s: %w", s.Name, err)
	}
	dir := s.Dir
	if dir == "" {
		dir = filepath.Join(e.folder(s.Name, s.Attempt).path, "work")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return order{}, fmt.Errorf("job %s: %w", s.Name, err)
	}
	return order{
		Name: s.Name, Attempt: s.Attempt, Path: path, Argv: s.Argv, Env: s.Env, Dir: dir,
		Limits: withDefaults(s.Limits, e.limits),
	}, nil
}

// fence makes room for an attempt: earlier ones are over when it returns nil.
func (e *Executor) fence(ctx context.Context, name string, attempt int) error {
	attempts, err := e.attempts(name)
	if err != nil {
		return err
	}
	if n := len(attempts); n > 0 && attempts[n-1] > attempt {
		return rondo.Errorf(rondo.Conflict, "attempt %d is late: attempt %d exists", attempt, attempts[n-1])
	}
	for _, a := range attempts {
		f := e.folder(name, a)
		if a == attempt && f.supervised() {
			return executor.ErrRunning
		}
		if err := f.end(ctx); err != nil {
			return fmt.Errorf("end attempt %d: %w", a, err)
		}
	}
	return os.RemoveAll(e.folder(name, attempt).path)
}

// supervise starts a supervisor that holds the folder's lock from before its first instruction.
func (e *Executor) supervise(f folder) (*exec.Cmd, error) {
	lock, err := f.lock()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	log, err := os.OpenFile(f.file("supervisor.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(e.self[0], append(slices.Clone(e.self[1:]), f.path)...)
	cmd.Env = []string{f.token()}
	cmd.Dir = "/"
	cmd.Stderr = log
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

// Adopt takes over the newest attempt of a job.
func (e *Executor) Adopt(_ context.Context, name string, line func([]byte)) (executor.Job, int, error) {
	if !validName(name) {
		return nil, 0, rondo.Errorf(rondo.Invalid, "job %q: a name is of a-z, 0-9 and -", name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.life.Err() != nil {
		return nil, 0, ErrClosed
	}
	attempts, err := e.attempts(name)
	if err != nil {
		return nil, 0, fmt.Errorf("adopt %s: %w", name, err)
	}
	for _, a := range slices.Backward(attempts) {
		f := e.folder(name, a)
		o, err := f.readOrder()
		if errors.Is(err, os.ErrNotExist) {
			continue // killed before the order was written: it never was
		}
		if err != nil {
			return nil, 0, fmt.Errorf("adopt %s: %w", name, err)
		}
		return e.follow(f, o, nil, line), a, nil
	}
	return nil, 0, fmt.Errorf("adopt %s: %w", name, executor.ErrNotFound)
}

// Sweep ends and forgets every job that is not kept, and processes of jobs whose folder is gone.
func (e *Executor) Sweep(ctx context.Context, keep func(name string, attempt int) bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	names, err := os.ReadDir(e.dir)
	if err != nil {
		return fmt.Errorf("sweep jobs: %w", err)
	}
	var errs []error
	for _, n := range names {
		if !n.IsDir() || !validName(n.Name()) {
			continue
		}
		errs = append(errs, e.sweepName(ctx, n.Name(), keep))
	}
	for _, p := range carriers(e.dir) {
		name, attempt, ok := e.split(p.folder)
		if ok && !keep(name, attempt) {
			errs = append(errs, folder{p.folder}.end(ctx))
		}
	}
	return errors.Join(errs...)
}

func (e *Executor) sweepName(ctx context.Context, name string, keep func(string, int) bool) error {
	attempts, err := e.attempts(name)
	if err != nil {
		return fmt.Errorf("sweep %s: %w", name, err)
	}
	kept := 0
	for _, a := range attempts {
		if keep(name, a) {
			kept++
			continue
		}
		f := e.folder(name, a)
		if err := f.end(ctx); err != nil {
			return fmt.Errorf("sweep %s, attempt %d: %w", name, a, err)
		}
		if err := os.RemoveAll(f.path); err != nil {
			return fmt.Errorf("sweep %s, attempt %d: %w", name, a, err)
		}
	}
	if kept > 0 {
		return nil
	}
	if err := os.Remove(filepath.Join(e.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("sweep %s: %w", name, err)
	}
	return nil
}

// Close stops following jobs; the jobs live on.
func (e *Executor) Close() error {
	e.mu.Lock()
	e.end()
	e.mu.Unlock()
	e.followers.Wait()
	return nil
}

func (e *Executor) folder(name string, attempt int) folder {
	return folder{filepath.Join(e.dir, name, strconv.Itoa(attempt))}
}

// split is the inverse of folder.
func (e *Executor) split(path string) (name string, attempt int, ok bool) {
	dir, last := filepath.Split(path)
	attempt, err := strconv.Atoi(last)
	if err != nil {
		return "", 0, false
	}
	name = filepath.Base(dir)
	return name, attempt, validName(name) && e.folder(name, attempt).path == path
}

// attempts are those that have a folder, ascending.
func (e *Executor) attempts(name string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(e.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var attempts []int
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil && n >= 0 && entry.Name() == strconv.Itoa(n) {
			attempts = append(attempts, n)
		}
	}
	slices.Sort(attempts)
	return attempts, nil
}

func validName(s string) bool {
	if s == "" || len(s) > 200 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

var _ executor.Executor = (*Executor)(nil)
var _ io.Closer = (*Executor)(nil)
