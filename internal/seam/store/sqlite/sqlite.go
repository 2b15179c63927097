// Package sqlite keeps store.Store in one SQLite file: one writer whose transactions share syncs, readers beside it.
//
// Durability: write-ahead log, synchronous=FULL. A Write that returned nil survives a kill and a power cut, as far as the
// disk keeps what it acknowledged. One flipped bit in the log can still lose acknowledged rows silently: SQLite stops
// replaying there. Files are 0600. A network file system is refused: the log needs shared memory.
//
// Group commit: each Write runs its f in its caller's goroutine inside a savepoint of the group's transaction, one after
// the other in order of arrival. Who finds nobody waiting behind it commits for all. So a failing or panicking f undoes
// its own savepoint only. A failed commit fails all Writes of its group, and so does a full or failing disk in the middle
// of one where SQLite takes the whole transaction back.
//
// Contexts: Write looks at ctx until f starts. An error of ctx from Write itself says that f never ran and never will.
// Once f runs the outcome is waited for, so no Write ends with an unknown outcome while the process lives.
//
// f must call neither Write nor Close of the same store: it would wait for itself.
//
// Errors: a full disk, a failing disk, a damaged or foreign file and a second process are rondo.Unavailable with the next
// move. After a full disk the store goes on when there is room. After a failed sync it refuses everything until it is
// opened again: what the kernel dropped then cannot be told from what it kept (Rebello et al., ATC 2020).
//
// The store takes no lock against a second process: who owns the folder does.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlstore"
)

// Options of a store; zero is right.
type Options struct {
	Readers int // most Reads at once; 0: one a core, at least 2
	Group   int // most Writes that share one sync; 0: 256
	// OnCommit is called just before the k-th commit with 2k-1 and just after it with 2k, before anybody hears of it. It
	// is for tests that die there.
	OnCommit func(n int)
}

// Store is an open database. Safe for concurrent use.
type Store struct {
	path    string
	clk     clock.Clock
	opt     Options
	writer  *sql.DB
	readers *sql.DB

	turn  turn
	conn  *sql.Conn // this and what follows belong to who holds the turn
	group *group    // nil: no transaction is open
	count int       // calls of OnCommit

	mu     sync.Mutex
	closed bool
	broken error // a failed sync
	inside sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// Open opens or makes the database at path, replays what a crash left in its log, and brings its schema forward.
func Open(ctx context.Context, path string, clk clock.Clock, opt Options) (*Store, error) {
	if opt.Readers <= 0 {
		opt.Readers = max(2, runtime.NumCPU())
	}
	if opt.Group <= 0 {
		opt.Group = 256
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database path: %w", err)
	}
	s := &Store{path: path, clk: clk, opt: opt}
	if err := s.open(ctx); err != nil {
		s.shut()
		return nil, fmt.Errorf("open database: %w", s.explain(err))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if err := makeFile(s.path); err != nil {
		return &rondo.Error{Kind: rondo.Unavailable, Message: "cannot open " + s.path + ": check that its folder is there and writable", Err: err}
	}
	if err := refuseNetwork(s.path); err != nil {
		return err
	}
	if s.writer, err = sql.Open("sqlite3", dsn(s.path, "&_txlock=immediate")); err != nil {
		return err
	}
	if s.conn, err = s.writer.Conn(ctx); err != nil {
		return err
	}
	// Checkpoints are ours: SQLite's own swallow the errors of their syncs.
	if _, err := s.conn.ExecContext(ctx, `pragma wal_autocheckpoint = 0; pragma journal_size_limit = 67108864;
		pragma fullfsync = 1; pragma checkpoint_fullfsync = 1`); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.readers, err = sql.Open("sqlite3", dsn(s.path, "&_query_only=1")); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(s.opt.Readers)
	s.readers.SetMaxIdleConns(s.opt.Readers)
	return nil
}

func dsn(path, more string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?mode=rw&_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000&_stmt_cache_size=128" + more
}

// makeFile makes an empty file for the owner alone, and its name durable.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (s *Store) migrate(ctx context.Context) error {
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := sqlstore.Migrate(ctx, tx, s.clk.Now()); err != nil {
		return err
	}
	return tx.Commit()
}

// enter counts a call in; every nil is followed by s.inside.Done.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return rondo.Errorf(rondo.Unavailable, "database %s is closed", s.path)
	}
	if s.broken != nil {
		return s.broken
	}
	s.inside.Add(1)
	return nil
}

// Read runs f on one snapshot, beside any writer. Writing in it is an error.
func (s *Store) Read(ctx context.Context, f func(store.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.inside.Done()
	tx, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin reading: %w", s.explain(err))
	}
	defer tx.Rollback()
	t := sqlstore.New(ctx, tx, s.clk.Now())
	defer t.End()
	err = f(t)
	if spoiled := t.Err(); err == nil && spoiled != nil {
		err = spoiled
	}
	return s.explain(err)
}

// Close waits for the calls inside and closes the file; what was waiting is done first.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	s.inside.Wait()
	if was {
		return nil
	}
	if err := s.shut(); err != nil {
		return fmt.Errorf("close database: %w", s.explain(err))
	}
	return nil
}

// shut closes what is open. The last connection moves the log into the file.
func (s *Store) shut() error {
	var errs []error
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	return errors.Join(errs...)
}
