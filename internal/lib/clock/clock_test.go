package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
)

func TestVirtualClockWakesWhoWaitsAndNeverRunsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2001, 2, 1, 0, 0, 0, 0, time.UTC)
		v := clock.NewVirtual(start)
		woken := make(chan error, 1)
		go func() { woken <- v.Until(t.Context(), start.Add(time.Hour)) }()
		v.Set(start.Add(time.Minute))
		synctest.Wait()
		select {
		case <-woken:
			t.Fatal("woken an hour early")
		default:
		}
		v.Set(start.Add(2 * time.Hour))
		if err := <-woken; err != nil {
			t.Fatal(err)
		}
		v.Set(start)
		if got := v.Now(); !got.Equal(start.Add(2 * time.Hour)) {
			t.Fatalf("ran back to %v", got)
		}
	})
}

func TestUntilEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, c := range []clock.Clock{clock.Wall{}, clock.NewVirtual(time.Now())} {
			if err := c.Until(ctx, time.Now().Add(time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%T: %v", c, err)
			}
		}
	})
}
