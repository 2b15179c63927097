package loop

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/cost"
)

// overBudget is the rule of what was refused because the month's budget does not pay for it.
const overBudget = "budget"

// reserve holds the predicted price of a step that trains before it is begun (I6). The transaction that books what it came
// to releases it, so money is never held twice, and a killed attempt's is taken over by the next. Where the budget does
// not pay for it, the step ends with what reserve returns, and nothing is begun.
func (l *Loop) reserve(ctx context.Context, w *work) (refused *result, err error) {
	if trainingCauses[w.step.Kind] == "" {
		return nil, nil
	}
	price, err := l.price(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("the price of %s: %w", w.step.Kind, err)
	}
	limit := rondo.Money(math.MaxInt64)
	if w.newest.Spec.Budget > 0 {
		limit = w.newest.Spec.Budget
	}
	var facts []rondo.Fact
	err = l.Store.Write(ctx, func(tx store.Tx) error {
		if err := tx.Steps().Fence(w.step.ID, w.step.Attempt); err != nil {
			return err
		}
		err := tx.Ledger().Reserve(w.step.Model, string(w.step.ID), w.step.Attempt, price, limit, month(tx.Now()))
		if rondo.KindOf(err) != rondo.OverBudget {
			return err
		}
		if _, err := tx.Ledger().Release(w.step.Model, string(w.step.ID)); err != nil { // of an earlier attempt
			return err
		}
		m, err := moneyOf(tx, w.step.Model)
		facts = []rondo.Fact{
			rondo.Numeric("price, dollars", price.Dollars()), rondo.Numeric("left, dollars", max(limit-m.spent-m.reserved, 0).Dollars()),
			rondo.Numeric("budget of the month, dollars", limit.Dollars()), rondo.Numeric("spent, dollars", m.spent.Dollars()),
			rondo.Numeric("reserved, dollars", m.reserved.Dollars()),
		}
		return err
	})
	if err != nil || facts == nil {
		return nil, err
	}
	d := l.decision(w, rondo.RefusedIt, overBudget, facts...)
	r := &result{decisions: []*rondo.Decision{d}, failed: "the budget of the month does not pay for it"}
	if isCheap(w.step.Kind) {
		d.Numbers = append(d.Numbers, rondo.Textual("for a", w.step.Kind))
		d.Alternatives = []string{"it is fitted anew in the next block of days"}
		r.write = func(tx store.Tx) error { return l.owe(tx, w) }
		return r, nil
	}
	d.Alternatives = []string{"raise the budget, or wait for the next month"}
	r.end, r.routed = &ending{outcome: rondo.RefusedIt}, w.route != nil
	r.write = func(tx store.Tx) error { return l.endTrial(tx, w.step.Model) }
	return r, nil
}

// month is when the calendar month of an instant began, in UTC.
func month(now time.Time) time.Time {
	now = now.UTC()
	return time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// money is what this calendar month has cost, and what is held for work that goes on.
type money struct {
	spent, trained, reserved rondo.Money
}

func moneyOf(tx store.Tx, model string) (m money, err error) {
	now := tx.Now()
	totals, err := tx.Ledger().Totals(model, month(now), now.Add(time.Microsecond))
	if err != nil {
		return m, err
	}
	for _, t := range totals {
		m.spent = m.spent.Add(t.Amount)
		if t.Cause == "train" {
			m.trained = m.trained.Add(t.Amount)
		}
	}
	held, err := tx.Ledger().Reserved(model)
	for _, r := range held {
		m.reserved = m.reserved.Add(r.Amount)
	}
	return m, err
}

// price is what a step that trains is predicted to cost. The first training of a cycle asks for the whole cycle, so that
// none is begun which the budget cannot bring to its end.
func (l *Loop) price(ctx context.Context, w *work) (rondo.Money, error) {
	spec, rows := w.spec(), 0
	if w.champion != nil {
		rows = w.champion.Rows
	}
	switch w.step.Kind {
	case "probe", "twin":
		return l.predicted(spec, rows).Probe, nil
	case "freshen":
		return l.predicted(spec, rows).Train, nil
	case "backtest":
		return l.backtestPrice(spec, rows), nil
	}
	var in struct{ Dataset rondo.DatasetID }
	if err := json.Unmarshal(w.step.Input, &in); err != nil {
		return 0, fmt.Errorf("input of step %s: %w", w.step.ID, err)
	}
	if err := l.Store.Read(ctx, func(tx store.Tx) error {
		ds, err := tx.Records().Dataset(in.Dataset)
		if err != nil {
			return fmt.Errorf("dataset %s: %w", in.Dataset, err)
		}
		if part := ds.Part(rondo.TrainPart); part != nil {
			rows = part.Rows
		}
		return nil
	}); err != nil {
		return 0, err
	}
	p := l.predicted(spec, rows)
	if w.step.Kind != "train" {
		return p.Train, nil
	}
	whole := p.Train.Add(p.Evaluate)
	if spec.Train.Refit != rondo.RefitNone {
		whole = whole.Add(p.Train)
	}
	if w.champion == nil || spec.Data.Time == nil {
		return whole, nil // nobody to be tried against
	}
	whole = whole.Add(l.backtestPrice(spec, rows)).Add(p.Shadow)
	if spec.Train.Refit == rondo.RefitPromotion {
		whole = whole.Add(p.Train)
	}
	return whole, nil
}

func (l *Loop) backtestPrice(spec *rondo.Spec, rows int) rondo.Money {
	return l.Prices.Predict(cost.Training, nil, workOf(spec, int(backtestOrigins*backtestShare*float64(rows)))).Amount
}
