package transform

import (
	"fmt"
	"slices"
	"strconv"

	"rondo.dev/rondo/internal/lib/column"
)

// value is a constant; at most one field is set, none means that there was nothing to fit. Text is bytes, so that JSON
// keeps it as it is.
type value struct {
	Bool  *bool    `json:"bool,omitempty"`
	Int   *int64   `json:"int,omitempty"`
	Float *float64 `json:"float,omitempty"`
	Text  *[]byte  `json:"text,omitempty"`
}

// constant reads a declared value as a column's type.
func constant(text string, t column.Type) (v value, err error) {
	switch t {
	case column.String:
		b := []byte(text)
		return value{Text: &b}, nil
	case column.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return v, fmt.Errorf("%q is neither median, mean, mode, true nor false", text)
		}
		return value{Bool: &b}, nil
	case column.Int64:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return v, fmt.Errorf("%q is neither median, mean, mode nor a whole number", text)
		}
		return value{Int: &i}, nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x-x != 0 {
		return v, fmt.Errorf("%q is neither median, mean, mode nor a number", text)
	}
	x += 0 // -0 is 0
	return value{Float: &x}, nil
}

// fits says whether the constant is of the type that the imputed column has.
func (v value) fits(t column.Type) bool {
	switch {
	case v == value{}:
		return true
	case v.Bool != nil:
		return t == column.Bool
	case v.Int != nil:
		return t == column.Int64
	case v.Float != nil:
		return t == column.Float64
	default:
		return t == column.String
	}
}

// imputed is the type of an imputed column: median and mean make numbers.
func imputed(how string, t column.Type) column.Type {
	if how == "median" || how == "mean" {
		return column.Float64
	}
	return t
}

// fit finds the value of an imputation. A column without any value leaves it empty: what is missing stays missing.
func (s *step) fit(v *column.Vector) {
	switch s.How {
	case "median":
		s.Value = median(v)
	case "mean":
		s.Value = mean(v)
	case "mode":
		s.Value = mode(v)
	}
}

func present(v *column.Vector) []float64 {
	out := make([]float64, 0, v.Len())
	for i := range v.Len() {
		if x, ok := v.Float(i); ok {
			out = append(out, x)
		}
	}
	return out
}

// median is the middle value, or the mean of the two middle ones.
func median(v *column.Vector) value {
	x := present(v)
	if len(x) == 0 {
		return value{}
	}
	slices.Sort(x)
	m := x[len(x)/2]
	if len(x)%2 == 0 {
		m = m/2 + x[len(x)/2-1]/2
	}
	return value{Float: &m}
}

// mean adds blocks of rows in order, so that it does not depend on anything but the rows.
func mean(v *column.Vector) value {
	x := present(v)
	if len(x) == 0 {
		return value{}
	}
	sum := 0.0
	for from := 0; from < len(x); from += 1024 {
		part := 0.0
		for _, y := range x[from:min(from+1024, len(x))] {
			part += y
		}
		sum += part
	}
	m := sum / float64(len(x))
	if m-m != 0 {
		return value{}
	}
	return value{Float: &m}
}

// mode is the most frequent value; of equally frequent ones the smallest.
func mode(v *column.Vector) value {
	best := mostFrequent(v)
	if len(best) == 0 {
		return value{}
	}
	first := best[0].row
	switch v.Type {
	case column.Bool:
		return value{Bool: &v.Bools[first]}
	case column.Float64:
		return value{Float: &v.Floats[first]}
	case column.String:
		b := []byte(v.Strings[first])
		return value{Text: &b}
	default:
		return value{Int: &v.Ints[first]}
	}
}

// apply gives the column with its missing values filled.
func (s *step) apply(v *column.Vector) *column.Vector {
	if to := imputed(s.How, v.Type); to != v.Type {
		out := column.New(to, v.Len())
		for i := range out.Floats {
			if x, ok := v.Float(i); ok {
				out.Floats[i] = x
			} else {
				out.SetNull(i)
			}
		}
		v = out
	} else if v.Null == nil {
		return v
	}
	if v.Null == nil || s.Value == (value{}) {
		return v
	}
	out := &column.Vector{
		Type: v.Type, Bools: slices.Clone(v.Bools), Ints: slices.Clone(v.Ints),
		Floats: slices.Clone(v.Floats), Strings: slices.Clone(v.Strings),
	}
	for i, null := range v.Null {
		switch {
		case !null:
		case s.Value.Bool != nil:
			out.Bools[i] = *s.Value.Bool
		case s.Value.Int != nil:
			out.Ints[i] = *s.Value.Int
		case s.Value.Float != nil:
			out.Floats[i] = *s.Value.Float
		default:
			out.Strings[i] = string(*s.Value.Text)
		}
	}
	return out
}
