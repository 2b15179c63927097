// Package rowhash answers: are these two rows the same, and which value is this? It names rows by 128 bits and numbers
// values densely.
//
// A row's name is XXH3-128 (seed 0; big-endian bytes) over its canonical encoding: per value one byte of column.Type (0
// for null), then bool 1 byte; int64, timestamp, duration, float64 bits 8 bytes little-endian; string u32 length + bytes.
// The hash is fast and fixed, the same on every machine, and not cryptographic: whoever chooses the values can make two
// rows collide, so it names rows and proves nothing.
package rowhash

import (
	"encoding/binary"
	"math"
	"runtime"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/lib/column"
)

// Key is the name of a row.
type Key = [16]byte

// AppendValue appends the canonical encoding of row i of v to b.
func AppendValue(b []byte, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(b, 0)
	}
	b = append(b, byte(v.Type))
	switch v.Type {
	case column.Bool:
		if v.Bools[i] {
			return append(b, 1)
		}
		return append(b, 0)
	case column.Float64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Floats[i]))
	case column.String:
		s := v.Strings[i]
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		return append(b, s...)
	default:
		return binary.LittleEndian.AppendUint64(b, uint64(v.Ints[i]))
	}
}

// Sum is the name of an encoding.
func Sum(encoded []byte) Key { return xxh3.Hash128(encoded).Bytes() }

// block is how many rows one goroutine names at a time.
const block = 1 << 16

// Rows names each row by the values of the given columns, in their order.
func Rows(columns []*column.Vector, rows int) []Key {
	out := make([]Key, rows)
	if rows <= block {
		name(columns, out, 0)
		return out
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < rows; from += block {
		g.Go(func() error {
			name(columns, out[from:min(from+block, rows)], from)
			return nil
		})
	}
	_ = g.Wait() // naming cannot fail
	return out
}

func name(columns []*column.Vector, out []Key, from int) {
	var buffer [256]byte
	b := buffer[:0]
	for i := range out {
		b = b[:0]
		for _, v := range columns {
			b = AppendValue(b, v, from+i)
		}
		out[i] = Sum(b)
	}
}
