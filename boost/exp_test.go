package boost

import (
	"math"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// Golden bits on one processor cannot show that another one fuses; the instructions it would run can.
func TestNoProductMeetsASumUnrounded(t *testing.T) {
	fused := regexp.MustCompile(`(?m)^.*\(([^()]*\.go:\d+)\)\s+(FN?MADD[SD]?|FN?MSUB[SD]?)\s.*$`)
	for _, arch := range []string{"arm64", "riscv64"} {
		build := exec.Command("go", "build", "-gcflags=-S", ".")
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		listing, err := build.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", arch, err, listing)
		}
		if len(listing) < 10_000 {
			t.Fatalf("%s: no listing: %s", arch, listing)
		}
		for _, found := range fused.FindAllSubmatch(listing, -1) {
			t.Errorf("%s: %s fuses: %s", arch, found[1], found[2])
		}
	}
}

func ulps(a, b float64) float64 {
	if a == b {
		return 0
	}
	return math.Abs(a-b) / math.Abs(math.Nextafter(b, math.Inf(1))-b)
}

func TestExpAndLogarithmAgreeWithTheStandardLibrary(t *testing.T) {
	for i := range uint64(200_000) {
		x := (uniform(1, i) - 0.5) * 1480
		if i%2 == 0 {
			x /= 100
		}
		if want := math.Exp(x); want > 0x1p-1022 && ulps(exp(x), want) > 2 { // either may be 1 off the truth
			t.Fatalf("exp(%v) = %v, want %v", x, exp(x), want)
		}
		y := math.Exp(x)
		if y > 0x1p-1022 && !math.IsInf(y, 0) && ulps(logarithm(y), math.Log(y)) > 1 {
			t.Fatalf("logarithm(%v) = %v, want %v", y, logarithm(y), math.Log(y))
		}
	}
	for x, want := range map[float64]float64{0: 1, 1000: math.Inf(1), -1000: 0, math.Inf(1): math.Inf(1), math.Inf(-1): 0} {
		if got := exp(x); got != want {
			t.Errorf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	if got := exp(-740); math.Abs(got-math.Exp(-740)) > 5e-324 {
		t.Errorf("exp(-740) = %v, want %v", got, math.Exp(-740))
	}
}

func TestCurveKeepsItsErrorBounds(t *testing.T) {
	c := newCurve()
	for i := range uint64(100_000) {
		x := (uniform(2, i) - 0.5) * 31.9
		if d := math.Abs(c.probability(x) - sigmoid(x)); d > 3e-6 {
			t.Fatalf("probability(%v) is off by %v", x, d)
		}
		if d := math.Abs(c.logLoss(x, 1) - (math.Log1p(math.Exp(-x)))); d > 2e-8 {
			t.Fatalf("logLoss(%v, 1) is off by %v", x, d)
		}
	}
	for _, x := range []float64{-1e300, -50, 50, 1e300} {
		p := c.probability(x)
		if p <= 0 || p >= 1 {
			t.Errorf("probability(%v) = %v", x, p)
		}
	}
	if got := c.logLoss(-700, 0); got <= 0 || got > 1e-300 {
		t.Errorf("logLoss(-700, 0) = %v", got)
	}
}
