package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

func put(tx store.Tx, name, value string) error { return tx.Values().Put("m", name, []byte(value)) }

// value is what everybody sees under a name; "" is no row.
func (d *desk) value(name string) string {
	d.Helper()
	var got string
	d.read(func(tx store.Tx) {
		b, err := tx.Values().Get("m", name)
		if err != nil {
			d.is(err, store.ErrNotFound)
		}
		got = string(b)
	})
	return got
}

func testDurable(d *desk) {
	for i := range 5 {
		d.write(func(tx store.Tx) { d.ok(put(tx, strconv.Itoa(i), "kept")) })
		d.reopen()
		for j := range i + 1 {
			d.same(d.value(strconv.Itoa(j)), "kept")
		}
	}
}

func testFailedWrite(d *desk) {
	d.write(func(tx store.Tx) { d.ok(put(tx, "a", "before")) })
	mine := errors.New("mine")
	err := d.st.Write(d.Context(), func(tx store.Tx) error {
		d.ok(put(tx, "a", "after"))
		d.ok(put(tx, "b", "after"))
		return fmt.Errorf("wrapped: %w", mine)
	})
	d.is(err, mine)
	d.same(d.value("a"), "before")
	d.same(d.value("b"), "")
}

// among runs f in a Write beside nine that succeed, several times, and demands that only the nine are seen.
func among(d *desk, f func(context.Context, int)) {
	for round := range 5 {
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if i == 5 {
					f(d.Context(), round)
					return
				}
				name := fmt.Sprintf("%d/%d", round, i)
				if err := d.st.Write(d.Context(), func(tx store.Tx) error { return put(tx, name, "kept") }); err != nil {
					d.Error(err)
				}
			})
		}
		all.Wait()
		for i := range 10 {
			want := "kept"
			if i == 5 {
				want = ""
			}
			d.same(d.value(fmt.Sprintf("%d/%d", round, i)), want)
		}
	}
}

func testPanic(d *desk) {
	among(d, func(ctx context.Context, round int) {
		defer func() {
			if got := recover(); got != "boom" {
				d.Errorf("panic is %v, want the caller's own", got)
			}
		}()
		_ = d.st.Write(ctx, func(tx store.Tx) error {
			if err := put(tx, fmt.Sprintf("%d/5", round), "lost"); err != nil {
				d.Error(err)
			}
			panic("boom")
		})
	})
}

func testGoexit(d *desk) {
	among(d, func(ctx context.Context, round int) {
		_ = d.st.Write(ctx, func(tx store.Tx) error {
			if err := put(tx, fmt.Sprintf("%d/5", round), "lost"); err != nil {
				d.Error(err)
			}
			runtime.Goexit()
			return nil
		})
	})
}

// A row of a state that the table does not know is refused by the table; swallowing that error must not commit the rest.
func testSpoiled(d *desk) {
	err := d.st.Write(d.Context(), func(tx store.Tx) error {
		d.ok(put(tx, "a", "lost"))
		if tx.Ledger().Add(rondo.Entry{Model: "m", Ref: "r", Cause: "run", CPU: -1}) == nil {
			d.Error("negative CPU was booked")
		}
		return nil
	})
	if err == nil {
		d.Error("a transaction with a failed statement was committed")
	}
	d.same(d.value("a"), "")
}

func testEndedContext(d *desk) {
	ctx, cancel := context.WithCancel(d.Context())
	cancel()
	never := func(store.Tx) error { d.Error("f ran"); return nil }
	d.is(d.st.Write(ctx, never), context.Canceled)
	d.is(d.st.Read(ctx, never), context.Canceled)

	// Once f runs, its context is f's affair.
	ctx, cancel = context.WithCancel(d.Context())
	d.ok(d.st.Write(ctx, func(tx store.Tx) error {
		cancel()
		return put(tx, "a", "kept")
	}))
	d.same(d.value("a"), "kept")
}

func testWaitingContext(d *desk) {
	ctx, cancel := context.WithCancel(d.Context())
	inside, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := d.st.Write(d.Context(), func(tx store.Tx) error {
			close(inside)
			<-leave
			return put(tx, "first", "kept")
		})
		if err != nil {
			d.Error(err)
		}
	})
	<-inside
	for range 4 {
		all.Go(func() {
			err := d.st.Write(ctx, func(store.Tx) error { d.Error("f ran after its context had ended"); return nil })
			if !errors.Is(err, context.Canceled) {
				d.Errorf("error is %v", err)
			}
		})
	}
	cancel()
	close(leave)
	all.Wait()
	d.write(func(tx store.Tx) { d.ok(put(tx, "last", "kept")) })
	d.same(d.value("first"), "kept")
}

func testCounter(d *desk) {
	const writers, each = 8, 25
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				err := d.st.Write(d.Context(), func(tx store.Tx) error {
					b, err := tx.Values().Get("m", "n")
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						return err
					}
					n, _ := strconv.Atoi(string(b)) // no row counts from 0
					return put(tx, "n", strconv.Itoa(n+1))
				})
				if err != nil {
					d.Error(err)
				}
			}
		})
	}
	all.Wait()
	d.same(d.value("n"), strconv.Itoa(writers*each))
}

func testSnapshot(d *desk) {
	d.write(func(tx store.Tx) { d.ok(put(tx, "a", "old")) })
	d.write(func(tx store.Tx) {
		d.ok(put(tx, "a", "new"))
		d.same(d.value("a"), "old") // read in the middle of a write: it neither waits nor sees
	})
	d.read(func(tx store.Tx) {
		get := must[[]byte](d)
		d.same(string(get(tx.Values().Get("m", "a"))), "new")
		d.write(func(tx store.Tx) { d.ok(put(tx, "a", "newer")) })
		d.same(string(get(tx.Values().Get("m", "a"))), "new")
	})
	d.same(d.value("a"), "newer")
}

func testReadOnly(d *desk) {
	err := d.st.Read(d.Context(), func(tx store.Tx) error { return put(tx, "a", "lost") })
	if err == nil {
		d.Error("a Read wrote")
	}
	d.same(d.value("a"), "")
}

func testNow(d *desk) {
	d.write(func(tx store.Tx) {
		d.later(time.Hour)
		d.same(tx.Now(), start)
	})
	d.write(func(tx store.Tx) { d.same(tx.Now(), start.Add(time.Hour)) })
	d.read(func(tx store.Tx) { d.same(tx.Now(), start.Add(time.Hour)) })
}

func testKept(d *desk) {
	var kept []store.Tx
	d.write(func(tx store.Tx) { kept = append(kept, tx) })
	d.read(func(tx store.Tx) { kept = append(kept, tx) })
	for _, tx := range kept {
		if put(tx, "a", "lost") == nil {
			d.Error("a transaction that had ended took a row")
		}
		if _, err := tx.Values().Range("m", "", ""); err == nil {
			d.Error("a transaction that had ended gave rows")
		}
	}
}

func testClosed(d *desk) {
	d.ok(d.st.Close())
	d.ok(d.st.Close())
	d.kind(d.st.Write(d.Context(), func(store.Tx) error { return nil }), rondo.Unavailable)
	d.kind(d.st.Read(d.Context(), func(store.Tx) error { return nil }), rondo.Unavailable)
	d.reopen()
}
