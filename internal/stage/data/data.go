// Package data answers: where do rows come from, which are bad, and how are they split?
//
// Prepare reads the files of a declaration and the rows that were logged, runs the row program (package transform), drops
// exact repeats, quarantines what fails, computes history as it could be known (package history), splits, fits the
// transform on training rows alone and returns a rondo.Dataset. The bytes are objects; the formats are docs/formats/dataset.md.
//
// Order (D1): read, look up, time to UTC, exact repeats dropped, keys numbered in the order of the source, checks, derive,
// label, window, split, history, features. A logged row replaces a source row of the same key or content, and keeps the
// history it was served with (R3).
//
// Shapes: a part is its rows in order of (time, key, row hash), whatever order they were read in, so that equal rows give
// equal digests (D11); its matrix has the same rows in the same order. Units: instants are microseconds UTC. Missing: a row
// whose target is missing is left out and counted; a row whose outcome is not known by Now, or whose time is later, is
// counted as Open and never in a part.
//
// Errors: rondo.Invalid for what is wrong with declaration or files; rondo.Refused when the whole feed fails its batch
// checks (*FeedError has the numbers) or when training and test rows overlap; rondo.Unsupported beyond the limits.
package data

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/profile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/transform"
)

// program is the version of the preparing code (I8): it changes when the same rows would give another dataset.
const program = "data/1"

// Options are limits. Zero means the default.
type Options struct {
	Rows int    // the most rows read from source and log; 50 million
	Temp string // a folder for files on their way into the object store; the system's
}

// Preparer makes datasets. Safe for concurrent use.
type Preparer struct {
	engine  engine.Engine
	objects object.Store
	opt     Options

	mu    sync.Mutex
	spans map[string]int64 // by source: its newest row time
}

// New makes a preparer.
func New(eng engine.Engine, objects object.Store, opt Options) *Preparer {
	if opt.Rows == 0 {
		opt.Rows = 50_000_000
	}
	return &Preparer{engine: eng, objects: objects, opt: opt, spans: make(map[string]int64)}
}

// Request says what to prepare.
type Request struct {
	Spec *rondo.Spec
	Now  time.Time // only rows whose outcome is known by now are used
	// Window holds the row times wanted, the second excluded; zero: the newest Train.Window of them.
	Window [2]time.Time
	// Split parts the rows; nil: as declared. A refit on everything takes a split without a test part.
	Split *rondo.Split
	// Sample keeps this share of the rows, by hash of their keys, with the history that all rows make; 0 keeps all. The
	// newest window ends with the newest row that is kept.
	Sample float64
	// Logged are the rows from the log (label.Rows): inputs, lookups, number and history as served, and the target or the
	// columns it is derived from; a column "arrived" says when the outcome came.
	Logged iter.Seq2[*column.Table, error]
	// Profile is the profile that batch checks hold the source against; empty: they are not asked, and this dataset's
	// profile is the first.
	Profile rondo.Digest
	// Dry stops after the split: the dataset has counts and dates, and no bytes are kept. Logged is not read where it is nil.
	Dry bool
	// Lean makes transform and matrices only: for a model that scores and is never answered with (a probe, a backtest).
	Lean     bool
	Progress func(rows, total int64) // total -1: not known; may be nil
}

// FeedError says that a whole feed fails its batch checks.
type FeedError struct{ Failures []profile.Failure }

func (e *FeedError) Error() string {
	lines := make([]string, len(e.Failures))
	for i, f := range e.Failures {
		lines[i] = f.String()
	}
	return strings.Join(lines, "; ")
}

// preparation is one call of Prepare under way.
type preparation struct {
	*Preparer
	Request
	sourceID string // names the source's files as they are now
	rows     *transform.Rows
	lookedUp map[string]*column.Table
	history  *history.Set
	stock    *stock
	out      *rondo.Dataset
	reasons  map[string]int
	bad      *quarantine
}

// Prepare makes a dataset. Doing it twice gives the same digests, and puts no object twice.
func (p *Preparer) Prepare(ctx context.Context, r Request) (*rondo.Dataset, error) {
	if r.Split == nil {
		r.Split = &r.Spec.Data.Split
	}
	w := &preparation{Preparer: p, Request: r, stock: &stock{}, reasons: make(map[string]int), bad: &quarantine{},
		out: &rondo.Dataset{Model: r.Spec.Name, AsOf: r.Now, Program: program}}
	// 1. What is there, and does the declaration fit it?
	files, fields, total, err := p.source(ctx, r.Spec)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", r.Spec.Name, err)
	}
	if err := w.compile(ctx, fields); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", r.Spec.Name, err)
	}
	if w.sourceID, err = identify(files, &r.Spec.Data); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", r.Spec.Name, err)
	}
	if !r.Dry {
		if err := w.keepRows(ctx, fields); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", r.Spec.Name, err)
		}
	}
	for _, step := range []func(context.Context) error{
		w.readLogged, // 2. logged rows come first: they replace rows of the source
		func(ctx context.Context) error { // 3. rows, in the source's order, unless all are too old to matter
			if w.tooOld() {
				return nil
			}
			before := w.state()
			if err := w.readSource(ctx, files, fields, total); err != nil {
				return err
			}
			if w.remember(); w.tooOld() { // found out by reading it; the next one, and this one done again, will not
				w.restore(before)
			}
			return nil
		},
		w.checkFeed,  // 4. is the feed as a whole like those before it?
		w.finish,     // 5. which rows, in which part, with which history, transform and matrices
		w.quarantine, // 6. what was set aside, and why
	} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", r.Spec.Name, err)
		}
	}
	w.name()
	return w.out, nil
}

// compile reads the lookups and compiles row program and history.
func (w *preparation) compile(ctx context.Context, fields []engine.Field) error {
	spec := w.Spec
	lookups, err := w.lookups(ctx, spec)
	if err != nil {
		return err
	}
	schema := make(transform.Schema, len(fields))
	for i, f := range fields {
		schema[i] = transform.Field{Name: f.Name, Type: f.Type}
	}
	if t := spec.Data.Time; t != nil && t.Zone == "" && t.ZoneColumn == "" {
		for _, f := range fields {
			if f.Name == t.Column && f.Naive {
				return &rondo.Error{Kind: rondo.Invalid, Field: "data.time", Message: fmt.Sprintf(
					"%s holds local times without a zone; say which: zone: UTC, zone: America/New_York, or zone: {column: ...}", t.Column)}
			}
		}
	}
	if w.Split.By == rondo.ByTime && spec.Data.Time == nil {
		return &rondo.Error{Kind: rondo.Invalid, Field: "data.split.by", Message: "a split by time needs data.time; without one split by hash"}
	}
	if w.rows, err = transform.CompileRows(spec, schema, lookups); err != nil {
		return err
	}
	types := make(map[string]column.Type)
	signature := w.rows.Signature()
	for _, c := range signature.Columns {
		types[c.Name] = c.Type
	}
	w.lookedUp = lookups
	w.history, err = history.Compile(spec.Data.History, types)
	return err
}

// checkFeed holds the source against the profile of the rows before it.
func (w *preparation) checkFeed(ctx context.Context) error {
	if w.Profile == "" || len(w.Spec.Data.BatchChecks) == 0 {
		return nil
	}
	b, err := w.objects.Get(ctx, w.Profile)
	if err != nil {
		return fmt.Errorf("profile %s: %w", w.Profile.Short(), err)
	}
	before, err := profile.Parse(b)
	if err != nil {
		return err
	}
	refs := w.stock.refs(func(c *chunk, i int) bool { return !c.logged && c.bad[i] < 0 })
	if len(refs) == 0 {
		return nil
	}
	feed := &column.Table{}
	for _, text := range w.Spec.Data.BatchChecks {
		check, err := expr.ParseBatchCheck(text)
		if err != nil {
			return fmt.Errorf("batch check %q: %w", text, err)
		}
		if w.stock.has(check.Column) {
			feed.Set(check.Column, w.stock.take(check.Column, refs))
		}
	}
	failed, err := profile.CheckBatch(w.Spec.Data.BatchChecks, before, feed)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return &rondo.Error{Kind: rondo.Refused, Field: "data.batchChecks", Message: "the whole feed is set aside", Err: &FeedError{failed}}
	}
	return nil
}
