package loop_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// A worker that was paused past its lease while its trainer ran finds that another has done the step: it commits nothing.
func TestSecondWorkerCannotCommitAfterLeaseExpiry(t *testing.T) {
	t.Parallel()
	for _, ending := range []struct {
		name string
		exit int
	}{{"trained", 0}, {"failed", 2}, {"user error", 1}} {
		t.Run(ending.name, func(t *testing.T) {
			w := newWorld(t, 1)
			paused := newTrainers()
			paused.hold = make(chan struct{})
			paused.exit = func(string, int) int { return ending.exit }
			stopped := &bentClock{Virtual: w.clk.Virtual, frozen: w.clk.Now()} // its heart does not beat
			first := w.conductor("first", paused, stopped)
			ended := make(chan error, 1)
			go func() { ended <- first.RunUntilIdle(context.Background()) }()
			paused.wait() // it holds the train step
			w.clk.Set(w.clk.Now().Add(2 * time.Minute))
			w.settle() // the second worker brings the cycle to its end
			want := w.story()
			if len(want) == 0 || !strings.Contains(strings.Join(want, "\n"), "promoted") {
				t.Fatalf("the second worker did not go on: %v", want)
			}
			close(paused.hold)
			w.must(<-ended)
			if got := w.story(); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("the late worker changed %v to %v", want, got)
			}
			w.check()
			w.days(2)
		})
	}
}

// Days without a label are no days of a scale, and stop nothing.
func TestDaysWithoutLabelsDoNotStopACycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.faults.missing = 0.2
	w.settle()
	w.days(100)
	if w.seen.parked > 0 || !promotes(w.story()) {
		t.Errorf("%d parked steps; %s", w.seen.parked, strings.Join(w.story(), "\n"))
	}
}

// While the disk is full nothing is lost and nothing ends; with room again the loop goes on as if nothing had been.
func TestFullDiskEndsNothing(t *testing.T) {
	t.Parallel()
	days := least(20, 80)
	want, _ := undisturbed(t, 3, faults{}, days)
	w := newWorld(t, 3)
	w.life.fill(true)
	w.settle()
	w.life.fill(false)
	w.settle()
	for d := range days {
		for i := range int(day / tick) {
			w.life.fill(i == 1 && d%3 == 0) // from noon to evening
			w.tick()
		}
		w.life.fill(false)
		w.settle()
		w.check()
	}
	if got := outcomes(w.story()); strings.Join(got, "\n") != strings.Join(outcomes(want), "\n") {
		t.Errorf("undisturbed:\n%s\nwith a full disk:\n%s", strings.Join(want, "\n"), strings.Join(w.story(), "\n"))
	}
	if w.seen.parked > 0 {
		t.Errorf("%d steps were parked", w.seen.parked)
	}
}

// outcomes are a story's decisions without their instants.
func outcomes(story []string) (lines []string) {
	for _, line := range story {
		if strings.Contains(line, ": ") {
			lines = append(lines, line[len(time.DateTime):])
		}
	}
	return lines
}

// Infrastructure that fails twice is tried again; the third time parks the step until a person says resume. A user's error
// ends the cycle at once, and nothing of it stays on its way.
func TestFailuresAreRetriedParkedOrEnded(t *testing.T) {
	t.Parallel()
	for fails, parked := range map[int]int{2: 0, 3: 1} {
		w := newWorld(t, 1)
		w.exec.exit = func(_ string, n int) int {
			if n <= fails {
				return 2
			}
			return 0
		}
		for range 5 {
			w.clk.Set(w.clk.Now().Add(10 * time.Minute))
			w.settle()
		}
		if w.seen.parked != parked {
			t.Errorf("%d failures: %d steps are parked", fails, w.seen.parked)
		}
		w.check()
		shown, err := w.person().Get(context.Background(), "steps", model)
		w.must(err)
		if n := len(shown.Steps); parked == 1 && (n != 1 || shown.Steps[0].State != store.StepParked || shown.Steps[0].Error == "") {
			t.Errorf("a person sees %v", shown.Steps)
		}
		w.resume()
		w.exec.exit = nil
		w.settle()
		if got := outcomes(w.story()); len(got) != 1 {
			t.Errorf("%d failures: %v", fails, got)
		}
	}
	w := newWorld(t, 1)
	w.exec.exit = func(string, int) int { return 1 }
	w.settle()
	w.check()
	if got := w.story(); len(got) != 1 || !strings.Contains(got[0], "train: failed") {
		t.Errorf("a user's error came to %v", got)
	}
}

// A disk that cannot be read says nothing about a version: neither the first one nor a challenger is refused for it.
func TestAFailingDiskRefusesNoVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.life.refuse = func(tx store.Tx) error { // from the first whole version on, before it is smoked
		versions, err := tx.Versions().List(model)
		w.life.mu.Lock()
		w.life.blind = len(versions) == 2
		w.life.mu.Unlock()
		return err
	}
	w.settle()
	w.life.refuse = nil
	w.life.mu.Lock()
	w.life.blind = false
	w.life.mu.Unlock()
	w.days(1)
	if got := outcomes(w.story()); len(got) != 1 || !strings.Contains(got[0], "promoted") {
		t.Errorf("%v", w.story())
	}
}

// Serving that could not load what a route names is told again, until it follows.
func TestServingIsToldAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.life.deaf = true
	w.settle()
	w.tick()
	if at := w.serve.Generations()[model]; at != 0 {
		t.Fatalf("serving is at %d", at)
	}
	w.life.deaf = false
	w.tick()
	w.check()
}

// A commit that fails whenever it is tried is poison like any other: three attempts, then it is parked.
func TestACommitThatAlwaysFailsIsParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.life.refuse = func(tx store.Tx) error {
		if datasets, err := tx.Records().Datasets(model); err != nil || len(datasets) > 0 {
			return errors.Join(err, errors.New("no such row can be kept"))
		}
		return nil
	}
	for range 10 {
		w.settle()
		w.clk.Set(w.clk.Now().Add(10 * time.Minute))
	}
	if w.seen.parked != 1 {
		t.Errorf("%d steps are parked", w.seen.parked)
	}
	w.life.refuse = nil
	w.resume()
	w.days(1)
	if got := outcomes(w.story()); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// After weeks in which nobody was there, each cause gives one trigger, not one a day.
func TestClockJumpGivesOneTriggerPerCause(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.apply(strings.ReplaceAll(declared, "retrain: {when: regret, price: $15, guards: {cooldown: 7d}}",
		"retrain: {when: regret, price: $15, guards: {cooldown: 1h, maxAge: 20d}}"))
	w.settle()
	w.days(5)
	// From here on no candidate meets its bars, so every trigger ends at once and the next one is free to come.
	w.apply(strings.ReplaceAll(declared, "auc >= 0.6\n", "auc >= 0.999\n"))
	w.tick()
	w.apply(strings.ReplaceAll(strings.ReplaceAll(declared, "auc >= 0.6\n", "auc >= 0.999\n"), "cooldown: 7d", "cooldown: 1h, maxAge: 20d"))
	w.tick()
	before := len(w.cycles())
	w.clk.Set(w.clk.Now().Add(35 * day))
	w.settle()
	causes := map[rondo.Cause]int{}
	for _, c := range w.cycles()[before:] {
		causes[c.Cause]++
	}
	if len(causes) == 0 {
		t.Error("a champion of 40 days gave no trigger")
	}
	for cause, n := range causes {
		if n > 1 {
			t.Errorf("I9: %d triggers by %s after one jump", n, cause)
		}
	}
	w.check()
}

// A clock that is set back a day lets nothing happen until it is there again.
func TestClockSetBackDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle()
	for range least(5, 30) {
		w.days(2)
		w.back(day)
	}
}

// back sets the installation's clock back for as long as it takes to be there again.
func (w *world) back(by time.Duration) {
	w.Helper()
	before, cycles := w.story(), len(w.cycles())
	w.life.before(0, nil) // nobody comes meanwhile
	w.clk.bend(-by)
	defer w.clk.bend(0)
	for range int(by/tick) - 1 {
		w.tick()
		if after := w.story(); len(after) != len(before) || len(w.cycles()) != cycles {
			w.Errorf("the clock was set back, and this was decided: %v", after[len(before):])
		}
	}
	w.check()
}

func (w *world) cycles() (all []rondo.Cycle) {
	w.Helper()
	w.read(func(tx store.Tx) (err error) {
		all, err = tx.Cycles().List(model, 0)
		return err
	})
	return all
}

// noPlan is a planner for verbs that plan nothing.
type noPlan struct{}

func (noPlan) Plan(context.Context, *rondo.Spec, time.Time) (*control.Plan, error) {
	return &control.Plan{}, nil
}

func (w *world) person() *control.Control {
	return control.New(w.raw, w.loop, noPlan{}, control.Changed{Route: func(ctx context.Context, _ string) error { return w.refresh(ctx) }})
}

func (w *world) resume() {
	w.Helper()
	w.must(w.person().SetPaused(context.Background(), model, false))
	w.seen.mended(w)
}

// mended forgets that steps were parked: a person has opened them again.
func (s *seen) mended(w *world) {
	s.parked = 0
	for id, step := range s.ended {
		if step.State == store.StepParked {
			delete(s.ended, id)
		}
	}
	w.look()
}

func (w *world) rollBack() {
	w.Helper()
	if _, err := w.person().Rollback(context.Background(), model, "it looks odd"); rondo.KindOf(err) != rondo.Conflict {
		w.must(err)
	}
	w.woken = true
}

// instants are when a story says so.
func instants(t *testing.T, story []string, what string, least int) (all []time.Time) {
	t.Helper()
	for _, line := range story {
		if !strings.Contains(line, what) {
			continue
		}
		at, err := time.Parse(time.DateTime, line[:len(time.DateTime)])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, at)
	}
	if len(all) < least {
		t.Fatalf("nobody says %q %d times in\n%s", what, least, strings.Join(story, "\n"))
	}
	return all
}

// until moves the world to the tick before that instant.
func (w *world) until(at time.Time) {
	w.Helper()
	for w.clk.Now().Add(tick).Before(at) {
		w.tick()
	}
}

// A person rolls back in a trial, a canary, a promotion and a watch, each time while a step is being done: what was on its
// way about another champion ends, and no old snapshot puts that one back.
func TestAPersonRollsBackInTheMiddle(t *testing.T) {
	t.Parallel()
	story, _ := undisturbed(t, 3, faults{}, 120)
	promoted := instants(t, story, "not-worse: promoted", 2)[1] // before the first one there is nobody to go back to
	kept := instants(t, story, "watch: kept", 1)[0]
	trial := instants(t, story, "shadow: started", 2)[1]
	trial = trial.Add(2*day + tick)
	for _, at := range []time.Time{kept, trial, promoted.Add(-day), promoted} {
		w := newWorld(t, 3)
		w.settle()
		w.until(at)
		w.life.before(2, w.rollBack) // a step was leased, and is being done
		w.days(5)
		if at == trial && !strings.Contains(strings.Join(w.story(), "\n"), "another champion: kept") {
			t.Errorf("the trial goes on against a version that answers no more:\n%s", strings.Join(w.story(), "\n"))
		}
		w.days(15)
		if n := strings.Count(strings.Join(w.story(), "\n"), "a person: rolled back"); n != 1 {
			t.Errorf("rolled back %d times", n)
		}
		if w.seen.parked > 0 {
			t.Errorf("rolled back at %s: %d steps are parked\n%s", at, w.seen.parked, strings.Join(w.story(), "\n"))
		}
	}
}

// A cycle that fails after its trial takes its trial and its versions along.
func TestACycleThatFailsLateLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	story, _ := undisturbed(t, 3, faults{}, 75)
	w := newWorld(t, 3)
	w.settle()
	w.until(instants(t, story, "shadow: started", 1)[0].Add(day))
	w.exec.exit = func(name string, _ int) int {
		if w.kindOf(name) == "refit-train" {
			return 1
		}
		return 0
	}
	for w.openCycle() != "" {
		w.days(1)
	}
	if got := strings.Join(w.story(), "\n"); !strings.Contains(got, "refit-train: failed") {
		t.Errorf("the fit after the trial did not fail:\n%s", got)
	}
}

// kindOf is the kind of the step that a training belongs to.
func (w *world) kindOf(job string) (kind string) {
	w.read(func(tx store.Tx) error {
		unfinished, err := tx.Steps().Unfinished(model)
		for _, s := range unfinished {
			if strings.HasPrefix(job, strings.ReplaceAll(string(s.ID), "_", "-")) {
				kind = s.Kind
			}
		}
		return err
	})
	return kind
}

// The world under all faults at once.
func TestWorldUnderFaults(t *testing.T) {
	t.Parallel()
	n, days := least(1, 3), least(60, 150)
	steps, commits, lives := 0, 0, 0
	for _, s := range seeds(t, n) {
		w := newWorld(t, s)
		w.faults = faults{late: 0.05, missing: 0.05, corrected: 0.05}
		chance := s.Rand("faults")
		w.exec.exit = func(name string, n int) int {
			switch x := s.Rand("trainer", name, fmt.Sprint(n)).Float64(); {
			case x < 0.10:
				return 2
			case x < 0.12:
				return 1
			}
			return 0
		}
		w.settle()
		for range days {
			w.disturb(chance)
			w.days(1)
		}
		w.calm()
		steps, commits, lives = steps+len(w.seen.ended), commits+w.seen.commits, lives+w.lives
		t.Logf("seed %d: %d steps, %d commits, %d lives; %d decisions and versions; now %s",
			s, len(w.seen.ended), w.seen.commits, w.lives, len(w.story()), w.clk.Now().Format(time.DateOnly))
	}
	t.Logf("%d steps, %d commits, %d lives", steps, commits, lives)
}

// disturb lets one thing happen, or nothing.
func (w *world) disturb(chance *rand.Rand) {
	w.Helper()
	ctx := context.Background()
	switch chance.IntN(16) {
	case 0, 1, 2, 3:
		w.life.kill(1 + chance.IntN(40))
	case 4:
		w.life.fill(true)
		for range 1 + chance.IntN(5) {
			w.tick()
		}
		w.life.fill(false)
		w.settle()
	case 5:
		w.back(day)
	case 6:
		before := len(w.cycles())
		w.clk.Set(w.clk.Virtual.Now().Add(time.Duration(5+chance.IntN(20)) * day))
		w.settle()
		causes := map[rondo.Cause]int{}
		for _, c := range w.cycles()[before:] {
			if causes[c.Cause]++; causes[c.Cause] > 1 {
				w.Errorf("I9: a second trigger by %s after one jump", c.Cause)
			}
		}
	case 7:
		trees := 8 + chance.IntN(3)
		w.apply(strings.ReplaceAll(declared, "trees: 9", fmt.Sprint("trees: ", trees)))
	case 8:
		w.apply(strings.ReplaceAll(declared, "auc >= 0.6\n", "auc >= 0.999\n"))
		w.days(1)
		w.apply(declared)
	case 9:
		w.must(w.person().SetPaused(ctx, model, true))
		w.days(1 + chance.IntN(6))
		w.resume()
	case 10:
		w.life.before(1+chance.IntN(20), w.rollBack)
	case 11:
		w.must(w.person().Run(ctx, model))
	}
}

// calm ends all faults: what was parked is resumed, and every cycle that is open then ends in time (I11).
func (w *world) calm() {
	w.Helper()
	w.exec.exit, w.faults = nil, faults{}
	w.life.kill(0)
	w.resume()
	w.settle()
	open := w.openCycle()
	const limit = 28 + 28 + 2 + 7 + 10 // days of scale, shadow, maturity, canary, and some
	for d := 0; open != "" && w.openCycle() == open; d++ {
		if d > limit {
			w.Fatalf("I11: cycle %s has not ended %d days after the last fault", open, d)
		}
		w.days(1)
	}
	if w.seen.parked > 0 {
		w.Errorf("%d steps were parked after the last fault", w.seen.parked)
	}
	w.check()
}

func (w *world) openCycle() (id rondo.CycleID) {
	w.Helper()
	w.read(func(tx store.Tx) error {
		c, err := tx.Cycles().Open(model)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		id = c.ID
		return err
	})
	return id
}

// hurried is a clock that stands where a waiter wants it, and says how long that was; the last wait ends the run.
type hurried struct {
	*bentClock
	naps []time.Duration
	most int
	end  func()
}

func (h *hurried) Until(ctx context.Context, t time.Time) error {
	h.naps = append(h.naps, t.Sub(h.Now()))
	if len(h.naps) == h.most {
		h.end()
	}
	if ctx.Err() == nil && t.After(h.Now()) {
		h.Virtual.Set(t)
	}
	return ctx.Err()
}

func TestALoopThatCannotWriteWaitsBetweenTwoTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, seeds(t, 1)[0])
	w.must(w.loop.Reconcile(context.Background())) // a step is due, and stays so
	w.life.fill(true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clk := &hurried{bentClock: w.clk, most: 10, end: cancel}
	w.must(w.conductor("loop", w.exec, clk).Run(ctx))
	for i, nap := range clk.naps {
		least := min(time.Second<<i, time.Minute)
		if nap < least || nap > least*3/2 {
			t.Errorf("wait %d is %v", i, nap)
		}
	}
	w.life.fill(false)
}
