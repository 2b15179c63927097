// Package loop is the conductor: it compares what is declared with what is, and takes the next step.
//
// Level-triggered: Reconcile looks at every model and adds the steps that are missing; a worker leases the oldest due
// step, does it, and commits its value, its Decision and the next step in one transaction that is refused when a later
// attempt exists. The process can be killed at any instant: the step is done again, and twice is the same as once, because
// a step's inputs are pinned when it is made (revision, instant, log offset), its seeds and ids come from its name, and
// its bytes are named by their hash.
//
// A cycle is the steps prepare, train, evaluate and then, for the first version, refit, refit-train, health; for a
// challenger backtest, shadow (which waits for days), refit, refit-train, canary. It ends in a Decision. Beside the cycle
// every model with a champion has one step a day (kind day): the day's labels are joined, the versions in play are
// scored on the same rows, and monitor, rollout and retrain say what follows. Kinds probe and twin fit the cheap models
// that regret is measured with.
package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/fail"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/seam/predict"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/cost"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/retrain"
	"rondo.dev/rondo/internal/stage/train"
	"rondo.dev/rondo/internal/transform"
)

// Parts are what the loop conducts.
type Parts struct {
	Store   store.Store
	Objects object.Store
	Data    *data.Preparer
	Train   *train.Trainer
	Runtime predict.Runtime
	Log     *predlog.Log
	Clock   clock.Clock
	Prices  cost.Prices
	Logger  *slog.Logger
}

// Options of a loop; zero is what a good engineer would choose.
type Options struct {
	Worker  string        // who leases; default "loop"
	Lease   time.Duration // default 1 minute, renewed at a quarter of it
	Seed    seed.Seed
	Threads int // of a trainer; default 2
	// RouteChanged is called after a commit that changed who answers; serving renews its route table then.
	RouteChanged func(ctx context.Context) error
	// Watch, when set, is told what is being done. It must return quickly.
	Watch func(Progress)
	// Around, when set, is called before the first step of a run of them, and what it returns when no more is due.
	Around func() (ended func())
}

// Progress is what a step is doing: Done of Total units, or a Decision that was just committed.
type Progress struct {
	Model       string
	Cycle       rondo.CycleID
	Step        string
	Done, Total int
	Note        string
	Decision    *rondo.Decision
}

// Loop conducts. Make it with New.
type Loop struct {
	Parts
	opt      Options
	wake     chan struct{}
	taken    atomic.Int64 // CPU time of steps in this process, for TakeSpent
	mu       sync.Mutex
	loaded   map[string]*fitted // by artefact and transform
	untold   bool               // serving has not followed the newest route yet
	programs map[rondo.DatasetID]*transform.Rows
}

// New makes a loop; Run or RunUntilIdle starts it.
func New(p Parts, opt Options) *Loop {
	if opt.Worker == "" {
		opt.Worker = "loop"
	}
	if opt.Lease == 0 {
		opt.Lease = time.Minute
	}
	if opt.Threads == 0 {
		opt.Threads = 2
	}
	if opt.Around == nil {
		opt.Around = func() func() { return func() {} }
	}
	return &Loop{Parts: p, opt: opt, wake: make(chan struct{}, 1), loaded: map[string]*fitted{}, programs: map[rondo.DatasetID]*transform.Rows{}}
}

// Wake makes a waiting Run look again.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// idlePoll bounds how long Run sleeps when nothing is due and nobody wakes it.
const idlePoll = 5 * time.Minute

// Run conducts until ctx ends. Nothing it started outlives it.
func (l *Loop) Run(ctx context.Context) error {
	for failures := 0; ctx.Err() == nil; {
		if err := l.RunUntilIdle(ctx); err != nil && ctx.Err() == nil {
			l.Logger.Error("loop", "error", err)
			if errors.Is(err, store.ErrBroken) {
				return err
			}
			l.sleep(ctx, l.Clock.Now().Add(l.patience(failures)))
			failures++
			continue
		}
		failures = 0
		next, err := l.nextDue(ctx)
		if err != nil {
			next = l.Clock.Now().Add(idlePoll)
		}
		l.sleep(ctx, next)
	}
	return nil
}

// patience is how long Run waits after so many errors in a row: from a second, doubled up to a minute, and up to half as
// much again, so that many of them do not come back together. Steps that are due do not shorten it: a full disk leaves them
// due.
func (l *Loop) patience(failures int) time.Duration {
	wait := min(time.Second<<min(failures, 6), time.Minute)
	return wait + time.Duration(l.opt.Seed.Uint64("patience", l.opt.Worker, strconv.Itoa(failures))%uint64(wait/2))
}

func (l *Loop) nextDue(ctx context.Context) (time.Time, error) {
	limit := l.Clock.Now().Add(idlePoll)
	var next time.Time
	err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		next, err = tx.Steps().NextDue()
		return err
	})
	if err == nil && next.After(limit) {
		next = limit
	}
	return next, err
}

func (l *Loop) sleep(ctx context.Context, until time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		select {
		case <-l.wake:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = l.Clock.Until(ctx, until) // its error is that it was woken, or that the loop ends
	cancel()
	<-woken
}

// RunUntilIdle conducts until nothing is due by the clock. A backtest and the demo move their clock between two calls.
func (l *Loop) RunUntilIdle(ctx context.Context) error {
	ended := func() {}
	defer func() { ended() }()
	for worked := false; ; worked = true {
		l.tellServing(ctx)
		if err := l.Reconcile(ctx); err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		var step store.Step
		err := l.Store.Write(ctx, func(tx store.Tx) (err error) {
			step, err = tx.Steps().Lease(l.opt.Worker, tx.Now().Add(l.opt.Lease))
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("lease a step: %w", err)
		}
		if !worked {
			ended = l.opt.Around()
		}
		if err := l.work(ctx, step); err != nil {
			return err
		}
	}
}

// work does one leased step. That a later attempt has it is no error: this one leaves no trace.
func (l *Loop) work(ctx context.Context, step store.Step) error {
	ctx, stop := l.heartbeat(ctx, step)
	defer stop()
	fail.At("loop/leased/" + step.Kind)
	err := l.attempt(ctx, step)
	if errors.Is(err, store.ErrLeaseLost) || err != nil && errors.Is(context.Cause(ctx), store.ErrLeaseLost) {
		l.Logger.Warn("a later attempt has this step", "step", step.ID, "attempt", step.Attempt)
		return nil
	}
	return err
}

// attempt does a step and commits what came of it, or that it failed.
func (l *Loop) attempt(ctx context.Context, step store.Step) error {
	w, err := l.snapshot(ctx, step)
	var refused *result
	if err == nil {
		refused, err = l.reserve(ctx, w)
	}
	var r result
	switch {
	case err != nil:
	case refused != nil:
		r = *refused
	default:
		r, err = l.do(ctx, w)
	}
	if err == nil {
		err = l.commit(ctx, w, r)
	}
	switch {
	case err == nil || errors.Is(err, store.ErrLeaseLost):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return l.failed(ctx, w, err)
}

// heartbeat renews the lease of this attempt alone while the step is being done, and ends ctx when it is lost.
func (l *Loop) heartbeat(ctx context.Context, step store.Step) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if l.Clock.Until(ctx, l.Clock.Now().Add(l.opt.Lease/4)) != nil {
				return
			}
			err := l.Store.Write(ctx, func(tx store.Tx) error {
				return tx.Steps().Renew(step.ID, step.Attempt, tx.Now().Add(l.opt.Lease))
			})
			if errors.Is(err, store.ErrLeaseLost) {
				cancel(err)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// maxFailures of infrastructure park a step: poison needs a person (I10).
const maxFailures = 3

// failed records an attempt that ended with an error. What a person has to mend ends the cycle; infrastructure is tried
// again later, and a third time parks the step. A cheap step beside the cycles is not parked: it is forgone for a while.
func (l *Loop) failed(ctx context.Context, w *work, cause error) error {
	kind := rondo.KindOf(cause)
	l.Logger.Warn("step", "step", w.step.ID, "kind", w.step.Kind, "model", w.step.Model, "attempt", w.step.Attempt, "error", cause)
	final := kind == rondo.Invalid || kind == rondo.Unsupported || kind == rondo.NotFound || kind == rondo.Refused || kind == rondo.OverBudget
	switch {
	case isCheap(w.step.Kind) && (final || w.step.Failures+1 >= maxFailures):
		return l.forgo(ctx, w, cause)
	case w.cycle != nil && final:
		d := l.decision(w, rondo.Failed, w.step.Kind, rondo.Textual("reason", cause.Error()))
		var feed *data.FeedError
		if errors.As(cause, &feed) {
			d = l.refusedFeed(w, feed)
		}
		if errors.Is(cause, rondo.ErrNoRows) {
			d.Rule = noRows
			d.Alternatives = []string{"it is tried again after " + l.Clock.Now().Add(retrain.Pause(w.newest.Spec)).Format(time.DateOnly) + ", when there may be more"}
		}
		return l.commit(ctx, w, result{decisions: []*rondo.Decision{d}, end: &ending{outcome: d.Outcome}, routed: w.route != nil, failed: cause.Error(),
			write: func(tx store.Tx) error { return l.endTrial(tx, w.step.Model) }})
	}
	return l.Store.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Ledger().Release(w.step.Model, string(w.step.ID)); err != nil {
			return err
		}
		state, retry := store.StepOpen, tx.Now()
		if w.step.Failures+1 >= maxFailures {
			state = store.StepParked
		} else {
			backoff := time.Minute << w.step.Failures
			jitter := time.Duration(l.opt.Seed.Uint64("retry", string(w.step.ID), fmt.Sprint(w.step.Attempt)) % uint64(backoff/2))
			retry = retry.Add(backoff + jitter)
		}
		return tx.Steps().Fail(w.step.ID, w.step.Attempt, cause.Error(), state, retry)
	})
}
