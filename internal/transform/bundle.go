package transform

import (
	"bytes"
	"fmt"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

const rowsMagic = "RONDOROW"

// rowsHeader is what CompileRows was given; the lookup tables stand behind it as blocks.
type rowsHeader struct {
	Task    rondo.Task  `json:"task"`
	Data    rondo.Data  `json:"data"`
	Source  []fieldJSON `json:"source"`
	Lookups []string    `json:"lookups"`
}

// MarshalBinary writes the preparation with its lookup tables, so that a version keeps the tables it was trained with.
func (r *Rows) MarshalBinary() ([]byte, error) {
	h := rowsHeader{Task: r.task, Data: r.data, Source: fieldsJSON(r.source), Lookups: []string{}}
	var tables []*column.Table
	for _, declared := range r.data.Lookup {
		h.Lookups = append(h.Lookups, declared.Name)
		tables = append(tables, r.tables[declared.Name])
	}
	return seal(rowsMagic, h, tables)
}

// LoadRows reads what MarshalBinary wrote and compiles it again. Memory stays within a small multiple of len(b).
func LoadRows(b []byte) (*Rows, error) {
	var h rowsHeader
	blocks, err := unseal(b, rowsMagic, &h)
	if err != nil {
		return nil, err
	}
	source := make(Schema, len(h.Source))
	for i, j := range h.Source {
		t, err := column.ParseType(j.Type)
		if err != nil {
			return nil, fmt.Errorf("%w: source column %q: %v", ErrFormat, j.Name, err)
		}
		source[i] = Field{j.Name, t}
	}
	lookups := make(map[string]*column.Table)
	for _, name := range h.Lookups {
		if lookups[name], blocks, err = column.ReadBlock(blocks); err != nil {
			return nil, fmt.Errorf("%w: lookup %q: %v", ErrFormat, name, err)
		}
	}
	if len(blocks) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the lookups", ErrFormat, len(blocks))
	}
	r, err := CompileRows(&rondo.Spec{Task: h.Task, Data: h.Data}, source, lookups)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if again, err := r.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: not in its canonical form", ErrFormat)
	}
	return r, nil
}

// keepTables remembers the columns of the lookup tables that are used.
func (r *Rows) keepTables(tables map[string]*column.Table) {
	r.tables = make(map[string]*column.Table)
	for _, declared := range r.data.Lookup {
		t := &column.Table{}
		for _, pair := range declared.On {
			t.Set(pair.To, tables[declared.Name].Column(pair.To))
		}
		for _, name := range declared.Take {
			t.Set(name, tables[declared.Name].Column(name))
		}
		r.tables[declared.Name] = t
	}
}
