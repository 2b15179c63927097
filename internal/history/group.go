package history

import (
	"cmp"
	"math"
	"slices"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
)

const (
	longAgo int64 = math.MinInt64
	longest int64 = math.MaxInt64
)

// group is the facts of one group in order of known. points[i] holds the total of all facts up to it, so that a window is
// a difference; base is the total of what was trimmed off. Sums wrap at 128 bits and differences stay right.
type group struct {
	base    total
	points  []point
	pending []point // not yet in order; here a point holds its own value
	late    []late  // facts that arrived later than the tolerance after known, in order of known
}

type point struct {
	known int64
	total
}

type late struct {
	known, arrived int64
	value          wide
}

// before is the total of all facts known before an instant.
func (g *group) before(instant int64) total {
	low, high := 0, len(g.points)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if g.points[middle].known < instant {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return g.upTo(low)
}

// upTo is the total of the first n facts.
func (g *group) upTo(n int) total {
	if n == 0 {
		return g.base
	}
	return g.points[n-1].total
}

// between is the total of the facts with from < known < to.
func (g *group) between(from, to int64) total {
	if from == longest || from+1 >= to {
		return total{}
	}
	return g.before(to).less(g.before(from + 1))
}

// merge brings the pending points into their places: it takes time in proportion to them and to the points after the
// first of them, for facts that arrive about in order of known a handful.
func (g *group) merge() {
	slices.SortStableFunc(g.pending, func(a, b point) int { return cmp.Compare(a.known, b.known) })
	first := len(g.points)
	for first > 0 && g.points[first-1].known > g.pending[0].known {
		first--
	}
	for i := len(g.points) - 1; i >= first; i-- { // from totals back to values
		g.points[i].total = g.points[i].total.less(g.upTo(i))
	}
	i, j := len(g.points)-1, len(g.pending)-1
	g.points = append(g.points, g.pending...)
	for at := len(g.points) - 1; j >= 0; at-- {
		if i >= first && g.points[i].known > g.pending[j].known {
			g.points[at] = g.points[i]
			i--
		} else {
			g.points[at] = g.pending[j]
			j--
		}
	}
	for i := first; i < len(g.points); i++ {
		g.points[i].total = g.points[i].total.add(g.upTo(i))
	}
	g.pending = g.pending[:0]
	if cap(g.pending) > 64 {
		g.pending = nil
	}
}

// remove takes one fact out: the first place of those known at its instant goes. Totals inside such a run are then those
// of other facts than before, but no window parts the run, and at its end they are right.
func (g *group) remove(known int64, value wide) {
	at, _ := slices.BinarySearchFunc(g.points, known, func(p point, known int64) int { return cmp.Compare(p.known, known) })
	for i := at + 1; i < len(g.points); i++ {
		g.points[i-1] = point{g.points[i].known, g.points[i].total.minus(value)}
	}
	g.points = g.points[:len(g.points)-1]
}

// trim drops the facts known by an instant.
func (g *group) trim(by int64) {
	n := 0
	for n < len(g.points) && g.points[n].known <= by {
		n++
	}
	if n == 0 {
		return
	}
	g.base = g.upTo(n)
	g.points = append(make([]point, 0, len(g.points)-n), g.points[n:]...)
	g.late = slices.DeleteFunc(g.late, func(l late) bool { return l.known <= by })
}

func (g *group) addLate(one late) {
	at := len(g.late)
	for at > 0 && g.late[at-1].known > one.known {
		at--
	}
	g.late = slices.Insert(g.late, at, one)
}

func (g *group) removeLate(one late) {
	if at := slices.Index(g.late, one); at >= 0 {
		g.late = slices.Delete(g.late, at, at+1)
	}
}

// lateBetween is the total of the late facts with from < known < to that arrived after an instant.
func (g *group) lateBetween(from, to, arrived int64) (w total) {
	at, _ := slices.BinarySearchFunc(g.late, from, func(l late, from int64) int {
		if l.known <= from {
			return -1
		}
		return 1
	})
	for ; at < len(g.late) && g.late[at].known < to; at++ {
		if g.late[at].arrived > arrived {
			w = w.plus(g.late[at].value)
		}
	}
	return w
}

// reader reads group and value of rows of one table for one series.
type reader struct {
	of     *column.Vector
	by     []*column.Vector
	buffer []byte
}

// readers are one a series; the value column is read only for facts.
func (l *Live) readers(t *column.Table, rows int, facts bool) ([]reader, error) {
	out := make([]reader, len(l.set.series))
	for n := range out {
		one := &l.set.series[n]
		by, err := one.columns(t, rows)
		if err != nil {
			return nil, err
		}
		out[n].by = by
		if facts {
			if out[n].of, err = one.values(t); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// group is the name of row i's group; not ok where a group value is missing.
func (r *reader) group(i int) (key rowhash.Key, ok bool) {
	r.buffer = r.buffer[:0]
	for _, v := range r.by {
		if v.IsNull(i) {
			return key, false
		}
		r.buffer = rowhash.AppendValue(r.buffer, v, i)
	}
	return rowhash.Sum(r.buffer), true
}
