package transform

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/zone"
	"rondo.dev/rondo/internal/rondo"
)

const maxFeatures = 1 << 14

// FitInput is the training rows, and only them. Table has the signature's columns as they are when the question is asked,
// history included; Zones is Frame's. Time and Known are nil without time. Target is bool, float64 or the class as text
// (Rows.Target); a null is no label. Known is when a label could be used: the later of known and arrived.
type FitInput struct {
	Table       *column.Table
	Zones       []*time.Location
	Time, Known []int64
	Keys        []Key
	Target      *column.Vector
}

func (in *FitInput) check(task rondo.TaskKind) error {
	rows := in.Table.Rows()
	want := map[rondo.TaskKind]column.Type{rondo.Binary: column.Bool, rondo.Multiclass: column.String, rondo.Regression: column.Float64}[task]
	switch {
	case rows == 0:
		return fmt.Errorf("fit features: no rows")
	case in.Target == nil || in.Target.Type != want || in.Target.Len() != rows:
		return fmt.Errorf("fit features: a %s target is %s, one a row", task, want)
	case (in.Time == nil) != (in.Known == nil) || in.Time != nil && (len(in.Time) != rows || len(in.Known) != rows):
		return fmt.Errorf("fit features: %d times and %d knowns for %d rows", len(in.Time), len(in.Known), rows)
	case in.Target.Nulls() == rows:
		return invalid("task.target", "no training row has a label")
	case len(in.Keys) != rows, in.Zones != nil && len(in.Zones) != rows:
		return fmt.Errorf("fit features: %d keys and %d zones for %d rows", len(in.Keys), len(in.Zones), rows)
	}
	return nil
}

// Fit fits the feature program on training rows and gives their matrix, with ordered target encodings.
func Fit(spec *rondo.Spec, sig Signature, in FitInput) (*Program, *Matrix, error) {
	if err := in.check(spec.Task.Kind); err != nil {
		return nil, nil, err
	}
	plan, err := newPlan(spec, sig, nil)
	if err != nil {
		return nil, nil, err
	}
	p := &Program{task: spec.Task.Kind, time: plan.time, inputs: plan.inputs, steps: plan.steps, tzdata: zone.Version}
	rows := in.Table.Rows()
	view, err := p.view(in.Table, 0, rows)
	if err != nil {
		return nil, nil, err
	}
	for i := range p.steps {
		if err := p.steps[i].fitRun(view, in.Zones); err != nil {
			return nil, nil, err
		}
	}
	labels := labelsOf(spec.Task.Kind, in.Target)
	if p.classes = labels.classes; len(p.classes) > maxClasses {
		return nil, nil, invalid("task.target", "%d classes, at most %d", len(p.classes), maxClasses)
	}
	if p.outputs, err = fitOutputs(plan.outputs, view); err != nil {
		return nil, nil, err
	}
	if err := p.layOut(); err != nil {
		return nil, nil, err
	}
	m := &Matrix{Features: p.features, Rows: rows, Values: make([]float32, rows*len(p.features))}
	return p, m, p.fill(view, in, labels, m)
}

// fitOutputs fits the encodings, several at a time.
func fitOutputs(planned []planned, view *column.Table) ([]output, error) {
	out := make([]output, len(planned))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, one := range planned {
		v := view.Column(one.column)
		if v == nil || v.Type != one.kind {
			return nil, fmt.Errorf("fit features: column %q is not there as %s", one.column, one.kind)
		}
		out[i] = output{column: one.column, kind: one.kind, how: one.how}
		g.Go(func() error { out[i].fit(v); return nil })
	}
	return out, g.Wait()
}

// fill writes the training rows' matrix.
func (p *Program) fill(view *column.Table, in FitInput, labels *labels, m *Matrix) error {
	stride := len(p.features)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	var order *ordering
	for i := range p.outputs {
		o := &p.outputs[i]
		v := view.Column(o.column)
		if o.how != asTarget {
			g.Go(func() error { return o.write(v, m.Values, stride) })
			continue
		}
		if order == nil {
			order = newOrder(in)
		}
		g.Go(func() error { order.encode(o, v, labels, m); return nil })
	}
	return g.Wait()
}

// fitRun fits the step on the whole column, if there is anything to fit, and runs it.
func (s *step) fitRun(view *column.Table, zones []*time.Location) error {
	if s.program == nil {
		s.fit(view.Column(s.Name))
		return s.run(view, zones)
	}
	rows := view.Rows()
	parts := make([]*column.Vector, max(1, (rows+blockRows-1)/blockRows))
	err := inBlocks(rows, func(from, to int) error {
		here := view.Slice(from, to).Shallow() // a list of names of its own
		var zone []*time.Location
		if zones != nil {
			zone = zones[from:to]
		}
		if err := s.run(here, zone); err != nil {
			return err
		}
		parts[from/blockRows] = here.Column(s.Name)
		return nil
	})
	if err != nil {
		return err
	}
	view.Set(s.Name, concat(parts, rows))
	return nil
}

// layOut gives every output its place in a row, and names the features.
func (p *Program) layOut() error {
	outcomes := 1
	if p.task == rondo.Multiclass {
		outcomes = len(p.classes)
	}
	p.features = nil
	for i := range p.outputs {
		o := &p.outputs[i]
		o.at = len(p.features)
		o.measure(outcomes)
		if len(p.features)+o.width > maxFeatures {
			return invalid("data.features", "more than %d features; %q alone makes %d", maxFeatures, o.column, o.width)
		}
		p.features = append(p.features, o.names(p.classes)...)
	}
	sorted := slices.Sorted(slices.Values(p.features))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return invalid("data.features", "two features are named %q", sorted[i])
		}
	}
	return nil
}
