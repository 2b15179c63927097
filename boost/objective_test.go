package boost

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var ofNumbers = []Objective{Squared, Huber, Quantile, Poisson, Tweedie}

func TestGradientsAreTheSlopesOfTheLosses(t *testing.T) {
	for _, o := range ofNumbers {
		p := DefaultParams(o)
		p.Alpha, p.Delta, p.Power = 0.3, 0.7, 1.3
		for _, y := range []float64{0, 0.4, 2, 17} {
			for s := -3.05; s < 4; s += 0.1 {
				const step = 1e-5
				slope := (p.numberLoss(s+step, y) - p.numberLoss(s-step, y)) / (2 * step)
				if o == Squared {
					slope /= 2
				}
				g, h := p.derivative(s, y)
				if math.Abs(g-slope) > 1e-5*(1+math.Abs(slope)) {
					t.Errorf("%v of %v at %v: gradient %v, slope %v", o, y, s, g, slope)
				}
				if h <= 0 {
					t.Errorf("%v of %v at %v: curvature %v", o, y, s, h)
				}
			}
		}
	}
}

// A step of Newton's method on the parabola that Huber's curvature stands for never raises the loss.
func TestHubersParabolaLiesAboveTheLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultParams(Huber)
		p.Delta = rapid.Float64Range(0.01, 10).Draw(t, "delta")
		y, s := rapid.Float64Range(-50, 50).Draw(t, "y"), rapid.Float64Range(-50, 50).Draw(t, "s")
		to := rapid.Float64Range(-50, 50).Draw(t, "to")
		g, h := p.derivative(s, y)
		parabola := p.numberLoss(s, y) + g*(to-s) + h/2*(to-s)*(to-s)
		if loss := p.numberLoss(to, y); loss > parabola+1e-9*(1+loss) {
			t.Fatalf("loss %v above the parabola's %v", loss, parabola)
		}
	})
}

// Three groups with nothing but their labels to tell: each objective's answer to a group is known.
func TestObjectivesFindWhatTheyAreFor(t *testing.T) {
	d := Data{Features: []string{"group"}, Rows: 9000}
	groups := [3][]float64{}
	for r := range d.Rows {
		u := uniform(1, uint64(r))
		y := (u*u*10 + float64(r%3)*3) * 1000 // skewed, and far from 1
		groups[r%3] = append(groups[r%3], y)
		d.Values, d.Labels = append(d.Values, float32(r%3)), append(d.Labels, y)
	}
	mean := func(ys []float64) float64 {
		sum := 0.0
		for _, y := range ys {
			sum += y
		}
		return sum / float64(len(ys))
	}
	quantile := func(ys []float64) float64 { return quantileOf(slices.Clone(ys), nil, 0.8) }
	huber := func(ys []float64) float64 { // by bisection on the gradient
		p := Params{Objective: Huber, Delta: 500}
		low, high := slices.Min(ys), slices.Max(ys)
		for range 60 {
			middle, sum := (low+high)/2, 0.0
			for _, y := range ys {
				g, _ := p.derivative(middle, y)
				sum += g
			}
			if sum > 0 {
				high = middle
			} else {
				low = middle
			}
		}
		return low
	}
	for o, want := range map[Objective]func([]float64) float64{Squared: mean, Huber: huber, Quantile: quantile, Poisson: mean, Tweedie: mean} {
		for _, weighted := range []bool{false, true} {
			p := DefaultParams(o)
			p.Rate, p.L2, p.Alpha, p.Delta, p.MinChildWeight = 0.3, 0, 0.8, 500, 0
			d := d
			if weighted { // the same rows twice over, each with half a weight and one of nothing
				d.Weights = make([]float64, d.Rows)
				for i := range d.Weights {
					d.Weights[i] = 0.5
				}
			}
			m := mustTrain(t, p, d, nil, nil)
			out := make([]float64, 3)
			m.PredictBatch([]float32{0, 1, 2}, 3, out, 1)
			for group, got := range out {
				if w := want(groups[group]); math.Abs(got-w) > 1e-3*w {
					t.Errorf("%v, weighted %v: group %d is predicted %v, want %v", o, weighted, group, got, w)
				}
			}
		}
	}
}

func TestProgressOfNumbersIsTheLossOfTheScores(t *testing.T) {
	for _, o := range ofNumbers {
		d, v := categorical(o, 3000, 10, 1), categorical(o, 1000, 10, 2)
		if !o.logarithmic() {
			d.Labels[7] = 1e6 // an outlier
		}
		p := DefaultParams(o)
		p.Trees = 8
		first, last, validation := math.NaN(), 0.0, 0.0
		m := mustTrain(t, p, d, &v, func(round int, a, b float64) {
			if round == 1 {
				first = a
			}
			last, validation = a, b
		})
		if !(last < first) {
			t.Errorf("%v: loss %v after the first round and %v after the last", o, first, last)
		}
		want := 0.0
		raw := make([]float64, 1)
		for r, y := range v.Labels {
			m.Raw(v.Values[2*r:2*r+2], raw)
			want += p.numberLoss(raw[0], y) / float64(v.Rows)
		}
		if math.Abs(validation-want) > 1e-9*math.Abs(want) {
			t.Errorf("%v: validation loss %v, scores have %v", o, validation, want)
		}
	}
}

func TestExtremeNumbersTrain(t *testing.T) {
	for _, o := range ofNumbers {
		for name, labels := range map[string][]float64{
			"zeros": {0, 0, 0, 0}, "equal": {3, 3, 3, 3}, "giant": {0, 1e100, 0, 1e100}, "tiny": {0, 1e-300, 5e-324, 1e-100},
			"decades": {1e-50, 1, 1e50, 1e100},
		} {
			d := Data{Features: []string{"a"}, Rows: 4, Values: []float32{1, 2, 3, 4}, Labels: labels}
			p := DefaultParams(o)
			p.MinRows, p.L2, p.Rate = 1, 0, 1
			m := mustTrain(t, p, d, nil, nil)
			out := make([]float64, 4)
			m.PredictBatch(d.Values, 4, out, 1)
			for r, y := range out {
				if math.IsNaN(y) || math.IsInf(y, 0) {
					t.Errorf("%v, %s: row %d is predicted %v", o, name, r, y)
				}
			}
			if _, err := Load(modelBytes(t, m)); err != nil {
				t.Errorf("%v, %s: %v", o, name, err)
			}
		}
	}
}

func TestKthIsThatOfTheSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Map(rapid.IntRange(-5, 20), func(i int) float64 { return float64(i) }), 1, 60).Draw(t, "values")
		sorted := slices.Sorted(slices.Values(values))
		k := rapid.IntRange(0, len(values)-1).Draw(t, "k")
		if got := kth(slices.Clone(values), k); got != sorted[k] {
			t.Fatalf("%v, the %d-th is %v", got, k, sorted[k])
		}
		alpha := rapid.Float64Range(0.01, 0.99).Draw(t, "alpha")
		weights := make([]float64, len(values))
		for i := range weights {
			weights[i] = 0.25
		}
		a, b := quantileOf(slices.Clone(values), nil, alpha), quantileOf(slices.Clone(values), weights, alpha)
		if a != b && alpha*float64(len(values)) != math.Trunc(alpha*float64(len(values))) {
			t.Fatalf("quantile %v is %v, with equal weights %v", alpha, a, b)
		}
	})
}

func TestL1MovesEveryLeafTowardsNothing(t *testing.T) {
	d := categorical(Squared, 4000, 10, 1)
	for i := range d.Labels {
		d.Labels[i] -= 0.3
	}
	last := math.Inf(1)
	for _, l1 := range []float64{0, 10, 100, 1e6} {
		p := DefaultParams(Squared)
		p.Trees, p.L1 = 5, l1
		m := mustTrain(t, p, d, nil, nil)
		size := 0.0
		for _, v := range m.values {
			size += math.Abs(v)
		}
		if size >= last || l1 == 1e6 && (size != 0 || len(m.nodes) != 5) {
			t.Errorf("l1 %v: leaves sum to %v in %d nodes, with less l1 %v", l1, size, len(m.nodes), last)
		}
		last = size
	}
}

// Rows of all sizes of weight: a leaf whose rows weigh a millionth of the heaviest still has their mean.
func TestWeightsOverDecadesAllCount(t *testing.T) {
	for _, o := range []Objective{Binary, Squared} {
		d := Data{Features: []string{"x"}, Rows: 40_000}
		for r := range d.Rows {
			decade := r % 8
			d.Values = append(d.Values, float32(decade))
			d.Weights = append(d.Weights, math.Pow(10, -float64(decade)))
			d.Labels = append(d.Labels, float64((r/8)%(decade+2)/(decade+1)))
		}
		p := DefaultParams(o)
		p.MinChildWeight, p.L2, p.MinRows, p.Rate, p.Trees = 0, 0, 1, 0.5, 60
		m := mustTrain(t, p, d, nil, nil)
		out := make([]float64, 1)
		for decade := range 8 {
			m.Predict([]float32{float32(decade)}, out)
			if want := 1 / float64(decade+2); math.Abs(out[0]-want) > 0.01*want {
				t.Errorf("%v: rows of weight 1e-%d are predicted %v, their mean is %v", o, decade, out[0], want)
			}
		}
	}
}
