package history

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// Live keeps the facts that some window can still see, and answers from them: two binary searches a value.
//
// Values of asked rows come from all facts that had been added by then. Rows that arrive as events, after their time,
// do not see facts that had not arrived Tolerance after it (a feed delivers in ticks, hence the tolerance); a corrected
// fact has the arrival of its correction, the value before it is not kept.
//
// Memory: a fact takes at most 150 bytes, and 75 more for each different pair of of and by among the definitions (a test
// holds it to that); groups without facts take none. Without Evict facts stay for ever; rows before an Evict see only
// what was kept. Safe for concurrent use; answers to one call see the same facts.
type Live struct {
	set       *Set
	tolerance int64

	mu      sync.RWMutex
	offset  uint64
	facts   map[rowhash.Key]*fact
	keyless []*fact
	series  []liveSeries
	touched []*group // groups with pending points; empty between calls
}

// LiveOptions: at zero, Tolerance is an hour.
type LiveOptions struct {
	Tolerance time.Duration
}

// liveSeries is the facts of one series.
type liveSeries struct {
	groups  map[rowhash.Key]*group
	trimmed int64 // points known by then are gone
	longest int64 // the longest window of its definitions
}

// fact is what is needed to take a fact back: one place for each series.
type fact struct {
	known, arrived int64
	places         []place
}

// place is where a fact counts; group nil: nowhere.
type place struct {
	group *group
	value wide
}

// NewLive is an empty history.
func NewLive(s *Set, opt LiveOptions) *Live {
	if opt.Tolerance == 0 {
		opt.Tolerance = time.Hour
	}
	l := &Live{set: s, tolerance: opt.Tolerance.Microseconds(), facts: make(map[rowhash.Key]*fact)}
	for n := range s.series {
		one := liveSeries{groups: make(map[rowhash.Key]*group), trimmed: longAgo}
		for _, d := range s.defs {
			if d.series == n {
				one.longest = max(one.longest, d.over)
			}
		}
		l.series = append(l.series, one)
	}
	return l
}

// Add takes facts in order of arrival. A fact of a known key replaces the one before it.
func (l *Live) Add(f Facts) error {
	if err := f.check(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	read, err := l.readers(f.Table, len(f.Known), true)
	if err != nil {
		return err
	}
	for i, known := range f.Known {
		one := &fact{known: known, arrived: f.Arrived[i], places: make([]place, len(l.series))}
		if f.Keys != nil {
			l.remove(f.Keys[i])
			l.facts[f.Keys[i]] = one
		} else {
			l.keyless = append(l.keyless, one)
		}
		for n := range l.series {
			one.places[n] = l.place(n, &read[n], i, one)
		}
	}
	l.settle()
	l.offset = max(l.offset, f.Offset)
	return nil
}

// place puts row i of the facts into its group of series n.
func (l *Live) place(n int, read *reader, i int, f *fact) place {
	value, ok := valueAt(read.of, i)
	if !ok || f.known <= l.series[n].trimmed {
		return place{}
	}
	key, ok := read.group(i)
	if !ok {
		return place{}
	}
	g := l.series[n].groups[key]
	if g == nil {
		g = &group{}
		l.series[n].groups[key] = g
	}
	if len(g.pending) == 0 {
		l.touched = append(l.touched, g)
	}
	g.pending = append(g.pending, point{f.known, total{value, 1}})
	if f.arrived-f.known > l.tolerance {
		g.addLate(late{f.known, f.arrived, value})
	}
	return place{g, value}
}

// Retract takes facts back. Keys without a fact are passed over.
func (l *Live) Retract(keys []rowhash.Key, offset uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		l.remove(key)
	}
	l.settle()
	l.offset = max(l.offset, offset)
}

// remove takes the fact of a key out of its groups.
func (l *Live) remove(key rowhash.Key) {
	f := l.facts[key]
	if f == nil {
		return
	}
	l.settle()
	for n, p := range f.places {
		if p.group == nil || f.known <= l.series[n].trimmed {
			continue
		}
		p.group.remove(f.known, p.value)
		if f.arrived-f.known > l.tolerance {
			p.group.removeLate(late{f.known, f.arrived, p.value})
		}
	}
	delete(l.facts, key)
}

// settle brings pending points into order.
func (l *Live) settle() {
	for _, g := range l.touched {
		g.merge()
	}
	l.touched = l.touched[:0]
}

// Evict drops what no row at or after an instant can see any more. Facts that old are not taken in any more either.
func (l *Live) Evict(before int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range l.series {
		one := &l.series[n]
		one.trimmed = max(one.trimmed, before-one.longest)
		for key, g := range one.groups {
			if g.trim(one.trimmed); len(g.points) == 0 {
				delete(one.groups, key)
			}
		}
	}
	gone := before - l.set.longer
	for key, f := range l.facts {
		if f.known <= gone {
			delete(l.facts, key)
		}
	}
	l.keyless = slices.DeleteFunc(l.keyless, func(f *fact) bool { return f.known <= gone })
}

// Size is how many facts are held.
func (l *Live) Size() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.facts) + len(l.keyless)
}

// Values are the columns for rows asked now, one per definition, and the offset up to which facts were seen. keys are the
// keys of the rows, or nil: then no row has a fact of its own.
func (l *Live) Values(rows *column.Table, times []int64, keys []rowhash.Key) ([]*column.Vector, uint64, error) {
	return l.answer(rows, times, keys, false)
}

// EventValues are the columns for rows that arrive after their time: each sees the facts that had arrived no later than
// its time and the tolerance.
func (l *Live) EventValues(rows *column.Table, times []int64, keys []rowhash.Key) ([]*column.Vector, uint64, error) {
	return l.answer(rows, times, keys, true)
}

func (l *Live) answer(rows *column.Table, times []int64, keys []rowhash.Key, events bool) ([]*column.Vector, uint64, error) {
	if keys != nil && len(keys) != len(times) || len(rows.Columns) > 0 && rows.Rows() != len(times) {
		return nil, 0, fmt.Errorf("history of %d rows: %d times, %d keys", rows.Rows(), len(times), len(keys))
	}
	read, err := l.readers(rows, len(times), false)
	if err != nil {
		return nil, 0, err
	}
	out := make([]*column.Vector, len(l.set.defs))
	for d := range out {
		out[d] = l.set.defs[d].result(len(times))
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i, t := range times {
		var own *fact
		if keys != nil {
			own = l.facts[keys[i]]
		}
		for n := range l.series {
			key, ok := read[n].group(i)
			var g *group
			if ok {
				g = l.series[n].groups[key]
			}
			for d := range l.set.defs {
				def := &l.set.defs[d]
				switch {
				case def.series != n:
				case !ok:
					out[d].SetNull(i)
				default:
					def.fill(out[d], i, l.window(g, n, t, def.over, own, events), l.set.series[n].scale)
				}
			}
		}
	}
	return out, l.offset, nil
}

// window is what a row of group g at t sees; g nil: a group without facts.
func (l *Live) window(g *group, n int, t, over int64, own *fact, events bool) total {
	if g == nil {
		return total{}
	}
	w := g.between(t-over, t)
	last := longest
	if events {
		last = t + l.tolerance
		w = w.less(g.lateBetween(t-over, t, last))
	}
	seen := own != nil && own.places[n].group == g && own.arrived <= last && own.known > l.series[n].trimmed
	if seen && t-over < own.known && own.known < t {
		w = w.minus(own.places[n].value)
	}
	return w
}
