// Package profile answers: what do the columns of a table look like, and does a new batch still look so?
//
// Shapes: a Profile has one Column per column of the table, in its order. Numbers describe the values that are there:
// bools as 0 and 1, instants and durations in microseconds; Numbers is nil for text and where no value is there. Missing:
// Nulls counts missing values; nothing else does. Min, Max, Mean and SD (of the population) are over all values, summed in
// row order, so equal tables have equal profiles, to the bit. Quantiles are at 0, 5, ..., 100 % (linear between the two
// nearest, Hyndman and Fan's type 7), of all values up to 262,144, else of as many taken at even distance in row order.
// Distinct is exact up to 65,536; beyond it is estimated from the 1,024 smallest hashes (Bar-Yossef et al. 2002, error
// about 3 %). Top are the most frequent values, ties in order of their text; of a column with more than 65,536 distinct
// values those among the first 65,536 seen.
//
// Errors: Parse refuses bytes that are no profile; a batch check that cannot be measured fails, it is no error.
package profile

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// Profile describes a table.
type Profile struct {
	Rows    int      `json:"rows"`
	Columns []Column `json:"columns"`
}

// Column describes a column.
type Column struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Nulls    int      `json:"nulls"`
	Distinct int      `json:"distinct"`
	Exact    bool     `json:"exact"` // Distinct is no estimate, and Top saw every value
	Numbers  *Numbers `json:"numbers,omitempty"`
	Top      []Value  `json:"top,omitempty"`
}

// Numbers describes the values of a column that are numbers.
type Numbers struct {
	Min       float64            `json:"min"`
	Max       float64            `json:"max"`
	Mean      float64            `json:"mean"`
	SD        float64            `json:"sd"`
	Quantiles [quantiles]float64 `json:"quantiles"` // at 0, 5, ..., 100 %
}

// Value is a frequent value as text, with its rows.
type Value struct {
	Value string `json:"value"`
	Rows  int    `json:"rows"`
}

const (
	quantiles  = 21
	topValues  = 20
	maxTracked = 1 << 16
	maxSorted  = 1 << 18
	minHashes  = 1 << 10
)

// Of describes the named columns of t, all of them when none is named.
func Of(t *column.Table, names ...string) *Profile {
	if len(names) == 0 {
		names = t.Names
	}
	p := &Profile{Rows: t.Rows(), Columns: make([]Column, len(names))}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		g.Go(func() error {
			p.Columns[i] = describe(name, t.Column(name))
			return nil
		})
	}
	_ = g.Wait() // describing cannot fail
	return p
}

// Parse reads what Bytes wrote.
func Parse(b []byte) (*Profile, error) {
	p := &Profile{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}

// Bytes is the profile as JSON; equal profiles have equal bytes.
func (p *Profile) Bytes() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic("profile: " + err.Error()) // every number is finite
	}
	return b
}

// Column is the column of that name, or nil.
func (p *Profile) Column(name string) *Column {
	for i := range p.Columns {
		if p.Columns[i].Name == name {
			return &p.Columns[i]
		}
	}
	return nil
}

func describe(name string, v *column.Vector) Column {
	c := Column{Name: name}
	if v == nil {
		return c
	}
	c.Type, c.Nulls = v.Type.String(), v.Nulls()
	counts, whole := count(v)
	c.Exact, c.Distinct = whole, len(counts)
	if !whole {
		c.Distinct = estimate(v)
	}
	c.Top = top(counts, c.Distinct)
	if v.Type != column.String {
		c.Numbers = numbers(v)
	}
	return c
}

// count counts the values of v by a text or number that stands for them; whole is false when there were too many.
func count(v *column.Vector) (counts []Value, whole bool) {
	if v.Type == column.String {
		return tally(v, func(i int) string { return v.Strings[i] }, func(s string) string { return s })
	}
	return tally(v, func(i int) uint64 { return bits(v, i) }, func(b uint64) string { return text(v.Type, b) })
}

func tally[K comparable](v *column.Vector, at func(int) K, text func(K) string) ([]Value, bool) {
	index, whole := make(map[K]int), true
	var keys []K
	var rows []int
	for i := range v.Len() {
		if v.IsNull(i) {
			continue
		}
		k := at(i)
		n, ok := index[k]
		if !ok {
			if len(keys) == maxTracked {
				whole = false
				continue
			}
			n = len(keys)
			index[k], keys, rows = n, append(keys, k), append(rows, 0)
		}
		rows[n]++
	}
	out := make([]Value, len(keys))
	for i, k := range keys {
		out[i] = Value{text(k), rows[i]}
	}
	return out, whole
}

func bits(v *column.Vector, i int) uint64 {
	switch v.Type {
	case column.Bool:
		if v.Bools[i] {
			return 1
		}
		return 0
	case column.Float64:
		return math.Float64bits(v.Floats[i])
	default:
		return uint64(v.Ints[i])
	}
}

func text(t column.Type, b uint64) string {
	switch t {
	case column.Bool:
		return strconv.FormatBool(b == 1)
	case column.Float64:
		return strconv.FormatFloat(math.Float64frombits(b), 'g', -1, 64)
	default:
		return strconv.FormatInt(int64(b), 10)
	}
}

// top keeps the most frequent values. A column that never repeats has none worth telling.
func top(counts []Value, distinct int) []Value {
	slices.SortFunc(counts, func(a, b Value) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Value, b.Value))
	})
	if len(counts) > 0 && counts[0].Rows == 1 && distinct > topValues {
		return nil
	}
	return slices.Clone(counts[:min(len(counts), topValues)])
}

// estimate counts distinct values by the smallest hashes: if k of them reach up to share s of the range, there are about
// (k-1)/s values.
func estimate(v *column.Vector) int {
	smallest := make([]uint64, 0, 2*minHashes)
	limit := uint64(math.MaxUint64)
	var b []byte
	shrink := func() {
		slices.Sort(smallest)
		smallest = slices.Compact(smallest)
		if len(smallest) >= minHashes {
			smallest = smallest[:minHashes]
			limit = smallest[minHashes-1]
		}
	}
	for i := range v.Len() {
		if v.IsNull(i) {
			continue
		}
		b = rowhash.AppendValue(b[:0], v, i)
		key := rowhash.Sum(b)
		if h := binary.LittleEndian.Uint64(key[:8]); h < limit {
			if smallest = append(smallest, h); len(smallest) == cap(smallest) {
				shrink()
			}
		}
	}
	shrink()
	if len(smallest) < minHashes {
		return len(smallest)
	}
	return int(math.Round((minHashes - 1) / (float64(limit) / math.MaxUint64)))
}

// numbers is nil when no value is there.
func numbers(v *column.Vector) *Numbers {
	n, sum := 0, 0.0
	out := &Numbers{Min: math.Inf(1), Max: math.Inf(-1)}
	for i := range v.Len() {
		if x, ok := v.Float(i); ok {
			out.Min, out.Max = min(out.Min, x), max(out.Max, x)
			n++
			sum += x
		}
	}
	if n == 0 {
		return nil
	}
	out.Mean = sum / float64(n)
	stride := (n + maxSorted - 1) / maxSorted
	sorted := make([]float64, 0, n/stride+1)
	squares, at := 0.0, 0
	for i := range v.Len() {
		if x, ok := v.Float(i); ok {
			d := x - out.Mean
			squares += float64(d * d)
			if at%stride == 0 {
				sorted = append(sorted, x)
			}
			at++
		}
	}
	out.SD = math.Sqrt(squares / float64(n))
	slices.Sort(sorted)
	for q := range out.Quantiles {
		out.Quantiles[q] = quantile(sorted, float64(q)/(quantiles-1))
	}
	return out
}

func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	low := int(at)
	if low == len(sorted)-1 {
		return sorted[low]
	}
	return sorted[low] + float64((sorted[low+1]-sorted[low])*(at-float64(low)))
}
