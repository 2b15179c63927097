// Package train answers: how does a trainer run, and what did it make?
//
// A trainer is a child process under the executor that keeps the contract of DESIGN section 6: it reads matrices
// (docs/formats/matrix.md) from RONDO_DATA_DIR and parameters from RONDO_PARAMS, writes a line of JSON a round to standard
// output ({"round": 1, "train": 0.52, "validation": 0.55}: mean losses; other lines are its own), puts model.bin and then
// COMPLETE, which holds the model's hash, under RONDO_OUT_DIR, and exits 0; 75 when it was stopped.
//
// The same matrices and parameters give the same model digest, at any attempt and any number of threads. Train is
// idempotent by (name, attempt): called again after a restart it adopts the child that lives or has ended, also one of an
// earlier attempt that has the same inputs, so a restart costs no training. A child with other inputs is ended first.
//
// Missing: Round.Validation is nil without a validation part; Importance is nil when no tree has split.
//
// Errors are *Failure when the child ended without a model: a cause, its last lines, its seconds. An error of ctx means that
// the child may live on, to be adopted or swept.
package train

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/matrix"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/executor"
	"rondo.dev/rondo/internal/seam/object"
)

// Options of a trainer. Zero limits are the executor's.
type Options struct {
	Command []string // what leads to boosted.Main: rondo trainer boosted
	Dir     string   // where children get their folders
	Limits  executor.Limits
}

// Job is one training.
type Job struct {
	Run        rondo.RunID
	Name       string // of the executor's job: a-z, 0-9, -
	Attempt    int
	Model      string
	Dataset    rondo.DatasetID
	Task       rondo.TaskKind
	Params     rondo.Train
	Train      rondo.Digest // of matrices in objects
	Validation rondo.Digest // empty: none
	Threads    int          // 0: one per processor
	// Progress is called after each round, from another goroutine; validation is NaN without a validation part. May be nil.
	Progress func(round, rounds int, loss, validation float64) `json:"-"`
	// Spent is called once for each attempt that is seen to end, failed and replaced ones too, where its CPU time could be
	// measured. A repeated Train calls it again: book by attempt. May be nil.
	Spent func(attempt int, cpu time.Duration) `json:"-"`
}

// Trainer trains. Safe for concurrent use with different names.
type Trainer struct {
	exec    executor.Executor
	objects object.Store
	opt     Options
}

// New makes a trainer.
func New(exec executor.Executor, objects object.Store, opt Options) *Trainer {
	return &Trainer{exec: exec, objects: objects, opt: opt}
}

// inputs are what decides the model's bytes, and what the model has to fit.
type inputs struct {
	Digest   rondo.Digest `json:"digest"`
	Features []string     `json:"features"`
	Outputs  int          `json:"outputs"`
}

// Train trains, or takes over what already trains, and puts the model into objects.
func (t *Trainer) Train(ctx context.Context, job Job) (*rondo.Run, error) {
	if err := job.check(); err != nil {
		return nil, err
	}
	run, err := t.adopt(ctx, job)
	if run != nil || err != nil {
		return run, err
	}
	if err := t.prepare(ctx, job); err != nil {
		return nil, fmt.Errorf("prepare training %s: %w", job.Name, err)
	}
	m := &meter{job: job}
	child, err := t.exec.Start(ctx, t.spec(job, m))
	if err != nil {
		return nil, fmt.Errorf("train %s: %w", job.Name, err)
	}
	m.open()
	return t.finish(ctx, job, child, m)
}

func (j Job) check() error {
	switch {
	case j.Name == "" || strings.Trim(j.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return rondo.Errorf(rondo.Invalid, "training %q: a name is of a-z, 0-9 and -", j.Name)
	case !j.Train.Valid() || j.Validation != "" && !j.Validation.Valid():
		return rondo.Errorf(rondo.Invalid, "training %s: matrices %q and %q are no digests", j.Name, j.Train, j.Validation)
	case j.Task != rondo.Binary && j.Task != rondo.Multiclass && j.Task != rondo.Regression:
		return rondo.Errorf(rondo.Unsupported, "training %s: task %q", j.Name, j.Task)
	}
	return nil
}

// adopt takes over a child of this or an earlier attempt. No run and no error: there is none to take.
func (t *Trainer) adopt(ctx context.Context, job Job) (*rondo.Run, error) {
	m := &meter{job: job}
	child, attempt, err := t.exec.Adopt(ctx, job.Name, m.line)
	switch {
	case errors.Is(err, executor.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("train %s: %w", job.Name, err)
	case attempt > job.Attempt:
		return nil, rondo.Errorf(rondo.Conflict, "training %s: attempt %d is late, attempt %d exists", job.Name, job.Attempt, attempt)
	}
	var has inputs
	if err := ReadJSON(t.inputsFile(job.Name, attempt), &has); err != nil || has.Digest != job.inputs() {
		if attempt == job.Attempt {
			return nil, rondo.Errorf(rondo.Conflict, "training %s: attempt %d has other inputs", job.Name, attempt)
		}
		return nil, t.replace(ctx, job, child, attempt)
	}
	later := job.Attempt
	job.Attempt = attempt
	m.open()
	run, err := t.finish(ctx, job, child, m)
	if failed := (*Failure)(nil); errors.As(err, &failed) && attempt < later {
		return nil, nil // that attempt is over; this one is the next
	}
	return run, err
}

// replace ends a child whose inputs are no longer asked for.
func (t *Trainer) replace(ctx context.Context, job Job, child executor.Job, attempt int) error {
	if err := child.Stop(); err != nil {
		return fmt.Errorf("end attempt %d of %s: %w", attempt, job.Name, err)
	}
	res, err := child.Wait(ctx)
	if err != nil {
		return fmt.Errorf("end attempt %d of %s: %w", attempt, job.Name, err)
	}
	job.spent(attempt, res)
	return nil
}

func (j Job) spent(attempt int, r executor.Result) {
	if j.Spent != nil && r.CPUKnown {
		j.Spent(attempt, r.CPU)
	}
}

func (j Job) params() Params {
	return Params{Task: j.Task, Trees: j.Params.Trees, Leaves: j.Params.Leaves, Rate: j.Params.Rate, Threads: j.Threads}
}

// inputs is a digest over all that decides the model's bytes.
func (j Job) inputs() rondo.Digest {
	p := j.params()
	p.Threads = 0
	b, err := json.Marshal([]any{p, j.Params.Seed, j.Train, j.Validation})
	if err != nil {
		b = nil // a rate that is no number; prepare says so
	}
	return rondo.DigestOf(sha256.Sum256(b))
}

func (t *Trainer) folder(name string, attempt int) string {
	return filepath.Join(t.opt.Dir, name, strconv.Itoa(attempt))
}

func (t *Trainer) inputsFile(name string, attempt int) string {
	return filepath.Join(t.folder(name, attempt), "inputs.json")
}

// prepare makes the child's folder. What an earlier life left in it is removed.
func (t *Trainer) prepare(ctx context.Context, job Job) error {
	dir := t.folder(job.Name, job.Attempt)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, sub := range []string{"data", "out"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return rondo.Errorf(rondo.Unavailable, "training folder: %w", err)
		}
	}
	h, err := t.copyMatrix(ctx, job.Train, filepath.Join(dir, "data", TrainFile))
	if err != nil {
		return err
	}
	if job.Validation != "" {
		if _, err := t.copyMatrix(ctx, job.Validation, filepath.Join(dir, "data", ValidationFile)); err != nil {
			return err
		}
	}
	if err := WriteJSON(filepath.Join(dir, "params.json"), job.params()); err != nil {
		return err
	}
	in := inputs{Digest: job.inputs(), Features: h.Features, Outputs: max(len(h.Classes), 1)}
	return WriteJSON(t.inputsFile(job.Name, job.Attempt), in)
}

// copyMatrix copies an object, verified on its way, and reads its header.
func (t *Trainer) copyMatrix(ctx context.Context, d rondo.Digest, path string) (h matrix.Header, err error) {
	r, err := t.objects.Open(ctx, d)
	if err != nil {
		return h, fmt.Errorf("matrix %s: %w", d.Short(), err)
	}
	defer r.Close()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return h, rondo.Errorf(rondo.Unavailable, "training folder: %w", err)
	}
	defer file.Close()
	if _, err := io.Copy(file, r); err != nil {
		return h, fmt.Errorf("copy matrix %s: %w", d.Short(), err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return h, err
	}
	if h, err = matrix.ReadHeader(file); err != nil {
		return h, fmt.Errorf("matrix %s: %w", d.Short(), err)
	}
	return h, nil
}

// spec is the job as the executor runs it.
func (t *Trainer) spec(job Job, m *meter) executor.Spec {
	dir := t.folder(job.Name, job.Attempt)
	env := []string{
		EnvData + "=" + filepath.Join(dir, "data"),
		EnvOut + "=" + filepath.Join(dir, "out"),
		EnvParams + "=" + filepath.Join(dir, "params.json"),
		EnvSeed + "=" + strconv.FormatUint(job.Params.Seed, 10),
		"RONDO_PARAM_TREES=" + strconv.Itoa(job.Params.Trees),
		"RONDO_PARAM_LEAVES=" + strconv.Itoa(job.Params.Leaves),
		"RONDO_PARAM_RATE=" + strconv.FormatFloat(job.Params.Rate, 'g', -1, 64),
		"PATH=" + os.Getenv("PATH"),
	}
	if wall := t.opt.Limits.Wall; wall > 0 {
		env = append(env, EnvDeadline+"="+clock.Wall{}.Now().Add(wall).Format(time.RFC3339))
	}
	if memory := t.opt.Limits.Memory; memory > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(memory/10*9, 10)) // collect before the executor kills
	}
	return executor.Spec{
		Name: job.Name, Attempt: job.Attempt, Argv: t.opt.Command, Env: env, Dir: dir, Limits: t.opt.Limits, Line: m.line,
	}
}

// Sweep removes the folders of trainings that are not kept. Sweep the executor first: it ends their processes.
func (t *Trainer) Sweep(keep func(name string, attempt int) bool) error {
	names, err := os.ReadDir(t.opt.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep trainings: %w", err)
	}
	var errs []error
	for _, n := range names {
		attempts, err := os.ReadDir(filepath.Join(t.opt.Dir, n.Name()))
		errs = append(errs, err)
		for _, a := range attempts {
			if attempt, err := strconv.Atoi(a.Name()); err == nil && !keep(n.Name(), attempt) {
				errs = append(errs, os.RemoveAll(t.folder(n.Name(), attempt)))
			}
		}
		_ = os.Remove(filepath.Join(t.opt.Dir, n.Name())) // refused while an attempt is kept
	}
	return errors.Join(errs...)
}
