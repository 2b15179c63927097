package boost

// Rows that are not in a tree walk it for their answer. Four walk side by side, so that their loads wait together; a leaf is
// its own child, so a row that has arrived stays.

// stop is a node of the tree just grown as a walk needs it.
type stop struct {
	bins       []uint8
	child      uint32 // left; right is the next
	cut, shift uint8  // as in cutStep
}

func (s *stop) next(row int) uint32 {
	n := s.child
	if s.bins[row]-s.shift > s.cut {
		n++
	}
	return n
}

// stops are the nodes of the tree just grown, or nil if one asks a set.
func (g *grower) stops() []stop {
	stops := make([]stop, len(g.tree))
	for i := range g.tree {
		n := &g.tree[i]
		if n.child == 0 {
			stops[i] = stop{bins: g.table.columns[0], child: uint32(i), cut: 255}
			continue
		}
		if n.split.set != nil {
			return nil
		}
		c := &n.split
		stops[i] = stop{g.table.columns[c.column], uint32(n.child), c.bin - c.missingRight, c.missingRight}
	}
	return stops
}

// addUnsampled adds the tree's answer to the rows that took no part in it.
func (g *grower) addUnsampled(scores []float64, took func(row int) bool) {
	if len(g.tree) == 1 {
		for row := range scores {
			if !took(row) {
				scores[row] += g.tree[0].value
			}
		}
		return
	}
	stops := g.stops()
	g.team.share((len(scores)+partSize-1)/partSize, func(_, part int) {
		var rows [4]int
		n := 0
		for row := part * partSize; row < min((part+1)*partSize, len(scores)); row++ {
			if took(row) {
				continue
			}
			if stops == nil {
				scores[row] += g.walk(row)
				continue
			}
			rows[n] = row
			if n++; n == len(rows) {
				g.walkFour(stops, &rows, scores)
				n = 0
			}
		}
		for _, row := range rows[:n] {
			scores[row] += g.walk(row)
		}
	})
}

func (g *grower) walkFour(stops []stop, rows *[4]int, scores []float64) {
	var a, b, c, d uint32
	for {
		a1, b1, c1, d1 := stops[a].next(rows[0]), stops[b].next(rows[1]), stops[c].next(rows[2]), stops[d].next(rows[3])
		if (a^a1)|(b^b1)|(c^c1)|(d^d1) == 0 {
			break
		}
		a, b, c, d = a1, b1, c1, d1
	}
	scores[rows[0]] += g.tree[a].value
	scores[rows[1]] += g.tree[b].value
	scores[rows[2]] += g.tree[c].value
	scores[rows[3]] += g.tree[d].value
}

// walk is the tree's answer for a row of the table.
func (g *grower) walk(row int) float64 {
	n := &g.tree[0]
	for n.child != 0 {
		n = &g.tree[n.child+g.table.step(&n.split, uint32(row))]
	}
	return n.value
}
