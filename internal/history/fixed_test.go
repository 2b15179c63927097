package history

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func (a wide) big() *big.Int {
	x := new(big.Int).Lsh(big.NewInt(a.hi), 64)
	return x.Add(x, new(big.Int).SetUint64(a.lo))
}

func TestQuotientIsTheNearestFloat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := wide{rapid.Int64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		if rapid.Bool().Draw(t, "small") {
			a = wideOf(rapid.Int64().Draw(t, "sum"))
		}
		n := rapid.Int64Range(1, 1<<31).Draw(t, "n")
		scale := rapid.SampledFrom([]int{0, floatScale}).Draw(t, "scale")
		want, _ := new(big.Rat).SetFrac(a.big(), new(big.Int).Mul(big.NewInt(n), new(big.Int).Lsh(big.NewInt(1), uint(scale)))).Float64()
		if got := a.quotient(n, scale); math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%v / %d * 2^-%d is %v, not %v", a.big(), n, scale, got, want)
		}
	})
}

func TestTiesAreRoundedToEven(t *testing.T) {
	for _, c := range []struct {
		a    wide
		want float64
	}{
		{wide{0, 1<<54 + 2}, 1 << 54},       // halfway between 2^54 and 2^54+4
		{wide{0, 1<<54 + 6}, 1<<54 + 8},     // halfway between 2^54+4 and 2^54+8
		{wide{1, 1 << 11}, 1 << 64},         // halfway above 2^64
		{wide{1, 1<<11 + 1}, 1<<64 + 1<<12}, // a bit more than halfway
		{wide{-1, 0}, -(1 << 64)},
	} {
		if got := c.a.quotient(1, 0); got != c.want {
			t.Errorf("%v: %v, not %v", c.a.big(), got, c.want)
		}
	}
}
