package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
)

// Holder is who holds a home: what stands in its lock file.
type Holder struct {
	PID     int    `json:"pid"`
	Address string `json:"address,omitempty"` // of its server; empty while a command runs in its own process
}

// lock is the one process lock of a home. The kernel frees it when the process ends, however it ends.
type lock struct{ file *os.File }

// A command that looks whether a server runs (Serving) holds the lock for an instant; a server waits that long for it.
const (
	lockTries = 20
	lockPause = 5 * time.Millisecond
)

func lockHome(ctx context.Context, home string) (*lock, error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, &rondo.Error{Kind: rondo.Unavailable, Field: home, Message: "the home cannot be made", Err: err}
	}
	f, err := os.OpenFile(filepath.Join(home, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &rondo.Error{Kind: rondo.Unavailable, Field: home, Message: "the home cannot be opened", Err: err}
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	for try := 1; try < lockTries && errors.Is(err, unix.EWOULDBLOCK); try++ {
		if err := (clock.Wall{}).Until(ctx, clock.Wall{}.Now().Add(lockPause)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &rondo.Error{Kind: rondo.Unavailable, Field: home, Message: "the home cannot be locked", Err: err}
		}
		holder, _ := ReadHolder(home)
		message := fmt.Sprintf("held by another rondo, process %d", holder.PID)
		if holder.Address != "" {
			message += " at " + holder.Address
		}
		return nil, &rondo.Error{Kind: rondo.Unavailable, Field: home, Message: message + "; stop it, or choose another --home"}
	}
	l := &lock{file: f}
	return l, l.write(Holder{PID: os.Getpid()})
}

func (l *lock) write(h Holder) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(b, 0)
	return err
}

func (l *lock) free() error { return l.file.Close() }

// ReadHolder reads who holds, or last held, a home. The zero Holder: nobody did.
func ReadHolder(home string) (Holder, error) {
	var h Holder
	b, err := os.ReadFile(filepath.Join(home, "lock"))
	if err != nil || len(b) == 0 {
		return h, err
	}
	return h, json.Unmarshal(b, &h)
}

// Serving is the address of a live server of that home; ok is false where none runs.
func Serving(home string) (address string, ok bool) {
	f, err := os.OpenFile(filepath.Join(home, "lock"), os.O_RDWR, 0)
	if err != nil {
		return "", false
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return "", false // nobody holds it: what it says is of a process that ended
	}
	h, err := ReadHolder(home)
	return h.Address, err == nil && h.Address != ""
}

const tokenFile = "token"

// ReadToken is the CLI's own token of a home. An empty file, which a full disk may have left, is no token.
func ReadToken(home string) (string, error) {
	b, err := os.ReadFile(filepath.Join(home, tokenFile))
	if err == nil && len(bytes.TrimSpace(b)) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", &rondo.Error{Kind: rondo.Denied, Field: filepath.Join(home, tokenFile), Message: "the token of this home cannot be read; make one with: rondo token new", Err: err}
	}
	return strings.TrimSpace(string(b)), nil
}

// writeToken writes the token whole or not at all.
func writeToken(home, token string) (err error) {
	f, err := os.CreateTemp(home, tokenFile+"-*") // readable by its owner alone
	if err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep the token: %w", errors.Join(err, os.Remove(f.Name())))
		}
	}()
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(home, tokenFile))
}
