package evaluate

import (
	"fmt"
	"math"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

// flights are n rows of a calibrated binary model with an AUC of about 0.72 over days days, from 200 airports of uneven
// size.
func flights(name string, n, days int) *Scored {
	rng := seed.Seed(1).Rand("flights", name)
	s := &Scored{Kind: rondo.Binary, Outputs: make([]float64, n), Target: make([]float64, n), Times: make([]int64, n)}
	origin := column.New(column.String, n)
	start := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		s.Outputs[i] = float64(float32(1 / (1 + math.Exp(1.5-rng.NormFloat64()*0.9))))
		if rng.Float64() < s.Outputs[i] {
			s.Target[i] = 1
		}
		s.Times[i] = start.Add(time.Duration(float64(i) / float64(n) * float64(days) * float64(24*time.Hour))).UnixMicro()
		origin.Strings[i] = fmt.Sprintf("A%03d", int(200*math.Pow(rng.Float64(), 3)))
	}
	s.Table = &column.Table{}
	s.Table.Set("origin", origin)
	return s
}

func flightsSpec() *rondo.Spec {
	return &rondo.Spec{
		Task:   rondo.Task{Kind: rondo.Binary, Target: "late"},
		Decide: &rondo.Decide{MinCost: true, FP: rondo.Dollar, FN: 4 * rondo.Dollar},
		Evaluate: rondo.Evaluate{Primary: rondo.LogLoss, Bars: []string{
			"auc >= 0.70", "auc >= champion - 0.005", "worst(auc by origin, rows >= 2000) >= 0.60", "calibration(ece) <= 0.05"}},
		Monitor: rondo.Monitor{FalsePerYear: 1, Slices: []string{"origin"}},
	}
}

// BenchmarkJudge is an evaluation of the size of the demo's: 100,000 test rows and 350,000 training rows.
func BenchmarkJudge(b *testing.B) {
	test, train := flights("test", 100_000, 31), flights("train", 350_000, 31)
	at := 0.2
	for b.Loop() {
		test, train := *test, *train // nothing remembered from the last time
		if _, err := Judge(Request{Spec: flightsSpec(), Test: &test, Train: &train, Threshold: &at, Use: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
