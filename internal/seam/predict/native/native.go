// Package native answers rows with boosted trees in plain Go, in this process.
//
// It keeps the promise of package predict: a row's numbers are the same bits alone, in a batch, and on any number of threads,
// because boost sums trees in tree order for each row by itself (D24).
package native

import (
	"context"
	"fmt"

	"rondo.dev/rondo/boost"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict"
)

const maxArtefact = 1 << 30

// Options of a runtime.
type Options struct {
	Threads int // for batches; 0 is 1: requests already run beside each other
}

// Runtime loads models that boost has written. The zero value is one thread.
type Runtime struct{ opt Options }

// New makes a runtime.
func New(opt Options) *Runtime { return &Runtime{opt: opt} }

// Load reads a model from hostile bytes.
func (r *Runtime) Load(ctx context.Context, artefact []byte) (predict.Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	if len(artefact) > maxArtefact {
		return nil, rondo.Errorf(rondo.Invalid, "model of %d bytes, at most %d", len(artefact), maxArtefact)
	}
	m, err := boost.Load(artefact)
	if err != nil {
		return nil, rondo.Errorf(rondo.Invalid, "%w", err)
	}
	return &model{trees: m, width: len(m.Features()), threads: r.opt.Threads}, nil
}

type model struct {
	trees   *boost.Model
	width   int
	threads int
}

func (m *model) Features() []string { return m.trees.Features() }

func (m *model) Outputs() int { return m.trees.Outputs() }

// Predict answers rows.
func (m *model) Predict(values []float32, rows int, out []float64) error {
	if rows < 0 || len(values)%m.width != 0 || len(values)/m.width != rows {
		return rondo.Errorf(rondo.Invalid, "%d values for %d rows of %d features", len(values), rows, m.width)
	}
	if len(out)/m.trees.Outputs() < rows {
		return rondo.Errorf(rondo.Invalid, "room for %d numbers, %d rows need %d", len(out), rows, rows*m.trees.Outputs())
	}
	if rows == 1 {
		m.trees.Predict(values, out)
		return nil
	}
	m.trees.PredictBatch(values, rows, out, m.threads)
	return nil
}

func (m *model) Close() error { return nil }

var _ predict.Runtime = (*Runtime)(nil)
