// Package sqlstore holds the statements behind store.Tx, once, and the numbered schema they run on.
//
// A database's own package (sqlite) opens it, starts and ends transactions, and wraps each in New. Statements use "?"
// placeholders, "returning", partial indexes and "on conflict", which SQLite and PostgreSQL share.
//
// Units: instants are microseconds UTC, money micro-dollars, CPU nanoseconds. What is never searched is JSON.
// Missing: no row is store.ErrNotFound. An instant of making that the caller leaves zero (Cycle.Started, Decision.At,
// Entry.At, Version.Made, Token.Made) becomes Tx.Now.
// Errors: what a caller can act on is a sentinel of store or a *rondo.Error. Every other failure of a statement spoils
// the transaction: Err returns it, and the owner must roll back whatever f says.
package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// Conn runs statements inside a transaction that somebody else started: *sql.Conn and *sql.Tx are one.
type Conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Tx is one transaction's view of the words. Not safe for concurrent use.
type Tx struct {
	ctx   context.Context // of this one transaction: store.Tx has no other way to carry it
	conn  Conn
	now   time.Time
	err   error
	ended bool
}

var errEnded = errors.New("transaction has ended: a Tx must not be kept")

// New makes the view; now is the transaction's time. For writes ctx must never end: an interrupted statement would take
// the whole group's transaction with it.
func New(ctx context.Context, conn Conn, now time.Time) *Tx {
	return &Tx{ctx: ctx, conn: conn, now: now.UTC().Truncate(time.Microsecond)}
}

// Err is the first failure of a statement that no caller can act on, or nil.
func (t *Tx) Err() error { return t.err }

// End makes every later use an error.
func (t *Tx) End() { t.ended = true }

// Now is the transaction's time.
func (t *Tx) Now() time.Time { return t.now }

// Models are declarations.
func (t *Tx) Models() store.Models { return models{t} }

// Cycles are turns of the loop.
func (t *Tx) Cycles() store.Cycles { return cycles{t} }

// Steps are leased and fenced.
func (t *Tx) Steps() store.Steps { return steps{t} }

// Records never change.
func (t *Tx) Records() store.Records { return records{t} }

// Versions are trained artefacts, and the routes to them.
func (t *Tx) Versions() store.Versions { return versions{t} }

// Decisions are kept for ever.
func (t *Tx) Decisions() store.Decisions { return decisions{t} }

// Values are small named states.
func (t *Tx) Values() store.Values { return values{t} }

// Ledger is money by cause.
func (t *Tx) Ledger() store.Ledger { return ledger{t} }

// Tokens say who may speak.
func (t *Tx) Tokens() store.Tokens { return tokens{t} }

// spoil remembers the first failure and says what was being done.
func (t *Tx) spoil(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	if t.err == nil {
		t.err = err
	}
	return err
}

// exec runs a statement and returns how many rows it changed.
func (t *Tx) exec(what, query string, args ...any) (int, error) {
	if t.ended {
		return 0, errEnded
	}
	res, err := t.conn.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, t.spoil(what, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, t.spoil(what, err)
	}
	return int(n), nil
}

// insert runs an "insert ... on conflict do nothing": no row is store.ErrExists.
func (t *Tx) insert(what, query string, args ...any) error {
	n, err := t.exec("adding "+what, query, args...)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: %w", what, store.ErrExists)
	}
	return err
}

// change runs an update or delete of one row: none is store.ErrNotFound.
func (t *Tx) change(what, query string, args ...any) error {
	n, err := t.exec("changing "+what, query, args...)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	return err
}

type row interface{ Scan(dest ...any) error }

// list reads all rows of a query.
func list[T any](t *Tx, what string, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	if t.ended {
		return nil, errEnded
	}
	rows, err := t.conn.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, t.spoil("reading "+what, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, t.spoil("reading "+what, err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, t.spoil("reading "+what, err)
	}
	return all, nil
}

// one reads the only row of a query: none is store.ErrNotFound.
func one[T any](t *Tx, what string, scan func(row) (T, error), query string, args ...any) (T, error) {
	all, err := list(t, what, scan, query, args...)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	if err != nil {
		var none T
		return none, err
	}
	return all[0], nil
}

// newest reads with a query that ends in "order by seq desc limit ?" and returns the newest last; limit 0 is all.
func newest[T any](t *Tx, what string, limit int, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	if limit < 0 {
		return nil, rondo.Errorf(rondo.Invalid, "limit of %s is %d: use 0 for all", what, limit)
	}
	most := int64(limit)
	if limit == 0 {
		most = math.MaxInt64
	}
	all, err := list(t, what, scan, query, append(args, most)...)
	slices.Reverse(all)
	return all, err
}

func scanInt(r row) (n int, err error) {
	err = r.Scan(&n)
	return n, err
}

func scanText(r row) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}

// scanJSON reads a record.
func scanJSON[T any](r row) (*T, error) {
	var text []byte
	if err := r.Scan(&text); err != nil {
		return nil, err
	}
	v := new(T)
	return v, json.Unmarshal(text, v)
}

// toJSON makes a record's text; a NaN or a year beyond 9999 cannot be kept.
func toJSON(what string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", &rondo.Error{Kind: rondo.Invalid, Message: what + " cannot be kept as JSON", Err: err}
	}
	return string(b), nil
}

// made is at, or the transaction's time where at is zero.
func (t *Tx) made(at time.Time) time.Time {
	if at.IsZero() {
		return t.now
	}
	return at
}

func micros(at time.Time) int64 { return at.UnixMicro() }

func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }

// maybe is an instant that may not have come yet.
func maybe(us sql.NullInt64) *time.Time {
	if !us.Valid {
		return nil
	}
	at := instant(us.Int64)
	return &at
}

func maybeMicros(at *time.Time) sql.NullInt64 {
	if at == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: micros(*at), Valid: true}
}
