package loop_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/seam/executor"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/train/boosted"
)

// errDead is what everything gives in a life that has ended.
var errDead = errors.New("the process was killed")

// life is one process: it passes events (a commit is two, before and after it; an object put is one) and dies at one of them.
type life struct {
	mu        sync.Mutex
	passed    int
	dies      int // at this event; 0: never
	dead      bool
	full      bool                 // the disk cannot be written
	blind     bool                 // objects cannot be read
	deaf      bool                 // serving cannot load what a new route names
	refuse    func(store.Tx) error // of a commit, after its work
	after     func()               // after each commit
	soon      int                  // so many writes from now meanwhile happens
	meanwhile func()
}

// pass counts an event; from the fatal one on everything fails, and what has to be written fails while the disk is full.
func (l *life) pass() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errDead
	}
	if l.passed++; l.passed == l.dies {
		l.dead = true
		return errDead
	}
	if l.full {
		return rondo.Errorf(rondo.Unavailable, "no room on the disk")
	}
	return nil
}

// kill lets the life end at the n-th event from now; 0: it does not.
func (l *life) kill(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dies = 0; n > 0 {
		l.dies = l.passed + n
	}
}

// before lets f happen just before the n-th write from now.
func (l *life) before(n int, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.soon, l.meanwhile = n, f
}

func (l *life) comes() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.soon--; l.soon != 0 || l.dead {
		return nil
	}
	return l.meanwhile
}

func (l *life) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *life) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full
}

func (l *life) fill(full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = full
}

// mortalStore is a store as a process sees it that may die at any commit, on a disk that may be full.
type mortalStore struct {
	store.Store
	life *life
}

func (s mortalStore) Write(ctx context.Context, f func(store.Tx) error) error {
	if f := s.life.comes(); f != nil {
		f()
	}
	if err := s.life.pass(); err != nil {
		return err
	}
	err := s.Store.Write(ctx, func(tx store.Tx) error {
		if err := f(tx); err != nil || s.life.refuse == nil {
			return err
		}
		return s.life.refuse(tx)
	})
	if err != nil {
		return err
	}
	if s.life.after != nil {
		s.life.after()
	}
	return s.life.pass()
}

func (s mortalStore) Read(ctx context.Context, f func(store.Tx) error) error {
	if s.life.ended() {
		return errDead
	}
	return s.Store.Read(ctx, f)
}

// mortalObjects are objects as that process sees them.
type mortalObjects struct {
	object.Store
	life *life
}

func (o mortalObjects) Put(ctx context.Context, b []byte) (rondo.Digest, error) {
	if err := o.life.pass(); err != nil {
		return "", err
	}
	return o.Store.Put(ctx, b)
}

func (o mortalObjects) PutFile(ctx context.Context, path string) (rondo.Digest, error) {
	if err := o.life.pass(); err != nil {
		return "", err
	}
	return o.Store.PutFile(ctx, path)
}

func (o mortalObjects) Get(ctx context.Context, d rondo.Digest) ([]byte, error) {
	o.life.mu.Lock()
	dead, blind := o.life.dead, o.life.blind
	o.life.mu.Unlock()
	switch {
	case dead:
		return nil, errDead
	case blind:
		return nil, rondo.Errorf(rondo.Unavailable, "the disk cannot be read")
	}
	return o.Store.Get(ctx, d)
}

// bentClock is a virtual clock that may be set back: the installation sees it, the world goes on.
type bentClock struct {
	*clock.Virtual
	frozen time.Time // not zero: what a process that was stopped still sees
	mu     sync.Mutex
	off    time.Duration
}

func (b *bentClock) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.frozen.IsZero() {
		return b.frozen
	}
	return b.Virtual.Now().Add(b.off)
}

func (b *bentClock) bend(off time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.off = off
}

func (b *bentClock) Until(ctx context.Context, t time.Time) error {
	if !b.frozen.IsZero() {
		<-ctx.Done()
		return ctx.Err()
	}
	b.mu.Lock()
	off := b.off
	b.mu.Unlock()
	return b.Virtual.Until(ctx, t.Add(-off))
}

// trainers is an executor whose jobs train in this process and outlive the lives that started them.
type trainers struct {
	mu     sync.Mutex
	jobs   map[string]*training
	starts map[string]int
	// exit says how the n-th start of a job ends, from 1: 0 trains. Nil: all train.
	exit func(name string, n int) int
	// hold, when set, keeps every training from ending until it is closed.
	hold chan struct{}
	held chan struct{} // told of each job that is held
}

type training struct {
	attempt int
	done    chan struct{}
	lines   [][]byte
	result  executor.Result
}

func newTrainers() *trainers {
	return &trainers{jobs: map[string]*training{}, starts: map[string]int{}, held: make(chan struct{}, 8)}
}

func (e *trainers) Start(ctx context.Context, s executor.Spec) (executor.Job, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.jobs[s.Name]; known != nil && known.attempt > s.Attempt {
		return nil, rondo.Errorf(rondo.Conflict, "job %s: attempt %d is late, attempt %d exists", s.Name, s.Attempt, known.attempt)
	}
	t := &training{attempt: s.Attempt, done: make(chan struct{})}
	e.jobs[s.Name] = t
	e.starts[s.Name]++
	exit := 0
	if e.exit != nil {
		exit = e.exit(s.Name, e.starts[s.Name])
	}
	go t.run(s, exit, e.hold)
	if e.hold != nil {
		e.held <- struct{}{}
	}
	return t, nil
}

// wait returns when a job is held.
func (e *trainers) wait() { <-e.held }

func (t *training) run(s executor.Spec, exit int, hold chan struct{}) {
	defer close(t.done)
	if hold != nil {
		<-hold
	}
	t.result = executor.Result{Exit: exit, CPU: 10 * time.Millisecond, CPUKnown: true, Tail: []string{"the fault of this world"}}
	if exit != 0 {
		return
	}
	env := map[string]string{}
	for _, pair := range s.Env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	err := boosted.Train(context.Background(), func(name string) string { return env[name] }, func(line []byte) {
		t.lines = append(t.lines, line)
		if s.Line != nil {
			s.Line(line)
		}
	})
	if err != nil {
		t.result.Exit, t.result.Tail = boosted.ExitCode(err), []string{err.Error()}
	}
}

func (t *training) Wait(ctx context.Context) (executor.Result, error) {
	select {
	case <-t.done:
		return t.result, nil
	case <-ctx.Done():
		return executor.Result{}, ctx.Err()
	}
}

func (t *training) Stop() error { return nil }

func (t *training) PID() int { return 0 }

func (e *trainers) Adopt(ctx context.Context, name string, line func([]byte)) (executor.Job, int, error) {
	e.mu.Lock()
	t := e.jobs[name]
	e.mu.Unlock()
	if t == nil {
		return nil, 0, executor.ErrNotFound
	}
	if _, err := t.Wait(ctx); err != nil {
		return nil, 0, err
	}
	for _, l := range t.lines {
		if line != nil {
			line(l)
		}
	}
	return t, t.attempt, nil
}

func (e *trainers) Sweep(context.Context, func(string, int) bool) error { return nil }

// csvEngine reads the world's one kind of file in this process. In a world of sizes their outcome is a number.
type csvEngine struct{ sizes sizes }

func (e csvEngine) Describe(context.Context, engine.Source) ([]engine.Field, int64, error) {
	outcome := engine.Field{Name: "late", Type: column.Bool}
	if e.sizes != nil {
		outcome = engine.Field{Name: "size", Type: column.Float64}
	}
	return []engine.Field{{Name: "id", Type: column.Int64}, {Name: "at", Type: column.Timestamp}, {Name: "x", Type: column.Float64},
		{Name: "y", Type: column.Float64}, outcome}, -1, nil
}

func (e csvEngine) Read(_ context.Context, s engine.Source) iter.Seq2[engine.Batch, error] {
	return func(yield func(engine.Batch, error) bool) {
		for _, path := range s.Files {
			t, err := readCSV(path, e.sizes)
			if !yield(engine.Batch{File: path, Table: t}, err) || err != nil {
				return
			}
		}
	}
}

func readCSV(path string, sizes sizes) (*column.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []row
	for r := csv.NewReader(f); ; {
		cells, err := r.Read()
		if err == io.EOF {
			return tableOf(rows, true, sizes), nil
		}
		if err != nil {
			return nil, err
		}
		if cells[0] == "id" {
			continue
		}
		one, err := parseRow(cells)
		if err != nil {
			return nil, err
		}
		rows = append(rows, one)
	}
}

// row is one question of the world, with its outcome.
type row struct {
	id   int64
	at   time.Time
	x, y float64
	late bool
}

func (r row) cells() string {
	return fmt.Sprintf("%d,%s,%v,%v,%v\n", r.id, r.at.Format(time.RFC3339), r.x, r.y, r.late)
}

func parseRow(cells []string) (r row, err error) {
	var errs [5]error
	r.id, errs[0] = strconv.ParseInt(cells[0], 10, 64)
	r.at, errs[1] = time.Parse(time.RFC3339, cells[1])
	r.x, errs[2] = strconv.ParseFloat(cells[2], 64)
	r.y, errs[3] = strconv.ParseFloat(cells[3], 64)
	r.late, errs[4] = strconv.ParseBool(cells[4])
	return r, errors.Join(errs[:]...)
}

func tableOf(rows []row, outcome bool, sizes sizes) *column.Table {
	n := len(rows)
	id, at := column.New(column.Int64, n), column.New(column.Timestamp, n)
	x, y := column.New(column.Float64, n), column.New(column.Float64, n)
	late := column.New(column.Bool, n)
	for i, r := range rows {
		id.Ints[i], at.Ints[i], x.Floats[i], y.Floats[i], late.Bools[i] = r.id, r.at.UnixMicro(), r.x, r.y, r.late
	}
	t := &column.Table{}
	t.Set("id", id)
	t.Set("at", at)
	t.Set("x", x)
	t.Set("y", y)
	switch {
	case outcome && sizes != nil:
		size := column.New(column.Float64, n)
		for i, r := range rows {
			size.Floats[i] = sizes(r)
		}
		t.Set("size", size)
	case outcome:
		t.Set("late", late)
	}
	return t
}

// sizes are the outcomes of a world that asks for a number; nil asks whether it will be late.
type sizes func(row) float64
