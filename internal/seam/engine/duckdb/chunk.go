package duckdb

import (
	"fmt"
	"math"
	"unsafe"

	bindings "github.com/duckdb/duckdb-go-bindings"

	"rondo.dev/rondo/internal/lib/column"
)

// batch gathers chunks into columns of at most batchRows rows. Its memory is used again after reset.
type batch struct {
	names   []string
	columns []*column.Vector
	nulls   [][]bool
	known   []map[string]string // texts of each column that were seen, so that equal ones are one
	rows    int
	bytes   int
}

// knownTexts and knownLength bound what is remembered to share texts.
const (
	knownTexts  = 1 << 14
	knownLength = 64
)

func newBatch(fields []field) *batch {
	b := &batch{nulls: make([][]bool, len(fields))}
	for _, f := range fields {
		b.names = append(b.names, f.name)
		b.columns = append(b.columns, column.New(f.kind, 0))
		b.known = append(b.known, make(map[string]string))
	}
	return b
}

func (b *batch) reset() {
	for i, v := range b.columns {
		v.Bools, v.Ints, v.Floats, v.Strings = v.Bools[:0], v.Ints[:0], v.Floats[:0], v.Strings[:0]
		v.Null = nil
		b.nulls[i] = b.nulls[i][:0]
	}
	b.rows, b.bytes = 0, 0
}

func (b *batch) table() *column.Table {
	for i, v := range b.columns {
		if len(b.nulls[i]) > 0 {
			b.nulls[i] = pad(b.nulls[i], b.rows)
			v.Null = b.nulls[i]
		}
	}
	return &column.Table{Names: b.names, Columns: b.columns}
}

// maxChunkText bounds the text of one chunk: a small Parquet file may repeat a large text in every row.
const maxChunkText = 256 << 20

// take appends the n rows of a chunk.
func (b *batch) take(c bindings.DataChunk, n int) error {
	for i, v := range b.columns {
		vec := bindings.DataChunkGetVector(c, bindings.IdxT(i))
		data := bindings.VectorGetData(vec)
		at := b.rows
		switch v.Type {
		case column.Bool:
			v.Bools = append(v.Bools, unsafe.Slice((*bool)(data), n)...)
		case column.Float64:
			v.Floats = append(v.Floats, unsafe.Slice((*float64)(data), n)...)
		case column.String:
			v.Strings = append(v.Strings, make([]string, n)...)
		default:
			v.Ints = append(v.Ints, unsafe.Slice((*int64)(data), n)...)
		}
		b.takeNulls(i, vec, n)
		switch v.Type {
		case column.Float64:
			b.finite(i, v.Floats[at:], at)
		case column.Timestamp:
			b.finiteTimes(i, v.Ints[at:], at)
		case column.String:
			if err := b.texts(i, v.Strings[at:], unsafe.Slice((*text)(data), n), at); err != nil {
				return err
			}
		}
	}
	b.rows += n
	return nil
}

// takeNulls reads the validity of a vector and zeroes what is missing.
func (b *batch) takeNulls(i int, vec bindings.Vector, n int) {
	p := bindings.VectorGetValidity(vec)
	if p == nil {
		if len(b.nulls[i]) > 0 {
			b.nulls[i] = pad(b.nulls[i], b.rows+n)
		}
		return
	}
	mask := unsafe.Slice((*uint64)(p), (n+63)/64)
	for j := range n {
		if mask[j/64]>>(j%64)&1 == 0 {
			b.setNull(i, b.rows+j)
		}
	}
}

func (b *batch) setNull(i, row int) {
	b.nulls[i] = pad(b.nulls[i], row+1)
	b.nulls[i][row] = true
	switch v := b.columns[i]; v.Type {
	case column.Bool:
		v.Bools[row] = false
	case column.Float64:
		v.Floats[row] = 0
	case column.String:
		v.Strings[row] = ""
	default:
		v.Ints[row] = 0
	}
}

func (b *batch) isNull(i, row int) bool { return row < len(b.nulls[i]) && b.nulls[i][row] }

// finite turns NaN and infinities into null and -0 into 0.
func (b *batch) finite(i int, values []float64, at int) {
	for j, x := range values {
		switch {
		case math.IsNaN(x) || math.IsInf(x, 0):
			b.setNull(i, at+j)
		case x == 0:
			values[j] = 0
		}
	}
}

// finiteTimes turns DuckDB's infinite timestamps into null.
func (b *batch) finiteTimes(i int, values []int64, at int) {
	for j, x := range values {
		if x == math.MaxInt64 || x == -math.MaxInt64 {
			b.setNull(i, at+j)
		}
	}
}

// text is DuckDB's string: up to 12 bytes stand in it, of a longer one the address does.
type text struct {
	length uint32
	prefix [4]byte
	rest   [8]byte
}

func (t *text) bytes() []byte {
	if t.length <= 12 {
		return unsafe.Slice(&t.prefix[0], t.length)
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&t.rest)), t.length)
}

// texts copies the texts of a vector; equal short ones of a column share memory.
func (b *batch) texts(i int, dst []string, src []text, at int) error {
	known, last, before := b.known[i], "", b.bytes
	for j := range src {
		if b.isNull(i, at+j) {
			continue
		}
		raw := src[j].bytes()
		if b.bytes += len(raw) + 4; b.bytes-before > maxChunkText {
			return fmt.Errorf("column %q holds more than %d MiB of text in %d rows", b.names[i], maxChunkText>>20, j+1)
		}
		if string(raw) == last {
			dst[j] = last
			continue
		}
		s, ok := known[string(raw)]
		if !ok {
			s = string(raw)
			if len(s) <= knownLength && len(known) < knownTexts {
				known[s] = s
			}
		}
		dst[j], last = s, s
	}
	return nil
}

// textAt is one text of a vector that is read once; null is "".
func textAt(vec bindings.Vector, row int) string {
	if p := bindings.VectorGetValidity(vec); p != nil {
		if unsafe.Slice((*uint64)(p), row/64+1)[row/64]>>(row%64)&1 == 0 {
			return ""
		}
	}
	return string(unsafe.Slice((*text)(bindings.VectorGetData(vec)), row+1)[row].bytes())
}

// pad lengthens nulls with false up to n rows.
func pad(nulls []bool, n int) []bool {
	if len(nulls) < n {
		nulls = append(nulls, make([]bool, n-len(nulls))...)
	}
	return nulls
}
