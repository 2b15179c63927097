package control

import (
	"errors"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/rollout"
	"rondo.dev/rondo/stat"
)

// PlanVerdict is when a challenger of the champion is likely decided about (S10). Margin and scale are of the
// newest 28 days, as the trial's, but for one thing: what is kept of a day's differences is not clipped. Where a loss has no
// bound (S2) and a few rows lose most, the days said here are more than the trial's own.
type PlanVerdict struct {
	Past   int       `json:"past"`           // closed days with outcomes; a trial needs 28 for its scale
	Begins time.Time `json:"begins"`         // the first day that a trial can count
	Days   int       `json:"days,omitempty"` // of a trial that likely proves it, whole weeks; 0: nothing was compared on enough days to say
	By     time.Time `json:"by,omitzero"`
	AtMost time.Time `json:"atMost"` // then the trial ends, whatever it knows
	Margin float64   `json:"margin"` // as a share of the loss
}

const oneDay = 24 * time.Hour

// verdict is nil where there is no trial: nobody answers yet, or rows have no time.
func verdict(tx store.Tx, spec *rondo.Spec) (*PlanVerdict, error) {
	if spec.Data.Time == nil {
		return nil, nil
	}
	route, err := tx.Versions().Route(spec.Name)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return nil, err
	}
	champion, err := tx.Versions().Get(route.Champion)
	if err != nil {
		return nil, err
	}
	closed, err := days(tx, spec.Name)
	if err != nil {
		return nil, err
	}
	out := &PlanVerdict{Margin: spec.Deploy.Margin}
	var labelled []Day
	var differences []float64
	for _, d := range closed {
		if d.Labelled == 0 {
			continue
		}
		labelled = append(labelled, d)
		other := d.Challenger
		if other == nil {
			other = d.Probe
		}
		if other != nil {
			differences = append(differences, d.Loss-*other)
		}
	}
	out.Past = len(labelled)
	out.Begins = tx.Now().Truncate(oneDay).Add(oneDay * time.Duration(1+max(0, stat.MinPast-out.Past)))
	out.AtMost = out.Begins.Add(spec.Deploy.AtMost)
	if len(differences) < stat.MinPast {
		return out, nil
	}
	margin := out.Margin * meanLoss(labelled[len(labelled)-stat.MinPast:])
	n, err := stat.PromotionDays(margin, 0, rollout.AlphaOf(champion.Clip, 1), differences[len(differences)-stat.MinPast:])
	switch {
	case errors.Is(err, stat.ErrNever) || errors.Is(err, stat.ErrNoSpread): // without a margin an equal one is not proved
		return out, nil
	case err != nil:
		return nil, err
	}
	out.Days, out.By = n, out.Begins.Add(oneDay*time.Duration(n))
	return out, nil
}

// meanLoss is the loss of a row of days with outcomes, clipped where the trial clips.
func meanLoss(days []Day) float64 {
	sum, rows := 0.0, 0
	for _, d := range days {
		loss := d.Loss
		if d.Clipped != nil {
			loss = *d.Clipped
		}
		sum, rows = sum+loss*float64(d.Labelled), rows+d.Labelled
	}
	return sum / float64(rows)
}

// String says it in one sentence.
func (v *PlanVerdict) String() string {
	begins := fmt.Sprintf("a challenger's trial can begin on %s", v.Begins.Format(time.DateOnly))
	if v.Past < stat.MinPast {
		begins += fmt.Sprintf(" (it needs %d days with outcomes; there are %d)", stat.MinPast, v.Past)
	}
	ends := "ends on " + v.AtMost.Format(time.DateOnly) + " at the latest"
	switch {
	case v.Days == 0:
		return begins + " and " + ends
	case v.By.After(v.AtMost):
		return fmt.Sprintf("%s and %s; likely undecided: to prove an equal one not worse by %g %% takes about %d days", begins, ends, 100*v.Margin, v.Days)
	}
	return fmt.Sprintf("%s; an equal one is likely proved not worse by %g %% after %d days, on %s; it %s", begins, 100*v.Margin, v.Days, v.By.Format(time.DateOnly), ends)
}
