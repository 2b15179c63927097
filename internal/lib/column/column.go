// Package column holds tables as typed columns: what expressions compute on, what datasets, logs and pipes carry.
//
// Shapes: a Vector has one value a row; a Table has columns of equal length. Units: Timestamp is microseconds since
// 1970-01-01 UTC, Duration is microseconds, both in Ints. Missing: Null[i] is true; the value beneath is the type's
// zero, so equal vectors have equal bytes. A Float64 is never NaN or infinite: those are null (Floats normalises), and
// never -0. Vectors are values: after one has been handed over nobody changes it.
package column

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Type is the logical type of a column.
type Type uint8

// The types of DESIGN section 1.
const (
	Bool Type = iota + 1
	Int64
	Float64
	String
	Timestamp
	Duration
)

var typeNames = [...]string{"", "bool", "int64", "float64", "string", "timestamp", "duration"}

func (t Type) String() string {
	if t == 0 || int(t) >= len(typeNames) {
		return fmt.Sprintf("type(%d)", uint8(t))
	}
	return typeNames[t]
}

// ParseType is the inverse of String.
func ParseType(name string) (Type, error) {
	for t := Bool; t <= Duration; t++ {
		if typeNames[t] == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown column type %q", name)
}

// Vector is one column. The slice that Type names has one entry a row; Null is nil when no row is missing.
type Vector struct {
	Type    Type
	Bools   []bool
	Ints    []int64 // Int64, Timestamp, Duration
	Floats  []float64
	Strings []string
	Null    []bool
}

// New makes a vector of rows zero values.
func New(t Type, rows int) *Vector {
	v := &Vector{Type: t}
	switch t {
	case Bool:
		v.Bools = make([]bool, rows)
	case Float64:
		v.Floats = make([]float64, rows)
	case String:
		v.Strings = make([]string, rows)
	default:
		v.Ints = make([]int64, rows)
	}
	return v
}

// Empty is a vector without rows that has room for so many.
func Empty(t Type, room int) *Vector {
	v := New(t, room)
	v.Bools, v.Ints, v.Floats, v.Strings = v.Bools[:0], v.Ints[:0], v.Floats[:0], v.Strings[:0]
	return v
}

// AllNull makes a vector of rows missing values.
func AllNull(t Type, rows int) *Vector {
	v := New(t, rows)
	v.Null = make([]bool, rows)
	for i := range v.Null {
		v.Null[i] = true
	}
	return v
}

// Floats makes a Float64 vector over values: NaN and infinities become null, -0 becomes 0. It takes values over.
func Floats(values []float64) *Vector {
	v := &Vector{Type: Float64, Floats: values}
	for i, x := range values {
		switch {
		case math.IsNaN(x) || math.IsInf(x, 0):
			v.SetNull(i)
		case x == 0:
			values[i] = 0
		}
	}
	return v
}

// Len is the number of rows.
func (v *Vector) Len() int {
	switch v.Type {
	case Bool:
		return len(v.Bools)
	case Float64:
		return len(v.Floats)
	case String:
		return len(v.Strings)
	default:
		return len(v.Ints)
	}
}

// IsNull says whether row i is missing.
func (v *Vector) IsNull(i int) bool { return v.Null != nil && v.Null[i] }

// SetNull makes row i missing. For whoever builds the vector only.
func (v *Vector) SetNull(i int) {
	if v.Null == nil {
		v.Null = make([]bool, v.Len())
	}
	v.Null[i] = true
	switch v.Type {
	case Bool:
		v.Bools[i] = false
	case Float64:
		v.Floats[i] = 0
	case String:
		v.Strings[i] = ""
	default:
		v.Ints[i] = 0
	}
}

// Nulls counts missing rows.
func (v *Vector) Nulls() int {
	n := 0
	for _, null := range v.Null {
		if null {
			n++
		}
	}
	return n
}

// Float gives row i as a number: bools are 0 and 1, times and durations microseconds. ok is false for null and strings.
func (v *Vector) Float(i int) (x float64, ok bool) {
	if v.IsNull(i) {
		return 0, false
	}
	switch v.Type {
	case Bool:
		if v.Bools[i] {
			return 1, true
		}
		return 0, true
	case Float64:
		return v.Floats[i], true
	case String:
		return 0, false
	default:
		return float64(v.Ints[i]), true
	}
}

// Slice is rows from up to (not including) to, sharing memory.
func (v *Vector) Slice(from, to int) *Vector {
	out := &Vector{Type: v.Type}
	switch v.Type {
	case Bool:
		out.Bools = v.Bools[from:to:to]
	case Float64:
		out.Floats = v.Floats[from:to:to]
	case String:
		out.Strings = v.Strings[from:to:to]
	default:
		out.Ints = v.Ints[from:to:to]
	}
	if v.Null != nil {
		out.Null = v.Null[from:to:to]
	}
	return out
}

// Take is the given rows in the given order, copied.
func (v *Vector) Take(rows []int32) *Vector {
	out := New(v.Type, len(rows))
	switch v.Type {
	case Bool:
		for i, r := range rows {
			out.Bools[i] = v.Bools[r]
		}
	case Float64:
		for i, r := range rows {
			out.Floats[i] = v.Floats[r]
		}
	case String:
		for i, r := range rows {
			out.Strings[i] = v.Strings[r]
		}
	default:
		for i, r := range rows {
			out.Ints[i] = v.Ints[r]
		}
	}
	if v.Null != nil {
		out.Null = make([]bool, len(rows))
		any := false
		for i, r := range rows {
			out.Null[i] = v.Null[r]
			any = any || v.Null[r]
		}
		if !any {
			out.Null = nil
		}
	}
	return out
}

// Append adds the rows of w, which has the same type, to v. For whoever builds v only.
func (v *Vector) Append(w *Vector) error {
	if v.Type != w.Type {
		return fmt.Errorf("append %s to %s", w.Type, v.Type)
	}
	if v.Null != nil || w.Null != nil {
		if v.Null == nil {
			v.Null = make([]bool, v.Len(), v.Len()+w.Len())
		}
		if w.Null != nil {
			v.Null = append(v.Null, w.Null...)
		} else {
			v.Null = append(v.Null, make([]bool, w.Len())...)
		}
	}
	v.Bools = append(v.Bools, w.Bools...)
	v.Ints = append(v.Ints, w.Ints...)
	v.Floats = append(v.Floats, w.Floats...)
	v.Strings = append(v.Strings, w.Strings...)
	return nil
}

// Text is row i for people: null for a missing value, RFC 3339 for a timestamp.
func (v *Vector) Text(i int) string {
	switch {
	case v.IsNull(i):
		return "null"
	case v.Type == Bool:
		return strconv.FormatBool(v.Bools[i])
	case v.Type == Float64:
		return strconv.FormatFloat(v.Floats[i], 'g', -1, 64)
	case v.Type == String:
		return v.Strings[i]
	case v.Type == Timestamp:
		return time.UnixMicro(v.Ints[i]).UTC().Format(time.RFC3339Nano)
	case v.Type == Duration:
		return (time.Duration(v.Ints[i]) * time.Microsecond).String()
	}
	return strconv.FormatInt(v.Ints[i], 10)
}
