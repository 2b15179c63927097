package boost

import "math"

// candidate is the best split known of a leaf: rows whose bin is at most bin, and missing ones unless missingRight, go left.
// Where set is not nil, the rows whose bin it has go left, in this column or one of the next. Its score GL²/(HL+L2) + GR²/(HR+L2) is kept as the fraction
// over/under: comparing needs no division.
type candidate struct {
	over, under  float64
	left         cell
	column       int
	set          []binSet
	bin          uint8
	missingRight uint8 // 0 or 1
	found        bool
	sorted       bool // set was cut from sorted categories: the children have more L2
}

func (c *candidate) beats(d *candidate) bool {
	return float64(c.over*d.under) > float64(d.over*c.under)
}

// cutStep is 0 for a bin that a cut sends left and 1 for one that goes right, without a branch: where missing goes right, 1
// is subtracted from both sides, as uint8, which turns bin 0, missing, into 255, above every cut.
func (c *candidate) cutStep(bin uint8) int {
	return int((uint64(c.bin-c.missingRight) - uint64(bin-c.missingRight)) >> 63)
}

// rules are the limits of a split in the units of the tree's gradients.
type rules struct {
	l1, l2   float64
	minGain  float64
	minH     int64
	minRows  int64
	bounded  bool // some feature is monotone: bounds is looked at
	bounds   bounds
	category categoryRules
}

func newRules(p Params, q quantum) rules {
	minH := math.Ceil(p.MinChildWeight / q.h)
	r := rules{
		l1:       p.L1 / q.g,
		l2:       p.L2 / q.h,
		minGain:  p.MinGain / float64(q.g*q.g) * q.h,
		minH:     math.MaxInt64,
		minRows:  int64(max(p.MinRows, 1)),
		bounded:  p.monotone(),
		category: newCategoryRules(p, q),
	}
	if minH < 1<<62 {
		r.minH = max(int64(minH), 1)
	}
	return r
}

// soft is T: g moved by l1 towards 0, and g itself without l1.
func (r *rules) soft(g float64) float64 {
	switch {
	case g > r.l1:
		return g - r.l1
	case g < -r.l1:
		return g + r.l1
	}
	return 0
}

// score is T(G)²/(H+L2), or what is left of it where a bound cuts the answer.
func (r *rules) score(c cell) float64 {
	if r.bounded {
		return r.worth(c, r.answer(c))
	}
	g := r.soft(float64(c.g))
	return float64(g*g) / (float64(c.h) + r.l2)
}

// maySplit tells whether a leaf could be split at all.
func (r *rules) maySplit(c cell) bool { return c.n >= 2*r.minRows && c.h/2 >= r.minH }

// threshold is the candidate that every split must beat: not splitting.
func (r *rules) threshold(total cell) candidate {
	return candidate{over: r.score(total) + r.minGain, under: 1}
}

// boundedPair is the score of both sides of a split where some feature is monotone; -Inf where the split is forbidden.
func (r *rules) boundedPair(left, right cell) float64 {
	a, b := r.answer(left), r.answer(right)
	if r.bounds.sign > 0 && a > b || r.bounds.sign < 0 && a < b {
		return math.Inf(-1)
	}
	return r.worth(left, a) + r.worth(right, b)
}

// pair is the score of both sides of a split, as a fraction.
func (r *rules) pair(left, right cell) (over, under float64) {
	if r.bounded {
		return r.boundedPair(left, right), 1
	}
	gl, gr := r.soft(float64(left.g)), r.soft(float64(right.g))
	hl, hr := float64(left.h)+r.l2, float64(right.h)+r.l2
	return float64(float64(gl*gl)*hr) + float64(float64(gr*gr)*hl), float64(hl * hr)
}

// search returns the best split of one column of numbers that beats best, or best. cells are the column's, bin 0 is
// missing.
func (r *rules) search(cells []cell, column int, total cell, best candidate) candidate {
	missing := cells[0]
	best = r.scan(cells, column, total, cell{}, 1, best)
	if missing.n > 0 {
		return r.scan(cells, column, total, missing, 0, best)
	}
	if best.found && best.column == column {
		best.missingRight = 1
		if best.left.n > total.n-best.left.n {
			best.missingRight = 0
		}
	}
	return best
}

// scan walks over the cuts from low to high; left begins as the missing rows, or empty and missing goes right. Then the
// last bin is a split too: values against missing.
func (r *rules) scan(cells []cell, column int, total, left cell, missingRight uint8, best candidate) candidate {
	plain := !r.bounded && r.l1 == 0
	for bin := 1; bin < len(cells); bin++ {
		if cells[bin].n == 0 {
			continue
		}
		left = left.plus(cells[bin])
		right := total.minus(left)
		if left.n < r.minRows || left.h < r.minH {
			continue
		}
		if right.n < r.minRows || right.h < r.minH {
			break
		}
		var over, under float64
		if plain { // pair, without a call: half of what a bin costs
			gl, gr := float64(left.g), float64(right.g)
			hl, hr := float64(left.h)+r.l2, float64(right.h)+r.l2
			over = float64(float64(gl*gl)*hr) + float64(float64(gr*gr)*hl)
			under = float64(hl * hr)
		} else {
			over, under = r.pair(left, right)
		}
		if float64(over*best.under) > float64(best.over*under) {
			best = candidate{
				over: over, under: under, left: left, column: column, bin: uint8(bin), missingRight: missingRight, found: true,
			}
		}
	}
	return best
}
