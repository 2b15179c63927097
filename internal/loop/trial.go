package loop

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/monitor"
	"rondo.dev/rondo/internal/stage/rollout"
	"rondo.dev/rondo/stat"
)

// Names of the states that a model's days move on.
const (
	trialValue  = "trial"
	watchValue  = "watch"
	regretValue = "regret"
	probeValue  = "probe"
	twinValue   = "twin"
	detectValue = "detector"
	dayPrefix   = "day/"
)

const oneDay = 24 * time.Hour

// trialState is a trial between days.
type trialState struct {
	Trial     *rollout.Trial    `json:"trial"`
	Past      []float64         `json:"past"`
	Reference []float64         `json:"reference,omitempty"` // daily excess losses of the recipe on the past days (S14)
	Verdict   rollout.Verdict   `json:"verdict"`
	Bars      []rondo.BarResult `json:"bars,omitempty"`  // bars that name the champion, judged on the rows of the trial (S20)
	Looks     int               `json:"looks,omitempty"` // how often they were
	Last      time.Time         `json:"last"`            // the newest day counted
	Artefacts artefact          `json:"artefacts"`       // of the recipe as it was last fitted
	Fresh     time.Time         `json:"fresh"`           // when that was
}

// backtestOrigins are how many times the recipe is fitted on older windows, to see how its daily difference to the
// champion moves on days that neither saw: the scale of the trial. backtestShare of the rows are used; fewer rows make
// the scale wider, never narrower.
const (
	backtestOrigins = 2
	backtestShare   = 0.25
)

// backtest waits for enough out-of-time days of the champion, measures the scale on them, and begins the trial.
func (l *Loop) backtest(ctx context.Context, w *work) (result, error) {
	in, err := input[shadowed](w)
	if err != nil {
		return result{}, err
	}
	if w.champion == nil {
		return result{}, rondo.Errorf(rondo.Conflict, "the champion of %s is gone", w.step.Model)
	}
	if in.Bound == nil {
		in.Bound, in.Begun = w.champion.Clip, 1
	}
	days, next, err := l.servedDays(ctx, w)
	if err != nil {
		return result{}, err
	}
	if have := len(days); have < stat.MinPast {
		until := next.Add(time.Duration(stat.MinPast-have)*oneDay + maturity)
		return result{postpone: later(until, l.Clock.Now().Add(time.Hour))}, nil
	}
	v, err := l.version(ctx, in.Version)
	if err != nil {
		return result{}, err
	}
	past, reference, entries, err := l.pastDays(ctx, w, v, days[len(days)-stat.MinPast:])
	if err != nil {
		return result{}, err
	}
	scale := rollout.Measure(past, in.Bound, in.Begun)
	if len(scale.Past) < stat.MinPast { // labels were taken back since
		return result{postpone: l.Clock.Now().Add(oneDay), entries: entries}, nil
	}
	proof := rondo.Better
	if w.cycle.Cause != rondo.ByChange && w.cycle.Cause != rondo.ByPerson {
		proof = w.spec().Deploy.Prove
	}
	now := l.Clock.Now()
	trial, err := rollout.Begin(w.spec(), proof, w.champion.ID, v.ID, scale, now.Add(oneDay))
	if err != nil {
		return result{}, err
	}
	if !in.AtMost.IsZero() {
		trial.AtMost = in.AtMost
	}
	d := l.decision(w, rondo.Started, "shadow",
		rondo.Numeric("past days", float64(len(scale.Past))), rondo.Numeric("margin", trial.Test.Margin),
		rondo.Numeric("deviation of a day", trial.Test.Deviation()), rondo.Textual("at most until", trial.AtMost.Format(time.DateOnly)))
	if trial.Clip != nil {
		d.Numbers = append(d.Numbers, rondo.Numeric("clipped beyond", trial.Clip.Bound))
	}
	d.Version = v.ID
	r := result{entries: entries, decisions: []*rondo.Decision{d}, write: func(tx store.Tx) error {
		if v.State != rondo.Challenger { // it is one when its trial begins again
			if err := tx.Versions().Move(v.ID, rondo.Challenger); err != nil {
				return err
			}
		}
		return put(tx, w.step.Model, trialValue, trialState{Trial: trial, Past: scale.Past, Reference: monitor.Reference(reference), Verdict: rollout.Continue, Artefacts: of(v), Fresh: trial.From})
	}}
	s, err := l.step(w.step.Model, w.step.Cycle, "shadow", w.step.Name, w.step.Made, candidate{Version: v.ID})
	if err != nil {
		return result{}, err
	}
	s.Due = trial.AtMost.Add(2*oneDay + maturity) // the days wake it earlier; this is the last instant
	r.next = append(r.next, s)
	return r, nil
}

// shadowed is the input of backtest: the candidate, and what an earlier trial of it left when it begins again.
type shadowed struct {
	Version rondo.VersionID `json:"version"`
	Bound   *float64        `json:"bound,omitempty"` // nil: the champion's
	Begun   int             `json:"begun,omitempty"`
	AtMost  time.Time       `json:"atMost,omitzero"`
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// freshEvery is how often the recipe in shadow is fitted anew: what is to be proved is the recipe, not the model of the day
// on which the trial began (S22), and the scale was measured on models as old as this at most. Each day's model is there
// before the day's labels, which is all that the test needs.
const freshEvery = stat.MinPast / backtestOrigins * oneDay

// tried names one beginning of a trial: a clipped one begins again with the same version.
type tried struct {
	Version rondo.VersionID `json:"version"`
	From    time.Time       `json:"from"`
}

// goesOn says whether that trial is the one in force.
func (t tried) goesOn(state *trialState) bool {
	return state != nil && state.Trial.Challenger == t.Version && state.Trial.From.Equal(t.From)
}

// freshen fits the recipe in shadow on the newest window, for the days of the trial to come.
func (l *Loop) freshen(ctx context.Context, w *work) (result, error) {
	in, err := input[tried](w)
	if err != nil {
		return result{}, err
	}
	ds, entry, err := l.dataset(ctx, w, data.Request{Split: everything(w.spec()), Lean: true})
	if err != nil {
		return result{}, err
	}
	run, entries, err := l.fitOn(ctx, w, ds, w.spec().Train, "")
	if err != nil {
		return result{}, err
	}
	entry.Cause = "shadow"
	return result{entries: append(entries, entry), write: func(tx store.Tx) error {
		state, err := value[trialState](tx, w.step.Model, trialValue)
		if err != nil || !in.goesOn(state) {
			return err // the trial has ended meanwhile, or begun again
		}
		state.Artefacts = artefact{Artefact: run.Artefact, Transform: ds.Transform}
		return put(tx, w.step.Model, trialValue, state)
	}}, nil
}

// servedDays are the whole days since the champion's training for which matured answers are in the log.
// Those without labels say nothing about a difference, and are left out; next is the day to be closed next.
func (l *Loop) servedDays(ctx context.Context, w *work) (days []time.Time, next time.Time, err error) {
	err = l.Store.Read(ctx, func(tx store.Tx) error {
		cursor, err := value[dayCursor](tx, w.step.Model, "days")
		if err != nil {
			return err
		}
		if cursor == nil { // the champion is of today
			next = tx.Now().Truncate(oneDay)
			return nil
		}
		next = cursor.Next
		from := later(cursor.First, w.champion.Trained[1].Truncate(oneDay).Add(oneDay))
		closed, err := tx.Values().Range(w.step.Model, dayPrefix+from.Format(time.DateOnly), dayPrefix+next.Format(time.DateOnly))
		if err != nil {
			return err
		}
		for _, v := range closed {
			var state dayState
			if err := json.Unmarshal(v.Value, &state); err != nil {
				return fmt.Errorf("state %s of %s: %w", v.Name, w.step.Model, err)
			}
			if state.Labelled > 0 {
				days = append(days, state.Day.Day)
			}
		}
		return nil
	})
	return days, next, err
}

// pastDays are champion and recipe on those days, the recipe fitted on rows before each origin (rolling-origin backtest).
// The margin is a share of the champion's loss on them. Its loss on validation will not do: three days there are easier or
// harder than the weeks of a trial by a quarter. The recipe's days are a reference of what it turns into.
func (l *Loop) pastDays(ctx context.Context, w *work, v *rondo.Version, days []time.Time) (past []rollout.Pair, reference []monitor.Day, entries []rondo.Entry, err error) {
	champion, err := l.load(ctx, of(w.champion))
	if err != nil {
		return nil, nil, nil, err
	}
	for o := range backtestOrigins {
		part := days[o*len(days)/backtestOrigins : (o+1)*len(days)/backtestOrigins]
		fresh, spent, err := l.recipeAt(ctx, w, o, part[0])
		if err != nil {
			return nil, nil, nil, fmt.Errorf("backtest at %s: %w", part[0].Format(time.DateOnly), err)
		}
		entries = append(entries, spent...)
		for _, day := range part {
			e, err := l.evidence(ctx, w, day, day.Add(oneDay))
			if err != nil {
				return nil, nil, nil, err
			}
			var pair rollout.Pair
			if pair.Champion, err = e.losses(w.spec(), champion); err != nil {
				return nil, nil, nil, err
			}
			scored, err := e.score(fresh)
			if err != nil {
				return nil, nil, nil, err
			}
			r, err := lossesOf(w.spec().Evaluate.Primary, scored, v.Clip, v.Spread)
			if err != nil {
				return nil, nil, nil, err
			}
			pair.Challenger = r.losses
			past, reference = append(past, pair), append(reference, r.day(day))
		}
	}
	return past, reference, entries, nil
}

// recipeAt fits the recipe, lean, on what was known at an origin.
func (l *Loop) recipeAt(ctx context.Context, w *work, o int, origin time.Time) (*fitted, []rondo.Entry, error) {
	ds, entry, err := l.dataset(ctx, w, data.Request{Now: origin, Split: everything(w.spec()), Sample: backtestShare, Lean: true})
	if err != nil {
		return nil, nil, err
	}
	run, spent, err := l.fitOn(ctx, w, ds, w.spec().Train, "origin-"+ordinal(o))
	if err != nil {
		return nil, nil, err
	}
	entry.Cause, entry.Ref = "backtest", entry.Ref+"/"+ordinal(o)
	fresh, err := l.load(ctx, artefact{Artefact: run.Artefact, Transform: ds.Transform})
	return fresh, append(spent, entry), err
}

// shadow ends a trial that the days have decided. Woken early or late it waits, or times out.
func (l *Loop) shadow(ctx context.Context, w *work) (result, error) {
	in, err := input[candidate](w)
	if err != nil {
		return result{}, err
	}
	var state *trialState
	if err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		state, err = value[trialState](tx, w.step.Model, trialValue)
		return err
	}); err != nil {
		return result{}, err
	}
	if state == nil {
		return result{}, rondo.Errorf(rondo.Conflict, "the trial of %s is gone", in.Version)
	}
	if w.champion == nil || state.Trial.Champion != w.champion.ID {
		return l.outdated(w, in.Version), nil
	}
	now := l.Clock.Now()
	if state.Verdict == rollout.Continue {
		if now.Before(state.Trial.AtMost.Add(2 * oneDay)) {
			return result{postpone: state.Trial.AtMost.Add(2*oneDay + maturity)}, nil
		}
		state.Verdict = rollout.TimeUp
	}
	if state.Verdict == rollout.Promote {
		if w.spec().Train.Refit == rondo.RefitPromotion {
			return l.thenNamed(w, result{}, "refit", afterTrial, in)
		}
		return l.then(w, result{}, "canary", in)
	}
	if again := now.Add(oneDay); state.Verdict == rollout.Clipped && !again.Add(7*oneDay).After(state.Trial.AtMost) {
		return l.beginAgain(w, state)
	}
	outcome, rule := rondo.RefusedIt, "harm"
	switch state.Verdict {
	case rollout.TimeUp:
		outcome, rule = rondo.Kept, "inconclusive"
	case rollout.Clipped: // and no whole week is left
		outcome, rule = rondo.Kept, "clipped"
	}
	d := l.decision(w, outcome, rule, state.Trial.Numbers()...)
	d.Version = in.Version
	d.Alternatives = []string{"the champion " + string(w.champion.ID) + " goes on answering"}
	for _, b := range state.Bars {
		d.Numbers = append(d.Numbers, rondo.Textual(string(b.Verdict), b.Reason))
	}
	return result{decisions: []*rondo.Decision{d}, end: &ending{outcome: outcome}, write: func(tx store.Tx) error {
		return l.endTrial(tx, w.step.Model)
	}}, nil
}

// beginAgain ends a trial of which too many rows were clipped: what it saw is no verdict. It begins again with a wider bound
// and rows to come, within the time that the first was given (S2).
func (l *Loop) beginAgain(w *work, state *trialState) (result, error) {
	trial := state.Trial
	wider := trial.Clip.Wider(trial.Rows)
	d := l.decision(w, rondo.Kept, "clipped", trial.Numbers()...)
	d.Version = trial.Challenger
	d.Alternatives = []string{fmt.Sprintf("the trial begins again with rows to come, clipped beyond %.4g", wider)}
	r := result{decisions: []*rondo.Decision{d}, write: func(tx store.Tx) error { return forget(tx, w.step.Model, trialValue) }}
	begun := trial.Clip.Begun + 1
	return l.thenNamed(w, r, "backtest", ordinal(begun), shadowed{Version: trial.Challenger, Bound: &wider, Begun: begun, AtMost: trial.AtMost})
}
