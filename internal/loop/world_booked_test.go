package loop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// booked is the other half of I6: what was done is in the ledger, as often as it was done. A step that has ended well and
// prepares or judges in this process is booked once, however many attempts it took; a training at least once, and at most
// once for each attempt at it.
func booked(steps []store.Step, entries []rondo.Entry) (wrong []string) {
	bookings := map[string]int{}
	for _, e := range entries {
		bookings[e.Ref]++
	}
	for _, s := range steps {
		if s.State != store.StepDone {
			continue
		}
		ref := string(s.ID)
		switch s.Kind {
		case "prepare", "refit", "evaluate":
			if n := bookings[ref]; n != 1 {
				wrong = append(wrong, fmt.Sprintf("I6: %s %s is done and booked %d times", s.Kind, ref, n))
			}
		case "train", "refit-train":
			if n := bookings[ref+"/trainer"]; n < 1 || n > s.Attempt {
				wrong = append(wrong, fmt.Sprintf("I6: %s %s took %d attempts, and its trainer is booked %d times", s.Kind, ref, s.Attempt, n))
			}
		}
	}
	return wrong
}

// checkBooked holds the ledger against the steps of all cycles.
func (w *world) checkBooked(tx store.Tx) error {
	steps, entries, err := w.work(tx)
	if err != nil {
		return err
	}
	for _, what := range booked(steps, entries) {
		w.Error(what)
	}
	return nil
}

// work is all steps of cycles, and the ledger.
func (w *world) work(tx store.Tx) (steps []store.Step, entries []rondo.Entry, err error) {
	cycles, err := tx.Cycles().List(model, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range cycles {
		of, err := tx.Steps().ByCycle(c.ID)
		if err != nil {
			return nil, nil, err
		}
		steps = append(steps, of...)
	}
	entries, err = tx.Ledger().Entries(model, 0)
	return steps, entries, err
}

// TestAMissingOrDoubleBookingIsFound takes each booking of a first cycle away, and doubles it, and sees that the check of
// the world finds it.
func TestAMissingOrDoubleBookingIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, seeds(t, 1)[0])
	w.settle()
	w.read(func(tx store.Tx) error {
		steps, entries, err := w.work(tx)
		if err != nil {
			return err
		}
		if wrong := booked(steps, entries); len(wrong) > 0 || len(entries) < 4 {
			t.Errorf("%d entries: %v", len(entries), wrong)
		}
		for i, e := range entries {
			if e.Cause == "twin" || strings.HasPrefix(e.Cause, "probe") {
				continue // beside the cycles
			}
			again := e
			again.Attempt++
			for what, changed := range map[string][]rondo.Entry{
				"missing": slices.Delete(slices.Clone(entries), i, i+1), "double": append(slices.Clone(entries), again),
			} {
				if len(booked(steps, changed)) != 1 {
					t.Errorf("%s of %s is %s and not found", e.Cause, e.Ref, what)
				}
			}
		}
		return nil
	})
}
