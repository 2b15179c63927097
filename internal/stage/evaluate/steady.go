package evaluate

import (
	"fmt"
	"math"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

// folds are the most parts that Steady leaves out in turn.
const folds = 10

// Steady keeps a chosen threshold only when the rows it was chosen on can tell it from the one that calibrated
// probabilities call for, fp/(fp+fn) (Elkan, 2001): when thresholds chosen without a fold are cheaper on that fold, at 95 %
// over the folds. A fold is a day, or days apart by ten; without time, every tenth row. Else the calibrated one stands: on
// the rows it was chosen on, the least-cost threshold always looks cheaper, and from a few days it moves by chance.
// Declared thresholds, and nil, are kept.
func Steady(d *rondo.Decide, chosen *float64, validation *Scored) (*float64, error) {
	if d == nil || chosen == nil || !d.MinCost || d.FP.Add(d.FN) == 0 {
		return chosen, nil
	}
	calibrated := d.FP.Dollars() / d.FP.Add(d.FN).Dollars()
	fold, n := folded(validation)
	if n < 2 {
		return &calibrated, nil // one day says nothing about another
	}
	gains := make([]float64, n)
	for f := range n {
		var in, out []int32
		for i, g := range fold {
			if g == f {
				in = append(in, int32(i))
			} else {
				out = append(out, int32(i))
			}
		}
		left := validation.take(in)
		without, err := Threshold(d, validation.take(out))
		if err != nil {
			return nil, fmt.Errorf("threshold without fold %d: %w", f, err)
		}
		at, _ := Cost(d, *without, left)
		by, _ := Cost(d, calibrated, left)
		gains[f] = (by - at).Dollars()
	}
	mean, deviation := moments(gains)
	if mean > student975(n-1)*deviation/math.Sqrt(float64(n)) {
		return chosen, nil
	}
	return &calibrated, nil
}

// folded gives each row its fold, and how many folds there are.
func folded(s *Scored) (fold []int, n int) {
	fold = make([]int, s.Rows())
	const day = int64(24 * time.Hour / time.Microsecond)
	numbers := map[int64]int{}
	for i := range fold {
		at := int64(i)
		if s.Times != nil {
			at = s.Times[i] / day
		}
		number, seen := numbers[at]
		if !seen {
			number = len(numbers)
			numbers[at] = number
		}
		fold[i] = number % folds
	}
	return fold, min(folds, len(numbers))
}

func moments(x []float64) (mean, deviation float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(x)-1))
}

// student975 is the 97.5 % quantile of Student's t for 1 to 9 degrees of freedom.
func student975(df int) float64 {
	return [...]float64{12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26}[df-1]
}
