package duckdb

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/seam/engine/enginetest"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "engine-child" {
		os.Exit(Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func newEngine(t testing.TB, opt Options) *Engine {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return New([]string{self, "engine-child"}, opt)
}

func TestEngineKeepsItsPromise(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) engine.Engine { return newEngine(t, Options{}) })
}

func TestReadEndsAtItsTimeLimit(t *testing.T) {
	e := newEngine(t, Options{Time: time.Millisecond})
	_, _, err := e.Describe(context.Background(), engine.Source{Files: []string{filepath.Join(t.TempDir(), "a.csv")}})
	if err == nil || !strings.Contains(err.Error(), "not read within 1ms") {
		t.Errorf("got %v", err)
	}
}

func TestChildEndsWithItsParent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self, "engine-child")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := child.StdoutPipe(); err != nil { // nobody reads: the child stands still once the pipe is full
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(in).Encode(request{Files: flights(t), Memory: 1 << 30, Threads: 1}); err != nil {
		t.Fatal(err)
	}
	in.Close() // what the system does when the parent dies
	if _, err := child.Process.Wait(); err != nil || t.Context().Err() != nil {
		t.Error(err)
	}
}

func TestLittleMemoryIsEnoughForMuchData(t *testing.T) {
	e := newEngine(t, Options{Memory: 64 << 20, Threads: 1})
	rows := 0
	for b, err := range e.Read(context.Background(), engine.Source{Files: flights(t)[:1]}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += b.Table.Rows()
	}
	if rows != 508_239 {
		t.Errorf("%d rows", rows)
	}
}

func flights(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../../../examples/flights/2001-*.parquet")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for i, f := range files {
		if files[i], err = filepath.Abs(f); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// BenchmarkFlights reads all 3,000,000 flights.
func BenchmarkFlights(b *testing.B) {
	e := newEngine(b, Options{})
	for b.Loop() {
		rows := 0
		for batch, err := range e.Read(context.Background(), engine.Source{Files: flights(b)}) {
			if err != nil {
				b.Fatal(err)
			}
			rows += batch.Table.Rows()
		}
		if rows != 3_000_000 {
			b.Fatalf("%d rows", rows)
		}
	}
	b.ReportMetric(3_000_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
