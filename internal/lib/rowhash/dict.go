package rowhash

import (
	"math"

	"rondo.dev/rondo/internal/lib/column"
)

// What Find answers where there is no number.
const (
	Null    int32 = -1 // the value is missing
	Unknown int32 = -2 // the value was never added
)

// Dict numbers the values of one type densely, in order of first appearance. Find may run concurrently with Find.
type Dict struct {
	kind    column.Type
	strings map[string]int32
	others  map[int64]int32 // bools as 0 and 1, floats by their bits
}

// NewDict is an empty dictionary for columns of a type.
func NewDict(t column.Type) *Dict {
	if t == column.String {
		return &Dict{kind: t, strings: make(map[string]int32)}
	}
	return &Dict{kind: t, others: make(map[int64]int32)}
}

// Len is the number of values.
func (d *Dict) Len() int { return len(d.strings) + len(d.others) }

// Add gives the number of every row's value, and numbers values that are new. v has the dictionary's type.
func (d *Dict) Add(v *column.Vector) []int32 {
	out := make([]int32, v.Len())
	for i := range out {
		if v.IsNull(i) {
			out[i] = Null
			continue
		}
		out[i] = d.addOne(v, i)
	}
	return out
}

func (d *Dict) addOne(v *column.Vector, i int) int32 {
	if v.Type == column.String {
		s := v.Strings[i]
		n, ok := d.strings[s]
		if !ok {
			n = int32(len(d.strings))
			d.strings[s] = n
		}
		return n
	}
	x := bits(v, i)
	n, ok := d.others[x]
	if !ok {
		n = int32(len(d.others))
		d.others[x] = n
	}
	return n
}

// Find is the number of row i's value: Null, Unknown, or 0 and above.
func (d *Dict) Find(v *column.Vector, i int) int32 {
	if v.IsNull(i) {
		return Null
	}
	var n int32
	var ok bool
	if v.Type == column.String {
		n, ok = d.strings[v.Strings[i]]
	} else {
		n, ok = d.others[bits(v, i)]
	}
	if !ok {
		return Unknown
	}
	return n
}

func bits(v *column.Vector, i int) int64 {
	switch v.Type {
	case column.Bool:
		if v.Bools[i] {
			return 1
		}
		return 0
	case column.Float64:
		return int64(math.Float64bits(v.Floats[i]))
	default:
		return v.Ints[i]
	}
}

// Groups numbers the combinations of values of several columns densely. A combination with a missing value is Null: it
// belongs to no group. No columns: every row is in group 0.
type Groups struct {
	dicts []*Dict
	pairs []map[uint64]int32 // pairs[c] numbers (number so far, number of column c+1)
}

// NewGroups is an empty numbering for columns of these types.
func NewGroups(types []column.Type) *Groups {
	g := &Groups{}
	for i, t := range types {
		g.dicts = append(g.dicts, NewDict(t))
		if i > 0 {
			g.pairs = append(g.pairs, make(map[uint64]int32))
		}
	}
	return g
}

// Len is the number of groups so far.
func (g *Groups) Len() int {
	switch {
	case len(g.dicts) == 0:
		return 1
	case len(g.pairs) == 0:
		return g.dicts[0].Len()
	default:
		return len(g.pairs[len(g.pairs)-1])
	}
}

// Add gives the group of every row, and numbers groups that are new.
func (g *Groups) Add(columns []*column.Vector, rows int) []int32 {
	if len(g.dicts) == 0 {
		return make([]int32, rows)
	}
	out := g.dicts[0].Add(columns[0])
	for c, pairs := range g.pairs {
		next := g.dicts[c+1].Add(columns[c+1])
		for i := range out {
			if out[i] == Null || next[i] == Null {
				out[i] = Null
				continue
			}
			pair := uint64(out[i])<<32 | uint64(next[i])
			n, ok := pairs[pair]
			if !ok {
				n = int32(len(pairs))
				pairs[pair] = n
			}
			out[i] = n
		}
	}
	return out
}
