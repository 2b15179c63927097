package loop

import (
	"context"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/cost"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/evaluate"
	"rondo.dev/rondo/internal/stage/retrain"
)

// The probe recipe: a quarter of the rows and a third of the trees (statistics.md 3.4).
const (
	probeShare = 0.25
	probeTrees = 3
)

// cheapState is a probe or a twin in force: what scores, and the newest row it was fitted on.
type cheapState struct {
	Artefacts artefact        `json:"artefacts"`
	To        time.Time       `json:"to"`
	Version   rondo.VersionID `json:"version"` // the champion it was fitted under
}

// cheapInput is what a probe or twin is fitted for. A twin names the champion's dataset; a probe takes the newest window.
type cheapInput struct {
	Version rondo.VersionID `json:"version"`
	Dataset rondo.DatasetID `json:"dataset,omitempty"`
}

// cheap fits the probe recipe: the probe on the newest window, the twin on the champion's own.
func (l *Loop) cheap(ctx context.Context, w *work) (result, error) {
	in, err := input[cheapInput](w)
	if err != nil {
		return result{}, err
	}
	q := data.Request{Split: everything(w.spec()), Sample: probeShare, Lean: true}
	name := probeValue
	if w.step.Kind == "twin" {
		name = twinValue
		if q.Now, err = l.asOf(ctx, in.Dataset); err != nil {
			return result{}, err
		}
	}
	ds, entry, err := l.dataset(ctx, w, q)
	if err != nil {
		return result{}, err
	}
	params := w.spec().Train
	params.Trees = max(1, params.Trees/probeTrees)
	run, entries, err := l.fitOn(ctx, w, ds, params, "")
	if err != nil {
		return result{}, err
	}
	state := cheapState{Artefacts: artefact{Artefact: run.Artefact, Transform: ds.Transform}, To: ds.To, Version: in.Version}
	entry.Cause = w.step.Kind
	return result{entries: append(entries, entry), write: func(tx store.Tx) error {
		return put(tx, w.step.Model, name, state)
	}}, nil
}

// asOf is the instant a dataset was taken at, so that its window can be taken again.
func (l *Loop) asOf(ctx context.Context, id rondo.DatasetID) (at time.Time, err error) {
	err = l.Store.Read(ctx, func(tx store.Tx) error {
		ds, err := tx.Records().Dataset(id)
		if err == nil {
			at = ds.AsOf
		}
		return err
	})
	return at, err
}

// regretDay counts what the day cost and, when a block of days is complete, decides whether to buy a new version. The
// returned cycle, when there is one, is started with the day's commit.
func (l *Loop) regretDay(w *work, s *states, day time.Time, e *evidence, d dayLosses, r *result) (*rondo.Cycle, error) {
	spec := w.newest.Spec
	prices := l.predicted(spec, w.champion)
	in := retrain.Input{Now: l.Clock.Now(), LastRetrain: s.last, TrainedTo: w.champion.Trained[1], Spent: s.spent,
		Price:     prices.Train.Add(prices.Evaluate).Add(prices.Shadow),
		OpenCycle: s.cycle != nil, Paused: s.paused, OutsideShare: e.outsideShare()}
	if choice, due := retrain.Scheduled(spec, in); due {
		return l.trigger(w, choice, r)
	}
	if spec.Retrain.When != rondo.WhenRegret || spec.Decide == nil {
		return nil, nil
	}
	if s.regret == nil || s.regret.Champion != w.champion.ID {
		state, err := retrain.Begin(spec, w.champion.ID, prices)
		if err != nil {
			return nil, err
		}
		s.regret = state
	}
	if s.cycle != nil {
		return nil, nil // one cycle at a time: nothing to buy while a challenger is being tried
	}
	if !s.regret.Day(l.dayCost(w, s, day, e, d)) {
		return nil, nil
	}
	choice := s.regret.Decide(spec, in)
	switch choice.Outcome {
	case rondo.Retraining:
		return l.trigger(w, choice, r)
	case rondo.Probed:
		step, err := l.step(w.step.Model, "", "probe", w.step.Name, w.step.Made, cheapInput{Version: w.champion.ID})
		if err != nil {
			return nil, err
		}
		r.next = append(r.next, step)
	}
	decision := l.decision(w, choice.Outcome, choice.Rule, choice.Numbers...)
	decision.Version, decision.Alternatives = w.champion.ID, choice.Alternatives
	r.decisions = append(r.decisions, decision)
	return nil, nil
}

func (l *Loop) trigger(w *work, choice retrain.Choice, r *result) (*rondo.Cycle, error) {
	decision := l.decision(w, choice.Outcome, choice.Rule, choice.Numbers...)
	decision.Version, decision.Alternatives = w.champion.ID, choice.Alternatives
	r.decisions = append(r.decisions, decision)
	return &rondo.Cycle{Model: w.step.Model, Cause: choice.Cause, Revision: w.newest.Revision}, nil
}

// dayCost prices a day's decisions in dollars: champion on all rows; probe and twin only on days later than the probe.
func (l *Loop) dayCost(w *work, s *states, day time.Time, e *evidence, d dayLosses) retrain.DayCost {
	decide := w.newest.Spec.Decide
	price := func(scored *evaluate.Scored) (float64, []float64) {
		money, rows := evaluate.Cost(decide, threshold(w.champion), scored)
		return money.Dollars(), rows
	}
	c := retrain.DayCost{Rows: e.rows, Outside: e.outside}
	c.Champion, _ = price(d.champions)
	if d.probes == nil || d.twins == nil || s.probe.Version != w.champion.ID || !day.After(s.probe.To) {
		return c
	}
	var probe, twin []float64
	c.Compared, c.ChampionCompared = true, c.Champion
	c.Probe, probe = price(d.probes)
	if s.twin.Version != w.champion.ID { // of a champion that was put aside: it says nothing of this one
		c.Twin = c.Probe
		return c
	}
	c.Twin, twin = price(d.twins)
	c.TwinLessProbe = retrain.Parted(twin, probe)
	return c
}

func threshold(v *rondo.Version) float64 {
	if v.Threshold == nil {
		return 0.5
	}
	return *v.Threshold
}

// predicted are the prices of the next purchase: from the declaration and the champion's rows alone, so that a decision
// does not depend on how busy the machine was.
func (l *Loop) predicted(spec *rondo.Spec, champion *rondo.Version) retrain.Prices {
	work := cost.Work{Rows: champion.Rows, Trees: spec.Train.Trees, Outputs: 1, Features: max(1, len(spec.Data.Features))}
	probe := work
	probe.Rows, probe.Trees = int(float64(work.Rows)*probeShare), max(1, work.Trees/probeTrees)
	price := func(kind cost.Kind, w cost.Work) rondo.Money { return l.Prices.Predict(kind, nil, w).Amount }
	return retrain.Prices{Train: price(cost.Training, work), Evaluate: price(cost.Evaluation, work),
		Shadow: price(cost.Shadow, work), Probe: price(cost.Training, probe)}
}

// startCycle adds a cycle with its first step. Its ordinal is its name, so a replay starts the same cycle.
func (l *Loop) startCycle(tx store.Tx, c rondo.Cycle) error {
	earlier, err := tx.Cycles().List(c.Model, 0)
	if err != nil {
		return err
	}
	now := tx.Now()
	c.ID = rondo.CycleID(l.id("cyc", now, c.Model, ordinal(len(earlier)+1)))
	c.Started = now
	if err := tx.Cycles().Add(c); err != nil {
		return fmt.Errorf("start a cycle of %s: %w", c.Model, err)
	}
	s, err := l.step(c.Model, c.ID, "prepare", "", now, struct{}{})
	if err != nil {
		return err
	}
	s.Due, s.Made = now, now
	return tx.Steps().Add(s)
}

// StartCycle starts a cycle because a person asked, inside the caller's transaction.
func (l *Loop) StartCycle(tx store.Tx, model string, revision int) error {
	return l.startCycle(tx, rondo.Cycle{Model: model, Cause: rondo.ByPerson, Revision: revision})
}
