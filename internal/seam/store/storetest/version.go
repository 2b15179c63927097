package storetest

import (
	"slices"
	"strings"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

func addVersion(d *desk, tx store.Tx, model string) rondo.VersionID {
	d.Helper()
	v := &rondo.Version{Model: model, Loss: 0.25}
	d.ok(tx.Versions().Add(v))
	return v.ID
}

var states = []rondo.VersionState{rondo.Candidate, rondo.Challenger, rondo.Champion, rondo.Retired, rondo.Rejected}

// paths leads to each state from a new version.
var paths = map[rondo.VersionState][]rondo.VersionState{
	rondo.Candidate: nil, rondo.Challenger: {rondo.Challenger}, rondo.Champion: {rondo.Champion},
	rondo.Retired: {rondo.Champion, rondo.Retired}, rondo.Rejected: {rondo.Rejected},
}

func testVersions(d *desk) {
	threshold := 0.5
	v := &rondo.Version{Model: "m", Digest: "d", Cycle: "c", Dataset: "data_1", Threshold: &threshold, Trained: [2]time.Time{start, start}}
	d.write(func(tx store.Tx) {
		d.ok(tx.Versions().Add(v))
		d.same([]any{v.ID, v.Number, v.State, v.Made}, []any{rondo.VersionID("m/1"), 1, rondo.Candidate, start})
		d.same(addVersion(d, tx, "m"), rondo.VersionID("m/2"))
		d.same(addVersion(d, tx, "other"), rondo.VersionID("other/1"))
		d.kind(tx.Versions().Add(&rondo.Version{Model: "m", State: rondo.Champion}), rondo.Invalid)
		d.is(tx.Versions().Move("m/9", rondo.Champion), store.ErrNotFound)
		_, err := tx.Versions().Get("m/9")
		d.is(err, store.ErrNotFound)
	})
	d.reopen()
	d.read(func(tx store.Tx) {
		d.same(must[*rondo.Version](d)(tx.Versions().Get("m/1")), v)
		d.same(len(must[[]*rondo.Version](d)(tx.Versions().List("m"))), 2)
	})
	// Every pair of states: what the table of transitions allows is done, all else is a conflict and changes nothing.
	for _, from := range states {
		for _, to := range states {
			model := strings.ReplaceAll(string(from+"-"+to), " ", "")
			d.write(func(tx store.Tx) {
				id := addVersion(d, tx, model)
				for _, step := range paths[from] {
					d.ok(tx.Versions().Move(id, step))
				}
				want := from
				err := tx.Versions().Move(id, to)
				if slices.Contains(rondo.VersionTransitions[from], to) {
					d.ok(err)
					want = to
				} else {
					d.kind(err, rondo.Conflict)
				}
				d.same(must[*rondo.Version](d)(tx.Versions().Get(id)).State, want)
			})
		}
	}
}

func testChampion(d *desk) {
	move := func(id rondo.VersionID, to rondo.VersionState) {
		d.Helper()
		d.write(func(tx store.Tx) { d.ok(tx.Versions().Move(id, to)) })
		d.later(time.Hour)
	}
	answered := func(id rondo.VersionID, from, until int) { // hours after start; -1: not
		d.Helper()
		hour := func(n int) *time.Time {
			if n < 0 {
				return nil
			}
			at := start.Add(time.Duration(n) * time.Hour)
			return &at
		}
		d.read(func(tx store.Tx) {
			v := must[*rondo.Version](d)(tx.Versions().Get(id))
			d.same([]*time.Time{v.From, v.Until}, []*time.Time{hour(from), hour(until)})
		})
	}
	d.write(func(tx store.Tx) {
		addVersion(d, tx, "m")
		addVersion(d, tx, "m")
		addVersion(d, tx, "other")
	})
	move("m/1", rondo.Champion) // hour 0
	answered("m/1", 0, -1)
	d.write(func(tx store.Tx) {
		d.is(tx.Versions().Move("m/2", rondo.Champion), store.ErrExists)
		d.ok(tx.Versions().Move("other/1", rondo.Champion))
	})
	move("m/1", rondo.Retired)  // hour 1
	move("m/2", rondo.Champion) // hour 2
	answered("m/1", 0, 1)
	answered("m/2", 2, -1)
	move("m/2", rondo.Retired)  // hour 3
	move("m/1", rondo.Champion) // hour 4: a rollback
	answered("m/1", 4, -1)
	answered("m/2", 2, 3)
}

func testRoutes(d *desk) {
	r := store.Route{Model: "m", Champion: "m/1", Challenger: "m/2", Share: 0.05, Salt: "s", Parent: "m/0"}
	d.write(func(tx store.Tx) {
		_, err := tx.Versions().Route("m")
		d.is(err, store.ErrNotFound)
		set := must[int](d)
		d.same(set(tx.Versions().SetRoute(r)), 1)
		d.same(set(tx.Versions().SetRoute(store.Route{Model: "a", Champion: "a/1"})), 1)
		r.Share = 0.5
		d.same(set(tx.Versions().SetRoute(r)), 2)
		for _, bad := range []float64{-0.1, 1.1} {
			_, err := tx.Versions().SetRoute(store.Route{Model: "m", Share: bad})
			d.kind(err, rondo.Invalid)
		}
	})
	d.reopen()
	d.read(func(tx store.Tx) {
		r.Generation = 2
		d.same(must[store.Route](d)(tx.Versions().Route("m")), r)
		d.same(must[[]store.Route](d)(tx.Versions().Routes()), []store.Route{r, {Model: "a", Generation: 1, Champion: "a/1"}})
	})
}
