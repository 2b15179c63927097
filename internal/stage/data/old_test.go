package data

import (
	"iter"
	"path/filepath"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// served are visits as the log has them: with number, instants, history and what was told.
func served(rows []visit) iter.Seq2[*column.Table, error] {
	t := &column.Table{}
	n := len(rows)
	at, known := column.New(column.Timestamp, n), column.New(column.Timestamp, n)
	ward, age := column.New(column.String, n), column.New(column.Int64, n)
	nth, past, late := column.New(column.Int64, n), column.New(column.Float64, n), column.New(column.Bool, n)
	for i, v := range rows {
		at.Ints[i], known.Ints[i] = v.at.UnixMicro(), v.at.Add(time.Hour).UnixMicro()
		ward.Strings[i], age.Ints[i], nth.Ints[i] = v.ward, int64(20+i%50), 1
		past.Floats[i], late.Bools[i] = float64(i%10)/10, i%3 == 0
	}
	for name, v := range map[string]*column.Vector{"at": at, "time": at, "known": known, "arrived": known, "ward": ward, "age": age,
		"nth": nth, "ward_late": past, "late": late} {
		t.Set(name, v)
	}
	return func(yield func(*column.Table, error) bool) {
		for from := 0; from < n; from += 500 {
			if !yield(t.Slice(from, min(n, from+500)), nil) {
				return
			}
		}
	}
}

// A sample is the same whether the rows outside it were prepared or let go before, as they are once the source is known to
// be older than all that was logged.
func TestASampleIsTheSameWhenTheOthersAreLetGo(t *testing.T) {
	dir := t.TempDir()
	rows := hourly(30)
	write(t, filepath.Join(dir, "visits.csv"), rows[:1000])
	again := rows[1900:2000]                        // asked twice
	logged := append(rows[998:2000:2000], again...) // the first two are in the source, and became known after all of it
	request := func() Request {
		return Request{Spec: visits(dir), Sample: 0.25, Lean: true, Logged: served(logged), Split: &rondo.Split{By: rondo.ByTime}}
	}
	thin, _ := preparer(t)
	prepare(t, thin, Request{Spec: visits(dir)}) // knows the source from here on
	got := prepare(t, thin, request())
	whole, _ := preparer(t)
	want := prepare(t, whole, request())
	if got.Repeats >= want.Repeats {
		t.Errorf("%d repeats, %d when all were prepared: nothing was let go", got.Repeats, want.Repeats)
	}
	if got.Digest != want.Digest || got.Parts[0].Rows != want.Parts[0].Rows {
		t.Errorf("%d rows and digest %s, %d and %s when all were prepared", got.Parts[0].Rows, got.Digest, want.Parts[0].Rows, want.Digest)
	}
	if n := want.Parts[0].Rows; n < 400 || n > 600 {
		t.Errorf("%d rows of 1,999 in a quarter", n)
	}
}

// What is remembered of a file is remembered of it as one declaration reads it.
func TestAFileIsRememberedByDeclaration(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "visits.csv"), hourly(10))
	p, _ := preparer(t)
	moved := visits(dir)
	moved.Data.Time = &rondo.Time{Column: "at", Zone: "Asia/Tokyo"}
	for _, spec := range []*rondo.Spec{visits(dir), moved, visits(dir)} {
		prepare(t, p, Request{Spec: spec})
	}
	if len(p.spans) != 2 {
		t.Errorf("%d spans are remembered of two declarations", len(p.spans))
	}
}
