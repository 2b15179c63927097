package storetest

import (
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// addSteps adds steps of model m, due at start + their minutes.
func addSteps(d *desk, minutes map[rondo.StepID]int, order ...rondo.StepID) {
	d.Helper()
	d.write(func(tx store.Tx) {
		for _, id := range order {
			d.ok(tx.Steps().Add(store.Step{ID: id, Model: "m", Cycle: "cycle_1", Kind: "train", Name: string(id),
				Due: start.Add(time.Duration(minutes[id]) * time.Minute), Input: []byte(`{}`)}))
		}
	})
}

// lease takes a step for a minute; "" is none.
func (d *desk) lease(worker string) (got store.Step) {
	d.Helper()
	d.write(func(tx store.Tx) {
		s, err := tx.Steps().Lease(worker, tx.Now().Add(time.Minute))
		if err != nil {
			d.is(err, store.ErrNotFound)
			return
		}
		got = s
	})
	return got
}

func testLease(d *desk) {
	addSteps(d, map[rondo.StepID]int{"late": 5, "a": 0, "b": -1, "c": 0}, "late", "a", "b", "c")
	first := d.lease("w")
	d.same(first, store.Step{ID: "b", Model: "m", Cycle: "cycle_1", Kind: "train", Name: "b", State: store.StepLeased,
		Due: start.Add(-time.Minute), Attempt: 1, Worker: "w", LeaseUntil: start.Add(time.Minute), Input: []byte(`{}`), Made: start})
	d.same(d.lease("w").ID, rondo.StepID("a"))
	d.same(d.lease("v").ID, rondo.StepID("c"))
	d.same(d.lease("v").ID, rondo.StepID(""))
	d.read(func(tx store.Tx) {
		d.same(must[time.Time](d)(tx.Steps().NextDue()), start.Add(5*time.Minute))
	})

	d.later(time.Minute) // all three leases have run out: the oldest due is taken again
	again := d.lease("v")
	d.same(again.ID, rondo.StepID("b"))
	d.same(again.Attempt, 2)
	d.same(again.Worker, "v")
	d.later(4 * time.Minute)
	d.same(d.lease("v").ID, rondo.StepID("b")) // its second lease has run out too
	d.same(d.lease("v").ID, rondo.StepID("a"))
	d.same(d.lease("v").ID, rondo.StepID("c"))
	d.same(d.lease("v").ID, rondo.StepID("late"))
	d.same(d.lease("v").ID, rondo.StepID(""))
	d.read(func(tx store.Tx) {
		_, err := tx.Steps().NextDue()
		d.is(err, store.ErrNotFound)
	})
}

// TestSecondWorkerCannotCommitAfterLeaseExpiry of RULES I2: the ghost is refused, the new attempt moves on.
func testFence(d *desk) {
	addSteps(d, nil, "s")
	ghost := d.lease("w")
	d.write(func(tx store.Tx) { d.ok(tx.Steps().Renew("s", ghost.Attempt, tx.Now().Add(2*time.Minute))) })
	d.later(time.Minute)
	d.same(d.lease("v").ID, rondo.StepID("")) // renewed in time
	d.later(time.Minute)
	d.write(func(tx store.Tx) { d.ok(tx.Steps().Fence("s", ghost.Attempt)) }) // run out, but nobody took it
	heir := d.lease("v")
	d.same(heir.Attempt, 2)
	d.write(func(tx store.Tx) {
		s := tx.Steps()
		d.is(s.Fence("s", ghost.Attempt), store.ErrLeaseLost)
		d.is(s.Renew("s", ghost.Attempt, tx.Now()), store.ErrLeaseLost)
		d.is(s.Finish("s", ghost.Attempt, nil), store.ErrLeaseLost)
		d.is(s.Fail("s", ghost.Attempt, "late", store.StepFailed, tx.Now()), store.ErrLeaseLost)
		d.is(s.Postpone("s", ghost.Attempt, tx.Now(), nil), store.ErrLeaseLost)
		d.is(s.Fence("s", heir.Attempt+1), store.ErrLeaseLost)
		d.is(s.Fence("nobody", 1), store.ErrNotFound)
		d.is(s.Finish("nobody", 1, nil), store.ErrNotFound)
		d.ok(s.Fence("s", heir.Attempt))
		d.ok(s.Finish("s", heir.Attempt, []byte(`{"ok":1}`)))
		d.is(s.Finish("s", heir.Attempt, nil), store.ErrLeaseLost) // a step ends once
		d.is(s.Fence("s", heir.Attempt), store.ErrLeaseLost)
	})
	d.reopen()
	d.read(func(tx store.Tx) {
		got := must[store.Step](d)(tx.Steps().Get("s"))
		ended := start.Add(2 * time.Minute)
		d.same(got, store.Step{ID: "s", Model: "m", Cycle: "cycle_1", Kind: "train", Name: "s", State: store.StepDone, Due: start,
			Attempt: 2, Worker: "v", Input: []byte(`{}`), Output: []byte(`{"ok":1}`), Made: start, Ended: &ended})
	})
	d.later(time.Hour)
	d.same(d.lease("v").ID, rondo.StepID(""))
}

func testFail(d *desk) {
	addSteps(d, nil, "s", "poison")
	d.write(func(tx store.Tx) {
		s := tx.Steps()
		one := must[store.Step](d)(s.Lease("w", tx.Now().Add(time.Minute)))
		two := must[store.Step](d)(s.Lease("w", tx.Now().Add(time.Minute)))
		d.kind(s.Fail(one.ID, 1, "x", store.StepDone, tx.Now()), rondo.Invalid)
		d.ok(s.Fail(one.ID, 1, "no disk", store.StepOpen, start.Add(10*time.Minute)))
		d.ok(s.Fail(two.ID, 1, "bad", store.StepParked, time.Time{}))
	})
	d.same(d.lease("w").ID, rondo.StepID("")) // not before its retry
	d.read(func(tx store.Tx) {
		unfinished := must[[]store.Step](d)(tx.Steps().Unfinished("m"))
		d.same(len(unfinished), 1)
		d.same(unfinished[0].Failures, 1)
		d.same(unfinished[0].Error, "no disk")
		d.same(unfinished[0].Due, start.Add(10*time.Minute))
		parked := must[store.Step](d)(tx.Steps().Get("poison"))
		d.same(parked.State, store.StepParked)
		d.same(*parked.Ended, start)
	})
	d.later(10 * time.Minute)
	retried := d.lease("w")
	d.same(retried.Attempt, 2)
	d.same(retried.Failures, 1)
	d.write(func(tx store.Tx) {
		d.ok(tx.Steps().Fail("s", 2, "again", store.StepFailed, time.Time{}))
		d.same(len(must[[]store.Step](d)(tx.Steps().Unfinished("m"))), 0)
		d.same(must[store.Step](d)(tx.Steps().Get("s")).Failures, 2)
		parked := must[[]store.Step](d)(tx.Steps().Parked("m"))
		d.same(len(parked), 1) // the failed one has ended for good
		d.same(parked[0].ID, rondo.StepID("poison"))
		d.same(must[int](d)(tx.Steps().Unpark("other")), 0)
		d.same(must[int](d)(tx.Steps().Unpark("m")), 1)
		d.same(len(must[[]store.Step](d)(tx.Steps().Parked("m"))), 0)
	})
	mended := d.lease("w")
	d.same(mended.ID, rondo.StepID("poison"))
	d.same(mended.Attempt, 2)
	d.same(mended.Failures, 0)
	d.same(mended.Ended == nil, true)
	d.write(func(tx store.Tx) {
		d.ok(tx.Steps().Fail("poison", 2, "again", store.StepOpen, tx.Now()))
	})
	again := d.lease("w")
	d.same(again.Failures, 1)
	d.write(func(tx store.Tx) {
		d.ok(tx.Steps().Postpone("poison", 3, tx.Now(), nil))
		d.same(must[store.Step](d)(tx.Steps().Get("poison")).Failures, 0) // what went well in between is a new beginning
	})
}

func testPostpone(d *desk) {
	addSteps(d, nil, "a", "b")
	a, b := d.lease("w"), d.lease("old")
	d.write(func(tx store.Tx) {
		d.ok(tx.Steps().Postpone(a.ID, a.Attempt, start.Add(time.Hour), []byte(`"so far"`)))
		d.is(tx.Steps().Finish(a.ID, a.Attempt, nil), store.ErrLeaseLost) // given back
	})
	d.same(d.lease("w").ID, rondo.StepID(""))
	d.write(func(tx store.Tx) {
		d.ok(tx.Steps().Wake("m", "other"))
		d.ok(tx.Steps().Wake("other", "train"))
	})
	d.same(d.lease("w").ID, rondo.StepID(""))
	d.write(func(tx store.Tx) { d.ok(tx.Steps().Wake("m", "train")) })
	woken := d.lease("w")
	d.same(woken.ID, a.ID)
	d.same(woken.Failures, 0)
	d.same(string(woken.Output), `"so far"`)

	d.write(func(tx store.Tx) { d.same(must[int](d)(tx.Steps().FreeWorkersExcept("w")), 1) })
	freed := d.lease("new")
	d.same(freed.ID, b.ID)
	d.same(freed.Attempt, 2)
	d.write(func(tx store.Tx) { d.is(tx.Steps().Finish(b.ID, b.Attempt, nil), store.ErrLeaseLost) })
}

func testStepOnce(d *desk) {
	step := store.Step{ID: "s", Model: "m", Cycle: "cycle_1", Kind: "train", Name: "x", Due: start}
	d.write(func(tx store.Tx) {
		s := tx.Steps()
		d.ok(s.Add(step))
		d.is(s.Add(step), store.ErrExists)
		same := step
		same.ID = "t"
		d.is(s.Add(same), store.ErrExists)
		same.Name = "y"
		d.ok(s.Add(same))
		day := store.Step{ID: "d1", Model: "m", Kind: "day", Name: "2026-03-01", Due: start}
		d.ok(s.Add(day))
		day.ID = "d2"
		d.is(s.Add(day), store.ErrExists)
		day.Model = "other" // work outside a cycle belongs to its model
		d.ok(s.Add(day))
		done := step
		done.ID, done.Name, done.State = "z", "z", store.StepDone
		d.kind(s.Add(done), rondo.Invalid)
		var ids []rondo.StepID
		for _, x := range must[[]store.Step](d)(s.ByCycle("cycle_1")) {
			ids = append(ids, x.ID)
		}
		d.same(ids, []rondo.StepID{"s", "t"})
		d.same(len(must[[]store.Step](d)(s.Unfinished("m"))), 3)
	})
}
