package transform_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// flights is the model of examples/flights.
func flights() *rondo.Spec {
	return &rondo.Spec{
		Name: "late-arrivals",
		Task: rondo.Task{Kind: rondo.Binary, Target: "late"},
		Data: rondo.Data{
			Source: "flights.parquet",
			Time:   &rondo.Time{Column: "date", ZoneColumn: "zone"},
			Key:    &rondo.Key{Columns: []string{"date", "origin", "destination"}, Number: "nth"},
			Lookup: []rondo.Lookup{{Name: "airport", From: "airports.csv", On: []rondo.Pair{{Column: "origin", To: "iata"}}, Take: []string{"zone"}}},
			Checks: []string{"distance between 10 and 6000", "origin is not null"},
			Derive: []rondo.Named{{Name: "late", Expr: "delay > 15"}},
			Label:  &rondo.Label{Known: "time + distance / 7.5 * 1m + 30m"},
			History: []rondo.History{
				{Name: "origin_late_3h", Aggregate: rondo.Mean, Of: "late", By: []string{"origin"}, Over: 3 * time.Hour},
				{Name: "dest_late_3h", Aggregate: rondo.Mean, Of: "late", By: []string{"destination"}, Over: 3 * time.Hour},
				{Name: "anywhere_late_3h", Aggregate: rondo.Mean, Of: "late", Over: 3 * time.Hour},
			},
			Features: []rondo.FeatureStep{
				{Expr: &rondo.Named{Name: "minute_of_day", Expr: "hour(date) * 60 + minute(date)"}},
				{Encode: []rondo.Column{{Column: "origin", How: "target"}, {Column: "destination", How: "target"}}},
			},
			Drop:  []string{"zone"},
			Split: rondo.Split{By: rondo.ByTime, Validation: 0.1, Test: 0.2},
		},
	}
}

// airports has n airports in four zones; the first of them are busy.
func airports(n int) *column.Table {
	iata, zone := column.New(column.String, n), column.New(column.String, n)
	for i := range n {
		iata.Strings[i] = fmt.Sprintf("A%02d", i)
		zone.Strings[i] = []string{"America/New_York", "America/Chicago", "America/Phoenix", "America/Los_Angeles"}[i%4]
	}
	t := &column.Table{}
	t.Set("iata", iata)
	t.Set("zone", zone)
	return t
}

// someFlights are rows like those of examples/flights: local minutes of January to June 2001, in the order of the routes.
func someFlights(rows, ports int) *column.Table {
	rng := seed.Seed(1).Rand("flights")
	names := airports(ports).Column("iata").Strings
	date, delay, distance := column.New(column.Timestamp, rows), column.New(column.Int64, rows), column.New(column.Int64, rows)
	origin, destination := column.New(column.String, rows), column.New(column.String, rows)
	start := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for i := range rows {
		date.Ints[i] = start + rng.Int64N(181*24*60)*60e6
		delay.Ints[i] = int64(rng.NormFloat64()*20) + 5
		distance.Ints[i] = 100 + rng.Int64N(2500)
		origin.Strings[i] = names[busy(rng, ports)]
		destination.Strings[i] = names[busy(rng, ports)]
	}
	t := &column.Table{}
	t.Set("date", date)
	t.Set("delay", delay)
	t.Set("distance", distance)
	t.Set("origin", origin)
	t.Set("destination", destination)
	return t
}

func busy(rng *rand.Rand, ports int) int { return min(rng.IntN(ports), rng.IntN(ports)) }

// prepared is everything that data preparation does with rows.
type prepared struct {
	rows    *transform.Rows
	set     *history.Set
	frame   *transform.Frame
	program *transform.Program
	matrix  *transform.Matrix
}

func prepare(t testing.TB, spec *rondo.Spec, raw *column.Table, lookups map[string]*column.Table) *prepared {
	t.Helper()
	p := &prepared{}
	var err error
	if p.rows, err = transform.CompileRows(spec, transform.SchemaOf(raw), lookups); err != nil {
		t.Fatal(err)
	}
	frame, err := p.rows.Prepare(raw, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.rows.Number(frame, transform.NewNumbers(0)); err != nil {
		t.Fatal(err)
	}
	if p.set, err = history.Compile(spec.Data.History, typesOf(frame.Table)); err != nil {
		t.Fatal(err)
	}
	p.frame = frame
	p.remember(t, frame)
	target, err := p.rows.Target(frame.Table)
	if err != nil {
		t.Fatal(err)
	}
	p.program, p.matrix, err = transform.Fit(spec, p.rows.Signature(), transform.FitInput{
		Table: frame.Table, Zones: frame.Zones, Time: frame.Time, Known: frame.Known, Keys: frame.Keys, Target: target,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// remember adds the history columns to a frame, with the frame's own outcomes as facts.
func (p *prepared) remember(t testing.TB, f *transform.Frame) {
	t.Helper()
	if len(p.set.Names()) == 0 {
		return
	}
	past, err := p.set.Columns(f.Table, f.Time, f.Keys, history.Facts{Table: f.Table, Known: f.Known, Arrived: f.Known, Keys: f.Keys})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range p.set.Names() {
		f.Table.Set(name, past[i])
	}
}

func typesOf(t *column.Table) map[string]column.Type {
	out := make(map[string]column.Type)
	for i, name := range t.Names {
		out[name] = t.Columns[i].Type
	}
	return out
}
