package boost

import (
	"context"
	"math"
	"testing"
)

var nan32 = float32(math.NaN())

func mustTrain(t testing.TB, p Params, d Data, v *Data, progress Progress) *Model {
	t.Helper()
	m, err := Train(context.Background(), p, d, v, progress)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSmoke(t *testing.T) {
	for _, o := range []Objective{Binary, Multiclass, Squared} {
		w := world{rows: 20000, columns: 12, seed: 7, missing: 0.05}
		d := w.table(o, 3)
		v := world{rows: 20000, columns: 12, seed: 8, missing: 0.05}.table(o, 3)
		p := DefaultParams(o)
		p.Classes = 3
		mustTrain(t, p, d, &v, func(r int, a, b float64) {
			if r%20 == 0 {
				t.Log(o, r, a, b)
			}
		})
	}
}
