package boost

import (
	"math"
	"slices"
)

// sampleRows is how many rows at most the cuts are taken from. The error of a quantile of n rows is about
// 0.5/sqrt(n) = 0.1 % of the rows, a quarter of one of 255 bins.
const sampleRows = 200_000

// sampled returns the rows the cuts come from: every row, or one drawn from each of sampleRows equal stretches.
func sampled(rows int, seed uint64) []int {
	n := min(rows, sampleRows)
	picked := make([]int, n)
	draw := stream(seed, drawCuts, 0)
	for i := range picked {
		start, end := i*rows/n, (i+1)*rows/n
		picked[i] = start + int(mix(draw+uint64(i)*golden)%uint64(end-start))
	}
	return picked
}

// orderedKey maps floats to integers of the same order; -0 and 0 are one. x must not be NaN.
func orderedKey(x float32) uint32 {
	if x == 0 {
		return 1 << 31
	}
	bits := math.Float32bits(x)
	return bits ^ (uint32(int32(bits)>>31) | 1<<31)
}

func keyedFloat(key uint32) float32 {
	return math.Float32frombits(key ^ (^uint32(int32(key)>>31) | 1<<31))
}

// cutsOf returns the ascending cuts of the values whose keys are given (which it sorts): value x belongs to the first bin
// whose cut is >= x, or to the last bin. With at most bins distinct values each has a bin of its own; otherwise bins hold
// about equal numbers of rows, and a value that fills a bin alone gets it alone.
func cutsOf(keys, scratch []uint32, bins int) []float32 {
	sortKeys(keys, scratch)
	distinct := 0
	for i := range keys {
		if i == 0 || keys[i] != keys[i-1] {
			distinct++
		}
	}
	var cuts []float32
	left := len(keys) // rows not yet in a bin
	held := 0         // rows in the open bin
	for i := 0; i < len(keys); {
		same := i + 1
		for same < len(keys) && keys[same] == keys[i] {
			same++
		}
		held += same - i
		distinct--
		if same == len(keys) || len(cuts) == bins-1 {
			break
		}
		free := bins - len(cuts) // bins for the rows left, the open one among them
		next := same + 1
		for next < len(keys) && keys[next] == keys[same] {
			next++
		}
		target := float64(left) / float64(free)
		full := float64(held) >= target
		crowded := float64(held)+float64(next-same) >= 1.5*target && float64(next-same) >= target
		if full || crowded || distinct < free {
			cuts = append(cuts, between(keyedFloat(keys[i]), keyedFloat(keys[same])))
			left -= held
			held = 0
		}
		i = same
	}
	return cuts
}

// between returns a cut c with a <= c < b, halfway where that can be told, and never -0.
func between(a, b float32) float32 {
	c := float32(a/2) + float32(b/2)
	if !(a <= c && c < b) {
		c = a
	}
	if c == 0 {
		return 0
	}
	return c
}

// sortKeys sorts by radix, 11 bits at a time; scratch is as long as keys.
func sortKeys(keys, scratch []uint32) {
	if len(keys) < 4096 {
		slices.Sort(keys)
		return
	}
	const digits = 1 << 11
	from, to := keys, scratch[:len(keys)]
	for shift := 0; shift < 33; shift += 11 {
		var at [digits]int
		for _, k := range from {
			at[k>>shift%digits]++
		}
		sum := 0
		for d, n := range at {
			at[d] = sum
			sum += n
		}
		for _, k := range from {
			d := k >> shift % digits
			to[at[d]] = k
			at[d]++
		}
		from, to = to, from
	}
	copy(keys, from) // three passes end in scratch
}
