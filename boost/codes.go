package boost

import (
	"cmp"
	"slices"
)

// The most frequent categories of a feature, as many as there may be bins, have a bin of their own, the most frequent bin
// 1. All others share bin 0 with missing and go right at every split, as a category does that appears after training: so
// a split names 255 categories at most, however many there are.

// categoryOf is the code of x, or -1 for none of 0 to n-1.
func categoryOf(x float32, n int) int {
	if !(x >= 0 && x < float32(n)) {
		return -1
	}
	return int(x)
}

// findCodes returns the categories of a feature that get bins, in the order of the bins, and whether some row has none of
// them. Every row is counted, so rare categories of a large table are not lost to a sample.
func findCodes(d Data, feature, bins int) (codes []uint32, others bool) {
	n, width := d.categories(feature), len(d.Features)
	counts := make([]uint32, n)
	known := 0
	for row := range d.Rows {
		if code := categoryOf(d.Values[row*width+feature], n); code >= 0 {
			counts[code]++
		}
	}
	for code, count := range counts {
		if count > 0 {
			codes = append(codes, uint32(code))
		}
	}
	slices.SortFunc(codes, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	codes = slices.Clip(codes[:min(bins, len(codes))])
	for _, code := range codes {
		known += int(counts[code])
	}
	return codes, known < d.Rows
}

// codeBins is the bin of each category up to the largest that has one.
type codeBins []uint8

func newCodeBins(codes []uint32) codeBins {
	if len(codes) == 0 {
		return nil
	}
	bins := make(codeBins, slices.Max(codes)+1)
	for i, code := range codes {
		bins[code] = uint8(i + 1)
	}
	return bins
}

// bins writes the bins of values[0], values[stride], ... to out.
func (b codeBins) bins(values []float32, stride int, out []uint8) {
	for i := range out {
		out[i] = 0
		if code := categoryOf(values[i*stride], len(b)); code >= 0 {
			out[i] = b[code]
		}
	}
}
