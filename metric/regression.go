package metric

import (
	"fmt"
	"math"
)

// RMSE is the root of the mean squared error.
func RMSE(predictions, labels []float64, level float64) (Estimate, error) {
	return Groups(nil).RMSE(predictions, labels, level)
}

// RMSE is the function RMSE for rows that depend on each other within a group.
func (g Groups) RMSE(predictions, labels []float64, level float64) (Estimate, error) {
	if err := g.checkNumbers(predictions, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("rmse: %w", err)
	}
	squares := make([]float64, len(labels))
	for i, y := range labels {
		squares[i] = (predictions[i] - y) * (predictions[i] - y)
	}
	e, err := g.mean(len(labels), level, func(i int) float64 { return squares[i] })
	if err != nil {
		return Estimate{}, fmt.Errorf("rmse: %w", err)
	}
	if e.Value > 0 { // heavy tails: at least as high as on the logarithmic scale
		for i := range squares {
			squares[i] = squares[i]/e.Value - 1
		}
		s, err := g.spreadOf(squares)
		if err != nil {
			return Estimate{}, fmt.Errorf("rmse: %w", err)
		}
		e.High = max(e.High, e.Value*math.Exp(s.quantile(level)*s.se))
	}
	e.Value, e.Low, e.High = math.Sqrt(e.Value), math.Sqrt(max(0, e.Low)), math.Sqrt(e.High)
	return e.checked("rmse")
}

// MAE is the mean absolute error.
func MAE(predictions, labels []float64, level float64) (Estimate, error) {
	return Groups(nil).MAE(predictions, labels, level)
}

// MAE is the function MAE for rows that depend on each other within a group.
func (g Groups) MAE(predictions, labels []float64, level float64) (Estimate, error) {
	if err := g.checkNumbers(predictions, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("mae: %w", err)
	}
	e, err := g.mean(len(labels), level, func(i int) float64 { return math.Abs(predictions[i] - labels[i]) })
	if err != nil {
		return Estimate{}, fmt.Errorf("mae: %w", err)
	}
	return e.above(0).checked("mae")
}

// R2 is 1 - sum of squared errors / sum of squares about the mean label; labels that are all equal are ErrUndefined.
// The interval is that of ln(1 - R2), at each end the wider of Student's t and Hall's.
func R2(predictions, labels []float64, level float64) (Estimate, error) {
	return Groups(nil).R2(predictions, labels, level)
}

// R2 is the function R2 for rows that depend on each other within a group.
func (g Groups) R2(predictions, labels []float64, level float64) (Estimate, error) {
	if err := g.checkNumbers(predictions, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("r2: %w", err)
	}
	rows := float64(len(labels))
	var mean, errors, total float64
	for _, y := range labels {
		mean += y / rows
	}
	for i, y := range labels {
		errors += (predictions[i] - y) * (predictions[i] - y) / rows
		total += (y - mean) * (y - mean) / rows
	}
	if total == 0 {
		return Estimate{}, fmt.Errorf("r2: all labels are equal: %w", ErrUndefined)
	}
	e := Estimate{Value: 1 - errors/total, Rows: len(labels)}
	if errors == 0 {
		e.Low, e.High = 1, 1
		return e, nil
	}
	influence := make([]float64, len(labels)) // of ln(errors) - ln(total)
	for i, y := range labels {
		influence[i] = (predictions[i]-y)*(predictions[i]-y)/errors - (y-mean)*(y-mean)/total
	}
	s, err := g.spreadOf(influence)
	if err != nil {
		return Estimate{}, fmt.Errorf("r2: %w", err)
	}
	low, high := s.skewed(math.Log(errors/total), level)
	plainLow, plainHigh := s.plain(math.Log(errors/total), level)
	low, high = min(low, plainLow), max(high, plainHigh)
	e.Low, e.High = 1-math.Exp(high), 1-math.Exp(low)
	return e.checked("r2")
}

// Pinball is the mean pinball loss of predictions of the quantile: quantile * (label - prediction) where the label is
// above, (1 - quantile) * (prediction - label) where it is below.
func Pinball(predictions, labels []float64, quantile, level float64) (Estimate, error) {
	return Groups(nil).Pinball(predictions, labels, quantile, level)
}

// Pinball is the function Pinball for rows that depend on each other within a group.
func (g Groups) Pinball(predictions, labels []float64, quantile, level float64) (Estimate, error) {
	if err := g.checkNumbers(predictions, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("pinball: %w", err)
	}
	if !(quantile > 0 && quantile < 1) {
		return Estimate{}, fmt.Errorf("pinball: quantile %v: %w", quantile, ErrOutOfRange)
	}
	e, err := g.mean(len(labels), level, func(i int) float64 {
		above := labels[i] - predictions[i]
		return max(quantile*above, (quantile-1)*above)
	})
	if err != nil {
		return Estimate{}, fmt.Errorf("pinball: %w", err)
	}
	return e.above(0).checked("pinball")
}

// checked refuses a result that left the range of float64.
func (e Estimate) checked(metric string) (Estimate, error) {
	if err := checkFinite([]float64{e.Value, e.Low, e.High}); err != nil {
		return Estimate{}, fmt.Errorf("%s: the result: %w", metric, ErrNotFinite)
	}
	return e, nil
}

// checkNumbers guards the metrics of numbers.
func (g Groups) checkNumbers(predictions, labels []float64, level float64) error {
	if err := g.check(len(predictions), len(labels), level); err != nil {
		return err
	}
	if err := checkFinite(predictions); err != nil {
		return fmt.Errorf("predictions: %w", err)
	}
	if err := checkFinite(labels); err != nil {
		return fmt.Errorf("labels: %w", err)
	}
	return nil
}
