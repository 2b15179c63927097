package sqlite

import (
	"context"
	"fmt"
	"runtime"

	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlstore"
)

// The log is moved into the file when it has this many pages and nobody waits, or when it has four times as many.
const checkpointPages = 1000

// group is the Writes of one transaction.
type group struct {
	members int           // whose f returned nil
	done    chan struct{} // closed when the outcome is known
	err     error         // the outcome
}

// Write runs f in the group's transaction and returns when its outcome is known.
func (s *Store) Write(ctx context.Context, f func(store.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.inside.Done()
	held, err := s.turn.take(ctx)
	if !held {
		return fmt.Errorf("waiting to write: %w", err)
	}
	g, err := s.join(err, f)
	if g == nil {
		return err
	}
	// Also where f failed: it may have read what earlier members wrote, and that is true only when they are committed.
	<-g.done
	if g.err != nil {
		return g.err
	}
	return err
}

// join runs f as a member of the open group, opening one where there is none, and returns f's error with the group. No
// group: f did not run. late is ctx's error when the turn came too late. The turn is given up in any case, also when f
// panics or ends its goroutine.
func (s *Store) join(late error, f func(store.Tx) error) (*group, error) {
	defer s.leave()
	if late != nil {
		return nil, fmt.Errorf("waiting to write: %w", late)
	}
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		return nil, broken
	}
	if s.group == nil {
		if err := s.exec(`begin immediate`); err != nil {
			return nil, fmt.Errorf("begin writing: %w", s.explain(err))
		}
		s.group = &group{done: make(chan struct{})}
	}
	g := s.group
	err := s.savepoint(f)
	if err == nil {
		g.members++
	}
	return g, err
}

// savepoint runs f so that it alone is undone when it fails or does not return.
func (s *Store) savepoint(f func(store.Tx) error) (err error) {
	if err := s.exec(`savepoint member`); err != nil {
		return s.undo(err)
	}
	t := sqlstore.New(context.Background(), s.conn, s.clk.Now())
	returned := false
	defer func() {
		t.End()
		if !returned {
			s.undo(t.Err())
		}
	}()
	err = f(t)
	returned = true
	if spoiled := t.Err(); spoiled != nil {
		explained := s.explain(spoiled)
		if err == nil {
			err = explained
		}
	}
	if err != nil {
		s.undo(t.Err())
		return s.explain(err)
	}
	if err := s.exec(`release member`); err != nil {
		return s.undo(err)
	}
	return nil
}

// undo rolls the savepoint back. Where SQLite has rolled back the whole transaction, as it may after a full disk, the
// group has failed by cause.
func (s *Store) undo(cause error) error {
	err := s.exec(`rollback to member; release member`)
	if err == nil {
		return s.explain(cause)
	}
	if cause == nil {
		cause = err
	}
	cause = s.explain(cause)
	_ = s.exec(`rollback`) // there may be no transaction left to roll back
	s.group.end(cause)
	s.group = nil
	return cause
}

func (g *group) end(err error) {
	g.err = err
	close(g.done)
}

// leave gives the turn up: to the next member while there is one, after the commit otherwise.
func (s *Store) leave() {
	if s.group != nil && s.group.members > 0 && s.group.members < s.opt.Group {
		runtime.Gosched() // whoever was released by the last commit may want to come along
		if s.turn.handOver() {
			return
		}
	}
	if g := s.group; g != nil {
		s.group = nil
		s.commit(g)
		s.checkpoint()
	}
	s.turn.release()
}

// commit ends the group's transaction; a group without members leaves no trace.
func (s *Store) commit(g *group) {
	if g.members == 0 {
		_ = s.exec(`rollback`) // nothing to lose
		g.end(nil)
		return
	}
	s.tell()
	err := s.exec(`commit`)
	if err != nil {
		err = fmt.Errorf("commit: %w", s.explain(err))
		_ = s.exec(`rollback`) // SQLite may have done so itself
	}
	s.tell()
	g.end(err)
}

func (s *Store) tell() {
	s.count++
	if s.opt.OnCommit != nil {
		s.opt.OnCommit(s.count)
	}
}

// checkpoint moves the log into the file when it is long enough. Readers may hold it back: then the next one does it. A
// failure is remembered by explain when it was a sync's, and else met again.
func (s *Store) checkpoint() {
	busy, pages, moved, err := s.walCheckpoint(`noop`)
	if err != nil || busy != 0 {
		_ = s.explain(err)
		return
	}
	if left := pages - moved; left < checkpointPages || s.turn.wanted() && left < 4*checkpointPages {
		return
	}
	if _, _, _, err := s.walCheckpoint(`passive`); err != nil {
		_ = s.explain(err)
	}
}

func (s *Store) walCheckpoint(mode string) (busy, pages, moved int, err error) {
	err = s.conn.QueryRowContext(context.Background(), `pragma wal_checkpoint = `+mode).Scan(&busy, &pages, &moved)
	return busy, pages, moved, err
}

func (s *Store) exec(statement string) error {
	_, err := s.conn.ExecContext(context.Background(), statement)
	return err
}
