package serve

import (
	"context"
	"fmt"
	"slices"

	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/transform"
)

// A start reads the tail of the log that history needs. What is older is read when a request first asks for something that
// the tail does not have, from the newest to the oldest record, until the limits are reached: it costs the start nothing.
// Requests that have to know it wait meanwhile; the others do not. On the demo's log (288 MB, five months, 7 to 14 other
// processes on 2 cores) a start was ready in 0.7 s, the keys took 0.6 s more, the rows 2.8 s.
//
// older is what is not read yet of an endpoint's log: records that arrived before the tail.
type older struct {
	before int64 // arrival of the tail's first record at the earliest
	keys   recalled
	rows   recalled
}

// recalled is something that is read once. turn holds the one token of who may read; it is closed when that is done.
type recalled struct{ turn chan struct{} }

func newRecalled() recalled {
	r := recalled{make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r
}

// once returns when read has been done, by the caller or by another.
func (r *recalled) once(ctx context.Context, read func() error) error {
	select {
	case _, mine := <-r.turn:
		if !mine {
			return nil
		}
	case <-ctx.Done():
		return fmt.Errorf("wait for the log: %w", context.Cause(ctx))
	}
	if err := read(); err != nil {
		r.turn <- struct{}{} // the next one tries
		return err
	}
	close(r.turn)
	return nil
}

// recallKeys makes the idempotency keys known that are older than the tail, as many as are remembered.
func (s *Server) recallKeys(ctx context.Context, e *Endpoint) error {
	return e.older.keys.once(ctx, func() error {
		e.mu.Lock()
		room := e.seen.limit - len(e.seen.order)
		e.mu.Unlock()
		found := map[asked]bool{}
		var records []predlog.Record
		for r, err := range s.log.Back(predlog.Query{Model: e.name, ToAt: e.older.before, Bare: true}) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("recall the keys of %s: %w", e.name, err)
			}
			if len(records) >= room {
				break
			}
			if r.Key != "" && !found[askedBy(&r)] {
				found[askedBy(&r)] = true
				records = append(records, r)
			}
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.seen.before(records)
		return nil
	})
}

// before makes records known that are older than all that is known, the newest first.
func (m *memory) before(records []predlog.Record) {
	var order []asked
	for i := range records {
		r := &records[i]
		a := askedBy(r)
		if _, ok := m.at[a]; !ok && len(m.order)+len(order) < m.limit {
			m.at[a] = remembered{r.Kind, r.Offset}
			order = append(order, a)
		}
	}
	slices.Reverse(order)
	m.order = append(order, m.order...) // next is 0 as long as there is room
}

// recallRows makes the predictions known that feedback may name by key, and the running numbers, that are older than the
// tail.
func (s *Server) recallRows(ctx context.Context, e *Endpoint) error {
	return e.older.rows.once(ctx, func() error {
		e.mu.Lock()
		keys := e.open.room()
		e.mu.Unlock()
		found := make(map[rowhash.Key]place)
		numbers := transform.NewNumbers(0)
		q := predlog.Query{Model: e.name, Kinds: []predlog.Kind{predlog.Prediction, predlog.Event}, ToAt: e.older.before}
		for r, err := range s.log.Back(q) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("recall the rows of %s: %w", e.name, err)
			}
			counted := !e.rows.Numbered() || e.numbers.Used()+numbers.Used() >= e.open.limit
			if counted && len(found) >= keys {
				break
			}
			of, err := e.count(&r, numbers)
			if err = e.passOver(&r, err); err != nil {
				return err
			}
			if r.Kind != predlog.Prediction {
				continue
			}
			for i, key := range slices.Backward(of) {
				if _, ok := found[key]; !ok && len(found) < keys {
					found[key] = place{r.Offset, uint32(i)}
				}
			}
		}
		e.numbers.Before(numbers, e.keepsNumber())
		e.mu.Lock()
		defer e.mu.Unlock()
		e.open.before(found)
		return nil
	})
}

// room is how many older keys there is room for.
func (o *openKeys) room() int {
	if o.older != nil {
		return 0
	}
	return max(1, o.limit/2)
}

// before makes keys known that are older than all that is known.
func (o *openKeys) before(found map[rowhash.Key]place) {
	if o.older == nil { // else it has filled meanwhile
		o.older = found
	}
}

// number gives rows their running numbers. Where equal keys are of equal times, the tail has all that can be equal to a
// row of a later time; other rows wait for what is older.
func (s *Server) number(ctx context.Context, e *Endpoint, frame *transform.Frame) error {
	if e.rows.Numbered() && !e.inTail(frame) {
		if err := s.recallRows(ctx, e); err != nil {
			return err
		}
	}
	return e.rows.Number(frame, e.numbers)
}

// inTail says whether no row equal in its key can be older than the tail. A row arrives MaxAhead before its time at the
// earliest.
func (e *Endpoint) inTail(frame *transform.Frame) bool {
	key, clock := e.spec.Data.Key, e.spec.Data.Time
	if clock == nil || key != nil && !slices.Contains(key.Columns, clock.Column) {
		return e.older.before <= 1
	}
	for _, t := range frame.Time {
		if t < e.older.before+predlog.MaxAhead.Microseconds() {
			return e.older.before <= 1
		}
	}
	return true
}

// keepsNumber says whether a row's running number stands in its record.
func (e *Endpoint) keepsNumber() bool { return e.spec.Data.Key != nil && e.spec.Data.Key.Number != "" }
