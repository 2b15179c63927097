package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
	"rondo.dev/rondo/internal/stage/data"
)

// Table is a file, or several alike, read whole or up to a number of rows.
type Table struct {
	*column.Table
	Naive map[string]bool // timestamps without a zone
	Whole bool            // no row was left out
}

// ReadTable reads a source as a model file beside dir would name it, outside any installation: nothing is kept.
func ReadTable(ctx context.Context, dir, source string, rows int) (*Table, error) {
	files, err := data.Files(dir, source)
	if err != nil {
		return nil, err
	}
	if err := there(files[0]); err != nil {
		return nil, err
	}
	eng, err := reader()
	if err != nil {
		return nil, err
	}
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
		return nil, &rondo.Error{Kind: rondo.Invalid, Field: source, Message: "holds no rows"}
	}
	return out, nil
}

// ReadRows reads a file at an absolute path, in its order, some rows at a time. Types fixes those of columns that the file
// has.
func ReadRows(ctx context.Context, path string, types map[string]column.Type, use func(*column.Table) error) error {
	if err := there(path); err != nil {
		return err
	}
	eng, err := reader()
	if err != nil {
		return err
	}
	for b, err := range eng.Read(ctx, engine.Source{Files: []string{path}, Types: types}) {
		if err == nil {
			err = use(b.Table)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func there(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return &rondo.Error{Kind: rondo.NotFound, Field: path, Message: "there is no such file"}
	}
	return nil
}

// reader is an engine of this program's own child.
func reader() (engine.Engine, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return duckdb.New([]string{self, "engine-child"}, duckdb.Options{}), nil
}
