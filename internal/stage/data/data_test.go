package data

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/seam/object/folder"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "engine-child" {
		os.Exit(duckdb.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func preparer(t testing.TB) (*Preparer, object.Store) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := folder.Open(filepath.Join(t.TempDir(), "objects"), clock.Wall{})
	if err != nil {
		t.Fatal(err)
	}
	return New(duckdb.New([]string{self, "engine-child"}, duckdb.Options{}), objects, Options{Temp: t.TempDir()}), objects
}

// flights is the declaration of examples/flights.
func flights(source string) *rondo.Spec {
	over := 3 * time.Hour
	return &rondo.Spec{
		Name: "late-arrivals", Task: rondo.Task{Kind: rondo.Binary, Target: "late"}, Dir: "../../../examples/flights",
		Data: rondo.Data{
			Source: source,
			Time:   &rondo.Time{Column: "date", ZoneColumn: "zone"},
			Key:    &rondo.Key{Columns: []string{"date", "origin", "destination"}, Number: "nth"},
			Lookup: []rondo.Lookup{{Name: "airport", From: "airports.csv", On: []rondo.Pair{{Column: "origin", To: "iata"}}, Take: []string{"zone"}}},
			Checks: []string{"distance between 10 and 6000", "origin is not null"}, BatchChecks: []string{"median(distance) within 25% of profile"},
			Derive: []rondo.Named{{Name: "late", Expr: "delay > 15"}},
			Label:  &rondo.Label{Known: "time + distance / 7.5 * 1m + 30m"},
			History: []rondo.History{
				{Name: "origin_late_3h", Aggregate: rondo.Mean, Of: "late", By: []string{"origin"}, Over: over},
				{Name: "dest_late_3h", Aggregate: rondo.Mean, Of: "late", By: []string{"destination"}, Over: over},
				{Name: "anywhere_late_3h", Aggregate: rondo.Mean, Of: "late", Over: over}},
			Features: []rondo.FeatureStep{{Expr: &rondo.Named{Name: "minute_of_day", Expr: "hour(date) * 60 + minute(date)"}},
				{Encode: []rondo.Column{{Column: "origin", How: "target"}, {Column: "destination", How: "target"}}}},
			Drop:  []string{"zone"},
			Split: rondo.Split{By: rondo.ByTime, Validation: 0.1, Test: 0.2},
		},
		Train: rondo.Train{Window: 31 * 24 * time.Hour},
	}
}

func july() time.Time { return time.Date(2001, 7, 2, 0, 0, 0, 0, time.UTC) }

// BenchmarkFlights prepares all 3,000,000 flights as one window.
func BenchmarkFlights(b *testing.B) {
	p, _ := preparer(b)
	spec := flights("2001-*.parquet")
	spec.Train.Window = 0
	for b.Loop() {
		if _, err := p.Prepare(context.Background(), Request{Spec: spec, Now: july()}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(3_000_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
