package loop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rondo.dev/rondo/internal/lib/fail"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// work is what a step sees: the step and a snapshot of what is declared and what is, taken when it was leased.
type work struct {
	step     store.Step
	model    store.Model // the revision the cycle pins, or the newest
	newest   store.Model
	cycle    *rondo.Cycle
	route    *store.Route
	champion *rondo.Version
	served   *rondo.Spec // what the champion was declared by: how logged rows are to be read
}

func (w *work) spec() *rondo.Spec { return w.model.Spec }

// result is what a step wants committed.
type result struct {
	write     func(tx store.Tx) error
	decisions []*rondo.Decision
	next      []store.Step
	entries   []rondo.Entry
	end       *ending
	postpone  time.Time // not zero: the step is not done, it waits until then
	output    any
	routed    bool   // the route was changed
	failed    string // not empty: the step ends as failed, for this reason
}

// ending ends the cycle.
type ending struct {
	outcome rondo.Outcome
	version rondo.VersionID
}

func (l *Loop) snapshot(ctx context.Context, step store.Step) (*work, error) {
	w := &work{step: step}
	err := l.Store.Read(ctx, func(tx store.Tx) error {
		newest, err := tx.Models().Get(step.Model)
		if err != nil {
			return err
		}
		w.newest, w.model = newest, newest
		if step.Cycle != "" {
			cycle, err := tx.Cycles().Get(step.Cycle)
			if err != nil {
				return err
			}
			w.cycle = &cycle
			if w.model, err = tx.Models().Revision(step.Model, cycle.Revision); err != nil {
				return err
			}
		}
		route, err := tx.Versions().Route(step.Model)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		w.route = &route
		if w.champion, err = tx.Versions().Get(route.Champion); err != nil {
			return err
		}
		answers, err := tx.Models().Revision(step.Model, w.champion.Revision)
		if err != nil {
			return err
		}
		w.served = answers.Spec
		if step.Cycle == "" { // days and probes speak of the champion
			w.model = answers
		}
		return nil
	})
	return w, err
}

// do is the list of what a step may be.
func (l *Loop) do(ctx context.Context, w *work) (result, error) {
	switch w.step.Kind {
	case "prepare":
		return l.prepare(ctx, w)
	case "train":
		return l.train(ctx, w)
	case "evaluate":
		return l.evaluate(ctx, w)
	case "backtest":
		return l.backtest(ctx, w)
	case "shadow":
		return l.shadow(ctx, w)
	case "refit":
		return l.refit(ctx, w)
	case "refit-train":
		return l.refitTrain(ctx, w)
	case "health":
		return l.health(ctx, w)
	case "canary":
		return l.canary(ctx, w)
	case "day":
		return l.day(ctx, w)
	case "freshen":
		return l.freshen(ctx, w)
	case "probe", "twin":
		return l.cheap(ctx, w)
	}
	return result{}, rondo.Errorf(rondo.Unsupported, "step kind %q is not known to this program", w.step.Kind)
}

// commit writes a step's value, decisions, money and next steps in one transaction, fenced by its attempt.
func (l *Loop) commit(ctx context.Context, w *work, r result) error {
	fail.At("loop/commit/" + w.step.Kind)
	output, err := json.Marshal(r.output)
	if err != nil {
		return fmt.Errorf("encode the output of %s: %w", w.step.ID, err)
	}
	again := false
	err = l.Store.Write(ctx, func(tx store.Tx) error {
		if err := tx.Steps().Fence(w.step.ID, w.step.Attempt); err != nil {
			return err
		}
		if again, err = w.moved(tx); again && (r.routed || w.step.Kind == "day") {
			return tx.Steps().Postpone(w.step.ID, w.step.Attempt, tx.Now(), output)
		}
		if again = false; err != nil {
			return err
		}
		if r.write != nil {
			if err := r.write(tx); err != nil {
				return err
			}
		}
		for _, d := range r.decisions {
			d.At = tx.Now()
			if err := tx.Decisions().Add(d); err != nil {
				return fmt.Errorf("decision %s: %w", d.Rule, err)
			}
		}
		if err := l.bookIn(tx, w.step, r.entries); err != nil {
			return err
		}
		for _, s := range r.next {
			if s.Due.IsZero() {
				s.Due = tx.Now()
			}
			s.Made = tx.Now()
			if err := tx.Steps().Add(s); err != nil {
				return fmt.Errorf("next step %s: %w", s.Kind, err)
			}
		}
		if r.end != nil && w.cycle != nil {
			if err := endVersions(tx, w.cycle, r.end.outcome); err != nil {
				return err
			}
			if err := tx.Cycles().End(w.cycle.ID, r.end.outcome, r.end.version); err != nil {
				return err
			}
		}
		if r.failed != "" {
			return tx.Steps().Fail(w.step.ID, w.step.Attempt, r.failed, store.StepFailed, time.Time{})
		}
		if !r.postpone.IsZero() {
			return tx.Steps().Postpone(w.step.ID, w.step.Attempt, r.postpone, output)
		}
		return tx.Steps().Finish(w.step.ID, w.step.Attempt, output)
	})
	if err != nil || again {
		return err
	}
	fail.At("loop/committed/" + w.step.Kind)
	for _, d := range r.decisions {
		l.report(Progress{Model: w.step.Model, Cycle: w.step.Cycle, Step: w.step.Kind, Decision: d})
	}
	if r.routed {
		l.setUntold(true)
		l.tellServing(ctx)
	}
	return nil
}

// endVersions gives the versions that a cycle leaves behind their end: rejected, or retired where what was proved of them
// was fitted once more and answers.
func endVersions(tx store.Tx, c *rondo.Cycle, outcome rondo.Outcome) error {
	to := rondo.Rejected
	if outcome == rondo.Promoted {
		to = rondo.Retired
	}
	versions, err := tx.Versions().List(c.Model)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if v.Cycle != c.ID || v.State != rondo.Candidate && v.State != rondo.Challenger {
			continue
		}
		if err := tx.Versions().Move(v.ID, to); err != nil {
			return err
		}
	}
	return nil
}

// moved says whether somebody has changed who answers since the snapshot: then what follows for the route, or for a
// champion's day, is thought again.
func (w *work) moved(tx store.Tx) (bool, error) {
	route, err := tx.Versions().Route(w.step.Model)
	if errors.Is(err, store.ErrNotFound) {
		return w.route != nil, nil
	}
	return err == nil && (w.route == nil || w.route.Generation != route.Generation), err
}

// tellServing lets serving renew its routes after they were changed. Where it cannot, its old ones go on answering and it
// is told again before the next step: nothing is done that was only decided.
func (l *Loop) tellServing(ctx context.Context) {
	l.mu.Lock()
	untold := l.untold
	l.mu.Unlock()
	if !untold || l.opt.RouteChanged == nil {
		return
	}
	if err := l.opt.RouteChanged(ctx); err != nil {
		l.Logger.Error("serving does not follow the routes", "error", err)
		return
	}
	l.setUntold(false)
}

func (l *Loop) setUntold(untold bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.untold = untold
}

func (l *Loop) report(p Progress) {
	if l.opt.Watch != nil {
		l.opt.Watch(p)
	}
}

// id names a thing by what made it, so a replay of the same step makes the same id.
func (l *Loop) id(prefix string, at time.Time, names ...string) string {
	return rondo.NewID(prefix, at, l.opt.Seed.Bytes(append([]string{prefix}, names...)...))
}

func (l *Loop) decision(w *work, outcome rondo.Outcome, rule string, numbers ...rondo.Fact) *rondo.Decision {
	return &rondo.Decision{
		ID:    rondo.DecisionID(l.id("dec", w.step.Made, string(w.step.ID), rule)),
		Model: w.step.Model, Cycle: w.step.Cycle, Step: w.step.ID, Outcome: outcome, Rule: rule, Numbers: numbers,
	}
}

// step makes the next step of a cycle, or, with an empty cycle, of the model.
func (l *Loop) step(model string, cycle rondo.CycleID, kind, name string, at time.Time, input any) (store.Step, error) {
	b, err := json.Marshal(input)
	if err != nil {
		return store.Step{}, fmt.Errorf("encode the input of %s: %w", kind, err)
	}
	return store.Step{
		ID: rondo.StepID(l.id("step", at, model, string(cycle), kind, name)), Model: model, Cycle: cycle, Kind: kind, Name: name, Input: b,
	}, nil
}

// then is the usual end of a step: its cycle goes on with one more.
func (l *Loop) then(w *work, r result, kind string, input any) (result, error) {
	return l.thenNamed(w, r, kind, "", input)
}

func (l *Loop) thenNamed(w *work, r result, kind, name string, input any) (result, error) {
	s, err := l.step(w.step.Model, w.step.Cycle, kind, name, w.step.Made, input)
	if err != nil {
		return result{}, err
	}
	r.next = append(r.next, s)
	return r, nil
}

func input[T any](w *work) (T, error) {
	var v T
	if err := json.Unmarshal(w.step.Input, &v); err != nil {
		return v, fmt.Errorf("input of step %s: %w", w.step.ID, err)
	}
	return v, nil
}

func value[T any](tx store.Tx, model, name string) (*T, error) {
	b, err := tx.Values().Get(model, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("state %s of %s: %w", name, model, err)
	}
	return v, nil
}

func put(tx store.Tx, model, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s of %s: %w", name, model, err)
	}
	return tx.Values().Put(model, name, b)
}

// forget deletes a state, if it is there.
func forget(tx store.Tx, model, name string) error {
	if err := tx.Values().Delete(model, name); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

func ordinal(n int) string { return strconv.Itoa(n) }
