package control_test

import (
	"encoding/json"
	"math"
	"path/filepath"
	"testing"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlite"
	"rondo.dev/rondo/internal/stage/monitor"
)

var began = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// tried is a model with a trial of twenty days; keep says of which of them the evidence was kept.
func tried(t *testing.T, keep func(day int) bool) (*control.Control, store.Store) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "rondo.db"), clock.NewVirtual(began), sqlite.Options{})
	ok(err)
	t.Cleanup(func() { _ = st.Close() })
	ok(st.Write(t.Context(), func(tx store.Tx) error {
		_, _, err := tx.Models().Apply(&rondo.Spec{Name: "m"}, "d", "/")
		ok(err)
		for i := range 20 {
			day, loss := began.Truncate(24*time.Hour).AddDate(0, 0, i), 0.39
			d := control.Day{Day: monitor.Day{Day: day, Rows: 100, Labelled: 90, Loss: 0.4}, Challenger: &loss}
			if keep(i) {
				d.Evidence = &control.Evidence{Promote: 0.1 * float64(i), Harm: -0.1 * float64(i), Bar: math.Log(20)}
			}
			b, err := json.Marshal(d)
			ok(err)
			ok(tx.Values().Put("m", "day/"+day.Format(time.DateOnly), b))
		}
		return tx.Decisions().Add(&rondo.Decision{ID: "dec_1", Model: "m", Cycle: "cyc_1", Step: "s1", At: began, Outcome: rondo.Started, Rule: "shadow", Version: "m/2"})
	}))
	return control.New(st, nil, nil, control.Changed{}), st
}

func always(int) bool { return true }

func TestTheEvidenceOfATrialStaysWhenItHasEnded(t *testing.T) {
	c, st := tried(t, always)
	life, err := c.Life(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if len(life.Days) != 20 || len(life.Trials) != 1 {
		t.Fatalf("%d days, %d trials", len(life.Days), len(life.Trials))
	}
	if got := life.Trials[0]; len(got.Days) != 19 || !got.Counted() || got.Ended != nil { // the day on which it began is not its own
		t.Fatalf("%d days of the trial, counted %v, ended %v", len(got.Days), got.Counted(), got.Ended)
	}
	if err := st.Write(t.Context(), func(tx store.Tx) error {
		return tx.Decisions().Add(&rondo.Decision{ID: "dec_2", Model: "m", Cycle: "cyc_1", Step: "s2", At: began.AddDate(0, 0, 11), Outcome: rondo.Kept, Rule: "inconclusive"})
	}); err != nil {
		t.Fatal(err)
	}
	if life, err = c.Life(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	got := life.Trials[0]
	if got.Ended == nil || !got.Counted() || len(got.Days) != 11 {
		t.Fatalf("ended: %v, counted %v, %d days", got.Ended, got.Counted(), len(got.Days))
	}
	if e := got.Days[10].Evidence; e.Promote != 1.1 || e.Harm != -1.1 || e.Bar != math.Log(20) {
		t.Errorf("evidence %+v", *e)
	}
}

func TestEvidenceWithGapsIsNotShown(t *testing.T) {
	c, _ := tried(t, func(day int) bool { return day > 5 })
	life, err := c.Life(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if life.Trials[0].Counted() {
		t.Error("the evidence of the first days is not known, and it is shown")
	}
}

func TestTheLifeOfNobodyIsNotFound(t *testing.T) {
	c, _ := tried(t, always)
	if _, err := c.Life(t.Context(), "nobody"); rondo.KindOf(err) != rondo.NotFound {
		t.Errorf("error %v", err)
	}
}
