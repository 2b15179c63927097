package loop_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/loop"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/seam/object/folder"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlite"
	"rondo.dev/rondo/internal/stage/cost"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/train"
	"rondo.dev/rondo/internal/transform"
)

// The simulated world: the loop with its real store, objects, log and serving, under a virtual clock, asked by a stream
// whose concept turns, with faults drawn from one seed. RONDO_SEED replays a printed one.

const model = "turnstile"

const declared = `apiVersion: rondo/v1
kind: Model
name: turnstile
task: {kind: binary, target: late}
data:
  source: first.csv
  time: {column: at}
  key: {columns: [id]}
  label:
    known: time + 2h
  history:
    recent: {mean: late, over: 12h}
  split: {by: time, validation: 10%, test: 20%}
train: {trainer: boosted-trees, window: 28d, refit: promotion, trees: 9, leaves: 5, rate: 0.3}
decide: {threshold: min-cost, cost: {fp: $1, fn: $3}}
evaluate:
  primary: log-loss
  bars:
    - auc >= 0.6
    - auc >= champion - 0.2
deploy:
  rollout: {prove: not-worse, margin: 5%, shadow: {until: decided, atMost: 28d}, canary: [10%, 50%], watch: 7d}
monitor: {falsePerYear: 2}
retrain: {when: regret, price: $15, guards: {cooldown: 7d}}
`

// begin is when the clock starts: the file holds the month before it.
var begin = time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)

const (
	day        = 24 * time.Hour
	tick       = 6 * time.Hour // how often the world moves
	rowsOfADay = 48
	known      = 2 * time.Hour // after a row its outcome can be known
)

// world is one installation, and all that happens around it.
type world struct {
	*testing.T
	seed      seed.Seed
	dir       string
	clk       *bentClock
	exec      *trainers
	deaths    func(n int) (dies int) // at which event the n-th life ends; nil: never
	lives     int
	life      *life
	raw       *sqlite.Store // the store as it is, whoever lives
	objects   object.Store
	swept     int // objects that no row named
	store     store.Store
	log       *predlog.Log
	serve     *serve.Server
	loop      *loop.Loop
	endpoints map[rondo.Digest]*serve.Endpoint
	outcomes  []outcome
	faults    faults
	sizes     sizes
	seen      seen
	woken     bool // a person said something: the loop looks again
	out       *bytes.Buffer
}

// outcome is a word that the world will say about a prediction.
type outcome struct {
	due  time.Time
	id   serve.ID
	late bool
	size float64 // of a world of sizes
}

// faults of the data: they are the world's, so a killed installation and an undisturbed one see the same.
type faults struct {
	late, missing, corrected float64 // shares of days whose outcomes come days later, or never, or wrong at first
}

func newWorld(t *testing.T, s seed.Seed) *world {
	t.Helper()
	return newWorldOf(t, s, nil, declared)
}

func newWorldOf(t *testing.T, s seed.Seed, sizes sizes, declared string) *world {
	t.Helper()
	w := &world{T: t, seed: s, sizes: sizes, dir: memoryDir(t), clk: &bentClock{Virtual: clock.NewVirtual(begin)}, exec: newTrainers(), out: &bytes.Buffer{}}
	w.seen = newSeen()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the seed was %d: RONDO_SEED=%[1]d go test -run '%s' ./internal/loop\nit is %s\n%s\n%s",
				uint64(s), t.Name(), w.clk.Now().Format(time.DateTime), strings.Join(w.story(), "\n"), tail(w.out))
		}
		w.close()
	})
	var file bytes.Buffer
	file.WriteString("id,at,x,y,late\n")
	for d := -31; d < 0; d++ {
		for _, r := range w.rows(d) {
			file.WriteString(r.cells())
		}
	}
	w.must(os.WriteFile(filepath.Join(w.dir, "first.csv"), file.Bytes(), 0o600))
	w.open()
	w.apply(declared)
	return w
}

// memoryDir is a folder in memory where the machine has one: kills here are of processes, not of power.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "rondo-world-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func tail(b *bytes.Buffer) []byte {
	const most = 6000
	return b.Bytes()[max(0, b.Len()-most):]
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("at %s: %v", w.clk.Now().Format(time.DateTime), err)
	}
}

// open starts a life: everything is built anew from what lies on disk.
func (w *world) open() {
	w.Helper()
	ctx := context.Background()
	w.life = &life{after: w.look}
	if w.deaths != nil {
		w.life.dies = w.deaths(w.lives)
	}
	w.lives++
	var err error
	w.raw, err = sqlite.Open(ctx, filepath.Join(w.dir, "rondo.db"), w.clk, sqlite.Options{Readers: 2})
	w.must(err)
	w.store = mortalStore{w.raw, w.life}
	w.objects, err = folder.Open(filepath.Join(w.dir, "objects"), w.clk)
	w.must(err)
	w.log, err = predlog.Open(filepath.Join(w.dir, "log"), w.clk, predlog.Options{SegmentBytes: 4 << 20})
	w.must(err)
	w.serve = serve.New(w.log, w.clk, serve.Options{})
	w.endpoints = map[rondo.Digest]*serve.Endpoint{}
	w.loop = w.conductor("loop", w.exec, w.clk)
	w.must(w.raw.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Steps().FreeWorkersExcept("")
		return err
	}))
	w.sweep() // a step that was cut off is done again, and puts what it needs
	w.must(w.refresh(ctx))
}

// conductor makes a loop on this world's parts.
func (w *world) conductor(worker string, exec *trainers, clk clock.Clock) *loop.Loop {
	objects := mortalObjects{w.objects, w.life}
	return loop.New(loop.Parts{
		Store: w.store, Objects: objects, Data: data.New(csvEngine{w.sizes}, objects, data.Options{Temp: w.dir}),
		Train:   train.New(exec, objects, train.Options{Command: []string{"trainer"}, Dir: filepath.Join(w.dir, "runs")}),
		Runtime: native.New(native.Options{}), Log: w.log, Clock: clk, Prices: cost.Prices{CPUHour: 1000 * rondo.Dollar, Known: true},
		Logger: slog.New(slog.NewTextHandler(w.out, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, loop.Options{Worker: worker, Seed: w.seed, Threads: 1, RouteChanged: w.refresh})
}

// close ends a life without a word to anybody; the log is left as a kill leaves it.
func (w *world) close() {
	if w.raw != nil {
		_ = w.raw.Close()
	}
}

// refresh renews serving's routes, as app does.
func (w *world) refresh(ctx context.Context) error {
	if w.life.ended() {
		return errDead
	}
	if w.life.deaf {
		return rondo.Errorf(rondo.Unavailable, "the versions cannot be loaded")
	}
	table := serve.Table{}
	var route store.Route
	var m store.Model
	var versions [2]*rondo.Version
	var ds *rondo.Dataset
	err := w.raw.Read(ctx, func(tx store.Tx) error {
		routes, err := tx.Versions().Routes()
		if err != nil || len(routes) == 0 {
			return err
		}
		route = routes[0]
		if versions[0], err = tx.Versions().Get(route.Champion); err != nil {
			return err
		}
		if route.Challenger != "" && route.Share > 0 {
			if versions[1], err = tx.Versions().Get(route.Challenger); err != nil {
				return err
			}
		}
		if m, err = tx.Models().Revision(model, versions[0].Revision); err != nil {
			return err
		}
		ds, err = tx.Records().Dataset(versions[0].Dataset)
		return err
	})
	if err != nil || versions[0] == nil {
		return err
	}
	out := serve.Route{Generation: route.Generation, Share: route.Share, Salt: route.Salt}
	if out.Endpoint, err = w.endpoint(ctx, m, versions[0], ds); err != nil {
		return err
	}
	if out.Champion, err = w.version(ctx, versions[0]); err != nil {
		return err
	}
	if versions[1] != nil {
		if out.Challenger, err = w.version(ctx, versions[1]); err != nil {
			return err
		}
	}
	table[model] = out
	return w.serve.Swap(ctx, table)
}

func (w *world) endpoint(ctx context.Context, m store.Model, v *rondo.Version, ds *rondo.Dataset) (*serve.Endpoint, error) {
	if e := w.endpoints[v.Spec]; e != nil {
		return e, nil
	}
	rows, err := data.New(csvEngine{w.sizes}, w.objects, data.Options{}).Rows(ctx, m.Spec, ds)
	if err != nil {
		return nil, err
	}
	types := map[string]column.Type{}
	for _, c := range rows.Signature().Columns {
		types[c.Name] = c.Type
	}
	set, err := history.Compile(m.Spec.Data.History, types)
	if err != nil {
		return nil, err
	}
	facts, err := data.Facts(ctx, w.objects, ds)
	if err != nil {
		return nil, err
	}
	e, err := w.serve.Open(ctx, serve.Model{Spec: m.Spec, Revision: m.Revision, Rows: rows, Signature: rows.Signature(), History: set, Facts: facts})
	if err == nil {
		clear(w.endpoints)
		w.endpoints[v.Spec] = e
	}
	return e, err
}

func (w *world) version(ctx context.Context, v *rondo.Version) (*serve.Version, error) {
	b, err := w.objects.Get(ctx, v.Transform)
	if err != nil {
		return nil, err
	}
	program, err := transform.Load(b)
	if err != nil {
		return nil, err
	}
	if b, err = w.objects.Get(ctx, v.Artefact); err != nil {
		return nil, err
	}
	loaded, err := native.New(native.Options{}).Load(ctx, b)
	return &serve.Version{ID: v.ID, Number: v.Number, Program: program, Model: loaded, Threshold: v.Threshold}, err
}

// apply declares, as a person does.
func (w *world) apply(text string) {
	w.Helper()
	spec, err := modelfile.Parse("model.yaml", []byte(text))
	w.must(err)
	spec.Dir = w.dir
	w.must(w.raw.Write(context.Background(), func(tx store.Tx) error {
		_, _, err := tx.Models().Apply(spec, modelfile.Digest(spec), spec.Dir)
		return err
	}))
}

// rows are the questions of a day, counted from begin. The boundary between late and not turns once in 160 days.
func (w *world) rows(d int) []row {
	rng := w.seed.Rand("rows", strconv.Itoa(d))
	out := make([]row, rowsOfADay)
	angle := 2 * math.Pi * float64(d) / 160
	from := begin.Add(time.Duration(d) * day)
	for i := range out {
		x, y := math.Round(rng.NormFloat64()*1000)/1000, math.Round(rng.NormFloat64()*1000)/1000
		late := 2.5*(x*math.Cos(angle)+y*math.Sin(angle))-0.5 > math.Log(1/rng.Float64()-1)
		at := from.Add(time.Duration(i)*day/rowsOfADay + time.Duration(rng.IntN(20))*time.Minute)
		out[i] = row{id: int64(d*rowsOfADay + i), at: at, x: x, y: y, late: late}
	}
	return out
}

// tick moves the world by six hours: rows are asked, outcomes told, and the loop works until it is idle.
func (w *world) tick() {
	w.Helper()
	from := w.clk.Virtual.Now()
	to := from.Add(tick)
	w.clk.Set(to)
	w.ask(from, to)
	w.tell(to)
	w.settle()
}

// days lets so many of them pass, and looks at everything once a day.
func (w *world) days(n int) {
	w.Helper()
	for range n {
		for range int(day / tick) {
			w.tick()
		}
		w.check()
	}
}

// ask asks the rows of (from, to] in one request, and plans what will be said about them.
func (w *world) ask(from, to time.Time) {
	w.Helper()
	var rows []row
	for d := int(from.Sub(begin) / day); d <= int(to.Sub(begin)/day); d++ {
		for _, r := range w.rows(d) {
			if r.at.After(from) && !r.at.After(to) {
				rows = append(rows, r)
			}
		}
	}
	answer, err := w.serve.Predict(context.Background(), model, tableOf(rows, false, w.sizes), serve.Meta{})
	switch rondo.KindOf(err) {
	case rondo.NotFound, rondo.Invalid: // nobody answers yet; or the installation's clock is behind
		return
	}
	w.must(err)
	w.must(w.log.Sync(context.Background()))
	for i, p := range answer.Predictions {
		w.plan(rows[i], p.ID)
	}
}

func (w *world) plan(r row, id serve.ID) {
	d := int(r.at.Sub(begin) / day)
	chance := w.seed.Rand("outcomes", strconv.Itoa(d)).Float64()
	due := r.at.Add(known)
	if w.sizes != nil {
		w.outcomes = append(w.outcomes, outcome{due: due, id: id, size: w.sizes(r)})
		return
	}
	switch f := w.faults; {
	case chance < f.late:
		w.outcomes = append(w.outcomes, outcome{due.Add(time.Duration(1+w.seed.Uint64("late", strconv.Itoa(d))%5) * day), id, r.late, 0})
		return
	case chance < f.late+f.missing:
		return
	case chance < f.late+f.missing+f.corrected:
		w.outcomes = append(w.outcomes, outcome{due, id, !r.late, 0}, outcome{due.Add(9 * time.Hour), id, r.late, 0})
		return
	}
	w.outcomes = append(w.outcomes, outcome{due, id, r.late, 0})
}

// tell says what is due.
func (w *world) tell(to time.Time) {
	w.Helper()
	slices.SortStableFunc(w.outcomes, func(a, b outcome) int { return a.due.Compare(b.due) })
	n := 0
	for n < len(w.outcomes) && !w.outcomes[n].due.After(to) {
		n++
	}
	if n == 0 {
		return
	}
	labels := serve.Labels{Outcome: &column.Table{}}
	late, size := column.New(column.Bool, n), column.New(column.Float64, n)
	for i, o := range w.outcomes[:n] {
		labels.IDs = append(labels.IDs, o.id)
		late.Bools[i], size.Floats[i] = o.late, o.size
	}
	if labels.Outcome.Set("late", late); w.sizes != nil {
		labels.Outcome = &column.Table{}
		labels.Outcome.Set("size", size)
	}
	w.outcomes = w.outcomes[n:]
	_, err := w.serve.Feedback(context.Background(), model, labels, serve.Meta{})
	w.must(err)
}

// settle lets the loop work until it is idle, through as many lives as that takes. With a full disk it gives up.
func (w *world) settle() {
	w.Helper()
	for {
		err := w.loop.RunUntilIdle(context.Background())
		switch {
		case w.life.ended():
			w.close()
			w.open()
			continue
		case w.life.isFull():
			return
		}
		w.must(err)
		if !w.woken {
			return
		}
		w.woken = false
	}
}

// story is what an installation came to: the same for a killed one as for an undisturbed one.
func (w *world) story() (lines []string) {
	w.Helper()
	w.must(w.raw.Read(context.Background(), func(tx store.Tx) error {
		versions, err := tx.Versions().List(model)
		if err != nil {
			return err
		}
		for _, v := range versions {
			lines = append(lines, fmt.Sprintf("%s %s %s", v.ID, v.State, v.Digest.Short()))
		}
		decisions, err := tx.Decisions().List(model, 0)
		for _, d := range decisions {
			lines = append(lines, fmt.Sprintf("%s %s: %s %s", d.At.Format(time.DateTime), d.Rule, d.Outcome, d.Version))
		}
		return err
	}))
	return lines
}

// seeds are those to try, or the one that RONDO_SEED names.
func seeds(t *testing.T, n int) []seed.Seed {
	t.Helper()
	if text := os.Getenv("RONDO_SEED"); text != "" {
		one, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []seed.Seed{seed.Seed(one)}
	}
	out := make([]seed.Seed, n)
	for i := range out {
		out[i] = seed.Seed(i + 1)
	}
	return out
}

// least is how many days or seeds a short run has, and how many a whole one.
func least(short, whole int) int {
	if testing.Short() {
		return short
	}
	return whole
}
