package train_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/boost"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/matrix"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/executor"
	"rondo.dev/rondo/internal/seam/executor/process"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/seam/object/folder"
	"rondo.dev/rondo/internal/stage/train"
	"rondo.dev/rondo/internal/stage/train/boosted"
)

// TestMain is a supervisor, a trainer or a liar when it is told to be.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "supervise":
			os.Exit(process.Main(os.Args[2:]))
		case "trainer":
			os.Exit(boosted.Main(os.Args[3:]))
		case "server":
			os.Exit(serve(os.Args[2], os.Args[3]))
		case "liar":
			os.Exit(lie(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

// lie is a trainer that does not keep the contract.
func lie(how string) int {
	out := os.Getenv(train.EnvOut)
	switch how {
	case "nothing":
	case "no marker":
		_ = os.WriteFile(filepath.Join(out, train.ModelFile), []byte("x"), 0o600)
	case "other hash":
		_ = os.WriteFile(filepath.Join(out, train.ModelFile), []byte("x"), 0o600)
		_ = train.WriteJSON(filepath.Join(out, train.CompleteFile), train.Complete{Model: rondo.Digest(strings.Repeat("0", 64)), Bytes: 1})
	case "other features":
		m, _ := matrix.Read(matrix.Append(nil, table(rondo.Binary, 50)))
		m.Features[0] = "x"
		_ = os.WriteFile(filepath.Join(os.Getenv(train.EnvData), train.TrainFile), matrix.Append(nil, m), 0o600)
		_ = os.Remove(filepath.Join(os.Getenv(train.EnvData), train.ValidationFile))
		return boosted.Main(nil)
	case "panic":
		panic("a bug")
	case "noise":
		fmt.Println("hello\n{not json\n{\"round\": 7, \"train\": 1}\n{}")
		return boosted.Main(nil)
	}
	return 0
}

// serve is one life of a program that trains; it prints the model's digest if it lives long enough.
func serve(dir, attempt string) int {
	job := train.Job{}
	if err := train.ReadJSON(filepath.Join(dir, "job.json"), &job); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	objects, err := folder.Open(filepath.Join(dir, "objects"), clock.Wall{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	e, err := process.New(append(self(), "supervise"), filepath.Join(dir, "jobs"), process.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	job.Attempt, _ = strconv.Atoi(attempt)
	opt := train.Options{Command: append(self(), "trainer", "boosted"), Dir: filepath.Join(dir, "work")}
	fmt.Println("begin")
	run, err := train.New(e, objects, opt).Train(context.Background(), job)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(run.Artefact)
	return 0
}

// table is a matrix whose target depends on its features.
func table(kind rondo.TaskKind, rows int) *matrix.Matrix {
	m := &matrix.Matrix{Features: []string{"a", "b", "c"}, Rows: rows}
	rng := seed.Seed(1).Rand("table", string(kind))
	for range rows {
		a, b, c := rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
		m.Values = append(m.Values, float32(a), float32(b), float32(c))
		switch y := a + a*b; kind {
		case rondo.Regression:
			m.Targets = append(m.Targets, y)
		case rondo.Binary:
			m.Targets = append(m.Targets, float64(min(max(math.Ceil(y), 0), 1)))
		default:
			m.Targets = append(m.Targets, float64(min(max(math.Floor(y)+1, 0), 2)))
		}
	}
	if kind == rondo.Multiclass {
		m.Classes = []string{"early", "on time", "late"}
	}
	return m
}

// self is this binary; a child of the race detector's does not sleep a second at its end.
func self() []string { return []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", os.Args[0]} }

// world is a trainer with all it stands on.
type world struct {
	*testing.T
	dir     string
	exec    *process.Executor
	objects object.Store
	opt     train.Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir()}
	w.opt = train.Options{
		Command: append(self(), "trainer", "boosted"), Dir: filepath.Join(w.dir, "work"),
		Limits: executor.Limits{Grace: 5 * time.Second},
	}
	store, err := folder.Open(filepath.Join(w.dir, "objects"), clock.Wall{})
	if err != nil {
		t.Fatal(err)
	}
	w.objects = store
	w.restart()
	return w
}

// restart gives the world the executor of the program's next life.
func (w *world) restart() {
	w.Helper()
	e, err := process.New(append(self(), "supervise"), filepath.Join(w.dir, "jobs"), process.Options{})
	if err != nil {
		w.Fatal(err)
	}
	w.exec = e
	w.Cleanup(func() {
		_ = e.Sweep(context.Background(), func(string, int) bool { return false })
		e.Close()
	})
}

func (w *world) trainer() *train.Trainer { return train.New(w.exec, w.objects, w.opt) }

func (w *world) put(m *matrix.Matrix) rondo.Digest {
	w.Helper()
	d, err := w.objects.Put(w.Context(), matrix.Append(nil, m))
	if err != nil {
		w.Fatal(err)
	}
	return d
}

func (w *world) job(kind rondo.TaskKind, rows, trees int) train.Job {
	w.Helper()
	return train.Job{
		Run: "run_1", Name: "flights-c1-train", Attempt: 1, Model: "flights", Dataset: "ds_1", Task: kind,
		Params: rondo.Train{Trainer: "boosted-trees", Trees: trees, Leaves: 15, Rate: 0.1, Seed: 7},
		Train:  w.put(table(kind, rows)), Validation: w.put(table(kind, rows/4)), Threads: 1,
	}
}

func (w *world) train(job train.Job) *rondo.Run {
	w.Helper()
	run, err := w.trainer().Train(w.Context(), job)
	if err != nil {
		w.Fatal(err)
	}
	return run
}

func (w *world) fails(job train.Job, cause train.Cause, kind rondo.Kind, says string) {
	w.Helper()
	_, err := w.trainer().Train(w.Context(), job)
	var failed *train.Failure
	if !errors.As(err, &failed) || failed.Cause != cause || rondo.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		w.Errorf("%T %v, not a %s of kind %s that says %q", err, err, cause, kind, says)
	}
}

func TestTrainingMakesAModelOfItsRows(t *testing.T) {
	for _, kind := range []rondo.TaskKind{rondo.Binary, rondo.Multiclass, rondo.Regression} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			job := w.job(kind, 2000, 20)
			var told atomic.Int64
			job.Progress = func(round, rounds int, loss, validation float64) {
				if rounds != 20 || math.IsNaN(loss) || math.IsNaN(validation) {
					t.Errorf("round %d of %d: %v, %v", round, rounds, loss, validation)
				}
				told.Store(int64(round))
			}
			run := w.train(job)
			if run.ID != "run_1" || run.Model != "flights" || run.Dataset != "ds_1" || run.Attempt != 1 || run.CPU <= 0 ||
				!cmp.Equal(run.Features, []string{"a", "b", "c"}) || !cmp.Equal(run.Params, job.Params) {
				t.Errorf("%+v", run)
			}
			if len(run.Rounds) != 20 || told.Load() != 20 {
				t.Fatalf("%d rounds, %d told", len(run.Rounds), told.Load())
			}
			first, last := run.Rounds[0], run.Rounds[19]
			if !(last.Train < first.Train) || last.Validation == nil || !(*last.Validation < *first.Validation) {
				t.Errorf("loss from %v to %v", first, last)
			}
			if s := run.Importance; math.Abs(s[0]+s[1]+s[2]-1) > 1e-12 || s[2] > s[0] {
				t.Errorf("importance %v: c is noise", s)
			}
			b, err := w.objects.Get(t.Context(), run.Artefact)
			if err != nil {
				t.Fatal(err)
			}
			m, err := boost.Load(b)
			if err != nil || m.NumTrees() != 20*m.Outputs() {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestSameBytesInSameModelOut(t *testing.T) {
	w := newWorld(t)
	job := w.job(rondo.Binary, 3000, 10)
	want := w.train(job)
	job.Name, job.Run, job.Attempt, job.Threads = "other", "run_2", 9, 3
	got := w.train(job)
	if got.Artefact != want.Artefact {
		t.Error("another run, attempt and number of threads made another model")
	}
	if !cmp.Equal(got.Rounds, want.Rounds) || !cmp.Equal(got.Importance, want.Importance) {
		t.Error("or other metrics")
	}
	job.Name, job.Params.Seed = "seeded", 8
	if w.train(job).CPU <= 0 {
		t.Error("no seconds")
	}
}

func TestTrainingAgainGivesWhatIsThere(t *testing.T) {
	w := newWorld(t)
	job := w.job(rondo.Regression, 1000, 5)
	want := w.train(job)
	w.restart()
	spent := map[int]time.Duration{}
	job.Spent = func(attempt int, cpu time.Duration) { spent[attempt] = cpu }
	if got := w.train(job); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	job.Attempt = 2
	if got := w.train(job); !cmp.Equal(got, want) {
		t.Error("a later attempt trained again though the earlier one was there", cmp.Diff(want, got))
	}
	if !cmp.Equal(spent, map[int]time.Duration{1: want.CPU}) {
		t.Errorf("spent %v, the run says %v", spent, want.CPU)
	}
}

// begun starts a training that lasts and leaves it after its first round.
func (w *world) begun(job train.Job) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	var once sync.Once
	job.Progress = func(int, int, float64, float64) { once.Do(cancel) }
	if _, err := w.trainer().Train(ctx, job); !errors.Is(err, context.Canceled) {
		w.Fatal(err)
	}
}

func TestARunningTrainingIsAdoptedByTheNextAttempt(t *testing.T) {
	w := newWorld(t)
	job := w.job(rondo.Binary, 20000, 150)
	w.begun(job)
	w.restart()
	job.Attempt = 2
	run := w.train(job)
	if run.Attempt != 1 || len(run.Rounds) != 150 {
		t.Errorf("attempt %d, %d rounds", run.Attempt, len(run.Rounds))
	}
}

func TestATrainingWithOtherInputsIsReplaced(t *testing.T) {
	w := newWorld(t)
	job := w.job(rondo.Binary, 20000, 10000)
	w.begun(job)
	spent := map[int]bool{}
	job.Spent = func(attempt int, cpu time.Duration) { spent[attempt] = cpu > 0 }
	job.Params.Trees = 3
	if _, err := w.trainer().Train(t.Context(), job); rondo.KindOf(err) != rondo.Conflict {
		t.Errorf("the same attempt with other inputs: %v", err)
	}
	job.Attempt = 2
	watch := clock.Start()
	if run := w.train(job); run.Attempt != 2 || len(run.Rounds) != 3 {
		t.Errorf("attempt %d, %d rounds", run.Attempt, len(run.Rounds))
	}
	if d := watch.Elapsed(); d > 4*time.Second {
		t.Errorf("SIGTERM was obeyed late: %v", d)
	}
	if !cmp.Equal(spent, map[int]bool{1: true, 2: true}) {
		t.Errorf("spent %v", spent)
	}
	job.Attempt = 1
	if _, err := w.trainer().Train(t.Context(), job); rondo.KindOf(err) != rondo.Conflict {
		t.Errorf("a late attempt: %v", err)
	}
}

// Each life of the program is killed at a random instant and the next one asks with a higher attempt, as a lease does.
func TestAModelIsTheSameHoweverOftenItsServerIsKilled(t *testing.T) {
	w := newWorld(t)
	job := w.job(rondo.Binary, 4000, 40)
	job.Name = "unkilled"
	want := w.train(job).Artefact
	rng := seed.Seed(11).Rand("kills")
	adopted := 0
	for i := range 6 {
		job.Name = "killed-" + strconv.Itoa(i)
		if err := train.WriteJSON(filepath.Join(w.dir, "job.json"), job); err != nil {
			t.Fatal(err)
		}
		for attempt := 1; attempt <= 3; attempt++ {
			life := exec.Command(os.Args[0], "server", w.dir, strconv.Itoa(attempt))
			life.Stderr = os.Stderr
			out, err := life.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := life.Start(); err != nil {
				t.Fatal(err)
			}
			bufio.NewScanner(out).Scan()
			_ = clock.Wall{}.Until(t.Context(), clock.Wall{}.Now().Add(time.Duration(rng.IntN(100))*time.Millisecond))
			_ = life.Process.Kill()
			_ = life.Wait()
		}
		job.Attempt = 4
		run := w.train(job)
		if run.Artefact != want || len(run.Rounds) != 40 {
			t.Errorf("training %d: model %s after kills, %s without", i, run.Artefact.Short(), want.Short())
		}
		if run.Attempt < 4 {
			adopted++
		}
	}
	t.Logf("%d of 6 trainings were taken over from an earlier life", adopted)
}

func TestWhatCannotBeTrainedIsTheUsersError(t *testing.T) {
	w := newWorld(t)
	one := table(rondo.Binary, 100)
	clear(one.Targets)
	job := w.job(rondo.Binary, 100, 5)
	job.Train, job.Validation = w.put(one), ""
	w.fails(job, train.UserError, rondo.Invalid, "one class")

	job = w.job(rondo.Binary, 100, 0)
	job.Name = "no-trees"
	w.fails(job, train.UserError, rondo.Invalid, "trees is 0")

	job = w.job(rondo.Multiclass, 100, 5)
	job.Name, job.Task = "other-task", rondo.Regression
	w.fails(job, train.UserError, rondo.Invalid, "3 classes")

	for name, change := range map[string]func(*train.Job){
		"name":   func(j *train.Job) { j.Name = "../x" },
		"digest": func(j *train.Job) { j.Train = "x" },
		"task":   func(j *train.Job) { j.Task = "ranking" },
	} {
		job := w.job(rondo.Binary, 100, 5)
		change(&job)
		if _, err := w.trainer().Train(t.Context(), job); rondo.KindOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	job = w.job(rondo.Binary, 100, 5)
	job.Name, job.Train = "no-rows", rondo.Digest(strings.Repeat("0", 64))
	if _, err := w.trainer().Train(t.Context(), job); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("no such matrix: %v", err)
	}
}

func TestLimitsAreTheUsersError(t *testing.T) {
	w := newWorld(t)
	job := w.job(rondo.Binary, 20000, 10000)
	w.opt.Limits.Wall = 400 * time.Millisecond
	w.fails(job, train.UserError, rondo.Unsupported, "longer than it may")
	w.opt.Limits = executor.Limits{Memory: 4 << 20}
	job.Name = "memory"
	w.fails(job, train.UserError, rondo.Unsupported, "more memory than it may")
}

func TestAKilledTrainerIsTheMachinesFaultAndTheNextAttemptSucceeds(t *testing.T) {
	w := newWorld(t)
	job := w.job(rondo.Binary, 20000, 60)
	w.begun(job)
	child, _, err := w.exec.Adopt(t.Context(), job.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.fails(job, train.Infrastructure, rondo.Unavailable, "killed by SIGKILL")
	attempts := []int{}
	job.Attempt, job.Spent = 2, func(attempt int, _ time.Duration) { attempts = append(attempts, attempt) }
	if run := w.train(job); run.Attempt != 2 || len(run.Rounds) != 60 {
		t.Errorf("%+v", run)
	}
	if !slices.Equal(attempts, []int{1, 2}) {
		t.Errorf("seconds of attempts %v were told", attempts)
	}
}

func TestATrainerThatLiesIsNotBelieved(t *testing.T) {
	for _, c := range []struct{ how, says string }{
		{"nothing", "without a complete model"}, {"no marker", "without a complete model"}, {"other hash", "does not match the hash"},
		{"other features", "or other names"}, {"panic", "exit code 2"},
	} {
		t.Run(c.how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.opt.Command = append(self(), "liar", c.how)
			w.fails(w.job(rondo.Binary, 200, 3), train.Infrastructure, rondo.Unavailable, c.says)
		})
	}
	w := newWorld(t)
	w.opt.Command = append(self(), "liar", "noise")
	if run := w.train(w.job(rondo.Binary, 200, 3)); len(run.Rounds) != 3 {
		t.Errorf("lines of its own confused the metrics: %+v", run.Rounds)
	}
}

func TestSweptTrainingsLeaveNothing(t *testing.T) {
	w := newWorld(t)
	job := w.job(rondo.Binary, 200, 3)
	w.train(job)
	job.Name = "kept"
	w.train(job)
	keep := func(name string, attempt int) bool { return name == "kept" && attempt == 1 }
	if err := errors.Join(w.exec.Sweep(t.Context(), keep), w.trainer().Sweep(keep)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"work", "jobs"} {
		left, err := os.ReadDir(filepath.Join(w.dir, dir))
		if err != nil || len(left) != 1 || left[0].Name() != "kept" {
			t.Errorf("%s: %v, %v", dir, left, err)
		}
	}
	if err := train.New(w.exec, w.objects, train.Options{Dir: filepath.Join(w.dir, "none")}).Sweep(keep); err != nil {
		t.Error(err)
	}
}
