package transform

import (
	"fmt"
	"slices"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/rondo"
)

// Matrix is what the trainer reads: Rows times len(Features) values, row by row; NaN is missing, nothing is infinite.
type Matrix struct {
	Features []string
	Rows     int
	Values   []float32
}

// Program is the fitted feature program of one version. Safe for concurrent use.
type Program struct {
	task     rondo.TaskKind
	time     string // the declared time column
	inputs   []Field
	steps    []step
	outputs  []output
	classes  []string
	features []string
	tzdata   string
}

// Features are the names of the matrix' columns.
func (p *Program) Features() []string { return p.features }

// Inputs are the columns that Apply reads.
func (p *Program) Inputs() []string {
	out := make([]string, len(p.inputs))
	for i, f := range p.inputs {
		out[i] = f.Name
	}
	return out
}

// Classes are the sorted class names of a multiclass model: the order of the outputs.
func (p *Program) Classes() []string { return p.classes }

// TZData is the version of the tz database that the program was fitted with.
func (p *Program) TZData() string { return p.tzdata }

// Apply computes the features of rows that are not training rows: validation, test, serving. dst's memory is used again
// where it suffices.
func (p *Program) Apply(t *column.Table, zones []*time.Location, dst *Matrix) error {
	rows := t.Rows()
	if zones != nil && len(zones) != rows {
		return fmt.Errorf("apply to %d rows: %d zones", rows, len(zones))
	}
	stride := len(p.features)
	dst.Features, dst.Rows = p.features, rows
	dst.Values = slices.Grow(dst.Values[:0], rows*stride)[:rows*stride]
	return inBlocks(rows, func(from, to int) error {
		view, err := p.view(t, from, to)
		if err != nil {
			return err
		}
		var here []*time.Location
		if zones != nil {
			here = zones[from:to]
		}
		for i := range p.steps {
			if err := p.steps[i].run(view, here); err != nil {
				return err
			}
		}
		for i := range p.outputs {
			o := &p.outputs[i]
			if err := o.write(view.Column(o.column), dst.Values[from*stride:to*stride], stride); err != nil {
				return err
			}
		}
		return nil
	})
}

// view is the program's inputs in some rows, with the declared time column as its instant.
func (p *Program) view(t *column.Table, from, to int) (*column.Table, error) {
	most := len(p.inputs) + len(p.steps) + 1
	view := &column.Table{Names: make([]string, 0, most), Columns: make([]*column.Vector, 0, most)}
	for _, f := range p.inputs {
		v := t.Column(f.Name)
		switch {
		case v == nil:
			return nil, invalid(f.Name, "the features need this column, which is not there")
		case v.Type != f.Type:
			return nil, invalid(f.Name, "is %s; the features were fitted on %s", v.Type, f.Type)
		case v.Len() != t.Rows():
			return nil, fmt.Errorf("apply: column %q has %d rows of %d", f.Name, v.Len(), t.Rows())
		}
		if from > 0 || to < v.Len() {
			v = v.Slice(from, to)
		}
		view.Names, view.Columns = append(view.Names, f.Name), append(view.Columns, v)
		if f.Name == timeColumn && p.time != "" && p.time != timeColumn {
			view.Names, view.Columns = append(view.Names, p.time), append(view.Columns, v)
		}
	}
	return view, nil
}

// run makes or replaces the step's column.
func (s *step) run(view *column.Table, zones []*time.Location) error {
	if s.program == nil {
		v := view.Column(s.Name)
		if v == nil {
			return fmt.Errorf("impute %q: no such column", s.Name)
		}
		view.Set(s.Name, s.apply(v))
		return nil
	}
	v, err := s.program.Eval(view, expr.Env{Zones: zones})
	if err != nil {
		return fmt.Errorf("feature %s: %w", s.Name, err)
	}
	view.Set(s.Name, v)
	return nil
}
