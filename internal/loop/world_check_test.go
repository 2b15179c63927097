package loop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// seen is what the world remembers of earlier looks, so that it can tell what may never happen.
type seen struct {
	generation int
	attempts   map[rondo.StepID]int
	ended      map[rondo.StepID]store.Step
	open       map[rondo.StepID]bool
	durable    map[rondo.Digest]bool
	tried      map[rondo.CycleID]rondo.VersionID // against whom a cycle's challenger was tried last
	held       map[string]bool                   // the steps that money was reserved for
	commits    int
	parked     int
}

func newSeen() seen {
	return seen{attempts: map[rondo.StepID]int{}, ended: map[rondo.StepID]store.Step{}, open: map[rondo.StepID]bool{},
		durable: map[rondo.Digest]bool{}, tried: map[rondo.CycleID]rondo.VersionID{}, held: map[string]bool{}}
}

func (w *world) read(f func(store.Tx) error) {
	w.Helper()
	if err := w.raw.Read(context.Background(), f); err != nil {
		w.Fatalf("at %s: %v", w.clk.Now().Format(time.DateTime), err)
	}
}

// look is cheap and follows every commit: one champion and a route to it (I1), generations (I4), steps that end once (I2, I3).
func (w *world) look() {
	w.seen.commits++
	w.read(func(tx store.Tx) error {
		return errors.Join(w.lookAtRoute(tx), w.lookAtTrial(tx), w.lookAtSteps(tx), w.lookAtReserved(tx))
	})
}

func (w *world) lookAtRoute(tx store.Tx) error {
	route, err := tx.Versions().Route(model)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if route.Generation < w.seen.generation {
		w.Errorf("I4: route generation %d after %d", route.Generation, w.seen.generation)
	}
	w.seen.generation = route.Generation
	champion, err := tx.Versions().Get(route.Champion)
	if err == nil && champion.State != rondo.Champion {
		w.Errorf("I1: the route leads to %s, a %s", champion.ID, champion.State)
	}
	if route.Challenger == "" || err != nil {
		return err
	}
	challenger, err := tx.Versions().Get(route.Challenger)
	if err == nil && (challenger.State == rondo.Rejected || challenger.State == rondo.Retired) {
		w.Errorf("the route gives %.0f %% of the keys to %s, a %s", route.Share*100, challenger.ID, challenger.State)
	}
	return err
}

// lookAtTrial notes against whom the open cycle's challenger is tried.
func (w *world) lookAtTrial(tx store.Tx) error {
	cycle, err := tx.Cycles().Open(model)
	if err != nil {
		return ignore(err, store.ErrNotFound)
	}
	b, err := tx.Values().Get(model, "trial")
	if err != nil {
		return ignore(err, store.ErrNotFound)
	}
	var state struct {
		Trial struct{ Champion rondo.VersionID }
	}
	if err := json.Unmarshal(b, &state); err != nil {
		return err
	}
	w.seen.tried[cycle.ID] = state.Trial.Champion
	return nil
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func (w *world) lookAtSteps(tx store.Tx) error {
	unfinished, err := tx.Steps().Unfinished(model)
	if err != nil {
		return err
	}
	now := map[rondo.StepID]bool{}
	for _, s := range unfinished {
		now[s.ID] = true
		if _, over := w.seen.ended[s.ID]; over {
			w.Errorf("I3: step %s %s had ended and is %s", s.Kind, s.ID, s.State)
		}
		if s.Attempt < w.seen.attempts[s.ID] {
			w.Errorf("I2: step %s went back from attempt %d to %d", s.ID, w.seen.attempts[s.ID], s.Attempt)
		}
		w.seen.attempts[s.ID] = s.Attempt
	}
	for id := range w.seen.open {
		if now[id] {
			continue
		}
		s, err := tx.Steps().Get(id)
		if err != nil {
			return err
		}
		if s.Ended == nil || s.Attempt < w.seen.attempts[id] {
			w.Errorf("I3: step %s is %s in attempt %d", id, s.State, s.Attempt)
		}
		if s.State == store.StepParked {
			w.seen.parked++
		}
		w.seen.ended[id] = s
	}
	w.seen.open = now
	return nil
}

// sweep removes all objects that no row names, also the youngest: nothing that runs now may need them.
func (w *world) sweep() {
	w.Helper()
	w.read(func(tx store.Tx) error {
		named, err := tx.Digests()
		if err != nil {
			return err
		}
		n, err := w.objects.Sweep(context.Background(), func(d rondo.Digest) bool { return named[d] }, math.MinInt64)
		w.swept += n
		return err
	})
}

// lookAtReserved is the other half of I6: money is held for steps that go on and for nothing else, once each, and no longer
// than until what it came to is booked.
func (w *world) lookAtReserved(tx store.Tx) error {
	reserved, err := tx.Ledger().Reserved(model)
	for _, r := range reserved {
		w.seen.held[r.Ref] = true
		s, err := tx.Steps().Get(rondo.StepID(r.Ref))
		if err != nil {
			return err
		}
		if s.Ended != nil || r.Attempt > s.Attempt {
			w.Errorf("I6: %s is held by attempt %d for %s %s, %s in attempt %d", r.Amount, r.Attempt, s.Kind, s.ID, s.State, s.Attempt)
		}
	}
	return err
}

// check looks at everything.
func (w *world) check() {
	w.Helper()
	w.read(func(tx store.Tx) error {
		for _, look := range []func(store.Tx) error{w.lookAtRoute, w.checkVersions, w.checkObjects, w.checkLedger, w.checkBooked, w.checkWaiting, w.checkTwin} {
			if err := look(tx); err != nil {
				return err
			}
		}
		return nil
	})
	w.sweep()
	w.checkServing()
	if w.Failed() {
		w.FailNow()
	}
}

// checkVersions is I1: who answers or answered has a Decision, and an evaluation that met its bars.
func (w *world) checkVersions(tx store.Tx) error {
	versions, err := tx.Versions().List(model)
	if err != nil {
		return err
	}
	decisions, err := tx.Decisions().List(model, 0)
	if err != nil {
		return err
	}
	chosen := map[rondo.VersionID]bool{}
	for _, d := range decisions {
		if d.Outcome == rondo.Promoted || d.Outcome == rondo.RolledBack {
			chosen[d.Version] = true
		}
		if against := w.seen.tried[d.Cycle]; d.Outcome == rondo.Promoted && against != d.Replaced {
			w.Errorf("I1: %s replaced %s, and was tried against %s", d.Version, d.Replaced, against)
		}
	}
	champions := 0
	for _, v := range versions {
		if v.State == rondo.Champion {
			champions++
		}
		if v.From == nil {
			continue
		}
		if !chosen[v.ID] {
			w.Errorf("I1: %s answers from %s without a Decision", v.ID, v.From)
		}
		ev, err := tx.Records().Evaluation(v.Evaluation)
		if err != nil {
			return fmt.Errorf("evaluation of %s: %w", v.ID, err)
		}
		if ev.Verdict != rondo.Met {
			w.Errorf("I1: %s answers, and its evaluation was %s", v.ID, ev.Verdict)
		}
	}
	if champions > 1 {
		w.Errorf("I1: %d champions", champions)
	}
	return nil
}

// checkObjects is I5: what a row names is there, whole.
func (w *world) checkObjects(tx store.Tx) error {
	datasets, err := tx.Records().Datasets(model)
	if err != nil {
		return err
	}
	runs, err := tx.Records().Runs(model)
	if err != nil {
		return err
	}
	versions, err := tx.Versions().List(model)
	if err != nil {
		return err
	}
	for _, d := range datasets {
		w.durable(d.Transform, d.Profile, d.Facts, d.Rows, d.Quarantined)
		for _, p := range d.Parts {
			w.durable(p.Object, p.Matrix)
		}
	}
	for _, r := range runs {
		w.durable(r.Artefact)
	}
	for _, v := range versions {
		w.durable(v.Artefact, v.Transform)
	}
	return nil
}

func (w *world) durable(names ...rondo.Digest) {
	for _, d := range names {
		if d == "" || w.seen.durable[d] {
			continue
		}
		if _, err := w.objects.Get(context.Background(), d); err != nil {
			w.Errorf("I5: %v", err)
		}
		w.seen.durable[d] = true
	}
}

// checkLedger is I6: each (ref, attempt, cause) once, and causes add up to the whole.
func (w *world) checkLedger(tx store.Tx) error {
	entries, err := tx.Ledger().Entries(model, 0)
	if err != nil {
		return err
	}
	type booking struct {
		ref, cause string
		attempt    int
	}
	reserved, err := tx.Ledger().Reserved(model)
	if err != nil {
		return err
	}
	if len(reserved) > 0 && !w.life.isFull() {
		w.Errorf("I6: nothing is done, and %v is held", reserved)
	}
	once := map[booking]bool{}
	sums := map[string]store.Total{}
	for _, e := range entries {
		b := booking{e.Ref, e.Cause, e.Attempt}
		if once[b] {
			w.Errorf("I6: %v is booked twice", b)
		}
		once[b] = true
		if step, _, trained := strings.Cut(e.Ref, "/trainer"); trained && !w.seen.held[step] {
			w.Errorf("I6: %s of %s was spent before it was reserved", e.Amount, e.Ref)
		}
		t := sums[e.Cause]
		t.Entries, t.CPU, t.Amount = t.Entries+1, t.CPU+e.CPU, t.Amount.Add(e.Amount)
		sums[e.Cause] = t
	}
	totals, err := tx.Ledger().Totals(model, time.Time{}, time.Time{})
	for _, t := range totals {
		if s := sums[t.Cause]; s.Amount != t.Amount || s.CPU != t.CPU || s.Entries != t.Entries {
			w.Errorf("I6: %s totals %v, its entries %v", t.Cause, t, s)
		}
		delete(sums, t.Cause)
	}
	if len(sums) > 0 {
		w.Errorf("I6: causes without total: %v", sums)
	}
	return err
}

// checkWaiting is I10 and I11: retries are bounded, and nothing is stuck: an open step is due later or leased, an open
// cycle has a step that goes on or is parked, and a model that answers has its next day.
func (w *world) checkWaiting(tx store.Tx) error {
	unfinished, err := tx.Steps().Unfinished(model)
	if err != nil {
		return err
	}
	now, days := w.clk.Now(), 0
	for _, s := range unfinished {
		if !w.life.isFull() && s.State == store.StepOpen && !s.Due.After(now) {
			w.Errorf("I11: %s %s was due at %s and nobody did it", s.Kind, s.Name, s.Due)
		}
		if s.Failures > 3 {
			w.Errorf("I10: %s has failed %d times", s.ID, s.Failures)
		}
		if s.Kind == "day" {
			days++
		}
	}
	for _, s := range w.seen.ended {
		if s.State == store.StepParked && s.Cycle == "" {
			days++
		}
	}
	m, err := tx.Models().Get(model)
	if err != nil {
		return err
	}
	if _, err := tx.Versions().Route(model); err == nil && !m.Paused && days == 0 && !w.life.isFull() {
		w.Errorf("I11: no day is waited for")
	}
	cycle, err := tx.Cycles().Open(model)
	if errors.Is(err, store.ErrNotFound) {
		return w.checkNothingLeft(tx)
	}
	if err != nil {
		return err
	}
	steps, err := tx.Steps().ByCycle(cycle.ID)
	for _, s := range steps {
		if s.Ended == nil || s.State == store.StepParked {
			return err
		}
	}
	w.Errorf("I11: cycle %s is open and has no step to go on with", cycle.ID)
	return err
}

// checkNothingLeft says that without an open cycle nobody is tried, nobody is on his way, and nobody but the champion
// answers.
func (w *world) checkNothingLeft(tx store.Tx) error {
	if _, err := tx.Values().Get(model, "trial"); !errors.Is(err, store.ErrNotFound) {
		w.Errorf("a trial is left of a cycle that has ended: %v", err)
	}
	if route, err := tx.Versions().Route(model); err == nil && route.Challenger != "" {
		w.Errorf("%s answers %.0f %% of the keys, and its cycle has ended", route.Challenger, route.Share*100)
	}
	versions, err := tx.Versions().List(model)
	for _, v := range versions {
		if v.State == rondo.Candidate || v.State == rondo.Challenger {
			w.Errorf("%s is a %s for ever: its cycle has ended", v.ID, v.State)
		}
	}
	return err
}

// checkServing is the other half of I4: serving follows the route.
func (w *world) checkServing() {
	w.Helper()
	if w.life.isFull() {
		return
	}
	if at := w.serve.Generations()[model]; at != w.seen.generation {
		w.Errorf("I4: serving is at generation %d, the route at %d", at, w.seen.generation)
	}
}

// checkTwin says that whoever answers has a twin to be measured against, or one that is being made, or one that came to
// nothing in this block of days.
func (w *world) checkTwin(tx store.Tx) error {
	route, err := tx.Versions().Route(model)
	if errors.Is(err, store.ErrNotFound) || w.life.isFull() {
		return nil
	}
	m, err := tx.Models().Get(model)
	if err != nil || m.Paused || m.Spec.Retrain.When != rondo.WhenRegret {
		return err
	}
	b, err := tx.Values().Get(model, "twin")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var twin struct{ Version rondo.VersionID }
	if err == nil {
		if err := json.Unmarshal(b, &twin); err != nil {
			return err
		}
	}
	if twin.Version == route.Champion {
		return nil
	}
	unfinished, err := tx.Steps().Unfinished(model)
	for _, s := range unfinished {
		if s.Kind == "twin" {
			return err
		}
	}
	for _, s := range w.seen.ended {
		if s.Kind == "twin" && s.State == store.StepFailed && w.clk.Now().Sub(*s.Ended) < 8*day {
			return err
		}
	}
	w.Errorf("%s answers, and the twin is of %q", route.Champion, twin.Version)
	return err
}
