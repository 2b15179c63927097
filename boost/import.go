package boost

import (
	"errors"
	"fmt"
	"math"
)

// ErrUnsupported is what the import of a model wraps that is sound but cannot be answered to the number by a Model; the
// error names what stands against it.
var ErrUnsupported = errors.New("boost: not importable")

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// foreign is a node of a tree to be imported. left and right are the places of its children in the tree, left that of
// values at most cut, or in set; a leaf has none.
type foreign struct {
	leaf        bool
	value       float64
	feature     int
	cut         float32
	set         []uint32 // ascending; nil for a split by number
	missingLeft bool
	left, right int
	cover, gain float64
}

// appendForeign adds the tree whose root is nodes[0], breadth first. Nodes that cannot be reached are left out.
func (m *Model) appendForeign(nodes []foreign) error {
	if len(nodes) == 0 || len(nodes) > math.MaxInt32-len(m.nodes) {
		return fmt.Errorf("a tree of %d nodes", len(nodes))
	}
	root := uint32(len(m.nodes))
	m.roots = append(m.roots, root)
	queue := append(make([]int, 0, len(nodes)), 0)
	seen := make([]bool, len(nodes))
	seen[0] = true
	for at := 0; at < len(queue); at++ {
		n := &nodes[queue[at]]
		if !(n.cover >= 0) || math.IsInf(n.cover, 0) || math.IsNaN(n.gain) || math.IsInf(n.gain, 0) {
			return fmt.Errorf("node %d has cover %v and gain %v", queue[at], n.cover, n.gain)
		}
		m.cover = append(m.cover, math.Abs(n.cover)) // no -0
		if n.leaf {
			if math.IsNaN(n.value) || math.IsInf(n.value, 0) {
				return fmt.Errorf("leaf %d is %v", queue[at], n.value)
			}
			m.appendLeaf(n.value)
			continue
		}
		for _, child := range [2]int{n.left, n.right} {
			if child < 0 || child >= len(nodes) || seen[child] {
				return fmt.Errorf("node %d has child %d of %d, or another has it too", queue[at], child, len(nodes))
			}
			seen[child] = true
		}
		if n.feature < 0 || n.feature >= len(m.features) || n.set == nil && n.cut != n.cut {
			return fmt.Errorf("node %d splits feature %d of %d at %v", queue[at], n.feature, len(m.features), n.cut)
		}
		child := root + uint32(len(queue))
		if n.set != nil {
			m.appendSetSplit(uint32(n.feature), n.missingLeft, n.set, child)
		} else {
			m.appendSplit(uint32(n.feature), n.missingLeft, n.cut, child)
		}
		m.gain[n.feature] += n.gain
		queue = append(queue, n.left, n.right)
	}
	return nil
}

// finishImport checks an imported model as a whole.
func (m *Model) finishImport() error {
	for f, g := range m.gain {
		if math.IsInf(g, 0) {
			return fmt.Errorf("%w: the gains of feature %d add up to %v", ErrFormat, f, g)
		}
	}
	if err := checkFeatures(m.features); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	m.complete()
	return nil
}
