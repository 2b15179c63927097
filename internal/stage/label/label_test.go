package label_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/label"
)

var start = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

func openLog(t testing.TB, clk clock.Clock, opt predlog.Options) *predlog.Log {
	t.Helper()
	log, err := predlog.Open(t.TempDir(), clk, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = log.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return log
}

func ints(kind column.Type, x ...int64) *column.Vector { return &column.Vector{Type: kind, Ints: x} }

func table(columns ...any) *column.Table {
	t := &column.Table{}
	for i := 0; i < len(columns); i += 2 {
		t.Set(columns[i].(string), columns[i+1].(*column.Vector))
	}
	return t
}

func appendRecord(t testing.TB, log *predlog.Log, kind predlog.Kind, rows *column.Table) uint64 {
	t.Helper()
	r := predlog.Record{Kind: kind, Model: "m", Version: "m/1", Table: rows}
	if _, err := log.Append(&r); err != nil {
		t.Fatal(err)
	}
	return r.Offset
}

// TestTheJoinIsWhatAMapWouldSay lets predictions, outcomes and corrections come in any order of time.
func TestTheJoinIsWhatAMapWouldSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clk := clock.NewVirtual(start)
		log := openLog(t, clk, predlog.Options{SegmentBytes: 4000})
		type asked struct {
			id          place
			time, at    int64
			delay, told int64
			known       bool
			outside     bool
		}
		var all []*asked
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			clk.Set(clk.Now().Add(time.Duration(rapid.IntRange(0, 300).Draw(rt, "minutes")) * time.Minute))
			now := clk.Now().UnixMicro()
			if len(all) == 0 || rapid.Bool().Draw(rt, "ask") {
				n := rapid.IntRange(1, 4).Draw(rt, "rows")
				times, outside := column.New(column.Timestamp, n), column.AllNull(column.String, n)
				var these []*asked
				for i := range n {
					times.Ints[i] = now - int64(rapid.IntRange(-5, 1600).Draw(rt, "behind"))*60e6
					a := &asked{time: times.Ints[i], at: now, outside: rapid.IntRange(0, 9).Draw(rt, "outside") == 0}
					if a.outside {
						outside.Strings[i], outside.Null[i] = "x", false
					}
					these = append(these, a)
				}
				columns := []any{"time", times, "outside", outside}
				if rapid.Bool().Draw(rt, "more") {
					columns = append(columns, "x", ints(column.Int64, make([]int64, n)...))
				}
				offset := appendRecord(rt2{t, rt}, log, predlog.Prediction, table(columns...))
				for i, a := range these {
					a.id = place{offset, int64(i)}
				}
				all = append(all, these...)
				continue
			}
			var offsets, rows, delays []int64
			for range rapid.IntRange(1, 5).Draw(rt, "labels") {
				a := all[rapid.IntRange(0, len(all)-1).Draw(rt, "which")]
				a.delay, a.known, a.told = rapid.Int64Range(-9, 9).Draw(rt, "delay"), true, now
				offsets, rows, delays = append(offsets, int64(a.id.offset)), append(rows, a.id.row), append(delays, a.delay)
			}
			appendRecord(rt2{t, rt}, log, predlog.Feedback, table("offset", ints(column.Int64, offsets...), "row", ints(column.Int64, rows...), "delay", ints(column.Int64, delays...)))
		}
		from := start.Add(time.Duration(rapid.IntRange(-24, 48).Draw(rt, "from")) * time.Hour)
		to := from.Add(24 * time.Hour)
		day, err := label.Day(t.Context(), log, "m", from, to, clk.Now())
		if err != nil {
			rt.Fatal(err)
		}
		n, training := 0, 0
		for _, a := range all {
			if a.time < from.UnixMicro() || a.time >= to.UnixMicro() || a.at-a.time > predlog.MaxBehind.Microseconds() {
				continue
			}
			if !a.outside {
				training++
			}
			if n >= len(day.Offsets) || day.Offsets[n] != a.id.offset || int64(day.Rows[n]) != a.id.row || day.Arrived[n] != a.at ||
				day.Labelled[n] != a.known || day.Told[n] != a.told {
				rt.Fatalf("row %d of %d is not %+v", n, len(day.Offsets), a)
			}
			if v := day.Table.Column("delay"); a.known && v.Ints[n] != a.delay {
				rt.Fatalf("row %d: delay %d, want %d", n, v.Ints[n], a.delay)
			}
			n++
		}
		if n != len(day.Offsets) || day.Table.Rows() != n {
			rt.Fatalf("%d rows, want %d", len(day.Offsets), n)
		}
		for rows, err := range label.Rows(t.Context(), log, "m", from, to, clk.Now()) {
			if err != nil {
				rt.Fatal(err)
			}
			training -= rows.Rows()
		}
		if training != 0 {
			rt.Fatalf("%d training rows missing", training)
		}
	})
}

type place struct {
	offset uint64
	row    int64
}

// rt2 lets helpers that want a testing.TB report to rapid.
type rt2 struct {
	testing.TB
	rt *rapid.T
}

func (r rt2) Fatal(args ...any) { r.rt.Fatal(args...) }

func TestACorrectionReplacesTheWholeOutcomeAndAsOfLooksBack(t *testing.T) {
	clk := clock.NewVirtual(start)
	log := openLog(t, clk, predlog.Options{})
	offset := int64(appendRecord(t, log, predlog.Prediction, table("time", ints(column.Timestamp, start.UnixMicro()))))
	about := []any{"offset", ints(column.Int64, offset), "row", ints(column.Int64, 0)}
	clk.Set(start.Add(time.Hour))
	appendRecord(t, log, predlog.Feedback, table(append(about, "delay", ints(column.Int64, 20))...))
	clk.Set(start.Add(60 * 24 * time.Hour))
	appendRecord(t, log, predlog.Feedback, table(append(about, "late", &column.Vector{Type: column.Bool, Bools: []bool{false}})...))
	for _, c := range []struct {
		asOf time.Time
		want string
	}{
		{start.Add(time.Minute), "false"}, {start.Add(time.Hour), "true delay 20"}, {clk.Now(), "true late false"},
	} {
		day, err := label.Day(t.Context(), log, "m", start, start.Add(24*time.Hour), c.asOf)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(day.Labelled[0])
		if v := day.Table.Column("delay"); v != nil && !v.IsNull(0) {
			got += fmt.Sprint(" delay ", v.Ints[0])
		}
		if v := day.Table.Column("late"); v != nil && !v.IsNull(0) {
			got += fmt.Sprint(" late ", v.Bools[0])
		}
		if got != c.want {
			t.Errorf("as of %s: %s, want %s", c.asOf, got, c.want)
		}
	}
}

func TestAColumnThatChangesItsTypeIsNamed(t *testing.T) {
	log := openLog(t, clock.NewVirtual(start), predlog.Options{})
	at := ints(column.Timestamp, start.UnixMicro())
	appendRecord(t, log, predlog.Prediction, table("time", at, "x", ints(column.Int64, 1)))
	appendRecord(t, log, predlog.Prediction, table("time", at, "x", column.New(column.String, 1)))
	_, err := label.Day(t.Context(), log, "m", start, start.Add(time.Hour), start.Add(time.Hour))
	if rondo.KindOf(err) != rondo.Conflict {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := label.Day(ctx, log, "m", start, start.Add(time.Hour), start.Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// BenchmarkMonth joins 31 days of 16,500 rows: a quarter asked in 96 requests a day, the others as events.
func BenchmarkMonth(b *testing.B) {
	clk := clock.NewVirtual(start)
	log := openLog(b, clk, predlog.Options{})
	const days, ticks, asked, events = 31, 96, 43, 129
	rows := func(n int) *column.Table {
		at := clk.Now().UnixMicro()
		t := table("time", ints(column.Timestamp, make([]int64, n)...), "known", ints(column.Timestamp, make([]int64, n)...), "date", ints(column.Timestamp, make([]int64, n)...))
		for _, name := range []string{"origin", "destination", "zone"} {
			v := column.New(column.String, n)
			for i := range v.Strings {
				v.Strings[i] = fmt.Sprint(name[:1], i%60)
			}
			t.Set(name, v)
		}
		for _, name := range []string{"distance", "h1", "h2", "h3", "p"} {
			t.Set(name, column.New(column.Float64, n))
		}
		for i := range n {
			t.Columns[0].Ints[i] = at
		}
		return t
	}
	for range days * ticks {
		p := rows(asked)
		p.Set("outside", column.AllNull(column.String, asked))
		offset := int64(appendRecord(b, log, predlog.Prediction, p))
		about, row := column.New(column.Int64, asked), column.New(column.Int64, asked)
		for i := range asked {
			about.Ints[i], row.Ints[i] = offset, int64(i)
		}
		appendRecord(b, log, predlog.Feedback, table("offset", about, "row", row, "delay", column.New(column.Int64, asked)))
		e := rows(events)
		e.Set("delay", column.New(column.Int64, events))
		appendRecord(b, log, predlog.Event, e)
		clk.Set(clk.Now().Add(24 * time.Hour / ticks))
		if err := log.Sync(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("rows", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for t, err := range label.Rows(b.Context(), log, "m", start, clk.Now(), clk.Now()) {
				if err != nil {
					b.Fatal(err)
				}
				n += t.Rows()
			}
			if n != days*ticks*(asked+events) {
				b.Fatal(n)
			}
		}
	})
	b.Run("day", func(b *testing.B) {
		from := start.AddDate(0, 0, days-1)
		for b.Loop() {
			if j, err := label.Day(b.Context(), log, "m", from, from.AddDate(0, 0, 1), clk.Now()); err != nil || len(j.Rows) != ticks*asked {
				b.Fatal(err)
			}
		}
	})
	b.Run("days", func(b *testing.B) {
		for b.Loop() {
			if j, err := label.Day(b.Context(), log, "m", start, clk.Now(), clk.Now()); err != nil || len(j.Rows) != days*ticks*asked {
				b.Fatal(err)
			}
		}
	})
}

func TestNothingIsLearnedFromAFeedThatWasSetAside(t *testing.T) {
	log := openLog(t, clock.NewVirtual(start), predlog.Options{})
	appendRecord(t, log, predlog.Event, table("x", ints(column.Int64, 1, 2), "late", ints(column.Int64, 0, 1)))
	appendRecord(t, log, predlog.SetAside, table("x", ints(column.Int64, 3, 4, 5), "late", ints(column.Int64, 1, 1, 1)))
	rows := 0
	for t0, err := range label.Rows(t.Context(), log, "m", start.Add(-time.Hour), start.Add(time.Hour), start.Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		rows += t0.Rows()
	}
	if rows != 2 {
		t.Errorf("%d rows", rows)
	}
}
