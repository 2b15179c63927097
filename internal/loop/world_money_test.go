package loop_test

import (
	"context"
	"strings"
	"testing"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// spend books so much at once, as a costly endpoint would.
func (w *world) spend(ref string, amount rondo.Money) {
	w.Helper()
	w.must(w.raw.Write(context.Background(), func(tx store.Tx) error {
		return tx.Ledger().Add(rondo.Entry{At: tx.Now(), Model: model, Cause: "endpoint", Ref: ref, Amount: amount})
	}))
}

func (w *world) decisions(rule string) (all []*rondo.Decision) {
	w.Helper()
	w.read(func(tx store.Tx) error {
		decisions, err := tx.Decisions().List(model, 0)
		for _, d := range decisions {
			if d.Rule == rule {
				all = append(all, d)
			}
		}
		return err
	})
	return all
}

func number(d *rondo.Decision, name string) float64 {
	for _, f := range d.Numbers {
		if f.Name == name && f.Number != nil {
			return *f.Number
		}
	}
	return -1
}

// No training is begun that the month's budget does not pay for: not the first, which waits for the next month, not a
// twin, and no new version, whatever the regret.
func TestNothingIsTrainedBeyondTheBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.apply(declared + "budget: {limit: $50/month}\n")
	w.spend("february", 50*rondo.Dollar-1)
	w.settle()
	refused := w.decisions("budget")
	if len(refused) != 1 || refused[0].Outcome != rondo.RefusedIt || len(w.exec.starts) > 0 {
		t.Fatalf("%v; trainings %v", w.story(), w.exec.starts)
	}
	d := refused[0]
	if price, left := number(d, "price, dollars"), number(d, "left, dollars"); price <= 0 || left >= price || number(d, "spent, dollars") < 49.999 || number(d, "budget of the month, dollars") != 50 {
		t.Errorf("%+v", d.Numbers)
	}
	w.days(28) // to the end of February 2024
	if n := len(w.cycles()); n != 1 {
		t.Errorf("%d cycles in a month that has no money", n)
	}
	w.days(2)
	if w.champion() == "" || w.twinOf() != w.champion() {
		t.Fatalf("nothing answers in March: %v", w.story())
	}
	w.days(3)
	w.spend("march", 50*rondo.Dollar)
	starts := len(w.exec.starts)
	w.days(25) // to 30 March
	if len(w.exec.starts) != starts {
		t.Errorf("%d trainings beyond the budget", len(w.exec.starts)-starts)
	}
	refused = w.decisions("budget")[1:]
	if len(refused) == 0 || refused[0].Outcome != rondo.RefusedIt || !strings.Contains(refused[0].Alternatives[0], "anew") {
		t.Errorf("no probe was refused: %v", w.story())
	}
	w.days(40)
	if !promotes(w.story()) {
		t.Errorf("in April nothing was bought: %v", w.story())
	}
}

// Money that a killed attempt holds is taken over by the next one, not held twice, and freed when it is booked.
func TestAKilledTrainingHoldsItsMoneyOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.exec.hold = make(chan struct{})
	ended := make(chan struct{})
	go func() { defer close(ended); _ = w.loop.RunUntilIdle(t.Context()) }()
	w.exec.wait()
	held := func() (all []store.Reservation) {
		w.read(func(tx store.Tx) (err error) { all, err = tx.Ledger().Reserved(model); return err })
		return all
	}
	before := held()
	if len(before) != 1 || before[0].Attempt != 1 || before[0].Amount <= 0 {
		t.Fatalf("while it trains %v is held", before)
	}
	w.life.kill(1)
	close(w.exec.hold)
	<-ended
	if got := held(); len(got) != 1 || got[0] != before[0] {
		t.Errorf("after the kill %v is held, before %v", got, before)
	}
	w.exec.hold = nil
	w.settle()
	w.check()
	if w.champion() == "" || w.lives != 2 {
		t.Errorf("%d lives: %v", w.lives, w.story())
	}
}
