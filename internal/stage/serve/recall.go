package serve

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"rondo.dev/rondo/internal/rondo"
)

// A start reads the tail of the log that history needs. What is older is read when a request first asks for something that
// the tail does not have, from the newest to the oldest record, until the limits are reached: it costs the start nothing.
// Requests that have to know it wait meanwhile, outside the endpoint's gate; the others do not. On the demo's log (288 MB,
// five months, 7 to 14 other processes on 2 cores) a start was ready in 0.7 s, the keys took 0.6 s more, the rows 2.8 s.
//
// older is what is not read yet of an endpoint's log: records that arrived before the tail.
type older struct {
	before int64 // arrival of the tail's first record at the earliest
	keys   recalled
	rows   recalled
}

// recalled is something that is read once, for all who wait for it; what fails is read again for the next who asks.
type recalled struct {
	read  func(context.Context) error
	whole atomic.Bool // it was read
	mu    sync.Mutex
	now   *reading // nil: nobody reads
}

// reading is one attempt. It ends with the endpoint, not with a caller.
type reading struct {
	ended chan struct{}
	err   error // when ended is closed
}

// lacking is the error of a request that has to know what is not read yet.
type lacking struct{ of *recalled }

func (*lacking) Error() string { return "what is older than the log's tail is not read yet" }

// lacks is nil when what is older was read.
func (r *recalled) lacks() error {
	if r.whole.Load() {
		return nil
	}
	return &lacking{r}
}

// within lets f work with the model's route. Where f lacks what is older it is run again, from the start, when that is
// read: nobody holds the gate meanwhile, so a successor may have taken over.
func (s *Server) within(ctx context.Context, model string, f func(*Route) error) error {
	for {
		e, err := s.once(model, f)
		what, again := errors.AsType[*lacking](err)
		if !again {
			return err
		}
		if err := s.recall(ctx, e, what.of); err != nil {
			return err
		}
	}
}

func (s *Server) once(model string, f func(*Route) error) (*Endpoint, error) {
	held, route, err := s.enter(model)
	if err != nil {
		return nil, err
	}
	defer held.release()
	defer route.Endpoint.leave()
	return route.Endpoint, f(route)
}

// recall returns when it has been read, or when the endpoint has a successor.
func (s *Server) recall(ctx context.Context, e *Endpoint, r *recalled) error {
	now := s.reading(e, r)
	select {
	case <-now.ended:
	case <-ctx.Done():
		return fmt.Errorf("wait for the log: %w", context.Cause(ctx))
	}
	switch {
	case now.err == nil:
		return nil
	case s.life.Err() != nil:
		return rondo.Errorf(rondo.Unavailable, "the server ends")
	case e.life.Err() != nil:
		return nil
	}
	return now.err
}

// reading is the attempt that goes on, or a new one.
func (s *Server) reading(e *Endpoint, r *recalled) *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != nil {
		return r.now
	}
	now := &reading{ended: make(chan struct{})}
	if r.whole.Load() {
		close(now.ended)
		return now
	}
	s.readers.Lock()
	defer s.readers.Unlock()
	if now.err = s.life.Err(); now.err != nil { // Close waits for nobody new
		close(now.ended)
		return now
	}
	r.now = now
	s.reads.Go(func() {
		defer func() {
			if p := recover(); p != nil { // in a request's own goroutine the door would have caught it
				now.err = fmt.Errorf("read the log of %s: %v", e.name, p)
				s.opt.Logger.Error("reading the log panicked", "model", e.name, "panic", p, "stack", string(debug.Stack()))
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.whole.Store(now.err == nil)
			r.now = nil
			close(now.ended)
		}()
		now.err = r.read(e.life)
	})
	return now
}

// Close ends what is read of the log, and waits for it. The requests have ended before.
func (s *Server) Close() error {
	s.readers.Lock()
	s.end()
	s.readers.Unlock()
	s.reads.Wait()
	return nil
}
