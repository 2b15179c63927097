// Command secondopinion prepares examples/flights and trains on it as Rondo does, and leaves the bytes for opinion.py, which
// does the same from the declaration alone with DuckDB and LightGBM and compares. Run it by bench/secondopinion/run.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"rondo.dev/rondo/boost"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/matrix"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/seam/object/folder"
	"rondo.dev/rondo/internal/stage/data"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "engine-child" {
		os.Exit(duckdb.Main(nil))
	}
	model := flag.String("model", "examples/flights/model.yaml", "the declaration")
	source := flag.String("source", "2001-*.parquet", "the flights, beside it")
	out := flag.String("out", "", "a folder for what comes out")
	flag.Parse()
	if err := run(*model, *source, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(model, source, out string) error {
	ctx := context.Background()
	spec, err := modelfile.Load(model)
	if err != nil {
		return err
	}
	spec.Data.Source, spec.Train.Window = source, 0
	self, err := os.Executable()
	if err != nil {
		return err
	}
	objects, err := folder.Open(filepath.Join(out, "objects"), clock.Wall{})
	if err != nil {
		return err
	}
	watch := clock.Start()
	d, err := data.New(duckdb.New([]string{self, "engine-child"}, duckdb.Options{}), objects, data.Options{Temp: out}).
		Prepare(ctx, data.Request{Spec: spec, Now: time.Date(2001, 7, 2, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return err
	}
	elapsed := watch.Elapsed().Seconds()
	fmt.Printf("rondo prepared %d rows in %.1f s, %.0f rows/s\n", d.Read, elapsed, float64(d.Read)/elapsed)
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "dataset.json"), b, 0o600); err != nil {
		return err
	}
	for _, p := range d.Parts { // readable without knowing how objects are kept
		if err := export(ctx, objects, p.Object, filepath.Join(out, string(p.Name)+".blocks")); err != nil {
			return err
		}
	}
	return predict(ctx, objects, d, spec, filepath.Join(out, "test.scores"))
}

func export(ctx context.Context, objects object.Store, d rondo.Digest, path string) error {
	in, err := objects.Open(ctx, d)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, in); err != nil {
		return err
	}
	return f.Close()
}

// predict trains on the training rows and writes the probabilities of the test rows as float64, little-endian.
func predict(ctx context.Context, objects object.Store, d *rondo.Dataset, spec *rondo.Spec, path string) error {
	part := map[rondo.PartName]boost.Data{}
	for _, p := range d.Parts {
		b, err := objects.Get(ctx, p.Matrix)
		if err != nil {
			return err
		}
		m, err := matrix.Read(b)
		if err != nil {
			return err
		}
		part[p.Name] = boost.Data{Features: m.Features, Rows: m.Rows, Values: m.Values, Labels: m.Targets}
	}
	params := boost.DefaultParams(boost.Binary)
	params.Trees, params.Leaves, params.Rate, params.EarlyStop = spec.Train.Trees, spec.Train.Leaves, spec.Train.Rate, 0
	watch := clock.Start()
	model, err := boost.Train(ctx, params, part[rondo.TrainPart], nil, nil)
	if err != nil {
		return err
	}
	test := part[rondo.TestPart]
	scores := make([]float64, test.Rows)
	model.PredictBatch(test.Values, test.Rows, scores, 0)
	fmt.Printf("rondo trained %d trees of %d leaves on %d rows in %.1f s: %v\n", params.Trees, params.Leaves, part[rondo.TrainPart].Rows,
		watch.Elapsed().Seconds(), test.Features)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for _, s := range scores {
		if err := binary.Write(w, binary.LittleEndian, math.Float64bits(s)); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
