package boost

import (
	"cmp"
	"math"
	"slices"
)

// binSet is a set of bins.
type binSet [4]uint64

func newBinSet(bins []uint8) *binSet {
	s := &binSet{}
	for _, bin := range bins {
		s[bin/64] |= 1 << (bin % 64)
	}
	return s
}

// has is 1 or 0.
func (s *binSet) has(bin uint8) int { return int(s[bin/64] >> (bin % 64) & 1) }

// categoryRules are those of splits between categories. Which sets are tried is LightGBM's: the best set of all is a range
// of the categories in the order of G/H (Fisher 1958), and many categories fit noise, hence the limits.
type categoryRules struct {
	smooth float64
	l2     float64 // added to rules.l2 where categories are sorted
	least  int64   // rows of a sorted category; with fewer it stays right
	rows   int64   // a further cut is tried after so many rows
	most   int     // categories on the left
	sorted bool    // the categories at hand are sorted
}

func newCategoryRules(p Params, q quantum) categoryRules {
	return categoryRules{
		smooth: p.CategorySmooth / q.h,
		l2:     p.CategoryL2 / q.h,
		least:  int64(math.Ceil(min(p.CategorySmooth, maxRows))),
		rows:   int64(p.CategoryRows),
		most:   p.CategoryMost,
	}
}

// fewCategories is up to how many of a column each is tried against the rest.
const fewCategories = 4

// searchSets is search for a column of categories: bin 0, which are the rare, the missing and the unseen, goes right.
func (r *rules) searchSets(cells []cell, column int, total cell, best candidate) candidate {
	var space [256]uint8
	order := space[:0]
	few := len(cells)-1 <= fewCategories
	for bin := 1; bin < len(cells); bin++ {
		if n := cells[bin].n; n > 0 && (few || n >= r.category.least) {
			order = append(order, uint8(bin))
		}
	}
	if few {
		single := *r
		single.category.rows = 0
		for i := range order {
			best = single.grow(cells, order[i:i+1], column, total, best)
		}
		return best
	}
	key := func(bin uint8) float64 {
		return float64(cells[bin].g) / max(float64(cells[bin].h)+r.category.smooth, 1e-280)
	}
	slices.SortFunc(order, func(a, b uint8) int { return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a, b)) })
	sorted := *r
	sorted.l2 += r.category.l2
	most := min(r.category.most, (len(order)+1)/2)
	sorted.category.sorted = true
	best = sorted.grow(cells, order[:most], column, total, best)
	slices.Reverse(order)
	return sorted.grow(cells, order[:most], column, total, best)
}

// grow tries the first bins of order on the left, one more at a time.
func (r *rules) grow(cells []cell, order []uint8, column int, total cell, best candidate) candidate {
	var left cell
	more, length := int64(0), 0
	for i, bin := range order {
		left = left.plus(cells[bin])
		more += cells[bin].n
		right := total.minus(left)
		if left.n < r.minRows || left.h < r.minH {
			continue
		}
		if right.n < max(r.minRows, r.category.rows) || right.h < r.minH {
			break
		}
		if more < r.category.rows {
			continue
		}
		more = 0
		over, under := r.pair(left, right)
		if float64(over*best.under) > float64(best.over*under) {
			best = candidate{over: over, under: under, left: left, column: column, sorted: r.category.sorted, found: true}
			length = i + 1
		}
	}
	if length > 0 {
		best.set = newBinSet(order[:length])
	}
	return best
}
