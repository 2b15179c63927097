package boost

import "math"

// candidate is the best split known of a leaf: rows whose bin is at most bin, and missing ones unless missingRight, go left.
// Its score GL²/(HL+L2) + GR²/(HR+L2) is kept as the fraction over/under: comparing needs no division.
type candidate struct {
	over, under  float64
	left         cell
	column       int
	bin          uint8
	missingRight uint8 // 0 or 1
	found        bool
}

func (c *candidate) beats(d *candidate) bool {
	return float64(c.over*d.under) > float64(d.over*c.under)
}

// rules are the limits of a split in the units of the tree's gradients.
type rules struct {
	l2      float64
	minGain float64
	minH    int64
	minRows int64
}

func newRules(p Params, q quantum) rules {
	minH := math.Ceil(p.MinChildWeight / q.h)
	r := rules{
		l2:      p.L2 / q.h,
		minGain: p.MinGain / float64(q.g*q.g) * q.h,
		minH:    math.MaxInt64,
		minRows: int64(max(p.MinRows, 1)),
	}
	if minH < 1<<62 {
		r.minH = max(int64(minH), 1)
	}
	return r
}

// score is G²/(H+L2).
func (r rules) score(c cell) float64 {
	g := float64(c.g)
	return float64(g*g) / (float64(c.h) + r.l2)
}

// maySplit tells whether a leaf could be split at all.
func (r rules) maySplit(c cell) bool { return c.n >= 2*r.minRows && c.h/2 >= r.minH }

// threshold is the candidate that every split must beat: not splitting.
func (r rules) threshold(total cell) candidate {
	return candidate{over: r.score(total) + r.minGain, under: 1}
}

// search returns the best split of one column that beats best, or best. cells are the column's, bin 0 is missing.
func (r rules) search(cells []cell, column int, total cell, best candidate) candidate {
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
func (r rules) scan(cells []cell, column int, total, left cell, missingRight uint8, best candidate) candidate {
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
		gl, gr := float64(left.g), float64(right.g)
		hl, hr := float64(left.h)+r.l2, float64(right.h)+r.l2
		over := float64(float64(gl*gl)*hr) + float64(float64(gr*gr)*hl)
		under := float64(hl * hr)
		if float64(over*best.under) > float64(best.over*under) {
			best = candidate{over, under, left, column, uint8(bin), missingRight, true}
		}
	}
	return best
}
