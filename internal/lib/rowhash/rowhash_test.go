package rowhash_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// Keys stand in logs and datasets: the encoding and the hash must never change.
func TestTheNameOfARowIsFixed(t *testing.T) {
	columns := []*column.Vector{
		{Type: column.String, Strings: []string{"ORD"}},
		{Type: column.Timestamp, Ints: []int64{978307200000000}},
		{Type: column.Float64, Floats: []float64{0.1}},
		{Type: column.Bool, Bools: []bool{true}},
		column.AllNull(column.Int64, 1),
	}
	var encoded []byte
	for _, v := range columns {
		encoded = rowhash.AppendValue(encoded, v, 0)
	}
	const wantBytes = "04030000004f5244" + "05002023e5c3790300" + "039a9999999999b93f" + "0101" + "00"
	if got := hex.EncodeToString(encoded); got != wantBytes {
		t.Errorf("encoded %s, not %s", got, wantBytes)
	}
	const wantName = "f621fcd0a68db11ff7710384ee4777e6"
	name := rowhash.Rows(columns, 1)[0]
	if got := hex.EncodeToString(name[:]); got != wantName {
		t.Errorf("named %s, not %s", got, wantName)
	}
}

// XXH3-128 of nothing, with seed 0, as its reference implementation documents it.
func TestTheHashIsXXH3(t *testing.T) {
	name := rowhash.Sum(nil)
	if got := hex.EncodeToString(name[:]); got != "99aa06d3014798d86001c324468d497f" {
		t.Errorf("%s", got)
	}
}

func TestGroupsAreEqualCombinations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(0, 50).Draw(t, "rows")
		columns := []*column.Vector{column.New(column.String, rows), column.New(column.Int64, rows), column.New(column.Bool, rows)}
		columns = columns[:rapid.IntRange(0, 3).Draw(t, "columns")]
		var types []column.Type
		for _, v := range columns {
			types = append(types, v.Type)
			for i := range rows {
				switch x := rapid.IntRange(0, 3).Draw(t, "x"); {
				case x == 0:
					v.SetNull(i)
				case v.Type == column.String:
					v.Strings[i] = fmt.Sprint(x)
				case v.Type == column.Bool:
					v.Bools[i] = x == 1
				default:
					v.Ints[i] = int64(x)
				}
			}
		}
		groups := rowhash.NewGroups(types)
		half := make([]*column.Vector, len(columns))
		rest := make([]*column.Vector, len(columns))
		for i, v := range columns {
			half[i], rest[i] = v.Slice(0, rows/2), v.Slice(rows/2, rows)
		}
		got := append(groups.Add(half, rows/2), groups.Add(rest, rows-rows/2)...)
		first := make(map[string]int32)
		for i, g := range got {
			name, missing := "", false
			for _, v := range columns {
				name += string(rowhash.AppendValue(nil, v, i))
				missing = missing || v.IsNull(i)
			}
			want, known := first[name]
			switch {
			case missing && g == rowhash.Null:
			case missing || g < 0 || known && want != g || int(g) >= groups.Len():
				t.Fatalf("row %d is in group %d of %d", i, g, groups.Len())
			case !known:
				for _, other := range first {
					if other == g {
						t.Fatalf("row %d shares group %d with another combination", i, g)
					}
				}
				first[name] = g
			}
		}
	})
}
