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

// PlanVerdict is when a challenger of the champion is likely decided about (S10).
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
	if _, err := tx.Versions().Route(spec.Name); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return nil, err
	}
	closed, err := days(tx, spec.Name)
	if err != nil {
		return nil, err
	}
	out := &PlanVerdict{Margin: spec.Deploy.Margin}
	var differences []float64
	loss := 0.0
	for _, d := range closed {
		if d.Labelled == 0 {
			continue
		}
		out.Past++
		other := d.Challenger
		if other == nil {
			other = d.Probe
		}
		if other != nil {
			differences, loss = append(differences, d.Loss-*other), loss+d.Loss
		}
	}
	out.Begins = tx.Now().Truncate(oneDay).Add(oneDay * time.Duration(1+max(0, stat.MinPast-out.Past)))
	out.AtMost = out.Begins.Add(spec.Deploy.AtMost)
	if len(differences) < stat.MinPast {
		return out, nil
	}
	n, err := stat.PromotionDays(out.Margin*loss/float64(len(differences)), 0, rollout.Alpha, differences[len(differences)-stat.MinPast:])
	switch {
	case errors.Is(err, stat.ErrNever) || errors.Is(err, stat.ErrNoSpread): // without a margin an equal one is not proved
		return out, nil
	case err != nil:
		return nil, err
	}
	out.Days, out.By = n, out.Begins.Add(oneDay*time.Duration(n))
	return out, nil
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
