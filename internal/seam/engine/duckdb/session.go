package duckdb

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	bindings "github.com/duckdb/duckdb-go-bindings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
)

// maxColumns is what a canonical block may hold.
const maxColumns = 4096

// session is one locked-down DuckDB in memory with one connection.
type session struct {
	db   bindings.Database
	conn bindings.Connection
}

// openSession starts DuckDB so that it can read r's files and nothing else, and locks that.
func openSession(r request) (*session, error) {
	var config bindings.Config
	if bindings.CreateConfig(&config) == bindings.StateError {
		return nil, fmt.Errorf("configuration refused")
	}
	defer bindings.DestroyConfig(&config)
	for _, o := range [][2]string{
		{"memory_limit", strconv.FormatInt(r.Memory, 10) + "B"},
		{"threads", strconv.Itoa(r.Threads)},
		{"temp_directory", ""},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"preserve_insertion_order", "true"},
	} {
		if bindings.SetConfig(config, o[0], o[1]) == bindings.StateError {
			return nil, fmt.Errorf("option %s = %q refused", o[0], o[1])
		}
	}
	s := &session{}
	var message string
	if bindings.OpenExt(":memory:", &s.db, config, &message) == bindings.StateError {
		return nil, fmt.Errorf("open: %s", message)
	}
	if bindings.Connect(s.db, &s.conn) == bindings.StateError {
		bindings.Close(&s.db)
		return nil, fmt.Errorf("connect: refused")
	}
	var quoted []string
	for _, f := range r.Files {
		quoted = append(quoted, quote(f), quote(plain.Replace(f))) // a pattern is looked for as a name first
	}
	for _, q := range []string{
		"SET TimeZone = 'UTC'",
		"SET allowed_paths = [" + strings.Join(quoted, ", ") + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	} {
		if err := s.run(q, nil); err != nil {
			s.close()
			return nil, fmt.Errorf("%s: %w", q, err)
		}
	}
	return s, nil
}

func (s *session) close() {
	bindings.Disconnect(&s.conn)
	bindings.Close(&s.db)
}

// run executes one statement and hands its chunks, streaming, to each.
func (s *session) run(sql string, each func(bindings.DataChunk) error) error {
	var stmt bindings.PreparedStatement
	state := bindings.Prepare(s.conn, sql, &stmt)
	defer bindings.DestroyPrepare(&stmt)
	if state == bindings.StateError {
		return errors.New(bindings.PrepareError(stmt))
	}
	var res bindings.Result
	state = bindings.ExecutePreparedStreaming(stmt, &res)
	defer bindings.DestroyResult(&res)
	if state == bindings.StateError {
		return errors.New(bindings.ResultError(&res))
	}
	if each == nil {
		return nil
	}
	for {
		chunk := bindings.FetchChunk(res)
		if chunk.Ptr == nil {
			if m := bindings.ResultError(&res); m != "" {
				return errors.New(m)
			}
			return nil
		}
		err := each(chunk)
		bindings.DestroyDataChunk(&chunk)
		if err != nil {
			return err
		}
	}
}

// texts runs a statement whose columns are all text.
func (s *session) texts(sql string) ([][]string, error) {
	var rows [][]string
	err := s.run(sql, func(c bindings.DataChunk) error {
		n, width := int(bindings.DataChunkGetSize(c)), int(bindings.DataChunkGetColumnCount(c))
		for i := range n {
			row := make([]string, width)
			for j := range row {
				row[j] = textAt(bindings.DataChunkGetVector(c, bindings.IdxT(j)), i)
			}
			rows = append(rows, row)
		}
		return nil
	})
	return rows, err
}

// field is a column to read: the logical type and the expression that gives it.
type field struct {
	name   string
	kind   column.Type
	naive  bool
	native string // DuckDB's name of the type in the first file
}

// describe finds the fields that every file has alike. Numbers of different width meet as float64 and text swallows all,
// in formats whose types are guessed; a format that stores types has to agree.
func (s *session) describe(inputs []input, r request) ([]field, *failure) {
	var out []field
	for i, in := range inputs {
		found, err := s.columns(in, r)
		if err != nil {
			return nil, &failure{File: in.path, Message: err.Error()}
		}
		if i == 0 {
			out = found
			continue
		}
		if err := merge(out, found, in.format == "parquet", inputs[0].path); err != nil {
			return nil, &failure{File: in.path, Message: err.Error()}
		}
	}
	return out, nil
}

// columns describes the columns of one file that r asks for.
func (s *session) columns(in input, r request) ([]field, error) {
	rows, err := s.texts("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " + from(in, nil) + ") LIMIT " + strconv.Itoa(maxColumns+1))
	if err != nil {
		return nil, err
	}
	if len(rows) > maxColumns {
		return nil, fmt.Errorf("has more than %d columns", maxColumns)
	}
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row[0]
	}
	wanted := r.Columns
	if wanted == nil {
		wanted = names
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return nil, missing(name, names)
		}
	}
	var out []field
	for _, name := range wanted {
		f, err := fieldOf(name, rows[slices.Index(names, name)][1], r.Types[name])
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("has no columns")
	}
	return out, nil
}

func missing(name string, names []string) error {
	if near, ok := nearest.Name(name, names); ok {
		return fmt.Errorf("has no column %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("has no column %q", name)
}

// fieldOf is the field for a column of DuckDB's type native; fixed, when set, is the logical type it must have.
func fieldOf(name, native, fixed string) (field, error) {
	f := field{name: name, native: native}
	base, _, _ := strings.Cut(native, "(")
	switch base {
	case "BOOLEAN":
		f.kind = column.Bool
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER":
		f.kind = column.Int64
	case "FLOAT", "DOUBLE", "DECIMAL", "HUGEINT", "UHUGEINT", "UBIGINT", "BIGNUM":
		f.kind = column.Float64
	case "DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		f.kind, f.naive = column.Timestamp, true
	case "TIMESTAMP WITH TIME ZONE":
		f.kind = column.Timestamp
	case "VARCHAR", "JSON", "UUID", "ENUM", "TIME", "TIME WITH TIME ZONE", "TIME_NS", "INTERVAL", `"NULL"`:
		f.kind = column.String
	default:
		base, nested := native, ""
		if strings.HasSuffix(native, "]") || strings.HasPrefix(native, "STRUCT") || strings.HasPrefix(native, "MAP") {
			nested = "nested: "
		}
		return f, fmt.Errorf("column %q is %s%s, which is no column of single values", name, nested, shorten(base))
	}
	if strings.HasSuffix(native, "]") {
		return f, fmt.Errorf("column %q is nested: %s", name, shorten(native))
	}
	if fixed != "" {
		t, err := column.ParseType(fixed)
		if err != nil {
			return f, err
		}
		f.naive = t == column.Timestamp && (f.naive || f.kind != column.Timestamp)
		f.kind = t
	}
	return f, nil
}

// merge makes fields hold those of one more file, or says why they cannot.
func merge(fields, more []field, strict bool, first string) error {
	if len(fields) != len(more) {
		return fmt.Errorf("has %d columns where %s has %d", len(more), first, len(fields))
	}
	names := make([]string, len(more))
	for i, m := range more {
		names[i] = m.name
	}
	for i := range fields {
		f := &fields[i]
		j := slices.Index(names, f.name)
		if j < 0 {
			return missing(f.name, names)
		}
		m := more[j]
		switch {
		case f.kind == m.kind && f.naive == m.naive:
		case f.kind == column.Int64 && m.kind == column.Float64, f.kind == column.Float64 && m.kind == column.Int64:
			f.kind = column.Float64
		case !strict && (f.kind == column.String || m.kind == column.String):
			f.kind, f.naive = column.String, false
		default:
			return fmt.Errorf("column %q is %s where %s has %s", f.name, m.native, first, f.native)
		}
		if f.native != m.native {
			f.native = "" // read as the logical type
		}
	}
	return nil
}

// count is the number of rows where a file's own index tells it.
func (s *session) count(inputs []input, limit int) (int64, *failure) {
	var total int64
	for _, in := range inputs {
		if in.format != "parquet" {
			return -1, nil
		}
		rows, err := s.texts("SELECT CAST(count(*) AS VARCHAR) FROM " + from(in, nil))
		if err == nil && len(rows) == 1 {
			var n int64
			n, err = strconv.ParseInt(rows[0][0], 10, 64)
			total += n
		}
		if err != nil {
			return 0, &failure{File: in.path, Message: err.Error()}
		}
	}
	if limit > 0 {
		total = min(total, int64(limit))
	}
	return total, nil
}
