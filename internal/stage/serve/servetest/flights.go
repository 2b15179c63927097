// Package servetest makes flights that never flew: a declaration like that of examples/flights with its compiled rows, a
// trained version and rows to ask, for tests and benches of the request path. The same seed gives the same flights.
package servetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"rondo.dev/rondo/boost"
	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/transform"
)

// Name of the model.
const Name = "late-arrivals"

// Start is the departure of the first flight.
var Start = time.Date(2001, 1, 1, 6, 0, 0, 0, time.UTC)

var airports = [...]struct{ code, zone string }{
	{"JFK", "America/New_York"}, {"ORD", "America/Chicago"}, {"DEN", "America/Denver"}, {"LAX", "America/Los_Angeles"},
	{"SEA", "America/Los_Angeles"}, {"ATL", "America/New_York"}, {"PHX", "America/Phoenix"}, {"HNL", "Pacific/Honolulu"},
}

// Flights is the model with everything that serving needs.
type Flights struct {
	Model     serve.Model
	Program   *transform.Program
	Artefact  []byte
	Threshold float64
	features  []string
	rng       *rand.Rand
}

// Spec is the declaration.
func Spec() *rondo.Spec {
	return &rondo.Spec{
		Name: Name,
		Task: rondo.Task{Kind: rondo.Binary, Target: "late"},
		Data: rondo.Data{
			Source: "flights.csv",
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
			Split: rondo.Split{By: rondo.ByTime, Validation: 0.1, Test: 0.2},
		},
	}
}

// New compiles the declaration and trains a version of so many trees.
func New(ctx context.Context, trees int) (*Flights, error) {
	spec := Spec()
	table := &column.Table{}
	code, zone := column.New(column.String, len(airports)), column.New(column.String, len(airports))
	for i, a := range airports {
		code.Strings[i], zone.Strings[i] = a.code, a.zone
	}
	table.Set("iata", code)
	table.Set("zone", zone)
	schema := transform.Schema{{Name: "date", Type: column.Timestamp}, {Name: "delay", Type: column.Int64},
		{Name: "distance", Type: column.Float64}, {Name: "origin", Type: column.String}, {Name: "destination", Type: column.String}}
	rows, err := transform.CompileRows(spec, schema, map[string]*column.Table{"airport": table})
	if err != nil {
		return nil, fmt.Errorf("compile the flights: %w", err)
	}
	types := map[string]column.Type{}
	for _, c := range rows.Signature().Columns {
		types[c.Name] = c.Type
	}
	set, err := history.Compile(spec.Data.History, types)
	if err != nil {
		return nil, fmt.Errorf("compile the history: %w", err)
	}
	f := &Flights{Model: serve.Model{Spec: spec, Revision: 1, Rows: rows, History: set}, Threshold: 0.3, rng: seed.Seed(1).Rand("flights")}
	return f, f.train(ctx, trees)
}

func (f *Flights) train(ctx context.Context, trees int) error {
	raw := f.Rows(Start.AddDate(0, 0, -20), 20_000)
	delays := f.Delays(raw)
	all := raw.Shallow()
	all.Set("delay", delays)
	frame, err := f.Model.Rows.Prepare(all, true)
	if err != nil {
		return fmt.Errorf("prepare the flights: %w", err)
	}
	if err := f.Model.Rows.Number(frame, transform.NewNumbers(0)); err != nil {
		return err
	}
	late := frame.Table.Column("late")
	facts := history.Facts{Table: frame.Table, Known: frame.Known, Arrived: frame.Known, Keys: frame.Keys}
	past, err := f.Model.History.Columns(frame.Table, frame.Time, frame.Keys, facts)
	if err != nil {
		return fmt.Errorf("history of the flights: %w", err)
	}
	for i, name := range f.Model.History.Names() {
		frame.Table.Set(name, past[i])
	}
	f.Model.Signature = f.Model.Rows.Signature().Observe(all)
	in := transform.FitInput{Table: frame.Table, Zones: frame.Zones, Time: frame.Time, Known: frame.Known, Keys: frame.Keys, Target: late}
	program, m, err := transform.Fit(f.Model.Spec, f.Model.Rows.Signature(), in)
	if err != nil {
		return fmt.Errorf("fit the flights: %w", err)
	}
	d := boost.Data{Features: m.Features, Rows: m.Rows, Values: m.Values, Labels: make([]float64, m.Rows)}
	for i, x := range late.Bools {
		if x {
			d.Labels[i] = 1
		}
	}
	p := boost.DefaultParams(boost.Binary)
	p.Trees = trees
	model, err := boost.Train(ctx, p, d, nil, nil)
	if err != nil {
		return fmt.Errorf("train the flights: %w", err)
	}
	f.Program, f.features = program, m.Features
	f.Artefact, err = model.MarshalBinary()
	return err
}

// Version loads the trained version under a number.
func (f *Flights) Version(ctx context.Context, runtime predict.Runtime, number int) (*serve.Version, error) {
	m, err := runtime.Load(ctx, f.Artefact)
	if err != nil {
		return nil, fmt.Errorf("load the flights: %w", err)
	}
	return &serve.Version{ID: rondo.NewVersionID(Name, number), Number: number, Program: f.Program, Model: m, Threshold: &f.Threshold}, nil
}

// Rows are n flights from an instant on, a few a minute.
func (f *Flights) Rows(from time.Time, n int) *column.Table {
	date, distance := column.New(column.Timestamp, n), column.New(column.Float64, n)
	origin, destination := column.New(column.String, n), column.New(column.String, n)
	for i := range n {
		a, b := f.rng.IntN(len(airports)), f.rng.IntN(len(airports))
		// Local time at the origin, about right: standard time all year.
		hours := [...]int{-5, -6, -7, -8, -8, -5, -7, -10}[a]
		at := from.Add(time.Duration(i/3) * time.Minute).Add(time.Duration(hours) * time.Hour)
		date.Ints[i] = at.UnixMicro()
		distance.Floats[i] = float64(100 + f.rng.IntN(2500))
		origin.Strings[i], destination.Strings[i] = airports[a].code, airports[b].code
	}
	t := &column.Table{}
	t.Set("date", date)
	t.Set("distance", distance)
	t.Set("origin", origin)
	t.Set("destination", destination)
	return t
}

// Delays are how late the flights of rows land: some airports and evenings are worse.
func (f *Flights) Delays(rows *column.Table) *column.Vector {
	out := column.New(column.Int64, rows.Rows())
	origin, date := rows.Column("origin"), rows.Column("date")
	for i := range out.Ints {
		hour := time.UnixMicro(date.Ints[i]).UTC().Hour()
		bad := float64(hour)/2 + float64(origin.Strings[i][0]%5)*3
		out.Ints[i] = int64(f.rng.NormFloat64()*12 + bad - 5)
	}
	return out
}

// Served opens the model on a server and routes it to version 1.
func (f *Flights) Served(ctx context.Context, s *serve.Server, runtime predict.Runtime) (*serve.Endpoint, error) {
	e, err := s.Open(ctx, f.Model)
	if err != nil {
		return nil, err
	}
	v, err := f.Version(ctx, runtime, 1)
	if err != nil {
		return nil, err
	}
	return e, s.Swap(ctx, serve.Table{Name: {Endpoint: e, Generation: 1, Champion: v}})
}
