package history

import (
	"encoding/binary"

	"rondo.dev/rondo/internal/lib/rowhash"
)

// buckets are numbers grouped, in each group in their order.
type buckets struct {
	items []int32
	from  []int32 // one more than there are groups
}

func (b buckets) of(group int) []int32 { return b.items[b.from[group]:b.from[group+1]] }

// bucket groups items; those without a group are left out.
func bucket(items, group []int32, count int) buckets {
	from := make([]int32, count+2)
	for _, i := range items {
		if g := group[i]; g != rowhash.Null {
			from[g+2]++
		}
	}
	for g := range count {
		from[g+2] += from[g+1]
	}
	out := make([]int32, from[count+1])
	for _, i := range items {
		if g := group[i]; g != rowhash.Null {
			out[from[g+1]] = i
			from[g+1]++
		}
	}
	return buckets{out, from[:count+1]}
}

// keyTable finds the last fact of a key: open addressing over fact numbers, at most half full.
type keyTable struct {
	keys  []rowhash.Key
	slots []int32 // fact number + 1, 0 is free
}

func newKeyTable(keys []rowhash.Key) *keyTable {
	size := 16
	for size < 2*len(keys) {
		size *= 2
	}
	return &keyTable{keys: keys, slots: make([]int32, size)}
}

func (t *keyTable) slot(key rowhash.Key) *int32 {
	mask := uint64(len(t.slots) - 1)
	for at := binary.LittleEndian.Uint64(key[:]) & mask; ; at = (at + 1) & mask {
		if s := &t.slots[at]; *s == 0 || t.keys[*s-1] == key {
			return s
		}
	}
}

// put makes a fact the last one of its key, and gives the one before it, or -1.
func (t *keyTable) put(fact int32) (before int32) {
	s := t.slot(t.keys[fact])
	before, *s = *s-1, fact+1
	return before
}

// find is the last fact of a key, or -1.
func (t *keyTable) find(key rowhash.Key) int32 { return *t.slot(key) - 1 }
