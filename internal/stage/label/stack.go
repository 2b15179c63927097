package label

import (
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// stack puts tables on top of each other whose columns may differ.
type stack struct {
	table column.Table
	rows  int
	room  int // for so many rows a column is made at first
	at    map[string]int
}

// add appends t. A column that t lacks is missing in its rows, one that is new was missing in all rows before.
func (s *stack) add(t *column.Table) error {
	if s.at == nil {
		s.at = map[string]int{}
	}
	n := t.Rows()
	for c, name := range t.Names {
		v := t.Columns[c]
		i, ok := s.at[name]
		if !ok {
			i = len(s.table.Names)
			s.at[name] = i
			s.table.Names = append(s.table.Names, name)
			first := column.Empty(v.Type, s.room)
			if s.rows > 0 {
				first = column.AllNull(v.Type, s.rows)
			}
			s.table.Columns = append(s.table.Columns, first)
		}
		into := s.table.Columns[i]
		if into.Type != v.Type {
			return rondo.Errorf(rondo.Conflict, "column %q is %s and was %s before", name, v.Type, into.Type)
		}
		if into.Len() < s.rows { // t lacked it before
			if err := into.Append(column.AllNull(v.Type, s.rows-into.Len())); err != nil {
				return err
			}
		}
		if err := into.Append(v); err != nil {
			return err
		}
	}
	s.rows += n
	return nil
}

// widen makes all columns as long as the stack.
func (s *stack) widen() error {
	for _, v := range s.table.Columns {
		if missing := s.rows - v.Len(); missing > 0 {
			if err := v.Append(column.AllNull(v.Type, missing)); err != nil {
				return err
			}
		}
	}
	return nil
}

// put writes row i of from into row of to, which is missing there; both have one type.
func put(to *column.Vector, row int, from *column.Vector, i int) {
	to.Null[row] = false
	switch to.Type {
	case column.Bool:
		to.Bools[row] = from.Bools[i]
	case column.Float64:
		to.Floats[row] = from.Floats[i]
	case column.String:
		to.Strings[row] = from.Strings[i]
	default:
		to.Ints[row] = from.Ints[i]
	}
}
