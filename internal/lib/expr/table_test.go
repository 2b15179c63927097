package expr_test

import (
	"math"
	"math/rand/v2"

	"rondo.dev/rondo/internal/lib/column"
)

// anyTable has columns of every type with edge values, ordinary values and nulls; the same at every call.
func anyTable(rows int) *column.Table {
	r := rand.New(rand.NewPCG(7, 11))
	pick := func(edges []float64, scale float64) float64 {
		if r.IntN(3) == 0 {
			return edges[r.IntN(len(edges))]
		}
		return math.Round(r.NormFloat64()*scale*1000) / 1000
	}
	edges := []float64{0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, 1e-300, -1e300, 1e308, 5e-324, 1e15, 123456.785, 1e22, 0.045, 1e-5, 1e16, math.Pi}
	ints := []int64{0, 1, -1, 2, 3, 7, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 1 << 53, 1<<53 + 1, 150, -150, 99}
	texts := []string{"", "a", "b", "ab", "abc", "aXbXc", "ß", "naïve", "日本語", " a ", "\u00a0x\u3000", "ÀÉ", "aaaa", "Ω", "x\ty", "é", "zz"}
	numbers := []string{"1", "-7", "+3", "2.5", "1e3", "-0.0", "x", "", "9223372036854775807", "9223372036854775808", "true", "FALSE", "1e400", "007", "-.5", "5."}
	t := &column.Table{}
	add := func(name string, typ column.Type, set func(v *column.Vector, i int)) {
		v := column.New(typ, rows)
		for i := 0; i < rows; i++ {
			set(v, i)
			if r.IntN(9) == 0 {
				v.SetNull(i)
			}
		}
		t.Set(name, v)
	}
	for _, name := range []string{"i", "j"} {
		add(name, column.Int64, func(v *column.Vector, i int) {
			if v.Ints[i] = ints[r.IntN(len(ints))]; r.IntN(2) == 0 {
				v.Ints[i] = int64(r.IntN(2000) - 1000)
			}
		})
	}
	for _, name := range []string{"f", "g"} {
		add(name, column.Float64, func(v *column.Vector, i int) { v.Floats[i] = pick(edges, 100) + 0 })
	}
	for _, name := range []string{"s", "p"} {
		add(name, column.String, func(v *column.Vector, i int) { v.Strings[i] = texts[r.IntN(len(texts))] })
	}
	add("n", column.String, func(v *column.Vector, i int) { v.Strings[i] = numbers[r.IntN(len(numbers))] })
	for _, name := range []string{"b", "c"} {
		add(name, column.Bool, func(v *column.Vector, i int) { v.Bools[i] = r.IntN(2) == 0 })
	}
	for _, name := range []string{"k", "m"} {
		add(name, column.Int64, func(v *column.Vector, i int) { v.Ints[i] = int64(r.IntN(13) - 6) })
	}
	for _, name := range []string{"t", "u"} {
		add(name, column.Timestamp, func(v *column.Vector, i int) { v.Ints[i] = r.Int64N(9e15) - 4e15 })
	}
	for _, name := range []string{"d", "e"} {
		add(name, column.Duration, func(v *column.Vector, i int) { v.Ints[i] = r.Int64N(2e12) - 1e12 })
	}
	add("h", column.Float64, func(v *column.Vector, i int) { v.Floats[i] = float64(r.IntN(40000)) / 8 })
	add("lat", column.Float64, func(v *column.Vector, i int) { v.Floats[i] = math.Round(r.Float64()*1.8e6-9e5) / 1e4 })
	add("lon", column.Float64, func(v *column.Vector, i int) { v.Floats[i] = math.Round(r.Float64()*3.4e6-1.7e6) / 1e4 })
	return t
}
