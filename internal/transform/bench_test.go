package transform_test

import (
	"strconv"
	"testing"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/transform"
)

// BenchmarkPrepare is data preparation of flights: lookups, zones, key, checks, derive, known, three histories, features.
// Rows a second is the number that counts; 3,000,000 are all of examples/flights.
func BenchmarkPrepare(b *testing.B) {
	for _, rows := range []int{500_000, 3_000_000} {
		b.Run(strconv.Itoa(rows), func(b *testing.B) {
			raw := someFlights(rows, 250)
			lookups := map[string]*column.Table{"airport": airports(250)}
			b.ReportAllocs()
			for b.Loop() {
				prepare(b, flights(), raw, lookups)
			}
			b.ReportMetric(float64(b.N)*float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// The steps of BenchmarkPrepare one by one.
func BenchmarkSteps(b *testing.B) {
	raw := someFlights(500_000, 250)
	lookups := map[string]*column.Table{"airport": airports(250)}
	p := prepare(b, flights(), raw, lookups)
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"repeats", func() error { transform.RowHashes(raw); return nil }},
		{"rows", func() error { _, err := p.rows.Prepare(raw, true); return err }},
		{"number", func() error {
			f := *p.frame
			f.Keys = nil
			return p.rows.Number(&f, transform.NewNumbers(0))
		}},
		{"history", func() error { p.remember(b, p.frame); return nil }},
		{"fit", func() error {
			target, _ := p.rows.Target(p.frame.Table)
			_, _, err := transform.Fit(flights(), p.rows.Signature(), transform.FitInput{
				Table: p.frame.Table, Zones: p.frame.Zones, Time: p.frame.Time, Known: p.frame.Known, Keys: p.frame.Keys, Target: target,
			})
			return err
		}},
		{"apply", func() error { return p.program.Apply(p.frame.Table, p.frame.Zones, &transform.Matrix{}) }},
	} {
		b.Run(step.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := step.run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*500_000/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkOneRow is a request of one row: preparation, number, live history, features.
func BenchmarkOneRow(b *testing.B) {
	raw := someFlights(50_000, 250)
	p := prepare(b, flights(), raw, map[string]*column.Table{"airport": airports(250)})
	live := history.NewLive(p.set, history.LiveOptions{})
	f := p.frame
	if err := live.Add(history.Facts{Table: f.Table, Known: f.Known, Arrived: f.Known, Keys: f.Keys}); err != nil {
		b.Fatal(err)
	}
	one := raw.Slice(777, 778)
	numbers := transform.NewNumbers(1000)
	var m transform.Matrix
	b.ReportAllocs()
	for b.Loop() {
		f, err := p.rows.Prepare(one, false)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.rows.Number(f, numbers); err != nil {
			b.Fatal(err)
		}
		past, _, err := live.Values(f.Table, f.Time, f.Keys)
		if err != nil {
			b.Fatal(err)
		}
		for i, name := range p.set.Names() {
			f.Table.Set(name, past[i])
		}
		if err := p.program.Apply(f.Table, f.Zones, &m); err != nil {
			b.Fatal(err)
		}
	}
}
