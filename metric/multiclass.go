package metric

import (
	"fmt"
	"math"
)

// MulticlassAccuracy is the share of rows whose most probable class is the label; labels count from 0.
func MulticlassAccuracy(probabilities []float64, classes int, labels []int32, level float64) (Estimate, error) {
	return Groups(nil).MulticlassAccuracy(probabilities, classes, labels, level)
}

// MulticlassAccuracy is the function MulticlassAccuracy for rows that depend on each other within a group.
func (g Groups) MulticlassAccuracy(probabilities []float64, classes int, labels []int32, level float64) (Estimate, error) {
	if err := g.checkClasses(probabilities, classes, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("accuracy: %w", err)
	}
	e, err := g.share(len(labels),
		func(i int) bool { return likeliest(probabilities, classes, i) == labels[i] },
		func(int) bool { return true }, level)
	return e, named("accuracy", err)
}

// MulticlassLogLoss is the mean of -ln(probability of the class that happened).
func MulticlassLogLoss(probabilities []float64, classes int, labels []int32, level float64) (Estimate, error) {
	return Groups(nil).MulticlassLogLoss(probabilities, classes, labels, level)
}

// MulticlassLogLoss is the function MulticlassLogLoss for rows that depend on each other within a group.
func (g Groups) MulticlassLogLoss(probabilities []float64, classes int, labels []int32, level float64) (Estimate, error) {
	if err := g.checkClasses(probabilities, classes, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("log loss: %w", err)
	}
	e, err := g.mean(len(labels), level, func(i int) float64 {
		return -math.Log(max(probabilities[i*classes+int(labels[i])], smallest))
	})
	return e.above(0), named("log loss", err)
}

// MacroF1 is the mean of the classes' F1, over the classes that occur as label or as prediction (as in scikit-learn).
// The interval is the wider of two at each end: the delta method's, too short for classes of few rows, and the classes'
// own intervals put together as if independent (MOVER, Zou and Donner 2008).
func MacroF1(probabilities []float64, classes int, labels []int32, level float64) (Estimate, error) {
	return Groups(nil).MacroF1(probabilities, classes, labels, level)
}

// MacroF1 is the function MacroF1 for rows that depend on each other within a group.
func (g Groups) MacroF1(probabilities []float64, classes int, labels []int32, level float64) (Estimate, error) {
	if err := g.checkClasses(probabilities, classes, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("macro f1: %w", err)
	}
	rows := float64(len(labels))
	hits, marks := make([]float64, classes), make([]float64, classes) // marks: labels plus predictions
	predicted := make([]int32, len(labels))
	for i, y := range labels {
		predicted[i] = likeliest(probabilities, classes, i)
		marks[y]++
		marks[predicted[i]]++
		if predicted[i] == y {
			hits[y]++
		}
	}
	f1, present := make([]float64, classes), 0.0
	var sum float64
	for k, n := range marks {
		if n > 0 {
			f1[k] = 2 * hits[k] / n
			sum += f1[k]
			present++
		}
	}
	e := Estimate{Value: sum / present, Rows: len(labels)}
	influence := make([]float64, len(labels)) // of 2 hits / marks, by class
	for i, y := range labels {
		p := predicted[i]
		influence[i] = -(f1[y]/marks[y] + f1[p]/marks[p])
		if p == y {
			influence[i] += 2 / marks[y]
		}
		influence[i] *= rows / present
	}
	s, err := g.spreadOf(influence)
	if err != nil {
		return Estimate{}, fmt.Errorf("macro f1: %w", err)
	}
	e.Low, e.High = 1, 0
	if e.Value > 0 && e.Value < 1 && s.se > 0 {
		e.Low, e.High = s.logit(e.Value, level)
	}
	var below, above float64 // squares of the classes' own half widths
	for k, n := range marks {
		if n == 0 {
			continue
		}
		class := int32(k)
		own, err := g.share(len(labels),
			func(i int) bool { return predicted[i] == class && labels[i] == class },
			func(i int) bool { return predicted[i] == class || labels[i] == class }, level)
		if err != nil {
			return Estimate{}, fmt.Errorf("macro f1: %w", err)
		}
		low, high := ofShare(own.Value)-ofShare(own.Low), ofShare(own.High)-ofShare(own.Value)
		below += low * low
		above += high * high
	}
	e.Low = min(e.Low, max(0, e.Value-math.Sqrt(below)/present))
	e.High = max(e.High, min(1, e.Value+math.Sqrt(above)/present))
	return e, nil
}

// MacroAUC is the mean over classes of the AUC of that class against the rest; every class must occur: ErrOneClass.
func MacroAUC(probabilities []float64, classes int, labels []int32, level float64) (Estimate, error) {
	return Groups(nil).MacroAUC(probabilities, classes, labels, level)
}

// MacroAUC is the function MacroAUC for rows that depend on each other within a group.
func (g Groups) MacroAUC(probabilities []float64, classes int, labels []int32, level float64) (Estimate, error) {
	if err := g.checkClasses(probabilities, classes, labels, level); err != nil {
		return Estimate{}, fmt.Errorf("macro auc: %w", err)
	}
	e := Estimate{Rows: len(labels)}
	scores, influence := make([]float64, len(labels)), make([]float64, len(labels))
	rarest := len(labels)
	for k := range classes {
		for i := range scores {
			scores[i] = probabilities[i*classes+k]
		}
		positive := func(i int32) bool { return labels[i] == int32(k) }
		p, err := place(scores, positive)
		if err != nil {
			return Estimate{}, fmt.Errorf("macro auc: class %d: %w", k, err)
		}
		e.Value += p.auc / float64(classes)
		for i, v := range p.influence(positive) {
			influence[i] += v / float64(classes)
		}
		rarest = min(rarest, p.positives)
	}
	s, err := g.spreadOf(influence)
	if err != nil {
		return Estimate{}, fmt.Errorf("macro auc: %w", err)
	}
	if e.Value <= 0 || e.Value >= 1 || s.se == 0 {
		m := float64(min(rarest, s.units))
		e.Low, e.High = newcombe(min(1, e.Value), m, float64(s.units)-m, s.quantile(level))
		return e, nil
	}
	e.Low, e.High = s.logit(e.Value, level)
	return e, nil
}

// likeliest is the first of the most probable classes of a row.
func likeliest(probabilities []float64, classes, row int) int32 {
	best := 0
	of := probabilities[row*classes : (row+1)*classes]
	for k, v := range of {
		if v > of[best] {
			best = k
		}
	}
	return int32(best)
}

// checkClasses guards the metrics of several classes. Rows of probabilities need not add up to exactly 1.
func (g Groups) checkClasses(probabilities []float64, classes int, labels []int32, level float64) error {
	if classes < 2 {
		return fmt.Errorf("%d classes: %w", classes, ErrOutOfRange)
	}
	if len(probabilities)%classes != 0 {
		return fmt.Errorf("%d probabilities of %d classes: %w", len(probabilities), classes, ErrLengths)
	}
	if err := g.check(len(probabilities)/classes, len(labels), level); err != nil {
		return err
	}
	for i, y := range labels {
		if y < 0 || int(y) >= classes {
			return fmt.Errorf("row %d: label %d of %d classes: %w", i, y, classes, ErrOutOfRange)
		}
	}
	return checkProbability(probabilities)
}
