package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/cost"
)

// endpointMeter books what this process spends outside the loop's steps: answering, feedback and events (D27). Several
// models share it evenly; while none answers, nothing is booked.
type endpointMeter struct {
	boot   string
	last   time.Duration // CPU time of the process when it was last booked
	booked int
}

// bookEvery is how often the endpoint's seconds are booked.
const bookEvery = time.Minute

func (a *App) startMeter() error {
	var chance [32]byte
	if _, err := rand.Read(chance[:]); err != nil {
		return fmt.Errorf("name this start: %w", err)
	}
	now, err := cost.ProcessCPU()
	a.meter = endpointMeter{boot: rondo.NewID("boot", clock.Wall{}.Now(), chance), last: now}
	return err
}

// meterEndpoint books until ctx ends.
func (a *App) meterEndpoint(ctx context.Context) error {
	for {
		if (clock.Wall{}).Until(ctx, clock.Wall{}.Now().Add(bookEvery)) != nil {
			return nil
		}
		if err := a.BookEndpoint(ctx); err != nil && ctx.Err() == nil {
			a.Logger.Warn("book the endpoint", "error", err)
		}
	}
}

// BookEndpoint books the endpoint's seconds since the last time.
func (a *App) BookEndpoint(ctx context.Context) error {
	a.meterMu.Lock()
	defer a.meterMu.Unlock()
	now, err := cost.ProcessCPU()
	if err != nil {
		return err
	}
	spent := cost.Idle(now-a.meter.last, a.Loop.TakeSpent())
	err = a.Store.Write(ctx, func(tx store.Tx) error {
		routes, err := tx.Versions().Routes()
		if err != nil || len(routes) == 0 {
			return err
		}
		for _, r := range routes {
			e := rondo.Entry{At: tx.Now(), Model: r.Model, Cause: "endpoint", Ref: fmt.Sprintf("%s/%d", a.meter.boot, a.meter.booked),
				CPU: spent / time.Duration(len(routes))}
			if _, err := a.Prices.Book(tx.Ledger(), tx.Values(), e); err != nil && !errors.Is(err, store.ErrExists) {
				return err
			}
		}
		return nil
	})
	if err == nil {
		a.meter.last = now
		a.meter.booked++
	}
	return err
}
