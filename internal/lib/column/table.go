package column

import "fmt"

// Table is columns of equal length, in order, with distinct names.
type Table struct {
	Names   []string
	Columns []*Vector
}

// Rows is the number of rows; 0 for a table without columns.
func (t *Table) Rows() int {
	if len(t.Columns) == 0 {
		return 0
	}
	return t.Columns[0].Len()
}

// Index is the position of a column, or -1.
func (t *Table) Index(name string) int {
	for i, n := range t.Names {
		if n == name {
			return i
		}
	}
	return -1
}

// Column is the column of that name, or nil.
func (t *Table) Column(name string) *Vector {
	if i := t.Index(name); i >= 0 {
		return t.Columns[i]
	}
	return nil
}

// Set adds a column or replaces the one of that name. For whoever builds the table only.
func (t *Table) Set(name string, v *Vector) {
	if i := t.Index(name); i >= 0 {
		t.Columns[i] = v
		return
	}
	t.Names = append(t.Names, name)
	t.Columns = append(t.Columns, v)
}

// Shallow is a table of its own over the same columns: Set on it leaves t alone.
func (t *Table) Shallow() *Table {
	return &Table{Names: append([]string(nil), t.Names...), Columns: append([]*Vector(nil), t.Columns...)}
}

// Slice is rows from up to to, sharing memory.
func (t *Table) Slice(from, to int) *Table {
	out := &Table{Names: t.Names, Columns: make([]*Vector, len(t.Columns))}
	for i, v := range t.Columns {
		out.Columns[i] = v.Slice(from, to)
	}
	return out
}

// Take is the given rows in the given order, copied.
func (t *Table) Take(rows []int32) *Table {
	out := &Table{Names: t.Names, Columns: make([]*Vector, len(t.Columns))}
	for i, v := range t.Columns {
		out.Columns[i] = v.Take(rows)
	}
	return out
}

// Append adds the rows of o, which has the same columns in the same order.
func (t *Table) Append(o *Table) error {
	if len(t.Columns) == 0 && len(t.Names) == 0 {
		for i, name := range o.Names {
			v := New(o.Columns[i].Type, 0)
			if err := v.Append(o.Columns[i]); err != nil {
				return err
			}
			t.Set(name, v)
		}
		return nil
	}
	if len(t.Names) != len(o.Names) {
		return fmt.Errorf("append a table of %d columns to one of %d", len(o.Names), len(t.Names))
	}
	for i, name := range o.Names {
		if t.Names[i] != name {
			return fmt.Errorf("append column %q where %q stands", name, t.Names[i])
		}
		if err := t.Columns[i].Append(o.Columns[i]); err != nil {
			return fmt.Errorf("column %q: %w", name, err)
		}
	}
	return nil
}
