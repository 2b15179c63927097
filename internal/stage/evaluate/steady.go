package evaluate

import (
	"fmt"
	"math"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

// Steady keeps a chosen threshold only when the rows it was chosen on can tell it from the one that calibrated
// probabilities call for, fp/(fp+fn) (Elkan, 2001): when it is cheaper at 95 %, days counting as units. Else the calibrated one stands: a few days' validation moves the least-cost
// threshold by chance, and every version would decide by another one. Declared thresholds, and nil, are kept.
func Steady(d *rondo.Decide, chosen *float64, validation *Scored) (*float64, error) {
	if d == nil || chosen == nil || !d.MinCost || d.FP.Add(d.FN) == 0 {
		return chosen, nil
	}
	calibrated := d.FP.Dollars() / d.FP.Add(d.FN).Dollars()
	_, at := Cost(d, *chosen, validation)
	_, by := Cost(d, calibrated, validation)
	for i := range by {
		by[i] -= at[i]
	}
	mean, deviation, units, err := clustered(validation, by)
	if err != nil {
		return nil, fmt.Errorf("threshold: %w", err)
	}
	if mean > student975(units-1)*deviation {
		return chosen, nil
	}
	return &calibrated, nil
}

// student975 is the 97.5 % quantile of Student's t.
func student975(df int) float64 {
	few := [...]float64{12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23}
	switch {
	case df < 1:
		return math.Inf(1)
	case df <= len(few):
		return few[df-1]
	case df <= 30:
		return 2.2
	}
	return 2.04
}

// clustered is the mean of a number a row, and its standard error with the rows of a day taken together, of so many units;
// rows are units where there is no time.
func clustered(s *Scored, x []float64) (mean, deviation float64, units int, err error) {
	n := float64(len(x))
	if len(x) < 2 {
		return 0, 0, 0, ErrNotMeasured
	}
	for _, v := range x {
		mean += v
	}
	mean /= n
	groups := map[int64]float64{}
	var order []int64
	for i, v := range x {
		g := int64(i)
		if s.Times != nil {
			g = s.Times[i] / (24 * int64(time.Hour/time.Microsecond))
		}
		if _, seen := groups[g]; !seen {
			order = append(order, g)
		}
		groups[g] += v - mean
	}
	k := float64(len(order))
	if k < 2 {
		return mean, math.Inf(1), 1, nil // one day says nothing about another
	}
	sum := 0.0
	for _, g := range order {
		sum += groups[g] * groups[g]
	}
	return mean, math.Sqrt(sum*k/(k-1)) / n, len(order), nil
}
