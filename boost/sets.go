package boost

import (
	"cmp"
	"math"
	"slices"
)

// binSet is a set of the bins of one column.
type binSet [4]uint64

// has is 1 or 0.
func (s *binSet) has(bin uint8) int { return int(s[bin/64] >> (bin % 64) & 1) }

// newBinSets is the set of a feature's bins, column by column. Bins are numbered on through the columns, 256 in each.
func newBinSets(bins []uint16, columns int) []binSet {
	sets := make([]binSet, columns)
	for _, bin := range bins {
		sets[bin/256][bin%256/64] |= 1 << (bin % 64)
	}
	return sets
}

// inSet is 1 for a row whose bin in one of the columns is in the set, 0 else.
func (t *table) inSet(c *candidate, row uint32) int {
	in := 0
	for i := range c.set {
		in |= c.set[i].has(t.columns[c.column+i][row])
	}
	return in
}

// step is 0 for a row that goes left and 1 for one that goes right.
func (t *table) step(c *candidate, row uint32) int {
	if c.set != nil {
		return 1 - t.inSet(c, row)
	}
	return c.cutStep(t.columns[c.column][row])
}

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

// searchSets is search for the columns of a feature with categories: what is in bin 0 of all goes right.
func (r *rules) searchSets(cells []cell, column int, total cell, best candidate) candidate {
	order := make([]uint16, 0, len(cells))
	few := len(cells)-1 <= fewCategories
	for bin := range cells {
		if n := cells[bin].n; bin%256 > 0 && n > 0 && (few || n >= r.category.least) {
			order = append(order, uint16(bin))
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
	keys := make([]float64, len(cells))
	for _, bin := range order {
		keys[bin] = float64(cells[bin].g) / max(float64(cells[bin].h)+r.category.smooth, 1e-280)
	}
	slices.SortFunc(order, func(a, b uint16) int {
		if x, y := keys[a], keys[b]; x != y {
			return cmp.Compare(x, y)
		}
		return int(a) - int(b)
	})
	sorted := *r
	sorted.l2 += r.category.l2
	sorted.category.sorted = true
	most := min(r.category.most, (len(order)+1)/2)
	best = sorted.grow(cells, order[:most], column, total, best)
	slices.Reverse(order)
	return sorted.grow(cells, order[:most], column, total, best)
}

// grow tries the first bins of order on the left, one more at a time.
func (r *rules) grow(cells []cell, order []uint16, column int, total cell, best candidate) candidate {
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
		best.set = newBinSets(order[:length], (len(cells)+255)/256)
	}
	return best
}
