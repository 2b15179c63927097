package sqlite

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// BenchmarkWrite is one small row a Write: alone each has its own sync, 32 writers share them. The ratio of rows/s is what
// group commit is worth.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 8, 32, 128} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			commits := 0
			s := openInside(b, Options{OnCommit: func(int) { commits++ }})
			latencies := make([][]time.Duration, writers)
			var next atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				all.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						watch := clock.Start()
						if err := s.Write(b.Context(), put(fmt.Sprint(i))); err != nil {
							b.Error(err)
							return
						}
						latencies[w] = append(latencies[w], watch.Elapsed())
					}
				})
			}
			all.Wait()
			b.StopTimer()
			one := slices.Concat(latencies...)
			slices.Sort(one)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(b.N)/float64(commits/2), "rows/commit")
			b.ReportMetric(float64(one[len(one)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(one[len(one)*99/100].Microseconds()), "p99-us")
		})
	}
}

// BenchmarkStep is what the loop pays for an empty step: a commit to lease it, one to finish it and add the next.
func BenchmarkStep(b *testing.B) {
	s := openInside(b, Options{})
	add := func(tx store.Tx, i int) error {
		return tx.Steps().Add(store.Step{ID: rondo.StepID(fmt.Sprint("step_", i)), Model: "m", Kind: "k", Name: fmt.Sprint(i)})
	}
	if err := s.Write(b.Context(), func(tx store.Tx) error { return add(tx, 0) }); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		var held store.Step
		err := s.Write(b.Context(), func(tx store.Tx) (err error) {
			held, err = tx.Steps().Lease("w", tx.Now().Add(time.Minute))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		err = s.Write(b.Context(), func(tx store.Tx) error {
			if err := tx.Steps().Finish(held.ID, held.Attempt, nil); err != nil {
				return err
			}
			return add(tx, i+1)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead is one route in a snapshot of its own.
func BenchmarkRead(b *testing.B) {
	s := openInside(b, Options{})
	err := s.Write(b.Context(), func(tx store.Tx) error {
		_, err := tx.Versions().SetRoute(store.Route{Model: "m", Champion: "m/1"})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Read(b.Context(), func(tx store.Tx) error { _, err := tx.Versions().Route("m"); return err }); err != nil {
			b.Fatal(err)
		}
	}
}
