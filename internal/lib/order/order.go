// Package order answers: in which order do these values come? It sorts numbers of rows by whole-number values, mostly
// instants, in linear time.
package order

import "slices"

// Of is the numbers of values in ascending order of value, equal values in order of their numbers: a radix sort on the
// 16-bit digits that differ at all.
func Of(values []int64) []int32 {
	out := make([]int32, len(values))
	for i := range out {
		out[i] = int32(i)
	}
	if slices.IsSorted(values) {
		return out
	}
	low, high := slices.Min(values), slices.Max(values)
	width := uint64(high) - uint64(low)
	next := make([]int32, len(values))
	for shift := 0; shift < 64 && width>>shift > 0; shift += 16 {
		var at [1<<16 + 1]int32
		for _, v := range values {
			at[(uint64(v)-uint64(low))>>shift&0xffff+1]++
		}
		for d := range 1 << 16 {
			at[d+1] += at[d]
		}
		for _, i := range out {
			digit := (uint64(values[i]) - uint64(low)) >> shift & 0xffff
			next[at[digit]] = i
			at[digit]++
		}
		out, next = next, out
	}
	return out
}
