package metric

import "math"

// normalQuantile is the inverse of the standard normal distribution.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// tQuantile is the inverse of Student's t with df > 0 degrees of freedom, for p in [0.5, 1). It is Newton's method
// kept inside a bracket; beyond 100,000 degrees of freedom it is the expansion of Abramowitz and Stegun 26.7.5, whose
// next term is below 1e-12.
func tQuantile(p, df float64) float64 {
	z := normalQuantile(p)
	if df > 1e5 {
		return z + (z*z*z+z)/(4*df) + (5*z*z*z*z*z+16*z*z*z+3*z)/(96*df*df)
	}
	if p <= .5 {
		return 0
	}
	low, high := 0.0, max(1, 2*z)
	for tDistribution(high, df) < p {
		low, high = high, 2*high
	}
	logNorm := lgamma((df+1)/2) - lgamma(df/2) - math.Log(df*math.Pi)/2
	t := min(max(z, low), high)
	for range 100 {
		miss := tDistribution(t, df) - p
		if miss > 0 {
			high = t
		} else {
			low = t
		}
		next := t - miss/math.Exp(logNorm-(df+1)/2*math.Log1p(t*t/df))
		if !(next > low && next < high) {
			next = (low + high) / 2
		}
		if math.Abs(next-t) <= 1e-15*t {
			return next
		}
		t = next
	}
	return t
}

// tDistribution is the distribution function of Student's t at t >= 0.
func tDistribution(t, df float64) float64 {
	if t*t < df {
		return .5 + betaShare(.5, df/2, t*t/(df+t*t))/2
	}
	return 1 - betaShare(df/2, .5, df/(df+t*t))/2
}

// betaShare is the regularised incomplete beta function, by the continued fraction of DLMF 8.17.22 (Lentz's method).
func betaShare(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) {
		return 1 - betaShare(b, a, 1-x)
	}
	const tiny = 1e-300
	keep := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/keep(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m < 100000; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/keep(1+even*d), keep(1+even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/keep(1+odd*d), keep(1+odd/c)
		f *= d * c
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	front := lgamma(a+b) - lgamma(a) - lgamma(b) + a*math.Log(x) + b*math.Log1p(-x)
	return math.Exp(front) * f / a
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}
