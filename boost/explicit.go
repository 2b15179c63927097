package boost

import "math"

// Gradients and hessians travel two ways. Where their sizes are known beforehand, as for a probability, they are rounded as
// they are computed, to 11 to 15 bits (gradient.go). Otherwise, and where weights span decades, they are computed first and
// rounded to 31 bits of the largest each: a row of 1e-6 of the largest weight still counts. Such a histogram takes
// two passes, one for the gradients and one for the hessians, unless the hessians are all 1. Those of classes, sampled by
// size, are computed first, too, and then fit into one pass.

// spreadLimit is how many times the smallest weight the largest may be before 14 bits count as too few.
const spreadLimit = 1 << 10

// weightsSpread tells whether weights span too much for 14 bits.
func (t *target) weightsSpread() bool {
	if t.weights == nil {
		return false
	}
	inverse := t.largest(func(i int) float64 {
		if t.weights[i] == 0 {
			return 0
		}
		return 1 / t.weights[i]
	})
	return float64(t.largestWeight()*inverse) > spreadLimit
}

// explicitPacking is how explicit gradients travel: by the largest there are only where they may lie far apart.
func (t *target) explicitPacking() packing {
	switch {
	case t.weights == nil && !t.p.bySize() && t.p.Objective == Quantile:
		return constantPacking // hessians are all 1
	case t.p.Objective.classifies() && !t.spread:
		return weightedPacking
	}
	return widePacking
}

// derive computes the gradients and hessians of output k for all rows.
func (t *target) derive(k int) {
	if t.p.Objective == Rank {
		t.deriveRanks()
	} else {
		scores := t.scores[k*t.rows : (k+1)*t.rows]
		t.parts(func(start, end int) float64 {
			for i := start; i < end; i++ {
				t.g[i], t.h[i] = t.rowDerivative(k, i, scores[i])
			}
			return 0
		})
	}
	if t.weights != nil {
		t.parts(func(start, end int) float64 {
			for i := start; i < end; i++ {
				t.g[i] *= t.weights[i]
				t.h[i] *= t.weights[i]
			}
			return 0
		})
	}
}

func (t *target) rowDerivative(k, row int, score float64) (g, h float64) {
	switch t.p.Objective {
	case Binary:
		p := t.curve.probability(score)
		return p - t.labels[row], float64(p * (1 - p))
	case Multiclass:
		p := min(exp(score-t.logSum[row]), 1)
		g, h = p, float64(float64(p*(1-p))*friedman(t.outputs))
		if t.labels[row] == float64(k) {
			g--
		}
		return g, h
	}
	return t.p.derivative(score, t.labels[row])
}

// explicitGradients is gradients for explicit ones. curvature gets an entry per row, too, where packing has no hessians.
func (t *target) explicitGradients(k int, draws draws, entries, curvature []uint64) (int, packing, quantum) {
	t.derive(k)
	has := draws.rows.has
	if t.p.bySize() {
		t.sampleBySize(draws)
		has = func(row uint64) bool { return t.took[row] }
	}
	size := func(all []float64) float64 {
		most := t.largest(func(i int) float64 { return math.Abs(all[i]) })
		if most < negligible {
			return 1 // all are as good as 0
		}
		return most
	}
	pack := t.explicitPacking()
	unit := quantum{size(t.g) / float64(pack.gLimit), 1}
	if pack != constantPacking {
		unit.h = size(t.h) / float64(pack.hLimit)
	}
	round := rounder{draws.rounding, 1 / unit.g, 1 / unit.h, float64(pack.gLimit + 1)}
	counts := make([]int, (t.rows+partSize-1)/partSize)
	t.parts(func(start, end int) float64 {
		n := start
		for row := start; row < end; row++ {
			if !has(uint64(row)) {
				continue
			}
			bits := round.chance(row)
			if !pack.constant {
				entries[n] = round.entry(bits, row, t.g[row], t.h[row])
				n++
				continue
			}
			entries[n] = uint64(row)<<32 | uint64(uint32(wideRound(t.g[row]/unit.g, bits>>40)))
			if pack.sums == gradientSums {
				curvature[n] = uint64(row)<<32 | uint64(uint32(wideRound(t.h[row]/unit.h, bits>>8&(1<<24-1))))
			}
			n++
		}
		counts[start/partSize] = n - start
		return 0
	})
	rows := 0
	for part, n := range counts {
		start := part * partSize
		if pack.sums == gradientSums {
			copy(curvature[rows:], curvature[start:start+n])
		}
		rows += copy(entries[rows:], entries[start:start+n])
	}
	return rows, pack, unit
}

// wideRound rounds x, of size 2^31-1 at most, up or down by a draw of 24 bits, so that its expectation is exact.
func wideRound(x float64, draw uint64) int32 {
	const shift, limit = 1 << 32, 1<<31 - 1
	up := float64(float64(int64(draw)) * (1.0 / (1 << 24)))
	return int32(min(max(int64(x+(shift+up))-shift, -limit), limit))
}

// sampleBySize keeps the rows of the largest |gradient * hessian| and, of the others, some, which count for all (Ke et al.
// 2017, algorithm 2).
func (t *target) sampleBySize(draws draws) {
	top, other := t.p.TopShare, t.p.OtherShare
	sizes := make([]float64, t.rows)
	t.parts(func(start, end int) float64 {
		for i := start; i < end; i++ {
			sizes[i] = -math.Abs(float64(t.g[i] * t.h[i]))
		}
		return 0
	})
	limit := -kth(sizes, max(int(math.Ceil(float64(top*float64(t.rows))))-1, 0))
	rest := sampler{draws.rows.draw, other / (1 - top)}
	factor := (1 - top) / other
	t.parts(func(start, end int) float64 {
		for i := start; i < end; i++ {
			t.took[i] = true
			if math.Abs(float64(t.g[i]*t.h[i])) >= limit {
				continue
			}
			t.took[i] = rest.has(uint64(i))
			if t.took[i] {
				t.g[i] *= factor
				t.h[i] *= factor
			} else {
				t.g[i], t.h[i] = 0, 0
			}
		}
		return 0
	})
}
