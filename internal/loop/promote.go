package loop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/registry"
	"rondo.dev/rondo/internal/stage/rollout"
)

// refitting is the input of refit-train: the proved version and the dataset of its refit.
type refitting struct {
	Version rondo.VersionID `json:"version"`
	Dataset rondo.DatasetID `json:"dataset"`
}

// refit prepares every matured row of the newest window. Before a trial this is the recipe that met its bars, with the
// third of the window that judging took; after it, what was proved is the recipe, and it is fitted once more, fresh (S22).
func (l *Loop) refit(ctx context.Context, w *work) (result, error) {
	in, err := input[candidate](w)
	if err != nil {
		return result{}, err
	}
	ds, entry, err := l.dataset(ctx, w, data.Request{Split: everything(w.spec())})
	if err != nil {
		return result{}, err
	}
	r := result{entries: []rondo.Entry{entry}, write: func(tx store.Tx) error { return tx.Records().AddDataset(ds) }}
	return l.thenNamed(w, r, "refit-train", w.step.Name, refitting{Version: in.Version, Dataset: ds.ID})
}

// afterTrial names the refit that follows a trial.
const afterTrial = "promotion"

// refitTrain fits the proved recipe to them, and binds the result to what proved it.
func (l *Loop) refitTrain(ctx context.Context, w *work) (result, error) {
	in, err := input[refitting](w)
	if err != nil {
		return result{}, err
	}
	var proved *rondo.Version
	var ev *rondo.Evaluation
	var ds *rondo.Dataset
	if err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		if proved, err = tx.Versions().Get(in.Version); err != nil {
			return err
		}
		if ds, err = tx.Records().Dataset(in.Dataset); err != nil {
			return err
		}
		ev, err = tx.Records().Evaluation(proved.Evaluation)
		return err
	}); err != nil {
		return result{}, err
	}
	run, entries, err := l.fitOn(ctx, w, ds, w.spec().Train, "")
	if err != nil {
		return result{}, err
	}
	v, err := registry.Bind(registry.Parts{Spec: w.model.Digest, Revision: w.model.Revision, Cycle: w.step.Cycle,
		Dataset: ds, Run: run, Evaluation: ev, RefitOf: proved, Threshold: proved.Threshold, Loss: proved.Loss, Clip: proved.Clip,
		Spread: proved.Spread, Reference: proved.Reference})
	if err != nil {
		return result{}, err
	}
	v.Made = w.step.Made
	kind := "health"
	switch {
	case w.champion == nil, w.spec().Data.Time == nil: // rows without time have no days to be tried on
	case w.step.Name == afterTrial:
		kind = "canary"
	default:
		kind = "backtest"
	}
	return result{entries: entries, write: func(tx store.Tx) error {
		if err := tx.Records().AddRun(run); err != nil {
			return err
		}
		if err := tx.Versions().Add(v); err != nil {
			return err
		}
		s, err := l.step(w.step.Model, w.step.Cycle, kind, "", w.step.Made, candidate{Version: v.ID})
		if err != nil {
			return err
		}
		s.Due, s.Made = tx.Now(), tx.Now()
		return tx.Steps().Add(s)
	}}, nil
}

// smokeRows is how many rows a version answers before anybody else may ask it.
const smokeRows = 1000

// smoke loads a version as serving would and lets it answer rows it was trained on: every answer must be finite, and the
// same alone as in a batch. An answer that is not so is rondo.Refused; any other error says nothing about the version.
func (l *Loop) smoke(ctx context.Context, v *rondo.Version) (int, error) {
	f, err := l.load(ctx, of(v))
	if err != nil {
		return 0, err
	}
	var ds *rondo.Dataset
	if err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		ds, err = tx.Records().Dataset(v.Dataset)
		return err
	}); err != nil {
		return 0, err
	}
	m, err := l.part(ctx, ds, rondo.TrainPart)
	if err != nil {
		return 0, fmt.Errorf("rows to smoke %s with: %w", v.ID, err)
	}
	if m == nil {
		return 0, rondo.Errorf(rondo.Refused, "version %s was fitted on no rows", v.ID)
	}
	rows, width, k := min(m.Rows, smokeRows), len(m.Features), f.model.Outputs()
	batch, single := make([]float64, rows*k), make([]float64, k)
	if err := f.model.Predict(m.Values[:rows*width], rows, batch); err != nil {
		return 0, err
	}
	for i := range rows {
		if err := f.model.Predict(m.Values[i*width:(i+1)*width], 1, single); err != nil {
			return 0, err
		}
		for j, x := range single {
			if math.IsNaN(x) || math.IsInf(x, 0) || math.Float64bits(x) != math.Float64bits(batch[i*k+j]) {
				return 0, rondo.Errorf(rondo.Refused, "version %s answers row %d with %v alone and %v in a batch", v.ID, i, x, batch[i*k+j])
			}
		}
	}
	return rows, nil
}

// health lets a version answer after its smoke test: the first one, which has nobody to beat, and that of a declaration
// without time, whose rows have no days to be tried on, so its bars are all there is.
func (l *Loop) health(ctx context.Context, w *work) (result, error) {
	in, err := input[candidate](w)
	if err != nil {
		return result{}, err
	}
	v, err := l.version(ctx, in.Version)
	if err != nil {
		return result{}, err
	}
	rows, err := l.smoke(ctx, v)
	if err != nil && rondo.KindOf(err) != rondo.Refused {
		return result{}, err
	}
	if err != nil {
		d := l.decision(w, rondo.RefusedIt, "health", rondo.Textual("reason", err.Error()))
		d.Version = v.ID
		return result{decisions: []*rondo.Decision{d}, end: &ending{outcome: rondo.RefusedIt}}, nil
	}
	rule := "first version"
	if w.champion != nil {
		rule = "bars"
	}
	return l.promoted(w, v, rule, nil, rondo.Numeric("rows answered in the smoke test", float64(rows)))
}

func (l *Loop) version(ctx context.Context, id rondo.VersionID) (v *rondo.Version, err error) {
	err = l.Store.Read(ctx, func(tx store.Tx) error {
		v, err = tx.Versions().Get(id)
		return err
	})
	return v, err
}

// canarying is where a canary stands.
type canarying struct {
	Stage int       `json:"stage"`
	From  time.Time `json:"from"`
}

// canaryStage is how long each share of traffic is kept, and canaryLeast how many answers it must have given by then.
const (
	canaryStage = 24 * time.Hour
	canaryLeast = 20
)

// canary gives the refitted challenger a growing share of keys. Quality was decided in shadow; here only health is.
func (l *Loop) canary(ctx context.Context, w *work) (result, error) {
	in, err := input[candidate](w)
	if err != nil {
		return result{}, err
	}
	v, err := l.version(ctx, in.Version)
	if err != nil {
		return result{}, err
	}
	name := "canary/" + string(w.step.Cycle)
	var state *canarying
	var trial *trialState
	if err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		if state, err = value[canarying](tx, w.step.Model, name); err != nil {
			return err
		}
		trial, err = value[trialState](tx, w.step.Model, trialValue)
		return err
	}); err != nil {
		return result{}, err
	}
	if w.champion == nil || trial == nil || trial.Trial.Champion != w.champion.ID {
		return l.outdated(w, v.ID), nil
	}
	now := l.Clock.Now()
	if state == nil {
		if _, err := l.smoke(ctx, v); rondo.KindOf(err) == rondo.Refused {
			return l.unhealthy(w, v, err)
		} else if err != nil {
			return result{}, err
		}
		return l.canaryStage(w, v, name, canarying{From: now}), nil
	}
	health, err := l.canaryHealth(ctx, w.step.Model, v.ID, state.From, now)
	if err != nil {
		return result{}, err
	}
	if err := health.Check(canaryLeast); err == rollout.ErrNoAnswers && now.Before(state.From.Add(7*canaryStage)) {
		return result{postpone: now.Add(canaryStage / 4)}, nil
	} else if err != nil && err != rollout.ErrNoAnswers {
		return l.unhealthy(w, v, err)
	}
	if state.Stage+1 < len(w.spec().Deploy.Canary) {
		return l.canaryStage(w, v, name, canarying{Stage: state.Stage + 1, From: now}), nil
	}
	return l.promoted(w, v, string(trial.Trial.Proof), trial, rondo.Numeric("rows answered in the canary", float64(health.Answered)))
}

func (l *Loop) canaryStage(w *work, v *rondo.Version, name string, state canarying) result {
	shares := w.spec().Deploy.Canary
	share := 0.05
	if state.Stage < len(shares) {
		share = shares[state.Stage]
	}
	return result{postpone: state.From.Add(canaryStage), routed: true, write: func(tx store.Tx) error {
		route := *w.route
		route.Challenger, route.Share, route.Salt = v.ID, share, rollout.Salt(w.step.Cycle)
		if _, err := tx.Versions().SetRoute(route); err != nil {
			return err
		}
		return put(tx, w.step.Model, name, state)
	}}
}

func (l *Loop) unhealthy(w *work, v *rondo.Version, cause error) (result, error) {
	d := l.decision(w, rondo.RefusedIt, "health", rondo.Textual("reason", cause.Error()))
	d.Version = v.ID
	d.Alternatives = []string{"the champion " + string(w.champion.ID) + " goes on answering"}
	return result{decisions: []*rondo.Decision{d}, end: &ending{outcome: rondo.RefusedIt}, routed: true,
		write: func(tx store.Tx) error { return l.endTrial(tx, w.step.Model) }}, nil
}

// promoted makes v the champion: state, route and Decision in one commit, with the regret and watch that follow.
func (l *Loop) promoted(w *work, v *rondo.Version, rule string, trial *trialState, numbers ...rondo.Fact) (result, error) {
	d := l.decision(w, rondo.Promoted, rule, numbers...)
	d.Version = v.ID
	if trial != nil {
		d.Numbers = append(trial.Trial.Numbers(), d.Numbers...)
	}
	if w.champion != nil {
		d.Replaced = w.champion.ID
		d.Alternatives = []string{"keep " + string(w.champion.ID)}
	}
	r := result{decisions: []*rondo.Decision{d}, end: &ending{outcome: rondo.Promoted, version: v.ID}, routed: true}
	r.write = func(tx store.Tx) error {
		route := store.Route{Model: w.step.Model, Champion: v.ID}
		if w.champion != nil {
			if err := tx.Versions().Move(w.champion.ID, rondo.Retired); err != nil {
				return err
			}
		}
		if err := tx.Versions().Move(v.ID, rondo.Champion); err != nil {
			return err
		}
		if err := forget(tx, w.step.Model, probeValue); err != nil {
			return err
		}
		if err := forget(tx, w.step.Model, regretValue); err != nil {
			return err
		}
		if trial != nil && v.RefitOf != "" {
			watch, err := rollout.BeginWatch(w.spec(), v.ID, v.RefitOf, trial.Trial.Known(), tx.Now())
			if err != nil {
				return err
			}
			route.Parent = v.RefitOf
			if err := put(tx, w.step.Model, watchValue, watch); err != nil {
				return err
			}
		}
		if trial != nil {
			if err := put(tx, w.step.Model, referenceValue, firstReference{Version: v.ID, Days: trial.Reference}); err != nil {
				return err
			}
		}
		if err := l.endTrial(tx, w.step.Model); err != nil {
			return err
		}
		_, err := tx.Versions().SetRoute(route)
		return err
	}
	return r, nil
}

// endTrial forgets the trial, so that the next one starts from nothing, and takes the challenger out of the route.
func (l *Loop) endTrial(tx store.Tx, model string) error {
	if err := forget(tx, model, trialValue); err != nil {
		return err
	}
	route, err := tx.Versions().Route(model)
	if errors.Is(err, store.ErrNotFound) || err == nil && route.Challenger == "" {
		return nil
	}
	if err != nil {
		return err
	}
	route.Challenger, route.Share, route.Salt = "", 0, ""
	_, err = tx.Versions().SetRoute(route)
	return err
}

// outdated ends a cycle whose challenger was tried against a version that answers no more: what it proved is about that one.
func (l *Loop) outdated(w *work, challenger rondo.VersionID) result {
	d := l.decision(w, rondo.Kept, "another champion")
	d.Version = challenger
	return result{decisions: []*rondo.Decision{d}, end: &ending{outcome: rondo.Kept}, routed: true,
		write: func(tx store.Tx) error { return l.endTrial(tx, w.step.Model) }}
}
