package loop

import (
	"fmt"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/cost"
	"rondo.dev/rondo/internal/stage/evaluate"
	"rondo.dev/rondo/internal/stage/retrain"
)

// regretDay counts what the day cost and, when a block of days is complete, decides whether to buy a new version. The
// returned cause, when there is one, starts a cycle with the day's commit.
func (l *Loop) regretDay(w *work, s *states, day time.Time, e *evidence, d dayLosses, r *result) (rondo.Cause, error) {
	spec := w.newest.Spec
	prices := l.predicted(spec, w.champion.Rows)
	in := retrain.Input{Now: l.Clock.Now(), LastRetrain: s.last, Failed: s.failed, TrainedTo: w.champion.Trained[1], Spent: s.money.trained,
		Left:      spec.Budget - s.money.spent - s.money.reserved,
		Price:     prices.Train.Add(prices.Evaluate).Add(prices.Shadow),
		OpenCycle: s.cycle != nil, Paused: s.paused, OutsideShare: e.outsideShare()}
	if choice, due := retrain.Scheduled(spec, in); due {
		return l.trigger(w, choice, r), nil
	}
	if spec.Retrain.When != rondo.WhenRegret || spec.Decide == nil {
		return "", nil
	}
	if s.regret == nil || s.regret.Champion != w.champion.ID {
		state, err := retrain.Begin(spec, w.champion.ID, prices)
		if err != nil {
			return "", err
		}
		s.regret = state
	}
	if s.cycle != nil {
		return "", nil // one cycle at a time: nothing to buy while a challenger is being tried
	}
	if !s.regret.Day(l.dayCost(w, s, day, e, d)) {
		return "", nil
	}
	choice := s.regret.Decide(spec, in)
	switch choice.Outcome {
	case rondo.Retraining:
		return l.trigger(w, choice, r), nil
	case rondo.Probed:
		step, err := l.step(w.step.Model, "", "probe", w.step.Name, w.step.Made, cheapInput{Version: w.champion.ID})
		if err != nil {
			return "", err
		}
		r.next = append(r.next, step)
	}
	decision := l.decision(w, choice.Outcome, choice.Rule, choice.Numbers...)
	decision.Version, decision.Alternatives = w.champion.ID, choice.Alternatives
	r.decisions = append(r.decisions, decision)
	return "", nil
}

func (l *Loop) trigger(w *work, choice retrain.Choice, r *result) rondo.Cause {
	decision := l.decision(w, choice.Outcome, choice.Rule, choice.Numbers...)
	decision.Version, decision.Alternatives = w.champion.ID, choice.Alternatives
	r.decisions = append(r.decisions, decision)
	return choice.Cause
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
func (l *Loop) predicted(spec *rondo.Spec, rows int) retrain.Prices {
	work := workOf(spec, rows)
	probe := work
	probe.Rows, probe.Trees = int(float64(work.Rows)*probeShare), max(1, work.Trees/probeTrees)
	price := func(kind cost.Kind, w cost.Work) rondo.Money { return l.Prices.Predict(kind, nil, w).Amount }
	return retrain.Prices{Train: price(cost.Training, work), Evaluate: price(cost.Evaluation, work),
		Shadow: price(cost.Shadow, work), Probe: price(cost.Training, probe)}
}

func workOf(spec *rondo.Spec, rows int) cost.Work {
	return cost.Work{Rows: rows, Trees: spec.Train.Trees, Outputs: 1, Features: max(1, len(spec.Data.Features))}
}

// startCycle adds a cycle of the newest revision with its first step. It is named after the one before it, so a replay
// starts the same cycle.
func (l *Loop) startCycle(tx store.Tx, model string, cause rondo.Cause) error {
	m, err := tx.Models().Get(model)
	if err != nil {
		return err
	}
	before, err := newestCycle(tx, model)
	if err != nil {
		return err
	}
	now := tx.Now()
	c := rondo.Cycle{ID: rondo.CycleID(l.id("cyc", now, model, string(before.ID))), Model: model, Cause: cause, Revision: m.Revision, Started: now}
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

// newestCycle is the zero value where none was started.
func newestCycle(tx store.Tx, model string) (c rondo.Cycle, err error) {
	newest, err := tx.Cycles().List(model, 1)
	if err == nil && len(newest) == 1 {
		c = newest[0]
	}
	return c, err
}

// StartCycle starts a cycle because a person asked, inside the caller's transaction.
func (l *Loop) StartCycle(tx store.Tx, model string) error {
	return l.startCycle(tx, model, rondo.ByPerson)
}
