package serve

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

var matrices = sync.Pool{New: func() any { return new(transform.Matrix) }}

// Predict answers rows. They do not see each other's outcomes, nor any that arrive meanwhile (D8).
func (s *Server) Predict(ctx context.Context, model string, rows *column.Table, meta Meta) (answer *Answer, err error) {
	err = s.within(ctx, model, func(route *Route) error {
		answer, err = s.answer(ctx, route, rows, meta)
		return err
	})
	switch {
	case err != nil:
		s.counted.failed.Add(1)
	case !answer.Repeated:
		s.counted.requests.Add(1)
		s.counted.rows.Add(uint64(len(answer.Predictions)))
	}
	return answer, err
}

// answer is the recorded answer of a request that was said before, or a new one.
func (s *Server) answer(ctx context.Context, route *Route, rows *column.Table, meta Meta) (*Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("predict: %w", err)
	}
	before, done, err := s.claim(ctx, route.Endpoint, predlog.Prediction, meta)
	defer done()
	switch {
	case err != nil:
		return nil, err
	case before != nil:
		return s.recorded(route, before.offset)
	}
	return s.predict(route, rows, meta)
}

// predict is the request path, in numbered steps.
func (s *Server) predict(route *Route, rows *column.Table, meta Meta) (*Answer, error) {
	e := route.Endpoint
	now := s.clk.Now().UnixMicro()
	// 1. The rows as the declaration prepares them.
	raw, err := e.complete(rows, now)
	if err != nil {
		return nil, err
	}
	frame, err := e.rows.Prepare(raw, false)
	if err != nil {
		return nil, err
	}
	if err := notAhead(frame, now); err != nil {
		return nil, err
	}
	// 2. Running numbers of equal keys, in order of arrival (D4).
	if err := e.number(frame); err != nil {
		return nil, err
	}
	// 3. History as of one offset (D8).
	offset, err := e.addHistory(frame, false)
	if err != nil {
		return nil, err
	}
	// 4. Champion or challenger, by the row's key (D15); the same code for one row and for many.
	n := frame.Table.Rows()
	out := make([]Prediction, n)
	champions, challengers := route.sides(frame.Keys, n)
	if err := answerWith(route.Champion, frame, champions, challengers != nil, out); err != nil {
		return nil, err
	}
	if len(challengers) > 0 {
		if err := answerWith(route.Challenger, frame, challengers, true, out); err != nil {
			return nil, err
		}
	}
	// 5. The record, and the ids that lead to it.
	first := headline(out, route)
	r := predlog.Record{
		Kind: predlog.Prediction, At: now, Model: e.name, Version: first.ID, Revision: e.revision,
		History: offset, Threshold: first.Threshold, Key: meta.Key, Sender: meta.Sender, Table: e.record(frame, out),
	}
	answer := &Answer{Kind: e.kind, Predictions: out}
	for i := range out {
		out[i].Outside = outside(frame, i)
	}
	if _, err := s.log.Append(&r); err != nil {
		if rondo.KindOf(err) != rondo.Unavailable {
			return nil, err
		}
		s.counted.unlogged.Add(uint64(n))
		answer.Degraded = []string{"log"}
		return answer, nil
	}
	for i := range out {
		out[i].ID = ID{Offset: r.Offset, Row: uint32(i), Logged: true}
	}
	e.note(&r, frame.Keys)
	return answer, nil
}

// headline is the version that the record's header names: the champion unless the challenger answered all rows.
func headline(out []Prediction, route *Route) *Version {
	for i := range out {
		if out[i].Version == route.Champion {
			return route.Champion
		}
	}
	if len(out) > 0 {
		return route.Challenger
	}
	return route.Champion
}

// answerWith lets a version answer the given rows of a frame; without part all rows.
func answerWith(v *Version, frame *transform.Frame, rows []int32, part bool, out []Prediction) error {
	t, zones := frame.Table, frame.Zones
	n := t.Rows()
	if part {
		if n = len(rows); n == 0 {
			return nil
		}
		t = t.Take(rows)
		if zones != nil {
			zones = make([]*time.Location, n)
			for i, row := range rows {
				zones[i] = frame.Zones[row]
			}
		}
	}
	m := matrices.Get().(*transform.Matrix)
	defer matrices.Put(m)
	if err := v.Program.Apply(t, zones, m); err != nil {
		return fmt.Errorf("features of version %s: %w", v.ID, err)
	}
	width := v.Model.Outputs()
	outputs := make([]float64, n*width)
	if err := v.Model.Predict(m.Values, n, outputs); err != nil {
		return fmt.Errorf("predict with version %s: %w", v.ID, err)
	}
	for i := range n {
		row := i
		if part {
			row = int(rows[i])
		}
		out[row].Version = v
		out[row].Outputs = outputs[i*width : (i+1)*width : (i+1)*width]
	}
	return nil
}

// notAhead refuses rows whose time lies more than MaxAhead after now (R6), also rows that fail a check: what is logged has
// arrived no earlier than MaxAhead before its time.
func notAhead(frame *transform.Frame, now int64) error {
	for i, t := range frame.Time {
		if t > now+predlog.MaxAhead.Microseconds() {
			return &rondo.Error{Kind: rondo.Invalid, Field: fmt.Sprintf("rows[%d].%s", i, predlog.TimeColumn),
				Message: fmt.Sprintf("%s is more than %s after now, %s", stamp(t), predlog.MaxAhead, stamp(now))}
		}
	}
	return nil
}

func stamp(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339Nano) }

// record is what the log keeps of answered rows.
func (e *Endpoint) record(frame *transform.Frame, out []Prediction) *column.Table {
	t := e.kept(frame.Table)
	n := len(out)
	width := 0
	for i := range out {
		width = max(width, len(out[i].Outputs))
	}
	for k := range width {
		p := column.New(column.Float64, n)
		for i := range out {
			if k < len(out[i].Outputs) {
				p.Floats[i] = out[i].Outputs[k]
			} else {
				p.SetNull(i)
			}
		}
		t.Set(outputColumn(e.kind, k), p)
	}
	reasons := column.AllNull(column.String, n)
	for i, b := range frame.Bad {
		if b >= 0 {
			reasons.Strings[i], reasons.Null[i] = strings.Join(outside(frame, i), ","), false
		}
	}
	t.Set(predlog.OutsideColumn, reasons)
	for i := range out {
		if out[i].Version != out[0].Version {
			by := column.New(column.String, n)
			for j := range out {
				by.Strings[j] = string(out[j].Version.ID)
			}
			t.Set(predlog.AnsweredColumn, by)
			break
		}
	}
	return t
}

func outputColumn(kind rondo.TaskKind, k int) string {
	if kind == rondo.Multiclass {
		return fmt.Sprintf("%s_%d", predlog.OutputColumn, k)
	}
	return predlog.OutputColumn
}

// recorded is the answer that a record holds. A row that was answered by a version which is no longer loaded comes with
// the threshold of the record.
func (s *Server) recorded(route *Route, offset uint64) (*Answer, error) {
	r, err := s.log.At(offset)
	if err != nil {
		return nil, fmt.Errorf("the recorded answer: %w", err)
	}
	n := r.Table.Rows()
	a := &Answer{Kind: route.Endpoint.kind, Predictions: make([]Prediction, n), Repeated: true}
	reasons, by := r.Table.Column(predlog.OutsideColumn), r.Table.Column(predlog.AnsweredColumn)
	for i := range a.Predictions {
		p := &a.Predictions[i]
		p.ID = ID{Offset: offset, Row: uint32(i), Logged: true}
		id, threshold := r.Version, r.Threshold
		if by != nil && rondo.VersionID(by.Strings[i]) != id {
			id, threshold = rondo.VersionID(by.Strings[i]), nil
		}
		p.Version = versionOf(route, id, threshold)
		if reasons != nil && !reasons.IsNull(i) {
			p.Outside = strings.Split(reasons.Strings[i], ",")
		}
		for k := 0; ; k++ {
			v := r.Table.Column(outputColumn(a.Kind, k))
			if v == nil || v.IsNull(i) {
				break
			}
			if p.Outputs = append(p.Outputs, v.Floats[i]); a.Kind != rondo.Multiclass {
				break
			}
		}
	}
	return a, nil
}

func versionOf(route *Route, id rondo.VersionID, threshold *float64) *Version {
	for _, v := range route.versions() {
		if v.ID == id {
			return v
		}
	}
	number := 0
	if _, err := fmt.Sscanf(id.Number(), "%d", &number); err != nil {
		number = 0
	}
	return &Version{ID: id, Number: number, Threshold: threshold, Program: route.Champion.Program}
}
