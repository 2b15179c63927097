package app

import (
	"context"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/cost"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/evaluate"
)

// planner makes control's plans of data, evaluate and cost.
type planner struct{ a *App }

// Plan reads the source as a cycle would, up to the split, and keeps nothing.
func (p planner) Plan(ctx context.Context, spec *rondo.Spec, now time.Time) (*control.Plan, error) {
	rows, err := p.a.Data.Compile(ctx, spec)
	if err != nil {
		return nil, err
	}
	signature := rows.Signature()
	plan := &control.Plan{Model: spec.Name, PriceSet: p.a.Prices.Known}
	for _, c := range signature.Columns {
		plan.Columns = append(plan.Columns, control.PlanColumn{Name: c.Name, Type: c.Type.String(), Origin: string(c.Origin)})
	}
	if !p.a.Manual {
		defer p.a.frugal.Begin()()
	}
	ds, err := p.a.Data.Prepare(ctx, data.Request{Spec: spec, Now: now, Dry: true})
	if err != nil {
		return nil, err
	}
	plan.Rows, plan.Parts = ds.Read, ds.Parts
	for _, n := range []struct {
		name string
		rows int
	}{{"exact repeats dropped", ds.Repeats}, {"purged by the embargo", ds.Purged}, {"not known yet", ds.Open}} {
		if n.rows > 0 {
			plan.Notes = append(plan.Notes, rondo.Numeric(n.name, float64(n.rows)))
		}
	}
	for _, q := range ds.Quarantine {
		plan.Notes = append(plan.Notes, rondo.Numeric("quarantined ("+q.Reason+")", float64(q.Rows)))
	}
	parts := map[rondo.PartName]int{}
	for _, part := range ds.Parts {
		parts[part.Name] = part.Rows
	}
	plan.Bars = evaluate.Plan(spec, parts[rondo.TestPart])
	work := cost.Work{Rows: parts[rondo.TrainPart], Trees: spec.Train.Trees, Outputs: 1, Features: max(1, len(signature.Columns))}
	fit := p.a.Prices.Predict(cost.Training, nil, work)
	judge := p.a.Prices.Predict(cost.Evaluation, nil, cost.Work{Rows: ds.Read, Trees: spec.Train.Trees, Outputs: 1, Features: work.Features})
	plan.Price = fit.Amount.Add(judge.Amount)
	plan.Duration = fmt.Sprint((fit.CPU + judge.CPU).Round(time.Second))
	return plan, nil
}
