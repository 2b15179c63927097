package expr

// Elementary functions whose bits are the same on every machine: Go may fuse x*y + z into one rounding on some
// processors and uses assembly for some functions, so every product that is added is rounded by a conversion first.
//
// Source: fdlibm (e_exp.c, e_log.c, e_log10.c, e_pow.c, k_sin.c, k_cos.c, e_asin.c), whose notice is:
//
//	Copyright (C) 1993, 2004 by Sun Microsystems, Inc. All rights reserved.
//	Developed at SunSoft, a Sun Microsystems, Inc. business. Permission to use, copy, modify, and distribute this
//	software is freely granted, provided that this notice is preserved.
//
// Errors stay below one unit in the last place (math_test.go measures it).

import "math"

const (
	ln2Hi  = 6.93147180369123816490e-01
	ln2Lo  = 1.90821492927058770002e-10
	log2E  = 1.44269504088896338700e+00
	halfPi = 1.57079632679489655800e+00
)

// polynomial is c[0] + x*(c[1] + x*(...)), each step rounded.
func polynomial(x float64, c ...float64) float64 {
	sum := c[len(c)-1]
	for i := len(c) - 2; i >= 0; i-- {
		sum = c[i] + float64(x*sum)
	}
	return sum
}

// exp is e to the power of x.
func exp(x float64) float64 {
	switch {
	case x != x || math.IsInf(x, 1):
		return x
	case x > 7.09782712893383973096e+02:
		return math.Inf(1)
	case x < -7.45133219101941108420e+02:
		return 0
	case -0x1p-28 < x && x < 0x1p-28:
		return 1 + x
	}
	k := math.Trunc(float64(log2E*x) + math.Copysign(0.5, x))
	hi := x - float64(k*ln2Hi)
	lo := float64(k * ln2Lo)
	r := hi - lo
	t := float64(r * r)
	c := r - float64(t*polynomial(t, 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
		-1.65339022054652515390e-06, 4.13813679705723846039e-08))
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	return math.Ldexp(y, int(k))
}

// ln is the natural logarithm.
func ln(x float64) float64 {
	switch {
	case x != x || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	f, k := m-1, float64(e)
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	t1 := float64(s2 * polynomial(s4, 6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01))
	t2 := float64(s4 * polynomial(s4, 3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01))
	half := float64(float64(0.5*f) * f)
	return float64(k*ln2Hi) - ((half - (float64(s*(half+(t1+t2))) + float64(k*ln2Lo))) - f)
}

// log10 is the decimal logarithm; exact for 1, 10, 100 ... 10^22.
func log10(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return ln(x)
	}
	const (
		ivln10   = 4.34294481903251816668e-01
		log10Hi2 = 3.01029995663611771306e-01
		log10Lo2 = 3.69423907715893078616e-13
	)
	m, e := math.Frexp(x)
	k := e - 1
	m *= 2 // in [1, 2)
	if k < 0 {
		m /= 2 // in [0.5, 1): logarithm and k*log10(2) have one sign
		k++
	}
	y := float64(k)
	z := float64(y*log10Lo2) + float64(ivln10*ln(m))
	return z + float64(y*log10Hi2)
}

// highWord keeps the upper 32 bits of x.
func highWord(x float64) float64 { return math.Float64frombits(math.Float64bits(x) &^ 0xffffffff) }

// pow is x to the power of y, with the special cases of C99.
func pow(x, y float64) float64 {
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return math.NaN()
	case x == 0 || math.IsInf(x, 0) || math.IsInf(y, 0):
		return math.Pow(x, y) // no arithmetic: zeros and infinities only
	}
	sign := 1.0
	if x < 0 {
		if y != math.Trunc(y) {
			return math.NaN()
		}
		if math.Abs(y) < 0x1p53 && math.Mod(y, 2) != 0 {
			sign = -1
		}
	}
	ax := math.Abs(x)
	if ax == 1 {
		return sign
	}
	t1, t2, ok := log2Split(ax, y)
	if !ok {
		if (ax > 1) == (y > 0) {
			return sign * math.Inf(1)
		}
		return 0
	}
	y1 := highWord(y)
	lo := float64((y-y1)*t1) + float64(y*t2)
	hi := float64(y1 * t1)
	return sign * exp2Split(hi, lo)
}

// log2Split is log2(ax) as a sum t1 + t2 where t1 has few bits; not ok when ax to the power of y surely over- or
// underflows.
func log2Split(ax, y float64) (t1, t2 float64, ok bool) {
	if math.Abs(y) > 0x1p31 {
		if math.Abs(y) > 0x1p64 || ax < 0.9999990463256836 || ax > 1.000000953674316 {
			return 0, 0, false
		}
		const ivln2, ivln2Hi, ivln2Lo = 1.44269504088896338700e+00, 1.44269502162933349609e+00, 1.92596299112661746887e-08
		t := ax - 1 // has at most 20 significant bits left of rounding
		w := float64(float64(t*t) * (0.5 - float64(t*(0.3333333333333333333333-float64(t*0.25)))))
		u := float64(ivln2Hi * t)
		v := float64(t*ivln2Lo) - float64(w*ivln2)
		t1 = highWord(u + v)
		return t1, v - (t1 - u), true
	}
	m, e := math.Frexp(ax)
	m *= 2
	n := float64(e - 1) // ax = m * 2^n, m in [1, 2)
	base, dpHi, dpLo, k := 1.0, 0.0, 0.0, uint64(0)
	switch j := math.Float64bits(m) >> 32 & 0xfffff; {
	case j <= 0x3988e: // m < sqrt(3/2)
	case j < 0xbb67a: // m < sqrt(3)
		base, dpHi, dpLo, k = 1.5, 5.84962487220764160156e-01, 1.35003920212974897128e-08, 1
	default:
		m /= 2
		n++
	}
	u, v := m-base, 1/(m+base)
	ss := float64(u * v)
	sh := highWord(ss)
	top := math.Float64bits(m) >> 32
	th := math.Float64frombits(((top>>1 | 0x20000000) + 0x00080000 + k<<18) << 32)
	tl := m - (th - base)
	sl := float64(v * ((u - float64(sh*th)) - float64(sh*tl)))
	s2 := float64(ss * ss)
	r := float64(float64(s2*s2)*polynomial(s2, 5.99999999999994648725e-01, 4.28571428578550184252e-01, 3.33333329818377432918e-01,
		2.72728123808534006489e-01, 2.30660745775561754067e-01, 2.06975017800338417784e-01)) + float64(sl*(sh+ss))
	s2 = float64(sh * sh)
	th = highWord(3 + s2 + r)
	tl = r - ((th - 3) - s2)
	u = float64(sh * th)
	v = float64(sl*th) + float64(tl*ss)
	ph := highWord(u + v)
	pl := v - (ph - u)
	const cp, cpHi, cpLo = 9.61796693925975554329e-01, 9.61796700954437255859e-01, -7.02846165095275826516e-09
	zh := float64(cpHi * ph)
	zl := float64(cpLo*ph) + float64(pl*cp) + dpLo
	t1 = highWord(((zh + zl) + dpHi) + n)
	return t1, zl - (((t1 - n) - dpHi) - zh), true
}

// exp2Split is 2 to the power of hi + lo.
func exp2Split(hi, lo float64) float64 {
	z := hi + lo
	switch {
	case z >= 1024.5:
		return math.Inf(1)
	case z < -1080:
		return 0
	}
	n := 0.0
	if math.Abs(z) > 0.5 {
		n = math.Floor(z + 0.5)
		hi -= n
	}
	const lg2, lg2Hi, lg2Lo = 6.93147180559945286227e-01, 6.93147182464599609375e-01, -1.90465429995776804525e-09
	t := highWord(lo + hi)
	u := float64(t * lg2Hi)
	v := float64((lo-(t-hi))*lg2) + float64(t*lg2Lo)
	z = u + v
	w := v - (z - u)
	t = float64(z * z)
	t1 := z - float64(t*polynomial(t, 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
		-1.65339022054652515390e-06, 4.13813679705723846039e-08))
	r := float64(z*t1)/(t1-2) - (w + float64(z*w))
	return math.Ldexp(1-(r-z), int(n))
}

// earthRadius is the mean radius R1 of the GRS 80 ellipsoid in km (IUGG).
const earthRadius = 6371.0088

// haversine is the great-circle distance in km between two points in degrees. Latitudes lie within 90, longitudes within
// 360 degrees, else it is lost.
func haversine(lat1, lon1, lat2, lon2 float64) (float64, bool) {
	if math.Abs(lat1) > 90 || math.Abs(lat2) > 90 || math.Abs(lon1) > 360 || math.Abs(lon2) > 360 {
		return 0, false
	}
	const radian = math.Pi / 180
	dLat := sin(float64((lat2 - lat1) / 2 * radian))
	dLon := sin(float64((lon2 - lon1) / 2 * radian))
	cosines := float64(cos(float64(lat1*radian)) * cos(float64(lat2*radian)))
	h := float64(dLat*dLat) + float64(cosines*float64(dLon*dLon))
	return float64(2*earthRadius) * asin(math.Sqrt(min(h, 1))), true
}

// reduce gives x minus the nearest multiple of pi/2 as hi + lo, and that multiple modulo 4. For |x| up to 2 pi.
func reduce(x float64) (hi, lo float64, quadrant int) {
	const (
		pio2Hi  = 1.57079632673412561417e+00 // the first 33 bits
		pio2Mid = 6.07710050630396597660e-11 // the next 33
		pio2Lo  = 2.02226624879595063154e-21
	)
	k := math.RoundToEven(x / halfPi)
	r := (x - float64(k*pio2Hi)) // exact
	w := float64(k * pio2Mid)
	t := r - w
	tail := float64(k*pio2Lo) - ((r - t) - w)
	hi = t - tail
	return hi, (t - hi) - tail, int(k) & 3
}

func sin(x float64) float64 { return turned(x, 0) }
func cos(x float64) float64 { return turned(x, 1) }

// turned is sin(x + turns * pi/2).
func turned(x float64, turns int) float64 {
	hi, lo, quadrant := reduce(x)
	quadrant += turns
	v := sinKernel(hi, lo)
	if quadrant&1 == 1 {
		v = cosKernel(hi, lo)
	}
	if quadrant&2 != 0 {
		v = -v
	}
	return v
}

func sinKernel(x, y float64) float64 {
	z := float64(x * x)
	v := float64(z * x)
	r := polynomial(z, 8.33333333332248946124e-03, -1.98412698298579493134e-04, 2.75573137070700676789e-06,
		-2.50507602534068634195e-08, 1.58969099521155010221e-10)
	return x - ((float64(z*(float64(0.5*y)-float64(v*r))) - y) - float64(v*-1.66666666666666324348e-01))
}

func cosKernel(x, y float64) float64 {
	z := float64(x * x)
	r := float64(z * polynomial(z, 4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
		-2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11))
	half := float64(0.5 * z)
	w := 1 - half
	return w + (((1 - w) - half) + (float64(z*r) - float64(x*y)))
}

// asin is the arc sine of x in [0, 1].
func asin(x float64) float64 {
	const pio2Lo = 6.12323399573676603587e-17
	ratio := func(t float64) float64 {
		p := float64(t * polynomial(t, 1.66666666666666657415e-01, -3.25565818622400915405e-01, 2.01212532134862925881e-01,
			-4.00555345006794114027e-02, 7.91534994289814532176e-04, 3.47933107596021167570e-05))
		q := polynomial(t, 1, -2.40339491173441421878e+00, 2.02094576023350569471e+00, -6.88283971605453293030e-01, 7.70381505559019352791e-02)
		return p / q
	}
	if x < 0.5 {
		return x + float64(x*ratio(float64(x*x)))
	}
	t := float64((1 - x) / 2) // a division by 2 may be fused too
	s := math.Sqrt(t)
	r := ratio(t)
	if x > 0.975 {
		return halfPi - (float64(2*(s+float64(s*r))) - pio2Lo)
	}
	w := highWord(s)
	c := (t - float64(w*w)) / (s + w)
	p := float64(float64(2*s)*r) - (pio2Lo - float64(2*c))
	q := halfPi/2 - float64(2*w)
	return halfPi/2 - (p - q)
}
