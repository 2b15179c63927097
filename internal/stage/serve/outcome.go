package serve

import (
	"context"
	"errors"
	"fmt"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// Events takes rows with their outcomes that nobody asked about: facts for history and for training (D16). rows have the
// request's columns and either the target or columns it is derived from.
func (s *Server) Events(ctx context.Context, model string, rows *column.Table, meta Meta) (receipt *Receipt, err error) {
	err = s.within(ctx, model, func(route *Route) error {
		receipt, err = s.happened(ctx, route, rows, meta)
		return err
	})
	return receipt, err
}

// happened is Events on one endpoint.
func (s *Server) happened(ctx context.Context, route *Route, rows *column.Table, meta Meta) (*Receipt, error) {
	e := route.Endpoint
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	before, done, err := s.claim(ctx, e, predlog.Event, meta)
	defer done()
	if err != nil || before != nil {
		return s.receipt(before, err)
	}
	raw, err := e.complete(rows, s.clk.Now().UnixMicro())
	if err != nil {
		return nil, err
	}
	outcome := e.outcomeOf(raw)
	if len(outcome.Names) == 0 {
		return nil, &rondo.Error{Kind: rondo.Invalid, Field: e.target, Message: "an event is a row with its outcome: send this column, or those it is derived from"}
	}
	frame, err := e.withOutcome(raw, outcome)
	if err != nil {
		return nil, err
	}
	if err := notAhead(frame, s.clk.Now().UnixMicro()); err != nil {
		return nil, err
	}
	if reason, err := route.badFeed(frame); err != nil || reason != "" {
		return nil, s.setAside(e, raw, reason, meta, err)
	}
	if err := e.number(frame); err != nil {
		return nil, err
	}
	offset, err := e.addHistory(frame, true)
	if err != nil {
		return nil, err
	}
	t := e.kept(frame.Table)
	for c, name := range outcome.Names {
		t.Set(name, outcome.Columns[c])
	}
	r := predlog.Record{Kind: predlog.Event, Model: e.name, Revision: e.revision, History: offset, Key: meta.Key, Sender: meta.Sender, Table: t}
	facts := facts{frame: frame, dead: make([]bool, len(frame.Bad))}
	if err := s.durably(e, &r, &facts); err != nil {
		return nil, err
	}
	s.counted.events.Add(uint64(len(frame.Bad)))
	return &Receipt{Accepted: len(frame.Bad)}, nil
}

// receipt answers what was said before as it was answered then.
func (s *Server) receipt(before *remembered, err error) (*Receipt, error) {
	if err != nil {
		return nil, err
	}
	r, err := s.log.At(before.offset)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the recorded answer: %w", err)
	case r.Kind == predlog.SetAside:
		return nil, refusedFeed(r.Table.Column(predlog.ReasonColumn).Text(0))
	}
	return &Receipt{Accepted: r.Table.Rows(), Repeated: true}, nil
}

// Feedback takes outcomes of predictions. What it says is durable when it returns; labels of predictions that are not
// there are listed as refused, and when none is left the request is rondo.NotFound. Said again it changes nothing; said
// differently the later word counts; a missing target takes the outcome back.
func (s *Server) Feedback(ctx context.Context, model string, labels Labels, meta Meta) (receipt *Receipt, err error) {
	err = s.within(ctx, model, func(route *Route) error {
		receipt, err = s.feedback(ctx, route.Endpoint, labels, meta)
		return err
	})
	return receipt, err
}

// feedback is Feedback on one endpoint.
func (s *Server) feedback(ctx context.Context, e *Endpoint, labels Labels, meta Meta) (*Receipt, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("feedback: %w", err)
	}
	before, done, err := s.claim(ctx, e, predlog.Feedback, meta)
	defer done()
	if err != nil || before != nil {
		return s.receipt(before, err)
	}
	about, receipt, err := s.resolve(e, labels)
	if err != nil {
		return nil, err
	}
	if len(about.rows) == 0 {
		if len(receipt.Refused) > 0 {
			return nil, &rondo.Error{Kind: rondo.NotFound, Field: fmt.Sprintf("labels[%d]", receipt.Refused[0].Index), Message: receipt.Refused[0].Reason}
		}
		return receipt, nil
	}
	outcome := labels.Outcome
	if len(receipt.Refused) > 0 {
		outcome = outcome.Take(about.rows)
	}
	t := &column.Table{}
	offsets, rows := column.New(column.Int64, len(about.refs)), column.New(column.Int64, len(about.refs))
	for i, ref := range about.refs {
		offsets.Ints[i], rows.Ints[i] = int64(about.offsets[ref.table]), int64(ref.row)
	}
	t.Set(predlog.FeedbackOffset, offsets)
	t.Set(predlog.FeedbackRow, rows)
	for c, name := range outcome.Names {
		t.Set(name, outcome.Columns[c])
	}
	facts, err := e.told(about, outcome)
	if err != nil {
		return nil, err
	}
	r := predlog.Record{Kind: predlog.Feedback, Model: e.name, Revision: e.revision, Key: meta.Key, Sender: meta.Sender, Table: t}
	if err := s.durably(e, &r, facts); err != nil {
		return nil, err
	}
	s.counted.feedback.Add(uint64(len(about.rows)))
	receipt.Accepted = len(about.rows)
	return receipt, nil
}

// about is which rows of which records labels are about.
type about struct {
	rows    []int32 // of the labels
	refs    []ref   // into tables
	offsets []uint64
	records []known
}

// resolve finds the predictions that labels are about.
func (s *Server) resolve(e *Endpoint, labels Labels) (*about, *Receipt, error) {
	n := labels.Outcome.Rows()
	var keys []transform.Key
	if labels.Keys != nil {
		var err error
		if keys, err = e.rows.KeyOf(labels.Keys); err != nil {
			return nil, nil, err
		}
	}
	a, receipt, at := &about{}, &Receipt{}, map[uint64]int{}
	for i := range n {
		var where place
		switch {
		case i < len(labels.IDs) && labels.IDs[i].Logged:
			where = place{labels.IDs[i].Offset, labels.IDs[i].Row}
		case keys == nil:
			receipt.Refused = append(receipt.Refused, Refusal{i, "names no prediction: send an id or a key"})
			continue
		default:
			found, ok, err := e.named(keys[i])
			if err != nil {
				return nil, nil, err
			}
			if !ok {
				receipt.Refused = append(receipt.Refused, Refusal{i, "no open prediction has this key"})
				continue
			}
			where = found
		}
		table, ok := at[where.offset]
		if !ok {
			record, err := s.predicted(e, where.offset)
			if err != nil {
				reason, known := refusal(err)
				if !known {
					return nil, nil, err
				}
				receipt.Refused = append(receipt.Refused, Refusal{i, reason})
				continue
			}
			table = len(a.records)
			at[where.offset] = table
			a.records = append(a.records, record)
			a.offsets = append(a.offsets, where.offset)
		}
		if int64(where.row) >= int64(a.records[table].table.Rows()) {
			receipt.Refused = append(receipt.Refused, Refusal{i, "no such prediction"})
			continue
		}
		a.rows = append(a.rows, int32(i))
		a.refs = append(a.refs, ref{table, where.row})
	}
	return a, receipt, nil
}

// named is the prediction of a key.
func (e *Endpoint) named(key transform.Key) (where place, ok bool, err error) {
	for range 2 { // in the tail, then in what is older
		e.mu.Lock()
		where, ok = e.open.find(key)
		e.mu.Unlock()
		if ok {
			break
		}
		if err = e.older.rows.lacks(); err != nil {
			break
		}
	}
	return where, ok, err
}

func refusal(err error) (reason string, ok bool) {
	switch {
	case errors.Is(err, predlog.ErrLost):
		return "lost: the prediction was not on the disk when the server ended", true
	case errors.Is(err, predlog.ErrNotFound):
		return "no such prediction", true
	}
	return "", false
}

// predicted is a prediction's record.
func (s *Server) predicted(e *Endpoint, offset uint64) (known, error) {
	e.mu.Lock()
	k, ok := e.recent.at[offset]
	e.mu.Unlock()
	if ok {
		return k, nil
	}
	r, err := s.log.At(offset)
	if err != nil {
		return known{}, err
	}
	if r.Kind != predlog.Prediction || r.Model != e.name {
		return known{}, fmt.Errorf("offset %d: %w", offset, predlog.ErrNotFound)
	}
	k = known{r.At, r.Table}
	if r.Table.Rows() >= keepInCache {
		e.mu.Lock()
		e.recent.put(offset, k)
		e.mu.Unlock()
	}
	return k, nil
}

// durably brings a record and its facts into log and history, in the order of the log. It does not give up when the
// caller does: what is in the log has to be in history.
func (s *Server) durably(e *Endpoint, r *predlog.Record, f *facts) error {
	e.order.Lock()
	pending, err := s.log.Begin(r)
	if err != nil {
		e.order.Unlock()
		return err
	}
	before, mine := e.tail, make(chan struct{})
	e.tail = mine
	e.order.Unlock()
	defer close(mine)
	err = pending.Wait()
	<-before
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.seen.put(r)
	e.mu.Unlock()
	return e.learn(f, r.At, r.Next())
}

// facts are prepared rows with outcomes, on their way into history. dead rows are no facts, whatever they say.
type facts struct {
	frame *transform.Frame
	dead  []bool
}

// fact says whether row i may be one.
func (f *facts) fact(i int) bool { return !f.dead[i] && f.frame.Bad[i] < 0 }

// learn adds facts that arrived at an instant to history, which then forgets what is too old. A row without a target takes
// back what its key said before.
func (e *Endpoint) learn(f *facts, arrived int64, offset uint64) error {
	if len(e.set.Names()) == 0 || f.frame.Time == nil {
		return nil
	}
	target := f.frame.Table.Column(e.target)
	var rows []int32
	var back []transform.Key
	for i := range f.frame.Bad {
		switch {
		case !f.fact(i):
		case target == nil || target.IsNull(i):
			back = append(back, f.frame.Keys[i])
		default:
			rows = append(rows, int32(i))
		}
	}
	if len(back) > 0 {
		e.live.Retract(back, offset)
	}
	out := history.Facts{Table: &column.Table{}, Offset: offset}
	for _, name := range e.set.FactColumns() {
		v := f.frame.Table.Column(name)
		if v == nil { // a target was told, and not what this history is of
			v = column.AllNull(e.sig.Column(name).Type, len(f.frame.Bad))
		}
		out.Table.Set(name, v.Take(rows))
	}
	for _, i := range rows {
		out.Known = append(out.Known, f.frame.Known[i])
		out.Arrived = append(out.Arrived, arrived)
		out.Keys = append(out.Keys, f.frame.Keys[i])
	}
	if err := e.live.Add(out); err != nil {
		return fmt.Errorf("history of %s: %w", e.name, err)
	}
	e.evict(f, arrived)
	return nil
}

// outcomeOf are the outcome columns among raw rows: labels, or the target where it is derived.
func (e *Endpoint) outcomeOf(raw *column.Table) *column.Table {
	out := &column.Table{}
	for _, f := range e.shape.Labels {
		if v := raw.Column(f.Name); v != nil {
			out.Set(f.Name, v)
		}
	}
	if len(out.Names) == 0 {
		if v := raw.Column(e.target); v != nil {
			out.Set(e.target, v)
		}
	}
	return out
}

// withOutcome prepares rows with what is known of their outcome: the target as it was told, or derived from labels.
func (e *Endpoint) withOutcome(raw, outcome *column.Table) (*transform.Frame, error) {
	raw = raw.Shallow()
	if c := e.sig.Column(e.target); c.Origin != transform.Label && outcome.Column(e.target) != nil {
		for i, name := range raw.Names {
			if name == e.target { // a derived column must not be there before it is derived
				raw.Names, raw.Columns = append(raw.Names[:i:i], raw.Names[i+1:]...), append(raw.Columns[:i:i], raw.Columns[i+1:]...)
				break
			}
		}
		frame, err := e.rows.Prepare(raw, false)
		if err != nil {
			return nil, err
		}
		frame.Table.Set(e.target, outcome.Column(e.target))
		return frame, nil
	}
	n := raw.Rows()
	for _, f := range e.shape.Labels {
		v := outcome.Column(f.Name)
		if v == nil {
			v = column.AllNull(f.Type, n)
		}
		raw.Set(f.Name, v)
	}
	return e.rows.Prepare(raw, true)
}

// told makes facts of outcomes and the predictions they are about: the row is what was asked, prepared again.
func (e *Endpoint) told(a *about, outcome *column.Table) (*facts, error) {
	raw := &column.Table{}
	tables := make([]*column.Table, len(a.records))
	for i, r := range a.records {
		tables[i] = r.table
	}
	for _, f := range e.shape.Request {
		raw.Set(f.Name, pick(f.Name, f.Type, tables, a.refs))
	}
	for _, f := range e.shape.Key {
		if raw.Column(f.Name) == nil { // the number that the row was given
			raw.Set(f.Name, pick(f.Name, f.Type, tables, a.refs))
		}
	}
	frame, err := e.withOutcome(raw, outcome)
	if err != nil {
		return nil, err
	}
	if frame.Keys, err = e.rows.KeyOf(raw); err != nil {
		return nil, err
	}
	out := &facts{frame: frame, dead: make([]bool, len(a.refs))}
	for i, r := range a.refs {
		v := tables[r.table].Column(predlog.OutsideColumn)
		out.dead[i] = v != nil && !v.IsNull(int(r.row)) ||
			frame.Time != nil && a.records[r.table].at-frame.Time[i] > predlog.MaxBehind.Microseconds()
	}
	return out, nil
}
