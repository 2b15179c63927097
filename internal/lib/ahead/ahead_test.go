package ahead_test

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"rondo.dev/rondo/internal/lib/ahead"
)

// numbers gives 0 to n-1, then fails where it is to; ended tells when it has ended.
func numbers(n int, fails error, ended *bool) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		defer func() { *ended = true }()
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if fails != nil {
			if yield(-1, fails) {
				panic("asked for more after an error")
			}
		}
	}
}

func TestOrderErrorsAndEnds(t *testing.T) {
	broken := errors.New("broken")
	for _, n := range []int{0, 1, 7, 8, 100} {
		for _, batch := range []int{1, 8} {
			for _, fails := range []error{nil, broken} {
				for _, take := range []int{1, 9, 1000} {
					ended := false
					var got []int
					var failed error
					for v, err := range ahead.Of(numbers(n, fails, &ended), batch) {
						if failed = err; err != nil {
							break
						}
						if got = append(got, v); len(got) == take {
							break
						}
					}
					want := min(n, take)
					if len(got) != want || !slices.IsSorted(got) || want > 0 && got[want-1] != want-1 {
						t.Errorf("%d in batches of %d: %v", n, batch, got)
					}
					if whole := n < take; (failed != nil) != (whole && fails != nil) {
						t.Errorf("%d in batches of %d, take %d, fails %v: error %v", n, batch, take, fails, failed)
					}
					if !ended {
						t.Errorf("%d in batches of %d, take %d: what is read goes on", n, batch, take)
					}
				}
			}
		}
	}
}
