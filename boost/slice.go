package boost

import "math"

// workspace is what one goroutine needs to answer 64 rows by a plan.
type workspace struct {
	m       *Model
	keys    []uint32    // of all values, if some trees are walked
	masks   []uint64    // of the columns, the same with missing below, the sets
	missing []uint64    // of each column of the plan, the rows that lack it
	splits  []planSplit // the plan's, or its gaps
	rowsAt  []uint64    // of a column: rows by number of cuts below them; all 0 between uses
	scores  []float64   // [outputs][64]
	reach   [256]uint64
	planes  [maxPath]uint64
}

func newWorkspace(m *Model) *workspace {
	w := &workspace{m: m, masks: make([]uint64, 2*m.plan.masks+len(m.sets.starts)), missing: make([]uint64, len(m.plan.columns)), scores: make([]float64, batchRows*len(m.base))}
	most := 0
	for _, c := range m.plan.columns {
		most = max(most, c.cuts)
	}
	for _, c := range m.plan.coded {
		most = max(most, c.most)
	}
	w.rowsAt = make([]uint64, most+1)
	if m.plan.walks {
		w.keys = make([]uint32, batchRows*len(m.features))
	}
	return w
}

// predict predicts 64 rows.
func (w *workspace) predict(values []float32, out []float64) {
	m, outputs := w.m, len(w.m.base)
	some := uint64(0)
	for i := range m.plan.columns {
		w.missing[i] = w.compare(&m.plan.columns[i], values)
		some |= w.missing[i]
	}
	w.splits = m.plan.splits
	if some != 0 {
		w.splits = m.plan.gaps
		w.lower()
	}
	for i := range m.plan.coded {
		w.look(&m.plan.coded[i], values)
	}
	for i := range w.keys {
		w.keys[i] = valueKey(values[i])
	}
	for k, b := range m.base {
		for r := range batchRows {
			w.scores[k*batchRows+r] = b
		}
	}
	k := 0
	for tree := range m.plan.trees {
		t, scores := &m.plan.trees[tree], (*[batchRows]float64)(w.scores[k*batchRows:])
		switch t.kind {
		case shallowTree:
			w.descend(t)
			w.add(t, scores)
		case deepTree:
			w.descendDeep(t)
			w.add(t, scores)
		default:
			m.addTree(m.roots[tree], w.keys, len(m.features), scores[:], 1)
		}
		if k++; k == outputs {
			k = 0
		}
	}
	for r := range batchRows {
		row := out[r*outputs : (r+1)*outputs]
		for k := range row {
			row[k] = w.scores[k*batchRows+r]
		}
		m.finish(row)
	}
}

// compare makes the masks of a column: first the rows by how many cuts are below them, then sums from the top. It returns
// the rows that lack it.
func (w *workspace) compare(c *planColumn, values []float32) (missing uint64) {
	width, bounds := len(w.m.features), c.bounds
	rowsAt := w.rowsAt[:c.cuts+1]
	for r := 0; r < batchRows; r += 2 {
		v := values[r*width+c.feature:]
		x, y := v[0], v[width]
		i, j := uint(0), uint(0)
		if c.scale > 0 {
			i, j = uint(c.below[c.cell(x)]), uint(c.below[c.cell(y)])
		}
		kx, ky := searchKey(x), searchKey(y)
		for step := uint(1) << c.steps >> 1; step > 0; step >>= 1 {
			i += step & -uint((bounds[i+step-1]-kx)>>63)
			j += step & -uint((bounds[j+step-1]-ky)>>63)
		}
		rowsAt[i] |= 1 << (r & 63)
		rowsAt[j] |= 2 << (r & 63)
		if x != x || y != y {
			missing |= bit(x)<<r | bit(y)<<(r+1)
		}
	}
	masks := w.masks[c.first : c.first+c.cuts]
	above := missing | rowsAt[len(masks)]
	rowsAt[len(masks)] = 0
	for i := len(masks) - 1; i >= 0; i-- {
		masks[i] = above
		above |= rowsAt[i]
		rowsAt[i] = 0
	}
	return missing
}

// look makes the masks of a column's sets: the rows by code, of which each set takes its own.
func (w *workspace) look(c *codedColumn, values []float32) {
	rowsAt := w.rowsAt[:c.most]
	missing := uint64(0)
	for r := range batchRows {
		x := values[r*len(w.m.features)+c.feature]
		missing |= bit(x) << r
		if x >= 0 && x < float32(c.most) {
			rowsAt[uint(x)] |= 1 << r
		}
	}
	masks := w.masks[2*w.m.plan.masks:]
	for _, s := range c.sets {
		in := uint64(0)
		if s.missingLeft {
			in = missing
		}
		for _, code := range c.codes[s.first:s.end] {
			in |= rowsAt[code]
		}
		masks[s.number] = ^in
	}
	clear(rowsAt)
}

// lower makes the masks that count missing as below.
func (w *workspace) lower() {
	upper, lower := w.masks[:w.m.plan.masks], w.masks[w.m.plan.masks:]
	for i := range w.m.plan.columns {
		c, missing := &w.m.plan.columns[i], w.missing[i]
		for at := c.first; at < c.first+c.cuts; at++ {
			lower[at] = upper[at] &^ missing
		}
	}
}

// searchKey is the key of a value, or anything for missing, without a branch: adding 0 makes 0 of -0.
func searchKey(x float32) uint64 {
	bits := math.Float32bits(x + 0)
	return uint64(bits ^ (uint32(int32(bits)>>31) | 1<<31))
}

// bit is 1 for missing.
func bit(x float32) uint64 {
	if x != x {
		return 1
	}
	return 0
}

// descend brings the rows down a shallow tree, level by level.
func (w *workspace) descend(t *planTree) {
	reach, masks := &w.reach, w.masks
	splits := w.splits[t.splits:t.end]
	reach[0] = math.MaxUint64
	for plane := range t.planes {
		right := uint64(0)
		level := splits[t.level[plane]:t.level[plane+1]]
		if plane == t.planes-1 { // below are leaves alone
			for _, s := range level {
				right |= reach[s.node] & masks[s.mask]
			}
			w.planes[plane] = right
			return
		}
		for _, s := range level {
			rows, above := reach[s.node], masks[s.mask]
			reach[s.left] = rows &^ above
			reach[s.right] = rows & above
			right |= rows & above
		}
		w.planes[plane] = right
	}
}

// descendDeep brings the rows to the leaves of a deep tree, then adds the leaves up pair by pair: those of odd numbers
// are the lowest bit, pairs of odd numbers the next.
func (w *workspace) descendDeep(t *planTree) {
	reach, masks := &w.reach, w.masks
	splits := w.splits[t.splits:t.end]
	reach[splits[0].node] = math.MaxUint64
	for _, s := range splits {
		rows, above := reach[s.node], masks[s.mask]
		reach[s.left] = rows &^ above
		reach[s.right] = rows & above
	}
	leaves := reach[:1<<t.planes]
	clear(leaves[len(splits)+1:])
	for plane := range t.planes {
		odd := uint64(0)
		half := len(leaves) / 2
		for i := range half {
			a, b := leaves[2*i], leaves[2*i+1]
			odd |= b
			leaves[i] = a | b
		}
		w.planes[plane] = odd
		leaves = leaves[:half]
	}
}

// add adds the values of the rows' leaves.
func (w *workspace) add(t *planTree, scores *[batchRows]float64) {
	values := (*[256]float64)(w.m.plan.values[t.values:])
	clear(w.planes[t.planes:])
	numbers := transposed(&w.planes)
	for i, n := range numbers {
		s := scores[i : i+57 : i+57]
		s[0] += values[n&255]
		s[8] += values[n>>8&255]
		s[16] += values[n>>16&255]
		s[24] += values[n>>24&255]
		s[32] += values[n>>32&255]
		s[40] += values[n>>40&255]
		s[48] += values[n>>48&255]
		s[56] += values[n>>56]
	}
}

// transposed makes numbers of planes: byte b of the i-th word is the number of row 8b+i. Each byte of the eight words is a
// matrix of 8 x 8 bits; halves, quarters and single bits change sides in turn (Warren, "Hacker's Delight", 7-3).
func transposed(p *[maxPath]uint64) [8]uint64 {
	const (
		m4 = 0x0f0f0f0f0f0f0f0f
		m2 = 0x3333333333333333
		m1 = 0x5555555555555555
	)
	swap := func(a, b uint64, shift uint, mask uint64) (uint64, uint64) {
		t := (a>>shift ^ b) & mask
		return a ^ t<<shift, b ^ t
	}
	a0, a4 := swap(p[0], p[4], 4, m4)
	a1, a5 := swap(p[1], p[5], 4, m4)
	a2, a6 := swap(p[2], p[6], 4, m4)
	a3, a7 := swap(p[3], p[7], 4, m4)
	a0, a2 = swap(a0, a2, 2, m2)
	a1, a3 = swap(a1, a3, 2, m2)
	a4, a6 = swap(a4, a6, 2, m2)
	a5, a7 = swap(a5, a7, 2, m2)
	a0, a1 = swap(a0, a1, 1, m1)
	a2, a3 = swap(a2, a3, 1, m1)
	a4, a5 = swap(a4, a5, 1, m1)
	a6, a7 = swap(a6, a7, 1, m1)
	return [8]uint64{a0, a1, a2, a3, a4, a5, a6, a7}
}
