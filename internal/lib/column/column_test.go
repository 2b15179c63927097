package column_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/column"
)

func anyTable(t *rapid.T) *column.Table {
	rows := rapid.IntRange(0, 40).Draw(t, "rows")
	table := &column.Table{}
	for c, kind := range []column.Type{column.Bool, column.Int64, column.Float64, column.String, column.Timestamp, column.Duration} {
		v := column.New(kind, rows)
		for i := 0; i < rows; i++ {
			switch kind {
			case column.Bool:
				v.Bools[i] = rapid.Bool().Draw(t, "b")
			case column.Float64:
				v.Floats[i] = float64(rapid.Int32().Draw(t, "f")) / 8
			case column.String:
				v.Strings[i] = rapid.StringN(0, 5, 20).Draw(t, "s")
			default:
				v.Ints[i] = rapid.Int64().Draw(t, "i")
			}
			if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
				v.SetNull(i)
			}
		}
		table.Set(string(rune('a'+c)), v)
	}
	return table
}

func TestBlockRoundTripsAndIsCanonical(t *testing.T) {
	kept := &column.Strings{} // of all blocks before
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		b := column.AppendBlock(nil, table)
		read := column.ReadBlock
		if rapid.Bool().Draw(t, "kept strings") {
			read = kept.ReadBlock
		}
		got, rest, err := read(append(append([]byte{}, b...), 7))
		if err != nil || len(rest) != 1 {
			t.Fatalf("read: %v, %d bytes left", err, len(rest))
		}
		if again := column.AppendBlock(nil, got); !bytes.Equal(b, again) {
			t.Fatal("a read block writes other bytes")
		}
	})
}

func TestTakeAndAppendKeepRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		half := table.Rows() / 2
		joined := &column.Table{}
		for _, part := range []*column.Table{table.Slice(0, half), table.Slice(half, table.Rows())} {
			if err := joined.Append(part); err != nil {
				t.Fatal(err)
			}
		}
		rows := make([]int32, table.Rows())
		for i := range rows {
			rows[i] = int32(i)
		}
		want := column.AppendBlock(nil, table)
		if !bytes.Equal(want, column.AppendBlock(nil, joined)) || !bytes.Equal(want, column.AppendBlock(nil, table.Take(rows))) {
			t.Fatal("slices appended, or all rows taken, are not the table")
		}
	})
}

func TestFloatsMakesNotFiniteNull(t *testing.T) {
	v := column.Floats([]float64{1, math.NaN(), math.Inf(-1), math.Copysign(0, -1)})
	if v.Nulls() != 2 || !v.IsNull(1) || !v.IsNull(2) || math.Signbit(v.Floats[3]) {
		t.Fatalf("got %+v", v)
	}
}

func FuzzReadBlock(f *testing.F) {
	table := &column.Table{}
	table.Set("x", column.Floats([]float64{1, math.NaN()}))
	table.Set("s", &column.Vector{Type: column.String, Strings: []string{"ab", ""}})
	f.Add(column.AppendBlock(nil, table))
	f.Add([]byte{1, 0, 0, 0, 255, 255, 255, 255, 1, 0, 'a', 4, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, err := column.ReadBlock(b)
		if err != nil && !errors.Is(err, column.ErrCorrupt) {
			t.Fatalf("an untyped error: %v", err)
		}
		if err == nil && got == nil {
			t.Fatal("neither table nor error")
		}
	})
}
