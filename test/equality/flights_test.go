// Package equality holds what the HTTP door answers against what the same rows get in batch: probabilities and history,
// bit for bit, on real flights.
package equality

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/demo"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/zone"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
	"rondo.dev/rondo/internal/seam/executor/process"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/train/boosted"
	"rondo.dev/rondo/internal/transform"
)

// TestMain lets the test's binary be its own children, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "trainer":
			os.Exit(boosted.Main(os.Args[3:]))
		case "supervise":
			os.Exit(process.Main(os.Args[2:]))
		case "engine-child":
			os.Exit(duckdb.Main(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

const (
	model     = "late-arrivals"
	questions = 100_000
)

// february begins in the east, and no flight of it has landed: what January's file does not know is all told.
var february = time.Date(2001, 2, 1, 4, 0, 0, 0, time.UTC)

// world is an installation on a virtual clock, with January's champion.
type world struct {
	*app.App
	clock    *clock.Virtual
	spec     *rondo.Spec
	champion *rondo.Version
	dataset  *rondo.Dataset
}

// TestAnswersOverHTTPEqualTheBatchPath asks 100,000 of February's flights in order, one in four of those that fly, with
// the others as events and outcomes as feedback; then prepares January and February from the files, and scores them.
func TestAnswersOverHTTPEqualTheBatchPath(t *testing.T) {
	whole := clock.Start()
	w := open(t)
	t.Logf("a champion of January after %.1f s", whole.Elapsed().Seconds())
	watch, answers := clock.Start(), map[serve.ID]float64{}
	airline := demo.Airline{App: w.App, Clock: w.clock, Spec: w.spec, Files: filepath.Join(w.spec.Dir, "2001-0[12].parquet"), From: february, Ask: 4}
	if err := airline.Fly(t.Context(), questions, func(asked *column.Table, a *api.Predictions) error {
		if len(a.Probability) != asked.Rows() || len(a.Degraded) > 0 {
			return fmt.Errorf("%d answers to %d questions, degraded %q", len(a.Probability), asked.Rows(), a.Degraded)
		}
		for i, p := range a.Probability {
			id, err := serve.ParseID(a.IDs[i])
			if err != nil {
				return err
			}
			answers[id] = p
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(answers) < questions {
		t.Fatalf("%d ids for %d questions", len(answers), questions)
	}
	t.Logf("%d answers over HTTP in %.1f s", len(answers), watch.Elapsed().Seconds())
	watch = clock.Start()
	b := w.batch(t)
	t.Logf("%d flights in batch in %.1f s", len(b.rows), watch.Elapsed().Seconds())
	w.compare(t, answers, b)
	t.Logf("the whole test took %.1f s", whole.Elapsed().Seconds())
}

func open(t *testing.T) *world {
	dir, err := filepath.Abs("../../examples/flights")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "model.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{clock: clock.NewVirtual(february)}
	if w.spec, err = modelfile.Parse("model.yaml", text); err != nil {
		t.Fatal(err)
	}
	w.spec.Dir = dir
	w.App, err = app.Open(t.Context(), app.Config{Home: t.TempDir(), Clock: w.clock, Manual: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- w.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case err := <-ended:
		ended <- err
		t.Fatalf("the installation ended: %v", err)
	case <-ready:
	}
	if _, err := w.Client().Apply(t.Context(), control.Declaration{Name: "model.yaml", Text: text, Dir: dir}, false); err != nil {
		t.Fatal(err)
	}
	if err := w.Loop.RunUntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Store.Read(t.Context(), func(tx store.Tx) error {
		route, err := tx.Versions().Route(model)
		if err != nil {
			return err
		}
		if w.champion, err = tx.Versions().Get(route.Champion); err != nil {
			return err
		}
		w.dataset, err = tx.Records().Dataset(w.champion.Dataset)
		return err
	}); err != nil {
		t.Fatalf("no version came of January: %v", err)
	}
	return w
}

// batch is the flights of January and February as training would see them, with what the champion says.
type batch struct {
	table  *column.Table
	scores []float64
	rows   map[transform.Key]int
}

func (w *world) batch(t *testing.T) *batch {
	spec := *w.spec
	spec.Data.Source, spec.Train.Window = "2001-0[12].parquet", 0
	ds, err := w.Data.Prepare(t.Context(), data.Request{Spec: &spec, Now: february.AddDate(0, 2, 0), Split: &rondo.Split{By: rondo.ByTime}})
	if err != nil {
		t.Fatal(err)
	}
	part, err := data.OpenPart(t.Context(), w.Objects, ds, rondo.TrainPart)
	if err != nil {
		t.Fatal(err)
	}
	b := &batch{table: part.Table, scores: make([]float64, len(part.Keys)), rows: make(map[transform.Key]int, len(part.Keys))}
	for i, key := range part.Keys {
		b.rows[key] = i
	}
	program, err := transform.Load(w.object(t, w.champion.Transform))
	if err != nil {
		t.Fatal(err)
	}
	trees, err := native.New(native.Options{}).Load(t.Context(), w.object(t, w.champion.Artefact))
	if err != nil {
		t.Fatal(err)
	}
	var m transform.Matrix
	if err := program.Apply(part.Table, zones(t, part.Table.Column("zone")), &m); err != nil {
		t.Fatal(err)
	}
	if err := trees.Predict(m.Values, m.Rows, b.scores); err != nil {
		t.Fatal(err)
	}
	return b
}

func (w *world) object(t *testing.T, d rondo.Digest) []byte {
	b, err := w.Objects.Get(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zones(t *testing.T, names *column.Vector) []*time.Location {
	known, out := zone.Zones{}, make([]*time.Location, names.Len())
	for i, name := range names.Strings {
		z, err := known.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = z.Location
	}
	return out
}

// compare reads every prediction from the log, with the history that it was answered with.
func (w *world) compare(t *testing.T, answers map[serve.ID]float64, b *batch) {
	if err := w.Log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := w.Data.Rows(t.Context(), w.spec, w.dataset)
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{predlog.OutputColumn}
	for _, h := range w.spec.Data.History {
		columns = append(columns, h.Name)
	}
	compared, different, missing, some := 0, map[string]int{}, map[string]int{}, map[float64]bool{}
	for r, err := range w.Log.Scan(predlog.Query{Model: model, Kinds: []predlog.Kind{predlog.Prediction}}) {
		if err != nil {
			t.Fatal(err)
		}
		keys, err := rows.KeyOf(r.Table)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range keys {
			at, ok := b.rows[key]
			if !ok {
				missing["batch"]++
				continue
			}
			p, ok := answers[serve.ID{Offset: r.Offset, Row: uint32(i), Logged: true}]
			if !ok {
				missing["HTTP"]++
				continue
			}
			if math.Float64bits(p) != math.Float64bits(b.scores[at]) {
				different["the answer"]++
			}
			for _, name := range columns {
				served := r.Table.Column(name)
				var other *column.Vector
				if other = b.table.Column(name); name == predlog.OutputColumn {
					other = &column.Vector{Type: column.Float64, Floats: b.scores}
				}
				if served.IsNull(i) != other.IsNull(at) || !served.IsNull(i) && math.Float64bits(served.Floats[i]) != math.Float64bits(other.Floats[at]) {
					different[name]++
				}
			}
			some[b.scores[at]] = true
			compared++
		}
	}
	if compared != len(answers) || len(different) > 0 || len(missing) > 0 || len(some) < compared/10 {
		t.Fatalf("%d of %d answers compared, %d of them unlike each other: different bits %v, missing %v", compared, len(answers), len(some), different, missing)
	}
	t.Logf("%d probabilities and %d history values are the same bits", compared, compared*(len(columns)-1))
}
