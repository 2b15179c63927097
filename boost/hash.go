package boost

// mix is the finaliser of splitmix64 (Steele, Lea and Flood 2014): every input bit moves every output bit. Chance here is
// always mix of names (seed, round, row), never a running generator, so that no draw depends on another.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Draws of different kinds never share numbers.
const (
	drawCuts uint64 = iota + 1
	drawRows
	drawColumns
	drawRounding
	drawPermutation
)

// stream names a family of draws: mix(stream + i*golden) is its i-th.
func stream(seed, kind, round uint64) uint64 {
	return mix(mix(seed+kind*golden) + round*golden)
}

const golden = 0x9e3779b97f4a7c15
