package evaluate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"rondo.dev/rondo/internal/rondo"
)

// floor is the least probability that a log loss believes in; it bounds the loss at 6.9.
const floor = 1e-3

// Losses are the per-row primary loss, and what the model itself expects of it: the sum over outcomes of their predicted
// probability times their loss (S12). For squared loss there is no predicted spread, so expected is nil. A class that the
// version does not know (a target that is no index) costs what an impossible one costs.
func Losses(loss rondo.Loss, s *Scored) (losses, expected []float64, err error) {
	n, k := s.Rows(), s.width()
	if len(s.Outputs) != n*k {
		return nil, nil, fmt.Errorf("%d outputs for %d rows of %d", len(s.Outputs), n, k)
	}
	for i, p := range s.Outputs {
		probable := p >= 0 && p <= 1 || s.Kind == rondo.Regression
		if !probable || math.IsNaN(p) || math.IsInf(p, 0) {
			return nil, nil, fmt.Errorf("row %d: %v is no answer of a %s model", i/k, p, s.Kind)
		}
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
			for _, p := range s.Outputs[i*k : i*k+k] {
				expected[i] += p * logLoss(p)
			}
			losses[i] = logLoss(0)
			if c := classOf(t, k); c >= 0 {
				losses[i] = logLoss(s.Outputs[i*k+c])
			}
		}
		return losses, expected, nil
	}
	return nil, nil, rondo.Errorf(rondo.Unsupported, "loss %s does not fit a %s task", loss, s.Kind)
}

// clipShare of the losses lie beyond a clip.
const clipShare = 0.01

// Clip is where the rows of an unbounded loss are clipped: its 99th percentile on validation rows (the nearest rank), or the
// largest where that is 0. It is nil for a loss that has a bound of its own, and where validation has no loss at all.
func Clip(loss rondo.Loss, validation []float64) *float64 {
	if loss != rondo.SquaredLoss || len(validation) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(validation))
	rank := len(sorted) - int(clipShare*float64(len(sorted)))
	if sorted[rank-1] == 0 {
		rank = len(sorted)
	}
	if sorted[rank-1] == 0 {
		return nil
	}
	return &sorted[rank-1]
}

func logLoss(p float64) float64 { return -math.Log(max(p, floor)) }

// Cost is what decisions at the threshold cost, in all and in dollars a row: fp for a row said to be positive that was
// not, fn for a positive row that was missed. Only binary rows have a cost; of others there is none, and no rows.
func Cost(d *rondo.Decide, threshold float64, s *Scored) (rondo.Money, []float64) {
	if s.Kind != rondo.Binary {
		return 0, nil
	}
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
	if d.FP < 0 || d.FN < 0 {
		return nil, rondo.Errorf(rondo.Invalid, "decide.cost is %s and %s; a mistake costs nothing or more", d.FP, d.FN)
	}
	scores := validation.Outputs
	order := make([]int32, validation.Rows())
	for i := range order {
		if math.IsNaN(scores[i]) {
			return nil, fmt.Errorf("validation row %d has no probability", i)
		}
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(scores[a], scores[b]) })
	// Start with everything said to be positive, then raise the threshold past one score after the other.
	var falsePositives, falseNegatives uint64
	for _, t := range validation.Target {
		if t != 1 {
			falsePositives++
		}
	}
	best := costOf(d, falsePositives, falseNegatives)
	threshold := scores[order[0]]
	for i, r := range order {
		if validation.Target[r] == 1 {
			falseNegatives++
		} else {
			falsePositives--
		}
		next := math.Nextafter(scores[r], 2) // nothing is said to be positive
		if i+1 < len(order) {
			if next = scores[order[i+1]]; next == scores[r] {
				continue // equal scores fall together
			}
		}
		if c := costOf(d, falsePositives, falseNegatives); c.less(best) {
			best, threshold = c, next
		}
	}
	return &threshold, nil
}

// exactCost is an amount in micro-dollars that no number of rows overflows.
type exactCost struct{ high, low uint64 }

func costOf(d *rondo.Decide, falsePositives, falseNegatives uint64) exactCost {
	h1, l1 := bits.Mul64(falsePositives, uint64(d.FP))
	h2, l2 := bits.Mul64(falseNegatives, uint64(d.FN))
	low, carry := bits.Add64(l1, l2, 0)
	return exactCost{h1 + h2 + carry, low}
}

func (c exactCost) less(d exactCost) bool {
	return c.high < d.high || c.high == d.high && c.low < d.low
}
