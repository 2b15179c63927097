package demo

import (
	"context"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/cost"
	"rondo.dev/rondo/metric"
)

// Story is what the demo ends with.
type Story struct {
	Elapsed   float64        `json:"elapsed_s"`
	Versions  []Answerer     `json:"versions"`
	Decisions []Told         `json:"decisions"`
	Last15d   Last           `json:"last15d"`
	Money     Money          `json:"money"`
	Address   string         `json:"address,omitempty"`
	Log       Asked          `json:"asked"`
	Note      string         `json:"note"`
	Why       []string       `json:"why"`
	Costs     *control.Costs `json:"costs"`
}

// Answerer is a version that answered.
type Answerer struct {
	ID       rondo.VersionID `json:"id"`
	Digest   rondo.Digest    `json:"digest"`
	Trained  [2]time.Time    `json:"trained"`
	AUC      *rondo.Number   `json:"auc"` // of what it answered
	From     time.Time       `json:"from"`
	To       *time.Time      `json:"to,omitempty"`
	Replaced rondo.VersionID `json:"replaced,omitempty"`
	Why      string          `json:"why"`
}

// Told is a decision.
type Told struct {
	At      time.Time       `json:"at"`
	Outcome rondo.Outcome   `json:"outcome"`
	Rule    string          `json:"rule"`
	Version rondo.VersionID `json:"version,omitempty"`
	Numbers []rondo.Fact    `json:"numbers"`
	Text    string          `json:"text"`
}

// Last is champion and first version on the same rows of the last 15 days.
type Last struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Rows     int       `json:"rows"`
	Champion Scorer    `json:"champion"`
	First    Scorer    `json:"first"`
}

// Scorer is an AUC.
type Scorer struct {
	AUC  float64 `json:"auc"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Money is what decisions cost, and what Rondo did.
type Money struct {
	Decisions      float64 `json:"decisions"`      // dollars, as answered
	NeverRetrained float64 `json:"neverRetrained"` // the first version's, on the same rows
	Rows           int     `json:"rows"`
	CPU            string  `json:"cpu"`
	Compute        string  `json:"compute"`
	PerRun         string  `json:"perRun"`
	PerThousand    string  `json:"perThousandPredictions"`
	Known          bool    `json:"priceFile"`
}

// Asked counts what went through the doors.
type Asked struct {
	Predictions int `json:"predictions"`
	Labelled    int `json:"labelled"`
}

func explain(d *rondo.Decision) string { return control.Explain(d) }

// story reads what came of the months from the same store and log that the program works with.
func (t *teller) story(ctx context.Context) (*Story, error) {
	s := &Story{}
	var versions []*rondo.Version
	var decisions []*rondo.Decision
	if err := t.app.Store.Read(ctx, func(tx store.Tx) (err error) {
		declared, err := tx.Models().Get(model)
		if err != nil {
			return err
		}
		s.Note = fmt.Sprintf("In money these flights cannot tell sane policies apart: within half a per cent at fp $1, fn $4, $500 a retrain. "+
			"This model file says %s a retrain.", declared.Spec.Retrain.Price)
		if versions, err = tx.Versions().List(model); err != nil {
			return err
		}
		decisions, err = tx.Decisions().List(model, 0)
		return err
	}); err != nil {
		return nil, err
	}
	promoted := map[rondo.VersionID]*rondo.Decision{}
	for _, d := range decisions {
		if d.Outcome == rondo.Promoted || d.Outcome == rondo.RolledBack {
			promoted[d.Version] = d
		}
		if quiet[d.Outcome] {
			continue
		}
		text := control.Explain(d)
		s.Decisions = append(s.Decisions, Told{At: d.At, Outcome: d.Outcome, Rule: d.Rule, Version: d.Version, Numbers: d.Numbers, Text: text})
		s.Why = append(s.Why, d.At.Format(time.DateOnly)+"  "+text)
	}
	var first *rondo.Version
	for _, v := range versions {
		if v.From == nil {
			continue
		}
		if first == nil {
			first = v
		}
		a := Answerer{ID: v.ID, Digest: v.Digest, Trained: v.Trained, From: *v.From, To: v.Until}
		if d := promoted[v.ID]; d != nil {
			a.Replaced, a.Why = d.Replaced, d.Rule
		}
		s.Versions = append(s.Versions, a)
	}
	if first == nil {
		return nil, fmt.Errorf("no version has answered")
	}
	if err := t.months15(ctx, s, first); err != nil {
		return nil, err
	}
	if err := t.money(ctx, s); err != nil {
		return nil, err
	}
	s.Address = t.app.URL()
	s.Elapsed = t.watch.Elapsed().Seconds()
	return s, nil
}

// answered are labelled predictions as they were answered, with what the first version says of the same rows.
type answered struct {
	scores, first []float64
	labels        []bool
}

func (a *answered) add(b answered) {
	a.scores, a.first, a.labels = append(a.scores, b.scores...), append(a.first, b.first...), append(a.labels, b.labels...)
}

// months15 scores what was answered, month by month so that memory stays small, and the last 15 days once more.
func (t *teller) months15(ctx context.Context, s *Story, first *rondo.Version) error {
	var last answered
	byVersion := map[rondo.VersionID]*answered{}
	s.Last15d.To = t.end.Truncate(24 * time.Hour).Add(-24 * time.Hour)
	s.Last15d.From = s.Last15d.To.AddDate(0, 0, -15)
	for from := begin; from.Before(t.end); from = from.AddDate(0, 0, 15) {
		rows, err := t.app.Loop.Answered(ctx, model, from, from.AddDate(0, 0, 15), first)
		if err != nil {
			return err
		}
		s.Log.Predictions += rows.Asked
		s.Log.Labelled += len(rows.Labels)
		s.Money.Decisions += rows.Cost
		s.Money.NeverRetrained += rows.OtherCost
		for i, v := range rows.Versions {
			a := byVersion[v]
			if a == nil {
				a = &answered{}
				byVersion[v] = a
			}
			one := answered{scores: rows.Scores[i : i+1], first: rows.Other[i : i+1], labels: rows.Labels[i : i+1]}
			a.add(one)
			if at := rows.Times[i]; at >= s.Last15d.From.UnixMicro() && at < s.Last15d.To.UnixMicro() {
				last.add(one)
			}
		}
	}
	s.Money.Rows = s.Log.Labelled
	for i := range s.Versions {
		if a := byVersion[s.Versions[i].ID]; a != nil {
			if e, err := metric.AUC(a.scores, a.labels, 0.95); err == nil {
				s.Versions[i].AUC = &rondo.Number{Value: e.Value, Low: e.Low, High: e.High, Rows: e.Rows}
			}
		}
	}
	s.Last15d.Rows = len(last.labels)
	for _, x := range []struct {
		scores []float64
		to     *Scorer
	}{{last.scores, &s.Last15d.Champion}, {last.first, &s.Last15d.First}} {
		e, err := metric.AUC(x.scores, last.labels, 0.95)
		if err != nil {
			return fmt.Errorf("the last 15 days: %w", err)
		}
		*x.to = Scorer{AUC: e.Value, Low: e.Low, High: e.High}
	}
	return nil
}

// money is what the ledger booked.
func (t *teller) money(ctx context.Context, s *Story) error {
	if err := t.app.BookEndpoint(ctx); err != nil {
		return err
	}
	costs, err := t.client.Cost(ctx, model)
	if err != nil {
		return err
	}
	s.Costs = costs
	s.Money.CPU, s.Money.Compute, s.Money.Known = costs.CPU, costs.Amount.String(), t.app.Prices.Known
	runs, training := 0, rondo.Money(0)
	for _, total := range costs.Totals {
		if total.Cause == "train" {
			runs, training = total.Entries, total.Amount
		}
	}
	if runs > 0 {
		s.Money.PerRun = (training / rondo.Money(runs)).String()
	}
	if each, ok := cost.PerThousand(costs.Amount, int64(s.Log.Predictions)); ok {
		s.Money.PerThousand = each.String()
	}
	return nil
}
