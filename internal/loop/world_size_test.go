package loop_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// declaredSize asks for a number, whose loss has no bound of its own.
const declaredSize = `apiVersion: rondo/v1
kind: Model
name: turnstile
task: {kind: regression, target: size}
data:
  source: first.csv
  time: {column: at}
  key: {columns: [id]}
  label:
    known: time + 2h
  split: {by: time, validation: 20%, test: 20%}
train: {trainer: boosted-trees, window: 28d, refit: promotion, trees: 9, leaves: 5, rate: 0.3}
evaluate:
  primary: squared
  bars:
    - rmse <= 100
deploy:
  rollout: {prove: not-worse, margin: 20%, shadow: {until: decided, atMost: 28d}, canary: [50%], watch: 7d}
monitor: {falsePerYear: 2}
retrain: {when: every, every: 40d, price: $1}
`

// heavy are sizes that a model can know, and a rest with so heavy a tail that its square has no variance. From a day on the
// rest is larger by a factor.
func heavy(from int, factor float64) sizes {
	return func(r row) float64 {
		rng := seed.Seed(r.id).Rand("size")
		var squares float64
		for range 3 {
			x := rng.NormFloat64()
			squares += x * x
		}
		rest := rng.NormFloat64() / math.Sqrt(squares/3)
		if r.id >= int64(from*rowsOfADay) {
			rest *= factor
		}
		return 20 + 4*(r.x+r.y) + rest
	}
}

// clips are the decisions that name a clip, one line each.
func (w *world) clips() (lines []string) {
	w.Helper()
	w.read(func(tx store.Tx) error {
		decisions, err := tx.Decisions().List(model, 0)
		for _, d := range decisions {
			for _, f := range d.Numbers {
				if f.Name == "clipped beyond" {
					lines = append(lines, bounded(string(d.Outcome)+" "+d.Rule, *f.Number))
				}
			}
		}
		return err
	})
	return lines
}

func (w *world) bounds() (of map[rondo.VersionID]float64) {
	w.Helper()
	of = map[rondo.VersionID]float64{}
	w.read(func(tx store.Tx) error {
		versions, err := tx.Versions().List(model)
		for _, v := range versions {
			if v.Clip == nil {
				w.Errorf("%s has no clip", v.ID)
				continue
			}
			of[v.ID] = *v.Clip
		}
		return err
	})
	return of
}

// A regression is tried on differences that were bounded by the champion's validation before the first of its days; the
// verdict names the bound, the clipped share and both means, and the watch of the winner is bounded alike.
func TestRegressionIsTriedWithinABoundOfValidation(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, 1, heavy(0, 1), declaredSize)
	w.settle()
	w.days(80)
	bound := w.bounds()["turnstile/2"]
	if want := []string{bounded("started shadow", bound), bounded("promoted not-worse", bound), bounded("kept watch", bound)}; !slices.Equal(w.clips(), want) {
		t.Errorf("%q, want %q", w.clips(), want)
	}
	if bound < 5 || w.seen.parked > 0 {
		t.Errorf("bound %v, %d parked steps", bound, w.seen.parked)
	}
	w.check()
}

// When the tails grow in a trial, too many rows are clipped: it is undecided, and begins again with a wider bound and days
// to come.
func TestClippedTrialBeginsAgain(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, 1, heavy(42, 20), declaredSize)
	w.settle()
	w.days(85)
	bound, clips := w.bounds()["turnstile/2"], w.clips()
	if len(clips) < 4 || !slices.Equal(clips[:2], []string{bounded("started shadow", bound), bounded("kept clipped", bound)}) {
		t.Fatalf("bound %v: %q", bound, clips)
	}
	doublings := 0
	for b := 2 * bound; b <= 1e6*bound && doublings == 0; b *= 2 {
		if clips[2] == bounded("started shadow", b) && strings.HasSuffix(clips[3], bounded("", b)) {
			doublings = int(math.Log2(b / bound))
		}
	}
	if doublings == 0 || w.seen.parked > 0 {
		t.Errorf("bound %v, then %q; %d parked steps", bound, clips, w.seen.parked)
	}
	w.check()
}

func bounded(what string, bound float64) string { return fmt.Sprintf("%s %.6g", what, bound) }

// A regression has a quality alarm: what it expects to lose is what rows with such answers lost on validation. Its first
// reference begins with its test days; while there are too few, that is said, and nothing is alarmed.
func TestRegressionIsWatched(t *testing.T) {
	t.Parallel()
	const moved = 60
	grown := heavy(0, 1)
	w := newWorldOf(t, 2, func(r row) float64 {
		if r.id >= moved*rowsOfADay {
			return grown(r) + 5
		}
		return grown(r)
	}, strings.Replace(declaredSize, "every: 40d", "every: 400d", 1))
	said := func() string {
		list, err := w.person().Get(context.Background(), "models", model)
		w.must(err)
		return list.Models[0].Quality
	}
	alarms := func() (days []string) {
		w.read(func(tx store.Tx) error {
			decisions, err := tx.Decisions().List(model, 0)
			for _, d := range decisions {
				if d.Outcome == rondo.Alarmed {
					days = append(days, d.At.Format(time.DateOnly))
				}
			}
			return err
		})
		return days
	}
	w.settle()
	if got := said(); got != "" {
		t.Errorf("before the first day was closed: %q", got)
	}
	w.days(3)
	if got := said(); got != "no reference: 6 of 28 days" {
		t.Errorf("after three days: %q", got)
	}
	w.days(moved - 3)
	if got := said(); got != "quiet" || len(alarms()) > 0 {
		t.Errorf("after %d healthy days: %q, alarms %v", moved, got, alarms())
	}
	w.days(12)
	if got := alarms(); len(got) != 1 || !strings.HasPrefix(said(), "alarm since 2024-") || w.seen.parked > 0 {
		t.Errorf("alarms %v, %q, %d parked steps", got, said(), w.seen.parked)
	}
}

// The recipe of a promoted regression has a reference of its own, of the days of its backtest.
func TestPromotedVersionHasAReferenceFromItsBacktest(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, 1, heavy(0, 1), strings.Replace(declaredSize, "every: 40d", "every: 20d", 1))
	w.settle()
	for range 75 {
		w.days(1)
		if !promotes(w.story()) {
			continue
		}
		w.days(1) // it is watched from its first day
		list, err := w.person().Get(context.Background(), "models", model)
		w.must(err)
		if got := list.Models[0]; got.Champion == "turnstile/2" || got.Quality != "quiet" {
			t.Errorf("%s: %q", got.Champion, got.Quality)
		}
		return
	}
	t.Error("no challenger was promoted")
}
