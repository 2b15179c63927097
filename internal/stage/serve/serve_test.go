package serve_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/stage/label"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
	"rondo.dev/rondo/internal/transform"
)

var flights = sync.OnceValues(func() (*servetest.Flights, error) { return servetest.New(context.Background(), 20) })

// world is a server with its log and a clock that a test moves.
type world struct {
	*servetest.Flights
	dir    string
	logOpt predlog.Options
	opt    serve.Options
	clk    *clock.Virtual
	log    *predlog.Log
	server *serve.Server
	end    *serve.Endpoint
	stop   func()
}

func newWorld(t testing.TB, dir string, at time.Time) *world {
	t.Helper()
	w := &world{dir: dir}
	return w.begin(t, at)
}

// begin opens the log and serves from it.
func (w *world) begin(t testing.TB, at time.Time) *world {
	t.Helper()
	f, err := flights()
	if err != nil {
		t.Fatal(err)
	}
	w.Flights, w.clk = f, clock.NewVirtual(at)
	if w.log, err = predlog.Open(w.dir, w.clk, w.logOpt); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.log.Run(ctx) })
	w.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(w.stop)
	w.server = serve.New(w.log, w.clk, w.opt)
	if w.end, err = f.Served(ctx, w.server, native.New(native.Options{})); err != nil {
		t.Fatal(err)
	}
	return w
}

// again closes the world and opens another on the same log.
func (w *world) again(t testing.TB) *world {
	t.Helper()
	w.stop()
	if err := errors.Join(w.server.Close(), w.log.Close()); err != nil {
		t.Fatal(err)
	}
	after := &world{dir: w.dir, logOpt: w.logOpt, opt: w.opt}
	return after.begin(t, w.clk.Now())
}

func (w *world) ask(t testing.TB, rows *column.Table, key string) *serve.Answer {
	t.Helper()
	a, err := w.server.Predict(t.Context(), servetest.Name, rows, serve.Meta{Key: key, Sender: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ids(a *serve.Answer) []serve.ID {
	out := make([]serve.ID, len(a.Predictions))
	for i, p := range a.Predictions {
		out[i] = p.ID
	}
	return out
}

func outcome(name string, v *column.Vector) *column.Table {
	t := &column.Table{}
	t.Set(name, v)
	return t
}

func (w *world) tell(t testing.TB, about []serve.ID, outcome *column.Table, key string) *serve.Receipt {
	t.Helper()
	r, err := w.server.Feedback(t.Context(), servetest.Name, serve.Labels{IDs: about, Outcome: outcome}, serve.Meta{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// past are the three history columns of the newest record's row.
func (w *world) past(t testing.TB, a *serve.Answer, row int) [3]float64 {
	t.Helper()
	r, err := w.log.At(a.Predictions[0].ID.Offset)
	if err != nil {
		t.Fatal(err)
	}
	var out [3]float64
	for i, name := range w.Model.History.Names() {
		if v := r.Table.Column(name); v.IsNull(row) {
			out[i] = math.NaN()
		} else {
			out[i] = v.Floats[row]
		}
	}
	return out
}

func TestFeedbackBecomesHistoryAndSurvivesARestart(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start.Add(time.Hour))
	rows := w.Rows(servetest.Start, 60)
	first := w.ask(t, rows, "")
	if got := w.past(t, first, 0); !math.IsNaN(got[2]) {
		t.Fatalf("history before any outcome: %v", got)
	}
	delays := column.New(column.Int64, 60)
	for i := range delays.Ints {
		delays.Ints[i] = int64(i % 2 * 30) // every second one is late
	}
	w.clk.Set(servetest.Start.Add(4 * time.Hour))
	if r := w.tell(t, ids(first), outcome("delay", delays), "batch-1"); r.Accepted != 60 || r.Repeated {
		t.Fatalf("%+v", r)
	}
	if r := w.tell(t, ids(first), outcome("delay", delays), "batch-1"); r.Accepted != 60 || !r.Repeated {
		t.Fatalf("said again: %+v", r)
	}
	later := w.Rows(servetest.Start.Add(3*time.Hour), 30)
	before := w.ask(t, later, "")
	share := w.past(t, before, 0)
	if !(share[2] > 0.1 && share[2] < 0.9) {
		t.Fatalf("share of late flights %v", share)
	}
	w = w.again(t)
	after := w.ask(t, later, "")
	for i := range 30 {
		a, b := w.past(t, before, i), w.past(t, after, i)
		for k := range a {
			if math.Float64bits(a[k]) != math.Float64bits(b[k]) {
				t.Fatalf("row %d: history %v, after a restart %v", i, a, b)
			}
		}
	}
	// The correction of all: nobody was late. Told as the target this time.
	w.tell(t, ids(first), outcome("late", column.New(column.Bool, 60)), "")
	if got := w.past(t, w.ask(t, later, ""), 0); got[2] != 0 {
		t.Fatalf("after the correction %v", got)
	}
	// Taken back.
	w.tell(t, ids(first), outcome("late", column.AllNull(column.Bool, 60)), "")
	if got := w.past(t, w.ask(t, later, ""), 0); !math.IsNaN(got[2]) {
		t.Fatalf("after taking it back %v", got)
	}
}

func TestEventsAreFactsAndTrainingRows(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start.Add(4*time.Hour))
	rows := w.Rows(servetest.Start, 90)
	rows.Set("delay", w.Delays(rows))
	if _, err := w.server.Events(t.Context(), servetest.Name, rows, serve.Meta{Key: "e1"}); err != nil {
		t.Fatal(err)
	}
	asked := w.Rows(servetest.Start.Add(3*time.Hour), 10)
	a := w.ask(t, asked, "")
	if got := w.past(t, a, 0); math.IsNaN(got[2]) {
		t.Fatal("events are no facts")
	}
	w.tell(t, ids(a)[:4], outcome("delay", column.New(column.Int64, 4)), "")
	if err := w.log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, told := 0, 0
	for table, err := range label.Rows(t.Context(), w.log, servetest.Name, servetest.Start.AddDate(0, 0, -1), servetest.Start.AddDate(0, 0, 1), w.clk.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		n += table.Rows()
		told += table.Rows() - table.Column("delay").Nulls()
	}
	if n != 100 || told != 94 {
		t.Fatalf("%d training rows, %d with an outcome", n, told)
	}
	day, err := label.Day(t.Context(), w.log, servetest.Name, servetest.Start.AddDate(0, 0, -1), servetest.Start.AddDate(0, 0, 1), w.clk.Now())
	if err != nil || day.Table.Rows() != 10 || !day.Labelled[3] || day.Labelled[4] || day.Versions[0] != "late-arrivals/1" {
		t.Fatalf("%v, %+v", err, day)
	}
}

func TestARowOutsideTheChecksIsAnsweredAndIsNoFact(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start)
	rows := w.Rows(servetest.Start, 2)
	rows.Columns[rows.Index("origin")].SetNull(0)
	a := w.ask(t, rows, "")
	if out := a.Predictions[0].Outside; len(out) == 0 || a.Predictions[1].Outside != nil {
		t.Fatalf("outside %v, %v", out, a.Predictions[1].Outside)
	}
	w.clk.Set(servetest.Start.Add(4 * time.Hour))
	late := column.New(column.Bool, 1)
	late.Bools[0] = true
	w.tell(t, ids(a)[:1], outcome("late", late), "")
	if got := w.past(t, w.ask(t, w.Rows(servetest.Start.Add(150*time.Minute), 1), ""), 0); !math.IsNaN(got[2]) {
		t.Fatalf("a row outside the checks became history: %v", got)
	}
}

func TestRequestsThatCannotBeAnsweredSaySo(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start)
	for name, c := range map[string]struct {
		kind rondo.Kind
		say  func() error
	}{
		"unknown model": {rondo.NotFound, func() error {
			_, err := w.server.Predict(t.Context(), "nobody", w.Rows(servetest.Start, 1), serve.Meta{})
			return err
		}},
		"future": {rondo.Invalid, func() error {
			_, err := w.server.Predict(t.Context(), servetest.Name, w.Rows(servetest.Start.Add(time.Hour), 1), serve.Meta{})
			return err
		}},
		"column missing": {rondo.Invalid, func() error {
			_, err := w.server.Predict(t.Context(), servetest.Name, outcome("date", column.New(column.Timestamp, 1)), serve.Meta{})
			return err
		}},
		"feedback to nothing": {rondo.NotFound, func() error {
			_, err := w.server.Feedback(t.Context(), servetest.Name, serve.Labels{IDs: []serve.ID{{Offset: 77, Logged: true}},
				Outcome: outcome("late", column.New(column.Bool, 1))}, serve.Meta{})
			return err
		}},
		"generation goes back": {rondo.Conflict, func() error {
			v, err := w.Version(t.Context(), native.New(native.Options{}), 9)
			return errors.Join(err, w.server.Swap(t.Context(), serve.Table{servetest.Name: {Endpoint: w.end, Generation: 0, Champion: v}}))
		}},
	} {
		if err := c.say(); rondo.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFeedbackByKeyFindsThePrediction(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start)
	rows := w.Rows(servetest.Start, 3)
	twice := rows.Take([]int32{0, 1, 2, 0})
	a := w.ask(t, twice, "")
	keys := &column.Table{}
	for _, name := range []string{"date", "origin", "destination"} {
		keys.Set(name, twice.Column(name).Take([]int32{3, 1}))
	}
	nth := column.New(column.Int64, 2)
	nth.Ints[0], nth.Ints[1] = 2, 1
	keys.Set("nth", nth)
	late := column.New(column.Bool, 2)
	late.Bools[0] = true
	r, err := w.server.Feedback(t.Context(), servetest.Name, serve.Labels{Keys: keys, Outcome: outcome("late", late)}, serve.Meta{})
	if err != nil || r.Accepted != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := w.log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	day, err := label.Day(t.Context(), w.log, servetest.Name, servetest.Start.AddDate(0, 0, -1), servetest.Start.AddDate(0, 0, 1), w.clk.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := []bool{false, true, false, true}
	for i, labelled := range day.Labelled {
		if labelled != want[i] || labelled && day.Table.Column("late").Bools[i] != (i == 3) {
			t.Fatalf("row %d of %v: labelled %v", i, a.Predictions[i].ID, labelled)
		}
	}
}

func TestRepeatedPredictionGivesTheRecordedAnswer(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start.Add(time.Hour))
	rows := w.Rows(servetest.Start, 20)
	a := w.ask(t, rows, "once")
	for range 2 {
		b := w.ask(t, w.Rows(servetest.Start, 3), "once")
		if !b.Repeated || len(b.Predictions) != 20 {
			t.Fatalf("%d predictions", len(b.Predictions))
		}
		for i := range b.Predictions {
			if b.Predictions[i].ID != a.Predictions[i].ID || b.Predictions[i].Outputs[0] != a.Predictions[i].Outputs[0] {
				t.Fatalf("row %d differs", i)
			}
		}
		w = w.again(t)
	}
}

// closing counts versions that were closed, and fails whoever asks a closed one.
type closing struct {
	predict.Model
	closed *atomic.Int32
	gone   atomic.Bool
}

func (c *closing) Close() error { c.gone.Store(true); c.closed.Add(1); return c.Model.Close() }

func (c *closing) Predict(values []float32, rows int, out []float64) error {
	if c.gone.Load() {
		return errors.New("a closed model was asked")
	}
	return c.Model.Predict(values, rows, out)
}

func TestNoRequestFailsWhileTheRouteChangesAndOldVersionsAreClosed(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	var answered, closed atomic.Int32
	rows := w.Rows(servetest.Start, 5)
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := w.server.Predict(context.Background(), servetest.Name, rows, serve.Meta{}); err != nil {
					t.Error(err)
					return
				}
				answered.Add(1)
			}
		})
	}
	const swaps = 60
	for n := range swaps {
		v, err := w.Version(t.Context(), native.New(native.Options{}), n+2)
		if err != nil {
			t.Fatal(err)
		}
		v.Model = &closing{Model: v.Model, closed: &closed}
		end := w.end
		if n%20 == 19 { // a new revision takes over
			if end, err = w.server.Open(t.Context(), w.Model); err != nil {
				t.Fatal(err)
			}
			w.end = end
		}
		if err := w.server.Swap(t.Context(), serve.Table{servetest.Name: {Endpoint: end, Generation: n + 2, Champion: v}}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	if closed.Load() != swaps-1 || answered.Load() == 0 {
		t.Fatalf("%d of %d versions closed, %d answers", closed.Load(), swaps-1, answered.Load())
	}
}

func TestCanaryIsStickyAndTakesItsShare(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start.Add(3*time.Hour))
	champion, err := w.Version(t.Context(), native.New(native.Options{}), 2)
	if err != nil {
		t.Fatal(err)
	}
	challenger, err := w.Version(t.Context(), native.New(native.Options{}), 3)
	if err != nil {
		t.Fatal(err)
	}
	route := serve.Table{servetest.Name: {Endpoint: w.end, Generation: 2, Champion: champion, Challenger: challenger, Share: 0.1, Salt: "r1"}}
	if err := w.server.Swap(t.Context(), route); err != nil {
		t.Fatal(err)
	}
	rows := w.Rows(servetest.Start.Add(-90*time.Minute), 250)
	share := 0
	for n := range 16 {
		a := w.ask(t, w.Rows(servetest.Start.Add(time.Duration(n-20)*time.Minute*2), 250), "")
		for _, p := range a.Predictions {
			if p.Version == challenger {
				share++
			}
		}
	}
	if share < 300 || share > 500 { // 400 +- 5 sd
		t.Fatalf("%d of 4000 rows", share)
	}
	// The same keys stay on their side: the running number is the same when the base is new each time.
	a := w.ask(t, rows, "k")
	single := w.again(t)
	if err := single.server.Swap(t.Context(), serve.Table{servetest.Name: {Endpoint: single.end, Generation: 2, Champion: champion, Challenger: challenger, Share: 0.1, Salt: "r1"}}); err != nil {
		t.Fatal(err)
	}
	b := single.ask(t, rows, "k")
	for i := range a.Predictions {
		if a.Predictions[i].Version.ID != b.Predictions[i].Version.ID || a.Predictions[i].Outputs[0] != b.Predictions[i].Outputs[0] {
			t.Fatalf("row %d: %s, then %s", i, a.Predictions[i].Version.ID, b.Predictions[i].Version.ID)
		}
	}
}

func BenchmarkOneRow(b *testing.B) {
	f, err := servetest.New(context.Background(), 100)
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, b.TempDir(), servetest.Start)
	end, err := f.Served(b.Context(), w.server, native.New(native.Options{}))
	if err != nil || end == nil {
		b.Fatal(err)
	}
	rows := f.Rows(servetest.Start, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.server.Predict(context.Background(), servetest.Name, rows, serve.Meta{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestARowWithoutATimeIsAskedNow(t *testing.T) {
	for _, kind := range []column.Type{column.Timestamp, column.String} {
		spec := servetest.Spec()
		spec.Data.Time = &rondo.Time{Column: "date"}
		w := newWorld(t, t.TempDir(), servetest.Start)
		schema := transform.Schema{{Name: "date", Type: kind}, {Name: "delay", Type: column.Int64}, {Name: "distance", Type: column.Float64},
			{Name: "origin", Type: column.String}, {Name: "destination", Type: column.String}}
		airports := outcome("iata", typed("JFK"))
		airports.Set("zone", typed("America/New_York"))
		rows, err := transform.CompileRows(spec, schema, map[string]*column.Table{"airport": airports})
		if err != nil {
			t.Fatal(err)
		}
		end, err := w.server.Open(t.Context(), serve.Model{Spec: spec, Revision: 2, Rows: rows, History: w.Model.History})
		if err != nil {
			t.Fatal(err)
		}
		v, err := w.Version(t.Context(), native.New(native.Options{}), 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.server.Swap(t.Context(), serve.Table{servetest.Name: {Endpoint: end, Generation: 2, Champion: v}}); err != nil {
			t.Fatal(err)
		}
		asked := outcome("origin", typed("JFK"))
		asked.Set("destination", typed("SEA"))
		asked.Set("distance", &column.Vector{Type: column.Float64, Floats: []float64{500}})
		a := w.ask(t, asked, "")
		r, err := w.log.At(a.Predictions[0].ID.Offset)
		if err != nil || r.Table.Column("time").Ints[0] != servetest.Start.UnixMicro() || a.Predictions[0].Outside != nil {
			t.Fatalf("%s: %v, %v", kind, err, a.Predictions[0].Outside)
		}
	}
}

func typed(text string) *column.Vector {
	return &column.Vector{Type: column.String, Strings: []string{text}}
}
