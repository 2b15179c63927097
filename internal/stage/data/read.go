package data

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"rondo.dev/rondo/internal/lib/ahead"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/transform"
)

// replaced marks, in chunk.bad, a row of the source that the log knows better. It is neither used nor quarantined.
const replaced = math.MaxInt16

// batch is a batch of rows with their hashes.
type batch struct {
	engine.Batch
	hash []transform.Key
}

// readSource prepares all rows of the source, in its order.
func (w *preparation) readSource(ctx context.Context, files []string, fields []engine.Field, total int64) error {
	types := make(map[string]column.Type, len(fields))
	for _, f := range fields {
		types[f.Name] = f.Type
	}
	logged := w.loggedRows()
	seen := newKeySet(int(min(max(total, 0), 1<<24)))
	numbers := transform.NewNumbers(0)
	for b, err := range ahead.Of(named(w.engine.Read(ctx, engine.Source{Files: files, Types: types})), 1) {
		if err != nil {
			return err
		}
		c, at, err := w.chunk(b, seen)
		if err != nil {
			return err
		}
		if err := w.rows.Number(c.Frame, numbers); err != nil {
			return err
		}
		for i := range c.bad {
			if logged.keys.has(c.Keys[i]) || logged.hashes.has(c.hash[i]) {
				c.bad[i] = replaced
				w.out.Repeats++
			}
		}
		w.setAside(c, b.File, at)
		w.stock.add(c)
		w.out.Read += b.Table.Rows()
		if w.out.Read > w.opt.Rows {
			return &rondo.Error{Kind: rondo.Unsupported, Field: "data.source", Message: fmt.Sprintf("more than %d rows", w.opt.Rows)}
		}
		if w.Progress != nil {
			w.Progress(int64(w.out.Read), total)
		}
	}
	return ctx.Err()
}

// named gives batches with the hashes of their rows.
func named(batches iter.Seq2[engine.Batch, error]) iter.Seq2[batch, error] {
	return func(yield func(batch, error) bool) {
		for b, err := range batches {
			one := batch{Batch: b}
			if err == nil {
				one.hash = transform.RowHashes(b.Table)
			}
			if !yield(one, err) {
				return
			}
		}
	}
}

// chunk prepares a batch without its exact repeats. at gives the row's number in its file, from 0.
func (w *preparation) chunk(b batch, seen *keySet) (c *chunk, at func(i int) int64, err error) {
	table, hash := b.Table, b.hash
	at = func(i int) int64 { return b.First + int64(i) }
	fresh := make([]int32, 0, len(hash))
	for i, h := range hash {
		if seen.add(h) {
			fresh = append(fresh, int32(i))
		}
	}
	if n := len(hash) - len(fresh); n > 0 {
		w.out.Repeats += n
		table = table.Take(fresh)
		kept := make([]transform.Key, len(fresh))
		for i, row := range fresh {
			kept[i] = hash[row]
		}
		hash = kept
		at = func(i int) int64 { return b.First + int64(fresh[i]) }
	}
	frame, err := w.rows.Prepare(table, true)
	if err != nil {
		return nil, nil, err
	}
	return &chunk{Frame: frame, hash: hash, bad: frame.Bad}, at, nil
}

// setAside counts the bad rows of a chunk and keeps them.
func (w *preparation) setAside(c *chunk, file string, at func(int) int64) {
	for i, bad := range c.bad {
		if bad >= 0 && bad != replaced {
			w.reasons[c.Reasons[bad]]++
			w.bad.add(w.rawNames(), c.Table, i, file, at(i), c.Reasons[bad])
		}
	}
}

// rawNames are the columns that sources and callers bring.
func (w *preparation) rawNames() []string {
	signature := w.rows.Signature()
	var out []string
	for _, c := range signature.Columns {
		if c.Origin == transform.Request || c.Origin == transform.Label || c.Origin == transform.Drop {
			out = append(out, c.Name)
		}
	}
	return out
}

// known rows of the log, by key and by content.
type loggedRows struct{ keys, hashes keySet }

func (w *preparation) loggedRows() *loggedRows {
	out := &loggedRows{}
	for _, c := range w.stock.chunks {
		for i := range c.bad {
			out.keys.add(c.Keys[i])
			out.hashes.add(c.hash[i])
		}
		for i := range c.letGo.keys {
			out.keys.add(c.letGo.keys[i])
			out.hashes.add(c.letGo.hashes[i])
		}
	}
	return out
}

// readLogged prepares the rows of the log. A row that was asked or sent twice counts once.
func (w *preparation) readLogged(ctx context.Context) error {
	if w.Logged == nil {
		return nil
	}
	var tables []*column.Table
	for t, err := range w.Logged {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("logged rows: %w", err)
		}
		tables = append(tables, t)
	}
	thin := w.mayThin(tables)
	chunks, errs := make([]*chunk, len(tables)), make([]error, len(tables))
	inParallel(len(tables), func(i int) { chunks[i], errs[i] = w.loggedChunk(tables[i], thin) })
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("logged rows: %w", err)
	}
	repeated := w.repeated(chunks)
	for i, c := range chunks {
		first := int64(w.out.Read)
		w.out.Read += tables[i].Rows()
		tables[i] = nil
		for i := range c.bad {
			if repeated[0][0] || repeated[1][0] {
				c.bad[i] = replaced
				w.out.Repeats++
			}
			repeated[0], repeated[1] = repeated[0][1:], repeated[1][1:]
		}
		w.setAside(c, "log", func(i int) int64 { return first + int64(i) })
		w.stock.add(c)
	}
	return ctx.Err()
}

// repeated finds rows that come again, by key and by content. Those inside the sample and those outside know nothing of each
// other, so that the sample is the same whether the others were read or not.
func (w *preparation) repeated(chunks []*chunk) (by [2][]bool) {
	rows := 0
	for _, c := range chunks {
		rows += len(c.bad)
	}
	names := [2]func(c *chunk) []transform.Key{func(c *chunk) []transform.Key { return c.Keys }, func(c *chunk) []transform.Key { return c.hash }}
	inParallel(len(by), func(n int) {
		by[n] = make([]bool, 0, rows)
		inside, outside := newKeySet(rows), newKeySet(0)
		for _, c := range chunks {
			for i, key := range names[n](c) {
				set := outside
				if w.wants(&c.Keys[i]) {
					set = inside
				}
				by[n] = append(by[n], !set.add(key))
			}
		}
	})
	return by
}

// loggedChunk prepares a table of the log: looked-up values and history are those that were served, and a target that was
// told outweighs one that is derived. A thin one has the rows of the sample alone.
func (w *preparation) loggedChunk(t *column.Table, thin bool) (*chunk, error) {
	raw, keys, err := w.rawLogged(t)
	if err != nil {
		return nil, err
	}
	var others letGo
	if thin {
		var keep []int32
		hashes := transform.RowHashes(raw)
		for i := range keys {
			if w.wants(&keys[i]) {
				keep = append(keep, int32(i))
			} else {
				others.keys, others.hashes = append(others.keys, keys[i]), append(others.hashes, hashes[i])
			}
		}
		t = t.Take(keep)
		if raw, keys, err = w.rawLogged(t); err != nil {
			return nil, err
		}
	}
	signature := w.rows.Signature()
	frame, err := w.rows.Prepare(raw, true)
	if err != nil {
		return nil, err
	}
	for _, name := range signature.Names(transform.Looked) {
		if v := t.Column(name); v != nil && v.Type == signature.Column(name).Type {
			frame.Table.Set(name, v)
		}
	}
	if err := tellTarget(frame.Table, t.Column(w.Spec.Task.Target), w.Spec.Task.Target); err != nil {
		return nil, err
	}
	frame.Keys = keys
	if k := w.Spec.Data.Key; k != nil && k.Number != "" {
		frame.Table.Set(k.Number, numberOf(t, k.Number))
	}
	c := &chunk{Frame: frame, hash: transform.RowHashes(raw), bad: slices.Clone(frame.Bad), logged: true, served: t, letGo: others}
	if v := t.Column("arrived"); v != nil && v.Type == column.Timestamp && frame.Known != nil {
		c.arrived = slices.Clone(frame.Known)
		for i, at := range v.Ints {
			if !v.IsNull(i) {
				c.arrived[i] = at
			}
		}
	}
	return c, nil
}

// rawLogged is what was asked and told of the rows of a table of the log, and their keys.
func (w *preparation) rawLogged(t *column.Table) (*column.Table, []transform.Key, error) {
	signature := w.rows.Signature()
	raw := &column.Table{}
	for _, name := range w.rawNames() {
		v := t.Column(name)
		if v == nil {
			v = column.AllNull(signature.Column(name).Type, t.Rows())
		}
		raw.Set(name, v)
	}
	keyed := raw
	if k := w.Spec.Data.Key; k != nil && k.Number != "" {
		keyed = raw.Shallow()
		keyed.Set(k.Number, numberOf(t, k.Number))
	}
	keys, err := w.rows.KeyOf(keyed)
	return raw, keys, err
}

// numberOf is the running number that logged rows were given; missing where there is none.
func numberOf(t *column.Table, name string) *column.Vector {
	if v := t.Column(name); v != nil {
		return v
	}
	return column.AllNull(column.Int64, t.Rows())
}

// tellTarget puts told values, where there are any, into the target column.
func tellTarget(t *column.Table, told *column.Vector, target string) error {
	now := t.Column(target)
	if told == nil || now == told {
		return nil
	}
	if now != nil && now.Type != told.Type {
		return &rondo.Error{Kind: rondo.Conflict, Field: target, Message: fmt.Sprintf("was told as %s and is %s", told.Type, now.Type)}
	}
	out := told.Slice(0, told.Len())
	if now != nil && told.Null != nil {
		merged := &column.Vector{Type: told.Type}
		if err := merged.Append(told); err != nil {
			return err
		}
		for i, null := range told.Null {
			if null && !now.IsNull(i) {
				merged.Null[i] = false
				setFrom(merged, now, i)
			}
		}
		out = merged
	}
	t.Set(target, out)
	return nil
}

// setFrom copies one value.
func setFrom(dst, src *column.Vector, i int) {
	switch dst.Type {
	case column.Bool:
		dst.Bools[i] = src.Bools[i]
	case column.Float64:
		dst.Floats[i] = src.Floats[i]
	case column.String:
		dst.Strings[i] = src.Strings[i]
	default:
		dst.Ints[i] = src.Ints[i]
	}
}
