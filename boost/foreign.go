package boost

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// XGBoost writes one document in two notations: JSON (RFC 8259) and Universal Binary JSON (ubjson.org, draft 12, with its
// typed arrays). foreignReader reads both into the same items. A file's memory is bounded by its length: nothing is
// allocated for a count before the bytes it promises are there, and an item takes at most some 40 times its bytes.

// item is a value of a document.
type item struct {
	at     int // where it begins
	kind   itemKind
	number float64 // of a number, and of true (1) and false (0)
	text   string
	list   *list // nil if empty
}

type itemKind uint8

const (
	itemNull itemKind = iota
	itemNumber
	itemText
	itemArray
	itemObject
)

var itemNames = [...]string{"null", "a number", "a text", "an array", "an object"}

// list is what an array or an object holds: numbers alone, or items, which have names in an object.
type list struct {
	numbers []float64
	items   []item
	names   []string
}

const maxNesting = 32 // a model nests 7 deep

type foreignReader struct {
	b     []byte
	at    int
	depth int
	err   error
}

func (r *foreignReader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: offset %d: %s", ErrFormat, at, fmt.Sprintf(format, args...))
	}
}

// document reads all of b.
func document(b []byte) (item, error) {
	r := &foreignReader{b: b}
	if len(b) > 1 && b[0] == '{' && (integerBytes(b[1]) > 0 || b[1] == '#' || b[1] == '$') {
		it := r.binary(r.marker())
		if r.err == nil && r.at != len(b) {
			r.fail(r.at, "%d bytes after the document", len(b)-r.at)
		}
		return it, r.err
	}
	it := r.value()
	if r.space(); r.err == nil && r.at != len(b) {
		r.fail(r.at, "%d bytes after the document", len(b)-r.at)
	}
	return it, r.err
}

// down enters an array or object, up leaves it.
func (r *foreignReader) down() {
	if r.depth++; r.depth > maxNesting {
		r.fail(r.at, "nested deeper than %d", maxNesting)
	}
}

func (r *foreignReader) up() { r.depth-- }

// JSON.

func (r *foreignReader) space() {
	for r.at < len(r.b) && (r.b[r.at] == ' ' || r.b[r.at] == '\n' || r.b[r.at] == '\t' || r.b[r.at] == '\r') {
		r.at++
	}
}

// is steps over c if that is what comes next after white space.
func (r *foreignReader) is(c byte) bool {
	r.space()
	if r.err == nil && r.at < len(r.b) && r.b[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *foreignReader) must(c byte) {
	if !r.is(c) {
		r.fail(r.at, "%q wanted", c)
	}
}

func (r *foreignReader) value() item {
	r.space()
	it := item{at: r.at}
	switch {
	case r.err != nil:
	case r.at == len(r.b):
		r.fail(r.at, "the document is cut short")
	case r.b[r.at] == '{':
		it.kind, it.list = itemObject, r.object()
	case r.b[r.at] == '[':
		it.kind, it.list = itemArray, r.array()
	case r.b[r.at] == '"':
		it.kind, it.text = itemText, r.text()
	case r.word("null"):
	case r.word("true"):
		it.kind, it.number = itemNumber, 1
	case r.word("false"):
		it.kind = itemNumber
	default:
		it.kind, it.number = itemNumber, r.number()
	}
	return it
}

func (r *foreignReader) word(w string) bool {
	if len(r.b)-r.at < len(w) || string(r.b[r.at:r.at+len(w)]) != w {
		return false
	}
	r.at += len(w)
	return true
}

func (r *foreignReader) number() float64 {
	start := r.at
	for r.at < len(r.b) {
		if c := r.b[r.at]; (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			break
		}
		r.at++
	}
	x, err := strconv.ParseFloat(string(r.b[start:r.at]), 64)
	if err != nil {
		r.fail(start, "no number")
	}
	return x
}

func (r *foreignReader) text() string {
	start := r.at
	for r.at++; r.at < len(r.b) && r.b[r.at] != '"'; r.at++ {
		if r.b[r.at] == '\\' {
			r.at++
		}
	}
	if r.at >= len(r.b) {
		r.fail(start, "a text that does not end")
		return ""
	}
	r.at++
	var s string
	if err := json.Unmarshal(r.b[start:r.at], &s); err != nil {
		r.fail(start, "text: %v", err)
	}
	return s
}

func (r *foreignReader) array() *list {
	r.down()
	defer r.up()
	r.must('[')
	if r.is(']') || r.err != nil {
		return nil
	}
	l := &list{}
	for more := true; more && r.err == nil; more = r.is(',') {
		l.add(r, r.value())
	}
	r.must(']')
	return l
}

// add appends an element of an array; numbers and other things do not mix.
func (l *list) add(r *foreignReader, it item) {
	if it.kind == itemNumber && l.items == nil {
		l.numbers = append(l.numbers, it.number)
		return
	}
	if it.kind == itemNumber || l.numbers != nil {
		r.fail(it.at, "numbers and others in one array")
		return
	}
	l.items = append(l.items, it)
}

func (r *foreignReader) object() *list {
	r.down()
	defer r.up()
	r.must('{')
	if r.is('}') || r.err != nil {
		return nil
	}
	l := &list{}
	for more := true; more && r.err == nil; more = r.is(',') {
		if r.space(); r.at == len(r.b) || r.b[r.at] != '"' {
			r.fail(r.at, "a name wanted")
			return nil
		}
		l.names = append(l.names, r.text())
		r.must(':')
		l.items = append(l.items, r.value())
	}
	r.must('}')
	return l
}

// Universal Binary JSON. Numbers are big-endian; no-ops are not accepted, nobody writes them.

func (r *foreignReader) take(n int) []byte {
	if r.err != nil || n > len(r.b)-r.at {
		r.fail(r.at, "%d bytes wanted, %d left", n, len(r.b)-r.at)
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *foreignReader) marker() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *foreignReader) peek() byte {
	if r.at < len(r.b) {
		return r.b[r.at]
	}
	return 0
}

// integerBytes is how many bytes an integer of that marker has, 0 if it is none; numberBytes knows floats too.
func integerBytes(marker byte) int {
	switch marker {
	case 'i', 'U':
		return 1
	case 'I':
		return 2
	case 'l':
		return 4
	case 'L':
		return 8
	}
	return 0
}

func numberBytes(marker byte) int {
	switch marker {
	case 'd':
		return 4
	case 'D':
		return 8
	}
	return integerBytes(marker)
}

// numberOf reads a number of numberBytes(marker) bytes.
func numberOf(marker byte, b []byte) float64 {
	be := binary.BigEndian
	switch marker {
	case 'i':
		return float64(int8(b[0]))
	case 'U':
		return float64(b[0])
	case 'I':
		return float64(int16(be.Uint16(b)))
	case 'l':
		return float64(int32(be.Uint32(b)))
	case 'L':
		return float64(int64(be.Uint64(b)))
	case 'd':
		return float64(math.Float32frombits(be.Uint32(b)))
	}
	return math.Float64frombits(be.Uint64(b))
}

// count reads a number of things of size bytes each.
func (r *foreignReader) count(size int) int {
	at, marker := r.at, r.marker()
	n := integerBytes(marker)
	if r.err == nil && n == 0 {
		r.fail(at, "a count has marker %q", marker)
	}
	b := r.take(n)
	if b == nil {
		return 0
	}
	x := numberOf(marker, b)
	if r.err == nil && !(x >= 0 && x <= float64((len(r.b)-r.at)/size)) {
		r.fail(at, "%v things of %d bytes do not fit into the remaining %d bytes", x, size, len(r.b)-r.at)
	}
	if r.err != nil {
		return 0
	}
	return int(x)
}

// binary reads the value whose marker was read.
func (r *foreignReader) binary(marker byte) item {
	it := item{at: r.at - 1}
	switch n := numberBytes(marker); {
	case r.err != nil:
	case n > 0:
		it.kind = itemNumber
		if b := r.take(n); b != nil {
			it.number = numberOf(marker, b)
		}
	case marker == 'T', marker == 'F':
		it.kind = itemNumber
		if marker == 'T' {
			it.number = 1
		}
	case marker == 'S':
		it.kind, it.text = itemText, string(r.take(r.count(1)))
	case marker == '[':
		it.kind, it.list = itemArray, r.binaryArray()
	case marker == '{':
		it.kind, it.list = itemObject, r.binaryObject()
	case marker != 'Z':
		r.fail(it.at, "marker %q is unknown", marker)
	}
	return it
}

func (r *foreignReader) binaryArray() *list {
	r.down()
	defer r.up()
	l := &list{}
	switch r.peek() {
	case '$':
		r.at++
		at, marker := r.at, r.marker()
		size := numberBytes(marker)
		if size == 0 || r.marker() != '#' {
			r.fail(at, "an array of type %q, without a count or of no numbers", marker)
			return nil
		}
		n := r.count(size)
		b := r.take(n * size)
		l.numbers = make([]float64, 0, n)
		for ; len(b) > 0; b = b[size:] {
			l.numbers = append(l.numbers, numberOf(marker, b))
		}
	case '#':
		r.at++
		for n := r.count(1); n > 0 && r.err == nil; n-- {
			l.add(r, r.binary(r.marker()))
		}
	default:
		for r.err == nil && r.peek() != ']' {
			l.add(r, r.binary(r.marker()))
		}
		r.marker()
	}
	return l
}

func (r *foreignReader) binaryObject() *list {
	r.down()
	defer r.up()
	l := &list{}
	if c := r.peek(); c == '$' || c == '#' {
		r.fail(r.at, "an object with a count, as no model has")
	}
	for r.err == nil && r.peek() != '}' {
		l.names = append(l.names, string(r.take(r.count(1))))
		l.items = append(l.items, r.binary(r.marker()))
	}
	r.marker()
	return l
}
