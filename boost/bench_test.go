package boost

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// BenchmarkTree measures one tree without binning, in CPU time; testdata/oracle/pace.py measures XGBoost on the same rows.
func BenchmarkTree(b *testing.B) {
	for _, c := range []struct{ rows, columns, leaves, depth, threads int }{
		{500_000, 12, 63, 0, 1},
		{500_000, 12, 63, 0, 2},
		{1_000_000, 28, 64, 6, 1},
	} {
		b.Run(fmt.Sprintf("%dx%d_leaves%d_threads%d", c.rows, c.columns, c.leaves, c.threads), func(b *testing.B) {
			d := world{rows: c.rows, columns: c.columns, seed: 3}.table(Binary, 2)
			if dir := os.Getenv("BOOST_DUMP"); dir != "" {
				os.WriteFile(fmt.Sprintf("%s/x_%d_%d.f32", dir, c.rows, c.columns), unsafe.Slice((*byte)(unsafe.Pointer(&d.Values[0])), 4*len(d.Values)), 0o644)
				os.WriteFile(fmt.Sprintf("%s/y_%d_%d.f64", dir, c.rows, c.columns), unsafe.Slice((*byte)(unsafe.Pointer(&d.Labels[0])), 8*len(d.Labels)), 0o644)
			}
			p := DefaultParams(Binary)
			p.Leaves, p.Depth, p.Threads, p.Rate = c.leaves, c.depth, c.threads, 0.1
			s, err := newSession(context.Background(), p, d, nil)
			if err != nil {
				b.Fatal(err)
			}
			round := uint64(0)
			before := cpuSeconds()
			for b.Loop() {
				round++
				if err := s.round(context.Background(), round); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(1000*(cpuSeconds()-before)/float64(round), "cpu-ms/tree")
		})
	}
}

// BenchmarkTrain is the whole training of the largest usual table: 450,000 rows, 100 trees, binning included.
func BenchmarkTrain(b *testing.B) {
	d := world{rows: 450_000, columns: 12, seed: 3}.table(Binary, 2)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads%d", threads), func(b *testing.B) {
			p := DefaultParams(Binary)
			p.Threads = threads
			for b.Loop() {
				mustTrain(b, p, d, nil, nil)
			}
		})
	}
}

func cpuSeconds() float64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}
