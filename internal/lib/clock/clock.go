// Package clock tells the time: the wall's, or a virtual one that a backtest or demo moves by hand.
//
// Instants are UTC. Everything that decides anything takes its time from a Clock; only logs and the ledger's measured
// seconds know the wall. A virtual clock never runs by itself and never runs backwards.
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock tells the time and wakes who waits for an instant.
type Clock interface {
	Now() time.Time
	// Until blocks until the clock shows at least t, or ctx ends, and returns ctx's error then.
	Until(ctx context.Context, t time.Time) error
}

// Wall is the machine's clock.
type Wall struct{}

// Now is the machine's time in UTC, to the microsecond: what databases keep.
func (Wall) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Until waits for t on the machine's clock.
func (w Wall) Until(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Virtual is a clock that stands still until it is moved.
type Virtual struct {
	mu    sync.Mutex
	now   time.Time
	moved chan struct{} // closed and replaced at each move
}

// NewVirtual makes a clock that shows start.
func NewVirtual(start time.Time) *Virtual {
	return &Virtual{now: start.UTC(), moved: make(chan struct{})}
}

// Now is what the clock shows.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Set moves the clock forward to t; an earlier t changes nothing.
func (v *Virtual) Set(t time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !t.After(v.now) {
		return
	}
	v.now = t.UTC()
	close(v.moved)
	v.moved = make(chan struct{})
}

// Until waits until somebody has moved the clock to t or later.
func (v *Virtual) Until(ctx context.Context, t time.Time) error {
	for {
		v.mu.Lock()
		now, moved := v.now, v.moved
		v.mu.Unlock()
		if !now.Before(t) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Stopwatch measures how long something took on the machine's monotonic clock: for logs, progress and the ledger, never for a decision.
type Stopwatch struct{ start time.Time }

// Start starts a stopwatch.
func Start() Stopwatch { return Stopwatch{start: time.Now()} }

// Elapsed is the time since the start.
func (s Stopwatch) Elapsed() time.Duration { return time.Since(s.start) }
