package serve_test

import (
	"math"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
)

// farAhead is one event of the year 2999 that fails a check.
func (w *world) farAhead() *column.Table {
	t := w.Rows(time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), 1)
	t.Column("distance").Floats[0] = 1
	t.Set("delay", column.New(column.Int64, 1))
	return t
}

func TestABadRowOfTheFarFutureTakesNothingFromHistory(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start.Add(4*time.Hour))
	flown := w.Rows(servetest.Start, 60)
	flown.Set("delay", w.Delays(flown))
	if _, err := w.server.Events(t.Context(), servetest.Name, flown, serve.Meta{}); err != nil {
		t.Fatal(err)
	}
	later := w.Rows(servetest.Start.Add(3*time.Hour), 3)
	want := w.past(t, w.ask(t, later, ""), 0)
	if math.IsNaN(want[2]) {
		t.Fatal("no history to lose")
	}
	same := func(when string) {
		t.Helper()
		if got := w.past(t, w.ask(t, later, ""), 0); got[2] != want[2] {
			t.Errorf("%s history is %v; it was %v", when, got, want)
		}
	}
	if _, err := w.server.Events(t.Context(), servetest.Name, w.farAhead(), serve.Meta{}); rondo.KindOf(err) != rondo.Invalid {
		t.Errorf("a time a thousand years ahead: %v", err)
	}
	same("after it was sent")
	// A log may hold such a row from before it was refused, and a good row may say more than the clock.
	for i, table := range []*column.Table{w.farAhead(), w.farAhead()} {
		frame, err := w.Model.Rows.Prepare(table, true)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			table.Column("distance").Floats[0] = 500
		}
		table.Set("time", frame.Table.Column("time"))
		r := predlog.Record{Kind: predlog.Event, Model: servetest.Name, Revision: 1, Table: table}
		if _, err := w.log.AppendDurable(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
		w = w.again(t)
		same("after a restart")
	}
	flown = w.Rows(servetest.Start.Add(30*time.Minute), 60)
	flown.Set("delay", column.New(column.Int64, 60)) // nobody is late
	if _, err := w.server.Events(t.Context(), servetest.Name, flown, serve.Meta{}); err != nil {
		t.Fatal(err)
	}
	if got := w.past(t, w.ask(t, later, ""), 0); !(got[2] < want[2]) {
		t.Errorf("60 flights in time: history is %v after %v", got, want)
	}
}
