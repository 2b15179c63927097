package native

import (
	"math"
	"testing"

	"rondo.dev/rondo/boost"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict/predicttest"
)

// trained is a small model of each kind.
func trained(t *testing.T, kind rondo.TaskKind, o boost.Objective, classes int) predicttest.Case {
	t.Helper()
	const rows, width = 500, 5
	d := boost.Data{Features: []string{"a", "b", "c", "d", "e"}, Rows: rows}
	rng := seed.Seed(7).Rand("native", string(kind))
	for range rows {
		sum := 0.0
		for range width {
			x := float32(rng.NormFloat64())
			sum += float64(x)
			if rng.IntN(10) == 0 {
				x = float32(math.NaN())
			}
			d.Values = append(d.Values, x)
		}
		switch kind {
		case rondo.Regression:
			d.Labels = append(d.Labels, sum*100)
		case rondo.Binary:
			d.Labels = append(d.Labels, float64(min(max(math.Floor(sum+0.5), 0), 1)))
		default:
			d.Labels = append(d.Labels, float64(min(max(math.Floor(sum)+1, 0), float64(classes-1))))
		}
	}
	p := boost.DefaultParams(o)
	p.Classes, p.Trees, p.Leaves, p.MinRows = classes, 11, 15, 2
	m, err := boost.Train(t.Context(), p, d, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return predicttest.Case{Name: string(kind), Artefact: b, Features: d.Features, Outputs: max(classes, 1), Kind: kind}
}

func TestPromise(t *testing.T) {
	cases := []predicttest.Case{
		trained(t, rondo.Binary, boost.Binary, 0),
		trained(t, rondo.Multiclass, boost.Multiclass, 3),
		trained(t, rondo.Regression, boost.Squared, 0),
	}
	for name, r := range map[string]*Runtime{"one thread": New(Options{}), "three": New(Options{Threads: 3}), "zero value": {}} {
		t.Run(name, func(t *testing.T) { predicttest.Run(t, r, cases) })
	}
}

func TestASingleRowTakesNoMemory(t *testing.T) {
	m, err := New(Options{}).Load(t.Context(), trained(t, rondo.Binary, boost.Binary, 0).Artefact)
	if err != nil {
		t.Fatal(err)
	}
	row, out := make([]float32, 5), make([]float64, 1)
	if n := testing.AllocsPerRun(100, func() { _ = m.Predict(row, 1, out) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}
