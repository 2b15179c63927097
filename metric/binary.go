package metric

import (
	"fmt"
	"math"
)

// smallest is the floor under a probability in a logarithm, that of scikit-learn; a class held impossible costs 36.
const smallest = 0x1p-52

// Confusion counts rows by prediction and label.
type Confusion struct {
	TruePositive, FalsePositive, TrueNegative, FalseNegative int
}

// Count fills a Confusion at a threshold: a score of at least the threshold predicts positive.
func Count(scores []float64, labels []bool, threshold float64) (Confusion, error) {
	if err := Groups(nil).checkThreshold(scores, labels, threshold, .5); err != nil {
		return Confusion{}, fmt.Errorf("confusion: %w", err)
	}
	var c Confusion
	for i, v := range scores {
		switch {
		case v >= threshold && labels[i]:
			c.TruePositive++
		case v >= threshold:
			c.FalsePositive++
		case labels[i]:
			c.FalseNegative++
		default:
			c.TrueNegative++
		}
	}
	return c, nil
}

// Accuracy is the share of rows predicted right at a threshold.
func Accuracy(scores []float64, labels []bool, threshold, level float64) (Estimate, error) {
	return Groups(nil).Accuracy(scores, labels, threshold, level)
}

// Accuracy is the function Accuracy for rows that depend on each other within a group.
func (g Groups) Accuracy(scores []float64, labels []bool, threshold, level float64) (Estimate, error) {
	if err := g.checkThreshold(scores, labels, threshold, level); err != nil {
		return Estimate{}, fmt.Errorf("accuracy: %w", err)
	}
	e, err := g.share(len(scores),
		func(i int) bool { return scores[i] >= threshold == labels[i] },
		func(int) bool { return true }, level)
	return e, named("accuracy", err)
}

// Precision is the share of positive labels among the rows predicted positive; none predicted is ErrUndefined.
func Precision(scores []float64, labels []bool, threshold, level float64) (Estimate, error) {
	return Groups(nil).Precision(scores, labels, threshold, level)
}

// Precision is the function Precision for rows that depend on each other within a group.
func (g Groups) Precision(scores []float64, labels []bool, threshold, level float64) (Estimate, error) {
	if err := g.checkThreshold(scores, labels, threshold, level); err != nil {
		return Estimate{}, fmt.Errorf("precision: %w", err)
	}
	e, err := g.share(len(scores),
		func(i int) bool { return labels[i] },
		func(i int) bool { return scores[i] >= threshold }, level)
	return e, named("precision", err)
}

// Recall is the share of rows predicted positive among the positive labels; no positive label is ErrUndefined.
func Recall(scores []float64, labels []bool, threshold, level float64) (Estimate, error) {
	return Groups(nil).Recall(scores, labels, threshold, level)
}

// Recall is the function Recall for rows that depend on each other within a group.
func (g Groups) Recall(scores []float64, labels []bool, threshold, level float64) (Estimate, error) {
	if err := g.checkThreshold(scores, labels, threshold, level); err != nil {
		return Estimate{}, fmt.Errorf("recall: %w", err)
	}
	e, err := g.share(len(scores),
		func(i int) bool { return scores[i] >= threshold },
		func(i int) bool { return labels[i] }, level)
	return e, named("recall", err)
}

// F1 is 2 TP / (2 TP + FP + FN). With J = TP/(TP+FP+FN), a share of the rows that are positive by label or by
// prediction, it is 2J/(1+J), so the interval is that of J moved to this scale. No such row is ErrUndefined.
func F1(scores []float64, labels []bool, threshold, level float64) (Estimate, error) {
	return Groups(nil).F1(scores, labels, threshold, level)
}

// F1 is the function F1 for rows that depend on each other within a group.
func (g Groups) F1(scores []float64, labels []bool, threshold, level float64) (Estimate, error) {
	if err := g.checkThreshold(scores, labels, threshold, level); err != nil {
		return Estimate{}, fmt.Errorf("f1: %w", err)
	}
	e, err := g.share(len(scores),
		func(i int) bool { return scores[i] >= threshold && labels[i] },
		func(i int) bool { return scores[i] >= threshold || labels[i] }, level)
	if err != nil {
		return Estimate{}, fmt.Errorf("f1: %w", err)
	}
	e.Value, e.Low, e.High = ofShare(e.Value), ofShare(e.Low), ofShare(e.High)
	return e, nil
}

// ofShare is F1 by the share TP/(TP+FP+FN).
func ofShare(j float64) float64 { return 2 * j / (1 + j) }

// LogLoss is the mean of -ln(probability of what happened); scores are probabilities of the positive class.
func LogLoss(scores []float64, labels []bool, level float64) (Estimate, error) {
	return Groups(nil).LogLoss(scores, labels, level)
}

// LogLoss is the function LogLoss for rows that depend on each other within a group.
func (g Groups) LogLoss(scores []float64, labels []bool, level float64) (Estimate, error) {
	if err := g.checkProbabilities(scores, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("log loss: %w", err)
	}
	e, err := g.labelled(labels, level, func(i int, label bool) float64 {
		if label {
			return -math.Log(max(scores[i], smallest))
		}
		return -math.Log(max(1-scores[i], smallest))
	})
	return e.above(0), named("log loss", err)
}

// Brier is the mean of (probability - label)^2, label 0 or 1.
func Brier(scores []float64, labels []bool, level float64) (Estimate, error) {
	return Groups(nil).Brier(scores, labels, level)
}

// Brier is the function Brier for rows that depend on each other within a group.
func (g Groups) Brier(scores []float64, labels []bool, level float64) (Estimate, error) {
	if err := g.checkProbabilities(scores, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("brier: %w", err)
	}
	e, err := g.labelled(labels, level, func(i int, label bool) float64 {
		if label {
			return (1 - scores[i]) * (1 - scores[i])
		}
		return scores[i] * scores[i]
	})
	e = e.above(0)
	e.High = min(e.High, 1)
	return e, named("brier", err)
}

// AveragePrecision is the mean over the positive rows of the precision at their score: the sum over thresholds of
// (recall gained) * precision, as in scikit-learn, tied scores at once.
func AveragePrecision(scores []float64, labels []bool, level float64) (Estimate, error) {
	return Groups(nil).AveragePrecision(scores, labels, level)
}

// AveragePrecision is the function AveragePrecision for rows that depend on each other within a group.
func (g Groups) AveragePrecision(scores []float64, labels []bool, level float64) (Estimate, error) {
	if err := g.checkScores(scores, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("average precision: %w", err)
	}
	value, positives, influence, err := averagePrecision(scores, labels)
	if err != nil {
		return Estimate{}, fmt.Errorf("average precision: %w", err)
	}
	s, err := g.spreadOf(influence)
	if err != nil {
		return Estimate{}, fmt.Errorf("average precision: %w", err)
	}
	e := Estimate{Value: value, Rows: len(scores)}
	m := float64(positives)
	if value == 1 {
		e.Low, e.High = scoreInterval(1, min(m, float64(s.units)), level, s.quantile(level))
		return e, nil
	}
	// Few positives: the influences know too little of their own variance, so the deviation is at least that of a share
	// of the positives (Boyd, Eng and Page 2013), and the degrees of freedom are those of the positives.
	s.se = max(s.se, math.Sqrt(value*(1-value)/m))
	s.freedom = max(1, min(s.freedom, m-1))
	e.Low, e.High = s.logit(value, level)
	return e, nil
}

// averagePrecision also finds the influence of each row, with mean 0. With H(s) the share of rows at or above s and
// A(s) of positive ones, AP = E[y A/H]/E[y]; a row (s, y) moves A and H at all scores at or below its own.
func averagePrecision(scores []float64, labels []bool) (value float64, positives int, influence []float64, err error) {
	for _, y := range labels {
		if y {
			positives++
		}
	}
	if positives == 0 || positives == len(labels) {
		return 0, 0, nil, ErrOneClass
	}
	order := ascending(scores)
	rows, m := float64(len(scores)), float64(positives)
	influence = make([]float64, len(scores))
	var below, positivesBelow int
	var sum, perRow, perHit float64 // sums over positive rows at or below: of precision, precision/H, 1/H; by row count
	ties(order, func(run []ranked) {
		tied := 0
		for _, r := range run {
			if labels[r.row] {
				tied++
			}
		}
		at, hits := float64(len(order)-below), float64(positives-positivesBelow)
		precision := hits / at
		sum += float64(tied) * precision
		perRow += float64(tied) * precision / at
		perHit += float64(tied) / at
		for _, r := range run {
			moved := -perRow
			if labels[r.row] {
				moved += precision + perHit
			}
			influence[r.row] = moved
		}
		below += len(run)
		positivesBelow += tied
	})
	value = sum / m
	for i, moved := range influence { // of E[y A/H] less that of E[y]
		moved -= sum / rows
		y := 0.0
		if labels[i] {
			y = 1
		}
		influence[i] = (moved - value*(y-m/rows)) * rows / m
	}
	return value, positives, influence, nil
}

// Mean is the mean of any finite numbers, one a row: a loss of the caller, or the difference of two losses.
func Mean(values []float64, level float64) (Estimate, error) { return Groups(nil).Mean(values, level) }

// Mean is the function Mean for rows that depend on each other within a group.
func (g Groups) Mean(values []float64, level float64) (Estimate, error) {
	if err := g.check(len(values), len(values), level); err != nil {
		return Estimate{}, fmt.Errorf("mean: %w", err)
	}
	if err := checkFinite(values); err != nil {
		return Estimate{}, fmt.Errorf("mean: %w", err)
	}
	e, err := g.mean(len(values), level, func(i int) float64 { return values[i] })
	if err != nil {
		return Estimate{}, fmt.Errorf("mean: %w", err)
	}
	return e.checked("mean")
}

// mean estimates the mean of a loss, skewness repaired.
func (g Groups) mean(rows int, level float64, loss func(i int) float64) (Estimate, error) {
	away := make([]float64, rows)
	var sum float64
	for i := range away {
		away[i] = loss(i)
		sum += away[i]
	}
	e := Estimate{Value: sum / float64(rows), Rows: rows}
	for i := range away {
		away[i] -= e.Value
	}
	s, err := g.spreadOf(away)
	if err != nil {
		return Estimate{}, err
	}
	e.Low, e.High = s.skewed(e.Value, level)
	return e, nil
}

// labelled is mean for a loss of a label. Rows of a class that the sample hardly has may cost much more than it shows,
// so the upper end is at least what the upper end of that class's share would cost.
func (g Groups) labelled(labels []bool, level float64, loss func(i int, label bool) float64) (Estimate, error) {
	e, err := g.mean(len(labels), level, func(i int) float64 { return loss(i, labels[i]) })
	if err != nil {
		return Estimate{}, err
	}
	var rows, sum, supposed [2]float64 // by class: rows, their loss, the loss if all rows were of it
	for i, y := range labels {
		class := 0
		if y {
			class = 1
		}
		rows[class]++
		sum[class] += loss(i, y)
		supposed[0] += loss(i, false)
		supposed[1] += loss(i, true)
	}
	all := rows[0] + rows[1]
	var mean [2]float64
	for class := range mean {
		mean[class] = supposed[class] / all
		if rows[class] > 0 {
			mean[class] = sum[class] / rows[class]
		}
	}
	for class := range mean {
		if rows[class] < fewHits {
			share := rows[class] / all
			_, most := scoreInterval(share, all, level, normalQuantile((1+level)/2))
			e.High = max(e.High, e.Value+(most-share)*(mean[class]-mean[1-class]))
		}
	}
	return e, nil
}

// above keeps the lower end at what is possible.
func (e Estimate) above(floor float64) Estimate {
	e.Low = max(e.Low, floor)
	return e
}

// named wraps an error with the metric's name.
func named(metric string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", metric, err)
}

// checkThreshold guards the metrics at a threshold.
func (g Groups) checkThreshold(scores []float64, labels []bool, threshold, level float64) error {
	if err := g.checkScores(scores, labels, level); err != nil {
		return err
	}
	if math.IsNaN(threshold) {
		return fmt.Errorf("threshold: %w", ErrNotFinite)
	}
	return nil
}

// checkProbabilities guards the metrics of probabilities.
func (g Groups) checkProbabilities(scores []float64, labels []bool, level float64) error {
	if err := g.check(len(scores), len(labels), level); err != nil {
		return err
	}
	return checkProbability(scores)
}
