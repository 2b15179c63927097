package serve

import (
	"context"
	"fmt"
	"sync"
	"time"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// Endpoint is what serving knows of one model beside its versions: live history, running numbers, open predictions. Made
// by Open; it works from the Swap that names it to the one that does not.
type Endpoint struct {
	name     string
	kind     rondo.TaskKind
	revision int
	spec     *rondo.Spec
	rows     *transform.Rows
	sig      transform.Signature
	set      *history.Set
	live     *history.Live
	numbers  *transform.Numbers
	shape    *Shape
	target   string
	makes    map[string]bool // columns that a version's program may read
	keeps    []string        // columns of a record, in order

	life context.Context // ends with the server, or when a successor has taken over
	end  context.CancelFunc

	gate sync.RWMutex // held for reading by requests, for writing while a successor takes over
	gone bool         // a successor has taken over

	order sync.Mutex    // held while a record of facts gets its place in the log
	tail  chan struct{} // closed when the facts of the record before are in history

	mu     sync.Mutex
	open   openKeys
	seen   memory
	busy   map[asked]chan struct{} // requests that are being answered; closed when it is over
	recent recent
	older  older
	read   uint64 // offset up to which the log was replayed
	newest int64  // row time
	swept  int64  // row time of the last eviction
}

func newEndpoint(m Model, opt Options) (*Endpoint, error) {
	done := make(chan struct{})
	close(done)
	e := &Endpoint{
		name: m.Spec.Name, kind: m.Spec.Task.Kind, revision: m.Revision, spec: m.Spec, rows: m.Rows, sig: m.Signature,
		set: m.History, live: history.NewLive(m.History, history.LiveOptions{}), numbers: transform.NewNumbers(opt.OpenKeys),
		target: m.Spec.Task.Target, makes: map[string]bool{}, tail: done,
		open:   openKeys{limit: opt.OpenKeys, now: map[rowhash.Key]place{}},
		seen:   memory{limit: opt.Remember, at: map[asked]remembered{}},
		busy:   map[asked]chan struct{}{},
		recent: recent{limit: opt.CacheRows, at: map[uint64]known{}},
	}
	if len(e.sig.Columns) == 0 {
		e.sig = m.Rows.Signature()
	}
	e.keeps = append(e.keeps, e.sig.Names(transform.Request)...)
	e.keeps = append(e.keeps, e.sig.Names(transform.Looked)...)
	if k := m.Spec.Data.Key; k != nil && k.Number != "" {
		e.keeps = append(e.keeps, k.Number)
	}
	if m.Spec.Data.Time != nil {
		e.keeps = append(e.keeps, predlog.TimeColumn, predlog.KnownColumn)
		e.makes[predlog.TimeColumn] = true
	}
	e.keeps = append(e.keeps, e.sig.Names(transform.Past)...)
	for _, c := range e.sig.Columns {
		if !c.Outcome && c.Origin != transform.Drop {
			e.makes[c.Name] = true
		}
		if c.Name == predlog.OutsideColumn || c.Name == predlog.OutputColumn || c.Name == predlog.AnsweredColumn ||
			c.Outcome && (c.Name == predlog.FeedbackOffset || c.Name == predlog.FeedbackRow) {
			return nil, &rondo.Error{Kind: rondo.Invalid, Field: c.Name, Message: "the prediction log has a column of this name; rename it in the source"}
		}
	}
	e.shape = e.newShape()
	return e, nil
}

func (e *Endpoint) newShape() *Shape {
	s := &Shape{Model: e.name, Kind: e.kind}
	clock := e.spec.Data.Time
	for _, c := range e.sig.Columns {
		f := Field{Name: c.Name, Type: c.Type, Required: !c.Nullable}
		if clock != nil && clock.Column == c.Name {
			f.Zone = WithOffset
			if clock.Zone != "" || clock.ZoneColumn != "" {
				f.Zone = LocalTime
			}
			f.Required = !e.fillsTime()
		}
		if c.Name == e.target {
			s.Target = f
		}
		switch c.Origin {
		case transform.Request:
			s.Request = append(s.Request, f)
		case transform.Label:
			f.Required = false
			s.Labels = append(s.Labels, f)
		}
	}
	s.Event = append(append(s.Event, s.Request...), s.Labels...)
	s.Target.Required = false
	if s.TargetIsLabel = e.sig.Column(e.target).Origin == transform.Label; !s.TargetIsLabel {
		s.Event = append(s.Event, s.Target)
	}
	if k := e.spec.Data.Key; k != nil {
		for _, name := range k.Columns {
			c := e.sig.Column(name)
			s.Key = append(s.Key, Field{Name: name, Type: c.Type, Required: true})
		}
		if k.Number != "" {
			s.Key = append(s.Key, Field{Name: k.Number, Type: column.Int64})
		}
	}
	return s
}

// fillsTime says whether a row without a time is asked now: only where the declared column holds instants.
func (e *Endpoint) fillsTime() bool {
	t := e.spec.Data.Time
	return t != nil && t.Zone == "" && t.ZoneColumn == ""
}

// enter finds the model's route and keeps its endpoint from being replaced until leave.
func (s *Server) enter(model string) (*routes, *Route, error) {
	for {
		held, route, err := s.acquire(model)
		if err != nil {
			return nil, nil, err
		}
		route.Endpoint.gate.RLock()
		if !route.Endpoint.gone {
			return held, route, nil
		}
		route.Endpoint.leave() // its successor is in the table by now
		held.release()
	}
}

func (e *Endpoint) leave() { e.gate.RUnlock() }

// pause waits until no request works with the endpoint and lets none in.
func (e *Endpoint) pause() { e.gate.Lock() }

// resume lets requests in again; gone sends them to the successor.
func (e *Endpoint) resume(gone bool) {
	if e.gone = gone; gone {
		e.end()
	}
	e.gate.Unlock()
}

// complete checks the rows of a request against the shape, adds columns that were left out as missing, and fills a
// missing time with now (R6).
func (e *Endpoint) complete(rows *column.Table, now int64) (*column.Table, error) {
	n, out := rows.Rows(), rows
	for _, f := range e.shape.Request {
		v := rows.Column(f.Name)
		switch {
		case v == nil && f.Required:
			return nil, &rondo.Error{Kind: rondo.Invalid, Field: f.Name, Message: "the rows have no such column"}
		case v == nil:
			if out == rows {
				out = rows.Shallow()
			}
			out.Set(f.Name, column.AllNull(f.Type, n))
		case v.Type != f.Type:
			return nil, &rondo.Error{Kind: rondo.Invalid, Field: f.Name, Message: fmt.Sprintf("is %s; it has to be %s", v.Type, f.Type)}
		}
	}
	if !e.fillsTime() {
		return out, nil
	}
	name := e.spec.Data.Time.Column
	v := out.Column(name)
	if v.Nulls() == 0 {
		return out, nil
	}
	if out == rows {
		out = rows.Shallow()
	}
	out.Set(name, filledWith(v, now))
	return out, nil
}

// filledWith is a column of instants whose missing ones are now.
func filledWith(v *column.Vector, now int64) *column.Vector {
	filled := column.New(v.Type, v.Len())
	if v.Type == column.String {
		text := time.UnixMicro(now).UTC().Format(time.RFC3339Nano)
		for i := range filled.Strings {
			if filled.Strings[i] = v.Strings[i]; v.IsNull(i) {
				filled.Strings[i] = text
			}
		}
		return filled
	}
	for i := range filled.Ints {
		if filled.Ints[i] = v.Ints[i]; v.IsNull(i) {
			filled.Ints[i] = now
		}
	}
	return filled
}

// addHistory puts the history columns into a frame and says up to which offset facts were seen.
func (e *Endpoint) addHistory(frame *transform.Frame, events bool) (uint64, error) {
	names := e.set.Names()
	if len(names) == 0 {
		return 0, nil
	}
	values := e.live.Values
	if events {
		values = e.live.EventValues
	}
	columns, offset, err := values(frame.Table, frame.Time, frame.Keys)
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		frame.Table.Set(name, columns[i])
	}
	return offset, nil
}

// kept are the columns of a frame that a record keeps.
func (e *Endpoint) kept(t *column.Table) *column.Table {
	out := &column.Table{Names: make([]string, 0, len(e.keeps)+4), Columns: make([]*column.Vector, 0, len(e.keeps)+4)}
	for _, name := range e.keeps {
		if v := t.Column(name); v != nil {
			out.Names = append(out.Names, name)
			out.Columns = append(out.Columns, v)
		}
	}
	return out
}

// keepInCache is how many rows a record has at least whose table stays in memory for its feedback; a smaller one is read
// back from the log as quickly.
const keepInCache = 8

// note makes a logged prediction known to feedback and repeats.
func (e *Endpoint) note(r *predlog.Record, keys []transform.Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen.put(r)
	if r.Table.Rows() >= keepInCache {
		e.recent.put(r.Offset, known{r.At, r.Table})
	}
	for i, key := range keys {
		e.open.put(key, place{r.Offset, uint32(i)})
	}
}

// evict lets history forget what no row can ask for any more, a few times a day of row time. Facts alone move that time,
// and none beyond its arrival: a row that fails a check may say any time.
func (e *Endpoint) evict(f *facts, arrived int64) {
	e.mu.Lock()
	for i, t := range f.frame.Time {
		if f.fact(i) {
			e.newest = max(e.newest, min(t, arrived))
		}
	}
	due := e.newest-e.swept > predlog.MaxBehind.Microseconds()/4
	if due {
		e.swept = e.newest
	}
	before := e.newest - predlog.MaxBehind.Microseconds()
	e.mu.Unlock()
	if due {
		e.live.Evict(before)
	}
}

// outside names the columns that a bad row is bad about.
func outside(frame *transform.Frame, i int) []string {
	if frame.Bad[i] < 0 {
		return nil
	}
	if about := frame.Outside[frame.Bad[i]]; len(about) > 0 {
		return about
	}
	return []string{frame.Reasons[frame.Bad[i]]}
}
