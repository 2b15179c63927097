package boost

import (
	"errors"
	"fmt"
)

var (
	// ErrNoCover: the model does not know how much of the training rows came by its nodes, so nothing can be said of what
	// it expects without a feature. Files of version 1 have no covers.
	ErrNoCover = errors.New("boost: the model has no covers")
	// ErrTooDeep: a tree has more than 1,024 splits between root and leaf.
	ErrTooDeep = errors.New("boost: a tree is too deep for contributions")
)

const maxExplained = 1 << 10 // splits between root and leaf

// Contributions writes how much each feature moved the scores of one row (those of Raw) away from what the model expects
// of a row it knows nothing about: [outputs][features+1], the last of each output being that expected score. They add up
// to the score but for rounding.
//
// These are the Shapley values of the path-dependent game: without a feature, both ways of its splits are taken in the
// proportion of their covers. Computed by TreeSHAP in leaves x depth² steps a tree (Lundberg, Erion and Lee (2018),
// "Consistent Individualized Feature Attribution for Tree Ensembles", algorithm 2). Panics as Raw does.
func (m *Model) Contributions(row []float32, out []float64) error {
	width := len(m.features) + 1
	if len(row) != len(m.features) || len(out) < width*len(m.base) {
		panic(fmt.Sprintf("boost: row of %d values and room for %d contributions, for %d features and %d outputs",
			len(row), len(out), len(m.features), len(m.base)))
	}
	if m.cover == nil && len(m.nodes) > 0 {
		return ErrNoCover
	}
	out = out[:width*len(m.base)]
	clear(out)
	for k, b := range m.base {
		out[k*width+width-1] = b
	}
	e := explainer{m: m, row: row}
	for tree, root := range m.roots {
		k := tree % len(m.base)
		e.out = out[k*width : (k+1)*width]
		e.out[width-1] += e.expect(root, m.end(tree))
		if err := e.explain(root, 0, nil, known{feature: -1, without: 1, with: 1}); err != nil {
			return err
		}
	}
	return nil
}

// ImportanceByCover is the sum of the covers of each feature's splits, over all trees.
func (m *Model) ImportanceByCover() ([]float64, error) {
	if m.cover == nil && len(m.nodes) > 0 {
		return nil, ErrNoCover
	}
	sums := make([]float64, len(m.features))
	for i, n := range m.nodes {
		if n.child != uint32(i) {
			sums[n.feature] += m.cover[i]
		}
	}
	return sums, nil
}

// shares are how a node's rows divided between its children. Half and half where nothing came by.
func (m *Model) shares(child uint32) (left, right float64) {
	l, r := m.cover[child], m.cover[child+1]
	if l+r == 0 {
		return 0.5, 0.5
	}
	return l / (l + r), r / (l + r)
}

// explainer goes through the trees for one row.
type explainer struct {
	m     *Model
	row   []float32
	out   []float64 // of the tree's output
	means []float64 // of the nodes of the tree
	paths [][]known // of each depth
}

// known is a feature met on the way to a node: the share of rows that get this far when it is not known, and whether this
// row does (1 or 0) when it is. weight of the i-th is the total weight of the orders in which i of the path's features
// come before, times the shares.
type known struct {
	feature       int
	without, with float64
	weight        float64
}

// expect is the mean answer of the tree of nodes root to end: children stand behind their parents.
func (e *explainer) expect(root, end uint32) float64 {
	m := e.m
	e.means = append(e.means[:0], m.values[root:end]...)
	for i := end; i > root; i-- {
		if child := m.nodes[i-1].child; child != i-1 {
			left, right := m.shares(child)
			e.means[i-1-root] = float64(left*e.means[child-root]) + float64(right*e.means[child+1-root])
		}
	}
	return e.means[0]
}

// explain is RECURSE of the paper: at is reached by way, with what was known before.
func (e *explainer) explain(at uint32, depth int, before []known, way known) error {
	if depth > maxExplained {
		return ErrTooDeep
	}
	if depth == len(e.paths) {
		e.paths = append(e.paths, nil)
	}
	path := extend(append(e.paths[depth][:0], before...), way)
	e.paths[depth] = path[:0]
	n := &e.m.nodes[at]
	if n.child == at {
		for i := 1; i < len(path); i++ {
			moved := float64(unwoundSum(path, i) * (path[i].with - path[i].without))
			e.out[path[i].feature] += float64(moved * e.m.values[at])
		}
		return nil
	}
	way = known{feature: int(n.feature), without: 1, with: 1}
	for i := 1; i < len(path); i++ {
		if path[i].feature == way.feature {
			way.without, way.with = path[i].without, path[i].with
			path = unwind(path, i)
			break
		}
	}
	goes := e.m.toward(at, valueKey(e.row[n.feature]))
	left, right := e.m.shares(n.child)
	for i, share := range [2]float64{left, right} {
		child := known{feature: way.feature, without: float64(way.without * share)}
		if goes == n.child+uint32(i) {
			child.with = way.with
		}
		if child.without == 0 && child.with == 0 {
			continue // nobody comes here, whatever is known
		}
		if err := e.explain(n.child+uint32(i), depth+1, path, child); err != nil {
			return err
		}
	}
	return nil
}

// extend adds a feature to a path.
func extend(path []known, way known) []known {
	d := len(path)
	if d == 0 {
		way.weight = 1
	}
	path = append(path, way)
	for i := d - 1; i >= 0; i-- {
		w := path[i].weight / float64(d+1)
		path[i+1].weight += float64(float64(way.with*w) * float64(i+1))
		path[i].weight = float64(float64(way.without*w) * float64(d-i))
	}
	return path
}

// unwind takes the i-th feature out of a path: the inverse of extend.
func unwind(path []known, i int) []known {
	d := len(path) - 1
	gone, next := path[i], path[d].weight
	for j := d - 1; j >= 0; j-- {
		if gone.with != 0 {
			was := path[j].weight
			path[j].weight = float64(next*float64(d+1)) / float64(float64(j+1)*gone.with)
			next = was - float64(float64(path[j].weight*gone.without)*float64(d-j))/float64(d+1)
		} else {
			path[j].weight = float64(path[j].weight*float64(d+1)) / float64(gone.without*float64(d-j))
		}
	}
	for j := i; j < d; j++ { // the weights stay: they belong to places, not to features
		path[j].feature, path[j].without, path[j].with = path[j+1].feature, path[j+1].without, path[j+1].with
	}
	return path[:d]
}

// unwoundSum is the sum of the weights that unwind(path, i) would leave.
func unwoundSum(path []known, i int) float64 {
	d := len(path) - 1
	gone, next, sum := &path[i], path[d].weight, 0.0
	for j := d - 1; j >= 0; j-- {
		if gone.with != 0 {
			w := float64(next*float64(d+1)) / float64(float64(j+1)*gone.with)
			sum += w
			next = path[j].weight - float64(float64(w*gone.without)*float64(d-j))/float64(d+1)
		} else {
			sum += float64(path[j].weight*float64(d+1)) / float64(gone.without*float64(d-j))
		}
	}
	return sum
}
