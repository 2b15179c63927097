package transform

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/rondo"
)

// blockRows is how many rows one goroutine takes at a time.
const blockRows = 1 << 15

// Key names a row: XXH3-128 of the canonical values of its key columns, and of its running number where it has one
// (package rowhash).
type Key = rowhash.Key

// Frame is prepared rows. Rows that are bad are prepared as far as they can be: serving answers them, marked (R14).
type Frame struct {
	Table   *column.Table // raw, looked up, time, known, derived; the key's number once Number has run
	Keys    []Key         // nil until Number has run
	Base    []Key         // the key without its number
	Time    []int64       // nil when the model declares no time; 0 where it is unknown (the row is bad)
	Known   []int64       // as Time
	Zones   []*time.Location
	Bad     []int16 // -1, or which of Reasons it is that the row is not good
	Reasons []string
	Outside [][]string // per reason: the columns it is about
	Odd     int        // local times that exist twice or not at all, read by the rule of package zone
	Lost    int64      // derived values that are null by overflow, division by zero and the like
}

// Good are the rows that are not bad.
func (f *Frame) Good() []int32 {
	out := make([]int32, 0, len(f.Bad))
	for i, bad := range f.Bad {
		if bad < 0 {
			out = append(out, int32(i))
		}
	}
	return out
}

// Prepare runs over raw rows. Without outcome, label columns need not be there, and checks and derived columns that read
// them are left out.
func (r *Rows) Prepare(raw *column.Table, withOutcome bool) (*Frame, error) {
	if err := r.checkRaw(raw, withOutcome); err != nil {
		return nil, err
	}
	rows := raw.Rows()
	if rows <= blockRows {
		return r.prepare(raw, withOutcome)
	}
	blocks := make([]*Frame, (rows+blockRows-1)/blockRows)
	err := inBlocks(rows, func(from, to int) (err error) {
		blocks[from/blockRows], err = r.prepare(raw.Slice(from, to), withOutcome)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.join(raw, blocks), nil
}

// inBlocks runs f over all rows, block by block, on all processors.
func inBlocks(rows int, f func(from, to int) error) error {
	if rows <= blockRows {
		return f(0, rows)
	}
	var g errgroup.Group
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			for {
				from := int(next.Add(blockRows)) - blockRows
				if from >= rows {
					return nil
				}
				if err := f(from, min(from+blockRows, rows)); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

func (r *Rows) checkRaw(raw *column.Table, withOutcome bool) error {
	rows := raw.Rows()
	for _, c := range r.signature.Columns {
		if c.Origin != Request && (c.Origin != Label || !withOutcome) {
			continue
		}
		v := raw.Column(c.Name)
		switch {
		case v == nil:
			return invalid(c.Name, "the rows have no such column")
		case v.Type != c.Type:
			return invalid(c.Name, "is %s; it was %s when the model was compiled", v.Type, c.Type)
		case v.Len() != rows:
			return fmt.Errorf("prepare: column %q has %d rows of %d", c.Name, v.Len(), rows)
		}
	}
	return nil
}

// prepare runs the steps of D1 over one block.
func (r *Rows) prepare(raw *column.Table, withOutcome bool) (*Frame, error) {
	rows := raw.Rows()
	f := &Frame{Table: raw.Shallow(), Bad: make([]int16, rows), Reasons: r.reasons, Outside: r.outside}
	for i := range f.Bad {
		f.Bad[i] = -1
	}
	for _, l := range r.lookups {
		if err := l.join(f.Table, rows); err != nil {
			return nil, err
		}
	}
	if r.data.Time != nil {
		r.times(f, rows)
	}
	var err error
	if f.Base, err = r.Base(raw); err != nil {
		return nil, err
	}
	view := f.Table
	if t := r.data.Time; t != nil && t.Column != timeColumn {
		view = f.Table.Shallow()
		view.Set(t.Column, f.Table.Column(timeColumn))
	}
	env := expr.Env{Zones: f.Zones, Lost: &f.Lost}
	if err := r.check(f, view, env, withOutcome); err != nil {
		return nil, err
	}
	for i := range r.derived {
		d := &r.derived[i]
		if d.outcome && !withOutcome {
			continue
		}
		v, err := d.program.Eval(view, env)
		if err != nil {
			return nil, fmt.Errorf("derive %s: %w", d.name, err)
		}
		f.Table.Set(d.name, v)
		if view != f.Table {
			view.Set(d.name, v)
		}
	}
	if r.data.Time != nil {
		if err := r.knowns(f, view, env); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// check marks rows that fail a check; a check that is unknown fails. A check outweighs the reason that the time is
// missing, unless it reads the time: what a person declared says more.
func (r *Rows) check(f *Frame, view *column.Table, env expr.Env, withOutcome bool) error {
	checked := int16(r.firstCheck())
	for i := range r.checks {
		one := &r.checks[i]
		if one.outcome && !withOutcome {
			continue
		}
		v, err := one.program.Eval(view, env)
		if err != nil {
			return fmt.Errorf("%s: %w", r.reasons[one.reason], err)
		}
		for row, ok := range v.Bools {
			if ok && !v.IsNull(row) {
				continue
			}
			if f.Bad[row] < 0 || f.Bad[row] < checked && !one.timed {
				f.Bad[row] = int16(one.reason)
			}
		}
	}
	return nil
}

// firstCheck is the first reason that is a check; those before it are about time.
func (r *Rows) firstCheck() int {
	if len(r.checks) == 0 {
		return 0
	}
	return r.checks[0].reason
}

// knowns computes when each outcome can be known: with the row itself where nothing is declared.
func (r *Rows) knowns(f *Frame, view *column.Table, env expr.Env) error {
	v := f.Table.Column(timeColumn)
	if r.known != nil {
		var err error
		if v, err = r.known.Eval(view, env); err != nil {
			return fmt.Errorf("known: %w", err)
		}
		for i, known := range v.Ints {
			switch {
			case f.Bad[i] >= 0:
			case v.IsNull(i):
				f.Bad[i] = int16(r.knownText)
			case known <= f.Time[i]:
				f.Bad[i] = int16(r.laterText)
			}
		}
	}
	f.Table.Set(knownColumn, v)
	f.Known = v.Ints
	return nil
}

// join puts blocks together: raw columns as they are, the others copied.
func (r *Rows) join(raw *column.Table, blocks []*Frame) *Frame {
	rows := raw.Rows()
	out := &Frame{Table: raw.Shallow(), Reasons: r.reasons, Outside: r.outside, Bad: make([]int16, 0, rows), Base: make([]Key, 0, rows)}
	for _, name := range r.made() {
		if blocks[0].Table.Index(name) < 0 {
			continue // derived from the outcome, which is not there
		}
		parts := make([]*column.Vector, len(blocks))
		for i, b := range blocks {
			parts[i] = b.Table.Column(name)
		}
		out.Table.Set(name, concat(parts, rows))
	}
	for _, b := range blocks {
		out.Bad = append(out.Bad, b.Bad...)
		out.Base = append(out.Base, b.Base...)
		out.Odd += b.Odd
		out.Lost += b.Lost
	}
	if r.data.Time == nil {
		return out
	}
	out.Time = out.Table.Column(timeColumn).Ints
	out.Known = out.Table.Column(knownColumn).Ints
	if blocks[0].Zones != nil {
		out.Zones = make([]*time.Location, 0, rows)
		for _, b := range blocks {
			out.Zones = append(out.Zones, b.Zones...)
		}
	}
	return out
}

// made are the columns that prepare adds, in its order.
func (r *Rows) made() []string {
	var out []string
	for _, l := range r.lookups {
		out = append(out, l.names...)
	}
	if r.data.Time != nil {
		out = append(out, timeColumn)
	}
	for _, d := range r.derived {
		out = append(out, d.name)
	}
	if r.data.Time != nil {
		out = append(out, knownColumn)
	}
	return out
}

// concat is one vector of all parts, allocated once.
func concat(parts []*column.Vector, rows int) *column.Vector {
	out := column.New(parts[0].Type, rows)
	if slices.ContainsFunc(parts, func(v *column.Vector) bool { return v.Null != nil }) {
		out.Null = make([]bool, rows)
	}
	at := 0
	for _, v := range parts {
		copy(out.Bools[min(at, len(out.Bools)):], v.Bools)
		copy(out.Ints[min(at, len(out.Ints)):], v.Ints)
		copy(out.Floats[min(at, len(out.Floats)):], v.Floats)
		copy(out.Strings[min(at, len(out.Strings)):], v.Strings)
		if v.Null != nil {
			copy(out.Null[at:], v.Null)
		}
		at += v.Len()
	}
	return out
}

// Target is the outcome as the trainer reads it: bool, float64, or the class as text.
func (r *Rows) Target(t *column.Table) (*column.Vector, error) {
	v := t.Column(r.task.Target)
	if v == nil {
		return nil, fmt.Errorf("the rows have no target %q", r.task.Target)
	}
	switch {
	case r.task.Kind == rondo.Regression && v.Type == column.Int64:
		out := column.New(column.Float64, v.Len())
		for i, x := range v.Ints {
			out.Floats[i] = float64(x)
		}
		out.Null = v.Null
		return out, nil
	case r.task.Kind == rondo.Multiclass && v.Type != column.String:
		out := column.New(column.String, v.Len())
		for i := range out.Strings {
			if !v.IsNull(i) {
				out.Strings[i] = text(v, i)
			}
		}
		out.Null = v.Null
		return out, nil
	}
	return v, nil
}
