package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// history drives a store and its world through the same random transactions.
type history struct {
	*rapid.T
	desk *desk
	tx   store.Tx
	w    *world
}

// testModel runs random transactions that are kept, fail or panic, with a moving clock and reopenings, and compares
// everything after each.
func testModel(d *desk) {
	rapid.Check(d.T, func(t *rapid.T) {
		fresh := &desk{T: d.T, clk: clock.NewVirtual(start), open: d.place(d.T)}
		fresh.reopen()
		defer func() { fresh.st.Close() }()
		h := &history{T: t, desk: fresh, w: newWorld(start)}
		for range rapid.IntRange(1, 25).Draw(t, "transactions") {
			h.transaction()
			h.compare()
		}
	})
}

var errMine = errors.New("mine")

// transaction runs some operations; unless it is kept, the world forgets them.
func (h *history) transaction() {
	if rapid.IntRange(0, 9).Draw(h.T, "reopen") == 0 {
		h.desk.reopen()
	}
	h.desk.later(time.Duration(rapid.IntRange(0, 3).Draw(h.T, "minutes")) * time.Minute)
	h.w.now = h.desk.clk.Now()
	before := h.w.copy()
	end := rapid.SampledFrom([]string{"keep", "keep", "keep", "fail", "panic"}).Draw(h.T, "end")
	err := func() (err error) {
		defer func() {
			if got := recover(); got != nil {
				if got != errMine {
					panic(got)
				}
				err = errMine
			}
		}()
		return h.desk.st.Write(h.desk.Context(), func(tx store.Tx) error {
			h.tx = tx
			for range rapid.IntRange(1, 6).Draw(h.T, "operations") {
				h.operation()
			}
			switch end {
			case "fail":
				return errMine
			case "panic":
				panic(errMine)
			}
			return nil
		})
	}()
	if end == "keep" {
		if err != nil {
			h.Fatalf("write: %v", err)
		}
		return
	}
	if err != errMine {
		h.Fatalf("write ended with %v, want its own error", err)
	}
	h.w = before
}

// agree compares an error with the world's.
func (h *history) agree(what string, got, want error) {
	if class(got) != want {
		h.Fatalf("%s: error %v, want %v", what, got, want)
	}
}

func (h *history) equal(what string, got, want any) {
	if diff := cmp.Diff(want, got); diff != "" {
		h.Fatalf("%s: store (+) beside world (-):\n%s", what, diff)
	}
}

func (h *history) operation() {
	small := func(what string) int { return rapid.IntRange(0, 4).Draw(h.T, what) }
	minute := func(what string) time.Time {
		return h.w.now.Add(time.Duration(rapid.IntRange(-2, 3).Draw(h.T, what)) * time.Minute)
	}
	switch kind := rapid.IntRange(0, 9).Draw(h.T, "operation"); kind {
	case 0, 1:
		n := small("step")
		s := store.Step{ID: rondo.StepID(fmt.Sprint("s", n)), Model: "m", Kind: fmt.Sprint("k", small("kind")), Name: "n", Due: minute("due")}
		h.agree("add", h.tx.Steps().Add(s), h.w.add(s))
	case 2, 3:
		worker, until := fmt.Sprint("w", small("worker")), minute("until")
		got, err := h.tx.Steps().Lease(worker, until)
		want, wantErr := h.w.lease(worker, until)
		h.agree("lease", err, wantErr)
		h.equal("lease", got, want)
	case 4, 5:
		h.onLease(rondo.StepID(fmt.Sprint("s", small("step"))), rapid.IntRange(1, 3).Draw(h.T, "attempt"), minute("at"))
	case 6:
		k := fmt.Sprint("k", small("kind"))
		h.agree("wake", h.tx.Steps().Wake("m", k), nil)
		h.w.wake(k)
		if small("unpark") == 0 {
			got, err := h.tx.Steps().Unpark("m")
			h.agree("unpark", err, nil)
			h.equal("unpark", got, h.w.unpark())
		}
		if small("free") == 0 {
			got, err := h.tx.Steps().FreeWorkersExcept("w0")
			h.agree("free", err, nil)
			h.equal("free", got, h.w.free("w0"))
		}
	case 7:
		h.version()
	case 8:
		h.money(fmt.Sprint("r", small("ref")), rondo.Money(small("amount")))
	case 9:
		name, value := fmt.Sprint("v", small("name")), fmt.Sprint(small("value"))
		if value == "0" {
			var want error
			if _, there := h.w.values[name]; !there {
				want = store.ErrNotFound
			}
			h.agree("delete", h.tx.Values().Delete("m", name), want)
			delete(h.w.values, name)
			return
		}
		h.agree("put", h.tx.Values().Put("m", name, []byte(value)), nil)
		h.w.values[name] = value
	}
}

// onLease is what only the holder of a step may do.
func (h *history) onLease(id rondo.StepID, attempt int, at time.Time) {
	s := h.tx.Steps()
	held, want := h.w.held(id, attempt)
	then := func(f func()) {
		if want == nil {
			f()
		}
	}
	switch op := rapid.IntRange(0, 5).Draw(h.T, "on lease"); op {
	case 0:
		h.agree("renew", s.Renew(id, attempt, at), want)
		then(func() { held.LeaseUntil = at })
	case 1:
		h.agree("fence", s.Fence(id, attempt), want)
	case 2:
		h.agree("finish", s.Finish(id, attempt, []byte(`1`)), want)
		then(func() { h.w.end(held, store.StepDone); held.Output, held.Error = []byte(`1`), "" })
	case 3:
		h.agree("postpone", s.Postpone(id, attempt, at, []byte(`2`)), want)
		then(func() {
			h.w.end(held, store.StepOpen)
			held.Due, held.Output, held.Failures, held.Error = at, []byte(`2`), 0, ""
		})
	default:
		state := rapid.SampledFrom([]store.StepState{store.StepOpen, store.StepOpen, store.StepFailed, store.StepParked}).Draw(h.T, "state")
		h.agree("fail", s.Fail(id, attempt, "why", state, at), want)
		then(func() { h.w.fail(held, "why", state, at) })
	}
}

func (h *history) version() {
	if len(h.w.versions) < 4 && rapid.Bool().Draw(h.T, "new version") {
		v := &rondo.Version{Model: "m"}
		h.agree("add version", h.tx.Versions().Add(v), nil)
		h.equal("version", v.ID, h.w.addVersion())
		return
	}
	n, to := rapid.IntRange(1, 5).Draw(h.T, "version"), rapid.SampledFrom(states).Draw(h.T, "to")
	h.agree("move", h.tx.Versions().Move(rondo.NewVersionID("m", n), to), h.w.move(n, to))
}

func (h *history) money(ref string, amount rondo.Money) {
	l := h.tx.Ledger()
	cause := rapid.SampledFrom([]string{"run", "probe"}).Draw(h.T, "cause")
	e := rondo.Entry{At: h.w.now, Model: "m", Cause: cause, Ref: ref, Attempt: 1, Amount: amount}
	switch rapid.IntRange(0, 2).Draw(h.T, "money") {
	case 0:
		h.agree("book", l.Add(e), h.w.book(e))
	case 1:
		attempt := rapid.IntRange(1, 3).Draw(h.T, "attempt")
		h.agree("reserve", l.Reserve("m", ref, attempt, amount, 20, start), h.w.reserve(ref, attempt, amount, 20))
	case 2:
		held, err := l.Release("m", ref)
		h.agree("release", err, nil)
		h.equal("held", held, h.w.release(ref))
	}
}

// compare reads everything.
func (h *history) compare() {
	err := h.desk.st.Read(h.desk.Context(), func(tx store.Tx) error {
		var unfinished []store.Step
		for _, want := range h.w.steps {
			got, err := tx.Steps().Get(want.ID)
			h.agree("get step", err, nil)
			h.equal("step", got, want)
			if want.Ended == nil {
				unfinished = append(unfinished, want)
			}
		}
		all, err := tx.Steps().Unfinished("m")
		h.agree("unfinished", err, nil)
		h.equal("unfinished", all, unfinished)

		due, err := tx.Steps().NextDue()
		wantDue, wantErr := h.w.nextDue()
		h.agree("next due", err, wantErr)
		h.equal("next due", due, wantDue)

		versions, err := tx.Versions().List("m")
		h.agree("versions", err, nil)
		h.equal("number of versions", len(versions), len(h.w.versions))
		for i, v := range versions {
			h.equal("version", *v, h.w.versions[i])
		}

		values, err := tx.Values().Range("m", "", "")
		h.agree("values", err, nil)
		got := map[string]string{}
		for _, v := range values {
			got[v.Name] = string(v.Value)
		}
		h.equal("values", got, h.w.values)

		totals, err := tx.Ledger().Totals("m", time.Time{}, time.Time{})
		h.agree("totals", err, nil)
		h.equal("totals", totals, h.w.totals())
		entries, err := tx.Ledger().Entries("m", 0)
		h.agree("entries", err, nil)
		h.equal("entries", entries, h.w.entries)
		reserved, err := tx.Ledger().Reserved("m")
		h.agree("reserved", err, nil)
		h.equal("reserved", reserved, h.w.reservations())
		return nil
	})
	h.agree("read", err, nil)
}
