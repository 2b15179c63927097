package serve_test

import (
	"math"
	"testing"
	"time"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
	"rondo.dev/rondo/internal/transform"
)

// waiting are rows that were asked or flown and whose outcome is not known yet.
type waiting struct {
	rows  *column.Table // with the delay
	known []int64
	ids   []serve.ID // nil: events
}

// TestServedHistoryEqualsTheTrainingColumn feeds a day in order of arrival (5 % late, some corrected, some said twice,
// two restarts) and then computes the history columns of all asked rows at once from the facts in the log (R3).
func TestServedHistoryEqualsTheTrainingColumn(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start)
	var open []waiting
	const ticks = 96
	for tick := range ticks {
		if tick%40 == 39 {
			w = w.again(t)
		}
		now := servetest.Start.Add(time.Duration(tick) * 15 * time.Minute)
		w.clk.Set(now)
		open = w.arrive(t, open, now, tick)
		asked, flown := w.Rows(now.Add(time.Second), 12), w.Rows(now.Add(time.Second), 30)
		a := w.ask(t, asked, "")
		asked.Set("delay", w.Delays(asked))
		flown.Set("delay", w.Delays(flown))
		for _, one := range []waiting{{rows: asked, ids: ids(a)}, {rows: flown}} {
			frame, err := w.Model.Rows.Prepare(one.rows, true)
			if err != nil {
				t.Fatal(err)
			}
			one.known = frame.Known
			open = append(open, one)
		}
	}
	if err := w.log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.compare(t)
}

// arrive tells the outcomes that are known by now; one in twenty comes an hour late.
func (w *world) arrive(t *testing.T, open []waiting, now time.Time, tick int) (still []waiting) {
	for _, one := range open {
		var due, rest []int32
		for i, known := range one.known {
			lag := int64(0)
			if (i+tick)%20 == 0 {
				lag = 3600e6
			}
			if known+lag < now.UnixMicro() {
				due = append(due, int32(i))
			} else {
				rest = append(rest, int32(i))
			}
		}
		if len(due) > 0 && one.ids == nil {
			if _, err := w.server.Events(t.Context(), servetest.Name, one.rows.Take(due), serve.Meta{}); err != nil {
				t.Fatal(err)
			}
		} else if len(due) > 0 {
			about := make([]serve.ID, len(due))
			for i, row := range due {
				about[i] = one.ids[row]
			}
			told := outcome("delay", one.rows.Column("delay").Take(due))
			if tick%5 == 0 { // first a wrong word
				w.tell(t, about, outcome("delay", column.New(column.Int64, len(due))), "")
			}
			w.tell(t, about, told, "")
			if tick%7 == 0 {
				w.tell(t, about, told, "")
			}
		}
		if len(rest) > 0 {
			left := waiting{rows: one.rows.Take(rest)}
			for _, row := range rest {
				left.known = append(left.known, one.known[row])
				if one.ids != nil {
					left.ids = append(left.ids, one.ids[row])
				}
			}
			still = append(still, left)
		}
	}
	return still
}

// compare reads the log, and computes at once what was served piece by piece.
func (w *world) compare(t *testing.T) {
	asked, facts := &column.Table{}, history.Facts{Table: &column.Table{}}
	var keys []transform.Key
	for r, err := range w.log.Scan(predlog.Query{Model: servetest.Name}) {
		if err != nil {
			t.Fatal(err)
		}
		raw := r.Table
		if r.Kind == predlog.Feedback {
			raw = &column.Table{}
			for i := range r.Table.Rows() {
				p, err := w.log.At(uint64(r.Table.Column("offset").Ints[i]))
				if err != nil {
					t.Fatal(err)
				}
				one := &column.Table{}
				for _, name := range []string{"date", "distance", "origin", "destination", "nth"} {
					one.Set(name, p.Table.Column(name).Take([]int32{int32(r.Table.Column("row").Ints[i])}))
				}
				if err := raw.Append(one); err != nil {
					t.Fatal(err)
				}
			}
			raw.Set("delay", r.Table.Column("delay"))
		}
		key, err := w.Model.Rows.KeyOf(raw)
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == predlog.Prediction {
			keys = append(keys, key...)
			if err := asked.Append(raw); err != nil {
				t.Fatal(err)
			}
			continue
		}
		frame, err := w.Model.Rows.Prepare(raw, true)
		if err != nil {
			t.Fatal(err)
		}
		one := &column.Table{}
		for _, name := range w.Model.History.FactColumns() {
			one.Set(name, frame.Table.Column(name))
		}
		if err := facts.Table.Append(one); err != nil {
			t.Fatal(err)
		}
		facts.Known, facts.Keys = append(facts.Known, frame.Known...), append(facts.Keys, key...)
		for range key {
			facts.Arrived = append(facts.Arrived, r.At)
		}
	}
	want, err := w.Model.History.Columns(asked, asked.Column("time").Ints, keys, facts)
	if err != nil {
		t.Fatal(err)
	}
	filled := 0
	for k, name := range w.Model.History.Names() {
		got := asked.Column(name)
		for i := range got.Floats {
			if got.IsNull(i) != want[k].IsNull(i) || math.Float64bits(got.Floats[i]) != math.Float64bits(want[k].Floats[i]) {
				t.Fatalf("%s of row %d: served %v (null %v), computed %v (null %v)", name, i, got.Floats[i], got.IsNull(i), want[k].Floats[i], want[k].IsNull(i))
			}
			if !got.IsNull(i) {
				filled++
			}
		}
	}
	if filled < len(keys) {
		t.Fatalf("only %d values of %d rows", filled, len(keys))
	}
	t.Logf("%d values of %d rows equal, %d facts", filled, len(keys), len(facts.Known))
}
