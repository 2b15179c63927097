// Package metric scores predictions against labels, and says how sure the score is.
//
// Shapes: scores, predictions, labels [n], same order. Probabilities of several classes are one flat slice, row after
// row, with the number of classes. AUC, AUCDifference, AveragePrecision and the metrics at a threshold take any finite
// scores; LogLoss, Brier, ECE and Calibration take probabilities in [0, 1]. A row is predicted positive when its
// score is at least the threshold; the predicted class is the first of the largest probabilities.
//
// Intervals: every metric returns an Estimate whose Low and High are the ends of an equal-tailed interval that covers
// the value in the population with probability level. A one-sided bound at 95 % is Low or High at level 0.90:
// OneSided says so. The package's functions take rows as independent; the same functions as methods of Groups take
// rows of one group (a day, a customer) as dependent and groups as independent.
//
// Missing: a NaN or an infinity is ErrNotFinite, no rows is ErrNoRows, one class only where two are needed is
// ErrOneClass, a ratio of 0 to 0 is ErrUndefined, too few rows or groups for an interval is ErrFewRows. 0 is always a
// measured 0.
//
// Sources: AUC, ties half: DeLong, DeLong and Clarke-Pearson (1988) as computed by Sun and Xu (2014), interval on the
// logit scale, for classes of few rows with a floor after Hanley and McNeil (1982); where the sample is perfectly
// separated, method 5 of Newcombe (2006). Shares (accuracy, precision, recall): Wilson (1927), with fewer than 10 hits
// or misses at least as wide as mid-P (Lancaster 1961), for groups with the effective rows of Korn and Graubard (1998).
// F1 is a monotone function of a share, TP/(TP+FP+FN), and takes its interval. Means (log loss, Brier, MAE, pinball,
// and the square of RMSE): Hall's (1992) transformation of Student's t, which repairs skewness. Average precision,
// macro F1, macro AUC, R2: the delta method with the influence of each row, on a scale without ends; average precision
// at least as wide as Boyd, Eng and Page (2013). ECE: see there. Groups: the same influences summed by group, divisor
// groups - 1. Degrees of freedom are those of Satterthwaite (1946), fewer where the tails are heavy.
//
// Oracle: scikit-learn and SciPy to 1e-9, see testdata/oracle. Coverage: by simulation, see coverage_test.go.
package metric

import (
	"errors"
	"fmt"
	"math"
)

// The errors of this package; all others wrap one of them.
var (
	ErrNoRows         = errors.New("metric: no rows")
	ErrFewRows        = errors.New("metric: an interval needs at least two rows, or two groups")
	ErrOneClass       = errors.New("metric: labels hold one class only")
	ErrNotFinite      = errors.New("metric: a number is not finite")
	ErrNotProbability = errors.New("metric: a probability is outside [0, 1]")
	ErrLengths        = errors.New("metric: slices differ in length")
	ErrUndefined      = errors.New("metric: nothing to divide by")
	ErrOutOfRange     = errors.New("metric: a parameter is out of range")
)

// Estimate is a value with the interval that covers the population's value.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Rows  int     `json:"rows"` // rows the value is made of: for precision the rows predicted positive
}

// Groups says which rows depend on each other: row i belongs to group Groups[i]. Nil means that rows are independent.
type Groups []int32

// OneSided returns the level at which Low and High are each a one-sided bound of this confidence:
// AUC(scores, labels, OneSided(0.95)).Low lies below the population's AUC in 95 of 100 samples. A confidence of 0.5
// or less has no such level and gives 0, which every metric refuses.
func OneSided(confidence float64) float64 { return max(0, 2*confidence-1) }

// check guards every metric: rows, level, lengths, groups.
func (g Groups) check(rows, labels int, level float64) error {
	switch {
	case rows != labels:
		return fmt.Errorf("%d predictions, %d labels: %w", rows, labels, ErrLengths)
	case rows == 0:
		return ErrNoRows
	case !(level > 0 && level < 1):
		return fmt.Errorf("level %v: %w", level, ErrOutOfRange)
	case g != nil && len(g) != rows:
		return fmt.Errorf("%d rows, %d groups: %w", rows, len(g), ErrLengths)
	}
	return nil
}

// checkFinite refuses NaN and infinities.
func checkFinite(x []float64) error {
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("row %d: %w", i, ErrNotFinite)
		}
	}
	return nil
}

// checkProbability refuses what is no probability.
func checkProbability(x []float64) error {
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("row %d: %w", i, ErrNotFinite)
		}
		if v < 0 || v > 1 {
			return fmt.Errorf("row %d: %v: %w", i, v, ErrNotProbability)
		}
	}
	return nil
}
