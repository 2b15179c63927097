package serve

import (
	"context"
	"fmt"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/transform"
)

// replayTail brings an endpoint up to the end of the log: the whole tail that its windows can see the first time, what
// came since then the next time. What is older waits until somebody asks for it (recall.go, older.go).
func (s *Server) replayTail(ctx context.Context, e *Endpoint) error {
	q := predlog.Query{Model: e.name, From: e.read}
	if e.read == 0 {
		_, newest := s.log.Durable()
		q.FromAt = max(1, newest-e.set.Longest()-predlog.MaxBehind.Microseconds())
		e.older.before = q.FromAt
	}
	for r, err := range s.log.Scan(q) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = s.replay(e, &r)
		}
		if err != nil {
			return fmt.Errorf("read the log for %s: %w", e.name, err)
		}
		e.read = r.Next()
	}
	return nil
}

// replay does to an endpoint what the record did to the one that wrote it. A record of an older revision whose columns do
// not fit this one any more is passed over.
func (s *Server) replay(e *Endpoint, r *predlog.Record) error {
	switch r.Kind {
	case predlog.Prediction:
		keys, err := e.count(r, e.numbers)
		if err == nil {
			e.note(r, keys)
		}
		return e.passOver(r, err)
	case predlog.Event:
		keys, err := e.count(r, e.numbers)
		if err != nil {
			return e.passOver(r, err)
		}
		frame, err := e.withOutcome(r.Table, e.outcomeOf(r.Table))
		if err != nil {
			return e.passOver(r, err)
		}
		frame.Keys = keys
		e.remember(r)
		return e.learn(&facts{frame: frame, dead: make([]bool, len(frame.Bad))}, r.At, r.Next())
	case predlog.SetAside:
		e.remember(r)
		return nil
	case predlog.Feedback:
		e.remember(r)
		offsets, rows := r.Table.Column(predlog.FeedbackOffset), r.Table.Column(predlog.FeedbackRow)
		if offsets == nil || rows == nil {
			return fmt.Errorf("%w: feedback at offset %d", predlog.ErrCorrupt, r.Offset)
		}
		labels := Labels{IDs: make([]ID, r.Table.Rows()), Outcome: e.outcomeOf(r.Table)}
		for i := range labels.IDs {
			labels.IDs[i] = ID{uint64(offsets.Ints[i]), uint32(rows.Ints[i]), true}
		}
		if len(labels.Outcome.Names) == 0 {
			return nil
		}
		a, _, err := s.resolve(e, labels) // by id: it lacks nothing
		if err != nil || len(a.rows) == 0 {
			return err
		}
		f, err := e.told(a, labels.Outcome.Take(a.rows))
		if err != nil {
			return e.passOver(r, err)
		}
		return e.learn(f, r.At, r.Next())
	}
	return nil
}

func (e *Endpoint) remember(r *predlog.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen.put(r)
}

func (e *Endpoint) passOver(r *predlog.Record, err error) error {
	if err == nil || r.Revision != e.revision {
		return nil
	}
	return fmt.Errorf("record at offset %d: %w", r.Offset, err)
}

// count lets running numbers pass over a record's rows, as they did when it was written, and gives the rows' keys.
func (e *Endpoint) count(r *predlog.Record, numbers *transform.Numbers) ([]transform.Key, error) {
	base, err := e.rows.Base(r.Table)
	if err != nil {
		return nil, err
	}
	if e.rows.Numbered() {
		var kept *column.Vector
		if e.keepsNumber() {
			kept = r.Table.Column(e.spec.Data.Key.Number)
		}
		if kept != nil && kept.Type != column.Int64 {
			kept = nil
		}
		numbers.Seen(base, kept)
	}
	return e.rows.KeyOf(r.Table)
}
