package boost

import (
	"math"
	"slices"
)

// A plan answers 64 rows at once with one bit for each row in a word. Each cut of the model gets a word that says which rows
// are above it; a tree then is a few logical operations a split, from the root down, which say of every node which rows come
// to it. So a tree costs the same operations whatever way the rows go, and no step waits for another. The number of each row's
// leaf falls out bit by bit, and the leaves' values are added in tree order: the bits are those of a walk. A set of categories
// has a word too, of the rows that are not in it. Trees with too many leaves or too large sets are walked.
type plan struct {
	columns []planColumn
	masks   int // cuts of all columns
	coded   []codedColumn
	trees   []planTree
	splits  []planSplit
	// gaps are the splits for rows among which some values are missing: where missing goes left, they ask the masks behind
	// those of all columns, which do not count it as above.
	gaps   []planSplit
	values []float64
	walks  bool // some trees are walked
}

// planTree is one of three kinds. Up to 8 levels deep, a leaf's number is its path, a bit for each level, and its value
// stands wherever a path through it may end. Deeper trees count their leaves from left to right. Others are walked.
type planTree struct {
	kind   planKind
	splits int                // where its own begin
	end    int                // of its splits
	values int                // where its own begin
	planes int                // bits of a leaf's number
	level  [maxPath + 1]uint8 // of a shallow tree: how many splits are above the level
}

type planKind uint8

const (
	walkedTree planKind = iota
	shallowTree
	deepTree
)

// planSplit sends the rows of a node above a cut to right and the others to left. Places are slots of workspace.reach.
type planSplit struct {
	mask              uint32
	node, left, right uint8
}

const (
	maxPath      = 8
	maxDeep      = 128     // leaves of a deep tree: with its splits they have 255 slots
	maxPlanMasks = 1 << 16 // 512 KiB: more would not stay in a processor's second cache
	maxPlanCode  = 1 << 12
	maxPlanCodes = 128 // of a set: each costs an operation for 64 rows, whether they come to its split or not
	noSlot       = 255 // where words go that nobody asks for
)

// newPlan returns nil if there is nothing to gain.
func newPlan(m *Model) *plan {
	if len(m.sets.starts) > maxPlanMasks { // before anything is collected: a model may come from a stranger
		return nil
	}
	p := &plan{}
	kinds := make([]planKind, len(m.roots))
	for tree, root := range m.roots {
		kinds[tree] = m.planKind(root, m.end(tree))
		p.walks = p.walks || kinds[tree] == walkedTree
	}
	masks := p.collect(m, kinds)
	if len(p.columns)+len(p.coded) == 0 || p.masks+len(m.sets.starts) > maxPlanMasks {
		return nil
	}
	for tree, root := range m.roots {
		t := planTree{kind: kinds[tree], splits: len(p.splits), values: len(p.values)}
		switch t.kind {
		case shallowTree:
			p.addShallow(m, &t, root, masks)
		case deepTree:
			p.addDeep(m, &t, root, m.end(tree), masks)
		}
		t.end = len(p.splits)
		p.trees = append(p.trees, t)
	}
	p.values = append(p.values, make([]float64, 256)...) // a leaf's number is a byte: no check can fail
	return p
}

// planKind tells how a tree is planned.
func (m *Model) planKind(root, end uint32) planKind {
	for _, n := range m.nodes[root:end] {
		if n.kind >= asksSet {
			if words := m.sets.set(n.cut); 64*words[len(words)-1].at >= maxPlanCode || len(m.sets.codes(n.cut)) > maxPlanCodes {
				return walkedTree
			}
		}
	}
	switch {
	case m.depth(root, end) <= maxPath:
		return shallowTree
	case end-root <= 2*maxDeep-1:
		return deepTree
	}
	return walkedTree
}

// collect finds the columns and their cuts, and returns the masks by feature and key.
func (p *plan) collect(m *Model, kinds []planKind) []map[uint32]uint32 {
	masks := make([]map[uint32]uint32, len(m.features))
	coded := map[uint32]int{} // of a feature, its place in p.coded
	for tree, root := range m.roots {
		for at := root; at < m.end(tree) && kinds[tree] != walkedTree; at++ {
			n := &m.nodes[at]
			if n.child == at {
				continue
			}
			if n.kind >= asksSet {
				p.addSet(m, n, coded)
				continue
			}
			if masks[n.feature] == nil {
				masks[n.feature] = map[uint32]uint32{}
			}
			masks[n.feature][n.cut-n.kind] = 0
		}
	}
	for feature, of := range masks {
		if of == nil {
			continue
		}
		keys := make([]uint32, 0, len(of))
		for key := range of {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for i, key := range keys {
			of[key] = uint32(p.masks + i)
		}
		p.columns = append(p.columns, newPlanColumn(feature, keys, p.masks))
		p.masks += len(keys)
	}
	return masks
}

// addSet adds the set of a split to its feature's.
func (p *plan) addSet(m *Model, n *node, coded map[uint32]int) {
	i, known := coded[n.feature]
	if !known {
		i = len(p.coded)
		coded[n.feature] = i
		p.coded = append(p.coded, codedColumn{feature: int(n.feature)})
	}
	c, set := &p.coded[i], planSet{number: n.cut, first: len(p.coded[i].codes), missingLeft: n.kind&missingLeft != 0}
	for _, code := range m.sets.codes(n.cut) {
		c.codes = append(c.codes, uint16(code))
		c.most = max(c.most, int(code)+1)
	}
	set.end = len(c.codes)
	c.sets = append(c.sets, set)
}

// addSplit adds a split of n, whose rows have a slot, to two slots.
func (p *plan) addSplit(n *node, masks []map[uint32]uint32, slot, left, right uint8) {
	s := planSplit{node: slot, left: left, right: right}
	if n.kind >= asksSet {
		s.mask = uint32(2*p.masks) + n.cut
		p.splits, p.gaps = append(p.splits, s), append(p.gaps, s)
		return
	}
	s.mask = masks[n.feature][n.cut-n.kind]
	p.splits = append(p.splits, s)
	if n.kind == missingLeft {
		s.mask += uint32(p.masks)
	}
	p.gaps = append(p.gaps, s)
}

// addShallow adds a tree level by level. What comes to the right at a level is that bit of the leaf's number.
func (p *plan) addShallow(m *Model, t *planTree, root uint32, masks []map[uint32]uint32) {
	type place struct {
		at   uint32
		slot uint8
	}
	level := []place{{at: root}}
	slots := uint8(1) // at most 255 splits
	for {
		var next []place
		for _, at := range level {
			n := &m.nodes[at.at]
			if n.child == at.at {
				continue
			}
			children := [2]uint8{noSlot, noSlot}
			for side := range children {
				child := place{at: n.child + uint32(side)}
				if m.nodes[child.at].child != child.at {
					child.slot, children[side] = slots, slots
					slots++
				}
				next = append(next, child)
			}
			p.addSplit(n, masks, at.slot, children[0], children[1])
		}
		if len(next) == 0 {
			break
		}
		t.planes++
		t.level[t.planes] = uint8(len(p.splits) - t.splits)
		level = next
	}
	p.values = append(p.values, make([]float64, 1<<t.planes)...)
	p.fill(m, root, p.values[t.values:], 1)
}

// fill puts the value of every leaf below at to the paths that begin as its own: those that are its path in the lowest
// bits. values are those of at's path so far, step apart.
func (p *plan) fill(m *Model, at uint32, values []float64, step int) {
	child := m.nodes[at].child
	if child == at {
		for i := 0; i < len(values); i += step {
			values[i] = m.values[at]
		}
		return
	}
	p.fill(m, child, values, 2*step)
	p.fill(m, child+1, values[step:], 2*step)
}

// addDeep adds a tree whose leaves have the slots 0, 1, ... and whose splits have those above.
func (p *plan) addDeep(m *Model, t *planTree, root, end uint32, masks []map[uint32]uint32) {
	slots := make([]uint8, end-root)
	leaves, splits := 0, int(end-root+1)/2
	for at := root; at < end; at++ {
		if m.nodes[at].child == at {
			slots[at-root] = uint8(leaves)
			leaves++
			p.values = append(p.values, m.values[at])
		} else {
			slots[at-root] = uint8(splits)
			splits++
		}
	}
	for at := root; at < end; at++ {
		if n := &m.nodes[at]; n.child != at {
			child := n.child - root
			p.addSplit(n, masks, slots[at-root], slots[child], slots[child+1])
		}
	}
	for 1<<t.planes < leaves {
		t.planes++
	}
}

// codedColumn is a feature with the sets that the trees ask.
type codedColumn struct {
	feature int
	most    int // codes from here on are in no set
	codes   []uint16
	sets    []planSet
}

// planSet is the set of a split: some of its column's codes.
type planSet struct {
	number      uint32 // in Model.sets
	first, end  int
	missingLeft bool
}

// planColumn is a feature with the cuts that the trees ask. How many of them are below a value is found in two steps: the
// value's cell in an even grid between the first and the last cut, then the cuts of that cell. Cuts and values are brought to
// the grid by the same rounded operations, which keep order: no cut of another cell can be on the wrong side.
type planColumn struct {
	feature int
	first   int      // its first mask
	cuts    int      // how many
	bounds  []uint64 // keys of the cuts, ascending, then as many largest ones as a search may reach
	steps   int      // 1<<steps - 1 cuts at most are in one cell

	low, high float32  // first and last cut
	scale     float32  // cells per 1
	below     []uint16 // of each cell, the cuts in the cells before; one cell if there are few cuts
}

const fewCuts = 8 // are searched without a grid

func newPlanColumn(feature int, keys []uint32, first int) planColumn {
	c := planColumn{feature: feature, first: first, cuts: len(keys)}
	c.low, c.high = keyedFloat(keys[0]), keyedFloat(keys[len(keys)-1])
	cells := 1
	for cells < 4*len(keys) && cells < 1<<12 && len(keys) >= fewCuts {
		cells *= 2
	}
	c.scale = float32(cells-1) / (c.high - c.low)
	if !(c.scale > 0 && c.scale <= math.MaxFloat32) { // also where the range is beyond float32
		c.low, c.high, c.scale, cells = 0, 0, 0, 1
	}
	c.below = make([]uint16, cells)
	inCell := make([]int, cells)
	for _, key := range keys {
		c.bounds = append(c.bounds, uint64(key))
		inCell[c.cell(keyedFloat(key))]++
	}
	sum, most := 0, 0
	for i, n := range inCell {
		c.below[i] = uint16(min(sum, math.MaxUint16))
		sum += n
		most = max(most, n)
	}
	for 1<<c.steps <= most {
		c.steps++
	}
	c.bounds = append(c.bounds, slices.Repeat([]uint64{missingKey}, 1<<c.steps)...)
	return c
}

// cell is the place of a value in the grid; 0 for missing.
func (c *planColumn) cell(x float32) uint {
	if x > c.high {
		x = c.high
	}
	if x < c.low {
		x = c.low
	}
	at := int32(float32(x-c.low) * c.scale)
	return uint(at &^ (at >> 31))
}
