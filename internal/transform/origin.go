package transform

import (
	"fmt"
	"slices"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
)

// origins finds which raw columns are labels: those the target is computed from and no question needs.
func (c *compiler) origins() error {
	target := c.spec.Task.Target
	if _, ok := c.types[target]; !ok {
		return invalid("task.target", "no column %q in the source or under derive%s", target, nearest.Hint(target, sortedNames(c.types)))
	}
	if err := c.targetType(target); err != nil {
		return err
	}
	if err := c.needed(); err != nil {
		return err
	}
	var asked []string
	for _, raw := range c.sources(target) {
		if why, ok := c.needs[raw]; ok {
			asked = append(asked, fmt.Sprintf("%s (%s reads it)", raw, why))
		} else {
			c.labels[raw] = true
		}
	}
	if len(c.labels) == 0 {
		return invalid("task.target", "leak: %s is known when the question is asked; all it is computed from is needed there: %s", target, strings.Join(asked, ", "))
	}
	for name := range c.types {
		c.taint[name] = slices.ContainsFunc(c.sources(name), func(raw string) bool { return c.labels[raw] })
	}
	c.taint[target] = true
	for _, h := range c.spec.Data.History {
		if h.Of == "" {
			continue
		}
		if _, ok := c.types[h.Of]; !ok {
			return invalid("data.history."+h.Name, "no column %q%s", h.Of, nearest.Hint(h.Of, sortedNames(c.types)))
		}
	}
	return nil
}

func (c *compiler) targetType(target string) error {
	t := c.types[target]
	switch {
	case c.spec.Task.Kind == rondo.Binary && t != column.Bool:
		return invalid("task.target", "%q is %s; a binary target is a bool: derive one, as in %s_yes: %s = ...", target, t, target, expr.QuoteColumn(target))
	case c.spec.Task.Kind == rondo.Regression && t != column.Int64 && t != column.Float64:
		return invalid("task.target", "%q is %s; regression needs a number", target, t)
	case c.spec.Task.Kind == rondo.Multiclass && t != column.String && t != column.Int64 && t != column.Bool:
		return invalid("task.target", "%q is %s; classes are text, whole numbers or bools", target, t)
	}
	return nil
}

// needed notes what a question needs besides features. Time and key are noted already.
func (c *compiler) needed() error {
	for _, l := range c.spec.Data.Lookup {
		for _, pair := range l.On {
			c.need(pair.Column, "lookup "+l.Name)
		}
	}
	for _, h := range c.spec.Data.History {
		for _, by := range h.By {
			if _, ok := c.types[by]; !ok {
				return invalid("data.history."+h.Name, "no column %q%s", by, nearest.Hint(by, sortedNames(c.types)))
			}
			if err := c.notTheTarget("data.history."+h.Name, "the group of history "+h.Name, by); err != nil {
				return err
			}
			c.need(by, "the group of history "+h.Name)
		}
	}
	if c.spec.Data.Label != nil && c.spec.Data.Label.Known != "" {
		e, err := expr.Parse(c.spec.Data.Label.Known)
		if err != nil {
			return wrong("data.label.known", err)
		}
		for _, name := range e.Columns() {
			if err := c.notTheTarget("data.label.known", "known", name); err != nil {
				return err
			}
			if _, ok := c.types[name]; ok {
				c.need(name, "known")
			}
		}
	}
	for raw, why := range c.needs {
		if raw == c.spec.Task.Target {
			return invalid("task.target", "leak: %s reads %s, the target", why, raw)
		}
	}
	return nil
}

// notTheTarget refuses a column that is, or is computed from, the target.
func (c *compiler) notTheTarget(field, what, name string) error {
	if path := c.path(name, func(n string) bool { return n == c.spec.Task.Target }); path != nil {
		return invalid(field, "leak: %s reads %s, the target", what, strings.Join(path, ", which reads "))
	}
	return nil
}

// path is the way from a column down to one that found says yes to, or nil.
func (c *compiler) path(name string, found func(string) bool) []string {
	dead := make(map[string]bool) // columns from which no way leads there
	var walk func(string) []string
	walk = func(name string) []string {
		if found(name) {
			return []string{name}
		}
		if dead[name] {
			return nil
		}
		dead[name] = true
		for _, read := range c.reads[name] {
			if rest := walk(read); rest != nil {
				return append([]string{name}, rest...)
			}
		}
		return nil
	}
	return walk(name)
}

// leak says why a feature must not read a column; nil: it may.
func (c *compiler) leak(field, name string) error {
	if c.spec.Data.Time != nil && name == knownColumn {
		return invalid(field, "leak: known says when the outcome was known, which nobody knows when the question is asked")
	}
	if !c.taint[name] {
		return nil
	}
	target := c.spec.Task.Target
	path := c.path(name, func(n string) bool { return c.labels[n] || n == target })
	last := path[len(path)-1]
	if last == target {
		return invalid(field, "leak: it reads %s, the target", strings.Join(path, ", which reads "))
	}
	return invalid(field, "leak: it reads %s, which is known only with the outcome (%s)", strings.Join(path, ", which reads "),
		strings.Join(c.path(target, func(n string) bool { return n == last }), " reads "))
}

// drops checks that what is dropped exists; features are checked where they are planned.
func (c *compiler) drops() error {
	for _, name := range c.spec.Data.Drop {
		if _, ok := c.types[name]; !ok && !slices.ContainsFunc(c.spec.Data.Features, func(f rondo.FeatureStep) bool { return f.Expr != nil && f.Expr.Name == name }) {
			return invalid("data.drop", "no column %q%s", name, nearest.Hint(name, sortedNames(c.types)))
		}
	}
	return nil
}

// sign writes the signature.
func (c *compiler) sign(source Schema) {
	used := c.usedInServing()
	add := func(name string, origin Origin) {
		t := c.types[name]
		if raw, ok := c.raw[name]; ok {
			t = raw // the declared time keeps its local form
		}
		c.rows.signature.Columns = append(c.rows.signature.Columns, SignatureColumn{
			Name: name, Type: t, Nullable: true, Origin: origin, Outcome: c.taint[name],
		})
	}
	for _, f := range source {
		switch {
		case c.labels[f.Name] || f.Name == c.spec.Task.Target:
			add(f.Name, Label)
		case slices.Contains(c.spec.Data.Drop, f.Name) && !used[f.Name]:
			add(f.Name, Drop)
		default:
			add(f.Name, Request)
		}
	}
	if k := c.spec.Data.Key; k != nil && k.Number != "" {
		add(k.Number, Derived)
	}
	for _, l := range c.rows.lookups {
		for _, name := range l.names {
			add(name, Looked)
		}
	}
	for _, d := range c.rows.derived {
		add(d.name, Derived)
	}
	for _, h := range c.spec.Data.History {
		add(h.Name, Past)
	}
}

// usedInServing are the raw columns that a question needs for anything, features that name them included.
func (c *compiler) usedInServing() map[string]bool {
	used := make(map[string]bool)
	use := func(names ...string) {
		for _, name := range names {
			for _, raw := range c.sources(name) {
				used[raw] = true
			}
		}
	}
	for raw := range c.needs {
		used[raw] = true
	}
	for _, one := range c.rows.checks {
		if !one.outcome {
			use(one.program.Columns()...)
		}
	}
	for _, d := range c.rows.derived {
		if !d.outcome {
			use(d.program.Columns()...)
		}
	}
	for _, f := range c.spec.Data.Features {
		use(namedBy(f)...)
	}
	return used
}

// namedBy are the columns that a line under features names. An expression that does not parse names none here; planning
// reports it.
func namedBy(f rondo.FeatureStep) []string {
	var out []string
	if f.Expr != nil {
		if e, err := expr.Parse(f.Expr.Expr); err == nil {
			out = append(out, e.Columns()...)
		}
	}
	for _, one := range f.Impute {
		out = append(out, one.Column)
	}
	for _, one := range f.Encode {
		out = append(out, one.Column)
	}
	for _, one := range f.DateParts {
		out = append(out, one.Column)
	}
	return out
}
