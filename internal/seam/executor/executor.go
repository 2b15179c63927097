// Package executor runs processes.
//
// The promise (executortest examines every implementation):
//   - A job has a deterministic name; at most one process group lives under it. Start of a name that lives is ErrRunning.
//   - Start with a higher attempt first kills what lives under an earlier attempt and confirms its end (I2, I7).
//   - After a restart of this program Adopt finds jobs that still live, or that ended unseen, with their exit status and
//     CPU seconds when they can still be known.
//   - A lower attempt than one that is known is refused with kind rondo.Conflict: no late ghosts.
//   - Limits hold: memory, wall time, output. A child that breaks one ends with the reason in its Result. A child that
//     outlasts its wall time is ended as by Stop; one that takes too much memory or writes too much is killed.
//   - Stop is SIGTERM, the grace period, then SIGKILL to the whole group. When Wait returns, the group is gone.
package executor

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrRunning is returned when a job of that name and attempt lives.
var ErrRunning = errors.New("job is running")

// ErrNotFound is returned for a name the executor knows nothing of.
var ErrNotFound = errors.New("no such job")

// Spec is a job.
type Spec struct {
	Name    string // [a-z0-9-]: made of cycle and step
	Attempt int
	Argv    []string
	Env     []string
	Dir     string // the job's folder; made if missing
	Stdin   io.Reader
	Limits  Limits
	// Line is called for each line of standard output, in order. Nil: lines go to the job's log only.
	Line func(line []byte)
}

// Limits of a job. Zero means the executor's default.
type Limits struct {
	Memory int64 // bytes of address space or cgroup memory
	Wall   time.Duration
	Output int64 // bytes of standard output and error together
	Grace  time.Duration
}

// Result is how a job ended.
type Result struct {
	Exit     int    // exit code; -1 when killed by a signal
	Signal   string // when killed
	Reason   string // "", "wall time", "memory", "output", "stopped", "lost"
	CPU      time.Duration
	CPUKnown bool
	Tail     []string // the last lines of standard error
}

// Job is a started job.
type Job interface {
	Wait(ctx context.Context) (Result, error) // ctx ends the wait, not the job
	Stop() error
	PID() int // of the job's process; 0 before it has started and when it is gone
}

// Executor runs jobs. Safe for concurrent use.
type Executor interface {
	Start(ctx context.Context, s Spec) (Job, error)
	// Adopt takes over the newest attempt of a job that an earlier life of this program started, living or ended. line
	// (or nil) is called for each line of standard output from the first on, as Spec.Line is.
	Adopt(ctx context.Context, name string, line func(line []byte)) (Job, int, error)
	// Sweep ends every job whose name the caller does not keep, and forgets it.
	Sweep(ctx context.Context, keep func(name string, attempt int) bool) error
}
