package app

import (
	"context"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// An object that no row names goes when it was put longer than sweepAge ago, which is more than a step takes from its first
// object to its commit, and was found so by two looks a day apart: a clock that jumps between a look and the removal takes
// nothing that a step has put meanwhile.
const (
	sweepEvery = 24 * time.Hour
	sweepAge   = 7 * 24 * time.Hour
)

// sweep looks at the objects once a day until ctx ends. Where the caller moves the clock, the caller sweeps.
func (a *App) sweep(ctx context.Context) error {
	for a.Clock.Until(ctx, a.Clock.Now().Add(sweepEvery)) == nil {
		removed, err := a.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			a.Logger.Warn("sweep the objects", "error", err)
		case removed > 0:
			a.Logger.Info("objects swept", "removed", removed)
		}
	}
	return nil
}

// Sweep removes the objects that no row names, that are old, and that the look before found so too. Not for concurrent use.
func (a *App) Sweep(ctx context.Context) (removed int, err error) {
	var named map[rondo.Digest]bool
	err = a.Store.Read(ctx, func(tx store.Tx) error {
		named, err = tx.Digests()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("what the rows name: %w", err)
	}
	before := a.unnamed
	a.unnamed = map[rondo.Digest]bool{}
	return a.Objects.Sweep(ctx, func(d rondo.Digest) bool {
		if named[d] {
			return true
		}
		a.unnamed[d] = true
		return !before[d]
	}, sweepAge)
}
