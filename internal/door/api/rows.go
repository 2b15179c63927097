package api

import (
	"bytes"
	"fmt"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/serve"
)

// builder makes a table of rows that come field by field.
type builder struct {
	fields  []serve.Field
	vectors []column.Vector
	index   map[string]int
	seen    []int // row in which the field came last, from 1
	named   []bool
	rows    int
	limit   int
	next    int // where the next field probably is: rows tend to have one order
	title   string
}

func newBuilder(fields []serve.Field, limit int) *builder {
	b := &builder{fields: fields, vectors: make([]column.Vector, len(fields)), seen: make([]int, len(fields)), named: make([]bool, len(fields)), limit: limit, title: "rows"}
	for i := range b.vectors {
		b.vectors[i].Type = fields[i].Type
	}
	return b
}

// find is the position of a field; the error names the nearest one.
func (b *builder) find(name []byte) (int, error) {
	if b.next < len(b.fields) && b.fields[b.next].Name == string(name) {
		b.next++
		return b.next - 1, nil
	}
	if b.index == nil {
		b.index = make(map[string]int, len(b.fields))
		for i := range b.fields {
			b.index[b.fields[i].Name] = i
		}
	}
	i, ok := b.index[string(name)]
	if !ok {
		return 0, b.unknown(string(name))
	}
	b.next = i + 1
	return i, nil
}

func (b *builder) unknown(name string) error {
	known := make([]string, len(b.fields))
	for i := range b.fields {
		known[i] = b.fields[i].Name
	}
	return b.wrong(name, "unknown field%s", nearest.Hint(name, known))
}

func (b *builder) wrong(name, format string, args ...any) error {
	if len(name) > 64 {
		name = name[:64]
	}
	return &rondo.Error{Kind: rondo.Invalid, Field: fmt.Sprintf("%s[%d].%s", b.title, b.rows, name), Message: fmt.Sprintf(format, args...)}
}

// start begins a row.
func (b *builder) start() error {
	b.next = 0
	if b.rows >= b.limit {
		return &rondo.Error{Kind: rondo.Invalid, Field: b.title, Message: fmt.Sprintf("more than %d; send them in several requests", b.limit)}
	}
	return nil
}

// claim marks field i as given in this row.
func (b *builder) claim(i int) error {
	if b.seen[i] == b.rows+1 {
		return b.wrong(b.fields[i].Name, "given twice")
	}
	b.seen[i] = b.rows + 1
	b.named[i] = true
	return nil
}

func (b *builder) null(i int) {
	v := &b.vectors[i]
	n := v.Len()
	switch v.Type {
	case column.Bool:
		v.Bools = append(v.Bools, false)
	case column.Float64:
		v.Floats = append(v.Floats, 0)
	case column.String:
		v.Strings = append(v.Strings, "")
	default:
		v.Ints = append(v.Ints, 0)
	}
	if v.Null == nil {
		v.Null = make([]bool, n, max(8, 2*n))
	}
	v.Null = append(v.Null, true)
}

func (b *builder) value(i int, text []byte, quoted bool) error {
	v := &b.vectors[i]
	if err := cell(v, &b.fields[i], text, quoted); err != nil {
		return b.wrong(b.fields[i].Name, "%s", err.Error())
	}
	if v.Null != nil {
		v.Null = append(v.Null, false)
	}
	return nil
}

// finish ends a row: what was not given is missing, or refused where it has to be named.
func (b *builder) finish() error {
	for i := range b.fields {
		if b.seen[i] == b.rows+1 {
			continue
		}
		if b.fields[i].Required {
			return b.wrong(b.fields[i].Name, "is missing; a value that is not known is sent as null")
		}
		b.null(i)
	}
	b.rows++
	return nil
}

// table is the rows. Fields that no row named are left out unless they are required.
func (b *builder) table() *column.Table {
	t := &column.Table{Names: make([]string, 0, len(b.fields)), Columns: make([]*column.Vector, 0, len(b.fields))}
	for i := range b.fields {
		if b.named[i] || b.fields[i].Required {
			t.Names = append(t.Names, b.fields[i].Name)
			t.Columns = append(t.Columns, &b.vectors[i])
		}
	}
	return t
}

// jsonValue reads the value of field i.
func (b *builder) jsonValue(s *scanner, i int) error {
	switch c := s.peek(); {
	case c == '"':
		text, err := s.text()
		if err != nil {
			return err
		}
		switch b.fields[i].Type {
		case column.Bool, column.Float64:
			return b.wrong(b.fields[i].Name, "a string where %s is expected", b.fields[i].Type)
		}
		return b.value(i, text, true)
	case c == 'n' && s.word("null"):
		b.null(i)
		return nil
	case c == 't' && s.word("true"):
		return b.jsonBool(i, "true")
	case c == 'f' && s.word("false"):
		return b.jsonBool(i, "false")
	case c == '-' || c >= '0' && c <= '9':
		text, err := s.number()
		if err != nil {
			return err
		}
		switch b.fields[i].Type {
		case column.Int64, column.Float64, column.Duration:
			return b.value(i, text, false)
		}
		return b.wrong(b.fields[i].Name, "a number where %s is expected", b.fields[i].Type)
	case c == 0 && s.at >= len(s.b):
		return s.fail("ends where a value is expected")
	case c == '{' || c == '[':
		return b.wrong(b.fields[i].Name, "a nested value where %s is expected", b.fields[i].Type)
	default:
		return b.wrong(b.fields[i].Name, "%q is no value; a value that is not known is null", c)
	}
}

func (b *builder) jsonBool(i int, text string) error {
	if b.fields[i].Type != column.Bool {
		return b.wrong(b.fields[i].Name, "%s where %s is expected", text, b.fields[i].Type)
	}
	return b.value(i, []byte(text), false)
}

// jsonRow reads one row.
func (b *builder) jsonRow(s *scanner) error {
	if err := b.start(); err != nil {
		return err
	}
	err := s.object(func(name []byte) error {
		i, err := b.find(name)
		if err == nil {
			err = b.claim(i)
		}
		if err != nil {
			return err
		}
		return b.jsonValue(s, i)
	})
	if err != nil {
		return err
	}
	return b.finish()
}

// jsonRows reads {"rows": [{...}, ...]}.
func jsonRows(body []byte, fields []serve.Field, limit int) (*column.Table, error) {
	b, s, given := newBuilder(fields, limit), &scanner{b: body}, false
	err := s.object(func(name []byte) error {
		if string(name) != "rows" {
			return &rondo.Error{Kind: rondo.Invalid, Field: clip(string(name)), Message: "unknown field" + nearest.Hint(string(name), []string{"rows"})}
		}
		if given {
			return &rondo.Error{Kind: rondo.Invalid, Field: "rows", Message: "given twice"}
		}
		given = true
		return s.array(func(int) error { return b.jsonRow(s) })
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, err
	}
	if b.rows == 0 {
		return nil, noRows()
	}
	return b.table(), nil
}

func clip(s string) string { return s[:min(len(s), 64)] }

func noRows() error {
	return &rondo.Error{Kind: rondo.Invalid, Field: "rows", Message: "no rows; send {\"rows\": [{...}]}, JSON lines or CSV with a header"}
}

// jsonLines reads one object a line; blank lines are passed over.
func jsonLines(body []byte, fields []serve.Field, limit int) (*column.Table, error) {
	b := newBuilder(fields, limit)
	s := &scanner{}
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		s.b, s.at, s.depth = line, 0, 0
		if s.peek(); s.at >= len(s.b) {
			continue
		}
		if err := b.jsonRow(s); err != nil {
			return nil, err
		}
		if err := s.end(); err != nil {
			return nil, fmt.Errorf("line of rows[%d]: %w", b.rows-1, err)
		}
	}
	if b.rows == 0 {
		return nil, noRows()
	}
	return b.table(), nil
}
