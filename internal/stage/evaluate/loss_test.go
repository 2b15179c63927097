package evaluate

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

func yesNo(outputs, target []float64) *Scored {
	return &Scored{Kind: rondo.Binary, Outputs: outputs, Target: target}
}

func TestThresholdIsTheSmallestOfLeastCost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "rows")
		outputs, target := make([]float64, n), make([]float64, n)
		for i := range n {
			outputs[i] = float64(rapid.IntRange(0, 5).Draw(t, "fifths")) / 5 // ties, and the ends 0 and 1
			target[i] = float64(rapid.IntRange(0, 1).Draw(t, "target"))
		}
		d := &rondo.Decide{MinCost: true, FP: rondo.Money(rapid.IntRange(0, 3).Draw(t, "fp")), FN: rondo.Money(rapid.IntRange(0, 3).Draw(t, "fn"))}
		got, err := Threshold(d, yesNo(outputs, target))
		if err != nil {
			t.Fatal(err)
		}
		best, at := rondo.Money(math.MaxInt64), 0.0
		high := 0.0
		for _, p := range outputs {
			high = max(high, p)
		}
		for _, candidate := range append([]float64{math.Nextafter(high, 2)}, outputs...) {
			cost, _ := Cost(d, candidate, yesNo(outputs, target))
			if cost < best || cost == best && candidate < at {
				best, at = cost, candidate
			}
		}
		if *got != at {
			t.Fatalf("threshold %v, by trying all %v at %v micro-dollars", *got, at, int64(best))
		}
	})
}

func TestThresholdOfOneClassSaysOnlyThatClass(t *testing.T) {
	d := &rondo.Decide{MinCost: true, FP: rondo.Dollar, FN: rondo.Dollar}
	for _, class := range []float64{0, 1} {
		s := yesNo([]float64{.2, 1, .7, 0}, []float64{class, class, class, class})
		at, err := Threshold(d, s)
		if err != nil {
			t.Fatal(err)
		}
		if cost, _ := Cost(d, *at, s); cost != 0 {
			t.Errorf("class %v: threshold %v costs %s", class, *at, cost)
		}
	}
}

func TestThresholdIsDeclaredOrNoneOrRefused(t *testing.T) {
	s := yesNo([]float64{.2}, []float64{1})
	if at, err := Threshold(nil, s); at != nil || err != nil {
		t.Errorf("without decide: %v, %v", at, err)
	}
	if at, err := Threshold(&rondo.Decide{MinCost: true}, &Scored{Kind: rondo.Regression}); at != nil || err != nil {
		t.Errorf("of a regression: %v, %v", at, err)
	}
	if at, err := Threshold(&rondo.Decide{Threshold: .3}, s); err != nil || *at != .3 {
		t.Errorf("declared: %v, %v", at, err)
	}
	for name, c := range map[string]struct {
		decide rondo.Decide
		scored *Scored
	}{
		"no rows":         {rondo.Decide{MinCost: true}, yesNo(nil, nil)},
		"no probability":  {rondo.Decide{MinCost: true}, yesNo([]float64{math.NaN()}, []float64{1})},
		"negative prices": {rondo.Decide{MinCost: true, FP: -1}, s},
	} {
		if at, err := Threshold(&c.decide, c.scored); err == nil {
			t.Errorf("%s: %v", name, *at)
		}
	}
}

func TestThresholdDoesNotOverflow(t *testing.T) {
	s := yesNo([]float64{.1, .2, .3, .9}, []float64{0, 0, 0, 1})
	at, err := Threshold(&rondo.Decide{MinCost: true, FP: math.MaxInt64 / 2, FN: math.MaxInt64}, s)
	if err != nil || *at != .9 {
		t.Errorf("%v, %v", *at, err)
	}
}

func TestCostCountsBothMistakes(t *testing.T) {
	d := &rondo.Decide{FP: 1 * rondo.Dollar, FN: 4 * rondo.Dollar}
	total, rows := Cost(d, .5, yesNo([]float64{.5, .4999, .9, .1}, []float64{0, 1, 1, 0}))
	if total != 5*rondo.Dollar || fmt.Sprint(rows) != "[1 4 0 0]" {
		t.Errorf("%s, %v", total, rows)
	}
	total, rows = Cost(d, .5, &Scored{Kind: rondo.Multiclass, Classes: []string{"a", "b"}, Outputs: []float64{0, 1}, Target: []float64{1}})
	if total != 0 || rows != nil {
		t.Errorf("classes have no cost: %s, %v", total, rows)
	}
	if total, _ = Cost(&rondo.Decide{FN: math.MaxInt64}, .5, yesNo([]float64{0, 0}, []float64{1, 1})); total != math.MaxInt64 {
		t.Errorf("the sum wrapped round: %s", total)
	}
}

// The loss less what the model expects of itself has mean 0 where labels follow the probabilities (S12), also at the
// ends, where the loss is floored. 400,000 rows; five standard errors.
func TestExpectedLossIsTheMeanLossOfACalibratedModel(t *testing.T) {
	const n = 400_000
	rng := seed.Seed(1).Rand("expected loss")
	two := &Scored{Kind: rondo.Binary}
	three := &Scored{Kind: rondo.Multiclass, Classes: []string{"a", "b", "c"}}
	for range n {
		p := math.Pow(rng.Float64(), 4) // most near 0
		two.Outputs = append(two.Outputs, p)
		two.Target = append(two.Target, draw(rng.Float64(), 1-p, p))
		q := []float64{p, (1 - p) * .3, (1 - p) * .7}
		three.Outputs = append(three.Outputs, q...)
		three.Target = append(three.Target, draw(rng.Float64(), q...))
	}
	for _, s := range []*Scored{two, three} {
		losses, expected, err := Losses(rondo.LogLoss, s)
		if err != nil {
			t.Fatal(err)
		}
		var sum, square float64
		for i, x := range losses {
			if x < 0 || x > -math.Log(floor) || expected[i] < 0 || expected[i] > -math.Log(floor) {
				t.Fatalf("%s: loss %v or expected %v is not within 0 and %v", s.Kind, x, expected[i], -math.Log(floor))
			}
			sum += x - expected[i]
			square += (x - expected[i]) * (x - expected[i])
		}
		if se := math.Sqrt(square) / n; math.Abs(sum/n) > 5*se {
			t.Errorf("%s: excess loss %v, standard error %v", s.Kind, sum/n, se)
		}
	}
}

// draw is the class that u falls on.
func draw(u float64, p ...float64) float64 {
	for c, share := range p {
		if u -= share; u < 0 {
			return float64(c)
		}
	}
	return float64(len(p) - 1)
}

func TestUnknownClassCostsWhatAnImpossibleOneCosts(t *testing.T) {
	s := &Scored{Kind: rondo.Multiclass, Classes: []string{"a", "b"}, Outputs: []float64{.9, .1, .9, .1, 1, 0}, Target: []float64{-1, 2, 1}}
	losses, _, err := Losses(rondo.LogLoss, s)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range losses {
		if x != -math.Log(floor) {
			t.Errorf("row %d: %v", i, x)
		}
	}
}

func TestLossesRefuseWhatIsNoAnswer(t *testing.T) {
	for name, s := range map[string]*Scored{
		"NaN":             yesNo([]float64{math.NaN()}, []float64{1}),
		"above 1":         yesNo([]float64{1.01}, []float64{1}),
		"negative":        yesNo([]float64{-.01}, []float64{1}),
		"too few outputs": yesNo([]float64{.5}, []float64{1, 0}),
		"infinite number": {Kind: rondo.Regression, Outputs: []float64{math.Inf(1)}, Target: []float64{1}},
		"other loss":      {Kind: rondo.Regression, Outputs: []float64{1}, Target: []float64{1}},
	} {
		loss := rondo.LogLoss
		if name == "infinite number" {
			loss = rondo.SquaredLoss
		}
		if _, _, err := Losses(loss, s); err == nil {
			t.Errorf("%s was believed", name)
		}
	}
	losses, expected, err := Losses(rondo.SquaredLoss, &Scored{Kind: rondo.Regression, Outputs: []float64{-3}, Target: []float64{1}})
	if err != nil || losses[0] != 16 || expected != nil {
		t.Errorf("%v, %v, %v", losses, expected, err)
	}
}

func TestClipIsWhatOneLossInAHundredExceeds(t *testing.T) {
	losses := make([]float64, 250)
	for i := range losses {
		losses[(i*37)%250] = float64(i)
	}
	if c := Clip(rondo.SquaredLoss, losses); c == nil || *c != 247 || losses[0] != 0 || losses[37] != 1 {
		t.Errorf("clip %v", c)
	}
	if c := Clip(rondo.LogLoss, losses); c != nil {
		t.Errorf("a bounded loss is clipped at %v", *c)
	}
	rare := make([]float64, 250)
	rare[9] = 3
	if c := Clip(rondo.SquaredLoss, rare); c == nil || *c != 3 {
		t.Errorf("of losses that are nearly all 0, clip %v", c)
	}
	if Clip(rondo.SquaredLoss, rare[:9]) != nil || Clip(rondo.SquaredLoss, nil) != nil {
		t.Error("no loss at all has a clip")
	}
}
