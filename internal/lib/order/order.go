// Package order answers: in which order do these values come? It sorts numbers of rows by whole-number values, mostly
// instants, in linear time.
package order

import "slices"

const (
	digitBits = 11
	digits    = 1 << digitBits
)

type item struct {
	value uint64
	row   int32
}

// Of is the numbers of values in ascending order of value, equal values in order of their numbers: a radix sort on the
// digits that differ at all.
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
	items, next := make([]item, len(values)), make([]item, len(values))
	for i, v := range values {
		items[i] = item{uint64(v) - uint64(low), int32(i)}
	}
	for shift := 0; shift < 64 && width>>shift > 0; shift += digitBits {
		var at [digits + 1]int32
		for i := range items {
			at[items[i].value>>shift%digits+1]++
		}
		for d := range digits {
			at[d+1] += at[d]
		}
		for i := range items {
			digit := items[i].value >> shift % digits
			next[at[digit]] = items[i]
			at[digit]++
		}
		items, next = next, items
	}
	for i := range items {
		out[i] = items[i].row
	}
	return out
}
