package storetest

import (
	"math"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

func testValues(d *desk) {
	d.write(func(tx store.Tx) {
		v := tx.Values()
		for _, name := range []string{"day/2", "day/1", "day/10", "detector", "zebra"} {
			d.ok(v.Put("m", name, []byte(name)))
		}
		d.ok(v.Put("n", "day/1", []byte("other")))
		d.ok(v.Put("m", "day/1", []byte("changed")))
		d.ok(v.Put("m", "empty", nil))
	})
	d.reopen()
	d.write(func(tx store.Tx) {
		v := tx.Values()
		d.same(string(must[[]byte](d)(v.Get("m", "day/1"))), "changed")
		d.same(len(must[[]byte](d)(v.Get("m", "empty"))), 0)
		_, err := v.Get("m", "nothing")
		d.is(err, store.ErrNotFound)
		names := func(from, to string) (out []string) {
			for _, x := range must[[]store.Value](d)(v.Range("m", from, to)) {
				out = append(out, x.Name)
			}
			return out
		}
		d.same(names("day/", "day0"), []string{"day/1", "day/10", "day/2"})
		d.same(names("day/1", "day/2"), []string{"day/1", "day/10"})
		d.same(names("detector", ""), []string{"detector", "empty", "zebra"})
		d.ok(v.Delete("m", "day/1"))
		d.is(v.Delete("m", "day/1"), store.ErrNotFound)
		d.same(names("day/", "day0"), []string{"day/10", "day/2"})
		d.same(string(must[[]byte](d)(v.Get("n", "day/1"))), "other")
	})
}

func testLedger(d *desk) {
	entry := func(cause, ref string, minute int, amount rondo.Money) rondo.Entry {
		return rondo.Entry{At: start.Add(time.Duration(minute) * time.Minute), Model: "m", Cause: cause, Ref: ref, Attempt: 1,
			CPU: 1500 * time.Nanosecond, Amount: amount}
	}
	a, b, c := entry("run", "r1", 0, 10), entry("endpoint", "r2", 1, 20), entry("run", "r3", 2, 30)
	d.write(func(tx store.Tx) {
		l := tx.Ledger()
		d.ok(l.Add(a))
		d.is(l.Add(a), store.ErrExists)
		second := a
		second.Attempt = 2
		d.ok(l.Add(b))
		d.ok(l.Add(c))
		d.same(must[[]rondo.Entry](d)(l.Entries("m", 0)), []rondo.Entry{a, b, c})
		d.same(must[[]rondo.Entry](d)(l.Entries("m", 2)), []rondo.Entry{b, c})
		d.same(must[[]store.Total](d)(l.Totals("m", time.Time{}, time.Time{})), []store.Total{
			{Cause: "endpoint", Entries: 1, CPU: 1500, Amount: 20}, {Cause: "run", Entries: 2, CPU: 3000, Amount: 40}})
		d.same(must[[]store.Total](d)(l.Totals("m", b.At, c.At)), []store.Total{{Cause: "endpoint", Entries: 1, CPU: 1500, Amount: 20}})
		d.same(len(must[[]store.Total](d)(l.Totals("n", time.Time{}, time.Time{}))), 0)
		d.ok(l.Add(second)) // another attempt costs again
		d.ok(l.Add(rondo.Entry{Model: "n", Cause: "idle", Ref: "x"}))
		d.same(must[[]rondo.Entry](d)(l.Entries("n", 0))[0].At, start)
	})
}

func testReserve(d *desk) {
	month := start.Add(-24 * time.Hour)
	release := func(l store.Ledger, ref string, want bool) {
		held, err := l.Release("m", ref)
		d.ok(err)
		d.same(held, want)
	}
	d.write(func(tx store.Tx) {
		l := tx.Ledger()
		d.ok(l.Add(rondo.Entry{At: month.Add(-1), Model: "m", Cause: "run", Ref: "long ago", Amount: 1000})) // before from
		d.ok(l.Add(rondo.Entry{At: month, Model: "m", Cause: "run", Ref: "spent", Amount: 40}))
		d.ok(l.Reserve("m", "a", 2, 50, 100, month))
		d.is(l.Reserve("m", "a", 2, 1, 100, month), store.ErrExists)
		d.is(l.Reserve("m", "a", 1, 1, 100, month), store.ErrExists) // a late ghost
		d.kind(l.Reserve("m", "b", 1, 11, 100, month), rondo.OverBudget)
		d.ok(l.Reserve("m", "b", 1, 10, 100, month)) // up to the limit
		d.kind(l.Reserve("m", "c", 1, 1, 100, month), rondo.OverBudget)
		d.kind(l.Reserve("m", "c", 1, math.MaxInt64, 100, month), rondo.OverBudget) // sums saturate
		d.kind(l.Reserve("m", "c", 1, -1, 100, month), rondo.Invalid)
		d.ok(l.Reserve("n", "c", 1, 100, 100, month))                    // another model's money
		d.kind(l.Reserve("m", "a", 3, 51, 100, month), rondo.OverBudget) // refused, and a holds what it held
		d.same(must[[]store.Reservation](d)(l.Reserved("m")), []store.Reservation{
			{Ref: "a", Attempt: 2, Amount: 50, Made: start}, {Ref: "b", Attempt: 1, Amount: 10, Made: start}})
		d.ok(l.Reserve("m", "a", 3, 45, 100, month)) // the next attempt of the same work
		d.ok(l.Add(rondo.Entry{Model: "m", Cause: "run", Ref: "a", Attempt: 3, Amount: 30}))
		release(l, "a", true)
		release(l, "a", false)
		d.ok(l.Reserve("m", "c", 1, 20, 100, month)) // 40 + 30 spent, 10 reserved
		d.kind(l.Reserve("m", "d", 1, 1, 100, month), rondo.OverBudget)
		d.ok(l.Add(rondo.Entry{Model: "m", Cause: "run", Ref: "c", Attempt: 1, Amount: 60})) // more than was held: booked all the same
		release(l, "c", true)
		d.kind(l.Reserve("m", "d", 1, 0, 100, month), rondo.OverBudget)
	})
	d.reopen()
	d.write(func(tx store.Tx) {
		d.kind(tx.Ledger().Reserve("m", "d", 1, 1, 140, month), rondo.OverBudget) // b is reserved still
		d.ok(tx.Ledger().Reserve("m", "d", 1, 1, 141, month))
		d.same(len(must[[]store.Reservation](d)(tx.Ledger().Reserved("n"))), 1)
		d.same(len(must[[]store.Reservation](d)(tx.Ledger().Reserved("nobody"))), 0)
	})
}

func testTokens(d *desk) {
	a := store.Token{Name: "laptop", Hash: [32]byte{1}, Scopes: []string{"admin", "read"}, Made: start}
	b := store.Token{Name: "feed", Hash: [32]byte{2}, Scopes: []string{"events"}, Made: start}
	d.write(func(tx store.Tx) {
		d.ok(tx.Tokens().Add(a))
		d.ok(tx.Tokens().Add(b))
		d.is(tx.Tokens().Add(store.Token{Name: "laptop", Hash: [32]byte{3}}), store.ErrExists)
		d.is(tx.Tokens().Add(store.Token{Name: "third", Hash: [32]byte{2}}), store.ErrExists)
	})
	d.reopen()
	d.write(func(tx store.Tx) {
		d.same(must[store.Token](d)(tx.Tokens().ByHash(b.Hash)), b)
		_, err := tx.Tokens().ByHash([32]byte{9})
		d.is(err, store.ErrNotFound)
		d.same(must[[]store.Token](d)(tx.Tokens().List()), []store.Token{a, b})
		d.ok(tx.Tokens().Revoke("laptop"))
		d.is(tx.Tokens().Revoke("laptop"), store.ErrNotFound)
		_, err = tx.Tokens().ByHash(a.Hash)
		d.is(err, store.ErrNotFound)
	})
}

func testDigests(d *desk) {
	digest := func(n byte) rondo.Digest { return rondo.DigestOf([32]byte{n}) }
	d.write(func(tx store.Tx) {
		d.ok(tx.Values().Put("m", "detector", []byte(`{"model":"`+string(digest(1))+`"}`)))
		d.ok(tx.Values().Put("m", "gone", []byte(digest(2))))
		d.ok(tx.Records().AddRun(&rondo.Run{ID: "run_1", Model: "m", Artefact: digest(3)}))
		d.ok(tx.Records().AddDataset(&rondo.Dataset{ID: "ds_1", Model: "m", Profile: digest(4)}))
		d.ok(tx.Steps().Add(store.Step{ID: "step_1", Model: "m", Kind: "train", Name: "1", Due: tx.Now(), Input: []byte(digest(5))}))
	})
	d.write(func(tx store.Tx) { d.ok(tx.Values().Delete("m", "gone")) })
	d.reopen()
	d.write(func(tx store.Tx) {
		got := must[map[rondo.Digest]bool](d)(tx.Digests())
		d.same(got, map[rondo.Digest]bool{digest(1): true, digest(3): true, digest(4): true, digest(5): true})
	})
}
