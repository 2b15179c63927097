// Package evaluate answers: is it good enough?
//
// A version's answers on rows it never saw become metrics with 95 % intervals, slices, a calibration picture and a
// verdict for each bar. A bar is tested one-sided at 95 % (D13), at less when the same test rows were used before (S17):
// met when the lower bound reaches it, not met when the upper bound misses it, else inconclusive, and only met passes. All
// bars must hold, each at its own level (intersection-union, S18).
//
// Shapes: a Scored has one target a row and one output a row, or one a class. Missing: there are no missing targets or
// outputs here; a metric that cannot be measured (one class, no rows) leaves its bar inconclusive, with the reason.
// Losses are bounded: probabilities are floored at 1e-3 for log loss; squared error is clipped by the caller's bound.
package evaluate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
)

// Scored is rows with what a version said of them and what was true.
type Scored struct {
	Kind    rondo.TaskKind
	Classes []string      // multiclass: names by index
	Outputs []float64     // rows x width: a probability, one a class, or the number
	Target  []float64     // 0 or 1, the class index, or the number
	Times   []int64       // row times in UTC microseconds; nil without time
	Table   *column.Table // the rows' columns, for slices; may be nil
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

func (s *Scored) labels() []bool {
	out := make([]bool, len(s.Target))
	for i, t := range s.Target {
		out[i] = t == 1
	}
	return out
}

func (s *Scored) classLabels() []int32 {
	out := make([]int32, len(s.Target))
	for i, t := range s.Target {
		out[i] = int32(t)
	}
	return out
}

// leastDays is how many days there must be before intervals treat a day's rows as dependent.
const leastDays = 10

// days groups rows by UTC day, because rows of a day share a shock; nil (independent rows) below leastDays days.
func (s *Scored) days() metric.Groups {
	if s.Times == nil {
		return nil
	}
	ids := map[int64]int32{}
	groups := make(metric.Groups, len(s.Times))
	for i, t := range s.Times {
		day := t / (24 * int64(time.Hour/time.Microsecond))
		id, ok := ids[day]
		if !ok {
			id = int32(len(ids))
			ids[day] = id
		}
		groups[i] = id
	}
	if len(ids) < leastDays {
		return nil
	}
	return groups
}

// floor is the least probability that a log loss believes in; it bounds the loss at 6.9.
const floor = 1e-3

// Losses are the bounded per-row primary loss, and what the model itself expects of it: the sum over outcomes of their
// predicted probability times their loss (S12). For squared loss there is no predicted spread, so expected is nil.
func Losses(loss rondo.Loss, s *Scored) (losses, expected []float64, err error) {
	n, k := s.Rows(), s.width()
	if len(s.Outputs) != n*k {
		return nil, nil, fmt.Errorf("%d outputs for %d rows of %d", len(s.Outputs), n, k)
	}
	losses = make([]float64, n)
	switch {
	case loss == rondo.SquaredLoss && s.Kind == rondo.Regression:
		for i, t := range s.Target {
			d := s.Outputs[i] - t
			losses[i] = d * d
		}
		return losses, nil, nil
	case loss == rondo.LogLoss && s.Kind == rondo.Binary:
		expected = make([]float64, n)
		for i, p := range s.Outputs {
			yes, no := logLoss(p), logLoss(1-p)
			losses[i] = no
			if s.Target[i] == 1 {
				losses[i] = yes
			}
			expected[i] = p*yes + (1-p)*no
		}
		return losses, expected, nil
	case loss == rondo.LogLoss && s.Kind == rondo.Multiclass:
		expected = make([]float64, n)
		for i, t := range s.Target {
			for c := range k {
				p := s.Outputs[i*k+c]
				expected[i] += p * logLoss(p)
			}
			losses[i] = logLoss(s.Outputs[i*k+int(t)])
		}
		return losses, expected, nil
	}
	return nil, nil, rondo.Errorf(rondo.Unsupported, "loss %s does not fit a %s task", loss, s.Kind)
}

func logLoss(p float64) float64 { return -math.Log(max(p, floor)) }

// Cost is what decisions at the threshold cost, in all and in dollars a row: fp for a row said to be positive that was
// not, fn for a positive row that was missed.
func Cost(d *rondo.Decide, threshold float64, s *Scored) (rondo.Money, []float64) {
	var total rondo.Money
	rows := make([]float64, s.Rows())
	for i, p := range s.Outputs {
		var m rondo.Money
		switch positive := s.Target[i] == 1; {
		case p >= threshold && !positive:
			m = d.FP
		case p < threshold && positive:
			m = d.FN
		}
		total = total.Add(m)
		rows[i] = m.Dollars()
	}
	return total, rows
}

// Threshold is where a probability becomes an answer: the declared one, or the one of least cost on validation rows. With
// equal costs the smallest is taken. It is nil without decide, and for other tasks than binary.
func Threshold(d *rondo.Decide, validation *Scored) (*float64, error) {
	if d == nil || validation.Kind != rondo.Binary {
		return nil, nil
	}
	if !d.MinCost {
		t := d.Threshold
		return &t, nil
	}
	if validation.Rows() == 0 {
		return nil, errors.New("no validation rows to choose a threshold on")
	}
	order := make([]int32, validation.Rows())
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch x, y := validation.Outputs[a], validation.Outputs[b]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	// Start with everything said to be positive, then raise the threshold past one score after the other.
	var cost, best int64
	for _, t := range validation.Target {
		if t != 1 {
			cost += int64(d.FP)
		}
	}
	best = cost
	threshold := validation.Outputs[order[0]]
	for i, r := range order {
		if validation.Target[r] == 1 {
			cost += int64(d.FN)
		} else {
			cost -= int64(d.FP)
		}
		last := i+1 == len(order)
		if !last && validation.Outputs[order[i+1]] == validation.Outputs[r] {
			continue // equal scores fall together
		}
		if cost < best {
			best = cost
			threshold = 1
			if !last {
				threshold = validation.Outputs[order[i+1]]
			} else {
				threshold = math.Nextafter(validation.Outputs[r], 2)
			}
		}
	}
	return &threshold, nil
}
