package data

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
)

// maxLookup is how many rows a lookup's table may have.
const maxLookup = 1_000_000

// source finds the files of a declaration and what they hold.
func (p *Preparer) source(ctx context.Context, spec *rondo.Spec) ([]string, []engine.Field, int64, error) {
	files, err := Files(spec.Dir, spec.Data.Source)
	if err != nil {
		return nil, nil, 0, err
	}
	fields, total, err := p.engine.Describe(ctx, engine.Source{Files: files})
	if err != nil {
		return nil, nil, 0, err
	}
	if total > int64(p.opt.Rows) {
		return nil, nil, 0, &rondo.Error{Kind: rondo.Unsupported, Field: "data.source",
			Message: fmt.Sprintf("%d rows; this installation prepares up to %d", total, p.opt.Rows)}
	}
	return files, fields, total, nil
}

// Files are the files that a source names, in name order: one file, or a pattern beside dir.
func Files(dir, source string) ([]string, error) {
	wrong := func(kind rondo.Kind, format string, args ...any) error {
		return &rondo.Error{Kind: kind, Field: "data.source", Message: fmt.Sprintf(format, args...)}
	}
	if strings.Contains(source, "://") {
		return nil, wrong(rondo.Unsupported, "%s: this installation reads files only", source)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("folder of the model file: %w", err)
	}
	path := source
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, source)
	}
	if !strings.ContainsAny(source, "*?[") {
		return []string{path}, nil
	}
	var files []string
	if filepath.IsLocal(source) { // dir may hold characters that a pattern would read
		names, err := fs.Glob(os.DirFS(dir), filepath.ToSlash(filepath.Clean(source)))
		if err != nil {
			return nil, wrong(rondo.Invalid, "%s: %v", source, err)
		}
		for _, name := range names {
			files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
		}
	} else if files, err = filepath.Glob(path); err != nil {
		return nil, wrong(rondo.Invalid, "%s: %v", source, err)
	}
	if len(files) == 0 {
		return nil, wrong(rondo.Invalid, "no file matches %s in %s", source, dir)
	}
	slices.Sort(files)
	return files, nil
}

// lookups reads the small tables of a declaration.
func (p *Preparer) lookups(ctx context.Context, spec *rondo.Spec) (map[string]*column.Table, error) {
	out := make(map[string]*column.Table, len(spec.Data.Lookup))
	for _, l := range spec.Data.Lookup {
		t, err := p.Lookup(ctx, spec.Dir, l)
		if err != nil {
			return nil, err
		}
		out[l.Name] = t
	}
	return out, nil
}

// Lookup reads the columns that a lookup needs of its table: training and serving join the same rows.
func (p *Preparer) Lookup(ctx context.Context, dir string, l rondo.Lookup) (*column.Table, error) {
	files, err := Files(dir, l.From)
	if err != nil {
		return nil, fmt.Errorf("lookup %s: %w", l.Name, err)
	}
	var columns []string
	for _, on := range l.On {
		columns = append(columns, on.To)
	}
	for _, take := range l.Take {
		if !slices.Contains(columns, take) {
			columns = append(columns, take)
		}
	}
	t := &column.Table{}
	for b, err := range p.engine.Read(ctx, engine.Source{Files: files, Columns: columns, Limit: maxLookup + 1}) {
		if err != nil {
			return nil, fmt.Errorf("lookup %s: %w", l.Name, err)
		}
		if err := t.Append(b.Table); err != nil {
			return nil, fmt.Errorf("lookup %s: %w", l.Name, err)
		}
	}
	if t.Rows() > maxLookup {
		return nil, &rondo.Error{Kind: rondo.Unsupported, Field: "data.lookup." + l.Name, Message: fmt.Sprintf("more than %d rows", maxLookup)}
	}
	return t, nil
}
