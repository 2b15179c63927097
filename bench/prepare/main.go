// Command prepare measures how fast the 3,000,000 flights become a dataset: read, checked, keyed, dated, given their
// history and features, split and written; and what it takes in memory.
//
//	go run ./bench/prepare [-source "2001-*.parquet"]
//
// The program is its own engine child. Memory is the peak of this process and of the largest child, added.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/modelfile"
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
	p := data.New(duckdb.New([]string{self, "engine-child"}, duckdb.Options{}), objects, data.Options{Temp: dir})
	watch := clock.Start()
	d, err := p.Prepare(context.Background(), data.Request{Spec: spec, Now: time.Date(2001, 7, 2, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return nil, err
	}
	r := &report{Rows: int64(d.Read), Seconds: watch.Elapsed().Seconds()}
	r.Rate = float64(r.Rows) / r.Seconds
	var cpu time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return nil, err
		}
		r.Peak += float64(u.Maxrss) / 1024 // KiB on Linux
		cpu += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	r.CPURate = float64(r.Rows) / cpu.Seconds()
	return r, nil
}
