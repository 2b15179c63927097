package boost

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"
)

// BenchmarkTree measures one tree without binning, in CPU time; XGBoost's time on the same rows stands beside it in bench.
func BenchmarkTree(b *testing.B) {
	for _, c := range []struct{ rows, columns, leaves, depth, threads int }{
		{500_000, 12, 63, 0, 1},
		{500_000, 12, 63, 0, 2},
		{1_000_000, 28, 64, 6, 1},
	} {
		b.Run(fmt.Sprintf("%dx%d_leaves%d_threads%d", c.rows, c.columns, c.leaves, c.threads), func(b *testing.B) {
			d := world{rows: c.rows, columns: c.columns, seed: 3}.table(Binary, 2)
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

// BenchmarkTrain is a whole training of 450,000 rows and 100 trees, binning included, with progress and 50,000
// validation rows.
func BenchmarkTrain(b *testing.B) {
	d := world{rows: 450_000, columns: 12, seed: 3}.table(Binary, 2)
	v := world{rows: 50_000, columns: 12, seed: 4}.table(Binary, 2)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads%d", threads), func(b *testing.B) {
			p := DefaultParams(Binary)
			p.Threads = threads
			runs, before := 0.0, cpuSeconds()
			for b.Loop() {
				mustTrain(b, p, d, &v, func(int, float64, float64) {})
				runs++
			}
			b.ReportMetric((cpuSeconds()-before)/runs, "cpu-s/op")
		})
	}
}

// BenchmarkPredict is one row, and a batch, through 100 trees of depth 6, warm. On a busy machine the fastest of many short
// stretches says more than their mean.
func BenchmarkPredict(b *testing.B) {
	const columns = 28
	d := world{rows: 20_000, columns: columns, seed: 3}.table(Binary, 2)
	p := DefaultParams(Binary)
	p.Leaves, p.Depth = 64, 6
	m := mustTrain(b, p, d, nil, nil)
	out := make([]float64, d.Rows)
	rows := func(b *testing.B, stretch int, predict func(values []float32, rows int, out []float64)) {
		fastest, at := time.Duration(math.MaxInt64), 0
		for b.Loop() {
			watch := time.Now()
			predict(d.Values[at*columns:(at+stretch)*columns], stretch, out)
			fastest = min(fastest, time.Since(watch))
			if at += stretch; at+stretch > d.Rows {
				at = 0
			}
		}
		b.ReportMetric(float64(fastest.Nanoseconds())/float64(stretch), "ns/row")
	}
	b.Run("row", func(b *testing.B) {
		rows(b, 200, func(values []float32, n int, out []float64) {
			for r := range n {
				m.Predict(values[r*columns:(r+1)*columns], out)
			}
		})
	})
	b.Run("batch", func(b *testing.B) {
		rows(b, 64*30, func(values []float32, n int, out []float64) { m.PredictBatch(values, n, out, 1) })
	})
	b.Run("walk", func(b *testing.B) {
		rows(b, 64*30, func(values []float32, _ int, out []float64) { m.predictRows(nil, values, out[:64*30]) })
	})
}

func cpuSeconds() float64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}
