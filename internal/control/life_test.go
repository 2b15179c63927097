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
	"rondo.dev/rondo/internal/stage/rollout"
)

var began = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// tried is a model with a trial of twenty days. drop takes that much evidence from what the trial holds.
func tried(t *testing.T, drop float64, bound *float64) (*control.Control, store.Store, *rollout.Trial) {
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
	past := make([]float64, 28)
	for i := range past {
		past[i] = 0.003 * math.Sin(float64(i*i))
	}
	trial, err := rollout.Begin(&rondo.Spec{Deploy: rondo.Deploy{Margin: 0.01, AtMost: 1000 * time.Hour}}, rondo.NotWorse, "m/1", "m/2",
		rollout.Scale{Past: past, UsualRows: 100, Loss: 0.4, Bound: bound, Begun: 1}, began.Add(24*time.Hour))
	ok(err)
	days := map[string][]byte{}
	for i := range 20 {
		day, loss := began.Truncate(24*time.Hour).AddDate(0, 0, i), 0.4-0.001*math.Cos(float64(i))
		d := control.Day{Day: monitor.Day{Day: day, Rows: 100, Labelled: 90, Loss: 0.4}, Challenger: &loss}
		if i == 9 {
			d.Outside = 50 // a day of bad rows decides nothing
		} else {
			a, b := make([]float64, 90), make([]float64, 90)
			for j := range a {
				a[j], b[j] = d.Loss, loss
			}
			if bound != nil {
				a[0] += 7 // the mean of the day is not what the trial counts
				d.Loss += 7. / 90
			}
			trial.Day(day, a, b)
			d.Gain = trial.ClippedMean(a, b)
		}
		days[day.Format(time.DateOnly)], err = json.Marshal(d)
		ok(err)
	}
	kept := *trial
	for i := range kept.Test.Promote {
		kept.Test.Promote[i] -= drop
	}
	value, err := json.Marshal(map[string]any{"trial": kept, "past": past})
	ok(err)
	ok(st.Write(t.Context(), func(tx store.Tx) error {
		_, _, err := tx.Models().Apply(&rondo.Spec{Name: "m"}, "d", "/")
		ok(err)
		for name, b := range days {
			ok(tx.Values().Put("m", "day/"+name, b))
		}
		ok(tx.Values().Put("m", "trial", value))
		return tx.Decisions().Add(&rondo.Decision{ID: "dec_1", Model: "m", Cycle: "cyc_1", Step: "s1", At: began, Outcome: rondo.Started, Rule: "shadow", Version: "m/2"})
	}))
	return control.New(st, nil, nil, control.Changed{}), st, trial
}

func TestAnOpenTrialIsCountedAgainAsItWas(t *testing.T) {
	bound := 0.1
	for _, bound := range []*float64{nil, &bound} {
		countedAgain(t, bound)
	}
}

func countedAgain(t *testing.T, bound *float64) {
	t.Helper()
	c, st, trial := tried(t, 0, bound)
	life, err := c.Life(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if len(life.Days) != 20 || len(life.Trials) != 1 {
		t.Fatalf("%d days, %d trials", len(life.Days), len(life.Trials))
	}
	got := life.Trials[0]
	if len(got.Days) != 19 || len(got.Promote) != 19 { // the day on which it began is not its own
		t.Fatalf("%d days of the trial, %d of evidence", len(got.Days), len(got.Promote))
	}
	if d := got.Promote[18] - trial.Test.LogPromote(); math.Abs(d) > 1e-9 {
		t.Errorf("evidence to promote is %v off", d)
	}
	if d := got.Harm[18] - trial.Test.LogHarm(); math.Abs(d) > 1e-9 {
		t.Errorf("evidence of harm is %v off", d)
	}
	if got.Promote[8] != got.Promote[7] { // 11 March, the tenth day
		t.Errorf("a day of bad rows counts: %v, then %v", got.Promote[7], got.Promote[8])
	}
	if want := map[bool]float64{true: math.Log(20), false: math.Log(20 * math.Pi * math.Pi / 6)}[bound == nil]; math.Abs(got.Bar-want) > 1e-12 {
		t.Errorf("the bar is %v, want %v", got.Bar, want)
	}
	if err := st.Write(t.Context(), func(tx store.Tx) error {
		return tx.Decisions().Add(&rondo.Decision{ID: "dec_2", Model: "m", Cycle: "cyc_1", Step: "s2", At: began.AddDate(0, 0, 11), Outcome: rondo.Kept, Rule: "inconclusive"})
	}); err != nil {
		t.Fatal(err)
	}
	if life, err = c.Life(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	if got := life.Trials[0]; got.Ended == nil || got.Promote != nil || len(got.Days) != 11 {
		t.Errorf("ended: %v, evidence %v, %d days", got.Ended, got.Promote, len(got.Days))
	}
}

func TestEvidenceThatDoesNotAddUpIsNotShown(t *testing.T) {
	c, _, _ := tried(t, 0.5, nil)
	life, err := c.Life(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if got := life.Trials[0]; got.Promote != nil || got.Harm != nil {
		t.Errorf("evidence %v", got.Promote)
	}
}

func TestTheLifeOfNobodyIsNotFound(t *testing.T) {
	c, _, _ := tried(t, 0, nil)
	if _, err := c.Life(t.Context(), "nobody"); rondo.KindOf(err) != rondo.NotFound {
		t.Errorf("error %v", err)
	}
}
