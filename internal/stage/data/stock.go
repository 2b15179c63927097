package data

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/transform"
)

// stock is all rows that were read, in chunks as they came. Rows are copied once, into their part.
type stock struct {
	chunks []*chunk
	rows   int
}

// chunk is prepared rows of one batch.
type chunk struct {
	*transform.Frame
	hash    []transform.Key // of the raw row
	bad     []int16         // as Frame.Bad
	arrived []int64         // when the outcome came; nil: when it was known
	logged  bool
	served  *column.Table // logged rows: history as served
	letGo   letGo
}

// letGo names logged rows that are outside the sample and were not prepared.
type letGo struct{ keys, hashes []transform.Key }

// ref is a row: a chunk and a row in it.
type ref struct{ chunk, row int32 }

func (s *stock) add(c *chunk) {
	s.chunks = append(s.chunks, c)
	s.rows += len(c.bad)
}

// refs are the rows that keep says yes to, in the order they were read.
func (s *stock) refs(keep func(c *chunk, i int) bool) []ref {
	parts := make([][]ref, len(s.chunks))
	inParallel(len(s.chunks), func(n int) {
		c := s.chunks[n]
		for i := range c.bad {
			if keep(c, i) {
				parts[n] = append(parts[n], ref{int32(n), int32(i)})
			}
		}
	})
	return slices.Concat(parts...)
}

func (s *stock) time(r ref) int64 {
	if c := s.chunks[r.chunk]; c.Time != nil {
		return c.Time[r.row]
	}
	return 0
}

func (s *stock) known(r ref) int64 {
	if c := s.chunks[r.chunk]; c.Known != nil {
		return c.Known[r.row]
	}
	return 0
}

func (s *stock) arrived(r ref) int64 {
	if c := s.chunks[r.chunk]; c.arrived != nil {
		return c.arrived[r.row]
	}
	return s.known(r)
}

func (s *stock) key(r ref) *transform.Key  { return &s.chunks[r.chunk].Keys[r.row] }
func (s *stock) base(r ref) *transform.Key { return &s.chunks[r.chunk].Base[r.row] }
func (s *stock) hash(r ref) *transform.Key { return &s.chunks[r.chunk].hash[r.row] }

func (s *stock) zones(refs []ref) []*time.Location {
	if len(s.chunks) == 0 || s.chunks[0].Zones == nil {
		return nil
	}
	out := make([]*time.Location, len(refs))
	for i, r := range refs {
		out[i] = s.chunks[r.chunk].Zones[r.row]
	}
	return out
}

func (s *stock) has(name string) bool {
	return slices.ContainsFunc(s.chunks, func(c *chunk) bool { return c.Table.Column(name) != nil })
}

// take copies a column's values of some rows.
func (s *stock) take(name string, refs []ref) *column.Vector {
	vectors := make([]*column.Vector, len(s.chunks))
	var kind column.Type
	nulls := false
	for i, c := range s.chunks {
		if v := c.Table.Column(name); v != nil {
			vectors[i], kind = v, v.Type
			nulls = nulls || v.Null != nil
		} else {
			nulls = true
		}
	}
	out := column.New(kind, len(refs))
	switch kind {
	case column.Bool:
		copyRefs(out.Bools, refs, vectors, func(v *column.Vector) []bool { return v.Bools })
	case column.Float64:
		copyRefs(out.Floats, refs, vectors, func(v *column.Vector) []float64 { return v.Floats })
	case column.String:
		copyRefs(out.Strings, refs, vectors, func(v *column.Vector) []string { return v.Strings })
	default:
		copyRefs(out.Ints, refs, vectors, func(v *column.Vector) []int64 { return v.Ints })
	}
	if nulls {
		for i, r := range refs {
			if v := vectors[r.chunk]; v == nil || v.IsNull(int(r.row)) {
				out.SetNull(i)
			}
		}
	}
	return out
}

// drop lets a column go. Other columns may be taken meanwhile.
func (s *stock) drop(name string) {
	for _, c := range s.chunks {
		if i := c.Table.Index(name); i >= 0 {
			c.Table.Columns[i] = nil
		}
	}
}

func copyRefs[T any](dst []T, refs []ref, vectors []*column.Vector, of func(*column.Vector) []T) {
	values := make([][]T, len(vectors))
	for i, v := range vectors {
		if v != nil {
			values[i] = of(v)
		}
	}
	for i, r := range refs {
		if from := values[r.chunk]; from != nil {
			dst[i] = from[r.row]
		}
	}
}

// table copies several columns of some rows.
func (s *stock) table(names []string, refs []ref) *column.Table {
	t := &column.Table{Names: slices.Clone(names), Columns: make([]*column.Vector, len(names))}
	inParallel(len(names), func(i int) { t.Columns[i] = s.take(names[i], refs) })
	return t
}

// instants copies one of the instants of some rows.
func instants(refs []ref, of func(ref) int64) []int64 {
	out := make([]int64, len(refs))
	for i, r := range refs {
		out[i] = of(r)
	}
	return out
}

func (s *stock) keys(refs []ref) []transform.Key {
	out := make([]transform.Key, len(refs))
	for i, r := range refs {
		out[i] = *s.key(r)
	}
	return out
}

// sort orders rows by (time, key, row hash): a radix sort by time, then the few of equal time.
func (s *stock) sort(refs []ref) []ref {
	times := make([]uint64, len(refs))
	for i, r := range refs {
		times[i] = uint64(s.time(r)) ^ 1<<63
	}
	refs, times = radix(refs, times)
	for from := 0; from < len(refs); {
		to := from + 1
		for to < len(refs) && times[to] == times[from] {
			to++
		}
		slices.SortFunc(refs[from:to], func(a, b ref) int {
			if d := bytes.Compare(s.key(a)[:], s.key(b)[:]); d != 0 {
				return d
			}
			return bytes.Compare(s.hash(a)[:], s.hash(b)[:])
		})
		from = to
	}
	return refs
}

// radix sorts refs by their numbers, 16 bits at a time from the lowest; digits that are all equal cost one pass of counting.
func radix(refs []ref, numbers []uint64) ([]ref, []uint64) {
	const bits, size = 16, 1 << 16
	refs2, numbers2 := make([]ref, len(refs)), make([]uint64, len(refs))
	for shift := 0; shift < 64; shift += bits {
		count := make([]int, size)
		for _, n := range numbers {
			count[n>>shift%size]++
		}
		if len(numbers) > 0 && count[numbers[0]>>shift%size] == len(numbers) {
			continue
		}
		at := 0
		for i, n := range count {
			count[i] = at
			at += n
		}
		for i, n := range numbers {
			to := &count[n>>shift%size]
			refs2[*to], numbers2[*to] = refs[i], n
			*to++
		}
		refs, refs2, numbers, numbers2 = refs2, refs, numbers2, numbers
	}
	return refs, numbers
}

// keySet is a set of hashes. Its zero value is empty.
type keySet struct {
	slots []transform.Key
	count int
	zero  bool // the key that marks an empty slot is in the set
}

// newKeySet is an empty set with room for so many keys.
func newKeySet(keys int) *keySet {
	s := &keySet{}
	for size := 1024; keys > 0; size *= 2 {
		if 4*keys <= 3*size {
			s.slots = make([]transform.Key, size)
			break
		}
	}
	return s
}

// add says whether k is new.
func (s *keySet) add(k transform.Key) bool {
	if k == (transform.Key{}) {
		was := s.zero
		s.zero = true
		return !was
	}
	if 4*(s.count+1) > 3*len(s.slots) {
		s.grow()
	}
	slot := s.find(k)
	if *slot == k {
		return false
	}
	*slot = k
	s.count++
	return true
}

func (s *keySet) has(k transform.Key) bool {
	if k == (transform.Key{}) {
		return s.zero
	}
	return len(s.slots) > 0 && *s.find(k) == k
}

// find is the slot of k, or the empty one where it belongs.
func (s *keySet) find(k transform.Key) *transform.Key {
	mask := uint64(len(s.slots) - 1)
	for i := binary.LittleEndian.Uint64(k[:8]) & mask; ; i = (i + 1) & mask {
		if s.slots[i] == k || s.slots[i] == (transform.Key{}) {
			return &s.slots[i]
		}
	}
}

func (s *keySet) grow() {
	old := s.slots
	s.slots = make([]transform.Key, max(1024, 2*len(old)))
	for _, k := range old {
		if k != (transform.Key{}) {
			*s.find(k) = k
		}
	}
}

// share is where a hash falls in [0, 1).
func share(b []byte) float64 { return float64(binary.LittleEndian.Uint64(b)>>11) / (1 << 53) }

// inParallel runs f for 0 to n-1 on all processors.
func inParallel(n int, f func(int)) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error {
			f(i)
			return nil
		})
	}
	_ = g.Wait() // f cannot fail
}
