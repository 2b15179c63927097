// Package evaluate answers: is it good enough?
//
// A version's answers on rows it never saw become metrics with 95 % intervals, slices, a calibration picture and a
// verdict for each bar. A bar is tested one-sided at 95 % (D13), at less when the same test rows were used before (S17):
// met when the lower bound reaches it, not met when the upper bound misses it, else inconclusive, and only met passes. All
// bars must hold, each at its own level (intersection-union, S18).
//
// Shapes: a Scored has one target a row and one output a row, or one a class. Missing: there are no missing targets or
// outputs here; a metric that cannot be measured (one class, no rows) leaves its bar inconclusive, with the reason, and
// so does a slice of enough rows that cannot be measured. Log loss is bounded, because probabilities are floored at 1e-3;
// squared error is not: Clip is where a trial bounds it.
package evaluate

import (
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
)

// Scored is rows with what a version said of them and what was true. It remembers what it derives from its rows, so it is
// for one goroutine, and its rows do not change.
type Scored struct {
	Kind      rondo.TaskKind
	Classes   []string      // multiclass: names by index
	Outputs   []float64     // rows x width: a probability, one a class, or the number
	Target    []float64     // 0 or 1, the class index, or the number
	Times     []int64       // row times in UTC microseconds; nil without time
	Table     *column.Table // the rows' columns, for slices; may be nil
	Threshold *float64      // where the version's probability becomes an answer; ChampionBars reads it, nil without decide

	positive []bool
	class    []int32
	grouped  bool
	groups   metric.Groups
}

// Rows is the number of rows.
func (s *Scored) Rows() int { return len(s.Target) }

// width is the number of outputs a row.
func (s *Scored) width() int {
	if s.Kind == rondo.Multiclass {
		return len(s.Classes)
	}
	return 1
}

// take is some of the rows.
func (s *Scored) take(rows []int32) *Scored {
	out := &Scored{Kind: s.Kind, Classes: s.Classes, Target: make([]float64, len(rows))}
	k := s.width()
	out.Outputs = make([]float64, 0, len(rows)*k)
	if s.Times != nil {
		out.Times = make([]int64, len(rows))
	}
	for i, r := range rows {
		out.Target[i] = s.Target[r]
		out.Outputs = append(out.Outputs, s.Outputs[int(r)*k:int(r)*k+k]...)
		if s.Times != nil {
			out.Times[i] = s.Times[r]
		}
	}
	return out
}

// labels are the targets of a binary task.
func (s *Scored) labels() []bool {
	if s.positive == nil {
		s.positive = make([]bool, len(s.Target))
		for i, t := range s.Target {
			s.positive[i] = t == 1
		}
	}
	return s.positive
}

// classLabels are the targets of a multiclass task; what is no index is -1, which every metric refuses.
func (s *Scored) classLabels() []int32 {
	if s.class == nil {
		s.class = make([]int32, len(s.Target))
		for i, t := range s.Target {
			s.class[i] = -1
			if c := classOf(t, len(s.Classes)); c >= 0 {
				s.class[i] = int32(c)
			}
		}
	}
	return s.class
}

// classOf is the index of a class, or -1 where t is none of so many.
func classOf(t float64, classes int) int {
	if c := int(t); t >= 0 && t < float64(classes) && float64(c) == t {
		return c
	}
	return -1
}

// leastDays is how many days there must be before intervals treat a day's rows as dependent.
const leastDays = 10

// days groups rows by UTC day, because rows of a day share a shock; nil (independent rows) below leastDays days.
func (s *Scored) days() metric.Groups {
	if s.Times == nil || s.grouped {
		return s.groups
	}
	const long = int64(24 * time.Hour / time.Microsecond)
	s.grouped = true
	ids := map[int64]int32{}
	groups := make(metric.Groups, len(s.Times))
	var from int64 // of the newest row's day; rows mostly come in order
	var id int32
	for i, t := range s.Times {
		if since := t - from; i == 0 || since < 0 || since >= long {
			day := t / long
			if t%long < 0 {
				day--
			}
			from = day * long
			var known bool
			if id, known = ids[day]; !known {
				id = int32(len(ids))
				ids[day] = id
			}
		}
		groups[i] = id
	}
	if len(ids) >= leastDays {
		s.groups = groups
	}
	return s.groups
}
