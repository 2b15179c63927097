package transform

import (
	"slices"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
)

// How a column is encoded. Strings without a declared encoding are one-hot up to autoOneHot values, else target.
const (
	asNumber  = "number"
	asOneHot  = "one-hot"
	asTarget  = "target"
	asOrdinal = "ordinal"
)

const (
	autoOneHot   = 16
	maxOneHot    = 255
	minimalCount = 20 // rows that a value needs for a bucket of its own, and rows that a prior weighs
)

var dateParts = []string{"year", "month", "day", "weekday", "hour", "minute", "dayofyear"}

// plan is the feature program before anything is fitted.
type plan struct {
	steps   []step
	outputs []planned
	inputs  []Field // what the steps and outputs read of the table, sorted by name
	time    string  // the declared time column, which expressions see as its instant; empty without
}

// step makes or replaces a column.
type step struct {
	Name  string `json:"name"`
	Text  string `json:"expr,omitempty"`   // an expression
	How   string `json:"impute,omitempty"` // or an imputation, with its fitted value
	Value value  `json:"value,omitzero"`

	program *expr.Program
}

// planned is one feature, or one group of them; How is empty where the data decides.
type planned struct {
	column string
	kind   column.Type
	how    string
}

// planner follows the columns through the lines under features.
type planner struct {
	plan
	types    expr.Schema // columns as they are now
	given    map[string]column.Type
	features []string // in order
	how      map[string]string
	leak     func(field, name string) error
}

// newPlan reads features as D3 says: all request, lookup and history columns but time, key-only, labels and drop; every
// line adds or replaces a column. leak refuses columns that no feature may read; nil: CompileRows has done that.
func newPlan(spec *rondo.Spec, sig Signature, leak func(field, name string) error) (*plan, error) {
	p := &planner{types: make(expr.Schema), given: make(map[string]column.Type), how: make(map[string]string), leak: leak}
	if t := spec.Data.Time; t != nil {
		p.time = t.Column
		p.types[timeColumn] = column.Timestamp
	}
	for _, c := range sig.Columns {
		number := spec.Data.Key != nil && c.Name == spec.Data.Key.Number
		if c.Outcome || c.Origin == Label || c.Origin == Drop || number {
			continue
		}
		p.types[c.Name] = c.Type
		if c.Name == p.time {
			p.types[c.Name] = column.Timestamp
		}
		if c.Origin != Derived && c.Name != p.time && !keyOnly(spec, c.Name) {
			p.features = append(p.features, c.Name)
		}
	}
	for name, t := range p.types {
		p.given[name] = t
	}
	for i := range spec.Data.Features {
		if err := p.line(&spec.Data.Features[i]); err != nil {
			return nil, err
		}
	}
	p.features = slices.DeleteFunc(p.features, func(name string) bool { return slices.Contains(spec.Data.Drop, name) })
	if err := p.finish(); err != nil {
		return nil, err
	}
	return &p.plan, nil
}

// keyOnly says whether a column is part of the key and nothing else names it.
func keyOnly(spec *rondo.Spec, name string) bool {
	if spec.Data.Key == nil || !slices.Contains(spec.Data.Key.Columns, name) {
		return false
	}
	var texts []string
	texts = append(texts, spec.Data.Checks...)
	for _, d := range spec.Data.Derive {
		texts = append(texts, d.Expr)
	}
	if spec.Data.Label != nil && spec.Data.Label.Known != "" {
		texts = append(texts, spec.Data.Label.Known)
	}
	for _, text := range texts {
		if e, err := expr.Parse(text); err == nil && slices.Contains(e.Columns(), name) {
			return false
		}
	}
	for _, l := range spec.Data.Lookup {
		if slices.ContainsFunc(l.On, func(p rondo.Pair) bool { return p.Column == name }) {
			return false
		}
	}
	for _, h := range spec.Data.History {
		if slices.Contains(h.By, name) {
			return false
		}
	}
	return !slices.ContainsFunc(spec.Data.Features, func(f rondo.FeatureStep) bool { return slices.Contains(namedBy(f), name) })
}

func (p *planner) line(f *rondo.FeatureStep) error {
	if f.Expr != nil {
		return p.expression("data.features."+f.Expr.Name, f.Expr.Name, f.Expr.Expr)
	}
	for _, one := range f.Impute {
		if err := p.impute(one); err != nil {
			return err
		}
	}
	for _, one := range f.Encode {
		if err := p.encode(one); err != nil {
			return err
		}
	}
	for _, one := range f.DateParts {
		field := "data.features.dateParts." + one.Column
		t, err := p.column(field, one.Column)
		if err != nil {
			return err
		}
		if t != column.Timestamp {
			return invalid(field, "is %s; only a timestamp has date parts", t)
		}
		for _, part := range one.Parts {
			if !slices.Contains(dateParts, part) {
				return invalid(field, "no date part %q%s", part, nearest.Hint(part, dateParts))
			}
			if err := p.expression(field, one.Column+"_"+part, part+"("+expr.QuoteColumn(one.Column)+")"); err != nil {
				return err
			}
		}
		p.features = slices.DeleteFunc(p.features, func(name string) bool { return name == one.Column })
	}
	return nil
}

// column is the type of a column that a line reads.
func (p *planner) column(field, name string) (column.Type, error) {
	if p.leak != nil {
		if err := p.leak(field, name); err != nil {
			return 0, err
		}
	}
	t, ok := p.types[name]
	if !ok {
		return 0, invalid(field, "no column %q that a feature may read%s", name, nearest.Hint(name, sortedNames(p.types)))
	}
	return t, nil
}

func (p *planner) expression(field, name, text string) error {
	e, err := expr.Parse(text)
	if err != nil {
		return wrong(field, err)
	}
	for _, read := range e.Columns() {
		if _, err := p.column(field, read); err != nil {
			return err
		}
	}
	program, err := e.Compile(p.types)
	if err != nil {
		return wrong(field, err)
	}
	p.set(step{Name: name, Text: text, program: program}, program.Type())
	return nil
}

func (p *planner) set(s step, t column.Type) {
	p.steps = append(p.steps, s)
	p.types[s.Name] = t
	p.add(s.Name)
}

func (p *planner) add(name string) {
	if !slices.Contains(p.features, name) {
		p.features = append(p.features, name)
	}
}

func (p *planner) impute(one rondo.Column) error {
	field := "data.features.impute." + one.Column
	t, err := p.column(field, one.Column)
	if err != nil {
		return err
	}
	s := step{Name: one.Column, How: one.How}
	switch {
	case t == column.Timestamp || t == column.Duration:
		return invalid(field, "is %s; numbers, text and bools can be imputed", t)
	case one.How == "mode":
	case one.How == "median" || one.How == "mean":
		if t == column.String {
			return invalid(field, "is text, which has no %s; take mode or a constant", one.How)
		}
		t = column.Float64
	default:
		if s.Value, err = constant(one.How, t); err != nil {
			return invalid(field, "%v", err)
		}
		s.How = "constant"
	}
	p.set(s, t)
	return nil
}

func (p *planner) encode(one rondo.Column) error {
	field := "data.features.encode." + one.Column
	t, err := p.column(field, one.Column)
	if err != nil {
		return err
	}
	if one.How != asOneHot && one.How != asTarget && one.How != asOrdinal {
		return invalid(field, "no encoding %q%s", one.How, nearest.Hint(one.How, []string{asOneHot, asTarget, asOrdinal}))
	}
	if t != column.String && t != column.Int64 && t != column.Bool {
		return invalid(field, "is %s; text, whole numbers and bools can be encoded", t)
	}
	p.how[one.Column] = one.How
	p.add(one.Column)
	return nil
}

// finish lists outputs and inputs.
func (p *planner) finish() error {
	if len(p.features) == 0 {
		return invalid("data.features", "no column is left to be a feature")
	}
	for _, name := range p.features {
		t := p.types[name]
		how := p.how[name]
		switch {
		case t == column.Timestamp:
			return invalid("data.features", "%q is a timestamp, which is no feature; name it under dateParts, or under drop", name)
		case how == "" && t != column.String:
			how = asNumber
		case how != "" && t != column.String && t != column.Int64 && t != column.Bool:
			return invalid("data.features.encode."+name, "is %s by now; text, whole numbers and bools can be encoded", t)
		}
		p.outputs = append(p.outputs, planned{name, t, how})
	}
	made := make(map[string]bool)
	used := make(map[string]bool)
	read := func(name string) {
		if made[name] {
			return
		}
		if name == p.time {
			name = timeColumn
		}
		used[name] = true
	}
	for _, s := range p.steps {
		if s.program == nil {
			read(s.Name)
		} else {
			for _, name := range s.program.Columns() {
				read(name)
			}
		}
		made[s.Name] = true
	}
	for _, o := range p.outputs {
		read(o.column)
	}
	for _, name := range sortedNames(used) {
		p.inputs = append(p.inputs, Field{name, p.given[name]})
	}
	return nil
}
