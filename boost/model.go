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
	together := len(m.roots) // trees without sets
	if m.sets.starts != nil {
		together = 0
	}
	output, tree := 0, 0
	add := func(leaf uint32) {
		out[output] += m.values[leaf]
		if output++; output == len(out) {
			output = 0
		}
	}
	for ; tree+4 <= together; tree += 4 { // four walks at once: their loads wait together
		a, b, c, d := m.roots[tree], m.roots[tree+1], m.roots[tree+2], m.roots[tree+3]
		for {
			a1, b1, c1, d1 := m.nodes[a].next(keys), m.nodes[b].next(keys), m.nodes[c].next(keys), m.nodes[d].next(keys)
			if (a^a1)|(b^b1)|(c^c1)|(d^d1) == 0 {
				break
			}
			a, b, c, d = a1, b1, c1, d1
		}
		add(a)
		add(b)
		add(c)
		add(d)
	}
	for ; tree < len(m.roots); tree++ {
		add(m.leaf(m.roots[tree], keys))
	}
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
	keys := make([]uint32, min(len(values), batchRows*columns))
	for len(out) > 0 {
		rows := min(batchRows, len(out)/outputs)
		keys, scores := keys[:rows*columns], out[:rows*outputs]
		for i, x := range values[:len(keys)] {
			keys[i] = valueKey(x)
		}
		for r := range rows {
			copy(scores[r*outputs:], m.base)
		}
		for tree, root := range m.roots {
			m.addTree(root, keys, columns, scores[tree%outputs:], outputs)
		}
		for r := range rows {
			m.finish(scores[r*outputs : (r+1)*outputs])
		}
		values, out = values[len(keys):], out[rows*outputs:]
	}
}

// addTree adds one tree's answer for every row of keys to scores, which stand stride apart.
func (m *Model) addTree(root uint32, keys []uint32, columns int, scores []float64, stride int) {
	if m.sets.starts != nil {
		for at := 0; len(keys) > 0; keys = keys[columns:] {
			scores[at] += m.values[m.leaf(root, keys[:columns])]
			at += stride
		}
		return
	}
	at := 0
	for ; len(keys) >= 4*columns; keys = keys[4*columns:] {
		ka, kb := keys[:columns], keys[columns:2*columns]
		kc, kd := keys[2*columns:3*columns], keys[3*columns:4*columns]
		a, b, c, d := root, root, root, root
		for {
			a1, b1, c1, d1 := m.nodes[a].next(ka), m.nodes[b].next(kb), m.nodes[c].next(kc), m.nodes[d].next(kd)
			if (a^a1)|(b^b1)|(c^c1)|(d^d1) == 0 {
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
	for ; len(keys) > 0; keys = keys[columns:] {
		scores[at] += m.values[m.leaf(root, keys[:columns])]
		at += stride
	}
}
