package loop

import (
	"context"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/evaluate"
	"rondo.dev/rondo/internal/stage/registry"
)

// evaluate judges a run on rows it never saw, and binds the candidate. A candidate that does not meet its bars is
// rejected here, and the cycle ends.
func (l *Loop) evaluate(ctx context.Context, w *work) (result, error) {
	in, err := input[prepared](w)
	if err != nil {
		return result{}, err
	}
	watch := l.startMeter()
	var ds *rondo.Dataset
	var run *rondo.Run
	if err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		if ds, err = tx.Records().Dataset(in.Dataset); err != nil {
			return err
		}
		run, err = tx.Records().Run(in.Run)
		return err
	}); err != nil {
		return result{}, err
	}
	req := evaluate.Request{Spec: w.spec(), HasChampion: w.champion != nil}
	if req.Use, req.Wear, err = l.wear(ctx, w, ds); err != nil {
		return result{}, err
	}
	ev, chosen, err := l.judge(ctx, w, ds, run, &req)
	if err != nil {
		return result{}, err
	}
	var reference []float64
	if len(ev.Metrics) > 0 { // not of rows that are worn out
		r, err := lossesOf(w.spec().Evaluate.Primary, req.Test, chosen.clip, chosen.spread)
		if err != nil {
			return result{}, err
		}
		reference = testDays(req.Test.Times, r)
	}
	ev.ID = rondo.EvaluationID(l.id("ev", w.step.Made, string(w.step.ID)))
	ev.Model, ev.Dataset, ev.Run = w.step.Model, ds.ID, run.ID
	v, err := registry.Bind(registry.Parts{Spec: w.model.Digest, Revision: w.model.Revision, Cycle: w.step.Cycle,
		Dataset: ds, Run: run, Evaluation: ev, Threshold: chosen.threshold, Loss: chosen.loss, Clip: chosen.clip, Spread: chosen.spread, Reference: reference})
	if err != nil {
		return result{}, err
	}
	v.Made = w.step.Made
	return l.judged(w, ev, v, l.entry(w, "evaluate", watch.spent()))
}

// use records that the test rows are looked at, before anybody sees what they say (S17). Rows that are worn out are not
// looked at, so that is no use of them.
func (l *Loop) use(ctx context.Context, w *work, ds *rondo.Dataset, req *evaluate.Request) error {
	if req.WornOut() != "" {
		return nil
	}
	return l.Store.Write(ctx, func(tx store.Tx) (err error) {
		req.Use, err = tx.Records().UseTestRows(w.step.Model, ds.Part(rondo.TestPart).Object, string(w.step.ID), req.Use)
		return err
	})
}

// validated is what validation rows decide about a version.
type validated struct {
	threshold *float64
	loss      float64  // mean
	clip      *float64 // nil for a bounded loss
	spread    []rondo.Spread
}

func (l *Loop) judge(ctx context.Context, w *work, ds *rondo.Dataset, run *rondo.Run, req *evaluate.Request) (*rondo.Evaluation, validated, error) {
	var chosen validated
	spec := w.spec()
	f, err := l.load(ctx, artefact{Artefact: run.Artefact, Transform: ds.Transform})
	if err != nil {
		return nil, chosen, err
	}
	scored := map[rondo.PartName]*evaluate.Scored{}
	for _, name := range []rondo.PartName{rondo.TrainPart, rondo.ValidationPart, rondo.TestPart} {
		m, err := l.part(ctx, ds, name)
		if err != nil {
			return nil, chosen, err
		}
		if scored[name], err = f.score(spec.Task.Kind, m); err != nil {
			return nil, chosen, err
		}
	}
	test, validation := scored[rondo.TestPart], scored[rondo.ValidationPart]
	if test == nil || validation == nil {
		return nil, chosen, rondo.Errorf(rondo.Invalid, "%w to judge a model with: %d for validation, %d for test; a longer window or larger shares help",
			rondo.ErrNoRows, rowsOf(validation), rowsOf(test))
	}
	if test.Table, err = l.table(ctx, ds, rondo.TestPart); err != nil {
		return nil, chosen, err
	}
	if chosen.threshold, err = evaluate.Threshold(spec.Decide, validation); err != nil {
		return nil, chosen, err
	}
	if chosen.threshold, err = evaluate.Steady(spec.Decide, chosen.threshold, validation); err != nil {
		return nil, chosen, err
	}
	losses, _, err := evaluate.Losses(spec.Evaluate.Primary, validation)
	if err != nil {
		return nil, chosen, err
	}
	req.Test, req.Train, req.Threshold = test, scored[rondo.TrainPart], chosen.threshold
	req.Noise = func(share float64, names ...string) (*evaluate.Scored, error) {
		m, err := l.part(ctx, ds, rondo.TestPart)
		if err != nil {
			return nil, err
		}
		s, err := f.score(spec.Task.Kind, l.noisy(m, share, names...))
		if err == nil {
			s.Table = test.Table
		}
		return s, err
	}
	if err := l.use(ctx, w, ds, req); err != nil {
		return nil, chosen, err
	}
	ev, err := evaluate.Judge(*req)
	if err != nil {
		return nil, chosen, err
	}
	chosen.loss, chosen.clip = *mean(losses), evaluate.Clip(spec.Evaluate.Primary, losses)
	chosen.spread, err = evaluate.Spread(spec.Evaluate.Primary, validation, chosen.clip)
	return ev, chosen, err
}

func rowsOf(s *evaluate.Scored) int {
	if s == nil {
		return 0
	}
	return s.Rows()
}

// candidate is the input of what follows an evaluation.
type candidate struct {
	Version rondo.VersionID `json:"version"`
}

func (l *Loop) judged(w *work, ev *rondo.Evaluation, v *rondo.Version, entry rondo.Entry) (result, error) {
	r := result{entries: []rondo.Entry{entry}}
	next, kind := candidate{}, "refit"
	switch {
	case w.spec().Train.Refit != rondo.RefitNone:
	case w.champion != nil && w.spec().Data.Time != nil:
		kind = "backtest"
	default:
		kind = "health"
	}
	r.write = func(tx store.Tx) error {
		if err := tx.Records().AddEvaluation(ev); err != nil {
			return err
		}
		if err := tx.Versions().Add(v); err != nil {
			return err
		}
		if ev.Verdict != rondo.Met {
			return nil // its cycle ends here
		}
		next.Version = v.ID
		s, err := l.step(w.step.Model, w.step.Cycle, kind, "", w.step.Made, next)
		if err != nil {
			return err
		}
		s.Due, s.Made = tx.Now(), tx.Now()
		return tx.Steps().Add(s)
	}
	if ev.Verdict == rondo.Met {
		return r, nil
	}
	d := l.decision(w, rondo.RefusedIt, "bars", barFacts(ev)...)
	if w.champion != nil {
		d.Alternatives = []string{"the champion " + string(w.champion.ID) + " goes on answering"}
	}
	r.decisions = []*rondo.Decision{d}
	r.end = &ending{outcome: rondo.RefusedIt}
	return r, nil
}

// barFacts are what a refusal is made of: every bar that was not met, with what was got.
func barFacts(ev *rondo.Evaluation) []rondo.Fact {
	var facts []rondo.Fact
	for _, b := range ev.Bars {
		if b.Verdict == rondo.Met || b.Verdict == rondo.NotAsked {
			continue
		}
		facts = append(facts, rondo.Textual("bar", b.Reason))
		if b.Got != nil {
			facts = append(facts, rondo.Numeric(b.Bar, b.Got.Value))
		}
	}
	return facts
}
