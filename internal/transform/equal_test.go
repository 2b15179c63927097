package transform_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// oneByOne runs rows singly, as serving does, and compares every bit with the batch.
func oneByOne(t interface{ Fatalf(string, ...any) }, p *prepared, raw *column.Table, rows []int) {
	var batch, single transform.Matrix
	if err := p.program.Apply(p.frame.Table, p.frame.Zones, &batch); err != nil {
		t.Fatalf("batch: %v", err)
	}
	width := len(batch.Features)
	for _, row := range rows {
		f, err := p.rows.Prepare(raw.Slice(row, row+1), false)
		if err != nil {
			t.Fatalf("row %d: %v", row, err)
		}
		if f.Base[0] != p.frame.Base[row] || f.Time != nil && (f.Time[0] != p.frame.Time[row] || f.Known[0] != p.frame.Known[row]) {
			t.Fatalf("row %d alone has another key, time or known", row)
		}
		for _, name := range p.rows.Signature().Names(transform.Past) {
			f.Table.Set(name, p.frame.Table.Column(name).Slice(row, row+1))
		}
		if err := p.program.Apply(f.Table, f.Zones, &single); err != nil {
			t.Fatalf("row %d: %v", row, err)
		}
		for i, x := range single.Values {
			if y := batch.Values[row*width+i]; math.Float32bits(x) != math.Float32bits(y) {
				t.Fatalf("row %d, %s: alone %v, in the batch %v", row, batch.Features[i], x, y)
			}
			if math.IsInf(float64(x), 0) || x == 0 && math.Signbit(float64(x)) {
				t.Fatalf("row %d, %s is %v", row, batch.Features[i], x)
			}
		}
	}
}

func TestAFlightAloneHasTheBitsOfTheBatch(t *testing.T) {
	raw := someFlights(70_000, 40) // three blocks
	raw.Column("origin").SetNull(33_000)
	raw.Column("distance").SetNull(33_001)
	raw.Column("date").SetNull(33_002)
	p := prepare(t, flights(), raw, map[string]*column.Table{"airport": airports(35)}) // some are not in the table
	rows := []int{0, 32_767, 32_768, 33_000, 33_001, 33_002, 65_536, 69_999}
	for i := 0; i < 70_000; i += 97 {
		rows = append(rows, i)
	}
	oneByOne(t, p, raw, rows)
}

// wild is a table of all types with missing values, and a target of each kind.
func wild(t *rapid.T, rows int) *column.Table {
	table := &column.Table{}
	kinds := []column.Type{column.Bool, column.Int64, column.Float64, column.String, column.Timestamp, column.Duration, column.Int64, column.String}
	for c, kind := range kinds {
		v := column.New(kind, rows)
		for i := range rows {
			x := rapid.Uint32().Draw(t, "x")
			switch kind {
			case column.Bool:
				v.Bools[i] = x&1 == 1
			case column.Float64:
				v.Floats[i] = []float64{0.1, -3, 1e300, 1e-300, 16777217, float64(x)}[x%6]
			case column.String:
				v.Strings[i] = fmt.Sprint("s", min(x%23, x>>8%23))
			default:
				v.Ints[i] = int64(min(x%11, x>>8%11)) * 1_000_000 * 3_000
			}
			if x>>16%5 == 0 {
				v.SetNull(i)
			}
		}
		table.Set(fmt.Sprintf("c%d", c), v)
	}
	yes, class, number := column.New(column.Bool, rows), column.New(column.String, rows), column.New(column.Float64, rows)
	for i := range rows {
		x := rapid.Uint32().Draw(t, "y")
		yes.Bools[i], class.Strings[i], number.Floats[i] = x&1 == 1, string(rune('a'+x%4)), float64(x)/7
	}
	table.Set("yes", yes)
	table.Set("class", class)
	table.Set("number", number)
	return table
}

var lines = []rondo.FeatureStep{
	{Expr: &rondo.Named{Name: "e1", Expr: "c1 * 2 + coalesce(c2, 1)"}},
	{Expr: &rondo.Named{Name: "c2", Expr: "c2 / 3"}},
	{Expr: &rondo.Named{Name: "e3", Expr: "case when c0 then lower(c3) else c7 end"}},
	{Expr: &rondo.Named{Name: "e4", Expr: "c5"}},
	{Impute: []rondo.Column{{Column: "c1", How: "median"}, {Column: "c2", How: "mean"}, {Column: "c3", How: "mode"}}},
	{Impute: []rondo.Column{{Column: "c0", How: "true"}, {Column: "c2", How: "-1.5"}, {Column: "c7", How: "none"}}},
	{Impute: []rondo.Column{{Column: "c6", How: "mode"}, {Column: "c0", How: "mean"}}},
	{Encode: []rondo.Column{{Column: "c3", How: "target"}, {Column: "c7", How: "one-hot"}}},
	{Encode: []rondo.Column{{Column: "c6", How: "ordinal"}, {Column: "c3", How: "ordinal"}}},
	{Encode: []rondo.Column{{Column: "c6", How: "target"}}},
	{DateParts: []rondo.DateParts{{Column: "c4", Parts: []string{"year", "month", "day", "weekday", "hour", "minute", "dayofyear"}}}},
}

// anySpec draws a model over a wild table; c4 is dropped, or its time.
func anySpec(t *rapid.T) *rondo.Spec {
	spec := &rondo.Spec{Task: rondo.Task{Kind: rapid.SampledFrom([]rondo.TaskKind{rondo.Binary, rondo.Multiclass, rondo.Regression}).Draw(t, "kind")}}
	spec.Task.Target = map[rondo.TaskKind]string{rondo.Binary: "yes", rondo.Multiclass: "class", rondo.Regression: "number"}[spec.Task.Kind]
	if rapid.Bool().Draw(t, "timed") {
		spec.Data.Time = &rondo.Time{Column: "c4", Zone: rapid.SampledFrom([]string{"", "America/New_York", "Asia/Kolkata"}).Draw(t, "zone")}
	} else {
		spec.Data.Drop = append(spec.Data.Drop, "c4")
	}
	for _, other := range []string{"yes", "class", "number"} {
		if other != spec.Task.Target {
			spec.Data.Drop = append(spec.Data.Drop, other)
		}
	}
	for _, line := range lines {
		if rapid.IntRange(0, 2).Draw(t, "line") > 0 {
			spec.Data.Features = append(spec.Data.Features, line)
		}
	}
	return spec
}

func TestBatchEqualsRowAndAProgramKeepsItsBitsInAFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := anySpec(t)
		raw := wild(t, rapid.IntRange(1, 120).Draw(t, "rows"))
		p, err := prepareAny(spec, raw)
		if err != nil {
			t.Fatal(err)
		}
		all := make([]int, raw.Rows())
		for i := range all {
			all[i] = i
		}
		oneByOne(t, p, raw, all)
		b, err := p.program.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := transform.Load(b)
		if err != nil {
			t.Fatal(err)
		}
		p.program = loaded
		oneByOne(t, p, raw, all)
		again, err := loaded.MarshalBinary()
		if err != nil || !bytes.Equal(b, again) || !slices.Equal(loaded.Features(), p.matrix.Features) {
			t.Fatalf("a loaded program writes other bytes, or has other features: %v", err)
		}
	})
}

func prepareAny(spec *rondo.Spec, raw *column.Table) (*prepared, error) {
	p := &prepared{}
	var err error
	if p.rows, err = transform.CompileRows(spec, transform.SchemaOf(raw), nil); err != nil {
		return nil, err
	}
	if p.frame, err = p.rows.Prepare(raw, true); err != nil {
		return nil, err
	}
	if err := p.rows.Number(p.frame, transform.NewNumbers(0)); err != nil {
		return nil, err
	}
	target, err := p.rows.Target(p.frame.Table)
	if err != nil {
		return nil, err
	}
	p.program, p.matrix, err = transform.Fit(spec, p.rows.Signature(), transform.FitInput{
		Table: p.frame.Table, Zones: p.frame.Zones, Time: p.frame.Time, Known: p.frame.Known, Keys: p.frame.Keys, Target: target,
	})
	return p, err
}
