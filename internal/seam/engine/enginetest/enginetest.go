// Package enginetest examines an engine: every promise of package engine, run by each implementation.
package enginetest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
)

//go:embed testdata/*.parquet
var parquets embed.FS

// Run examines the engine that open makes.
func Run(t *testing.T, open func(t *testing.T) engine.Engine) {
	for name, examine := range map[string]func(*testing.T, engine.Engine){
		"TypesArriveAsDeclared":             types,
		"RowsKeepOrderAndNumbers":           order,
		"CSVKnowsNullFromEmpty":             csvDialect,
		"TypesMayBeFixed":                   fixed,
		"JSONOfBothKinds":                   jsons,
		"ColumnsAndLimitAreHonoured":        narrow,
		"FilesMeetInOneType":                meet,
		"FilesThatDisagreeAreRefused":       disagree,
		"LateErrorIsAnErrorNotAShortTable":  late,
		"HostileFilesAreErrorsThatNameThem": hostile,
		"NestedColumnsAreRefusedByName":     nested,
		"ContextEndsARead":                  cancelled,
		"ConsumerMayStop":                   stopped,
		"OnlyNamedFilesAreRead":             named,
	} {
		t.Run(name, func(t *testing.T) { examine(t, open(t)) })
	}
}

// file writes a file of a test's own and gives its path.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parquet(t *testing.T, name string) string {
	t.Helper()
	b, err := parquets.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, name, string(b))
}

// all reads everything as one table.
func all(t *testing.T, e engine.Engine, s engine.Source) *column.Table {
	t.Helper()
	out := &column.Table{}
	for b, err := range e.Read(context.Background(), s) {
		if err != nil {
			t.Fatalf("read %s: %v", s.Files, err)
		}
		if err := out.Append(b.Table); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// refused reads s, which must end in an Invalid error that names file and contains text.
func refused(t *testing.T, e engine.Engine, s engine.Source, file, text string) {
	t.Helper()
	var last error
	for _, err := range e.Read(context.Background(), s) {
		last = err
	}
	var re *rondo.Error
	if !errors.As(last, &re) || re.Kind != rondo.Invalid || re.Field != file || !strings.Contains(last.Error(), text) {
		t.Errorf("read %s: got %v, want an error that names it and says %q", s.Files, last, text)
	}
}

func types(t *testing.T, e engine.Engine) {
	s := engine.Source{Files: []string{parquet(t, "types.parquet")}}
	fields, rows, err := e.Describe(context.Background(), s)
	if err != nil || rows != 3 {
		t.Fatalf("describe: %d rows, %v", rows, err)
	}
	want := []engine.Field{{Name: "flag", Type: column.Bool}, {Name: "small", Type: column.Int64}, {Name: "whole", Type: column.Int64},
		{Name: "wide", Type: column.Float64}, {Name: "single", Type: column.Float64}, {Name: "real", Type: column.Float64},
		{Name: "money", Type: column.Float64}, {Name: "word", Type: column.String}, {Name: "local", Type: column.Timestamp, Naive: true},
		{Name: "instant", Type: column.Timestamp}, {Name: "day", Type: column.Timestamp, Naive: true}}
	if d := cmp.Diff(want, fields); d != "" {
		t.Error(d)
	}
	const us, year = 981173106789012, 365 * 86400 * 1000000
	got := all(t, e, s)
	for name, v := range map[string]*column.Vector{
		"flag":    {Type: column.Bool, Bools: []bool{true, false, false}, Null: []bool{false, true, false}},
		"small":   {Type: column.Int64, Ints: []int64{-1, 2, 0}, Null: []bool{false, false, true}},
		"whole":   {Type: column.Int64, Ints: []int64{1<<53 + 1, 0, -1 << 62}, Null: []bool{false, true, false}},
		"wide":    {Type: column.Float64, Floats: []float64{1 << 63, 0, 1}, Null: []bool{false, true, false}},
		"single":  {Type: column.Float64, Floats: []float64{float64(float32(0.1)), 0, 0}, Null: []bool{false, true, true}},
		"real":    {Type: column.Float64, Floats: []float64{0, 0, 1e300}, Null: []bool{false, true, false}},
		"money":   {Type: column.Float64, Floats: []float64{1.25, 0, -3.5}, Null: []bool{false, true, false}},
		"word":    {Type: column.String, Strings: []string{"", "", "a word that is longer than twelve bytes: é"}, Null: []bool{false, true, false}},
		"local":   {Type: column.Timestamp, Ints: []int64{us, 0, us - 32*year - 8*86400*1000000}, Null: []bool{false, true, false}},
		"instant": {Type: column.Timestamp, Ints: []int64{us - 12, 0, us - 12}, Null: []bool{false, true, false}},
		"day":     {Type: column.Timestamp, Ints: []int64{981158400000000, 0, -86400000000}, Null: []bool{false, true, false}},
	} {
		if d := cmp.Diff(v, got.Column(name)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func order(t *testing.T, e engine.Engine) {
	a, b := parquet(t, "many.parquet"), parquet(t, "many.parquet")
	at := map[string]int64{}
	for batch, err := range e.Read(context.Background(), engine.Source{Files: []string{a, b}}) {
		if err != nil {
			t.Fatal(err)
		}
		if batch.First != at[batch.File] || batch.Table.Rows() > 65_536 {
			t.Fatalf("batch of %d rows begins at %d, want %d", batch.Table.Rows(), batch.First, at[batch.File])
		}
		for i, n := range batch.Table.Column("n").Ints {
			if n != batch.First+int64(i) || batch.Table.Column("s").Strings[i] != fmt.Sprintf("r%d", n%7) {
				t.Fatalf("row %d holds %d", batch.First+int64(i), n)
			}
		}
		at[batch.File] += int64(batch.Table.Rows())
	}
	if at[a] != 150_000 || at[b] != 150_000 {
		t.Errorf("rows by file: %v", at)
	}
}

func csvDialect(t *testing.T, e engine.Engine) {
	path := file(t, "a.csv", "id,\"na\"\"me\",when,x\n1,,2001-02-03 04:05:06,1.5\n2,\"\",,\n3,\"a,b\nc\",2001-02-04,nan\n#4,d,,-0\n")
	got := all(t, e, engine.Source{Files: []string{path}})
	want := &column.Table{Names: []string{"id", `na"me`, "when", "x"}, Columns: []*column.Vector{
		{Type: column.String, Strings: []string{"1", "2", "3", "#4"}},
		{Type: column.String, Strings: []string{"", "", "a,b\nc", "d"}, Null: []bool{true, false, false, false}},
		{Type: column.Timestamp, Ints: []int64{981173106000000, 0, 981244800000000, 0}, Null: []bool{false, true, false, true}},
		{Type: column.Float64, Floats: []float64{1.5, 0, 0, 0}, Null: []bool{false, true, true, false}},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func fixed(t *testing.T, e engine.Engine) {
	path := file(t, "a.csv", "zip,n,at\n01234,1,2001-02-03T04:05:06\n1.0,2,\n")
	s := engine.Source{Files: []string{path}, Types: map[string]column.Type{"zip": column.String, "n": column.Float64, "at": column.Timestamp}}
	got := all(t, e, s)
	want := &column.Table{Names: []string{"zip", "n", "at"}, Columns: []*column.Vector{
		{Type: column.String, Strings: []string{"01234", "1.0"}},
		{Type: column.Float64, Floats: []float64{1, 2}},
		{Type: column.Timestamp, Ints: []int64{981173106000000, 0}, Null: []bool{false, true}},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	s.Types["n"] = column.Bool
	s.Types["zip"] = column.Int64
	refused(t, e, s, path, "1.0")
}

func jsons(t *testing.T, e engine.Engine) {
	want := &column.Table{Names: []string{"a", "b", "c"}, Columns: []*column.Vector{
		{Type: column.Int64, Ints: []int64{1, 0, 3}, Null: []bool{false, true, false}},
		{Type: column.String, Strings: []string{"x", "7", ""}, Null: []bool{false, false, true}},
		{Type: column.Bool, Bools: []bool{false, false, true}, Null: []bool{true, true, false}},
	}}
	array := file(t, "a.json", `[{"a":1,"b":"x"},{"a":null,"b":7},{"c":true,"a":3}]`)
	lines := file(t, "a.jsonl", "{\"a\":1,\"b\":\"x\"}\n{\"a\":null,\"b\":7}\n{\"c\":true,\"a\":3}\n")
	for _, path := range []string{array, lines} {
		if d := cmp.Diff(want, all(t, e, engine.Source{Files: []string{path}})); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}

func narrow(t *testing.T, e engine.Engine) {
	path := parquet(t, "many.parquet")
	got := all(t, e, engine.Source{Files: []string{path, path}, Columns: []string{"s", "n"}, Limit: 150_001})
	if cmp.Diff([]string{"s", "n"}, got.Names) != "" || got.Rows() != 150_001 || got.Column("n").Ints[150_000] != 0 {
		t.Errorf("columns %v, %d rows", got.Names, got.Rows())
	}
	refused(t, e, engine.Source{Files: []string{path}, Columns: []string{"nn"}}, path, `did you mean "n"?`)
}

func meet(t *testing.T, e engine.Engine) {
	a, b := file(t, "a.csv", "k,v,w\n1,2,3\n"), file(t, "b.csv", "v,w,k\n2.5,x,4\n")
	got := all(t, e, engine.Source{Files: []string{a, b}})
	want := &column.Table{Names: []string{"k", "v", "w"}, Columns: []*column.Vector{
		{Type: column.Int64, Ints: []int64{1, 4}},
		{Type: column.Float64, Floats: []float64{2, 2.5}},
		{Type: column.String, Strings: []string{"3", "x"}},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func disagree(t *testing.T, e engine.Engine) {
	a := file(t, "a.csv", "k,v\n1,2\n")
	b := file(t, "b.csv", "k,u\n1,2\n")
	refused(t, e, engine.Source{Files: []string{a, b}}, b, `no column "v"`)
	c := file(t, "c.csv", "k,v\n1,true\n")
	refused(t, e, engine.Source{Files: []string{a, c}}, c, `column "v"`)
}
