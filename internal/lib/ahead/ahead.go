// Package ahead answers: how does reading go on while what was read is worked on?
package ahead

import "iter"

// queued is how many batches wait at most.
const queued = 2

type item[T any] struct {
	value T
	err   error
}

// Of gives what seq gives, in its order, and lets it run ahead in a goroutine of its own by a few batches of so many values.
// It asks seq for nothing more after the first error, and seq has ended when Of has.
func Of[T any](seq iter.Seq2[T, error], batch int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		queue, stop := make(chan []item[T], queued), make(chan struct{})
		go func() {
			defer close(queue)
			var items []item[T]
			send := func() bool {
				select {
				case queue <- items:
					items = nil
					return true
				case <-stop:
					return false
				}
			}
			for v, err := range seq {
				items = append(items, item[T]{v, err})
				if (err != nil || len(items) >= batch) && (!send() || err != nil) {
					return
				}
			}
			if len(items) > 0 {
				send()
			}
		}()
		defer func() {
			close(stop)
			for range queue { // until the goroutine has ended
			}
		}()
		for items := range queue {
			for _, i := range items {
				if !yield(i.value, i.err) || i.err != nil {
					return
				}
			}
		}
	}
}
