package loop

import (
	"context"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/evaluate"
)

// Answered is labelled predictions as they were answered, beside what another version says of the same rows.
type Answered struct {
	Asked     int // predictions, also those without outcome
	Times     []int64
	Versions  []rondo.VersionID // who answered
	Scores    []float64         // as answered
	Other     []float64         // what the other version says
	Labels    []bool
	Cost      float64 // dollars of the decisions as answered, by decide.cost and each version's threshold
	OtherCost float64
}

// Answered reads the predictions of a binary model whose row time is in [from, to), and scores them by other too.
func (l *Loop) Answered(ctx context.Context, model string, from, to time.Time, other *rondo.Version) (*Answered, error) {
	w, err := l.snapshot(ctx, store.Step{Model: model})
	if err != nil {
		return nil, err
	}
	e, err := l.evidence(ctx, w, from, to)
	if err != nil {
		return nil, err
	}
	out := &Answered{Asked: e.rows, Times: e.times, Versions: e.versions, Scores: e.served}
	if e.labelled == 0 {
		return out, nil
	}
	f, err := l.load(ctx, of(other))
	if err != nil {
		return nil, err
	}
	s, err := e.score(f)
	if err != nil {
		return nil, err
	}
	out.Other = s.Outputs
	out.Labels = make([]bool, len(s.Target))
	for i, t := range s.Target {
		out.Labels[i] = t == 1
	}
	if w.spec().Decide == nil {
		return out, nil
	}
	money, _ := evaluate.Cost(w.spec().Decide, threshold(other), s)
	out.OtherCost = money.Dollars()
	thresholds := map[rondo.VersionID]float64{}
	for i, id := range e.versions {
		at, ok := thresholds[id]
		if !ok {
			v, err := l.version(ctx, id)
			if err != nil {
				return nil, err
			}
			at = threshold(v)
			thresholds[id] = at
		}
		one := &evaluate.Scored{Kind: e.kind, Outputs: e.served[i : i+1], Target: e.target[i : i+1]}
		money, _ := evaluate.Cost(w.spec().Decide, at, one)
		out.Cost += money.Dollars()
	}
	return out, nil
}
