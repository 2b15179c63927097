package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/seam/executor"
)

const (
	orderFile   = "job.json"
	startedFile = "started.json"
	resultFile  = "result.json"
	resultRoom  = "result.part" // takes the room of the result before the child runs
	resultBytes = 4096
	stopFile    = "stop"
	killFile    = "kill"

	maxRecord   = 16 << 20               // bytes of a JSON record that is read
	killAnswer  = 2 * time.Second        // a supervisor that lives ends its job within this after "kill"
	confirmKill = 10 * time.Second       // SIGKILL has to work within this
	look        = 10 * time.Millisecond  // how often files and locks are looked at
	scanAgain   = 500 * time.Microsecond // between two looks at all processes
)

// order is what Start asks of a supervisor.
type order struct {
	Name    string          `json:"name"`
	Attempt int             `json:"attempt"`
	Path    string          `json:"path"`
	Argv    []string        `json:"argv"`
	Env     []string        `json:"env"`
	Dir     string          `json:"dir"`
	Stdin   bool            `json:"stdin"`
	Limits  executor.Limits `json:"limits"`
}

// ending is how a job ended, as its supervisor saw it.
type ending struct {
	Exit   int           `json:"exit"`
	Signal string        `json:"signal,omitempty"`
	Reason string        `json:"reason,omitempty"`
	CPU    time.Duration `json:"cpu"`
}

// folder is the folder of one attempt of one job.
type folder struct{ path string }

func (f folder) file(name string) string { return filepath.Join(f.path, name) }

// token is what every process of the job carries in its environment.
func (f folder) token() string { return tokenName + f.path }

// make writes all that a supervisor needs.
func (f folder) make(o order, stdin io.Reader) error {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return err
	}
	if stdin != nil {
		o.Stdin = true
		file, err := os.OpenFile(f.file("stdin"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, stdin)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("copy standard input: %w", err)
		}
	}
	return f.writeRecord(orderFile, o)
}

// writeRecord makes a JSON file that is there whole or not at all.
func (f folder) writeRecord(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	part := f.file(name + ".part")
	if err := os.WriteFile(part, b, 0o600); err != nil {
		return err
	}
	return os.Rename(part, f.file(name))
}

func (f folder) readRecord(name string, v any) error {
	file, err := os.Open(f.file(name))
	if err != nil {
		return err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxRecord))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", f.file(name), err)
	}
	return nil
}

func (f folder) readOrder() (o order, err error) {
	err = f.readRecord(orderFile, &o)
	return o, err
}

// takeRoom writes the result's bytes before there is a result.
func (f folder) takeRoom() (*os.File, error) {
	room, err := os.OpenFile(f.file(resultRoom), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := room.Write(bytes.Repeat([]byte{' '}, resultBytes)); err != nil {
		return nil, errors.Join(err, room.Close())
	}
	return room, room.Sync()
}

// writeResult makes the result durable in the room that was taken for it.
func (f folder) writeResult(room *os.File, end ending) error {
	b, err := json.Marshal(end)
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if _, err := room.WriteAt(b, 0); err != nil {
		return err
	}
	if err := room.Sync(); err != nil {
		return err
	}
	if err := os.Rename(room.Name(), f.file(resultFile)); err != nil {
		return err
	}
	dir, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// lock gives the folder's lock, held.
func (f folder) lock() (*os.File, error) {
	file, err := os.OpenFile(f.file("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.path, err), file.Close())
	}
	return file, nil
}

// supervised says whether a supervisor lives.
func (f folder) supervised() bool {
	file, err := os.Open(f.file("lock"))
	if err != nil {
		return false
	}
	defer file.Close() // gives the shared lock back
	return unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// ask leaves a word for the supervisor.
func (f folder) ask(name string) error {
	return os.WriteFile(f.file(name), nil, 0o600)
}

// has says whether the file is there.
func (f folder) has(name string) bool {
	_, err := os.Lstat(f.file(name))
	return err == nil
}

// end kills all of the job and returns when none of it is left. A supervisor that lives does it and measures; what it leaves,
// or what lost its supervisor, is found by its environment.
func (f folder) end(ctx context.Context) error {
	if f.supervised() {
		if err := f.ask(killFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for watch := clock.Start(); f.supervised() && watch.Elapsed() < killAnswer; {
			if err := pause(ctx, look/5); err != nil {
				return err
			}
		}
	}
	return f.killAll(ctx)
}

// killAll sends SIGKILL to whatever carries the token until two looks in a row find nothing: a process that starts
// another one was itself seen, and one in the middle of execve shows no environment for an instant.
func (f folder) killAll(ctx context.Context) error {
	f.killGroup()
	watch := clock.Start()
	for quiet := 0; quiet < 2; {
		found := carriersOf(f)
		for _, p := range found {
			p.kill()
		}
		quiet++
		if len(found) > 0 || f.supervised() {
			quiet = 0
		}
		if watch.Elapsed() > confirmKill {
			return fmt.Errorf("%d processes of %s survive SIGKILL", len(found), f.path)
		}
		if err := pause(ctx, scanAgain); err != nil {
			return err
		}
	}
	return nil
}

// killGroup kills the group of the recorded child while that child is its leader.
func (f folder) killGroup() {
	var child identity
	if f.readRecord(startedFile, &child) == nil && child.lives() {
		_ = unix.Kill(-child.PID, unix.SIGKILL)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	return clock.Wall{}.Until(ctx, clock.Wall{}.Now().Add(d))
}
