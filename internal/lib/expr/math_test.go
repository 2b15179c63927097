package expr

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"
)

func ulps(got, want float64) float64 {
	if got == want || got != got && want != want {
		return 0
	}
	return math.Abs(got-want) / (math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want))
}

// The standard library's functions stay within one unit in the last place themselves, so ours within two of them.
// DuckDB, which uses the C library, is the second opinion (oracle_test.go).
func TestElementaryFunctionsAreExactToTheLastPlaces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	worst := map[string]float64{}
	note := func(name string, got, want float64, args ...float64) {
		if u := ulps(got, want); u > worst[name] {
			worst[name] = u
			if limit := map[string]float64{"log10": 3, "asin": 4}[name]; u > max(limit, 2) {
				t.Errorf("%s%v = %g, want %g (%.1f ulp)", name, args, got, want, u)
			}
		}
	}
	for i := 0; i < 200_000; i++ {
		x := math.Exp(r.NormFloat64() * 20)
		y := r.NormFloat64() * 100
		a := (r.Float64() - 0.5) * 4 * math.Pi
		note("exp", exp(y), math.Exp(y), y)
		note("ln", ln(x), math.Log(x), x)
		note("log10", log10(x), math.Log10(x), x)
		if s := math.Abs(math.Sin(a)); s > 1e-3 && s < 1-1e-3 {
			note("sin", sin(a), math.Sin(a), a)
			note("cos", cos(a), math.Cos(a), a)
			note("asin", asin(s), math.Asin(s), s)
		}
	}
	t.Logf("largest differences in ulp: %.2v", worst)
}

func TestPowersOfTenHaveWholeLogarithms(t *testing.T) {
	for n := 0; n <= 22; n++ {
		if got := log10(pow(10, float64(n))); got != float64(n) {
			t.Errorf("log10(1e%d) = %v", n, got)
		}
	}
	for n := -1074; n <= 1023; n++ {
		if got, want := pow(2, float64(n)), math.Ldexp(1, n); got != want {
			t.Errorf("pow(2, %d) = %v, want %v", n, got, want)
		}
	}
}

func TestPowKeepsTheSpecialCasesOfC99(t *testing.T) {
	values := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1e300, -1e300, 0x1p40, 1e-300, math.MaxFloat64, 5e-324,
		1 + 0x1p-52, 1 - 0x1p-53, 0x1p60 + 0x1p8, math.Inf(1), math.Inf(-1), math.NaN()}
	for _, x := range values {
		for _, y := range values {
			want, limit := math.Pow(x, y), 4.0
			if near := math.Abs(x - 1); near > 0 && near < 0x1p-50 && math.Abs(y) > 0x1p31 { // where math.Pow itself is 10^9 ulp off
				want, limit = math.Exp(y*math.Log1p(x-1)), 500
			}
			if got := pow(x, y); ulps(got, want) > limit {
				t.Errorf("pow(%g, %g) = %g, want %g", x, y, got, want)
			}
		}
	}
}

// The bits of 100,000 values of every function, in one hash: the same on every machine (R9). A change of it is a change of
// every stored transform, so it comes with a new number of the language.
func TestElementaryFunctionsHaveTheSameBitsEverywhere(t *testing.T) {
	const want = "11fc8315881b0ab67bf20f14e46f55fd0436ba4674106a831563a49687d62568"
	r := rand.New(rand.NewPCG(3, 4))
	h := sha256.New()
	for i := 0; i < 100_000; i++ {
		x, y := float64(r.Uint64N(1<<53))/float64(uint64(1)<<r.IntN(60)), (r.Float64()-0.5)*200
		lat, lon := r.Float64()*180-90, r.Float64()*360-180
		km, _ := haversine(lat, lon, lat/2, -lon)
		for _, v := range []float64{exp(y), ln(x), log10(x), pow(x, y/50), sin(y / 40), cos(y / 40), km} {
			_ = binary.Write(h, binary.LittleEndian, math.Float64bits(v))
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("bits hash to %s, want %s", got, want)
	}
}
