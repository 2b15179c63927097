package boost

import (
	"fmt"
	"math"
	"slices"
	"sync"
)

// node is a split or a leaf. The children of a split stand side by side: child, then child+1. A leaf is its own child:
// its cut is +Inf and missing goes left, so a walk that has arrived stays, whatever the row holds.
type node struct {
	cut     float32 // a value <= cut goes to child
	feature uint32  // column number; missingLeft is added where missing goes to child
	child   uint32  // index in Model.nodes
}

const missingLeft = 1 << 31

// Model is a trained ensemble. It is immutable and safe for concurrent use.
type Model struct {
	objective Objective
	features  []string
	base      []float64 // score before the first tree, one per output
	gain      []float64 // sum of gains of the splits on each feature
	roots     []uint32  // of each tree: round 0 output 0, round 0 output 1, ...
	nodes     []node    // all trees, each breadth first
	values    []float64 // of each node, rate included; 0 at splits
}

// Objective is what the model was trained for.
func (m *Model) Objective() Objective { return m.objective }

// Features are the names of the columns of a row, in order.
func (m *Model) Features() []string { return slices.Clone(m.features) }

// Classes is the number of classes: 2 for Binary, 0 for Squared.
func (m *Model) Classes() int {
	switch m.objective {
	case Binary:
		return 2
	case Multiclass:
		return len(m.base)
	}
	return 0
}

// NumTrees counts every tree: Multiclass has Outputs of them in each round.
func (m *Model) NumTrees() int { return len(m.roots) }

// Importance is the sum of the gains of each feature's splits, over all trees.
func (m *Model) Importance() []float64 { return slices.Clone(m.gain) }

// Outputs is how many numbers Raw and Predict write for a row: 1, or one per class for Multiclass.
func (m *Model) Outputs() int { return len(m.base) }

// Raw writes the scores of one row: log-odds, one score per class, or the number itself.
// It panics if row is not one row of Features or out is shorter than Outputs. It allocates nothing.
func (m *Model) Raw(row []float32, out []float64) {
	if len(row) != len(m.features) {
		panic(fmt.Sprintf("boost: row of %d values for a model of %d features", len(row), len(m.features)))
	}
	out = out[:len(m.base)]
	copy(out, m.base)
	output := 0
	tree := 0
	for ; tree+4 <= len(m.roots); tree += 4 { // four walks at once: their loads wait together
		a, b, c, d := m.roots[tree], m.roots[tree+1], m.roots[tree+2], m.roots[tree+3]
		for {
			na, nb, nc, nd := &m.nodes[a], &m.nodes[b], &m.nodes[c], &m.nodes[d]
			a1, b1, c1, d1 := na.next(row), nb.next(row), nc.next(row), nd.next(row)
			if a == a1 && b == b1 && c == c1 && d == d1 {
				break
			}
			a, b, c, d = a1, b1, c1, d1
		}
		for _, leaf := range [4]uint32{a, b, c, d} {
			out[output] += m.values[leaf]
			if output++; output == len(out) {
				output = 0
			}
		}
	}
	for ; tree < len(m.roots); tree++ {
		out[output] += m.values[m.leaf(m.roots[tree], row)]
		if output++; output == len(out) {
			output = 0
		}
	}
}

// Predict writes the probability of class 1, one probability per class, or the number. Conditions as for Raw.
func (m *Model) Predict(row []float32, out []float64) {
	m.Raw(row, out)
	m.finish(out[:len(m.base)])
}

// finish turns the scores of one row into its prediction.
func (m *Model) finish(out []float64) {
	switch m.objective {
	case Binary:
		out[0] = sigmoid(out[0])
	case Multiclass:
		softmax(out)
	}
}

// next is where the walk goes from n.
func (n *node) next(row []float32) uint32 {
	x := row[n.feature&^missingLeft]
	step := uint32(1)
	if x <= n.cut {
		step = 0
	}
	if x != x {
		step = 1 - n.feature>>31
	}
	return n.child + step
}

func (m *Model) leaf(at uint32, row []float32) uint32 {
	for {
		next := m.nodes[at].next(row)
		if next == at {
			return at
		}
		at = next
	}
}

// PredictBatch predicts rows rows of row-major values into out, [rows][Outputs], on up to threads goroutines (0 is 1).
// Each row's numbers are, bit for bit, those of Predict.
func (m *Model) PredictBatch(values []float32, rows int, out []float64, threads int) {
	columns, outputs := len(m.features), len(m.base)
	if rows < 0 || len(values) != rows*columns || len(out) < rows*outputs {
		panic(fmt.Sprintf("boost: %d values and %d outputs for %d rows of %d features", len(values), len(out), rows, columns))
	}
	share := (rows + max(threads, 1) - 1) / max(threads, 1)
	share = max((share+batchRows-1)/batchRows*batchRows, batchRows)
	var group sync.WaitGroup
	for start := share; start < rows; start += share {
		end := min(start+share, rows)
		group.Go(func() { m.predictRows(values[start*columns:end*columns], out[start*outputs:end*outputs]) })
	}
	end := min(share, rows)
	m.predictRows(values[:end*columns], out[:end*outputs])
	group.Wait()
}

const batchRows = 64 // rows that walk one tree before the next tree is fetched

func (m *Model) predictRows(values []float32, out []float64) {
	columns, outputs := len(m.features), len(m.base)
	for len(out) > 0 {
		rows := min(batchRows, len(out)/outputs)
		block, scores := values[:rows*columns], out[:rows*outputs]
		for r := range rows {
			copy(scores[r*outputs:], m.base)
		}
		for tree, root := range m.roots {
			m.addTree(root, block, columns, scores[tree%outputs:], outputs)
		}
		for r := range rows {
			m.finish(scores[r*outputs : (r+1)*outputs])
		}
		values, out = values[rows*columns:], out[rows*outputs:]
	}
}

// addTree adds one tree's answer for every row of values to scores, which stand stride apart.
func (m *Model) addTree(root uint32, values []float32, columns int, scores []float64, stride int) {
	at := 0
	for ; len(values) >= 4*columns; values = values[4*columns:] {
		ra, rb := values[:columns], values[columns:2*columns]
		rc, rd := values[2*columns:3*columns], values[3*columns:4*columns]
		a, b, c, d := root, root, root, root
		for {
			na, nb, nc, nd := &m.nodes[a], &m.nodes[b], &m.nodes[c], &m.nodes[d]
			a1, b1, c1, d1 := na.next(ra), nb.next(rb), nc.next(rc), nd.next(rd)
			if a == a1 && b == b1 && c == c1 && d == d1 {
				break
			}
			a, b, c, d = a1, b1, c1, d1
		}
		scores[at] += m.values[a]
		scores[at+stride] += m.values[b]
		scores[at+2*stride] += m.values[c]
		scores[at+3*stride] += m.values[d]
		at += 4 * stride
	}
	for ; len(values) > 0; values = values[columns:] {
		scores[at] += m.values[m.leaf(root, values[:columns])]
		at += stride
	}
}

// appendLeaf and appendSplit write the next node of the tree that starts at root.
func (m *Model) appendLeaf(value float64) {
	at := uint32(len(m.nodes))
	m.nodes = append(m.nodes, node{cut: float32(math.Inf(1)), feature: missingLeft, child: at})
	m.values = append(m.values, value)
}

func (m *Model) appendSplit(feature uint32, missingGoesLeft bool, cut float32, child uint32) {
	if missingGoesLeft {
		feature |= missingLeft
	}
	m.nodes = append(m.nodes, node{cut: cut, feature: feature, child: child})
	m.values = append(m.values, 0)
}
