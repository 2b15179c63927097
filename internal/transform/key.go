package transform

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"sync"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// RowHashes names whole rows by all columns of a table, in order of their names: equal names are exact repeats.
func RowHashes(t *column.Table) []Key {
	names := append([]string(nil), t.Names...)
	sort.Strings(names)
	columns := make([]*column.Vector, len(names))
	for i, name := range names {
		columns[i] = t.Column(name)
	}
	return rowhash.Rows(columns, t.Rows())
}

// Base names rows by their key columns. Without a declared key a row is its content: what a request holds.
func (r *Rows) Base(t *column.Table) ([]Key, error) {
	names := r.keyNames
	if r.data.Key == nil {
		names = r.signature.Names(Request)
		sort.Strings(names)
	}
	columns := make([]*column.Vector, len(names))
	for i, name := range names {
		if columns[i] = t.Column(name); columns[i] == nil {
			return nil, invalid(name, "the key needs this column")
		}
		if want := r.signature.Column(name).Type; columns[i].Type != want {
			return nil, invalid(name, "is %s; as part of the key it is %s", columns[i].Type, want)
		}
	}
	return rowhash.Rows(columns, t.Rows()), nil
}

// Numbered says whether keys carry a running number: declared, or because a row is its content.
func (r *Rows) Numbered() bool { return r.data.Key == nil || r.data.Key.Number != "" }

// KeyOf names rows that somebody speaks of by key: key columns, and the number, which is 1 where it is not given.
func (r *Rows) KeyOf(t *column.Table) ([]Key, error) {
	base, err := r.Base(t)
	if err != nil || !r.Numbered() {
		return base, err
	}
	var number *column.Vector
	if r.data.Key != nil {
		number = t.Column(r.data.Key.Number)
	}
	if number != nil && number.Type != column.Int64 {
		return nil, invalid(r.data.Key.Number, "is %s; a row's number is int64", number.Type)
	}
	for i := range base {
		n := int64(1)
		if number != nil && !number.IsNull(i) {
			n = number.Ints[i]
		}
		base[i] = numberedKey(base[i], n)
	}
	return base, nil
}

func numberedKey(base Key, n int64) Key {
	var b [24]byte
	copy(b[:], base[:])
	binary.LittleEndian.PutUint64(b[16:], uint64(n))
	return rowhash.Sum(b[:])
}

// Numbers counts rows of equal base keys, across frames (D4). Safe for concurrent use.
//
// With a limit it remembers at least the newest limit base keys and forgets older ones: at the door, where keys hold a
// time, those do not come again. A base key takes 20 to 60 bytes.
type Numbers struct {
	mu         sync.Mutex
	limit      int
	now, older counts
}

// NewNumbers counts from 1; limit 0 forgets nothing.
func NewNumbers(limit int) *Numbers { return &Numbers{limit: limit} }

func (n *Numbers) next(base Key) int64 {
	count := n.now.get(base)
	if count == 0 {
		count = n.older.get(base)
		if n.limit > 0 && n.now.used >= n.limit {
			n.older, n.now = n.now, counts{}
		}
	}
	n.now.set(base, count+1)
	return int64(count) + 1
}

// Seen notes rows that were numbered before, and with which numbers; where those were not kept (nil), one more of each.
func (n *Numbers) Seen(base []Key, numbers *column.Vector) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, key := range base {
		if numbers == nil {
			n.next(key)
			continue
		}
		if number := numbers.Ints[i]; !numbers.IsNull(i) && number > int64(n.count(key)) {
			n.next(key)
			n.now.set(key, int32(min(number, math.MaxInt32)))
		}
	}
}

// Before notes what was counted before all that n has counted, as long as n does not remember limit keys. Where numbers
// were kept the highest of both counts; else the rows of both are added.
func (n *Numbers) Before(older *Numbers, kept bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, before := range older.now.counts {
		if before == 0 {
			continue
		}
		key := older.now.keys[i]
		count := n.count(key)
		if count == 0 && n.limit > 0 && n.now.used+n.older.used >= n.limit {
			continue
		}
		if kept {
			count = max(count, before)
		} else {
			count += before
		}
		if n.now.get(key) > 0 {
			n.now.set(key, count)
		} else {
			n.older.set(key, count)
		}
	}
}

// Used is how many base keys are remembered.
func (n *Numbers) Used() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now.used + n.older.used
}

func (n *Numbers) count(base Key) int32 {
	if count := n.now.get(base); count > 0 {
		return count
	}
	return n.older.get(base)
}

// counts is a map from keys to numbers above 0: open addressing, at most three quarters full.
type counts struct {
	keys   []Key
	counts []int32 // 0: the slot is free
	used   int
}

func (c *counts) slot(key Key) int {
	mask := uint64(len(c.keys) - 1)
	at := binary.LittleEndian.Uint64(key[:]) & mask
	for c.counts[at] != 0 && c.keys[at] != key {
		at = (at + 1) & mask
	}
	return int(at)
}

func (c *counts) get(key Key) int32 {
	if c.used == 0 {
		return 0
	}
	return c.counts[c.slot(key)]
}

func (c *counts) set(key Key, count int32) {
	c.grow(1)
	at := c.slot(key)
	if c.counts[at] == 0 {
		c.used++
	}
	c.keys[at], c.counts[at] = key, count
}

// grow makes room for more keys.
func (c *counts) grow(more int) {
	size := max(16, len(c.keys))
	for 4*(c.used+more) > 3*size {
		size *= 2
	}
	if size == len(c.keys) {
		return
	}
	old := *c
	c.keys, c.counts = make([]Key, size), make([]int32, size)
	for i, count := range old.counts {
		if count != 0 {
			at := c.slot(old.keys[i])
			c.keys[at], c.counts[at] = old.keys[i], count
		}
	}
}

// Number gives every row of a frame its key, in the order of the rows: with the running number where there is one, which
// also becomes a column where the model names it.
func (r *Rows) Number(f *Frame, n *Numbers) error {
	if f.Keys != nil {
		return fmt.Errorf("number %d rows twice", len(f.Keys))
	}
	if !r.Numbered() {
		f.Keys = f.Base
		return nil
	}
	f.Keys = make([]Key, len(f.Base))
	numbers := column.New(column.Int64, len(f.Base))
	n.mu.Lock()
	if n.limit == 0 {
		n.now.grow(len(f.Base))
	}
	for i, base := range f.Base {
		numbers.Ints[i] = n.next(base)
	}
	n.mu.Unlock()
	for i, base := range f.Base {
		f.Keys[i] = numberedKey(base, numbers.Ints[i])
	}
	if r.data.Key != nil {
		f.Table.Set(r.data.Key.Number, numbers)
	}
	return nil
}
