package loop_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/internal/lib/seed"
)

// undisturbed is the story of so many days without a kill, and how many events its life had.
func undisturbed(t *testing.T, s seed.Seed, f faults, days int) (story []string, events int) {
	t.Helper()
	t.Run(fmt.Sprintf("undisturbed %d", s), func(t *testing.T) {
		w := newWorld(t, s)
		w.faults = f
		w.settle()
		w.days(days)
		story, events = w.story(), w.life.passed
	})
	return story, events
}

// Killed at random events, an installation decides what an undisturbed one decides, and makes the same versions.
func TestKilledLoopDecidesWhatAnUndisturbedOneDoes(t *testing.T) {
	t.Parallel()
	days := least(45, 130)
	for _, s := range seeds(t, least(1, 2)) {
		f := faults{late: 0.05, missing: 0.03, corrected: 0.05}
		want, events := undisturbed(t, s, f, days)
		w := newWorld(t, s)
		w.faults = f
		w.deaths = func(n int) int { return 1 + int(s.Uint64("death", fmt.Sprint(n))%60) }
		w.life.dies = w.deaths(0)
		w.settle()
		w.days(days)
		if diff := cmp.Diff(want, w.story()); diff != "" {
			t.Errorf("seed %d, killed %d times (-undisturbed +killed):\n%s", s, w.lives-1, diff)
		}
		t.Logf("seed %d: %d events undisturbed; killed %d times, %d commits, %d steps, %d decisions and versions",
			s, events, w.lives-1, w.seen.commits, len(w.seen.ended), len(want))
	}
}

// Killed before and after every commit and at every object of every step on a challenger's whole way to champion: a life
// ends at its first event, the next one, while no step has ended, at its second, and so on.
func TestChampionSurvivesKillAtEveryCommit(t *testing.T) {
	t.Parallel()
	days := least(18, 75)
	want, events := undisturbed(t, 3, faults{}, days)
	if !testing.Short() && !promotes(want) {
		t.Fatalf("no challenger is promoted in this story: %v", want)
	}
	w := newWorld(t, 3)
	ended, reach := 0, 0
	w.deaths = func(int) int {
		if reach++; len(w.seen.ended) > ended {
			ended, reach = len(w.seen.ended), 1
		}
		return reach
	}
	w.life.dies = w.deaths(0)
	w.settle()
	w.days(days)
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Errorf("killed %d times (-undisturbed +killed):\n%s", w.lives-1, diff)
	}
	t.Logf("%d events undisturbed, killed %d times", events, w.lives-1)
}
