package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/seam/executor"
)

const (
	maxLine   = 1 << 20 // bytes of a line that are handed on; the rest of it is left out
	tailLines = 50
	tailBytes = 64 << 10
	stopExtra = 5 * time.Second // after the grace period a supervisor has this long to end
)

// job follows one attempt from its folder, whoever started it.
type job struct {
	folder folder
	order  order
	line   func([]byte)

	mu       sync.Mutex
	stopping *clock.Stopwatch

	done   chan struct{} // closed when result and err are set
	result executor.Result
	err    error
}

// follow starts following. cmd is the supervisor where it is our child, so that it is waited for.
func (e *Executor) follow(f folder, o order, cmd *exec.Cmd, line func([]byte)) *job {
	j := &job{folder: f, order: o, line: line, done: make(chan struct{})}
	ended, signal := context.WithCancel(e.life)
	if cmd != nil {
		go func() { // ends with the supervisor; when this program ends first, init waits for it
			_ = cmd.Wait() // its status says nothing that its result does not say
			signal()
		}()
	}
	e.followers.Go(func() {
		defer signal()
		defer close(j.done)
		j.result, j.err = j.run(e.life, ended)
		if j.err == nil && j.result.Reason == "lost" {
			e.log.Warn("job was lost", "job", o.Name, "attempt", o.Attempt)
		}
	})
	return j
}

// run hands on lines until the job is over. ended cuts a pause short when the supervisor has ended.
func (j *job) run(life, ended context.Context) (executor.Result, error) {
	t := tail{path: j.folder.file("stdout"), line: j.line}
	defer t.close()
	for j.folder.supervised() {
		if life.Err() != nil {
			return executor.Result{}, ErrClosed
		}
		t.read()
		if j.overdue() {
			if err := j.folder.killAll(life); err != nil {
				return executor.Result{}, err
			}
		}
		if pause(ended, look) != nil && life.Err() == nil {
			_ = pause(life, time.Millisecond) // the supervisor has ended; its lock is free in an instant
		}
	}
	t.read()
	t.flush()
	return j.conclude(life)
}

// conclude reads the result, or finds out what can still be known.
func (j *job) conclude(ctx context.Context) (executor.Result, error) {
	var end ending
	err := j.folder.readRecord(resultFile, &end)
	switch {
	case err == nil:
		return executor.Result{
			Exit: end.Exit, Signal: end.Signal, Reason: end.Reason, CPU: end.CPU, CPUKnown: true, Tail: lastLines(j.folder.file("stderr")),
		}, nil
	case !errors.Is(err, os.ErrNotExist):
		return executor.Result{}, err
	}
	if err := j.folder.killAll(ctx); err != nil {
		return executor.Result{}, err
	}
	// started.json is there from before the child's first instruction: without it nothing was spent.
	return executor.Result{
		Exit: -1, Reason: "lost", CPUKnown: !j.folder.has(startedFile),
		Tail: append(lastLines(j.folder.file("stderr")), lastLines(j.folder.file("supervisor.log"))...),
	}, nil
}

// Wait waits for the end. The group is gone then.
func (j *job) Wait(ctx context.Context) (executor.Result, error) {
	select {
	case <-j.done:
		return j.result, j.err
	case <-ctx.Done():
		return executor.Result{}, ctx.Err()
	}
}

// Stop asks for the end; Wait tells when it came.
func (j *job) Stop() error {
	select {
	case <-j.done:
		return nil
	default:
	}
	j.mu.Lock()
	if j.stopping == nil {
		watch := clock.Start()
		j.stopping = &watch
	}
	j.mu.Unlock()
	if err := j.folder.ask(stopFile); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil // swept meanwhile
}

// overdue says whether the supervisor did not keep to the grace period.
func (j *job) overdue() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stopping != nil && j.stopping.Elapsed() > j.order.Limits.Grace+stopExtra
}

// PID is the child's number while it lives.
func (j *job) PID() int {
	var child identity
	if j.folder.readRecord(startedFile, &child) != nil || !child.lives() {
		return 0
	}
	return child.PID
}

// tail hands on the lines of a file that grows.
type tail struct {
	path string
	line func([]byte)
	file *os.File
	part []byte // of a line whose end has not come
}

func (t *tail) read() {
	if t.line == nil {
		return
	}
	if t.file == nil {
		var err error
		if t.file, err = os.Open(t.path); err != nil {
			return // not there yet, or never
		}
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := t.file.Read(buf)
		t.take(buf[:n])
		if err != nil || n == 0 {
			return
		}
	}
}

func (t *tail) take(b []byte) {
	for {
		line, rest, whole := bytes.Cut(b, []byte{'\n'})
		t.part = append(t.part, line[:min(len(line), maxLine-len(t.part))]...)
		if !whole {
			return
		}
		t.line(t.part)
		t.part, b = t.part[:0], rest
	}
}

// flush hands on a last line without an end.
func (t *tail) flush() {
	if len(t.part) > 0 {
		t.line(t.part)
		t.part = nil
	}
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
	}
}

// lastLines are the last lines of a file, from at most its last 64 KiB.
func lastLines(path string) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	from := max(size-tailBytes, 0)
	b, err := io.ReadAll(io.NewSectionReader(file, from, size-from))
	if err != nil {
		return nil
	}
	if from > 0 {
		_, b, _ = bytes.Cut(b, []byte{'\n'}) // the first line is cut
	}
	var lines []string
	for line := range bytes.Lines(b) {
		lines = append(lines, string(bytes.ToValidUTF8(bytes.TrimRight(line, "\r\n"), []byte("?"))))
	}
	return lines[max(len(lines)-tailLines, 0):]
}
