package boost

import (
	"fmt"
	"testing"
)

// BenchmarkTrain measures whole trainings, binning included: ns/op divided by trees is the time of a tree.
func BenchmarkTrain(b *testing.B) {
	for _, c := range []struct {
		rows, columns, leaves, depth, trees, threads int
	}{
		{450_000, 12, 63, 0, 100, 1},
		{450_000, 12, 63, 0, 100, 2},
		{1_000_000, 28, 64, 6, 20, 1},
	} {
		b.Run(fmt.Sprintf("%dx%d_%dleaves_%dthreads", c.rows, c.columns, c.leaves, c.threads), func(b *testing.B) {
			d := world{rows: c.rows, columns: c.columns, seed: 3}.table(Binary, 2)
			p := DefaultParams(Binary)
			p.Leaves, p.Depth, p.Trees, p.Threads = c.leaves, c.depth, c.trees, c.threads
			for b.Loop() {
				mustTrain(b, p, d, nil, nil)
			}
		})
	}
}
