package evaluate

import (
	"math/rand/v2"
	"testing"

	"rondo.dev/rondo/internal/rondo"
)

func calibratedRows(n int, bias float64) *Scored {
	rng := rand.New(rand.NewPCG(1, 2))
	s := &Scored{Kind: rondo.Binary}
	for range n {
		p := rng.Float64()
		s.Outputs = append(s.Outputs, min(1, p*bias))
		t := 0.0
		if rng.Float64() < p {
			t = 1
		}
		s.Target = append(s.Target, t)
	}
	return s
}

func TestCalibratedRowsKeepTheCalibratedThreshold(t *testing.T) {
	d := &rondo.Decide{MinCost: true, FP: rondo.Dollar, FN: 4 * rondo.Dollar}
	for _, c := range []struct {
		bias float64
		kept bool // the calibrated one
	}{{1, true}, {0.3, false}} {
		rows := calibratedRows(5000, c.bias)
		chosen, err := Threshold(d, rows)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Steady(d, chosen, rows)
		if err != nil {
			t.Fatal(err)
		}
		if (*got == 0.2) != c.kept {
			t.Errorf("bias %v: chosen %v, got %v", c.bias, *chosen, *got)
		}
	}
}

func TestDeclaredAndMissingThresholdsAreKept(t *testing.T) {
	x := 0.7
	rows := calibratedRows(100, 1)
	for _, d := range []*rondo.Decide{nil, {Threshold: 0.7}} {
		if got, err := Steady(d, &x, rows); err != nil || *got != x {
			t.Errorf("%+v: %v, %v", d, got, err)
		}
	}
	if got, err := Steady(&rondo.Decide{MinCost: true, FP: 1, FN: 1}, nil, rows); err != nil || got != nil {
		t.Errorf("nil became %v, %v", got, err)
	}
}
