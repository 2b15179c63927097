package boost

import (
	"math"
	"testing"
)

func TestPermutationFindsWhatPredictionsRestOn(t *testing.T) {
	d := world{rows: 4000, columns: 5, seed: 1}.table(Squared, 0)
	for r := range d.Rows {
		d.Labels[r] = float64(3*d.Values[r*5+3] + d.Values[r*5])
	}
	m := mustTrain(t, DefaultParams(Squared), d, nil, nil)
	negativeError := func(out []float64) float64 {
		sum := 0.0
		for r, y := range d.Labels {
			sum -= (out[r] - y) * (out[r] - y)
		}
		return sum / float64(d.Rows)
	}
	worth, err := Permutation(m, d, negativeError, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Another row's value in place of its own: the squared error is twice the variance of the term.
	for f, want := range []float64{2 * 4.0 / 12 * 4, 0, 0, 2 * 9.0 / 12, 0} {
		if math.Abs(worth[f]-want) > 0.1*want+0.01 {
			t.Errorf("feature %d is worth %v, want %v", f, worth[f], want)
		}
	}
	again, _ := Permutation(m, d, negativeError, 1)
	other, _ := Permutation(m, d, negativeError, 2)
	if !sameBits(worth, again) || sameBits(worth, other) {
		t.Errorf("worth %v, again %v, with another seed %v", worth, again, other)
	}
	if _, err := Permutation(m, Data{Rows: 2, Values: make([]float32, 9)}, negativeError, 1); err == nil {
		t.Error("rows of another shape are accepted")
	}
	if _, err := Permutation(m, Data{}, negativeError, 1); err == nil {
		t.Error("no rows are accepted")
	}
}
