package console

import (
	"encoding/json"
	"fmt"
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

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// world is a store with an installation's rows.
type world struct {
	t       *testing.T
	clock   *clock.Virtual
	store   store.Store
	control *control.Control
	n       int
	days    []store.Value // to be written together
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewVirtual(start)}
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "rondo.db"), w.clock, sqlite.Options{})
	w.ok(err)
	t.Cleanup(func() { _ = st.Close() })
	w.store, w.control = st, control.New(st, nil, nil, control.Changed{})
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(f func(tx store.Tx)) {
	w.t.Helper()
	w.ok(w.store.Write(w.t.Context(), func(tx store.Tx) error { f(tx); return nil }))
}

func (w *world) id(prefix string) string { w.n++; return fmt.Sprintf("%s_%06d", prefix, w.n) }

// declare applies a model.
func (w *world) declare(name string) {
	spec := &rondo.Spec{Name: name, Task: rondo.Task{Kind: rondo.Binary, Target: "late"}, Decide: &rondo.Decide{MinCost: true, FP: rondo.Dollar, FN: 4 * rondo.Dollar}}
	w.write(func(tx store.Tx) { _, _, err := tx.Models().Apply(spec, rondo.Digest(name), "/data"); w.ok(err) })
}

func (w *world) decide(d rondo.Decision) {
	w.write(func(tx store.Tx) {
		d.ID, d.At = rondo.DecisionID(w.id("dec")), tx.Now()
		d.Step = rondo.StepID(d.ID)
		w.ok(tx.Decisions().Add(&d))
	})
}

// version makes a version with all it came from. group is the name of a slice.
func (w *world) version(model, group string) *rondo.Version {
	v := &rondo.Version{Model: model, State: rondo.Candidate, Digest: rondo.Digest(w.id("dig")), Cycle: rondo.CycleID(w.id("cyc")), Dataset: rondo.DatasetID(w.id("ds")),
		Run: rondo.RunID(w.id("run")), Evaluation: rondo.EvaluationID(w.id("ev")), Trained: [2]time.Time{w.clock.Now().AddDate(0, -6, 0), w.clock.Now()}, Made: w.clock.Now()}
	num := func(x, d float64) rondo.Number { return rondo.Number{Value: x, Low: x - d, High: x + d, Rows: 4000} }
	got := num(0.72, 0.01)
	ev := &rondo.Evaluation{ID: v.Evaluation, Model: model, Dataset: v.Dataset, Run: v.Run, Part: rondo.TestPart, Rows: 52345, Use: 1, Verdict: rondo.Met, NotJudged: 0.031,
		Metrics: []rondo.Metric{{Name: "auc", Number: got}}, Train: []rondo.Metric{{Name: "auc", Number: num(0.75, 0.005)}},
		Bars: []rondo.BarResult{{Bar: "auc >= 0.7", Verdict: rondo.Met, Got: &got, Bound: 0.7, Reason: "auc is 0.72 (0.71 to 0.73) on 52,345 rows; the bar is 0.7"}}}
	for i := range 10 {
		x := 0.04 + 0.06*float64(i)
		ev.Calibration = append(ev.Calibration, rondo.CalibrationBin{Predicted: x, Observed: x + 0.02*math.Sin(float64(i)), Rows: 5000 - 450*i})
	}
	for i, name := range []string{group, "ATL", "ORD", "DFW", "LAX", "DEN", "SFO"} {
		ev.Slices = append(ev.Slices, rondo.Slice{By: "origin", Group: name, Metric: "auc", Number: num(0.66+0.013*float64(i), 0.012+0.002*float64(i)), Judged: true})
	}
	r := &rondo.Run{ID: v.Run, Model: model, Dataset: v.Dataset, Features: []string{"hour", "origin_late_3h", "weekday", group, "distance"}, Importance: []float64{0.41, 0.33, 0.14, 0.09, 0.03}}
	w.write(func(tx store.Tx) {
		w.ok(tx.Records().AddDataset(&rondo.Dataset{ID: v.Dataset, Model: model}))
		w.ok(tx.Records().AddRun(r))
		w.ok(tx.Records().AddEvaluation(ev))
		w.ok(tx.Versions().Add(v))
	})
	return v
}

// crown lets v answer.
func (w *world) crown(v, old *rondo.Version, rule string) {
	w.write(func(tx store.Tx) {
		if old != nil {
			w.ok(tx.Versions().Move(old.ID, rondo.Retired))
		}
		w.ok(tx.Versions().Move(v.ID, rondo.Champion))
		_, err := tx.Versions().SetRoute(store.Route{Model: v.Model, Champion: v.ID})
		w.ok(err)
	})
	d := rondo.Decision{Model: v.Model, Outcome: rondo.Promoted, Rule: rule, Version: v.ID, Cycle: v.Cycle}
	if old != nil {
		d.Replaced = old.ID
	}
	w.decide(d)
}

// day closes one day. wave moves AUC and loss. A trial counts it.
func (w *world) day(v *rondo.Version, wave float64, trial *rollout.Trial, challenger *float64) {
	day := w.clock.Now().Truncate(24 * time.Hour)
	auc, expected := 0.71+0.03*math.Sin(wave), 0.44
	d := control.Day{Challenger: challenger, Day: monitor.Day{Day: day, Version: v.ID, Rows: 1200, Labelled: 1150, Loss: 0.45 + 0.02*math.Cos(wave), Expected: &expected,
		AUC: &rondo.Number{Value: auc, Low: auc - 0.03, High: auc + 0.03, Rows: 1150}, Base: 0.2, Cost: 400 * rondo.Dollar}}
	if trial != nil {
		a, b := make([]float64, d.Labelled), make([]float64, d.Labelled)
		for j := range a {
			a[j], b[j] = d.Loss, *challenger
		}
		trial.Day(day, a, b)
		d.Evidence = &control.Evidence{Promote: trial.Test.LogPromote(), Harm: trial.Test.LogHarm(), Bar: -math.Log(trial.Test.Alpha)}
	}
	b, err := json.Marshal(d)
	w.ok(err)
	w.clock.Set(w.clock.Now().Add(24 * time.Hour))
	w.days = append(w.days, store.Value{Name: "day/" + day.Format(time.DateOnly), Value: b})
}

// live fills five months of a model: two promotions, an alarm, a refusal, a feed set aside, regret, and a trial that goes on.
func (w *world) live(model, group string) {
	w.declare(model)
	var champion, challenger *rondo.Version
	var trial *rollout.Trial
	var past []float64
	for i := range 28 {
		past = append(past, 0.004*math.Sin(float64(i*i)))
	}
	for i := range 150 {
		switch i {
		case 0, 70:
			v := w.version(model, group)
			w.crown(v, champion, "not-worse")
			champion = v
		case 25:
			w.decide(rondo.Decision{Model: model, Outcome: rondo.Quarantined, Rule: "batch checks", Numbers: []rondo.Fact{rondo.Textual("reason", group)}})
		case 55:
			w.decide(rondo.Decision{Model: model, Outcome: rondo.Alarmed, Rule: "quality", Version: champion.ID})
		case 100:
			v := w.version(model, group)
			w.write(func(tx store.Tx) { w.ok(tx.Versions().Move(v.ID, rondo.Rejected)) })
			w.decide(rondo.Decision{Model: model, Outcome: rondo.RefusedIt, Rule: "bars", Version: v.ID, Cycle: v.Cycle})
		case 120:
			challenger = w.version(model, group)
			w.write(func(tx store.Tx) { w.ok(tx.Versions().Move(challenger.ID, rondo.Challenger)) })
			w.decide(rondo.Decision{Model: model, Outcome: rondo.Started, Rule: "shadow", Version: challenger.ID, Cycle: challenger.Cycle, Numbers: []rondo.Fact{rondo.Numeric("margin", 0.0045)}})
			spec := &rondo.Spec{Deploy: rondo.Deploy{Margin: 0.01, AtMost: 60 * 24 * time.Hour}}
			var err error
			trial, err = rollout.Begin(spec, rondo.NotWorse, champion.ID, challenger.ID, rollout.Scale{Past: past, UsualRows: 1150, Loss: 0.45}, w.clock.Now().Add(24*time.Hour))
			w.ok(err)
		}
		if i%7 == 6 {
			w.decide(rondo.Decision{Model: model, Outcome: rondo.Waiting, Rule: "regret", Version: champion.ID, Numbers: []rondo.Fact{
				rondo.Numeric("regret, dollars", 40*float64(i%70)/7), rondo.Numeric("price, dollars", 500)}})
		}
		var loss *float64
		if trial != nil {
			x := 0.45 + 0.02*math.Cos(float64(i)/9) - 0.0004 - 0.003*math.Sin(float64(i*i))
			loss = &x
		}
		w.day(champion, float64(i)/9, trial, loss)
	}
	w.write(func(tx store.Tx) {
		for _, d := range w.days {
			w.ok(tx.Values().Put(model, d.Name, d.Value))
		}
		for i, c := range []string{"train", "monitor", group} {
			w.ok(tx.Ledger().Add(rondo.Entry{At: tx.Now(), Model: model, Cause: c, Ref: w.id("ref"), CPU: time.Duration(i+1) * time.Minute, Amount: rondo.Money(i+1) * 370_000}))
		}
		w.ok(tx.Cycles().Add(rondo.Cycle{ID: challenger.Cycle, Model: model, Cause: rondo.ByRegret, Revision: 1, Started: tx.Now()}))
		w.ok(tx.Steps().Add(store.Step{ID: rondo.StepID(w.id("stp")), Model: model, Cycle: challenger.Cycle, Kind: "shadow", State: store.StepOpen, Due: tx.Now(), Made: tx.Now(), Error: group}))
	})
}
