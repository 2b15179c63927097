package boost

import (
	"fmt"
	"slices"
	"sync"
)

// Model is a trained ensemble. It is immutable and safe for concurrent use.
type Model struct {
	objective Objective
	parameter float64 // of the objective; 0 where it has none
	features  []string
	base      []float64 // score before the first tree, one per output
	gain      []float64 // sum of gains of the splits on each feature
	roots     []uint32  // of each tree: round 0 output 0, round 0 output 1, ...
	nodes     []node    // all trees, each breadth first
	values    []float64 // of each node, rate included; 0 at splits
	cover     []float64 // of each node, sum of the hessians, or number, of its training rows; nil where unknown
	sets      sets

	levels []uint8 // of each four trees, how deep the deepest is, or more than evenLevels; nil while the model grows

	planOnce sync.Once
	plan     *plan // how PredictBatch goes about it, made when first needed
}

// Objective is what the model was trained for.
func (m *Model) Objective() Objective { return m.objective }

// Features are the names of the columns of a row, in order.
func (m *Model) Features() []string { return slices.Clone(m.features) }

// end is the node after the last one of a tree.
func (m *Model) end(tree int) uint32 {
	if tree+1 < len(m.roots) {
		return m.roots[tree+1]
	}
	return uint32(len(m.nodes))
}

// Parameter is the number that belongs to the objective: the delta of Huber, the level of Quantile, the power of Tweedie;
// 0 for the others.
func (m *Model) Parameter() float64 { return m.parameter }

// Classes is the number of classes: 2 for Binary, 0 where the label is a number.
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

// stackColumns is how many columns Raw keeps keys of without allocating.
const stackColumns = 256

// Raw writes the scores of one row: log-odds, one score per class, the logarithm of the number (Poisson, Tweedie), or the
// number itself.
// It panics if row is not one row of Features or out is shorter than Outputs. It allocates nothing.
func (m *Model) Raw(row []float32, out []float64) {
	if len(row) != len(m.features) {
		panic(fmt.Sprintf("boost: row of %d values for a model of %d features", len(row), len(m.features)))
	}
	out = out[:len(m.base)]
	copy(out, m.base)
	if len(row) > stackColumns {
		m.addWide(row, out)
		return
	}
	var stack [stackColumns]uint32
	keys := stack[:len(row)]
	for i, x := range row {
		keys[i] = valueKey(x)
	}
	output, tree := 0, 0
	add := func(leaf uint32) {
		out[output] += m.values[leaf]
		if output++; output == len(out) {
			output = 0
		}
	}
	nodes := m.nodes
	for _, levels := range m.levels { // four walks at once: their loads wait together
		a, b, c, d := m.roots[tree], m.roots[tree+1], m.roots[tree+2], m.roots[tree+3]
		for range min(levels, evenLevels) { // who has arrived waits in place
			a, b, c, d = nodes[a].next(keys), nodes[b].next(keys), nodes[c].next(keys), nodes[d].next(keys)
		}
		for levels > evenLevels {
			a1, b1, c1, d1 := nodes[a].next(keys), nodes[b].next(keys), nodes[c].next(keys), nodes[d].next(keys)
			if (a^a1)|(b^b1)|(c^c1)|(d^d1) == 0 {
				break
			}
			a, b, c, d = a1, b1, c1, d1
		}
		add(a)
		add(b)
		add(c)
		add(d)
		tree += 4
	}
	for ; tree < len(m.roots); tree++ {
		add(m.leaf(m.roots[tree], keys))
	}
}

// evenLevels is how deep a tree may be for a walk to go its whole depth without looking whether it has arrived. In deeper
// trees most rows arrive long before.
const evenLevels = 8

// complete is called when the last tree stands.
func (m *Model) complete() {
	m.levels = nil
	if m.sets.starts != nil {
		return
	}
	for tree := 0; tree+4 <= len(m.roots); tree += 4 {
		deepest := 0
		for i := range 4 {
			deepest = max(deepest, m.depth(m.roots[tree+i], m.end(tree+i)))
		}
		m.levels = append(m.levels, uint8(min(deepest, evenLevels+1)))
	}
}

// depth is the most splits between the root of a tree and a leaf.
func (m *Model) depth(root, end uint32) int {
	depths, deepest := make([]int, end-root), 0
	for i, n := range m.nodes[root:end] {
		if child := int(n.child - root); child != i {
			depths[child], depths[child+1] = depths[i]+1, depths[i]+1
			deepest = max(deepest, depths[i]+1)
		}
	}
	return deepest
}

// addWide is Raw for rows too wide for the stack: it makes the keys on the way.
func (m *Model) addWide(row []float32, out []float64) {
	for tree, at := range m.roots {
		for {
			next := m.toward(at, valueKey(row[m.nodes[at].feature]))
			if next == at {
				break
			}
			at = next
		}
		out[tree%len(out)] += m.values[at]
	}
}

// Predict writes the probability of class 1, one probability per class, or the expected number. Conditions as for Raw.
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
	case Poisson, Tweedie:
		out[0] = exp(out[0])
	}
}
