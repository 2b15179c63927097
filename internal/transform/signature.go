package transform

import (
	"encoding/json"
	"fmt"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// Origin says who brings a column.
type Origin string

// The origins.
const (
	Request Origin = "request" // the caller sends it
	Looked  Origin = "lookup"  // Rondo joins it
	Past    Origin = "history" // Rondo keeps it
	Derived Origin = "derived" // computed from the others; with Outcome set, from labels
	Label   Origin = "label"   // raw, and known only with the outcome
	Drop    Origin = "drop"    // raw, and nothing needs it
)

// Field is a column's name and type.
type Field struct {
	Name string
	Type column.Type
}

// Schema is the raw columns of a source, in its order.
type Schema []Field

// SchemaOf is the schema of a table.
func SchemaOf(t *column.Table) Schema {
	out := make(Schema, len(t.Names))
	for i, name := range t.Names {
		out[i] = Field{name, t.Columns[i].Type}
	}
	return out
}

// Signature is every column of a model but time and known: raw ones in the source's order, then the key's number, looked
// up, derived and history columns as declared.
type Signature struct {
	Columns []SignatureColumn `json:"columns"`
}

// SignatureColumn is one column. Nullable is true until Observe has seen training rows without a missing value. Outcome:
// it is, or is computed from, what is known only with the outcome.
type SignatureColumn struct {
	Name     string
	Type     column.Type
	Nullable bool
	Origin   Origin
	Outcome  bool
}

// Column is the column of that name, or nil.
func (s Signature) Column(name string) *SignatureColumn {
	for i := range s.Columns {
		if s.Columns[i].Name == name {
			return &s.Columns[i]
		}
	}
	return nil
}

// Names are the columns of an origin, in order.
func (s Signature) Names(origin Origin) []string {
	var out []string
	for _, c := range s.Columns {
		if c.Origin == origin {
			out = append(out, c.Name)
		}
	}
	return out
}

// Observe makes the columns of t that have no missing value not nullable: a request has to send them (R12).
func (s Signature) Observe(t *column.Table) Signature {
	out := Signature{Columns: append([]SignatureColumn(nil), s.Columns...)}
	for i := range out.Columns {
		if v := t.Column(out.Columns[i].Name); v != nil {
			out.Columns[i].Nullable = v.Nulls() > 0
		}
	}
	return out
}

// columnJSON is a column as it stands in files and answers: the type by its name.
type columnJSON struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Nullable bool   `json:"nullable"`
	Origin   Origin `json:"origin"`
	Outcome  bool   `json:"outcome,omitempty"`
}

// MarshalJSON writes the type by its name.
func (c SignatureColumn) MarshalJSON() ([]byte, error) {
	return json.Marshal(columnJSON{c.Name, c.Type.String(), c.Nullable, c.Origin, c.Outcome})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *SignatureColumn) UnmarshalJSON(b []byte) error {
	var j columnJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	t, err := column.ParseType(j.Type)
	if err != nil {
		return fmt.Errorf("column %q: %w", j.Name, err)
	}
	*c = SignatureColumn{j.Name, t, j.Nullable, j.Origin, j.Outcome}
	return nil
}

func invalid(field, format string, args ...any) error {
	return &rondo.Error{Kind: rondo.Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}
