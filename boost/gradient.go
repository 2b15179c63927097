package boost

// sampler draws which rows take part in a round.
type sampler struct {
	draw  uint64
	share float64 // the chance of a row
}

func (s sampler) has(row uint64) bool {
	return int64(mix(s.draw+row*golden)>>11) < int64(float64(s.share*(1<<53)))
}

// draws are the chance of one tree.
type draws struct {
	rows     sampler
	rounding uint64
}

// gradients writes one entry per row that takes part: row, rounded gradient and hessian of output k. It returns the
// entries written, how they are packed and what their units are worth. scratch is as long as entries.
func (t *target) gradients(k int, draws draws, entries, scratch []uint64) (int, packing, quantum) {
	sample := draws.rows
	fill, pack, unit := t.filler(k, draws.rounding)
	if sample.share >= 1 {
		t.parts(func(start, end int) float64 {
			fill(start, entries[start:end])
			return 0
		})
		return t.rows, pack, unit
	}
	counts := make([]int, (t.rows+partSize-1)/partSize)
	t.parts(func(start, end int) float64 {
		part := scratch[start:end]
		fill(start, part)
		n := 0
		for _, e := range part {
			if sample.has(e >> 32) {
				part[n] = e
				n++
			}
		}
		counts[start/partSize] = n
		return 0
	})
	rows := 0
	for part, n := range counts {
		rows += copy(entries[rows:], scratch[part*partSize:part*partSize+n])
	}
	return rows, pack, unit
}

// filler returns the function that writes the entries of the rows from start, and their packing and units.
func (t *target) filler(k int, draw uint64) (func(start int, out []uint64), packing, quantum) {
	if t.p.Objective == Squared && t.weights == nil {
		return t.squaredFiller()
	}
	gMost, hMost := 1.0, 0.25
	switch t.p.Objective {
	case Squared:
		gMost, hMost = t.largestGradient(), 1
	case Multiclass:
		hMost = 0.25 * friedman(t.outputs)
	}
	pack := plainPacking
	if t.weights != nil {
		pack = weightedPacking
		w := t.largestWeight()
		hMost *= w
		if t.p.Objective != Squared {
			gMost *= w
		}
	}
	if gMost < negligible {
		gMost = 1 // all gradients are as good as 0
	}
	unit := quantum{gMost / float64(pack.gLimit), hMost / float64(pack.hLimit)}
	return t.roundingFiller(k, draw, pack, unit), pack, unit
}

// negligible is what counts as no residual: its square must not vanish in float64.
const negligible = 1e-100

// friedman is the factor of the multiclass hessians p(1-p): K/(K-1).
func friedman(classes int) float64 { return float64(classes) / float64(classes-1) }

// rounder rounds gradients and hessians up or down at random, so that their expectation is exact, and packs them into an
// entry. A gradient at its limit may end one below -gLimit by a rounding of the last bit; packing has room for it.
type rounder struct {
	draw       uint64
	perG, perH float64
	shift      float64 // makes the gradient positive, where truncation rounds down
}

// chance is what the rounding of a row is drawn from. It is apart from entry, so that both are inlined.
func (r *rounder) chance(row int) uint64 { return mix(r.draw + uint64(row)*golden) }

func (r *rounder) entry(bits uint64, row int, g, h float64) uint64 {
	gUp := float64(float64(int64(bits>>40)) * (1.0 / (1 << 24)))
	hUp := float64(float64(int64(bits>>8&(1<<24-1))) * (1.0 / (1 << 24)))
	gq := int64(float64(g*r.perG)+(r.shift+gUp)) - int64(r.shift)
	hq := int64(float64(h*r.perH) + hUp)
	return uint64(row)<<32 | uint64(hq)<<16 | uint64(uint16(gq))
}

func (t *target) roundingFiller(k int, draw uint64, pack packing, unit quantum) func(start int, out []uint64) {
	r := rounder{draw, 1 / unit.g, 1 / unit.h, float64(pack.gLimit + 1)}
	scores := t.scores[k*t.rows : (k+1)*t.rows]
	switch t.p.Objective {
	case Binary:
		return func(start int, out []uint64) { t.fillBinary(r, scores, start, out) }
	case Multiclass:
		return func(start int, out []uint64) { t.fillClass(r, k, scores, start, out) }
	}
	return func(start int, out []uint64) {
		for i := range out {
			row := start + i
			w := t.weights[row]
			out[i] = r.entry(r.chance(row), row, float64((scores[row]-t.labels[row])*w), w)
		}
	}
}

func (t *target) fillBinary(r rounder, scores []float64, start int, out []uint64) {
	scores, labels := scores[start:start+len(out)], t.labels[start:start+len(out)]
	if t.weights == nil {
		for i := range out {
			p := t.curve.probability(scores[i])
			out[i] = r.entry(r.chance(start+i), start+i, p-labels[i], float64(p*(1-p)))
		}
		return
	}
	for i, w := range t.weights[start : start+len(out)] {
		p := t.curve.probability(scores[i])
		out[i] = r.entry(r.chance(start+i), start+i, float64((p-labels[i])*w), float64(float64(p*(1-p))*w))
	}
}

func (t *target) fillClass(r rounder, k int, scores []float64, start int, out []uint64) {
	factor := friedman(t.outputs)
	for i := range out {
		row := start + i
		p := min(exp(scores[row]-t.logSum[row]), 1)
		g, h := p, float64(float64(p*(1-p))*factor)
		if t.labels[row] == float64(k) {
			g--
		}
		if t.weights != nil {
			g *= t.weights[row]
			h *= t.weights[row]
		}
		out[i] = r.entry(r.chance(row), row, g, h)
	}
}

// squaredFiller rounds residuals to 31 bits of the largest, to nearest: fine enough to need no chance.
func (t *target) squaredFiller() (func(start int, out []uint64), packing, quantum) {
	most := t.largestGradient()
	if most < negligible {
		return func(start int, out []uint64) {
			for i := range out {
				out[i] = uint64(start+i) << 32
			}
		}, constantPacking, quantum{1, 1}
	}
	limit := constantPacking.gLimit
	unit := quantum{most / float64(limit), 1}
	const shift = 1 << 32
	return func(start int, out []uint64) {
		for i := range out {
			row := start + i
			r := float64((t.scores[row] - t.labels[row]) / most * float64(limit))
			q := min(max(int64(r+(shift+0.5))-shift, -limit), limit)
			out[i] = uint64(row)<<32 | uint64(uint32(q))
		}
	}, constantPacking, unit
}

// largestGradient is the largest size of a gradient of Squared.
func (t *target) largestGradient() float64 {
	return t.largest(func(i int) float64 {
		r := t.scores[i] - t.labels[i]
		if r < 0 {
			r = -r
		}
		if t.weights != nil {
			r *= t.weights[i]
		}
		return float64(r)
	})
}

func (t *target) largestWeight() float64 {
	return t.largest(func(i int) float64 { return t.weights[i] })
}

func (t *target) largest(of func(i int) float64) float64 {
	tops := make([]float64, (t.rows+partSize-1)/partSize)
	t.parts(func(start, end int) float64 {
		top := 0.0
		for i := start; i < end; i++ {
			if x := of(i); x > top {
				top = x
			}
		}
		tops[start/partSize] = top
		return 0
	})
	top := 0.0
	for _, x := range tops {
		top = max(top, x)
	}
	return top
}
