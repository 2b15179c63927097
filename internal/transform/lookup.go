package transform

import (
	"fmt"
	"slices"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// lookup joins the rows of a small table by equality.
type lookup struct {
	on    []string // columns of the model
	names []string // columns made
	from  []*column.Vector
	rows  map[rowhash.Key]int32
	texts map[string]int32 // instead of rows, where on is one text column
}

func (c *compiler) lookups(tables map[string]*column.Table) error {
	for _, declared := range c.spec.Data.Lookup {
		field := "data.lookup." + declared.Name
		table := tables[declared.Name]
		if table == nil {
			return invalid(field, "the table was not read")
		}
		if len(declared.On) == 0 {
			return invalid(field+".on", "names no column to look up by")
		}
		l := &lookup{}
		var keys []*column.Vector
		for _, pair := range declared.On {
			t, err := c.rawType(field+".on", pair.Column)
			if err != nil {
				return err
			}
			v := table.Column(pair.To)
			if v == nil {
				return invalid(field+".on", "%s has no column %q%s", declared.From, pair.To, nearest.Hint(pair.To, table.Names))
			}
			if v.Type != t {
				return invalid(field+".on", "%s is %s and %s of %s is %s: they are never equal", pair.Column, t, pair.To, declared.From, v.Type)
			}
			l.on = append(l.on, pair.Column)
			keys = append(keys, v)
		}
		if err := c.take(field, l, declared.Name, declared.From, declared.Take, table); err != nil {
			return err
		}
		if err := l.index(keys, table.Rows()); err != nil {
			return invalid(field, "%s: %v", declared.From, err)
		}
		c.rows.lookups = append(c.rows.lookups, l)
	}
	return nil
}

// take names the columns that arrive: Take[i] where that is free, else Name_Take[i].
func (c *compiler) take(field string, l *lookup, name, from string, take []string, table *column.Table) error {
	for _, column := range take {
		v := table.Column(column)
		if v == nil {
			return invalid(field+".take", "%s has no column %q%s", from, column, nearest.Hint(column, table.Names))
		}
		as := column
		if _, taken := c.types[as]; taken || as == timeColumn || as == knownColumn {
			as = name + "_" + column
		}
		if err := c.make(field+".take", as, v.Type, l.on); err != nil {
			return err
		}
		l.names = append(l.names, as)
		l.from = append(l.from, v)
	}
	return nil
}

// index finds the row of every key. A key that stands twice with different values has no answer.
func (l *lookup) index(keys []*column.Vector, rows int) error {
	if len(keys) == 1 && keys[0].Type == column.String {
		l.texts = make(map[string]int32, rows)
	} else {
		l.rows = make(map[rowhash.Key]int32, rows)
	}
	names := rowhash.Rows(keys, rows)
	values := rowhash.Rows(l.from, rows)
	first := make(map[rowhash.Key]int, rows)
	for i := range rows {
		if slices.ContainsFunc(keys, func(v *column.Vector) bool { return v.IsNull(i) }) {
			continue // null equals nothing
		}
		if before, twice := first[names[i]]; twice {
			if values[before] != values[i] {
				return fmt.Errorf("rows %d and %d have the same key and differ", before+1, i+1)
			}
			continue
		}
		first[names[i]] = i
		if l.texts != nil {
			l.texts[keys[0].Strings[i]] = int32(i)
		} else {
			l.rows[names[i]] = int32(i)
		}
	}
	return nil
}

// match finds the table's row for each row of t, or -1.
func (l *lookup) match(t *column.Table, rows int) ([]int32, error) {
	on := make([]*column.Vector, len(l.on))
	for i, name := range l.on {
		if on[i] = t.Column(name); on[i] == nil {
			return nil, fmt.Errorf("look up by %q: no such column", name)
		}
	}
	out := make([]int32, rows)
	if l.texts != nil {
		for i := range out {
			if out[i] = -1; !on[0].IsNull(i) {
				if row, ok := l.texts[on[0].Strings[i]]; ok {
					out[i] = row
				}
			}
		}
		return out, nil
	}
	for i, name := range rowhash.Rows(on, rows) { // a missing value has a name of its own, which no row of the table has
		if row, ok := l.rows[name]; ok {
			out[i] = row
		} else {
			out[i] = -1
		}
	}
	return out, nil
}

// join sets the looked-up columns; rows without a match have nulls.
func (l *lookup) join(t *column.Table, rows int) error {
	match, err := l.match(t, rows)
	if err != nil {
		return err
	}
	for c, from := range l.from {
		v := column.New(from.Type, rows)
		for i, row := range match {
			if row < 0 || from.IsNull(int(row)) {
				v.SetNull(i)
				continue
			}
			switch from.Type {
			case column.Bool:
				v.Bools[i] = from.Bools[row]
			case column.Float64:
				v.Floats[i] = from.Floats[row]
			case column.String:
				v.Strings[i] = from.Strings[row]
			default:
				v.Ints[i] = from.Ints[row]
			}
		}
		t.Set(l.names[c], v)
	}
	return nil
}
