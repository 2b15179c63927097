package boost

import (
	"context"
	"math"
)

// quantum is what 1 is worth in the integers of a tree's gradients and hessians.
type quantum struct{ g, h float64 }

// leaf is a node that may still be split.
type leaf struct {
	node    int // in grower.tree
	depth   int
	start   int // its rows are grower.entries[start:end]
	end     int
	total   cell
	best    candidate
	bounds  bounds
	cells   histogram // nil if it is not kept: then both children are built from rows
	retired bool      // has been split
	whole   bool      // has been split, but its rows were left as they were: no child will be split
}

// growing is a node of the tree being grown; the children are child and child+1, 0 for a leaf.
type growing struct {
	split candidate
	gain  float64
	value float64
	cover float64 // sum of hessians
	child int
}

// histogramBytes bounds what the histograms of open leaves may hold; beyond it they are rebuilt when needed.
const histogramBytes = 1 << 30

// grower grows one tree after the other over the same table.
type grower struct {
	p       Params
	table   *table
	team    *crew
	entries []uint64 // the rows in the tree with their gradients, leaf by leaf
	scratch []uint64

	curvature []uint64 // the same rows with their hessians, where these come apart

	packing      packing
	quantum      quantum
	rules        rules
	columns      []bool // may split in this tree
	leaves       []leaf
	tree         []growing
	accumulators []*accumulator
	spare        []histogram // not in use
	kept         int         // histograms held by leaves
	mostKept     int
	found        [][2]candidate // of each column
	draw         uint64         // of the tree's columns
	nodeColumns  [2][]bool      // may split the leaves at hand
}

func newGrower(p Params, t *table, team *crew) *grower {
	g := &grower{
		p: p, table: t, team: team,
		entries: make([]uint64, t.rows), scratch: make([]uint64, t.rows),
		columns:      make([]bool, len(t.source)),
		accumulators: make([]*accumulator, team.size()),
		found:        make([][2]candidate, len(t.source)),
		mostKept:     max(histogramBytes/(24*(t.cells()+1)), 2),
	}
	for i := range g.accumulators {
		g.accumulators[i] = newAccumulator(t)
	}
	return g
}

// cells is the length of a histogram.
func (t *table) cells() int { return t.first[len(t.source)] }

// grow grows a tree from the rows in g.entries[:rows] and leaves it in g.tree and g.leaves.
func (g *grower) grow(ctx context.Context, rows int, p packing, q quantum, draw uint64) error {
	g.packing, g.quantum, g.rules = p, q, newRules(g.p, q)
	g.draw = draw
	begins := func(c int) bool { return g.table.spans[c] > 0 }
	g.sampleColumns(g.columns, begins, g.p.ColumnSample, draw)
	for _, l := range g.leaves {
		g.release(l.cells)
	}
	g.tree = append(g.tree[:0], growing{})
	g.leaves = g.leaves[:0]

	root := leaf{end: rows, bounds: unbounded()}
	root.total = g.sum(rows)
	g.tree[0] = g.node(&root, 0)
	if g.searchable(root) {
		root.cells = g.take()
		g.build(root, root.cells)
		g.searchBoth(&root, nil)
	}
	g.leaves = append(g.leaves, root)
	for open := 1; open < g.p.Leaves; open++ {
		best := g.bestLeaf()
		if best < 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		g.split(best, open+1 < g.p.Leaves)
	}
	return nil
}

// node is the tree's node of a leaf.
func (g *grower) node(l *leaf, more float64) growing {
	return growing{value: g.value(l, more), cover: float64(float64(l.total.h) * g.quantum.h)}
}

// value is the answer of a leaf: the Newton step with more L2, as much of it as the rate keeps.
func (g *grower) value(l *leaf, more float64) float64 {
	r := g.rules
	r.l2 += more
	r.bounds = l.bounds
	if l.total.g == 0 && !r.bounded {
		return 0
	}
	return float64(g.p.Rate*r.answer(l.total)) * (g.quantum.g / g.quantum.h)
}

// sum adds up the gradients of the first rows entries.
func (g *grower) sum(rows int) cell {
	total := cell{n: int64(rows)}
	if g.packing.constant {
		for _, e := range g.entries[:rows] {
			total.g += int64(int32(e))
		}
		total.h = total.n
		if g.packing.sums == gradientSums {
			total.h = 0
			for _, e := range g.curvature[:rows] {
				total.h += int64(int32(e))
			}
		}
		return total
	}
	for _, e := range g.entries[:rows] {
		total.g += int64(int16(e))
		total.h += int64(e >> 16 & 0xffff)
	}
	return total
}

// searchable tells whether a split of l could be allowed.
func (g *grower) searchable(l leaf) bool {
	return len(g.columns) > 0 && g.rules.maySplit(l.total) && (g.p.Depth == 0 || l.depth < g.p.Depth)
}

// bestLeaf is the open leaf to split next: the one that gains most, the oldest of equals, where trees grow by depth
// among those nearest to the root; -1 if none gains.
func (g *grower) bestLeaf() int {
	best, bestGain, bestDepth := -1, math.Inf(-1), math.MaxInt
	for i := range g.leaves {
		l := &g.leaves[i]
		if l.retired || !l.best.found {
			continue
		}
		depth := 0
		if g.p.Growth == DepthWise {
			depth = l.depth
		}
		if gain := g.tree[l.node].gain; depth < bestDepth || depth == bestDepth && gain > bestGain {
			best, bestGain, bestDepth = i, gain, depth
		}
	}
	return best
}

// split splits a leaf: rows first, then the histograms and best splits of its children if more splits are to come.
func (g *grower) split(index int, more bool) {
	parent := &g.leaves[index]
	parent.retired = true
	child := len(g.tree)
	g.tree[parent.node].child = child
	g.tree[parent.node].split = parent.best
	left := leaf{node: child, depth: parent.depth + 1, total: parent.best.left}
	right := leaf{node: child + 1, depth: parent.depth + 1, total: parent.total.minus(parent.best.left)}
	l2 := 0.0
	if parent.best.sorted {
		l2 = g.rules.category.l2
	}
	left.bounds, right.bounds = g.divide(parent, left.total, right.total)
	g.tree = append(g.tree, g.node(&left, l2), g.node(&right, l2))

	searchLeft, searchRight := more && g.searchable(left), more && g.searchable(right)
	if !searchLeft && !searchRight {
		parent.whole = true
		g.release(parent.cells)
		parent.cells = nil
		return
	}
	entries, scratch := g.entries[parent.start:parent.end], g.scratch[parent.start:parent.end]
	middle := parent.start + partition(g.table, parent.best, entries, scratch, g.team)
	if g.packing.sums == gradientSums {
		partition(g.table, parent.best, g.curvature[parent.start:parent.end], scratch, g.team)
	}
	left.start, left.end = parent.start, middle
	right.start, right.end = middle, parent.end
	if cells := parent.cells; cells != nil {
		parent.cells = nil
		g.inherit(cells, &left, &right)
	} else {
		for _, l := range []*leaf{&left, &right} {
			if g.searchable(*l) {
				l.cells = g.take()
				g.build(*l, l.cells)
				g.searchBoth(l, nil)
			}
		}
	}
	g.leaves = append(g.leaves, left, right)
}

// divide hands a leaf's bounds to its children.
func (g *grower) divide(parent *leaf, left, right cell) (bounds, bounds) {
	sign := g.sign(parent.best.column)
	if sign == 0 {
		return parent.bounds, parent.bounds
	}
	r := g.rules
	r.bounds = parent.bounds
	return parent.bounds.divide(sign, r.answer(left), r.answer(right))
}

// sign is the constraint of a column.
func (g *grower) sign(column int) int8 {
	if g.p.Monotone == nil {
		return 0
	}
	return g.p.Monotone[g.table.source[column]]
}

// inherit builds the histogram of the child with fewer rows and gets the other's by subtraction from their parent's.
func (g *grower) inherit(parent histogram, left, right *leaf) {
	small, large := left, right
	if left.total.n > right.total.n {
		small, large = large, small
	}
	small.cells, large.cells = g.take(), parent
	g.build(*small, small.cells)
	for i, c := range small.cells {
		large.cells[i] = large.cells[i].minus(c)
	}
	g.searchBoth(small, large)
}

// build sums the rows of l into h, which is all 0.
func (g *grower) build(l leaf, h histogram) {
	g.buildFrom(g.entries[l.start:l.end], g.packing, h)
	if g.packing.sums == gradientSums {
		g.buildFrom(g.curvature[l.start:l.end], hessianPacking, h)
	}
}

func (g *grower) buildFrom(entries []uint64, p packing, h histogram) {
	if g.team.size() == 1 || len(entries)*len(g.columns) < 1<<16 {
		g.accumulators[0].add(g.table, p, entries, h)
		return
	}
	part := max(p.span(), len(entries)/(8*g.team.size())/p.span()*p.span())
	g.team.share((len(entries)+part-1)/part, func(worker, i int) {
		a := g.accumulators[worker]
		if a.cells == nil {
			a.cells = make(histogram, g.table.cells())
		}
		a.used = true
		a.add(g.table, p, entries[i*part:min((i+1)*part, len(entries))], a.cells)
	})
	for _, a := range g.accumulators {
		if a.used {
			for i, c := range a.cells {
				h[i] = h[i].plus(c)
			}
			clear(a.cells)
			a.used = false
		}
	}
}

// searchBoth finds the best splits of one or two leaves that have their histograms, column by column.
func (g *grower) searchBoth(a, b *leaf) {
	pair := [2]*leaf{a, b}
	var may [2][]bool
	for i, l := range pair {
		if l != nil && g.searchable(*l) {
			may[i] = g.sampleNode(i, l)
		}
	}
	column := func(c int) {
		for i, l := range pair {
			if may[i] != nil && may[i][c] {
				g.found[c][i] = g.search(l, c)
			}
		}
	}
	if len(g.columns) < 64 {
		for c := range g.columns {
			column(c)
		}
	} else {
		g.team.share((len(g.columns)+7)/8, func(_, part int) {
			for c := part * 8; c < min(part*8+8, len(g.columns)); c++ {
				column(c)
			}
		})
	}
	for i, l := range pair {
		if l != nil {
			g.settle(l, i, may[i])
		}
	}
}

// search finds the best split of a leaf by one column.
func (g *grower) search(l *leaf, column int) candidate {
	r := g.rules
	r.bounds = l.bounds
	r.bounds.sign = g.sign(column)
	cells := l.cells[g.table.first[column]:g.table.first[column+g.table.spans[column]]]
	if g.table.codes[column] != nil {
		return r.searchSets(cells, column, l.total, r.threshold(l.total))
	}
	return r.search(cells, column, l.total, r.threshold(l.total))
}

// settle takes the best of the columns' candidates, the first of equals; a leaf that will not split gives its
// histogram back.
func (g *grower) settle(l *leaf, which int, may []bool) {
	if may != nil {
		r := g.rules
		r.bounds = l.bounds
		l.best = r.threshold(l.total)
		for c, may := range may {
			if found := &g.found[c][which]; may && found.found && found.beats(&l.best) {
				l.best = *found
			}
		}
	}
	if !l.best.found || g.kept > g.mostKept {
		g.release(l.cells)
		l.cells = nil
	}
	if l.best.found {
		q := float64(g.quantum.g*g.quantum.g) / g.quantum.h
		r := g.rules
		r.bounds = l.bounds
		g.tree[l.node].gain = float64((l.best.over/l.best.under - r.score(l.total)) * q)
	}
}

// take returns a histogram of zeros.
func (g *grower) take() histogram {
	g.kept++
	if n := len(g.spare); n > 0 {
		h := g.spare[n-1]
		g.spare = g.spare[:n-1]
		clear(h)
		return h
	}
	return make(histogram, g.table.cells())
}

func (g *grower) release(h histogram) {
	if h != nil {
		g.kept--
		g.spare = append(g.spare, h)
	}
}
