package rollout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/stat"
)

// twoErrors are of two regressions on the same rows: what both could not know, and what each adds of its own, with Student's
// tails of three degrees of freedom, so that a squared error has no variance. A day is better or worse for each.
type twoErrors struct {
	rng         *rand.Rand
	shared, own float64 // scale of the heavy tails that both have, and that each has alone
	better      float64 // the challenger's own are so much smaller
	rows        int
}

func (e *twoErrors) student() float64 {
	var squares float64
	for range 3 {
		x := e.rng.NormFloat64()
		squares += x * x
	}
	return e.rng.NormFloat64() / math.Sqrt(squares/3)
}

// next are a day's squared errors.
func (e *twoErrors) next() (champion, challenger []float64) {
	a, b := .2*e.rng.NormFloat64(), .2*e.rng.NormFloat64()
	for range e.rows {
		both := e.shared*e.student() + e.rng.NormFloat64()
		x, y := both+a+e.own*e.student(), both+b+e.own*(1-e.better)*e.student()
		champion, challenger = append(champion, x*x), append(challenger, y*y)
	}
	return champion, challenger
}

// bound is the 99th percentile of the champion's loss on 25 days of validation.
func (e *twoErrors) bound() float64 {
	var all []float64
	for range 25 {
		champion, _ := e.next()
		all = append(all, champion...)
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

func (e *twoErrors) scale(bound *float64, begun int) Scale {
	var days []Pair
	for range 28 {
		champion, challenger := e.next()
		days = append(days, Pair{champion, challenger})
	}
	return Measure(days, bound, begun)
}

// proved lets a challenger be tried as the loop does: a clipped trial begins again while a whole week is left.
func (e *twoErrors) proved(t *testing.T, proof rondo.Proof, bound *float64) (Verdict, *Trial, int) {
	t.Helper()
	at, until := from, from.Add(35*oneDay)
	for begun := 1; ; begun++ {
		trial, err := Begin(spec(.01), proof, "m/1", "m/2", e.scale(bound, begun), at)
		if err != nil {
			t.Fatal(err)
		}
		trial.AtMost = until
		verdict := Continue
		for verdict == Continue {
			champion, challenger := e.next()
			verdict = trial.Day(at, champion, challenger)
			at = at.Add(oneDay)
		}
		if verdict != Clipped || at.Add(7*oneDay).After(until) {
			return verdict, trial, begun
		}
		wider := trial.Clip.Wider(trial.Rows)
		bound = &wider
	}
}

// With tails that have no variance an equal challenger is promoted, and called harmful, in at most 5 %, all beginnings of a
// trial together: the upper bound of 800 trials. Where errors have little in common rows are clipped so often that every
// fourth trial begins again.
func TestEqualChallengerWithHeavyTailsIsPromotedInAtMostFivePercent(t *testing.T) {
	const trials, bound = 800, .05
	for _, c := range []struct {
		shared, own float64
		again       bool // whether many have to begin again
	}{{1, .2, false}, {.3, 1, true}} {
		counts, begun := map[Verdict]int{}, 0
		for k := range trials {
			e := &twoErrors{rng: seed.Seed(20).Rand(fmt.Sprint(c.shared, k)), shared: c.shared, own: c.own, rows: 40}
			b := e.bound()
			verdict, trial, times := e.proved(t, rondo.Better, &b)
			counts[verdict]++
			begun += times
			if share := float64(trial.Clip.Beyond[0]) / float64(trial.Rows); verdict != Clipped && share > MostClipped {
				t.Fatalf("%s with %.3f of the rows clipped", verdict, share)
			}
		}
		t.Logf("shared %v, own %v: %v of %d, %d beginnings", c.shared, c.own, counts, trials, begun)
		for _, v := range []Verdict{Promote, Harm} {
			if upper(counts[v], trials) > bound {
				t.Errorf("shared %v, own %v: %s in %d of %d", c.shared, c.own, v, counts[v], trials)
			}
		}
		if often := begun > trials*6/5; often != c.again {
			t.Errorf("shared %v, own %v: %d beginnings of %d trials", c.shared, c.own, begun, trials)
		}
	}
}

// What the clip is for: a better challenger shows in the rows that are not in the tails.
func TestClippedTrialFindsWhatTheTailsHide(t *testing.T) {
	const trials = 150
	clipped, plain := 0, 0
	for k := range trials {
		for _, clip := range []bool{true, false} {
			e := &twoErrors{rng: seed.Seed(21).Rand(fmt.Sprint(k)), shared: .3, own: 1, better: .3, rows: 100}
			b := e.bound()
			var bound *float64
			if clip {
				bound = &b
			}
			switch verdict, _, _ := e.proved(t, rondo.Better, bound); {
			case verdict == Promote && clip:
				clipped++
			case verdict == Promote:
				plain++
			}
		}
	}
	t.Logf("of %d better challengers %d were promoted clipped, %d not clipped", trials, clipped, plain)
	if clipped < plain*3/2 || clipped < trials/2 {
		t.Errorf("of %d better challengers %d were promoted clipped, %d not clipped", trials, clipped, plain)
	}
}

// One row decides nothing: it counts as the bound, whichever side it is on, and is named.
func TestRowCountsForAtMostTheBound(t *testing.T) {
	bound := 4.
	flat := []float64{2, 1, 2, 1, 2, 1, 2}
	past := make([]float64, 28)
	for i := range past {
		past[i] = .1 * flat[i%7]
	}
	trial, err := Begin(spec(0), rondo.NotWorse, "m/1", "m/2", Scale{Past: past, UsualRows: 200, Loss: 1, Bound: &bound, Begun: 1}, from)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Begin(spec(0), rondo.Better, "m/1", "m/2", Scale{Past: past, UsualRows: 200, Loss: 1, Bound: &bound, Begun: 2}, from)
	if err != nil || trial.Test.Alpha != stat.HoldoutAlpha(Alpha, 1) || again.Test.Alpha != stat.HoldoutAlpha(Alpha, 2) {
		t.Errorf("alpha %v, then %v, %v", trial.Test.Alpha, again.Test.Alpha, err)
	}
	champion, challenger := make([]float64, 200), make([]float64, 200)
	champion[0], challenger[1], champion[2] = 1e12, 1e9, 3
	if v := trial.Day(from, champion, challenger); v != Continue || trial.Test.Mean != 3./200 {
		t.Errorf("%s, a day's mean of %v", v, trial.Test.Mean)
	}
	got := map[string]float64{}
	for _, f := range trial.Numbers() {
		got[f.Name] = *f.Number
	}
	if got["clipped beyond"] != 4 || got["clipped share of rows"] != .01 || got["gain a row, clipped"] != 3./200 ||
		got["gain a row, not clipped"] != (1e12-1e9+3)/200 {
		t.Errorf("%v", got)
	}
	if other := throughJSON(t, trial); *other.Clip != *trial.Clip {
		t.Errorf("after JSON %+v", other.Clip)
	}
	for i := range 6 { // four rows in a hundred are clipped: the week's end says so, whatever the evidence
		champion[3], champion[4], champion[5], champion[6], champion[7], champion[8] = 9, 9, 9, 9, 9, 9
		v := trial.Day(from.AddDate(0, 0, i+1), champion, challenger)
		if want := map[bool]Verdict{true: Clipped, false: Continue}[i == 5]; v != want {
			t.Errorf("day %d: %s", i+2, v)
		}
	}
}

// A champion that is beaten by clipped rows is put back; one whose clipped gains are hidden is not.
func TestWatchDoubtsHarmOnlyWhereGainsWereClipped(t *testing.T) {
	bound := 1.
	for _, c := range []struct {
		name             string
		parent, champion func(i int) float64
		want             Verdict
	}{
		{"the champion fails on every tenth row", func(int) float64 { return 0 }, func(i int) float64 { return map[bool]float64{true: 1e6}[i%10 == 0] }, Harm},
		{"the champion is a little worse, and much better on every tenth", func(i int) float64 { return map[bool]float64{true: 1e6}[i%10 == 0] },
			func(i int) float64 { return map[bool]float64{false: .5}[i%10 == 0] }, Passed},
	} {
		rng := seed.Seed(22).Rand(c.name)
		past := make([]float64, 28)
		for i := range past {
			past[i] = .02 * rng.NormFloat64()
		}
		w, err := BeginWatch(spec(0), "m/2", "m/1", Scale{Past: past, UsualRows: 100, Bound: &bound, Begun: 1}, from)
		if err != nil {
			t.Fatal(err)
		}
		verdict := Continue
		for day := from; verdict == Continue; day = day.Add(24 * time.Hour) {
			var parent, champion []float64
			for i := range 100 {
				parent, champion = append(parent, c.parent(i)), append(champion, c.champion(i))
			}
			verdict = w.Day(day, parent, champion)
		}
		if verdict != c.want || len(w.Numbers()) != 8 {
			t.Errorf("%s: %s, %v", c.name, verdict, w.Numbers())
		}
	}
}
