package data

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// partNames are the parts in order.
var partNames = [...]rondo.PartName{rondo.TrainPart, rondo.ValidationPart, rondo.TestPart}

// finish chooses rows, computes history, splits, fits and writes.
func (w *preparation) finish(ctx context.Context) error {
	seen, mature := w.choose()
	if len(mature) == 0 {
		return &rondo.Error{Kind: rondo.Invalid, Field: "data.source", Message: fmt.Sprintf(
			"no row whose outcome is known by %s: %d rows read, %d too young, %d set aside", w.Now.UTC().Format(time.RFC3339), w.out.Read, w.out.Open, w.aside())}
	}
	from, to := w.window(mature)
	refs := mature[:0]
	for _, r := range mature {
		if t := w.stock.time(r); t >= from && t < to {
			refs = append(refs, r)
		}
	}
	refs = w.stock.sort(refs)
	if w.Spec.Data.Time != nil {
		w.out.From, w.out.To = time.UnixMicro(from).UTC(), time.UnixMicro(to).UTC()
	}
	parts := w.split(refs, from, to)
	if err := w.overlap(refs, parts); err != nil {
		return err
	}
	if w.Dry {
		w.count(refs, parts)
		return nil
	}
	if !w.Lean {
		if err := w.facts(ctx, seen); err != nil {
			return err
		}
	}
	for _, c := range w.stock.chunks {
		c.hash, c.Base = nil, nil // all is sorted and split
	}
	past, err := w.pasts(seen, refs)
	if err != nil {
		return err
	}
	if w.Lean {
		return w.fitOn(ctx, w.groups(refs, past, parts))
	}
	return w.fit(ctx, refs, past, parts)
}

// count describes the parts without making them: what a plan shows.
func (w *preparation) count(refs []ref, parts []int8) {
	w.out.Parts = make([]rondo.Part, len(partNames))
	for p, name := range partNames {
		w.out.Parts[p].Name = name
	}
	for i, r := range refs { // in order of time
		if parts[i] < 0 {
			continue
		}
		part := &w.out.Parts[parts[i]]
		if part.Rows++; w.Spec.Data.Time == nil {
			continue
		}
		at := time.UnixMicro(w.stock.time(r)).UTC()
		if part.Rows == 1 {
			part.From = at
		}
		part.To = at
	}
}

func (w *preparation) aside() (rows int) {
	for _, n := range w.reasons {
		rows += n
	}
	return rows
}

// choose finds the rows that history may see (good, and begun by now) and among them the mature ones of the sample: outcome
// known by now, target not missing.
func (w *preparation) choose() (seen, mature []ref) {
	now := w.Now.UnixMicro()
	timed := w.Spec.Data.Time != nil
	unlabelled := 0
	targets := make([]*column.Vector, len(w.stock.chunks))
	for i, c := range w.stock.chunks {
		targets[i] = c.Table.Column(w.Spec.Task.Target)
	}
	for n, c := range w.stock.chunks {
		for i, bad := range c.bad {
			r := ref{int32(n), int32(i)}
			switch {
			case bad >= 0:
				continue
			case timed && c.Time[i] > now:
				w.out.Open++
				continue
			}
			seen = append(seen, r)
			switch {
			case timed && c.Known[i] > now:
				w.out.Open++
			case targets[n] == nil || targets[n].IsNull(i):
				unlabelled++
			case w.wants(&c.Keys[i]):
				mature = append(mature, r)
			}
		}
	}
	if unlabelled > 0 {
		w.reasons[fmt.Sprintf("target: %s is missing", w.Spec.Task.Target)] = unlabelled
	}
	return seen, mature
}

// window is the row times wanted, the second excluded: as asked for, or the newest mature rows.
func (w *preparation) window(mature []ref) (from, to int64) {
	if !w.Window[1].IsZero() {
		return w.Window[0].UnixMicro(), w.Window[1].UnixMicro()
	}
	oldest, newest := w.stock.time(mature[0]), w.stock.time(mature[0])
	for _, r := range mature {
		t := w.stock.time(r)
		oldest, newest = min(oldest, t), max(newest, t)
	}
	if span := w.Spec.Train.Window.Microseconds(); span > 0 && w.Spec.Data.Time != nil {
		oldest = max(oldest, newest+1-span)
	}
	return oldest, newest + 1
}

// wants says whether a row is in the sample.
func (w *preparation) wants(k *transform.Key) bool { return w.Sample == 0 || share(k[8:]) < w.Sample }

// split gives the part of each row, or -1 for a row that the embargo takes out (D12, D21).
func (w *preparation) split(refs []ref, from, to int64) []int8 {
	out := make([]int8, len(refs))
	if w.Split.By == rondo.ByHash {
		for i, r := range refs {
			switch u := share(w.stock.base(r)[:]); {
			case u < w.Split.Test:
				out[i] = 2
			case u < w.Split.Test+w.Split.Validation:
				out[i] = 1
			}
		}
		return out
	}
	width := float64(to - from)
	test := to - int64(width*w.Split.Test)
	validation := test - int64(width*w.Split.Validation)
	for i, r := range refs {
		t, known := w.stock.time(r), w.stock.known(r)
		switch {
		case t >= test:
			out[i] = 2
		case t >= validation:
			out[i] = 1
		}
		if out[i] == 0 && w.Split.Validation+w.Split.Test > 0 && known >= validation || out[i] == 1 && w.Split.Test > 0 && known >= test {
			out[i] = -1
			w.out.Purged++
		}
	}
	return out
}

// overlap proves that no test row, by key or by content, is a training or validation row.
func (w *preparation) overlap(refs []ref, parts []int8) error {
	test := 0
	for _, p := range parts {
		if p == 2 {
			test++
		}
	}
	names := []func(ref) *transform.Key{w.stock.key, w.stock.hash}
	shared := make([]int, len(names))
	inParallel(len(names), func(n int) {
		set := newKeySet(test)
		for i, r := range refs {
			if parts[i] == 2 {
				set.add(*names[n](r))
			}
		}
		for i, r := range refs {
			if (parts[i] == 0 || parts[i] == 1) && set.has(*names[n](r)) {
				shared[n]++
			}
		}
	})
	if n := max(shared[0], shared[1]); n > 0 {
		return &rondo.Error{Kind: rondo.Refused, Field: "data.key", Message: fmt.Sprintf(
			"%d training rows are also test rows, by key or by content; a key names one row: add a column to it, or a number", n)}
	}
	return nil
}

// pasts computes the history columns of refs from all rows that history may see.
func (w *preparation) pasts(seen, refs []ref) ([]*column.Vector, error) {
	if len(w.Spec.Data.History) == 0 {
		return nil, nil
	}
	// Rows that were served with all of the history keep it, so it is computed for the others only.
	names := w.history.Names()
	served := make([]bool, len(w.stock.chunks))
	for n, c := range w.stock.chunks {
		served[n] = c.logged
		for _, name := range names {
			served[n] = served[n] && c.served.Column(name) != nil
		}
	}
	var places []int32
	var others []ref
	for i, r := range refs {
		if !served[r.chunk] {
			places, others = append(places, int32(i)), append(others, r)
		}
	}
	columns, err := w.computed(seen, others)
	if err != nil {
		return nil, err
	}
	if len(others) < len(refs) {
		for n, v := range columns {
			columns[n] = spread(v, places, len(refs))
		}
	}
	for n, name := range names {
		w.serve(name, columns[n], refs)
	}
	return columns, nil
}

// computed is the history of refs from all rows that it may see.
func (w *preparation) computed(seen, refs []ref) ([]*column.Vector, error) {
	switch len(refs) {
	case 0:
		seen = nil
	case len(seen):
		seen = refs // all rows are in the window: one copy serves as both
	}
	facts := w.factsOf(seen)
	rows, keys := facts.Table, facts.Keys
	if len(seen) != len(refs) {
		rows, keys = w.stock.table(w.history.RowColumns(), refs), w.stock.keys(refs)
	}
	return w.history.Columns(rows, instants(refs, w.stock.time), keys, facts)
}

// spread puts the values of v at their places among rows; the others are missing.
func spread(v *column.Vector, places []int32, rows int) *column.Vector {
	out := column.AllNull(v.Type, rows)
	for i, at := range places {
		if v.IsNull(i) {
			continue
		}
		out.Null[at] = false
		if v.Type == column.Float64 {
			out.Floats[at] = v.Floats[i]
		} else {
			out.Ints[at] = v.Ints[i]
		}
	}
	return out
}

func (w *preparation) factsOf(refs []ref) history.Facts {
	return history.Facts{Table: w.stock.table(w.history.FactColumns(), refs), Known: instants(refs, w.stock.known),
		Arrived: instants(refs, w.stock.arrived), Keys: w.stock.keys(refs)}
}

// serve puts the history that logged rows were served with in place of what was computed.
func (w *preparation) serve(name string, v *column.Vector, refs []ref) {
	for i, r := range refs {
		c := w.stock.chunks[r.chunk]
		if !c.logged {
			continue
		}
		served := c.served.Column(name)
		switch {
		case served == nil || served.Type != v.Type: // asked before the model had this history
		case served.IsNull(int(r.row)):
			v.SetNull(i)
		case v.Type == column.Float64:
			v.Floats[i] = served.Floats[r.row]
			unset(v, i)
		default:
			v.Ints[i] = served.Ints[r.row]
			unset(v, i)
		}
	}
}

func unset(v *column.Vector, i int) {
	if v.Null != nil {
		v.Null[i] = false
	}
}

// fit fits the transform on the training rows and writes all parts.
func (w *preparation) fit(ctx context.Context, refs []ref, past []*column.Vector, parts []int8) error {
	groups := w.groups(refs, past, parts)
	train := groups[0]
	if len(train.refs) == 0 {
		return w.nothing()
	}
	var writing errgroup.Group // rows and profile are written while the transform is fitted
	var rows rondo.Digest
	writing.Go(func() (err error) {
		rows, err = w.putRows(ctx, train)
		return err
	})
	writing.Go(func() error { return w.describe(ctx, train.table) })
	err := w.fitOn(ctx, groups)
	if failed := writing.Wait(); err == nil && failed != nil {
		err = fmt.Errorf("keep the training rows: %w", failed)
	}
	if err != nil {
		return err
	}
	w.out.Parts[0].Object = rows
	return nil
}

// nothing says that no rows are left to train on.
func (w *preparation) nothing() error {
	err := rondo.Errorf(rondo.Invalid, "%w to train on; %d were taken out because their outcome is known only when the next part begins",
		rondo.ErrNoRows, w.out.Purged)
	err.Field = "data.split"
	return err
}

// fitOn fits the transform on the first group and keeps everybody's matrix, and the rows of the other groups.
func (w *preparation) fitOn(ctx context.Context, groups []*group) error {
	train := groups[0]
	if len(train.refs) == 0 {
		return w.nothing()
	}
	target, err := w.rows.Target(train.table)
	if err != nil {
		return err
	}
	fitted, matrix, err := transform.Fit(w.Spec, w.rows.Signature().Observe(train.table), transform.FitInput{
		Table: train.table, Zones: train.zones, Time: train.time, Known: train.known, Keys: train.keys, Target: target})
	if err != nil {
		return fmt.Errorf("fit the transform: %w", err)
	}
	b, err := fitted.MarshalBinary()
	if err != nil {
		return fmt.Errorf("keep the transform: %w", err)
	}
	if w.out.Transform, err = w.objects.Put(ctx, b); err != nil {
		return fmt.Errorf("keep the transform: %w", err)
	}
	for p, g := range groups {
		if p > 0 {
			w.known(g, fitted.Classes())
			matrix = &transform.Matrix{}
			if err := fitted.Apply(g.table, g.zones, matrix); err != nil {
				return fmt.Errorf("transform the %s rows: %w", partNames[p], err)
			}
		}
		part, err := w.write(ctx, partNames[p], g, matrix, fitted.Classes())
		if err != nil {
			return fmt.Errorf("keep the %s rows: %w", partNames[p], err)
		}
		if p > 0 && !w.Lean {
			if part.Object, err = w.putRows(ctx, g); err != nil {
				return fmt.Errorf("keep the %s rows: %w", partNames[p], err)
			}
		}
		w.out.Parts = append(w.out.Parts, part)
	}
	return nil
}

// known leaves out rows of classes that training rows do not have: no model could have named them.
func (w *preparation) known(g *group, classes []string) {
	if w.Spec.Task.Kind != rondo.Multiclass {
		return
	}
	at := make(map[string]bool, len(classes))
	for _, c := range classes {
		at[c] = true
	}
	target, err := w.rows.Target(g.table)
	if err != nil {
		return // no rows, no target
	}
	var keep []int32
	for i, class := range target.Strings {
		if at[class] {
			keep = append(keep, int32(i))
		}
	}
	if n := len(g.refs) - len(keep); n > 0 {
		w.reasons["target: a class that no training row has"] += n
		g.take(keep)
	}
}
