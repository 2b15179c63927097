package metric

import (
	"fmt"
	"math"
	"testing"
)

// A design is a population that samples are drawn from: scores, a second model's scores, labels.
type design struct {
	name  string
	base  float64 // share of positives
	move  float64 // distance of the classes, in deviations of a normal score
	sharp float64 // 1 is calibrated, 2 is overconfident
}

type binarySample struct {
	scores, other []float64
	labels        []bool
}

func (d design) draw(r *chance, rows int) binarySample {
	s := binarySample{make([]float64, rows), make([]float64, rows), make([]bool, rows)}
	for i := range rows {
		s.draw(r, d, i, 0)
	}
	return s
}

// draw fills a row; shift moves the chance of a positive, on the logit scale.
func (s binarySample) draw(r *chance, d design, i int, shift float64) {
	centre := logitOf(d.base)
	s.labels[i] = r.uniform() < logistic(centre+shift)
	x, y := r.normal(), r.normal()
	y = .7*x + .714*y
	if s.labels[i] {
		x += d.move
		y += .8 * d.move
	}
	s.scores[i] = logistic(d.sharp * (centre + d.move*x - d.move*d.move/2))
	s.other[i] = y
}

type binaryMetric struct {
	name string
	of   func(g Groups, s binarySample) (Estimate, error)
}

const (
	level     = .95
	threshold = .3
)

var binaryMetrics = []binaryMetric{
	{"auc", func(g Groups, s binarySample) (Estimate, error) { return g.AUC(s.scores, s.labels, level) }},
	{"auc difference", func(g Groups, s binarySample) (Estimate, error) {
		return g.AUCDifference(s.scores, s.other, s.labels, level)
	}},
	{"average precision", func(g Groups, s binarySample) (Estimate, error) {
		return g.AveragePrecision(s.scores, s.labels, level)
	}},
	{"log loss", func(g Groups, s binarySample) (Estimate, error) { return g.LogLoss(s.scores, s.labels, level) }},
	{"brier", func(g Groups, s binarySample) (Estimate, error) { return g.Brier(s.scores, s.labels, level) }},
	{"accuracy", func(g Groups, s binarySample) (Estimate, error) {
		return g.Accuracy(s.scores, s.labels, threshold, level)
	}},
	{"precision", func(g Groups, s binarySample) (Estimate, error) {
		return g.Precision(s.scores, s.labels, threshold, level)
	}},
	{"recall", func(g Groups, s binarySample) (Estimate, error) {
		return g.Recall(s.scores, s.labels, threshold, level)
	}},
	{"f1", func(g Groups, s binarySample) (Estimate, error) { return g.F1(s.scores, s.labels, threshold, level) }},
	{"ece", func(g Groups, s binarySample) (Estimate, error) { return g.ECE(s.scores, s.labels, 10, level) }},
}

// coverage counts how often an interval covers the truth, by metric; samples without an estimate are left out.
type coverage struct {
	truth                 []float64
	covered, tooHigh, low []int // tooHigh: the whole interval lies above the truth
}

func (c *coverage) add(k int, e Estimate) {
	switch {
	case e.Low > c.truth[k]:
		c.tooHigh[k]++
	case e.High < c.truth[k]:
		c.low[k]++
	default:
		c.covered[k]++
	}
}

func newCoverage(n int) *coverage {
	return &coverage{make([]float64, n), make([]int, n), make([]int, n), make([]int, n)}
}

// judge asks for at least 93 %, and at most most.
func (c *coverage) judge(t *testing.T, k int, what string, most float64) {
	t.Helper()
	n := float64(c.covered[k] + c.tooHigh[k] + c.low[k])
	share := float64(c.covered[k]) / n
	t.Logf("%-60s %.3f (missed above %.3f, below %.3f) of %v", what, share, float64(c.tooHigh[k])/n, float64(c.low[k])/n, n)
	if share < .93 || share > most {
		t.Errorf("%s: covers %.3f, want 0.93 to %v", what, share, most)
	}
}

// 95 % intervals cover at least 93 %; AUC and accuracy of at least 500 rows, some 50 or more of each class, also at most
// 97 %. 1,500 samples a design: a true 95 % shows 93.9 to 96.1.
func TestBinaryIntervalsCover(t *testing.T) {
	const replays, population = 1500, 400_000
	r := &chance{state: 31}
	for _, c := range []struct {
		design
		rows []int
	}{
		{design{"balanced", .4, 1.2, 1}, []int{60, 500}},
		{design{"overconfident", .3, 1, 2}, []int{60, 500}},
		{design{"10 % positive", .1, 1.5, 1}, []int{60, 500}},
		{design{"5 % positive", .05, 1.5, 1}, []int{60, 1500}},
		{design{"10 % positive, well separated", .1, 2.5, 1}, []int{60, 500}},
	} {
		truth := newCoverage(len(binaryMetrics)).truth
		all := c.draw(r, population)
		for k, m := range binaryMetrics {
			e, err := m.of(nil, all)
			if err != nil {
				t.Fatal(err)
			}
			truth[k] = e.Value
		}
		for _, rows := range c.rows {
			cover := newCoverage(len(binaryMetrics))
			cover.truth = truth
			for replay := range replays {
				s := c.draw(r, rows)
				for k, m := range binaryMetrics {
					if m.name == "ece" && replay%3 > 0 { // its binomial draws take a third of the time
						continue
					}
					if e, err := m.of(nil, s); err == nil {
						cover.add(k, e)
					}
				}
			}
			for k, m := range binaryMetrics {
				most := 1.0
				if rows >= 500 && (m.name == "auc" || m.name == "accuracy") {
					most = .97
				}
				cover.judge(t, k, fmt.Sprintf("%s, %s, %d rows", m.name, c.name, rows), most)
			}
		}
	}
}

// 40 days of 25 rows; days differ in their share of positives by a deviation of 0.7 on the logit scale. Taking rows as
// independent covers less; groups cover at least 93 %.
func TestIntervalsByDayCover(t *testing.T) {
	const replays, days, rows = 1000, 40, 25
	r := &chance{state: 32}
	d := design{"days", .3, 1.2, 1}
	draw := func(days int) (binarySample, Groups) {
		s := binarySample{make([]float64, days*rows), make([]float64, days*rows), make([]bool, days*rows)}
		g := make(Groups, days*rows)
		for day := range days {
			shift := .7 * r.normal()
			for i := day * rows; i < (day+1)*rows; i++ {
				s.draw(r, d, i, shift)
				g[i] = int32(day)
			}
		}
		return s, g
	}
	all, _ := draw(40_000)
	cover, naive := newCoverage(len(binaryMetrics)), newCoverage(len(binaryMetrics))
	for k, m := range binaryMetrics {
		e, err := m.of(nil, all)
		if err != nil {
			t.Fatal(err)
		}
		cover.truth[k], naive.truth[k] = e.Value, e.Value
	}
	for range replays {
		s, g := draw(days)
		for k, m := range binaryMetrics {
			e, err := m.of(g, s)
			if err != nil {
				t.Fatal(err)
			}
			cover.add(k, e)
			if e, err = m.of(nil, s); err != nil {
				t.Fatal(err)
			}
			naive.add(k, e)
		}
	}
	for k, m := range binaryMetrics {
		cover.judge(t, k, m.name+" by day", 1)
		if m.name == "precision" && float64(naive.covered[k])/replays > .9 {
			t.Errorf("rows taken as independent cover %d of %d: the test sees no dependence", naive.covered[k], replays)
		}
	}
}

func TestRegressionIntervalsCover(t *testing.T) {
	const replays, population = 3000, 1_000_000
	r := &chance{state: 33}
	metrics := []struct {
		name string
		of   func(p, y []float64) (Estimate, error)
	}{
		{"rmse", func(p, y []float64) (Estimate, error) { return RMSE(p, y, level) }},
		{"mae", func(p, y []float64) (Estimate, error) { return MAE(p, y, level) }},
		{"r2", func(p, y []float64) (Estimate, error) { return R2(p, y, level) }},
		{"pinball", func(p, y []float64) (Estimate, error) { return Pinball(p, y, .9, level) }},
	}
	for _, c := range []struct {
		name  string
		error func() float64
	}{
		{"normal errors", r.normal},
		{"Laplace errors", func() float64 { return r.exponential() - r.exponential() }},
		{"skewed errors", func() float64 { return r.exponential() - 1 }},
	} {
		draw := func(rows int) (p, y []float64) {
			p, y = make([]float64, rows), make([]float64, rows)
			for i := range p {
				p[i] = 2 * r.normal()
				y[i] = p[i] + c.error()
			}
			return p, y
		}
		p, y := draw(population)
		for _, rows := range []int{60, 500} {
			cover := newCoverage(len(metrics))
			for k, m := range metrics {
				e, err := m.of(p, y)
				if err != nil {
					t.Fatal(err)
				}
				cover.truth[k] = e.Value
			}
			for range replays {
				p, y := draw(rows)
				for k, m := range metrics {
					e, err := m.of(p, y)
					if err != nil {
						t.Fatal(err)
					}
					cover.add(k, e)
				}
			}
			for k, m := range metrics {
				most := 1.0
				if rows >= 500 && m.name == "rmse" {
					most = .97
				}
				cover.judge(t, k, fmt.Sprintf("%s, %s, %d rows", m.name, c.name, rows), most)
			}
		}
	}
}

func TestMulticlassIntervalsCover(t *testing.T) {
	const replays, population, classes = 2000, 400_000, 4
	r := &chance{state: 34}
	share := []float64{.5, .25, .15, .1}
	draw := func(rows int) (p []float64, y []int32) {
		p, y = make([]float64, rows*classes), make([]int32, rows)
		for i := range y {
			for u := r.uniform() - share[0]; u > 0; u -= share[y[i]] {
				y[i]++
			}
			of, sum := p[i*classes:(i+1)*classes], 0.0
			for k := range of {
				z := r.normal()
				if int32(k) == y[i] {
					z += 1.3
				}
				of[k] = share[k] * math.Exp(1.3*z)
				sum += of[k]
			}
			for k := range of {
				of[k] /= sum
			}
		}
		return p, y
	}
	metrics := []struct {
		name string
		of   func(p []float64, y []int32) (Estimate, error)
	}{
		{"accuracy", func(p []float64, y []int32) (Estimate, error) { return MulticlassAccuracy(p, classes, y, level) }},
		{"log loss", func(p []float64, y []int32) (Estimate, error) { return MulticlassLogLoss(p, classes, y, level) }},
		{"macro f1", func(p []float64, y []int32) (Estimate, error) { return MacroF1(p, classes, y, level) }},
		{"macro auc", func(p []float64, y []int32) (Estimate, error) { return MacroAUC(p, classes, y, level) }},
	}
	p, y := draw(population)
	for _, rows := range []int{60, 500} {
		cover := newCoverage(len(metrics))
		for k, m := range metrics {
			e, err := m.of(p, y)
			if err != nil {
				t.Fatal(err)
			}
			cover.truth[k] = e.Value
		}
		for range replays {
			p, y := draw(rows)
			for k, m := range metrics {
				if e, err := m.of(p, y); err == nil { // a class may be missing
					cover.add(k, e)
				}
			}
		}
		for k, m := range metrics {
			most := 1.0
			if rows >= 500 && m.name == "accuracy" {
				most = .97
			}
			cover.judge(t, k, fmt.Sprintf("%s, 4 classes, %d rows", m.name, rows), most)
		}
	}
}
