package storetest

import (
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

func testModels(d *desk) {
	spec := &rondo.Spec{Name: "flights", Task: rondo.Task{Kind: rondo.Binary, Target: "late"}, Train: rondo.Train{Trees: 100}}
	d.write(func(tx store.Tx) {
		m, changed, err := tx.Models().Apply(spec, "d1", "/a")
		d.ok(err)
		d.same(changed, true)
		want := *spec
		want.Dir = "/a"
		d.same(m, store.Model{Name: "flights", Revision: 1, Spec: &want, Digest: "d1", Dir: "/a", Applied: start})
	})
	d.later(time.Hour)
	changedSpec := *spec
	changedSpec.Train.Trees = 200
	d.write(func(tx store.Tx) {
		m, changed, err := tx.Models().Apply(spec, "d1", "/a")
		d.ok(err)
		d.same(changed, false)
		d.same(m.Revision, 1)
		d.same(m.Applied, start)
		m, changed, err = tx.Models().Apply(spec, "d1", "/moved") // the same declaration from another folder
		d.ok(err)
		d.same(changed, false)
		d.same(m.Dir, "/moved")
		m, changed, err = tx.Models().Apply(&changedSpec, "d2", "/b")
		d.ok(err)
		d.same(changed, true)
		d.same(m.Revision, 2)
		_, _, err = tx.Models().Apply(&rondo.Spec{Name: "bikes"}, "d3", "/c")
		d.ok(err)
		d.ok(tx.Models().SetPaused("flights", true))
		d.is(tx.Models().SetPaused("ships", true), store.ErrNotFound)
		_, changed, err = tx.Models().Apply(spec, "d1", "/a") // back to what was once: a new revision
		d.ok(err)
		d.same(changed, true)
	})
	d.reopen()
	d.read(func(tx store.Tx) {
		get := must[store.Model](d)
		m := get(tx.Models().Get("flights"))
		d.same(m.Revision, 3)
		d.same(m.Paused, true)
		m = get(tx.Models().Revision("flights", 2))
		d.same(m.Spec.Train.Trees, 200)
		d.same(m.Applied, start.Add(time.Hour))
		d.same(get(tx.Models().Revision("flights", 1)).Dir, "/moved")
		_, err := tx.Models().Revision("flights", 4)
		d.is(err, store.ErrNotFound)
		_, err = tx.Models().Get("ships")
		d.is(err, store.ErrNotFound)
		var names []string
		for _, m := range must[[]store.Model](d)(tx.Models().List()) {
			names = append(names, m.Name)
		}
		d.same(names, []string{"flights", "bikes"})
	})
}

func testCycles(d *desk) {
	first := rondo.Cycle{ID: "cycle_1", Model: "m", Cause: rondo.ByFirst, Revision: 1, Started: start}
	d.write(func(tx store.Tx) {
		c := tx.Cycles()
		d.ok(c.Add(first))
		d.is(c.Add(first), store.ErrExists)
		d.is(c.Add(rondo.Cycle{ID: "cycle_2", Model: "m", Cause: rondo.ByAge}), store.ErrExists)
		d.ok(c.Add(rondo.Cycle{ID: "cycle_2", Model: "other", Cause: rondo.ByAge}))
		d.same(must[rondo.Cycle](d)(c.Open("m")), first)
		_, err := c.Open("third")
		d.is(err, store.ErrNotFound)
		d.is(c.End("cycle_9", rondo.Failed, ""), store.ErrNotFound)
	})
	d.later(time.Minute)
	d.write(func(tx store.Tx) {
		c := tx.Cycles()
		d.ok(c.End("cycle_1", rondo.Promoted, "m/1"))
		d.kind(c.End("cycle_1", rondo.Failed, ""), rondo.Conflict)
		_, err := c.Open("m")
		d.is(err, store.ErrNotFound)
		d.ok(c.Add(rondo.Cycle{ID: "cycle_3", Model: "m", Cause: rondo.ByRegret, Revision: 2}))
		ended := start.Add(time.Minute)
		want := first
		want.Ended, want.Outcome, want.Version = &ended, rondo.Promoted, "m/1"
		third := rondo.Cycle{ID: "cycle_3", Model: "m", Cause: rondo.ByRegret, Revision: 2, Started: ended}
		d.same(must[[]rondo.Cycle](d)(c.List("m", 0)), []rondo.Cycle{want, third})
		d.same(must[[]rondo.Cycle](d)(c.List("m", 1)), []rondo.Cycle{third})
		d.same(must[rondo.Cycle](d)(c.Get("cycle_1")), want)
		_, err = c.Get("cycle_9")
		d.is(err, store.ErrNotFound)
		_, err = c.List("m", -1)
		d.kind(err, rondo.Invalid)
	})
}

func testRecords(d *desk) {
	score := 0.25
	set := &rondo.Dataset{ID: "data_1", Model: "m", Digest: "abc", From: start, To: start.Add(time.Hour),
		Parts: []rondo.Part{{Name: rondo.TrainPart, Rows: 3, Object: "o"}}, Quarantine: []rondo.Reason{{Reason: "r", Rows: 2}}}
	run := &rondo.Run{ID: "run_1", Model: "m", Dataset: "data_1", Attempt: 2, CPU: time.Second,
		Rounds: []rondo.Round{{Round: 1, Train: 0.5, Validation: &score}}}
	eval := &rondo.Evaluation{ID: "eval_1", Model: "m", Run: "run_1", Verdict: rondo.Met, Threshold: &score}
	d.write(func(tx store.Tx) {
		r := tx.Records()
		d.ok(r.AddDataset(set))
		d.ok(r.AddRun(run))
		d.ok(r.AddEvaluation(eval))
		d.is(r.AddDataset(set), store.ErrExists)
		d.is(r.AddRun(run), store.ErrExists)
		d.is(r.AddEvaluation(eval), store.ErrExists)
		d.ok(r.AddRun(&rondo.Run{ID: "run_0", Model: "m"})) // lists are in order of making, not of id
		d.ok(r.AddRun(&rondo.Run{ID: "run_2", Model: "other"}))
	})
	d.reopen()
	d.read(func(tx store.Tx) {
		r := tx.Records()
		d.same(must[*rondo.Dataset](d)(r.Dataset("data_1")), set)
		d.same(must[*rondo.Run](d)(r.Run("run_1")), run)
		d.same(must[*rondo.Evaluation](d)(r.Evaluation("eval_1")), eval)
		d.same(must[[]*rondo.Dataset](d)(r.Datasets("m")), []*rondo.Dataset{set})
		d.same(must[[]*rondo.Run](d)(r.Runs("m")), []*rondo.Run{run, {ID: "run_0", Model: "m"}})
		d.same(must[[]*rondo.Evaluation](d)(r.Evaluations("m")), []*rondo.Evaluation{eval})
		_, err := r.Dataset("x")
		d.is(err, store.ErrNotFound)
		_, err = r.Run("x")
		d.is(err, store.ErrNotFound)
		_, err = r.Evaluation("x")
		d.is(err, store.ErrNotFound)
	})
}

func testUses(d *desk) {
	d.write(func(tx store.Tx) {
		use := func(model string, rows rondo.Digest, name string, number, want int) {
			d.Helper()
			d.same(must[int](d)(tx.Records().UseTestRows(model, rows, name, number)), want)
		}
		use("m", "rows", "a", 1, 1)
		use("m", "rows", "b", 2, 2)
		use("m", "rows", "a", 3, 1) // counted already
		use("m", "others", "c", 3, 3)
		use("n", "rows", "c", 1, 1)
		_, err := tx.Records().UseTestRows("m", "rows", "d", 2)
		d.is(err, store.ErrExists)
	})
	d.reopen()
	d.read(func(tx store.Tx) {
		d.same(must[[]store.TestUse](d)(tx.Records().TestUses("m")), []store.TestUse{
			{Rows: "others", Use: "c", Number: 3}, {Rows: "rows", Use: "a", Number: 1}, {Rows: "rows", Use: "b", Number: 2}})
		d.same(must[[]store.TestUse](d)(tx.Records().TestUses("x")), []store.TestUse(nil))
	})
}

func testDecisions(d *desk) {
	one := &rondo.Decision{ID: "dec_1", Model: "m", Cycle: "cycle_1", Step: "step_1", Outcome: rondo.Promoted, Rule: "bars",
		At: start, Numbers: []rondo.Fact{rondo.Numeric("auc", 0.7), rondo.Textual("why", "met")}}
	d.write(func(tx store.Tx) {
		s := tx.Decisions()
		d.ok(s.Add(one))
		again := *one
		again.ID = "dec_2"
		d.is(s.Add(&again), store.ErrExists)
		again.Rule = "better"
		d.ok(s.Add(&again))
		d.is(s.Add(one), store.ErrExists)
		loose := &rondo.Decision{ID: "dec_3", Model: "m", Rule: "guard", Outcome: rondo.Waiting}
		d.ok(s.Add(loose))
		d.same(loose.At, start)
		d.ok(s.Add(&rondo.Decision{ID: "dec_4", Model: "m", Rule: "guard"})) // without a step there may be many
	})
	d.reopen()
	d.read(func(tx store.Tx) {
		ids := func(ds []*rondo.Decision, err error) (out []rondo.DecisionID) {
			d.ok(err)
			for _, x := range ds {
				out = append(out, x.ID)
			}
			return out
		}
		s := tx.Decisions()
		d.same(ids(s.List("m", 0)), []rondo.DecisionID{"dec_1", "dec_2", "dec_3", "dec_4"})
		d.same(ids(s.List("m", 2)), []rondo.DecisionID{"dec_3", "dec_4"})
		d.same(ids(s.ByCycle("cycle_1")), []rondo.DecisionID{"dec_1", "dec_2"})
		d.same(must[[]*rondo.Decision](d)(s.List("m", 0))[0], one)
	})
}
