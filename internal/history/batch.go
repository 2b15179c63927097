package history

import (
	"fmt"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/order"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// Columns computes the training columns, one per definition in the order of Names, for rows at their times. keys are the
// keys of the rows, or nil: then no row has a fact of its own.
//
// A fact is seen by rows at t with start < t < end, where start = max(known, arrived) and end = known+over, or one
// microsecond after the arrival of the fact that replaces it. So the aggregate at t is the sum of the facts that started
// before t less the sum of those that ended by t: two sorted lists and one sweep a group, O(n log n).
func (s *Set) Columns(rows *column.Table, times []int64, keys []rowhash.Key, facts Facts) ([]*column.Vector, error) {
	if err := facts.check(); err != nil {
		return nil, err
	}
	n := len(times)
	if n > maxFacts || keys != nil && len(keys) != n || len(rows.Columns) > 0 && rows.Rows() != n {
		return nil, fmt.Errorf("history of %d rows: %d times, %d keys", rows.Rows(), n, len(keys))
	}
	b := batch{set: s, rows: rows, times: times, facts: facts}
	b.replaced, b.own = replacements(keys, times, facts)
	b.byTime = order.Of(times)
	b.start = make([]int64, len(facts.Known))
	onTime := b.replaced == nil
	for i, known := range facts.Known {
		b.start[i] = max(known, facts.Arrived[i])
		onTime = onTime && b.start[i] == known
	}
	b.byStart = order.Of(b.start)
	if onTime {
		b.byEnd = b.byStart // each window ends its length after its fact's start
	}
	out := make([]*column.Vector, len(s.defs))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for n := range s.series {
		g.Go(func() error { return b.compute(n, out) })
	}
	return out, g.Wait()
}

// batch is one call of Columns.
type batch struct {
	set      *Set
	rows     *column.Table
	times    []int64
	facts    Facts
	start    []int64
	replaced []int64   // per fact: one microsecond after the next fact of its key arrived; nil: no key comes twice
	own      [][]int32 // per row: the facts of its own key that it could see; nil: no row has any
	byTime   []int32   // rows
	byStart  []int32   // facts
	byEnd    []int32   // facts, nil where the order depends on the window
}

// end is when a fact stops being seen in a window.
func (b *batch) end(fact int32, over int64) int64 {
	end := b.facts.Known[fact] + over
	if end < b.facts.Known[fact] {
		end = math.MaxInt64
	}
	if b.replaced != nil {
		end = min(end, b.replaced[fact])
	}
	return end
}

// compute fills the columns of one series.
func (b *batch) compute(n int, out []*column.Vector) error {
	one := &b.set.series[n]
	values, err := one.values(b.facts.Table)
	if err != nil {
		return err
	}
	of, err := one.columns(b.facts.Table, len(b.facts.Known))
	if err != nil {
		return err
	}
	by, err := one.columns(b.rows, len(b.times))
	if err != nil {
		return err
	}
	groups := rowhash.NewGroups(one.types)
	factGroup := groups.Add(of, len(b.facts.Known))
	rowGroup := factGroup
	if !slices.Equal(of, by) || len(b.times) != len(b.facts.Known) {
		rowGroup = groups.Add(by, len(b.times))
	}
	count := groups.Len()
	rows := bucket(b.byTime, rowGroup, count)
	starts := bucket(b.byStart, factGroup, count)
	for d := range b.set.defs {
		def := &b.set.defs[d]
		if def.series != n {
			continue
		}
		ends := starts
		if b.byEnd == nil {
			until := make([]int64, len(b.start))
			for i := range until {
				until[i] = b.end(int32(i), def.over)
			}
			ends = bucket(order.Of(until), factGroup, count)
		}
		w := sweep{batch: b, def: def, values: values, scale: one.scale, factGroup: factGroup, out: def.result(len(b.times))}
		for g := range count {
			w.group(rows.of(g), starts.of(g), ends.of(g), int32(g))
		}
		for i, group := range rowGroup {
			if group == rowhash.Null {
				w.out.SetNull(i)
			}
		}
		out[d] = w.out
	}
	return nil
}

// sweep walks the rows of a group in order of time.
type sweep struct {
	*batch
	def       *definition
	values    *column.Vector
	scale     int
	factGroup []int32
	out       *column.Vector
}

func (w *sweep) group(rows, starts, ends []int32, group int32) {
	var seen total
	s, e := 0, 0
	for _, row := range rows {
		t := w.times[row]
		for ; s < len(starts) && w.start[starts[s]] < t; s++ {
			if v, ok := w.value(starts[s]); ok {
				seen = seen.plus(v)
			}
		}
		for ; e < len(ends) && w.end(ends[e], w.def.over) <= t; e++ {
			if v, ok := w.value(ends[e]); ok {
				seen = seen.minus(v)
			}
		}
		window := seen
		if w.batch.own != nil {
			window = window.less(w.ownFacts(row, group))
		}
		w.def.fill(w.out, int(row), window, w.scale)
	}
}

// ownFacts is what the row would see of its own key.
func (w *sweep) ownFacts(row, group int32) (own total) {
	for _, fact := range w.batch.own[row] {
		if t := w.times[row]; w.factGroup[fact] == group && w.start[fact] < t && t < w.end(fact, w.def.over) {
			if v, ok := w.value(fact); ok {
				own = own.plus(v)
			}
		}
	}
	return own
}

// value of a fact; not ok where it has none, or where its end comes before its start: then nobody ever sees it.
func (w *sweep) value(fact int32) (wide, bool) {
	if w.end(fact, w.def.over) <= w.start[fact] {
		return wide{}, false
	}
	return valueAt(w.values, int(fact))
}

// replacements finds facts that a later fact of their key replaces, and for every row the facts of its own key that had
// started before it.
func replacements(keys []rowhash.Key, times []int64, facts Facts) (replaced []int64, own [][]int32) {
	if facts.Keys == nil {
		return nil, nil
	}
	table := newKeyTable(facts.Keys)
	var earlier []int32 // per fact: the fact of its key before it, or -1; nil: no key comes twice
	for i := range facts.Keys {
		before := table.put(int32(i))
		if before < 0 {
			continue
		}
		if replaced == nil {
			replaced = filled[int64](len(facts.Keys), math.MaxInt64)
			earlier = filled[int32](len(facts.Keys), -1)
		}
		earlier[i] = before
		replaced[before] = min(replaced[before], facts.Arrived[i]+1)
	}
	for i := range keys {
		// Mostly the i-th fact is the i-th row's, and known only after its time.
		fact := int32(i)
		if earlier != nil || i >= len(facts.Keys) || facts.Keys[i] != keys[i] {
			fact = table.find(keys[i])
		}
		for fact >= 0 {
			if max(facts.Known[fact], facts.Arrived[fact]) < times[i] {
				if own == nil {
					own = make([][]int32, len(keys))
				}
				own[i] = append(own[i], fact)
			}
			if earlier == nil {
				break
			}
			fact = earlier[fact]
		}
	}
	return replaced, own
}

func filled[T int32 | int64](n int, x T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = x
	}
	return out
}
