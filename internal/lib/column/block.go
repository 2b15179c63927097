package column

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
)

// The canonical block (docs/formats/block.md): the one form in which rows are hashed, logged, piped and stored.
//
//	u32 columns, u32 rows, then per column:
//	  u16 name length, name, u8 type, u8 has nulls, [null bitmap, (rows+7)/8 bytes, bit i%8 of byte i/8],
//	  values: bool 1 byte; int64, timestamp, duration, float64 8 bytes; string u32 length + bytes
//
// All numbers little-endian. A missing value is the zero of its type. Equal tables have equal bytes.

// ErrCorrupt is wrapped by every error about bytes that are not a block.
var ErrCorrupt = errors.New("corrupt block")

const maxColumns = 4096

// AppendBlock appends the canonical block of t to b.
func AppendBlock(b []byte, t *Table) []byte {
	rows := t.Rows()
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Columns)))
	b = binary.LittleEndian.AppendUint32(b, uint32(rows))
	for c, v := range t.Columns {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(t.Names[c])))
		b = append(b, t.Names[c]...)
		b = append(b, byte(v.Type))
		b = appendNulls(b, v.Null)
		b = appendValues(b, v)
	}
	return b
}

func appendNulls(b []byte, null []bool) []byte {
	any := false
	for _, n := range null {
		if n {
			any = true
			break
		}
	}
	if !any {
		return append(b, 0)
	}
	b = append(b, 1)
	start := len(b)
	b = append(b, make([]byte, (len(null)+7)/8)...)
	for i, n := range null {
		if n {
			b[start+i/8] |= 1 << (i % 8)
		}
	}
	return b
}

func appendValues(b []byte, v *Vector) []byte {
	switch v.Type {
	case Bool:
		for _, x := range v.Bools {
			if x {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		}
	case Float64:
		for _, x := range v.Floats {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	case String:
		for _, x := range v.Strings {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(x)))
			b = append(b, x...)
		}
	default:
		for _, x := range v.Ints {
			b = binary.LittleEndian.AppendUint64(b, uint64(x))
		}
	}
	return b
}

// ReadBlock reads one block from the front of b and gives the rest. Memory stays within a small multiple of len(b):
// no count is believed before the bytes for it are there.
func ReadBlock(b []byte) (t *Table, rest []byte, err error) {
	var strings *Strings
	if len(b) >= 1<<16 { // it pays
		strings = &Strings{}
	}
	return strings.ReadBlock(b)
}

// Strings lets equal strings share memory, within a block and between blocks that are read with it: a column of names
// repeats few of them. It remembers a bounded number of short ones; a string it has forgotten is copied anew. Its zero value is
// ready, nil copies every string. Not for concurrent use.
type Strings struct {
	seed maphash.Seed
	kept []string // by hash; nil before the first string
}

const (
	keptStrings = 1 << 12
	longString  = 64 // bytes of a string that is not worth keeping
)

// of is a string of the bytes.
func (s *Strings) of(b []byte) string {
	if s == nil || len(b) > longString {
		return string(b)
	}
	if s.kept == nil {
		s.seed, s.kept = maphash.MakeSeed(), make([]string, keptStrings)
	}
	kept := &s.kept[maphash.Bytes(s.seed, b)%keptStrings]
	if *kept != string(b) {
		*kept = string(b)
	}
	return *kept
}

// ReadBlock is the function of that name, with the strings of earlier blocks.
func (s *Strings) ReadBlock(b []byte) (t *Table, rest []byte, err error) {
	r := reader{b: b, strings: s}
	columns, rows := int(r.u32()), int(r.u32())
	if r.short || columns > maxColumns || rows > len(b) {
		return nil, nil, fmt.Errorf("%w: %d columns of %d rows in %d bytes", ErrCorrupt, columns, rows, len(b))
	}
	if columns == 0 && rows != 0 {
		return nil, nil, fmt.Errorf("%w: rows without columns", ErrCorrupt)
	}
	t = &Table{Names: make([]string, 0, columns), Columns: make([]*Vector, 0, columns)}
	for c := 0; c < columns; c++ {
		name := string(r.bytes(int(r.u16())))
		v, err := r.vector(rows)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: column %d %q: %v", ErrCorrupt, c, name, err)
		}
		if t.Index(name) >= 0 {
			return nil, nil, fmt.Errorf("%w: column %q twice", ErrCorrupt, name)
		}
		t.Names = append(t.Names, name)
		t.Columns = append(t.Columns, v)
	}
	return t, r.b, nil
}

type reader struct {
	b       []byte
	short   bool
	strings *Strings
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.short = true
		r.b = nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() byte {
	if x := r.bytes(1); x != nil {
		return x[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if x := r.bytes(2); x != nil {
		return binary.LittleEndian.Uint16(x)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if x := r.bytes(4); x != nil {
		return binary.LittleEndian.Uint32(x)
	}
	return 0
}

var errShort = errors.New("ends early")

func (r *reader) vector(rows int) (*Vector, error) {
	kind, hasNull := Type(r.u8()), r.u8()
	if kind < Bool || kind > Duration || hasNull > 1 {
		return nil, fmt.Errorf("type %d, null flag %d", kind, hasNull)
	}
	var bitmap []byte
	if hasNull == 1 {
		bitmap = r.bytes((rows + 7) / 8)
	}
	width := 8
	switch kind {
	case Bool:
		width = 1
	case String:
		width = 4
	}
	if r.short || rows > len(r.b)/width {
		return nil, errShort
	}
	v := New(kind, rows)
	if err := r.values(v, rows); err != nil {
		return nil, err
	}
	if bitmap != nil {
		v.Null = make([]bool, rows)
		for i := range v.Null {
			v.Null[i] = bitmap[i/8]>>(i%8)&1 == 1
		}
	}
	return v, nil
}

func (r *reader) values(v *Vector, rows int) error {
	switch v.Type {
	case Bool:
		for i, x := range r.bytes(rows) {
			v.Bools[i] = x == 1
		}
	case Float64:
		raw := r.bytes(8 * rows)
		for i := range v.Floats {
			v.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
		}
	case String:
		for i := range v.Strings {
			raw := r.bytes(int(r.u32()))
			if r.short {
				return errShort
			}
			v.Strings[i] = r.strings.of(raw)
		}
	default:
		raw := r.bytes(8 * rows)
		for i := range v.Ints {
			v.Ints[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		}
	}
	return nil
}
