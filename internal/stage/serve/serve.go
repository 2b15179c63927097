// Package serve answers: what does the model say to these rows, now? It is the request path: route, prepare, predict, log;
// and the way outcomes come back.
//
// One request: its rows are prepared by the declaration's row program, numbered, given their history as of one offset of
// the log (D8), answered by champion or challenger (a hash of the row's key decides, so a row stays on its side), written
// to the prediction log without waiting, and returned with ids that lead to their records. Feedback and events are durable
// before they are answered, and become facts of live history in the order of the log, so that a replay in order of
// arrival gives the same history.
//
// The route table is one atomic pointer: Swap replaces it under load, and a version is closed when the last request that
// uses it has ended. Serving knows nothing of the loop and needs no database.
//
// Units: instants are microseconds UTC. Missing: a field that a request leaves out is the door's affair; here it is null.
// A row that fails a check is answered with Outside naming the check, and is never a fact. Errors are rondo.Error: Invalid
// for rows that cannot be prepared or lie more than MaxAhead in the future, NotFound for models and predictions that are
// not there, Unavailable when the log cannot be written.
package serve

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/profile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict"
	"rondo.dev/rondo/internal/transform"
)

// Options; zero is what a good engineer would choose.
type Options struct {
	OpenKeys  int // predictions that feedback can name by key, at most; 500,000 a model, the oldest are dropped and counted
	Remember  int // idempotency keys remembered a model; 10,000
	CacheRows int // rows of recent records kept in memory for their feedback; 50,000 a model
	Logger    *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.OpenKeys <= 0 {
		o.OpenKeys = 500_000
	}
	if o.Remember <= 0 {
		o.Remember = 10_000
	}
	if o.CacheRows <= 0 {
		o.CacheRows = 50_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Server answers the requests of all models. Safe for concurrent use.
type Server struct {
	log     *predlog.Log
	clk     clock.Clock
	opt     Options
	routes  atomic.Pointer[routes]
	swap    sync.Mutex
	counted counters

	life    context.Context // ends with Close
	end     context.CancelFunc
	readers sync.Mutex // held while a reading of the log begins
	reads   sync.WaitGroup
}

// New makes a server without routes. It starts nothing; the caller runs the log, and closes the server before it.
func New(log *predlog.Log, clk clock.Clock, opt Options) *Server {
	s := &Server{log: log, clk: clk, opt: opt.withDefaults()}
	s.life, s.end = context.WithCancel(context.Background())
	s.routes.Store(newRoutes(Table{}))
	return s
}

// Model is what a declaration and its data give to serving.
type Model struct {
	Spec      *rondo.Spec
	Revision  int
	Rows      *transform.Rows
	Signature transform.Signature // as observed in training; zero: that of Rows
	History   *history.Set
	Facts     history.Facts // of the source, in order of arrival; zero: none
}

// Version is a loaded version. Its Model is closed when no route and no request uses it any more.
type Version struct {
	ID        rondo.VersionID
	Number    int
	Program   *transform.Program
	Model     predict.Model
	Threshold *float64

	routes atomic.Int32 // how many tables name it
}

// Route says who answers the requests of a model.
type Route struct {
	Endpoint   *Endpoint
	Generation int // never goes back (I4)
	Champion   *Version
	Challenger *Version // nil: none
	Share      float64  // of keys that the challenger answers
	Salt       string
	Profile    *profile.Profile // of the rows that the champion was trained on: what whole feeds are held against; nil: they are not
	// Failed says why no version can answer: then Endpoint and Champion are nil, and requests are rondo.Unavailable.
	Failed error
}

// Table is the routes by model.
type Table map[string]Route

// Meta is what a door knows of a request beside its rows.
type Meta struct {
	Key    string // idempotency key; empty: none
	Sender string // the name of the token
}

// ID names a prediction: the offset of its record, and its row there. The zero ID: the record could not be logged.
type ID struct {
	Offset uint64
	Row    uint32
	Logged bool
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Append appends the id as people see it.
func (id ID) Append(b []byte) []byte {
	var raw [12]byte
	binary.BigEndian.PutUint64(raw[:8], id.Offset)
	binary.BigEndian.PutUint32(raw[8:], id.Row)
	return idEncoding.AppendEncode(append(b, "p_"...), raw[:])
}

func (id ID) String() string { return string(id.Append(nil)) }

// ParseID is the inverse of String.
func ParseID(s string) (ID, error) {
	bad := rondo.Errorf(rondo.Invalid, "%.40q is no prediction id", s)
	if len(s) != 22 || s[:2] != "p_" {
		return ID{}, bad
	}
	raw, err := idEncoding.DecodeString(s[2:])
	if err != nil {
		return ID{}, bad
	}
	return ID{binary.BigEndian.Uint64(raw), binary.BigEndian.Uint32(raw[8:]), true}, nil
}

// Prediction is one answered row.
type Prediction struct {
	ID      ID
	Version *Version
	Outputs []float64 // binary: of the positive class; multiclass: one a class; regression: the number
	Outside []string  // the columns of the check that the row fails; empty: it is inside
}

// Positive is a binary answer after the threshold; ok is false for a version without one.
func (p *Prediction) Positive() (positive, ok bool) {
	if p.Version.Threshold == nil {
		return false, false
	}
	return p.Outputs[0] >= *p.Version.Threshold, true
}

// Class is the most probable class, the first of equal ones.
func (p *Prediction) Class() string {
	best := 0
	for i, x := range p.Outputs {
		if x > p.Outputs[best] {
			best = i
		}
	}
	return p.Version.Program.Classes()[best]
}

// Answer is the answered rows of a request, in their order.
type Answer struct {
	Kind        rondo.TaskKind
	Predictions []Prediction
	Degraded    []string // what was not as it should be: "log" when the record was dropped
	Repeated    bool     // the idempotency key was known: this is the recorded answer
}

// Labels are outcomes of predictions, one a row: what it is about is IDs[i], or row i of Keys where IDs[i] is not Logged.
// Outcome has the target's column, or columns that it is derived from, missing where a row does not say.
type Labels struct {
	IDs     []ID
	Keys    *column.Table // the key's columns; nil when all rows have ids
	Outcome *column.Table
}

// Receipt is the answer to feedback and events.
type Receipt struct {
	Accepted int
	Refused  []Refusal // labels of predictions that are not there
	Repeated bool
}

// Refusal is a label that could not be taken.
type Refusal struct {
	Index  int
	Reason string
}

// Field is a column as a door may receive it.
type Field struct {
	Name     string
	Type     column.Type
	Required bool // a request has to name it, be it null
	Zone     Zone
}

// Zone says how a timestamp is written.
type Zone uint8

// The ways: with or without an offset (then UTC), without, with.
const (
	EitherZone Zone = iota
	LocalTime
	WithOffset
)

// Shape is what the doors need of a model to decode requests.
type Shape struct {
	Model         string
	Kind          rondo.TaskKind
	Request       []Field
	Event         []Field // the same, and the outcome: Labels, or the target where it is derived
	Labels        []Field // raw columns known only with the outcome
	Target        Field
	TargetIsLabel bool
	Key           []Field // the key's columns and its number; empty: the model declares no key
}

// Shape gives the shape of a model that has a route.
func (s *Server) Shape(model string) (*Shape, error) {
	held, route, err := s.acquire(model)
	if err != nil {
		return nil, err
	}
	defer held.release()
	return route.Endpoint.shape, nil
}

func (s *Server) acquire(model string) (*routes, *Route, error) {
	r := s.hold()
	route, ok := r.table[model]
	if !ok {
		r.release()
		return nil, nil, rondo.Errorf(rondo.NotFound, "no version of %q answers yet (see: rondo get versions %s)", model, model)
	}
	if route.Failed != nil {
		r.release()
		return nil, nil, rondo.Errorf(rondo.Unavailable, "no version of %q can be loaded: %w", model, route.Failed)
	}
	return r, route, nil
}

// Open makes a model ready to answer: its live history from facts and the log's tail, and of that tail its running numbers,
// the predictions that feedback may name by key, and the idempotency keys. What of these is older is read when a request
// first needs it. Swap puts the model to work.
func (s *Server) Open(ctx context.Context, m Model) (*Endpoint, error) {
	e, err := newEndpoint(m, s.opt)
	if err != nil {
		return nil, err
	}
	e.older.keys.read = func(ctx context.Context) error { return s.recallKeys(ctx, e) }
	e.older.rows.read = func(ctx context.Context) error { return s.recallRows(ctx, e) }
	if len(m.Facts.Known) > 0 { // none where the source is older than all that history sees
		if err := e.live.Add(m.Facts); err != nil {
			return nil, fmt.Errorf("history of %s: %w", m.Spec.Name, err)
		}
	}
	if err := s.replayTail(ctx, e); err != nil {
		return nil, err
	}
	e.life, e.end = context.WithCancel(s.life)
	return e, nil
}
