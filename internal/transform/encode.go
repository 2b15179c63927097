package transform

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// output writes one column as one or more features.
type output struct {
	column string
	kind   column.Type
	how    string
	at     int // of its first feature in a row
	width  int
	// For encoded columns: the values that have a bucket of their own, in order; behind them come the rare and the null
	// bucket. frozen has, for target encodings, width numbers a bucket; NaN where training had no label at all.
	kept   *column.Vector
	dict   *rowhash.Dict
	frozen []float64
}

// frequent is a value with its number of rows, by one row that has it.
type frequent struct{ row, rows int }

// mostFrequent lists the values of a column, most frequent first, equally frequent ones in their order.
func mostFrequent(v *column.Vector) []frequent {
	dict := rowhash.NewDict(v.Type)
	var out []frequent
	for row, n := range dict.Add(v) {
		if n == rowhash.Null {
			continue
		}
		if int(n) == len(out) {
			out = append(out, frequent{row: row})
		}
		out[n].rows++
	}
	slices.SortFunc(out, func(a, b frequent) int {
		return cmp.Or(cmp.Compare(b.rows, a.rows), compareValues(v, a.row, b.row))
	})
	return out
}

func compareValues(v *column.Vector, i, j int) int {
	switch v.Type {
	case column.String:
		return cmp.Compare(v.Strings[i], v.Strings[j])
	case column.Float64:
		return cmp.Compare(v.Floats[i], v.Floats[j])
	case column.Bool:
		x, _ := v.Float(i)
		y, _ := v.Float(j)
		return cmp.Compare(x, y)
	default:
		return cmp.Compare(v.Ints[i], v.Ints[j])
	}
}

// fit decides which values have buckets of their own, and how to encode where nothing is declared.
func (o *output) fit(v *column.Vector) {
	if o.how == asNumber {
		return
	}
	values := mostFrequent(v)
	if o.how == "" {
		o.how = asTarget
		if len(values) <= autoOneHot {
			o.how = asOneHot
		}
	}
	var rows []int32
	for _, f := range values {
		if f.rows >= minimalCount && (o.how != asOneHot || len(rows) < maxOneHot) {
			rows = append(rows, int32(f.row))
		}
	}
	slices.SortFunc(rows, func(a, b int32) int { return compareValues(v, int(a), int(b)) })
	o.keep(v.Take(rows))
}

func (o *output) keep(kept *column.Vector) {
	o.kept = kept
	o.dict = rowhash.NewDict(kept.Type)
	o.dict.Add(kept)
}

func (o *output) buckets() int { return o.kept.Len() + 2 }

// bucket is the bucket of row i: its own, the rare one, or the null one.
func (o *output) bucket(v *column.Vector, i int) int {
	switch n := o.dict.Find(v, i); n {
	case rowhash.Null:
		return o.kept.Len() + 1
	case rowhash.Unknown:
		return o.kept.Len()
	default:
		return int(n)
	}
}

// measure sets the number of features; outcomes is the number of columns a target encoding has.
func (o *output) measure(outcomes int) {
	switch o.how {
	case asOneHot:
		o.width = o.buckets()
	case asTarget:
		o.width = outcomes
	default:
		o.width = 1
	}
}

// names are the features' names.
func (o *output) names(classes []string) []string {
	switch {
	case o.how == asOneHot:
		var out []string
		for i := range o.kept.Len() {
			out = append(out, o.column+"="+text(o.kept, i))
		}
		return append(out, o.column+" is rare", o.column+" is null")
	case o.how == asTarget && o.width > 1:
		var out []string
		for _, class := range classes {
			out = append(out, o.column+":"+class)
		}
		return out
	default:
		return []string{o.column}
	}
}

func text(v *column.Vector, i int) string {
	switch v.Type {
	case column.String:
		return v.Strings[i]
	case column.Bool:
		return strconv.FormatBool(v.Bools[i])
	default:
		return strconv.FormatInt(v.Ints[i], 10)
	}
}

var missing = float32(math.NaN())

// write fills the features of all rows of v; values starts at the first row, stride is the length of a row.
func (o *output) write(v *column.Vector, values []float32, stride int) error {
	if v == nil || v.Type != o.kind {
		return fmt.Errorf("feature column %q is not there as %s", o.column, o.kind)
	}
	rows := v.Len()
	switch o.how {
	case asNumber:
		o.writeNumbers(v, values, stride)
	case asOneHot:
		for i := range rows {
			row := values[i*stride+o.at:][:o.width]
			clear(row)
			row[o.bucket(v, i)] = 1
		}
	case asOrdinal:
		for i := range rows {
			x := missing
			switch b := o.bucket(v, i); b - o.kept.Len() {
			case 0:
				x = -1 // rare
			case 1: // null
			default:
				x = float32(b)
			}
			values[i*stride+o.at] = x
		}
	case asTarget:
		for i := range rows {
			b := o.bucket(v, i)
			for c, x := range o.frozen[b*o.width:][:o.width] {
				values[i*stride+o.at+c] = finite(x)
			}
		}
	}
	return nil
}

func (o *output) writeNumbers(v *column.Vector, values []float32, stride int) {
	at := o.at
	switch v.Type {
	case column.Float64:
		for _, x := range v.Floats {
			values[at] = finite(x)
			at += stride
		}
	case column.Bool:
		for _, x := range v.Bools {
			values[at] = 0
			if x {
				values[at] = 1
			}
			at += stride
		}
	default:
		for _, x := range v.Ints {
			values[at] = float32(x)
			at += stride
		}
	}
	for i, null := range v.Null {
		if null {
			values[i*stride+o.at] = missing
		}
	}
}

// finite rounds to float32; what is too large for one is the largest there is, so that order is kept and nothing is
// infinite; -0 is 0.
func finite(x float64) float32 {
	switch y := float32(x); {
	case y > math.MaxFloat32:
		return math.MaxFloat32
	case y < -math.MaxFloat32:
		return -math.MaxFloat32
	default:
		return y + 0
	}
}
