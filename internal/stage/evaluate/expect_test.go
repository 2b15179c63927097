package evaluate

import (
	"math"
	"testing"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

// The rest of a row is as wide as its answer: so is the expected loss, and on the rows it was taken from nothing is left over.
func TestSpreadIsTheLossOfRowsWithSuchAnAnswer(t *testing.T) {
	rng := seed.Seed(3).Rand("spread")
	s := &Scored{Kind: rondo.Regression}
	for range 20_000 {
		answer := 1 + 4*rng.Float64()
		s.Outputs, s.Target = append(s.Outputs, answer), append(s.Target, answer+answer*rng.NormFloat64())
	}
	losses, _, err := Losses(rondo.SquaredLoss, s)
	if err != nil {
		t.Fatal(err)
	}
	clip := Clip(rondo.SquaredLoss, losses)
	spread, err := Spread(rondo.SquaredLoss, s, clip)
	if err != nil || len(spread) != spreadBins {
		t.Fatalf("%d groups, %v", len(spread), err)
	}
	mean := func(x []float64) (sum float64) {
		for _, v := range x {
			sum += v / float64(len(x))
		}
		return sum
	}
	if a, b := mean(Expected(spread, s)), mean(Clipped(losses, clip)); math.Abs(a-b) > 1e-9*b {
		t.Errorf("expected %v, found %v", a, b)
	}
	if got := Expected(spread, &Scored{Kind: rondo.Regression, Outputs: []float64{1.2, -9, 99}, Target: make([]float64, 3)}); got[0] != got[1] ||
		math.Abs(got[0]-1.2*1.2) > .2 || got[2] < 14 || got[2] > 23 { // at the upper end the clip takes a part of 23
		t.Errorf("expected losses of 1.2, -9 and 99: %v", got)
	}
	few := &Scored{Kind: rondo.Regression, Outputs: make([]float64, 120), Target: make([]float64, 120)}
	few.Target[0] = 12
	if spread, err = Spread(rondo.SquaredLoss, few, nil); err != nil || len(spread) != 1 || math.Abs(spread[0].Loss-1.2) > 1e-12 {
		t.Errorf("equal answers: %+v, %v", spread, err)
	}
	if spread, err = Spread(rondo.LogLoss, flights("spread", 300, 5), nil); err != nil || spread != nil {
		t.Errorf("probabilities say themselves what they expect: %+v, %v", spread, err)
	}
	if spread, err = Spread(rondo.SquaredLoss, &Scored{Kind: rondo.Regression}, nil); err != nil || spread != nil {
		t.Errorf("no rows: %+v, %v", spread, err)
	}
}
