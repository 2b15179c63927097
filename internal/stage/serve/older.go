package serve

import (
	"context"
	"fmt"
	"slices"

	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/transform"
)

// recallKeys makes the idempotency keys known that are older than the tail, as many as are remembered.
func (s *Server) recallKeys(ctx context.Context, e *Endpoint) error {
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
func (e *Endpoint) number(frame *transform.Frame) error {
	if e.rows.Numbered() && !e.inTail(frame) {
		if err := e.older.rows.lacks(); err != nil {
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
