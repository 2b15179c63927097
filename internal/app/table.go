package app

import (
	"context"
	"fmt"
	"os"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
)

// Table is a file, or several alike, read whole or up to a number of rows.
type Table struct {
	*column.Table
	Naive map[string]bool // timestamps without a zone
	Whole bool            // no row was left out
}

// ReadTable reads files at absolute paths, outside any installation: nothing is kept.
func ReadTable(ctx context.Context, files []string, rows int) (*Table, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	eng := duckdb.New([]string{self, "engine-child"}, duckdb.Options{})
	fields, _, err := eng.Describe(ctx, engine.Source{Files: files})
	if err != nil {
		return nil, err
	}
	out := &Table{Table: &column.Table{}, Naive: make(map[string]bool), Whole: true}
	types := make(map[string]column.Type, len(fields))
	for _, f := range fields {
		types[f.Name], out.Naive[f.Name] = f.Type, f.Naive
	}
	for b, err := range eng.Read(ctx, engine.Source{Files: files, Types: types, Limit: rows + 1}) {
		if err != nil {
			return nil, err
		}
		if err := out.Append(b.Table); err != nil {
			return nil, fmt.Errorf("read %s: %w", b.File, err)
		}
	}
	if out.Rows() > rows {
		out.Table, out.Whole = out.Slice(0, rows), false
	}
	if out.Rows() == 0 {
		return nil, &rondo.Error{Kind: rondo.Invalid, Field: files[0], Message: "holds no rows"}
	}
	return out, nil
}
