package boost

import (
	"context"
	"math"
)

// blockColumns is the most columns whose bins stand together: one row of a block is one cache line.
const blockColumns = 64

// block holds the bins of some columns row by row.
type block struct {
	first  int // its first column
	width  int // columns, those that fill up to kernelColumns included
	stride int // bytes from row to row, a power of two
	bins   []uint8
}

// table is the training data as bins: 0 is missing, 1, 2, ... are the values in order. Columns that have one value and
// are never missing cannot split and are left out; column c of the table is feature source[c].
// The same bins stand twice: by rows for the histograms, which read all columns of a row, and by columns for the
// partition, which reads one column of all rows.
type table struct {
	rows    int
	source  []int
	cuts    [][]float32 // of each column of numbers; it has len(cuts)+1 bins of values
	codes   [][]uint32  // of each column of categories, by bin; nil for numbers
	spans   []int       // how many columns the feature that begins here takes; 0 where one goes on
	first   []int       // where each column's cells begin in a histogram; one more at the end
	blocks  []block
	columns [][]uint8
}

// binRows is how many rows are binned at a time: their values stay in the cache while the columns take turns.
const binRows = 256

func newTable(ctx context.Context, d Data, p Params, team *crew) (*table, error) {
	t := &table{rows: d.Rows}
	all := findCuts(d, p, team)
	for feature, cuts := range all {
		if len(cuts.values) > 0 || len(cuts.codes) > 1 || cuts.missing && (d.categories(feature) == 0 || len(cuts.codes) > 0) {
			t.addColumns(feature, cuts)
		}
	}
	t.first = make([]int, len(t.source)+1)
	t.columns = make([][]uint8, len(t.source))
	finders := make([]binFinder, len(t.source))
	for c, cuts := range t.cuts {
		t.columns[c] = make([]uint8, d.Rows)
		if codes := t.codes[c]; codes != nil {
			t.first[c+1] = t.first[c] + len(codes) + 1
			finders[c] = newCodeBins(codes)
		} else {
			t.first[c+1] = t.first[c] + len(cuts) + 2
			tree := newSearchTree(cuts)
			finders[c] = &tree
		}
	}
	for first := 0; first < len(t.source); first += blockColumns {
		width := min(blockColumns, len(t.source)-first)
		width = (width + kernelColumns - 1) / kernelColumns * kernelColumns
		stride := 1
		for stride < width {
			stride *= 2
		}
		t.blocks = append(t.blocks, block{first, width, stride, make([]uint8, d.Rows*stride)})
	}
	team.share((d.Rows+binRows-1)/binRows, func(_, part int) {
		if ctx.Err() == nil {
			t.bin(d, finders, part*binRows, min((part+1)*binRows, d.Rows))
		}
	})
	return t, ctx.Err()
}

// addColumns appends the column of a feature, or the columns of one of many categories.
func (t *table) addColumns(feature int, cuts columnCuts) {
	span := max((len(cuts.codes)+columnCodes-1)/columnCodes, 1)
	for i := range span {
		t.source = append(t.source, feature)
		t.cuts = append(t.cuts, cuts.values)
		t.spans = append(t.spans, span)
		if cuts.codes == nil {
			t.codes = append(t.codes, nil)
		} else {
			t.codes = append(t.codes, cuts.codes[i*columnCodes:min((i+1)*columnCodes, len(cuts.codes))])
		}
		span = 0
	}
}

// binFinder writes the bins of values[0], values[stride], ... to out.
type binFinder interface {
	bins(values []float32, stride int, out []uint8)
}

// columnCuts is what is known of one feature before binning.
type columnCuts struct {
	values  []float32
	codes   []uint32
	missing bool // some row lacks it
}

func findCuts(d Data, p Params, team *crew) []columnCuts {
	width := len(d.Features)
	picked := sampled(d.Rows, p.Seed)
	all := make([]columnCuts, width)
	buffers := make([][]uint32, team.size())
	team.share(width, func(worker, feature int) {
		if d.categories(feature) > 0 {
			all[feature].codes, all[feature].missing = findCodes(d, feature, p)
			return
		}
		if buffers[worker] == nil {
			buffers[worker] = make([]uint32, 2*len(picked))
		}
		keys := buffers[worker][:0]
		for _, row := range picked {
			if x := d.Values[row*width+feature]; x == x {
				keys = append(keys, orderedKey(x))
			}
		}
		all[feature].values = cutsOf(keys, buffers[worker][len(picked):], p.Bins)
	})
	missing := make([]bool, team.size()*width)
	team.share((d.Rows+binRows-1)/binRows, func(worker, part int) {
		mine := missing[worker*width : (worker+1)*width]
		values := d.Values[part*binRows*width : min((part+1)*binRows, d.Rows)*width]
		for ; len(values) > 0; values = values[width:] {
			for feature, x := range values[:width] {
				if x != x {
					mine[feature] = true
				}
			}
		}
	})
	for i, is := range missing {
		if is {
			all[i%width].missing = true
		}
	}
	return all
}

// bin fills rows start to end of both copies.
func (t *table) bin(d Data, finders []binFinder, start, end int) {
	width := len(d.Features)
	for c, feature := range t.source {
		out := t.columns[c][start:end]
		finders[c].bins(d.Values[start*width+feature:], width, out)
		b := &t.blocks[c/blockColumns]
		at := start*b.stride + c - b.first
		for _, bin := range out {
			b.bins[at] = bin
			at += b.stride
		}
	}
}

// searchTree finds the bin of a value without a branch: the cuts' keys stand in Eytzinger order (the children of i are
// 2i and 2i+1), padded to 255 with the largest key.
type searchTree [256]uint64

func newSearchTree(cuts []float32) (tree searchTree) {
	next := 0
	var fill func(i int)
	fill = func(i int) {
		if i >= len(tree) {
			return
		}
		fill(2 * i)
		tree[i] = math.MaxUint32
		if next < len(cuts) {
			tree[i] = uint64(orderedKey(cuts[next]))
		}
		next++
		fill(2*i + 1)
	}
	fill(1)
	return tree
}

// bins writes the bins of values[0], values[stride], ... to out. Eight levels of comparisons end at leaf 256+b, where b
// cuts are smaller than the value; bin 1+b. Four searches run side by side.
func (tree *searchTree) bins(values []float32, stride int, out []uint8) {
	i := 0
	for ; i+4 <= len(out); i += 4 {
		v := values[i*stride:]
		xa, xb, xc, xd := v[0], v[stride], v[2*stride], v[3*stride]
		ka, kb, kc, kd := uint64(orderedKey(xa)), uint64(orderedKey(xb)), uint64(orderedKey(xc)), uint64(orderedKey(xd))
		a, b, c, d := uint64(1), uint64(1), uint64(1), uint64(1)
		for range 8 {
			a = 2*a + (tree[a%256]-ka)>>63
			b = 2*b + (tree[b%256]-kb)>>63
			c = 2*c + (tree[c%256]-kc)>>63
			d = 2*d + (tree[d%256]-kd)>>63
		}
		out[i], out[i+1], out[i+2], out[i+3] = binOf(a, xa), binOf(b, xb), binOf(c, xc), binOf(d, xd)
	}
	for ; i < len(out); i++ {
		x := values[i*stride]
		k, a := uint64(orderedKey(x)), uint64(1)
		for range 8 {
			a = 2*a + (tree[a%256]-k)>>63
		}
		out[i] = binOf(a, x)
	}
}

func binOf(leaf uint64, x float32) uint8 {
	if x != x {
		return 0
	}
	return uint8(leaf - 255)
}
