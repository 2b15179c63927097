package loop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/rollout"
)

// state reads a named state of the model; false where there is none.
func (w *world) state(name string, into any) bool {
	w.Helper()
	var b []byte
	w.read(func(tx store.Tx) (err error) {
		b, err = tx.Values().Get(model, name)
		return ignore(err, store.ErrNotFound)
	})
	if b == nil {
		return false
	}
	w.must(json.Unmarshal(b, into))
	return true
}

func (w *world) put(name string, v any) {
	w.Helper()
	b, err := json.Marshal(v)
	w.must(err)
	w.must(w.raw.Write(context.Background(), func(tx store.Tx) error { return tx.Values().Put(model, name, b) }))
}

func (w *world) champion() (id rondo.VersionID) {
	w.Helper()
	w.read(func(tx store.Tx) error {
		route, err := tx.Versions().Route(model)
		id = route.Champion
		return ignore(err, store.ErrNotFound)
	})
	return id
}

func (w *world) twinOf() rondo.VersionID {
	w.Helper()
	var twin struct{ Version rondo.VersionID }
	w.state("twin", &twin)
	return twin.Version
}

// Whoever put the old champion back, harm or a person: it is measured against a twin of its own again.
func TestARollbackFitsATwinOfWhoeverAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.settle()
	var watch rollout.Watch
	for d := 0; !w.state("watch", &watch); d++ {
		if d > 100 {
			t.Fatal("no challenger is promoted")
		}
		w.days(1)
	}
	fresh := w.champion()
	if w.twinOf() != fresh {
		t.Fatalf("%s answers, the twin is of %s", fresh, w.twinOf())
	}
	for i := range watch.Test.Harm { // as if it had lost more than its parent on every day
		watch.Test.Harm[i] += 100
	}
	w.put("watch", watch)
	for d := 0; w.champion() == fresh; d++ {
		if d > 3 {
			t.Fatalf("no harm was found:\n%s", strings.Join(w.story(), "\n"))
		}
		w.days(1)
	}
	if old := w.champion(); w.twinOf() != old || !strings.Contains(strings.Join(w.story(), "\n"), "watch: rolled back "+string(old)) {
		t.Errorf("%s answers again, the twin is of %s\n%s", old, w.twinOf(), strings.Join(w.story(), "\n"))
	}
	before := w.champion()
	w.rollBack()
	w.tick()
	if now := w.champion(); now == before || w.twinOf() != now {
		t.Errorf("a person put %s in place of %s, the twin is of %s", now, before, w.twinOf())
	}
}

// A twin, a probe or a fresh fit of a trial that cannot be made waits for nobody: it says so, and the next block of days
// makes another.
func TestACheapStepThatFailsIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	first := map[string]string{} // the job that fails, by kind
	w.exec.exit = func(name string, _ int) int {
		kind := w.kindOf(name)
		if kind != "twin" && kind != "probe" && kind != "freshen" {
			return 0
		}
		if first[kind] == "" {
			first[kind] = name
		}
		if first[kind] == name {
			return 2
		}
		return 0
	}
	w.settle()
	var trial map[string]json.RawMessage
	for d := 0; !w.state("trial", &trial); d++ {
		if d > 60 {
			t.Fatal("no challenger is tried")
		}
		w.days(1)
	}
	var test rollout.Trial
	w.must(json.Unmarshal(trial["trial"], &test))
	for i := range test.Test.Promote { // as if its first days had spoken against it: the trial is long
		test.Test.Promote[i] -= 100
	}
	trial["trial"], _ = json.Marshal(test)
	w.put("trial", trial)
	w.days(30)
	if w.seen.parked > 0 {
		t.Errorf("%d steps are parked", w.seen.parked)
	}
	again := map[string]bool{}
	for _, s := range w.seen.ended {
		switch job := strings.ReplaceAll(string(s.ID), "_", "-"); {
		case strings.HasPrefix(first[s.Kind], job) && first[s.Kind] != "":
			if s.State != store.StepFailed || s.Failures != 3 {
				t.Errorf("the %s that failed is %s after %d failures", s.Kind, s.State, s.Failures)
			}
		case s.State == store.StepDone:
			again[s.Kind] = true
		}
	}
	story := strings.Join(w.story(), "\n")
	for kind := range first {
		if !strings.Contains(story, " "+kind+": failed") || !again[kind] {
			t.Errorf("the %s that failed was told: %v; another was made: %v", kind, strings.Contains(story, " "+kind+": failed"), again[kind])
		}
	}
	if len(first) < 3 {
		t.Errorf("this world fitted only %v", first)
	}
	if w.twinOf() != w.champion() {
		t.Errorf("%s answers, the twin is of %s", w.champion(), w.twinOf())
	}
}

// A fresh fit belongs to one beginning of a trial: when that was clipped and the trial has begun again meanwhile, what comes of
// the fit, or that nothing does, leaves the new beginning as it is.
func TestAFreshFitOfATrialThatBeganAgainChangesNothing(t *testing.T) {
	t.Parallel()
	for _, exit := range []int{0, 2} {
		w := newWorld(t, 3)
		begun := map[string]json.RawMessage{} // the trial as it began again
		w.exec.exit = func(name string, _ int) int {
			if w.kindOf(name) != "freshen" {
				return 0
			}
			if len(begun) == 0 {
				var test rollout.Trial
				w.state("trial", &begun)
				w.must(json.Unmarshal(begun["trial"], &test))
				test.From = test.From.Add(day)
				begun["trial"], _ = json.Marshal(test)
				w.put("trial", begun)
			}
			return exit
		}
		w.settle()
		freshened := func() bool {
			for _, s := range w.seen.ended {
				if s.Kind == "freshen" {
					return true
				}
			}
			return false
		}
		for d := 0; !freshened(); d++ {
			if d > 100 {
				t.Fatal("no trial is freshened")
			}
			var trial map[string]json.RawMessage
			if len(begun) == 0 && w.state("trial", &trial) {
				var test rollout.Trial
				w.must(json.Unmarshal(trial["trial"], &test))
				for i := range test.Test.Promote { // as if its days had spoken neither way: the trial is long
					test.Test.Promote[i] = min(test.Test.Promote[i], -100)
				}
				trial["trial"], _ = json.Marshal(test)
				w.put("trial", trial)
			}
			w.days(1)
		}
		var now map[string]json.RawMessage
		if !w.state("trial", &now) {
			t.Fatal("the trial is gone")
		}
		for _, name := range []string{"artefacts", "fresh"} {
			if !bytes.Equal(now[name], begun[name]) {
				t.Errorf("exit %d: %s of the trial that began again were %s and are %s", exit, name, begun[name], now[name])
			}
		}
	}
}

// A first cycle that finds too few rows to judge with is tried again a block of days later, when there may be more; a
// declaration that is wrong is not.
func TestACycleWithoutRowsIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	path := filepath.Join(w.dir, "first.csv")
	whole, err := os.ReadFile(path)
	w.must(err)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	w.must(os.WriteFile(path, bytes.Join(lines[:4], nil), 0o600)) // three rows
	w.settle()
	if got := outcomes(w.story()); len(got) != 1 || !strings.Contains(got[0], "no rows: failed") {
		t.Fatalf("three rows came to %v", got)
	}
	w.must(os.WriteFile(path, whole, 0o600))
	w.days(6)
	if n := len(w.cycles()); n != 1 {
		t.Errorf("%d cycles after six days", n)
	}
	w.days(2)
	if got := w.cycles(); len(got) != 2 || got[1].Cause != rondo.ByFirst || got[1].Outcome != rondo.Promoted {
		t.Errorf("after eight days: %+v", got)
	}
	wrong := newWorld(t, 1)
	wrong.exec.exit = func(string, int) int { return 1 }
	wrong.settle()
	wrong.exec.exit = nil
	wrong.days(9)
	if n := len(wrong.cycles()); n != 1 {
		t.Errorf("a user's error was tried %d times", n)
	}
}
