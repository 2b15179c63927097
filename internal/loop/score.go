package loop

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/matrix"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/evaluate"
	"rondo.dev/rondo/internal/transform"
)

// fitted is a trained artefact with the transform that was fitted for it: what can score rows.
type fitted struct {
	program *transform.Program
	model   predict.Model
}

// artefact names what load loads.
type artefact struct {
	Artefact  rondo.Digest `json:"artefact"`
	Transform rondo.Digest `json:"transform"`
}

func of(v *rondo.Version) artefact { return artefact{Artefact: v.Artefact, Transform: v.Transform} }

// maxLoaded bounds how many artefacts stay in memory: champion, challenger, parent, probe, twin and some.
const maxLoaded = 12

func (l *Loop) load(ctx context.Context, a artefact) (*fitted, error) {
	name := string(a.Artefact) + string(a.Transform)
	l.mu.Lock()
	f := l.loaded[name]
	l.mu.Unlock()
	if f != nil {
		return f, nil
	}
	b, err := l.Objects.Get(ctx, a.Transform)
	if err != nil {
		return nil, fmt.Errorf("transform %s: %w", a.Transform.Short(), err)
	}
	program, err := transform.Load(b)
	if err != nil {
		return nil, fmt.Errorf("transform %s: %w", a.Transform.Short(), err)
	}
	if b, err = l.Objects.Get(ctx, a.Artefact); err != nil {
		return nil, fmt.Errorf("artefact %s: %w", a.Artefact.Short(), err)
	}
	model, err := l.Runtime.Load(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("artefact %s: %w", a.Artefact.Short(), err)
	}
	f = &fitted{program: program, model: model}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.loaded) >= maxLoaded {
		clear(l.loaded)
	}
	l.loaded[name] = f
	return f, nil
}

// outputs scores prepared rows: the same code as serving.
func (f *fitted) outputs(t *column.Table, zones []*time.Location) ([]float64, error) {
	var m transform.Matrix
	if err := f.program.Apply(t, zones, &m); err != nil {
		return nil, err
	}
	out := make([]float64, m.Rows*f.model.Outputs())
	return out, f.model.Predict(m.Values, m.Rows, out)
}

// part reads a part of a dataset as the trainer saw it.
func (l *Loop) part(ctx context.Context, ds *rondo.Dataset, name rondo.PartName) (*matrix.Matrix, error) {
	part := ds.Part(name)
	if part == nil || part.Rows == 0 {
		return nil, nil
	}
	b, err := l.Objects.Get(ctx, part.Matrix)
	if err != nil {
		return nil, fmt.Errorf("%s rows of %s: %w", name, ds.ID, err)
	}
	m, err := matrix.Read(b)
	if err != nil {
		return nil, fmt.Errorf("%s rows of %s: %w", name, ds.ID, err)
	}
	return m, nil
}

// table reads all columns of a part, for slices.
func (l *Loop) table(ctx context.Context, ds *rondo.Dataset, name rondo.PartName) (*column.Table, error) {
	part, err := data.OpenPart(ctx, l.Objects, ds, name)
	if err != nil {
		return nil, err
	}
	return part.Table, nil
}

// score lets a model answer the rows of a part; nil for an empty part.
func (f *fitted) score(kind rondo.TaskKind, m *matrix.Matrix) (*evaluate.Scored, error) {
	if m == nil {
		return nil, nil
	}
	out := make([]float64, m.Rows*f.model.Outputs())
	if err := f.model.Predict(m.Values, m.Rows, out); err != nil {
		return nil, err
	}
	return &evaluate.Scored{Kind: kind, Classes: m.Classes, Outputs: out, Target: m.Targets, Times: m.Times}, nil
}

// noisy is the part with Gaussian noise of share standard deviations on every feature.
func (l *Loop) noisy(m *matrix.Matrix, share float64, names ...string) *matrix.Matrix {
	out := *m
	out.Values = append([]float32(nil), m.Values...)
	width := len(m.Features)
	for c := range m.Features {
		sd := deviation(m.Values, c, width)
		if sd == 0 {
			continue
		}
		rng := l.opt.Seed.Rand(append(names, "noise", strconv.FormatFloat(share, 'g', -1, 64), m.Features[c])...)
		for i := c; i < len(out.Values); i += width {
			out.Values[i] += float32(share * sd * rng.NormFloat64()) // NaN stays NaN: missing
		}
	}
	return &out
}

func deviation(values []float32, c, width int) float64 {
	var n, sum, squares float64
	for i := c; i < len(values); i += width {
		if x := float64(values[i]); !math.IsNaN(x) {
			n++
			sum += x
			squares += x * x
		}
	}
	if n < 2 {
		return 0
	}
	return math.Sqrt(max(0, squares/n-(sum/n)*(sum/n)))
}
