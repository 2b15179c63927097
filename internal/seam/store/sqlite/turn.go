package sqlite

import (
	"context"
	"slices"
	"sync"
)

// turn is a lock whose holder can see whether somebody waits. First come, first served. Zero is free.
type turn struct {
	mu      sync.Mutex
	held    bool
	waiting []chan struct{}
}

// take waits for the turn. held false comes with ctx's error; held true with an error means that ctx ended at the moment
// when the turn came: its duties are the caller's all the same.
func (t *turn) take(ctx context.Context) (held bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	t.mu.Lock()
	if !t.held {
		t.held = true
		t.mu.Unlock()
		return true, nil
	}
	mine := make(chan struct{})
	t.waiting = append(t.waiting, mine)
	t.mu.Unlock()

	select {
	case <-mine:
		return true, ctx.Err()
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, mine)
	if i < 0 {
		return true, ctx.Err()
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return false, ctx.Err()
}

// handOver gives the turn to the first who waits, if anybody does.
func (t *turn) handOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next()
}

// release hands the turn over, or frees it.
func (t *turn) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = t.next()
}

func (t *turn) next() bool {
	if len(t.waiting) == 0 {
		return false
	}
	close(t.waiting[0])
	t.waiting = slices.Delete(t.waiting, 0, 1)
	return true
}

// wanted says whether somebody waits.
func (t *turn) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting) > 0
}
