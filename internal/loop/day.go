package loop

import (
	"context"
	"fmt"
	"math"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/evaluate"
	"rondo.dev/rondo/internal/stage/monitor"
	"rondo.dev/rondo/internal/stage/retrain"
	"rondo.dev/rondo/internal/stage/rollout"
)

// maturity is how long after its end a day is first looked at; maxLate is how long it waits for missing labels, once
// every outcome of it could be known.
const (
	maturity    = 12 * time.Hour
	maxLate     = 48 * time.Hour
	mostLabels  = 0.95
	dayPostpone = 3 * time.Hour
)

// dayCursor says which days of a model have been closed: from First up to (not including) Next.
type dayCursor struct {
	First time.Time `json:"first"`
	Next  time.Time `json:"next"`
}

// dayState is what is kept of a closed day; control.Day reads it.
type dayState struct {
	monitor.Day
	Challenger *float64 `json:"challenger,omitempty"` // mean losses on the same rows
	Parent     *float64 `json:"parent,omitempty"`
	Probe      *float64 `json:"probe,omitempty"`
	Evidence   *proof   `json:"evidence,omitempty"` // of the trial, with this day
}

// proof is the log evidence of a trial; Bar decides.
type proof struct {
	Promote float64 `json:"promote"`
	Harm    float64 `json:"harm"`
	Bar     float64 `json:"bar"`
}

// states are what a model's days move on.
type states struct {
	cursor    *dayCursor
	trial     *trialState
	watch     *rollout.Watch
	regret    *retrain.State
	probe     *cheapState
	twin      *cheapState
	detector  *monitor.Watcher
	reference *firstReference
	cycle     *rondo.Cycle // the open one
	last      time.Time    // when the newest cycle that trained was started
	failed    bool         // that is the newest cycle, and it came to nothing
	money     money
	paused    bool
}

func (l *Loop) states(ctx context.Context, w *work) (*states, error) {
	s := &states{}
	model := w.step.Model
	err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		if s.cursor, err = value[dayCursor](tx, model, "days"); err != nil {
			return err
		}
		if s.trial, err = value[trialState](tx, model, trialValue); err != nil {
			return err
		}
		if s.watch, err = value[rollout.Watch](tx, model, watchValue); err != nil {
			return err
		}
		if s.regret, err = value[retrain.State](tx, model, regretValue); err != nil {
			return err
		}
		if s.probe, err = value[cheapState](tx, model, probeValue); err != nil {
			return err
		}
		if s.twin, err = value[cheapState](tx, model, twinValue); err != nil {
			return err
		}
		if s.detector, err = value[monitor.Watcher](tx, model, detectValue); err != nil {
			return err
		}
		if s.reference, err = value[firstReference](tx, model, referenceValue); err != nil {
			return err
		}
		return s.read(tx, w)
	})
	return s, err
}

// read takes what guards need.
func (s *states) read(tx store.Tx, w *work) error {
	cycles, err := tx.Cycles().List(w.step.Model, 20)
	if err != nil {
		return err
	}
	for i := range cycles {
		c := cycles[i]
		if c.Ended == nil {
			s.cycle = &c
		}
		if c.Cause != rondo.ByChange && c.Started.After(s.last) {
			s.last = c.Started
		}
		s.failed = c.Cause != rondo.ByChange && c.Outcome == rondo.Failed // of the newest
	}
	s.paused = w.newest.Paused
	s.money, err = moneyOf(tx, w.step.Model)
	return err
}

// day closes one day of a model, in numbered steps: join, wait if labels are missing, score, watch, try, count regret.
func (l *Loop) day(ctx context.Context, w *work) (result, error) {
	day, err := time.Parse(time.DateOnly, w.step.Name)
	if err != nil {
		return result{}, fmt.Errorf("day %q: %w", w.step.Name, err)
	}
	watch := l.startMeter()
	s, err := l.states(ctx, w)
	if err != nil {
		return result{}, err
	}
	if s.cursor == nil || !s.cursor.Next.Equal(day) || w.champion == nil {
		return result{}, nil // an old step of a day that was closed otherwise
	}
	// 1. The day's predictions with their outcomes.
	e, err := l.evidence(ctx, w, day, day.Add(oneDay))
	if err != nil {
		return result{}, err
	}
	// 2. A day is mature when its labels are in, or can no longer be expected.
	if until, immature := e.immature(l.Clock.Now(), day.Add(oneDay)); immature {
		return result{postpone: until}, nil
	}
	r := result{}
	if r.decisions, err = l.setAside(ctx, w, day); err != nil {
		return result{}, err
	}
	state := dayState{}
	// 3. Champion and everybody else on the same rows.
	losses, err := l.dayLosses(ctx, w, s, e)
	if err != nil {
		return result{}, err
	}
	state.Day = monitor.Summarise(e.kind, w.champion.ID, day, e.summary(w.spec(), threshold(w.champion), losses))
	state.Challenger, state.Parent, state.Probe = mean(losses.challenger), mean(losses.parent), mean(losses.probe)
	// 4. The monitor: an alarm opens at most one Decision, and explains.
	if err := l.watchQuality(ctx, w, s, state.Day, e, &r); err != nil {
		return result{}, err
	}
	// 5. The watch of a fresh champion: harm puts its parent back.
	if err := l.watchDay(w, s, day, losses, &r); err != nil {
		return result{}, err
	}
	// 6. The trial of a challenger.
	if err := l.trialStep(ctx, w, s, day, e, losses); err != nil {
		return result{}, err
	}
	if s.trial != nil && state.Challenger != nil {
		test := &s.trial.Trial.Test
		state.Evidence = &proof{Promote: test.LogPromote(), Harm: test.LogHarm(), Bar: -math.Log(test.Alpha)}
	}
	if s.trial != nil && s.trial.Verdict == rollout.Continue && !day.Before(s.trial.Fresh.Add(freshEvery)) {
		s.trial.Fresh = day
		step, err := l.step(w.step.Model, "", "freshen", w.step.Name, w.step.Made, tried{Version: s.trial.Trial.Challenger, From: s.trial.Trial.From})
		if err != nil {
			return result{}, err
		}
		r.next = append(r.next, step)
	}
	// 7. Regret, schedule and age.
	trigger, err := l.regretDay(w, s, day, e, losses, &r)
	if err != nil {
		return result{}, err
	}
	r.entries = append(r.entries, l.entry(w, "monitor", watch.spent()))
	s.cursor.Next = day.Add(oneDay)
	write := r.write
	r.write = func(tx store.Tx) error {
		if write != nil {
			if err := write(tx); err != nil {
				return err
			}
		}
		return l.keep(tx, w, s, day, state, trigger)
	}
	return r, nil
}

// keep writes what a closed day changed.
func (l *Loop) keep(tx store.Tx, w *work, s *states, day time.Time, state dayState, trigger rondo.Cause) error {
	model := w.step.Model
	if err := put(tx, model, dayPrefix+day.Format(time.DateOnly), state); err != nil {
		return err
	}
	if err := put(tx, model, "days", s.cursor); err != nil {
		return err
	}
	if s.detector != nil {
		if err := put(tx, model, detectValue, s.detector); err != nil {
			return err
		}
	}
	if s.regret != nil {
		if err := put(tx, model, regretValue, s.regret); err != nil {
			return err
		}
	}
	if s.watch != nil {
		if err := put(tx, model, watchValue, s.watch); err != nil {
			return err
		}
	}
	if s.trial != nil {
		if err := put(tx, model, trialValue, s.trial); err != nil {
			return err
		}
		if s.trial.Verdict != rollout.Continue {
			if err := tx.Steps().Wake(model, "shadow"); err != nil {
				return err
			}
		}
	}
	if trigger == "" {
		return nil
	}
	return l.startCycle(tx, model, trigger)
}

// dayLosses are per-row losses on the day's labelled rows; nil where nobody plays that part.
type dayLosses struct {
	champion, challenger, parent, probe, twin []float64
	own                                       rowLosses // the champion's
	champions, probes, twins, challengers     *evaluate.Scored
}

func (l *Loop) dayLosses(ctx context.Context, w *work, s *states, e *evidence) (d dayLosses, err error) {
	score := func(a artefact) (*evaluate.Scored, []float64, error) {
		f, err := l.load(ctx, a)
		if err != nil {
			return nil, nil, err
		}
		scored, err := e.score(f)
		if err != nil {
			return nil, nil, err
		}
		losses, _, err := evaluate.Losses(w.spec().Evaluate.Primary, scored)
		return scored, losses, err
	}
	if d.champions, d.champion, err = score(of(w.champion)); err != nil {
		return d, fmt.Errorf("champion %s: %w", w.champion.ID, err)
	}
	if d.own, err = lossesOf(w.spec().Evaluate.Primary, d.champions, w.champion.Clip, w.champion.Spread); err != nil {
		return d, err
	}
	if s.trial != nil && s.trial.Verdict == rollout.Continue {
		if d.challengers, d.challenger, err = score(s.trial.Artefacts); err != nil {
			return d, fmt.Errorf("challenger %s: %w", s.trial.Trial.Challenger, err)
		}
	}
	if s.watch != nil {
		parent, err := l.version(ctx, s.watch.Parent)
		if err != nil {
			return d, err
		}
		if _, d.parent, err = score(of(parent)); err != nil {
			return d, fmt.Errorf("parent %s: %w", parent.ID, err)
		}
	}
	if s.regret == nil || s.probe == nil || s.twin == nil {
		return d, nil
	}
	if d.probes, d.probe, err = score(s.probe.Artefacts); err != nil {
		return d, fmt.Errorf("probe: %w", err)
	}
	d.twins, d.twin, err = score(s.twin.Artefacts)
	return d, err
}

func mean(x []float64) *float64 {
	if len(x) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	sum /= float64(len(x))
	return &sum
}

// watchQuality counts the day in the detector; an alarm comes with a ranked table of what moved.
func (l *Loop) watchQuality(ctx context.Context, w *work, s *states, day monitor.Day, e *evidence, r *result) error {
	var err error
	switch {
	case s.detector == nil:
		s.detector, err = monitor.NewWatcher(w.spec(), w.champion.ID, s.first(w.champion))
	case s.detector.Version != w.champion.ID:
		s.detector, err = s.detector.Next(w.spec(), w.champion.ID, s.first(w.champion))
	}
	if err != nil {
		return err
	}
	alarm := s.detector.Add(day)
	if alarm == nil {
		return nil
	}
	d := l.decision(w, rondo.Alarmed, "quality", alarm.Numbers()...)
	d.Version = w.champion.ID
	moved, err := l.moved(ctx, w, e)
	if err != nil {
		return err
	}
	d.Numbers = append(d.Numbers, moved...)
	r.decisions = append(r.decisions, d)
	return nil
}

// watchDay looks for harm of a fresh champion; its parent takes over at the first sign (S21, S22).
func (l *Loop) watchDay(w *work, s *states, day time.Time, d dayLosses, r *result) error {
	if s.watch == nil || s.watch.Champion != w.champion.ID {
		return nil
	}
	verdict := s.watch.Day(day, d.parent, d.champion)
	if verdict == rollout.Continue {
		return nil
	}
	watch := s.watch
	s.watch = nil
	rule, outcome := "watch", rondo.Kept
	if verdict == rollout.Harm {
		outcome = rondo.RolledBack
	}
	decision := l.decision(w, outcome, rule, watch.Numbers()...)
	decision.Version = watch.Champion
	if outcome == rondo.RolledBack {
		decision.Version, decision.Replaced = watch.Parent, watch.Champion
	}
	r.decisions = append(r.decisions, decision)
	r.routed = true
	r.write = func(tx store.Tx) error {
		route := *w.route
		route.Parent = ""
		if err := forget(tx, w.step.Model, watchValue); err != nil {
			return err
		}
		if outcome == rondo.RolledBack {
			if err := rollBack(tx, watch.Champion, watch.Parent); err != nil {
				return err
			}
			route.Champion = watch.Parent
		}
		_, err := tx.Versions().SetRoute(route)
		return err
	}
	return nil
}

func rollBack(tx store.Tx, from, to rondo.VersionID) error {
	if err := tx.Versions().Move(from, rondo.Retired); err != nil {
		return err
	}
	return tx.Versions().Move(to, rondo.Champion)
}

// trialStep counts the day in the trial. Before a promotion the bars that name the champion are asked on all its rows.
func (l *Loop) trialStep(ctx context.Context, w *work, s *states, day time.Time, e *evidence, d dayLosses) error {
	if s.trial == nil || s.trial.Verdict != rollout.Continue || d.challengers == nil {
		return nil
	}
	if s.trial.Trial.Champion != w.champion.ID {
		s.trial.Verdict = rollout.TimeUp // it is about a version that answers no more; the shadow step says so
		return nil
	}
	if e.outsideShare() > retrain.MaxOutside {
		return nil // a day of bad rows decides nothing (D30)
	}
	s.trial.Verdict = s.trial.Trial.Day(day, d.champion, d.challenger)
	s.trial.Last = day
	if s.trial.Verdict != rollout.Promote {
		return nil
	}
	all, err := l.evidence(ctx, w, s.trial.Trial.From, day.Add(oneDay))
	if err != nil {
		return err
	}
	challenger, err := l.version(ctx, s.trial.Trial.Challenger)
	if err != nil {
		return err
	}
	scored := [2]*evaluate.Scored{}
	for i, v := range []*rondo.Version{w.champion, challenger} {
		f, err := l.load(ctx, of(v))
		if err != nil {
			return err
		}
		if scored[i], err = all.score(f); err != nil {
			return err
		}
		scored[i].Threshold = v.Threshold
	}
	s.trial.Looks++
	if s.trial.Bars, err = evaluate.ChampionBars(w.spec(), scored[0], scored[1], s.trial.Looks); err != nil {
		return err
	}
	for _, b := range s.trial.Bars {
		switch {
		case b.Verdict == rondo.NotMet:
			s.trial.Verdict = rollout.Harm
			return nil
		case b.Verdict != rondo.Met: // undecided does not promote (D13): the days to come are asked again, and held to more
			s.trial.Verdict = rollout.Continue
		}
	}
	return nil
}
