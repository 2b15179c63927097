package history

import (
	"math"
	"math/bits"

	"rondo.dev/rondo/internal/lib/column"
)

// floatScale: floats are summed in multiples of 2^-48. With |x| <= 2^48 a value has at most 97 bits, so 2^30 of them
// cannot overflow 128; integers have 64 bits.
const (
	floatScale   = 48
	largestFloat = 1 << 48
	maxFacts     = 1 << 30
)

// wide is a 128-bit integer in two's complement.
type wide struct {
	hi int64
	lo uint64
}

func (a wide) plus(b wide) wide {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	return wide{a.hi + b.hi + int64(carry), lo}
}

func (a wide) minus(b wide) wide {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	return wide{a.hi - b.hi - int64(borrow), lo}
}

func wideOf(x int64) wide { return wide{x >> 63, uint64(x)} }

// fixed is x in multiples of 2^-48, rounded half to even. ok is false where x has no such form.
func fixed(x float64) (w wide, ok bool) {
	if !(math.Abs(x) <= largestFloat) {
		return wide{}, false
	}
	whole, fraction := math.Modf(x)                            // both exact
	rest := math.RoundToEven(math.Ldexp(fraction, floatScale)) // below 2^48 in size: exact as int64
	i := int64(whole)
	w = wide{i >> (64 - floatScale), uint64(i) << floatScale}
	return w.plus(wideOf(int64(rest))), true
}

// valueAt is the value of a fact. v nil: every fact counts, with nothing to sum.
func valueAt(v *column.Vector, i int) (w wide, ok bool) {
	if v == nil {
		return wide{}, true
	}
	if v.IsNull(i) {
		return wide{}, false
	}
	switch v.Type {
	case column.Bool:
		if v.Bools[i] {
			return wide{0, 1}, true
		}
		return wide{}, true
	case column.Float64:
		return fixed(v.Floats[i])
	default:
		return wideOf(v.Ints[i]), true
	}
}

// total is the sum and the number of the facts of a window.
type total struct {
	sum   wide
	count int64
}

func (t total) plus(w wide) total  { return total{t.sum.plus(w), t.count + 1} }
func (t total) minus(w wide) total { return total{t.sum.minus(w), t.count - 1} }

func (t total) less(o total) total { return total{t.sum.minus(o.sum), t.count - o.count} }
func (t total) add(o total) total  { return total{t.sum.plus(o.sum), t.count + o.count} }

// quotient is a / n * 2^-scale, correctly rounded to float64 (half to even). n is above 0.
func (a wide) quotient(n int64, scale int) float64 {
	const exact = 1 << 53
	if small := int64(a.lo); a.hi == small>>63 && small <= exact && small >= -exact && n <= exact {
		return math.Ldexp(float64(small)/float64(n), -scale) // one rounding; no result is so small that Ldexp rounds
	}
	negative := a.hi < 0
	if negative {
		a = wide{}.minus(a)
	}
	// Shift until the top bit is set, divide 128 by 64 bits, and round the quotient to 53 bits with what was cut off.
	hi, lo := uint64(a.hi), a.lo
	shift := bits.LeadingZeros64(hi)
	if hi == 0 {
		shift = 64 + bits.LeadingZeros64(lo)
	}
	if shift >= 64 {
		hi, lo = lo<<(shift-64), 0
	} else if shift > 0 {
		hi, lo = hi<<shift|lo>>(64-shift), lo<<shift
	}
	high, remainder := hi/uint64(n), hi%uint64(n)
	low, remainder := bits.Div64(remainder, lo, uint64(n))
	up := bits.LeadingZeros64(high) // high is at least 2^63 / 2^63: not 0
	top := high<<up | low>>(64-up)
	rest := low << up
	if remainder != 0 {
		rest |= 1 // sticky: what lies below decides no tie
	}
	mantissa, cut := top>>11, top&(1<<11-1)
	if cut > 1<<10 || cut == 1<<10 && (rest != 0 || mantissa&1 == 1) {
		mantissa++
	}
	x := math.Ldexp(float64(mantissa), 11+64-up-shift-scale)
	if negative {
		return -x
	}
	return x
}
