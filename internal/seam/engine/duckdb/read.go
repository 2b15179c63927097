package duckdb

import (
	"fmt"
	"strconv"
	"strings"

	bindings "github.com/duckdb/duckdb-go-bindings"

	"rondo.dev/rondo/internal/lib/column"
)

// sqlTypes are the five physical types that a chunk is read as.
var sqlTypes = map[column.Type]string{column.Bool: "BOOLEAN", column.Int64: "BIGINT", column.Duration: "BIGINT",
	column.Float64: "DOUBLE", column.String: "VARCHAR", column.Timestamp: "TIMESTAMP"}

// from is the table function that reads a file. fields, when not nil, fix what a format without types would guess.
func from(in input, fields []field) string {
	args := []string{quote(plain.Replace(in.path))}
	switch in.format {
	case "parquet":
		return "read_parquet([" + args[0] + "], union_by_name = false, hive_partitioning = false)"
	case "csv":
		args = append(args, "header = true", "comment = ''", "allow_quoted_nulls = false", "sample_size = -1",
			"hive_partitioning = false", "auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'DATE', 'TIMESTAMP', 'VARCHAR']")
		args = append(args, typesArg("types", fields)...)
		return "read_csv(" + strings.Join(args, ", ") + ")"
	default:
		format := "array"
		if in.format == "jsonl" {
			format = "newline_delimited"
		}
		args = append(args, "format = '"+format+"'", "records = true", "hive_partitioning = false")
		if fields == nil {
			args = append(args, "sample_size = -1", "map_inference_threshold = -1", "field_appearance_threshold = 0")
		} else {
			args = append(args, typesArg("columns", fields)...)
		}
		return "read_json(" + strings.Join(args, ", ") + ")"
	}
}

func typesArg(name string, fields []field) []string {
	if len(fields) == 0 {
		return nil
	}
	pairs := make([]string, len(fields))
	for i, f := range fields {
		pairs[i] = quote(f.name) + ": " + quote(f.sqlType())
	}
	return []string{name + " = {" + strings.Join(pairs, ", ") + "}"}
}

func (f field) sqlType() string {
	if f.kind == column.Timestamp && !f.naive {
		return "TIMESTAMP WITH TIME ZONE"
	}
	return sqlTypes[f.kind]
}

// read writes the rows of one file, up to limit when that is not 0.
func (s *session) read(in input, fields []field, limit int64, w *batchWriter) (*failure, error) {
	items := make([]string, len(fields))
	for i, f := range fields {
		items[i] = fmt.Sprintf("CAST(%s AS %s)", identifier(f.name), f.sqlType())
	}
	sql := "SELECT " + strings.Join(items, ", ") + " FROM " + from(in, fields)
	if limit > 0 {
		sql += " LIMIT " + strconv.FormatInt(limit, 10)
	}
	var pipe error
	b := newBatch(fields)
	err := s.run(sql, func(c bindings.DataChunk) error {
		n := int(bindings.DataChunkGetSize(c))
		if b.rows+n > batchRows || b.bytes > batchBytes {
			if pipe = w.write(b.table()); pipe != nil {
				return pipe
			}
			b.reset()
		}
		return b.take(c, n)
	})
	if pipe == nil && err == nil {
		pipe = w.write(b.table())
	}
	switch {
	case pipe != nil:
		return nil, pipe
	case err != nil:
		return &failure{File: in.path, Message: err.Error()}, nil
	}
	return nil, nil
}

// plain writes a name so that DuckDB's patterns match it alone.
var plain = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")

// quote is a string literal of SQL.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// identifier is a column's name in SQL.
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
