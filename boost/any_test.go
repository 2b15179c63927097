package boost

import (
	"bytes"
	"context"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// drawTraining draws parameters and a small table that go together, from everything that is allowed.
func drawTraining(t *rapid.T) (Params, Data) {
	o := Objective(rapid.IntRange(int(Binary), int(Rank)).Draw(t, "objective"))
	p := DefaultParams(o)
	rows, n := rapid.IntRange(60, 300).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "categories")
	d := categorical(o, rows, n, rapid.Uint64Range(1, 1000).Draw(t, "table"))
	if !rapid.Bool().Draw(t, "categorical") {
		d.Categories = nil
	}
	switch o {
	case Multiclass:
		p.Classes = rapid.IntRange(2, 5).Draw(t, "classes")
		for i := range d.Labels {
			d.Labels[i] = float64(i % p.Classes)
		}
	case Rank:
		for i := range d.Labels {
			d.Labels[i] = math.Trunc(min(max(d.Labels[i]+2, 0), 4))
		}
		d.Labels[0], d.Labels[1] = 0, 1
		size := rapid.IntRange(2, 40).Draw(t, "group")
		for left := rows; left > 0; left -= size {
			d.Groups = append(d.Groups, min(left, size))
		}
		p.At = rapid.IntRange(1, 20).Draw(t, "at")
	}
	if rapid.Bool().Draw(t, "weighted") {
		decades := rapid.Float64Range(0, 20).Draw(t, "decades")
		d.Weights = make([]float64, rows)
		for i := range d.Weights {
			d.Weights[i] = math.Pow(10, decades*(uniform(3, uint64(i))-0.5))
		}
	}
	p.Trees, p.Leaves, p.Depth = rapid.IntRange(1, 5).Draw(t, "trees"), rapid.IntRange(2, 20).Draw(t, "leaves"), rapid.IntRange(0, 5).Draw(t, "depth")
	p.Growth, p.MinRows = Growth(rapid.IntRange(0, 1).Draw(t, "growth")), rapid.IntRange(0, 20).Draw(t, "min rows")
	p.L1, p.L2 = rapid.Float64Range(0, 3).Draw(t, "l1"), rapid.Float64Range(0, 3).Draw(t, "l2")
	p.CategoryRows, p.CategoryMost = rapid.IntRange(0, 20).Draw(t, "category rows"), rapid.IntRange(0, 20).Draw(t, "category most")
	p.CategorySmooth, p.Bins = rapid.Float64Range(0, 3).Draw(t, "smooth"), rapid.IntRange(2, 255).Draw(t, "bins")
	p.Alpha, p.Delta = rapid.Float64Range(0.01, 0.99).Draw(t, "alpha"), rapid.Float64Range(0.01, 9).Draw(t, "delta")
	p.Rate, p.Seed = rapid.Float64Range(0.01, 1).Draw(t, "rate"), rapid.Uint64().Draw(t, "seed")
	p.ColumnSample, p.NodeSample = rapid.Float64Range(0.1, 1).Draw(t, "columns"), rapid.Float64Range(0.1, 1).Draw(t, "node columns")
	if rapid.Bool().Draw(t, "by size") {
		p.TopShare, p.OtherShare = rapid.Float64Range(0.05, 0.5).Draw(t, "top"), rapid.Float64Range(0.05, 0.5).Draw(t, "other")
	} else {
		p.RowSample = rapid.Float64Range(0.2, 1).Draw(t, "row sample")
	}
	if o != Multiclass && o != Quantile {
		p.Monotone = []int8{0, int8(rapid.IntRange(-1, 1).Draw(t, "sign"))}
	}
	return p, d
}

// Whatever is allowed trains: the model says of every row what the trainer saw, as numbers, comes back from its bytes, and
// is the same from three threads.
func TestWhateverIsAllowedTrains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, d := drawTraining(t)
		p.Threads = 1
		if err := checkTrain(p, d, &d); err != nil {
			if err != ErrOneClass {
				t.Fatal(err)
			}
			return
		}
		s, err := newSession(context.Background(), p, d, &d)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.run(context.Background(), func(_ int, train, validation float64) {
			if math.IsNaN(train) || math.Float64bits(train) != math.Float64bits(validation) {
				t.Fatalf("loss %v on the rows, %v on the same rows as validation", train, validation)
			}
		}); err != nil {
			t.Fatal(err)
		}
		raw := make([]float64, s.model.Outputs())
		for r := range d.Rows {
			s.model.Raw(d.Values[2*r:2*r+2], raw)
			for k, score := range raw {
				if math.IsNaN(score) || math.IsInf(score, 0) || math.Float64bits(score) != math.Float64bits(s.train.scores[k*d.Rows+r]) {
					t.Fatalf("row %d scores %v, the trainer had %v", r, score, s.train.scores[k*d.Rows+r])
				}
			}
		}
		b, err := s.model.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(b); err != nil {
			t.Fatal(err)
		}
		p.Threads = 3
		again, err := Train(context.Background(), p, d, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if other, _ := again.MarshalBinary(); !bytes.Equal(other, b) {
			t.Fatal("three threads give another model")
		}
	})
}
