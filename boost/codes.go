package boost

import (
	"cmp"
	"slices"
)

// The most frequent categories of a feature have a bin of their own, 255 to a column: a feature of more categories takes
// several columns, one after the other, and a row is in bin 0 of all but one of them. Categories with too few rows to be
// split off, those beyond the columns a feature may take, and the missing are in bin 0 everywhere. They go right at every
// split, as a category does that appears after training.

// columnCodes is how many categories a column holds, featureColumns how many columns a feature takes at most.
const (
	columnCodes    = maxBins
	featureColumns = 16
)

// categoryOf is the code of x, or -1 for none of 0 to n-1.
func categoryOf(x float32, n int) int {
	if !(x >= 0 && x < float32(n)) {
		return -1
	}
	return int(x)
}

// findCodes returns the categories of a feature that get bins, the most frequent first, and whether some row has none of
// them. Every row is counted, so the categories of a large table do not depend on a sample.
func findCodes(d Data, feature int, p Params) (codes []uint32, others bool) {
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
	if len(codes) > fewCategories {
		least := newCategoryRules(p, quantum{1, 1}).least
		codes = slices.DeleteFunc(codes, func(code uint32) bool { return int64(counts[code]) < least })
	}
	slices.SortFunc(codes, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	codes = slices.Clip(codes[:min(featureColumns*columnCodes, len(codes))])
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
