package train

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"rondo.dev/rondo/boost"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/executor"
)

// Cause says whether trying again can help (I10).
type Cause string

// The causes.
const (
	UserError      Cause = "user error"     // the same words and rows fail again
	Infrastructure Cause = "infrastructure" // the machine's fault, or an interruption: the next attempt may succeed
)

// Failure is a child that ended without a model. Its Kind is that of the rondo.Error it wraps.
type Failure struct {
	Cause   Cause
	Attempt int
	Result  executor.Result // Tail: the last lines it wrote to standard error
	Err     *rondo.Error
}

func (f *Failure) Error() string { return f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

const (
	maxModel  = 1 << 30 // bytes of a model
	maxRounds = 1 << 20
)

// finish waits for a child and takes what it made.
func (t *Trainer) finish(ctx context.Context, job Job, child executor.Job, m *meter) (*rondo.Run, error) {
	res, err := child.Wait(ctx)
	if err != nil {
		return nil, fmt.Errorf("train %s: %w", job.Name, err)
	}
	job.spent(job.Attempt, res)
	if res.Exit != 0 || res.Reason != "" {
		return nil, job.failure(res)
	}
	var in inputs
	if err := ReadJSON(t.inputsFile(job.Name, job.Attempt), &in); err != nil {
		return nil, fmt.Errorf("train %s: %w", job.Name, err)
	}
	b, model, err := t.model(job, in)
	if err != nil {
		return nil, &Failure{Cause: Infrastructure, Attempt: job.Attempt, Result: res, Err: rondo.Errorf(rondo.Unavailable, "training %s: %w", job.Name, err)}
	}
	digest, err := t.objects.Put(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("keep model of %s: %w", job.Name, err)
	}
	if err := os.RemoveAll(filepath.Join(t.folder(job.Name, job.Attempt), "data")); err != nil {
		return nil, fmt.Errorf("training folder: %w", err)
	}
	return &rondo.Run{
		ID: job.Run, Model: job.Model, Dataset: job.Dataset, Attempt: job.Attempt, Params: job.Params,
		Rounds: m.rounds(), Artefact: digest, CPU: res.CPU, Features: in.Features, Importance: shares(model.Importance()),
	}, nil
}

// model reads what the child made and checks that it is whole and fits.
func (t *Trainer) model(job Job, in inputs) ([]byte, *boost.Model, error) {
	out := filepath.Join(t.folder(job.Name, job.Attempt), "out")
	var done Complete
	if err := ReadJSON(filepath.Join(out, CompleteFile), &done); err != nil {
		return nil, nil, fmt.Errorf("exit 0 without a complete model: %w", err)
	}
	if done.Bytes < 0 || done.Bytes > maxModel {
		return nil, nil, fmt.Errorf("model of %d bytes, at most %d", done.Bytes, maxModel)
	}
	file, err := os.Open(filepath.Join(out, ModelFile))
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxModel+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read model: %w", err)
	}
	if rondo.DigestOf(sha256.Sum256(b)) != done.Model {
		return nil, nil, errors.New("model does not match the hash in " + CompleteFile)
	}
	m, err := boost.Load(b)
	if err != nil {
		return nil, nil, fmt.Errorf("load model: %w", err)
	}
	if !slices.Equal(m.Features(), in.Features) || m.Outputs() != in.Outputs {
		return nil, nil, fmt.Errorf("model has %d features and %d outputs, the rows %d and %d, or other names",
			len(m.Features()), m.Outputs(), len(in.Features), in.Outputs)
	}
	return b, m, nil
}

// failure says why there is no model, and whether trying again can help.
func (j Job) failure(r executor.Result) *Failure {
	f := &Failure{Cause: Infrastructure, Attempt: j.Attempt, Result: r}
	why := func(cause Cause, kind rondo.Kind, format string, args ...any) *Failure {
		f.Cause = cause
		f.Err = rondo.Errorf(kind, "training %s: "+format, append([]any{j.Name}, args...)...)
		return f
	}
	last := "it said nothing"
	for _, line := range slices.Backward(r.Tail) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
			break
		}
	}
	switch {
	case r.Reason == "memory":
		return why(UserError, rondo.Unsupported, "the trainer took more memory than it may; fewer rows, fewer features, or a larger limit")
	case r.Reason == "wall time":
		return why(UserError, rondo.Unsupported, "the trainer took longer than it may; fewer trees, fewer rows, or a larger limit")
	case r.Reason == "output":
		return why(UserError, rondo.Unsupported, "the trainer wrote more than is kept, or the disk is full")
	case r.Reason == "stopped" || r.Exit == ExitResume:
		return why(Infrastructure, rondo.Unavailable, "the trainer was stopped")
	case r.Reason != "":
		return why(Infrastructure, rondo.Unavailable, "the trainer's process was not seen to its end (%s)", r.Reason)
	case r.Signal != "":
		return why(Infrastructure, rondo.Unavailable, "the trainer was killed by %s", r.Signal)
	case r.Exit == ExitUser:
		return why(UserError, rondo.Invalid, "%s", last)
	}
	return why(Infrastructure, rondo.Unavailable, "the trainer ended with exit code %d: %s", r.Exit, last)
}

// shares makes parts of the whole of gains; nil when there is no gain.
func shares(gain []float64) []float64 {
	sum := 0.0
	for _, g := range gain {
		sum += g
	}
	if !(sum > 0) {
		return nil
	}
	out := make([]float64, len(gain))
	for i, g := range gain {
		out[i] = g / sum
	}
	return out
}

// meter reads metric lines. It keeps quiet until it is opened: the child may turn out not to be ours.
type meter struct {
	job Job

	mu   sync.Mutex
	live bool
	seen []rondo.Round
}

// line takes a line of the child's standard output.
func (m *meter) line(b []byte) {
	var r rondo.Round
	if len(b) == 0 || b[0] != '{' || json.Unmarshal(b, &r) != nil {
		return // a line of its own
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Round != len(m.seen)+1 || r.Round > maxRounds {
		return
	}
	m.seen = append(m.seen, r)
	if m.live {
		m.tell(r)
	}
}

// open begins to tell, with the newest round.
func (m *meter) open() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = true
	if n := len(m.seen); n > 0 {
		m.tell(m.seen[n-1])
	}
}

func (m *meter) tell(r rondo.Round) {
	if m.job.Progress == nil {
		return
	}
	validation := math.NaN()
	if r.Validation != nil {
		validation = *r.Validation
	}
	m.job.Progress(r.Round, m.job.Params.Trees, r.Train, validation)
}

func (m *meter) rounds() []rondo.Round {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen
}
