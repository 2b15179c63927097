// Package history answers: how did it go lately, as far as one could know? It computes point-in-time aggregates of
// outcomes from one definition, for training (Columns, a whole table at once) and for serving (Live), in the same bits.
//
// A fact is the outcome of one row: its group values, its value, when it could be known, when it arrived, and the row's
// key. A row at time t sees the facts of its group with t-over < known < t (open at both ends: a fact known at t is not
// known yet) that arrived before t, except a fact of its own key. A later fact of a key replaces the earlier one from its
// arrival on (RULES D6, R2, R4, R6).
//
// Shapes: one column per definition, one value a row. Units: instants and durations are microseconds. Missing: mean and
// sum over no fact are null, count over no fact is 0, a measured 0. A row with a missing group value belongs to no group:
// its value is null, count too, and its outcome is nobody's fact. A fact whose value is missing is no fact.
//
// Bits: counts are integers; bools (as 0 and 1) and integers are summed in 128 bits; floats are first rounded to multiples
// of 2^-48 (half to even) and summed as 128-bit integers too, so no order of additions, no eviction and no correction can
// change a bit. A float beyond +-2^48 has no such form and counts as missing. The one division at the end is correctly
// rounded to float64 (RULES R7).
package history

import (
	"fmt"
	"sort"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/rondo"
)

// Set is the compiled history definitions of one model.
type Set struct {
	defs   []definition
	series []series
	longer int64 // the longest window
}

type definition struct {
	name      string
	aggregate rondo.Aggregate
	over      int64
	series    int
}

// series is what several definitions can share: the same values in the same groups.
type series struct {
	of    string // empty: every fact counts, whatever its value
	scale int    // values are integers times 2^-scale
	by    []string
	types []column.Type // of by
}

// Compile checks definitions against the types of the columns that facts and rows have.
func Compile(defs []rondo.History, types map[string]column.Type) (*Set, error) {
	s := &Set{}
	at := make(map[string]int)
	for _, def := range defs {
		over := def.Over.Microseconds()
		if over <= 0 {
			return nil, invalid(def.Name, "over %s; a window has a length", def.Over)
		}
		one := series{of: def.Of, by: def.By}
		switch def.Aggregate {
		case rondo.Mean, rondo.Sum, rondo.Count:
		default:
			return nil, invalid(def.Name, "no aggregate %q; there are mean, sum and count", def.Aggregate)
		}
		if def.Of == "" && def.Aggregate != rondo.Count {
			return nil, invalid(def.Name, "%s of what? name a column", def.Aggregate)
		}
		if def.Of != "" {
			t, err := typeOf(def.Name, def.Of, types)
			if err != nil {
				return nil, err
			}
			if t != column.Bool && t != column.Int64 && t != column.Float64 {
				return nil, invalid(def.Name, "%s of %q, a %s; it takes a bool or a number", def.Aggregate, def.Of, t)
			}
			if t == column.Float64 {
				one.scale = floatScale
			}
		}
		for _, by := range def.By {
			t, err := typeOf(def.Name, by, types)
			if err != nil {
				return nil, err
			}
			one.types = append(one.types, t)
		}
		id := fmt.Sprintf("%q by %q", one.of, one.by)
		n, ok := at[id]
		if !ok {
			n = len(s.series)
			at[id] = n
			s.series = append(s.series, one)
		}
		s.defs = append(s.defs, definition{name: def.Name, aggregate: def.Aggregate, over: over, series: n})
		s.longer = max(s.longer, over)
	}
	return s, nil
}

func typeOf(def, name string, types map[string]column.Type) (column.Type, error) {
	t, ok := types[name]
	if ok {
		return t, nil
	}
	names := make([]string, 0, len(types))
	for n := range types {
		names = append(names, n)
	}
	sort.Strings(names)
	return 0, invalid(def, "no column %q%s", name, nearest.Hint(name, names))
}

func invalid(def, format string, args ...any) error {
	return &rondo.Error{Kind: rondo.Invalid, Field: "history." + def, Message: fmt.Sprintf(format, args...)}
}

// Names are the columns that Columns and Values give, in their order.
func (s *Set) Names() []string {
	out := make([]string, len(s.defs))
	for i, d := range s.defs {
		out[i] = d.name
	}
	return out
}

// Longest is the longest window: facts known longer ago than this are seen by nobody.
func (s *Set) Longest() int64 { return s.longer }

// FactColumns are the columns that Facts.Table needs, sorted.
func (s *Set) FactColumns() []string { return s.needed(true) }

// RowColumns are the columns that the table of rows needs, sorted.
func (s *Set) RowColumns() []string { return s.needed(false) }

func (s *Set) needed(of bool) []string {
	seen := make(map[string]bool)
	for _, one := range s.series {
		if of && one.of != "" {
			seen[one.of] = true
		}
		for _, by := range one.by {
			seen[by] = true
		}
	}
	out := make([]string, 0, len(seen))
	for name := range seen {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// Facts are outcomes, one a row, of rows that pass the checks and whose known is known. Where a key comes more than once
// the facts stand in order of arrival. Arrived equals Known for rows that were there before Rondo.
type Facts struct {
	Table          *column.Table // FactColumns
	Known, Arrived []int64
	Keys           []rowhash.Key // nil: no fact belongs to a key, so nothing is replaced or excluded
	Offset         uint64        // of the log record these facts came with; Live hands out the highest it has seen
}

func (f *Facts) check() error {
	rows := len(f.Known)
	if len(f.Arrived) != rows || f.Keys != nil && len(f.Keys) != rows || len(f.Table.Columns) > 0 && f.Table.Rows() != rows {
		return fmt.Errorf("history facts: %d known, %d arrived, %d keys, %d rows", rows, len(f.Arrived), len(f.Keys), f.Table.Rows())
	}
	if rows > maxFacts {
		return fmt.Errorf("history facts: %d, at most %d", rows, maxFacts)
	}
	return nil
}

// columns finds the by columns of a series.
func (one *series) columns(t *column.Table, rows int) ([]*column.Vector, error) {
	out := make([]*column.Vector, len(one.by))
	for i, name := range one.by {
		v := t.Column(name)
		switch {
		case v == nil:
			return nil, fmt.Errorf("history by %s: the table has no column %q", strings.Join(one.by, ", "), name)
		case v.Type != one.types[i]:
			return nil, fmt.Errorf("history by %s: column %q is %s, compiled for %s", strings.Join(one.by, ", "), name, v.Type, one.types[i])
		case v.Len() != rows:
			return nil, fmt.Errorf("history by %s: column %q has %d rows, not %d", strings.Join(one.by, ", "), name, v.Len(), rows)
		}
		out[i] = v
	}
	return out, nil
}

// values finds the of column of a series; nil where every fact counts.
func (one *series) values(t *column.Table) (*column.Vector, error) {
	if one.of == "" {
		return nil, nil
	}
	v := t.Column(one.of)
	if v == nil {
		return nil, fmt.Errorf("history: the facts have no column %q", one.of)
	}
	if float := v.Type == column.Float64; float != (one.scale != 0) || !float && v.Type != column.Bool && v.Type != column.Int64 {
		return nil, fmt.Errorf("history: column %q is %s, which is not what the definition was compiled for", one.of, v.Type)
	}
	return v, nil
}

// result is the column a definition makes, before any row is filled.
func (d *definition) result(rows int) *column.Vector {
	if d.aggregate == rondo.Count {
		return column.New(column.Int64, rows)
	}
	return column.New(column.Float64, rows)
}

// fill puts the aggregate of a window into row i.
func (d *definition) fill(out *column.Vector, i int, w total, scale int) {
	switch {
	case d.aggregate == rondo.Count:
		out.Ints[i] = w.count
	case w.count == 0:
		out.SetNull(i)
	case d.aggregate == rondo.Mean:
		out.Floats[i] = w.sum.quotient(w.count, scale)
	default:
		out.Floats[i] = w.sum.quotient(1, scale)
	}
}
