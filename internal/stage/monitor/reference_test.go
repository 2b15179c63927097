package monitor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

// sizes are days of a regression whose answers are small or large: rests of large ones are thrice as wide, all with Student's
// tails of three degrees of freedom, clipped at bound. expected is what a spread of validation would say of both.
type sizes struct {
	rng      *rand.Rand
	bound    float64
	expected [2]float64
}

func newSizes(name ...string) *sizes {
	s := &sizes{rng: seed.Seed(30).Rand(name...)}
	var all []float64
	for i := range 20_000 {
		all = append(all, s.loss(i%2, 0))
	}
	slices.Sort(all)
	s.bound = all[len(all)*99/100]
	for large := range 2 {
		for range 10_000 {
			s.expected[large] += min(s.loss(large, 0), s.bound) / 10_000
		}
	}
	return s
}

func (s *sizes) loss(large int, wrong float64) float64 {
	var squares float64
	for range 3 {
		x := s.rng.NormFloat64()
		squares += x * x
	}
	rest := float64(1+2*large)*s.rng.NormFloat64()/math.Sqrt(squares/3) + wrong
	return rest * rest
}

// day has a share of large answers; wrong is added to the truth, and the model does not know it.
func (s *sizes) day(i, rows int, share, wrong float64) Day {
	c := Counted{Rows: rows}
	for range rows {
		large := 0
		if s.rng.Float64() < share {
			large = 1
		}
		loss := s.loss(large, wrong)
		c.Loss, c.Clipped = append(c.Loss, loss), append(c.Clipped, min(loss, s.bound))
		c.Expected = append(c.Expected, s.expected[large])
	}
	return Summarise(rondo.Regression, "m/1", dayOf(i), c)
}

// A regression is watched from its first day when 56 out-of-time days are its reference. In forty healthy years, each with a
// season of large answers that doubles the raw loss, it raises at most the half alarm a year that is its share, and so many
// more when the season is taken for a fault. An error of two and a half is found within ten days.
func TestRegressionIsHeldToItsSpread(t *testing.T) {
	spec := &rondo.Spec{Monitor: rondo.Monitor{FalsePerYear: 1}}
	const models, years = 40, 365
	season := func(i int) float64 { return .3 + .25*math.Sin(2*math.Pi*float64(i)/years) }
	alarms, raw, late := 0, 0, 0
	for k := range models {
		s := newSizes("spread", fmt.Sprint(k))
		var before, plain []Day
		unknowing := func(d Day) Day {
			d.Expected = new(float64)
			return d
		}
		for i := range 56 {
			d := s.day(i-56, 100, season(i-56), 0)
			before, plain = append(before, d), append(plain, unknowing(d))
		}
		w, err := NewWatcher(spec, "m/1", Reference(before))
		if err != nil || w.Says() != "quiet" {
			t.Fatalf("%s, %v", w.Says(), err)
		}
		u, err := NewWatcher(spec, "m/1", Reference(plain))
		if err != nil {
			t.Fatal(err)
		}
		for i := range years {
			d := s.day(i, 100, season(i), 0)
			if w.Add(d) != nil {
				alarms++
			}
			if u.Add(unknowing(d)) != nil {
				raw++
			}
		}
		found := 0
		for i := years; i < years+30 && found == 0; i++ {
			if w.Add(s.day(i, 100, season(i), 2.5)) != nil {
				found = i - years + 1
			}
		}
		if found == 0 || found > 10 {
			late++
		}
	}
	t.Logf("%d healthy years: %d false alarms, %d on the raw loss; %d faults not found within ten days", models, alarms, raw, late)
	if alarms > models/2 || raw < 2*models/2 || late > models/20 {
		t.Errorf("%d false alarms, %d on the raw loss, %d late", alarms, raw, late)
	}
}

func TestFirstReferenceIsOfDaysOfEnoughRows(t *testing.T) {
	day := func(rows int, loss, expected float64) Day {
		return Day{Labelled: rows, Loss: loss, Expected: &expected}
	}
	clipped := day(30, 1e9, 1)
	three := 3.
	clipped.Clipped = &three
	got := Reference([]Day{day(40, 2, 1), day(5, 9, 1), day(15, 1, 1), {Labelled: 100, Loss: 7}, clipped, day(19, 5, 5)})
	if want := []float64{1, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Too few days are no reference, and it says how many there are; the version's own days fill them up.
func TestTooFewDaysAreSaidToBeNoReference(t *testing.T) {
	spec := &rondo.Spec{Monitor: rondo.Monitor{FalsePerYear: 1}}
	s := newSizes("few")
	var before []Day
	for i := range 40 {
		before = append(before, s.day(i-40, 60, .3, 0))
	}
	first := Reference(before)
	w, err := NewWatcher(spec, "m/1", first[:20])
	if err != nil || w.Says() != "no reference: 20 of 28 days" {
		t.Fatalf("%s, %v", w.Says(), err)
	}
	for i := range 60 {
		w.Add(s.day(i, 60, .3, 0))
		if i == 31 && w.Says() != "no reference: 23 of 28 days" {
			t.Errorf("day %d: %s", i, w.Says())
		}
		if i == 45 && w.Says() != "quiet" { // eight days of its own are older than 28
			t.Errorf("day %d: %s", i, w.Says())
		}
	}
	young, err := NewWatcher(spec, "m/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of    *Watcher
		first []float64
		days  int
	}{{w, first[:30], 51}, {young, first, 40}, {young, first[:20], 0}, {young, nil, 0}} {
		next, err := c.of.Next(spec, "m/2", c.first)
		if err != nil || next.Detector.Reference.Days != c.days {
			t.Errorf("a first reference of %d: %d days, %v", len(c.first), next.Detector.Reference.Days, err)
		}
	}
	for i := range 30 {
		w.Add(s.day(60+i, 60, .3, 4))
	}
	if got := w.Says(); got < "alarm since 2001-02-27" || got > "alarm since 2001-03-06" {
		t.Error(got)
	}
}
