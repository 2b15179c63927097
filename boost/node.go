package boost

import "math/bits"

// node is a split or a leaf. The children of a split stand side by side: child, then child+1. A leaf is its own child:
// no key is above its cut, so a walk that has arrived stays, whatever the row holds.
//
// Values are compared as keys, integers of the same order, because then a step needs no branch: where rows go is hard to
// predict, by design. Missing has the largest key, which goes right; where it goes left, 1 is added to the keys of both
// sides, which makes it 0. A split by category asks a set instead; only models that have sets look for them.
type node struct {
	cut     uint32 // key of the cut, plus missingLeft: a value at most that goes to child; or the number of a set
	feature uint32
	child   uint32 // index in Model.nodes
	kind    uint32 // missingLeft, asksSet, both or neither
}

const (
	missingLeft = 1 // missing goes to child
	asksSet     = 2 // a split by category
)

const missingKey = 1<<32 - 1

// valueKey is the key of a value of a row.
func valueKey(x float32) uint32 {
	if x != x {
		return missingKey
	}
	return orderedKey(x)
}

// next is where the walk goes from n for a row of keys, toward for the key of its feature. n asks no set.
func (n *node) next(keys []uint32) uint32 { return n.toward(keys[n.feature]) }

func (n *node) toward(key uint32) uint32 {
	return n.child + uint32((uint64(n.cut)-uint64(key+n.kind))>>63)
}

// cutOf is the cut of a split as a number.
func (n *node) cutOf() float32 { return keyedFloat(n.cut - n.kind) }

// maxCategories bounds the codes of categories: each is a float32 of its own.
const maxCategories = 1 << 24

// sets are the categories that go to child, one set per split by category. A set is a run of words in ascending order,
// those without a code left out, so it takes memory for its own codes and not for the largest.
type sets struct {
	starts []uint32 // of each set in words; it ends where the next begins
	words  []word
}

// word says which of the codes 64 at to 64 at + 63 are in a set.
type word struct {
	at   uint32
	bits uint64
}

// add appends a set of ascending codes.
func (s *sets) add(codes []uint32) {
	s.starts = append(s.starts, uint32(len(s.words)))
	for _, c := range codes {
		if n := len(s.words); n == int(s.starts[len(s.starts)-1]) || s.words[n-1].at != c/64 {
			s.words = append(s.words, word{at: c / 64})
		}
		s.words[len(s.words)-1].bits |= 1 << (c % 64)
	}
}

func (s *sets) set(i uint32) []word {
	if int(i)+1 < len(s.starts) {
		return s.words[s.starts[i]:s.starts[i+1]]
	}
	return s.words[s.starts[i]:]
}

// codes lists a set.
func (s *sets) codes(i uint32) []uint32 {
	var codes []uint32
	for _, w := range s.set(i) {
		for b := w.bits; b != 0; b &= b - 1 {
			codes = append(codes, 64*w.at+uint32(bits.TrailingZeros64(b)))
		}
	}
	return codes
}

// toward is where n, which asks a set, sends a key. The code is the value without its fraction; what is negative or too
// large is in no set.
func (s *sets) toward(n *node, key uint32) uint32 {
	if key == missingKey {
		return n.child + 1 - n.kind&missingLeft
	}
	x := keyedFloat(key)
	if !(x >= 0 && x < maxCategories) {
		return n.child + 1
	}
	code := uint32(x)
	words := s.set(n.cut)
	low, high := 0, len(words) // the first word at or after the code's is among low to high
	for low < high {
		middle := int(uint(low+high) >> 1)
		if words[middle].at < code/64 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(words) || words[low].at != code/64 {
		return n.child + 1
	}
	return n.child + 1 - uint32(words[low].bits>>(code%64)&1)
}

// toward is where node at sends a key, set or cut.
func (m *Model) toward(at, key uint32) uint32 {
	n := &m.nodes[at]
	if n.kind < asksSet {
		return n.toward(key)
	}
	return m.sets.toward(n, key)
}

// leaf walks from a node to the leaf of a row.
func (m *Model) leaf(at uint32, keys []uint32) uint32 {
	for {
		next := m.toward(at, keys[m.nodes[at].feature])
		if next == at {
			return at
		}
		at = next
	}
}

// The append methods write the next node. Those of a tree stand breadth first: the n-th split of a tree (from 0) has its
// nodes 2n+1 and 2n+2 as children.

func (m *Model) appendLeaf(value float64) {
	m.nodes = append(m.nodes, node{cut: missingKey, child: uint32(len(m.nodes))})
	m.values = append(m.values, value)
}

func (m *Model) appendSplit(feature uint32, missingGoesLeft bool, cut float32, child uint32) {
	n := node{cut: orderedKey(cut), feature: feature, child: child}
	if missingGoesLeft {
		n.kind = missingLeft
		n.cut++
	}
	m.nodes = append(m.nodes, n)
	m.values = append(m.values, 0)
}

// appendCategorySplit sends the categories in left, ascending codes below maxCategories, to child; all others, seen in
// training or not, go right, and so does missing.
func (m *Model) appendCategorySplit(feature uint32, left []uint32, child uint32) {
	m.appendSetSplit(feature, false, left, child)
}

// appendSetSplit is appendCategorySplit where missing may go left.
func (m *Model) appendSetSplit(feature uint32, missingGoesLeft bool, left []uint32, child uint32) {
	n := node{cut: uint32(len(m.sets.starts)), feature: feature, child: child, kind: asksSet}
	if missingGoesLeft {
		n.kind |= missingLeft
	}
	m.sets.add(left)
	m.nodes = append(m.nodes, n)
	m.values = append(m.values, 0)
}

// keepTrees drops all trees after the first n.
func (m *Model) keepTrees(n int) {
	if n >= len(m.roots) {
		return
	}
	end := m.roots[n]
	for _, node := range m.nodes[end:] {
		if node.kind >= asksSet { // the first of them: sets stand in the order of their nodes
			m.sets.words = m.sets.words[:m.sets.starts[node.cut]]
			m.sets.starts = m.sets.starts[:node.cut]
			break
		}
	}
	m.nodes, m.values, m.roots = m.nodes[:end], m.values[:end], m.roots[:n]
	if m.cover != nil {
		m.cover = m.cover[:end]
	}
}
