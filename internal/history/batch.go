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
	b.start = make([]int64, len(facts.Known))
	b.onTime = b.replaced == nil
	for i, known := range facts.Known {
		b.start[i] = max(known, facts.Arrived[i])
		b.onTime = b.onTime && b.start[i] == known
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	g.Go(func() error { b.byTime = order.Of(times); return nil })
	g.Go(func() error { b.byStart = order.Of(b.start); return nil })
	_ = g.Wait() // sorting cannot fail
	out := make([]*column.Vector, len(s.defs))
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
	onTime   bool      // each fact starts when it is known and ends its window later: both lists are one
	replaced []int64   // per fact: one microsecond after the next fact of its key arrived; nil: no key comes twice
	own      [][]int32 // per row: the facts of its own key that it could see; nil: no row has any
	byTime   []int32   // rows
	byStart  []int32   // facts
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
	times := gather(b.times, rows.items)
	for d := range b.set.defs {
		def := &b.set.defs[d]
		if def.series != n {
			continue
		}
		w := sweep{batch: b, def: def, values: values, scale: one.scale, factGroup: factGroup, out: def.result(len(b.times))}
		w.starts = w.list(b.byStart, count, w.started)
		w.ends = w.starts
		if !b.onTime {
			until := make([]int64, len(b.start))
			for i := range until {
				until[i] = b.end(int32(i), def.over)
			}
			w.ends = w.list(order.Of(until), count, func(fact int32) int64 { return until[fact] })
		}
		for g := range count {
			w.group(int32(g), rows.of(g), times[rows.from[g]:rows.from[g+1]])
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

func gather(values []int64, items []int32) []int64 {
	out := make([]int64, len(items))
	for i, item := range items {
		out[i] = values[item]
	}
	return out
}

// sweep walks the rows of each group in order of time.
type sweep struct {
	*batch
	def       *definition
	values    *column.Vector
	scale     int
	factGroup []int32
	starts    list
	ends      list
	out       *column.Vector
}

// list is when facts start or end being seen, in order, group by group, with their values beside it.
type list struct {
	buckets
	at    []int64
	value []wide
}

// list leaves out facts that have no value or are never seen.
func (w *sweep) list(facts []int32, groups int, at func(int32) int64) list {
	valid := facts
	if !w.onTime || w.values != nil && (w.values.Null != nil || w.values.Type == column.Float64) {
		valid = make([]int32, 0, len(facts))
		for _, fact := range facts {
			if _, ok := w.value(fact); ok {
				valid = append(valid, fact)
			}
		}
	}
	l := list{buckets: bucket(valid, w.factGroup, groups)}
	l.at, l.value = make([]int64, len(l.items)), make([]wide, len(l.items))
	for i, fact := range l.items {
		l.at[i] = at(fact)
		l.value[i], _ = w.value(fact)
	}
	return l
}

func (w *sweep) started(fact int32) int64 { return w.start[fact] }

// group fills the rows of one group; times are theirs.
func (w *sweep) group(group int32, rows []int32, times []int64) {
	var seen total
	s, lastStart := w.starts.from[group], w.starts.from[group+1]
	e, lastEnd := w.ends.from[group], w.ends.from[group+1]
	for i, row := range rows {
		t := times[i]
		for ; s < lastStart && w.starts.at[s] < t; s++ {
			seen = seen.plus(w.starts.value[s])
		}
		ended := t
		if w.onTime { // then the list of ends is that of starts, a window earlier
			if ended = t - w.def.over; ended > t {
				ended = longAgo
			}
		}
		for ; e < lastEnd && w.ends.at[e] <= ended; e++ {
			seen = seen.minus(w.ends.value[e])
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
	if !w.onTime && w.end(fact, w.def.over) <= w.start[fact] {
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
