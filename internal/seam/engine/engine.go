// Package engine reads tables from files with an SQL engine.
//
// The promise (enginetest examines every implementation): files are read where their bytes cannot hurt this process, in a
// child with memory, time and output limits that dies with ctx. A file that is missing, torn, of another kind, or too
// large gives an error naming it, never a partial result that looks whole: when the sequence ends without an error, all
// rows were seen, each once. Row order within a file is kept; files come in name order. No network, no other file is
// read than those named.
package engine

import (
	"context"
	"iter"

	"rondo.dev/rondo/internal/lib/column"
)

// Source is what to read. Format is csv, jsonl, json or parquet; empty means by extension.
type Source struct {
	Files   []string // absolute paths
	Format  string
	Columns []string // nil: all
	// Types fixes logical types by column; others are inferred (CSV, JSON) or taken from the file (Parquet).
	Types map[string]column.Type
	Limit int // rows; 0: all
}

// Field is a column of a source.
type Field struct {
	Name string
	Type column.Type
	// Naive is true for a timestamp without zone: its value is the local clock reading as if it were UTC.
	Naive bool
}

// Batch is some rows of one file. First is the row's number in its file, from 0.
type Batch struct {
	File  string
	First int64
	Table *column.Table
}

// Engine reads tables.
type Engine interface {
	// Describe gives the columns and the number of rows (-1 when counting would mean reading all).
	Describe(ctx context.Context, s Source) (fields []Field, rows int64, err error)
	Read(ctx context.Context, s Source) iter.Seq2[Batch, error]
}
