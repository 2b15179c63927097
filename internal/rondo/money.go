package rondo

import (
	"fmt"
	"math"
	"strings"
)

// Money is an amount in micro-dollars. Sums saturate instead of wrapping round.
type Money int64

// Dollar is one dollar.
const Dollar Money = 1_000_000

// Add is the saturating sum.
func (m Money) Add(n Money) Money {
	sum := m + n
	switch {
	case m > 0 && n > 0 && sum < 0:
		return math.MaxInt64
	case m < 0 && n < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}

// Dollars is the amount as a number of dollars, for statistics and display.
func (m Money) Dollars() float64 { return float64(m) / float64(Dollar) }

// FromDollars rounds to the nearest micro-dollar; what is out of range saturates, NaN is 0.
func FromDollars(d float64) Money {
	x := math.RoundToEven(d * float64(Dollar))
	switch {
	case math.IsNaN(x):
		return 0
	case x >= math.MaxInt64:
		return math.MaxInt64
	case x <= math.MinInt64:
		return math.MinInt64
	}
	return Money(x)
}

// String shows cents, rounded half up, and below a dollar as many digits as there are.
func (m Money) String() string {
	sign, abs := "", uint64(m)
	if m < 0 {
		sign, abs = "-", uint64(-m)
	}
	whole, micro := abs/uint64(Dollar), abs%uint64(Dollar)
	if micro%10_000 == 0 || whole > 0 {
		cents := (micro + 5_000) / 10_000
		return fmt.Sprintf("%s$%d.%02d", sign, whole+cents/100, cents%100)
	}
	return sign + "$" + strings.TrimRight(fmt.Sprintf("%d.%06d", whole, micro), "0")
}
