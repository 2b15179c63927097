package data

import (
	"context"
	"fmt"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/transform"
)

// keepRows keeps what the row program was compiled from, the source's columns and the lookups' tables, so that serving
// runs the very same program whatever becomes of the files.
func (w *preparation) keepRows(ctx context.Context, source []engine.Field) error {
	empty := &column.Table{}
	for _, f := range source {
		empty.Set(f.Name, column.New(f.Type, 0))
	}
	b := column.AppendBlock(nil, empty)
	for _, l := range w.Spec.Data.Lookup {
		b = column.AppendBlock(b, w.lookedUp[l.Name])
	}
	digest, err := w.objects.Put(ctx, b)
	if err != nil {
		return fmt.Errorf("keep the row program: %w", err)
	}
	w.out.Rows = digest
	return nil
}

// Rows is the row program that a dataset was made with.
func (p *Preparer) Rows(ctx context.Context, spec *rondo.Spec, d *rondo.Dataset) (*transform.Rows, error) {
	b, err := p.objects.Get(ctx, d.Rows)
	if err != nil {
		return nil, fmt.Errorf("row program of dataset %s: %w", d.ID, err)
	}
	empty, b, err := column.ReadBlock(b)
	if err != nil {
		return nil, fmt.Errorf("row program of dataset %s: %w", d.ID, err)
	}
	lookups := make(map[string]*column.Table, len(spec.Data.Lookup))
	for _, l := range spec.Data.Lookup {
		if lookups[l.Name], b, err = column.ReadBlock(b); err != nil {
			return nil, fmt.Errorf("lookup %s of dataset %s: %w", l.Name, d.ID, err)
		}
	}
	return transform.CompileRows(spec, transform.SchemaOf(empty), lookups)
}

// Compile is the row program of a declaration on its source as it is now. It reads no rows of the source.
func (p *Preparer) Compile(ctx context.Context, spec *rondo.Spec) (*transform.Rows, error) {
	w := &preparation{Preparer: p, Request: Request{Spec: spec, Split: &spec.Data.Split}}
	_, fields, _, err := p.source(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := w.compile(ctx, fields); err != nil {
		return nil, err
	}
	return w.rows, nil
}
