package boost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// The format is described in docs/formats/boost-model.md. A number there is a number here.

const (
	formatMagic   = "RONDOBST"
	formatVersion = 2

	headerBytes = len(formatMagic) + 2 + 1 + 1 + 4 + 4 + 4
	nodeBytes   = 1 + 8 // a set comes on top
	wordBytes   = 4 + 8
	sumBytes    = 4

	flagCover = 1

	kindLeaf       = 0
	kindSplitRight = 1 // missing goes right
	kindSplitLeft  = 2 // missing goes left
	kindSetRight   = 3 // by category, missing goes right
	kindSetLeft    = 4
)

// ErrFormat is what every error of Load wraps that blames the bytes.
var ErrFormat = errors.New("boost: not a valid model")

// MarshalBinary writes the model. Equal models give equal bytes.
func (m *Model) MarshalBinary() ([]byte, error) {
	le := binary.LittleEndian
	b := make([]byte, 0, headerBytes+8+32*len(m.features)+8*len(m.base)+4*len(m.roots)+
		nodeBytes*len(m.nodes)+wordBytes*len(m.sets.words)+8*len(m.cover)+sumBytes)
	b = append(b, formatMagic...)
	b = le.AppendUint16(b, formatVersion)
	flags := byte(0)
	if m.cover != nil {
		flags = flagCover
	}
	b = append(b, byte(m.objective), flags)
	b = le.AppendUint32(b, uint32(len(m.features)))
	b = le.AppendUint32(b, uint32(len(m.base)))
	b = le.AppendUint32(b, uint32(len(m.roots)))
	b = le.AppendUint64(b, math.Float64bits(m.parameter))
	for i, name := range m.features {
		b = le.AppendUint32(b, uint32(len(name)))
		b = append(b, name...)
		b = le.AppendUint64(b, math.Float64bits(m.gain[i]))
	}
	for _, x := range m.base {
		b = le.AppendUint64(b, math.Float64bits(x))
	}
	for t, root := range m.roots {
		end := m.end(t)
		b = le.AppendUint32(b, end-root)
		for i := root; i < end; i++ {
			b = m.appendNode(b, i)
		}
		if m.cover != nil {
			for _, c := range m.cover[root:end] {
				b = le.AppendUint64(b, math.Float64bits(c))
			}
		}
	}
	return le.AppendUint32(b, crc32.ChecksumIEEE(b)), nil
}

func (m *Model) appendNode(b []byte, i uint32) []byte {
	le := binary.LittleEndian
	n := m.nodes[i]
	if n.child == i {
		return le.AppendUint64(append(b, kindLeaf), math.Float64bits(m.values[i]))
	}
	kind := kindSplitRight + byte(n.kind) // the numbers of the format are those of the kinds, from 1
	b = le.AppendUint32(append(b, kind), n.feature)
	if n.kind < asksSet {
		return le.AppendUint32(b, math.Float32bits(n.cutOf()))
	}
	words := m.sets.set(n.cut)
	b = le.AppendUint32(b, uint32(len(words)))
	for _, w := range words {
		b = le.AppendUint64(le.AppendUint32(b, w.at), w.bits)
	}
	return b
}

// Load reads what MarshalBinary wrote. The bytes may come from a stranger: memory stays within a small multiple of
// len(b), and the error names the offset at which the bytes stopped making sense.
func Load(b []byte) (*Model, error) {
	if len(b) < headerBytes+sumBytes {
		return nil, fmt.Errorf("%w: %d bytes, a model has at least %d", ErrFormat, len(b), headerBytes+sumBytes)
	}
	body := b[:len(b)-sumBytes]
	r := reader{b: body}
	m := &Model{}
	trees := r.header(m)
	if r.err != nil {
		return nil, r.err
	}
	if sum := binary.LittleEndian.Uint32(b[len(body):]); sum != crc32.ChecksumIEEE(body) {
		return nil, fmt.Errorf("%w: offset %d: checksum differs, the file is damaged or cut short", ErrFormat, len(body))
	}
	r.columns(m)
	for range trees {
		r.tree(m)
	}
	if r.err == nil && len(r.b) != r.at {
		r.fail("%d bytes after the last tree", len(r.b)-r.at)
	}
	if r.err != nil {
		return nil, r.err
	}
	m.complete()
	return m, nil
}

// reader walks over bytes and keeps the first error; after it, every read is 0.
type reader struct {
	b       []byte
	at      int
	err     error
	version uint16
	cover   bool // the file has covers
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: offset %d: %s", ErrFormat, r.at, fmt.Sprintf(format, args...))
	}
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n > len(r.b)-r.at {
		r.fail("%d bytes wanted, %d left", n, len(r.b)-r.at)
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) f64() float64 {
	b := r.bytes(8)
	if b == nil {
		return 0
	}
	x := math.Float64frombits(binary.LittleEndian.Uint64(b))
	if math.IsNaN(x) || math.IsInf(x, 0) {
		r.at -= 8
		r.fail("number is %v", x)
		return 0
	}
	return x
}

// count reads a number of things that each take at least size bytes, so a false one cannot make us allocate.
func (r *reader) count(what string, low, high, size int) int {
	n := int64(r.u32())
	if r.err == nil && (n < int64(low) || n > int64(high) || n*int64(size) > int64(len(r.b)-r.at)) {
		r.at -= 4
		r.fail("%d %s, must be %d to %d and fit into the remaining %d bytes", n, what, low, high, len(r.b)-r.at-4)
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) header(m *Model) (trees int) {
	if string(r.bytes(len(formatMagic))) != formatMagic {
		r.at = 0
		r.fail("does not begin with %s", formatMagic)
		return 0
	}
	r.version = binary.LittleEndian.Uint16(r.bytes(2))
	if r.version < 1 || r.version > formatVersion {
		r.at -= 2
		r.fail("version %d, this program reads versions 1 to %d", r.version, formatVersion)
		return 0
	}
	kind := r.bytes(2)
	m.objective, r.cover = Objective(kind[0]), kind[1] == flagCover
	known, flags := Objective(len(objectiveNames)), byte(flagCover)
	if r.version == 1 {
		known, flags = Squared+1, 0
	}
	if m.objective >= known || kind[1] > flags {
		r.at -= 2
		r.fail("objective %d with flags %d is unknown", kind[0], kind[1])
		return 0
	}
	m.features = make([]string, r.count("features", 1, maxColumns, 4+8))
	low, high := 1, 1
	if m.objective == Multiclass {
		low, high = 2, maxClasses
	}
	m.base = make([]float64, r.count("outputs", low, high, 8))
	trees = r.count("trees", 0, math.MaxInt32, 4+nodeBytes)
	if r.err == nil && trees%len(m.base) != 0 {
		r.at -= 4
		r.fail("%d trees are no whole number of rounds of %d", trees, len(m.base))
	}
	if r.version > 1 {
		m.parameter = r.f64()
		if r.err == nil && !m.objective.takes(m.parameter) {
			r.at -= 8
			r.fail("objective %v with parameter %v", m.objective, m.parameter)
		}
	}
	return trees
}

func (r *reader) columns(m *Model) {
	m.gain = make([]float64, len(m.features))
	for i := range m.features {
		m.features[i] = string(r.bytes(r.count("bytes of a name", 0, math.MaxInt32, 1)))
		m.gain[i] = r.f64()
	}
	for i := range m.base {
		m.base[i] = r.f64()
	}
	if r.err != nil {
		return
	}
	if err := checkFeatures(m.features); err != nil {
		r.fail("%v", err)
	}
}

// tree reads one tree. Nodes stand breadth first, so the children of the splits are the following nodes in order: no
// file can describe a cycle or a node with two parents.
func (r *reader) tree(m *Model) {
	n := uint32(r.count("nodes", 1, math.MaxInt32-len(m.nodes), nodeBytes))
	root := uint32(len(m.nodes))
	m.roots = append(m.roots, root)
	claimed := uint32(1)
	for i := uint32(0); i < n && r.err == nil; i++ {
		if i >= claimed {
			r.fail("node %d has no parent", i)
			return
		}
		kind := r.bytes(1)
		if kind == nil {
			return
		}
		switch {
		case kind[0] == kindLeaf:
			m.appendLeaf(r.f64())
		case kind[0] <= kindSplitLeft:
			r.split(m, kind[0] == kindSplitLeft, root+claimed)
			claimed += 2
		case kind[0] <= kindSetLeft && r.version > 1:
			r.setSplit(m, kind[0] == kindSetLeft, root+claimed)
			claimed += 2
		default:
			r.at--
			r.fail("node kind %d is unknown", kind[0])
		}
	}
	if r.err == nil && claimed != n {
		r.fail("tree of %d nodes lacks %d", n, claimed-n)
	}
	for i := uint32(0); i < n && r.cover && r.err == nil; i++ {
		c := r.f64()
		if c < 0 || math.Signbit(c) {
			r.at -= 8
			r.fail("cover is %v", c)
		}
		m.cover = append(m.cover, c)
	}
}

func (r *reader) split(m *Model, missingGoesLeft bool, child uint32) {
	feature := r.u32()
	bits := r.u32()
	cut := math.Float32frombits(bits)
	if r.err != nil {
		return
	}
	if feature >= uint32(len(m.features)) || cut != cut || bits == 1<<31 {
		r.at -= 8
		r.fail("split of feature %d of %d at %v", feature, len(m.features), cut)
		return
	}
	m.appendSplit(feature, missingGoesLeft, cut, child)
}

// setSplit reads the words of a set straight into the model's.
func (r *reader) setSplit(m *Model, missingGoesLeft bool, child uint32) {
	feature := r.u32()
	if r.err == nil && feature >= uint32(len(m.features)) {
		r.at -= 4
		r.fail("split of feature %d of %d", feature, len(m.features))
	}
	n := r.count("words of a set", 1, maxCategories/64, wordBytes)
	m.appendSetSplit(feature, missingGoesLeft, nil, child)
	next := uint32(0) // the least number the next word may have
	for range n {
		at := r.u32()
		b := r.bytes(8)
		if b == nil {
			return
		}
		bits := binary.LittleEndian.Uint64(b)
		if at < next || at >= maxCategories/64 || bits == 0 {
			r.at -= wordBytes
			r.fail("word %d of a set after word %d, with bits %x", at, int64(next)-1, bits)
			return
		}
		m.sets.words = append(m.sets.words, word{at, bits})
		next = at + 1
	}
}
