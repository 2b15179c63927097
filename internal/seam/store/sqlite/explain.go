package sqlite

import (
	"errors"

	"github.com/mattn/go-sqlite3"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// explain gives a driver's error the kind and the next move, and remembers a failed sync. Other errors stay.
func (s *Store) explain(err error) error {
	var cause sqlite3.Error
	if !errors.As(err, &cause) || rondo.KindOf(err) != "" {
		return err
	}
	unavailable := func(move string) error {
		return &rondo.Error{Kind: rondo.Unavailable, Message: "database " + s.path + " " + move, Err: err}
	}
	switch cause.ExtendedCode {
	case sqlite3.ErrIoErrFsync, sqlite3.ErrIoErrDirFsync:
		err = errors.Join(err, store.ErrBroken)
		broken := unavailable("could not be synced to its disk: check the disk, then start Rondo again; nothing is accepted until then")
		s.mu.Lock()
		if s.broken == nil {
			s.broken = broken
		}
		s.mu.Unlock()
		return broken
	case sqlite3.ErrIoErrSHMSize:
		return unavailable("cannot grow its shared memory: make room on its disk; Rondo goes on when there is some")
	}
	switch cause.Code {
	case sqlite3.ErrFull:
		return unavailable("has no room: make room on its disk; Rondo goes on when there is some, nothing of this was kept")
	case sqlite3.ErrIoErr:
		return unavailable("cannot be read or written: check its disk")
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return unavailable("is damaged or no database: restore a backup")
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return unavailable("is held by another process: stop it")
	case sqlite3.ErrCantOpen, sqlite3.ErrPerm:
		return unavailable("cannot be opened: check that its folder is there and writable")
	}
	return err
}
