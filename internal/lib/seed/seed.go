// Package seed gives chance by name: the same seed and names give the same numbers, and one more name changes no other.
//
// A Source is derived by SHA-256 over the seed and the length-prefixed names, so ("a", "bc") and ("ab", "c") differ.
package seed

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// Seed is where all chance of one installation or one backtest comes from.
type Seed uint64

// Rand is a generator of its own for these names.
func (s Seed) Rand(names ...string) *rand.Rand {
	sum := s.digest(names)
	return rand.New(rand.NewChaCha8(sum))
}

// Uint64 is one number for these names.
func (s Seed) Uint64(names ...string) uint64 {
	sum := s.digest(names)
	return binary.LittleEndian.Uint64(sum[:])
}

// Bytes are 32 bytes for these names; ids under a virtual clock come from them.
func (s Seed) Bytes(names ...string) [32]byte { return s.digest(names) }

func (s Seed) digest(names []string) [32]byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(s))
	for _, n := range names {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(n)))
		b = append(b, n...)
	}
	return sha256.Sum256(b)
}
