package boost

// cell is what a histogram knows of the rows of one bin: the sums of gradients and hessians in the units of the tree's
// gradients, and the rows. Integers: sums in any order, and differences, are exact.
type cell struct{ g, h, n int64 }

func (c cell) plus(d cell) cell  { return cell{c.g + d.g, c.h + d.h, c.n + d.n} }
func (c cell) minus(d cell) cell { return cell{c.g - d.g, c.h - d.h, c.n - d.n} }

// histogram holds the cells of all columns; column c's are those from table.first[c].
type histogram []cell

// packing says how a gradient travels. An entry is row<<32 | payload, so the gradient moves with its row. Unpacked, one
// uint64 carries gradient, hessian and the row's 1 side by side, and one addition sums all three:
//
//	g<<gShift + h<<hShift + 1
//
// The fields would run over after span rows; before that the packed sums spill into cells. Bounds of the fields:
// span is 1<<(hShift-1) rows, so counts stay below 1<<hShift; hessians below 1<<(gShift-hShift) / span; the rest is the gradient.
type packing struct {
	sums     sums
	constant bool // hessians are all 1: the payload is the gradient alone, as int32; else hessian and gradient, 16 bits each
	gShift   uint
	hShift   uint
	gLimit   int64 // largest size of a rounded gradient
	hLimit   int64
}

var (
	// constantPacking: 8,192 rows, 14 bits of rows and 50 of gradient: 50 >= 1+31+13.
	constantPacking = packing{constant: true, gShift: 14, hShift: 14, gLimit: 1<<31 - 1}
	// plainPacking: 8,192 rows, 14 bits of rows, 25 of hessian (12+13), 25 of gradient (1+11+13).
	plainPacking = packing{gShift: 39, hShift: 14, gLimit: 1<<11 - 1, hLimit: 1<<12 - 1}
	// weightedPacking has finer steps, since weights may span decades: 2,048 rows, 12 + 25 (14+11) + 27 (1+15+11) bits.
	weightedPacking = packing{gShift: 37, hShift: 12, gLimit: 1<<15 - 1, hLimit: 1<<14 - 1}
)

// sums says which sums a packing carries.
type sums uint8

const (
	allSums      sums = iota
	gradientSums      // and rows; the hessians come apart
	hessianSums
)

var (
	// widePacking and hessianPacking are constantPacking for gradients and for hessians of 31 bits that vary.
	widePacking    = packing{sums: gradientSums, constant: true, gShift: 14, hShift: 14, gLimit: 1<<31 - 1, hLimit: 1<<31 - 1}
	hessianPacking = packing{sums: hessianSums, constant: true, gShift: 14, hShift: 14, gLimit: 1<<31 - 1}
)

func (p packing) span() int { return 1 << (p.hShift - 1) }

func rowOf(entry uint64) uint32 { return uint32(entry >> 32) }

// chunkRows is how many rows are unpacked, and touched, at a time.
const chunkRows = 64

// accumulator builds histograms; every worker has its own.
type accumulator struct {
	packed  [][256]uint64 // of each column of the blocks; columns of the table are all 0 between calls
	cells   histogram     // sums of a worker that does not own the result; all 0 between uses
	used    bool          // cells is not all 0
	offsets [chunkRows]int
	values  [chunkRows]uint64
	touched uint8
}

func newAccumulator(t *table) *accumulator {
	width := 0
	for _, b := range t.blocks {
		width = b.first + b.width
	}
	return &accumulator{packed: make([][256]uint64, width)}
}

// add adds the entries to h.
func (a *accumulator) add(t *table, p packing, entries []uint64, h histogram) {
	for len(entries) > 0 {
		span := entries[:min(p.span(), len(entries))]
		entries = entries[len(span):]
		for i := range t.blocks {
			b := &t.blocks[i]
			packed := a.packed[b.first : b.first+b.width]
			for rest := span; len(rest) > 0; {
				chunk := rest[:min(chunkRows, len(rest))]
				rest = rest[len(chunk):]
				a.unpack(p, chunk, b)
				addColumns(packed, b.bins, a.offsets[:len(chunk)], a.values[:len(chunk)])
			}
		}
		a.spill(t, p, h)
	}
}

// unpack prepares one chunk for the kernels and reads one byte of each of its rows: those reads miss the cache all at
// once, where the kernels would miss one after the other. Go has no prefetch instruction; this is worth as much.
func (a *accumulator) unpack(p packing, chunk []uint64, b *block) {
	touched := uint8(0)
	offsets, values := a.offsets[:len(chunk)], a.values[:len(chunk)]
	gUnit, hUnit := uint64(1)<<p.gShift, uint64(1)<<p.hShift
	if p.constant {
		for i, e := range chunk {
			at := int(rowOf(e)) * b.stride
			touched ^= b.bins[at]
			offsets[i] = at
			values[i] = uint64(int64(int32(e)))*gUnit + 1
		}
	} else {
		for i, e := range chunk {
			at := int(rowOf(e)) * b.stride
			touched ^= b.bins[at]
			offsets[i] = at
			values[i] = uint64(int64(int16(e)))*gUnit + (e>>16&0xffff)*hUnit + 1
		}
	}
	a.touched ^= touched // used, so the reads are not optimised away
}

// spill moves the packed sums into h.
func (a *accumulator) spill(t *table, p packing, h histogram) {
	hShift, gShift := p.hShift&63, p.gShift&63
	nMask := uint64(1)<<hShift - 1
	hMask := uint64(1)<<(gShift-hShift) - 1
	for c := range t.source {
		packed := &a.packed[c]
		cells := h[t.first[c]:t.first[c+1]]
		for bin := range cells {
			v := packed[uint8(bin)]
			packed[uint8(bin)] = 0
			n := int64(v & nMask)
			to := &cells[bin]
			switch {
			case p.sums == hessianSums:
				to.h += int64(v) >> gShift
				continue
			case p.sums == gradientSums:
			case p.constant:
				to.h += n
			default:
				to.h += int64(v >> hShift & hMask)
			}
			to.n += n
			to.g += int64(v) >> gShift
		}
	}
}
