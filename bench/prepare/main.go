// Command prepare measures how fast the 3,000,000 flights become a dataset: read, checked, keyed, dated, given their
// history and features, split and written; and what it takes in memory.
//
//	go run ./bench/prepare [-source "2001-*.parquet"]
//
// The program is its own engine child. Memory is the peak of this process and of the largest child, added. Beside it stands
// what the same run needs to read the files alone, each batch thrown away: the ratio hardly depends on the machine.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
	"rondo.dev/rondo/internal/seam/object/folder"
	"rondo.dev/rondo/internal/stage/data"
)

// report is the document.
type report struct {
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rows_per_second"`
	CPURate float64 `json:"rows_per_cpu_second"` // what other work on the machine hardly changes
	Peak    float64 `json:"peak_mib"`
	Read    float64 `json:"read_rows_per_cpu_second"` // reading alone
	Ratio   float64 `json:"cpu_ratio"`                // CPU of reading alone to that of preparing
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "engine-child" {
		os.Exit(duckdb.Main(nil))
	}
	model := flag.String("model", "examples/flights/model.yaml", "the declaration")
	source := flag.String("source", "2001-*.parquet", "the flights, beside it")
	flag.Parse()
	r, err := prepare(*model, *source)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func prepare(model, source string) (*report, error) {
	spec, err := modelfile.Load(model)
	if err != nil {
		return nil, err
	}
	spec.Data.Source, spec.Train.Window = source, 0
	dir, err := os.MkdirTemp("", "rondo-prepare")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	objects, err := folder.Open(dir, clock.Wall{})
	if err != nil {
		return nil, err
	}
	eng := duckdb.New([]string{self, "engine-child"}, duckdb.Options{})
	read, rows, err := readAlone(eng, filepath.Join(spec.Dir, source))
	if err != nil {
		return nil, err
	}
	p := data.New(eng, objects, data.Options{Temp: dir})
	var memory app.Frugal // as the program prepares
	ended := memory.Begin()
	from, watch := used(), clock.Start()
	d, err := p.Prepare(context.Background(), data.Request{Spec: spec, Now: time.Date(2001, 7, 2, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return nil, err
	}
	now := used()
	ended()
	r := &report{Rows: int64(d.Read), Seconds: watch.Elapsed().Seconds(), Peak: now.peak}
	r.Rate = float64(r.Rows) / r.Seconds
	r.CPURate, r.Read = float64(r.Rows)/(now.cpu-from.cpu).Seconds(), float64(rows)/read.Seconds()
	r.Ratio = r.CPURate / r.Read
	return r, nil
}

// readAlone is the CPU time that reading takes, and how many rows there are.
func readAlone(eng engine.Engine, pattern string) (cpu time.Duration, rows int, err error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return 0, 0, err
	}
	from := used()
	for b, err := range eng.Read(context.Background(), engine.Source{Files: files}) {
		if err != nil {
			return 0, 0, err
		}
		rows += b.Table.Rows()
	}
	return used().cpu - from.cpu, rows, nil
}

// usage is what this process and its children have used until now; peaks in MiB, the largest child's.
type usage struct {
	cpu  time.Duration
	peak float64
}

func used() (sum usage) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil { // it has no other error than a wrong who
			sum.cpu += time.Duration(u.Utime.Nano() + u.Stime.Nano())
			sum.peak += float64(u.Maxrss) / 1024 // KiB on Linux
		}
	}
	return sum
}
