// Package label answers: how did each prediction turn out? It joins feedback to the predictions it is about, however late.
//
// Shapes: one row a prediction, in the order of the log; the columns are those of the records (inputs, lookups, number,
// time, known, history as served, outputs, outside) and then the outcome columns of the feedback: the target, or the
// columns it is derived from. Records of several versions and revisions may differ in columns; a column that a record
// lacks is missing there. Missing: a prediction that nobody has told about has missing outcomes and Labelled false. The
// latest correction replaces all outcome columns of its row, so a target and the column it is derived from never mix.
// Only what had arrived by asOf is seen, and all of that, also what the log has not written yet: the same asOf gives the
// same rows for ever. Instants are microseconds UTC.
//
// A row belongs to [from, to) by its time; a model without time by its arrival. Predictions are asked between MaxBehind
// after and MaxAhead before their time (serve refuses or sets aside all others), so a day is found without reading the
// whole log. Errors: those of the log; a column that changes its type between two records is rondo.Conflict.
package label

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"rondo.dev/rondo/internal/lib/ahead"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
)

// Joined is predictions with their outcomes.
type Joined struct {
	Table    *column.Table
	Offsets  []uint64 // of the prediction's record
	Rows     []int32  // its row there
	Arrived  []int64  // when it was asked
	Versions []rondo.VersionID
	Labelled []bool
	Told     []int64 // when its newest outcome arrived; 0: not yet
}

// Day gives the predictions whose time is in [from, to), with the outcomes that had arrived by asOf.
func Day(ctx context.Context, log *predlog.Log, model string, from, to, asOf time.Time) (*Joined, error) {
	if err := log.Sync(ctx); err != nil { // what was answered before is seen, also when it is still queued
		return nil, err
	}
	j := newJoin(from, to, true)
	q := predlog.Query{
		Model: model, Kinds: []predlog.Kind{predlog.Prediction, predlog.Feedback},
		FromAt: from.Add(-predlog.MaxAhead).UnixMicro(), ToAt: asOf.UnixMicro() + 1,
	}
	for r, err := range log.Scan(q) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = j.add(&r)
		}
		if err != nil {
			return nil, fmt.Errorf("join the outcomes of %s: %w", model, err)
		}
	}
	return j.result()
}

// chunkRows is how many rows a table of Rows has about.
const chunkRows = 1 << 16

// readAhead is how many records are decoded while those before are joined.
const readAhead = 64

// Rows gives all logged rows whose time is in [from, to), predictions and events, with the outcomes that had arrived by
// asOf, in tables of bounded size: for training. A column "arrived" says when the outcome came. Rows that were outside
// the checks are left out.
func Rows(ctx context.Context, log *predlog.Log, model string, from, to, asOf time.Time) iter.Seq2[*column.Table, error] {
	return func(yield func(*column.Table, error) bool) {
		if err := log.Sync(ctx); err != nil {
			yield(nil, err)
			return
		}
		newEvents := func() *join {
			j := newJoin(from, to, false)
			j.stack.room = chunkRows * 9 / 8 // the last record may reach beyond
			return j
		}
		asked, events := newJoin(from, to, false), newEvents()
		q := predlog.Query{
			Model: model, Kinds: []predlog.Kind{predlog.Prediction, predlog.Feedback, predlog.Event}, // of a feed that was set aside nothing is learned
			FromAt: from.Add(-predlog.MaxAhead).UnixMicro(), ToAt: asOf.UnixMicro() + 1,
		}
		give := func(j *join) bool {
			done, err := j.result()
			if err != nil {
				return yield(nil, err) && false
			}
			t := done.Table
			for at := 0; at < t.Rows(); at += chunkRows {
				if !yield(t.Slice(at, min(t.Rows(), at+chunkRows)), nil) {
					return false
				}
			}
			return true
		}
		for r, err := range ahead.Of(log.Scan(q), readAhead) {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && r.Kind == predlog.Event {
				err = events.add(&r)
			} else if err == nil {
				err = asked.add(&r)
			}
			if err != nil {
				yield(nil, fmt.Errorf("read the logged rows of %s: %w", model, err))
				return
			}
			if events.stack.rows >= chunkRows {
				if !give(events) {
					return
				}
				events = newEvents()
			}
		}
		if give(events) {
			give(asked)
		}
	}
}

// join collects rows and then puts outcomes beside them.
type join struct {
	from, to int64
	verdicts bool // keep who and where; else keep the outcome's arrival as a column and leave rows outside out
	stack    stack
	outcomes stack // rows of outcome columns, in order of arrival
	record   map[uint64]int
	takes    []taken
	joined   Joined
	outcome  []int32 // row of outcomes, one a row of stack; -1: none
}

// taken says which rows of a record were taken: rows first and on of the stack. Nil: all.
type taken struct {
	first int
	rows  []int32
}

func newJoin(from, to time.Time, verdicts bool) *join {
	return &join{from: from.UnixMicro(), to: to.UnixMicro(), verdicts: verdicts, record: map[uint64]int{}}
}

func (j *join) add(r *predlog.Record) error {
	if r.Kind == predlog.Feedback {
		return j.tell(r)
	}
	take, any := j.choose(r)
	if !any {
		return nil
	}
	t := r.Table
	if take != nil {
		t = t.Take(take)
	}
	by := t.Column(predlog.AnsweredColumn)
	first, n := j.stack.rows, t.Rows()
	if err := j.stack.add(t); err != nil {
		return fmt.Errorf("record at offset %d: %w", r.Offset, err)
	}
	for i := range n {
		row := int32(i)
		if take != nil {
			row = take[i]
		}
		if j.verdicts {
			j.joined.Rows = append(j.joined.Rows, row)
			j.joined.Offsets = append(j.joined.Offsets, r.Offset)
			j.joined.Arrived = append(j.joined.Arrived, r.At)
			version := r.Version
			if by != nil && !by.IsNull(i) {
				version = rondo.VersionID(by.Strings[i])
			}
			j.joined.Versions = append(j.joined.Versions, version)
		}
		j.outcome = append(j.outcome, -1)
		told := int64(0)
		if r.Kind == predlog.Event {
			told = r.At
		}
		j.joined.Told = append(j.joined.Told, told)
	}
	if r.Kind == predlog.Prediction {
		j.record[r.Offset] = len(j.takes)
		j.takes = append(j.takes, taken{first, take})
	}
	return nil
}

// choose says which rows of a record belong: nil and true for all of them.
func (j *join) choose(r *predlog.Record) (take []int32, any bool) {
	n := r.Table.Rows()
	times, outside := r.Table.Column(predlog.TimeColumn), r.Table.Column(predlog.OutsideColumn)
	if times != nil && times.Type != column.Timestamp {
		times = nil
	}
	belongs := func(i int) bool {
		at := r.At
		if times != nil {
			if times.IsNull(i) {
				return false
			}
			at = times.Ints[i]
			if r.Kind == predlog.Prediction && r.At-at > predlog.MaxBehind.Microseconds() {
				return false // a replay
			}
		}
		return at >= j.from && at < j.to && (j.verdicts || outside == nil || outside.IsNull(i))
	}
	for i := range n {
		if !belongs(i) {
			continue
		}
		if take == nil {
			take = make([]int32, 0, n-i)
		}
		take = append(take, int32(i))
	}
	if len(take) == n {
		return nil, n > 0
	}
	return take, len(take) > 0
}

// tell notes which outcome is the newest of each row.
func (j *join) tell(r *predlog.Record) error {
	offsets, rows := r.Table.Column(predlog.FeedbackOffset), r.Table.Column(predlog.FeedbackRow)
	if offsets == nil || rows == nil || offsets.Type != column.Int64 || rows.Type != column.Int64 {
		return fmt.Errorf("%w: feedback at offset %d does not say which predictions it is about", predlog.ErrCorrupt, r.Offset)
	}
	var about []int32
	for i := range offsets.Ints {
		n, ok := j.record[uint64(offsets.Ints[i])]
		if !ok {
			continue
		}
		row, ok := j.takes[n].find(rows.Ints[i], len(j.outcome))
		if !ok {
			continue
		}
		j.outcome[row] = int32(j.outcomes.rows + len(about))
		j.joined.Told[row] = r.At
		about = append(about, int32(i))
	}
	if len(about) == 0 {
		return nil
	}
	t := &column.Table{}
	for c, name := range r.Table.Names {
		if name != predlog.FeedbackOffset && name != predlog.FeedbackRow {
			t.Set(name, r.Table.Columns[c])
		}
	}
	if len(about) < offsets.Len() {
		t = t.Take(about)
	}
	if err := j.outcomes.add(t); err != nil {
		return fmt.Errorf("feedback at offset %d: %w", r.Offset, err)
	}
	return nil
}

func (t *taken) find(row int64, rows int) (int, bool) {
	if t.rows == nil {
		at := t.first + int(row)
		return at, row >= 0 && at < rows
	}
	i, ok := slices.BinarySearch(t.rows, int32(row))
	return t.first + i, ok && row == int64(int32(row))
}

// result puts the outcome columns beside the rows.
func (j *join) result() (*Joined, error) {
	out := j.joined
	out.Table = &j.stack.table
	if err := errors.Join(j.stack.widen(), j.outcomes.widen()); err != nil {
		return nil, err
	}
	out.Labelled = make([]bool, j.stack.rows)
	for c, name := range j.outcomes.table.Names {
		v := j.outcomes.table.Columns[c]
		merged := column.AllNull(v.Type, j.stack.rows)
		for row, o := range j.outcome {
			if o < 0 || v.IsNull(int(o)) {
				continue
			}
			out.Labelled[row] = true
			put(merged, row, v, int(o))
		}
		out.Table.Set(name, merged)
	}
	if !j.verdicts {
		arrived := column.New(column.Timestamp, j.stack.rows)
		for row, at := range out.Told {
			if arrived.Ints[row] = at; at == 0 {
				arrived.SetNull(row)
			}
		}
		if j.stack.rows > 0 {
			out.Table.Set(ArrivedColumn, arrived)
		}
	}
	return &out, nil
}

// ArrivedColumn is the column of Rows that says when a row's outcome arrived.
const ArrivedColumn = "arrived"
