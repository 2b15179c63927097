package sqlite

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// lateContext ends without waking anybody, after it was asked once.
type lateContext struct {
	context.Context
	asked bool
}

func (c *lateContext) Done() <-chan struct{} { return nil }

func (c *lateContext) Err() error {
	if c.asked {
		return context.Canceled
	}
	c.asked = true
	return nil
}

// The turn comes to one whose context has just ended: f does not run, and the group of the one before is committed.
func TestWhoIsLateStillDoesTheDuties(t *testing.T) {
	s := openInside(t, Options{})
	inside, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := s.Write(t.Context(), func(tx store.Tx) error {
			close(inside)
			<-leave
			return put("first")(tx)
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	all.Go(func() {
		err := s.Write(&lateContext{Context: t.Context()}, func(store.Tx) error { t.Error("f ran late"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	for !s.turn.wanted() {
		runtime.Gosched()
	}
	close(leave)
	all.Wait()
	if err := s.Write(t.Context(), put("next")); err != nil {
		t.Error(err)
	}
}

// A sync fails while others wait for the turn: they are refused too.
func TestWhoWaitedThroughAFailedSyncIsRefused(t *testing.T) {
	s := openInside(t, Options{})
	_, _ = s.turn.take(t.Context())
	refused := make(chan error, 1)
	go func() {
		refused <- s.Write(t.Context(), func(store.Tx) error { t.Error("f ran after a failed sync"); return nil })
	}()
	for !s.turn.wanted() {
		runtime.Gosched()
	}
	s.mu.Lock()
	s.broken = rondo.Errorf(rondo.Unavailable, "no sync")
	s.mu.Unlock()
	s.turn.release()
	if err := <-refused; rondo.KindOf(err) != rondo.Unavailable {
		t.Errorf("error %v", err)
	}
}
