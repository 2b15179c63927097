package profile

import (
	"fmt"
	"math"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
)

// Failure is a batch check that a batch does not pass. Got is nil when the batch has nothing to measure.
type Failure struct {
	Check string   `json:"check"`
	Got   *float64 `json:"got,omitempty"`
	Want  float64  `json:"want"` // the profile's number
	Rows  int      `json:"rows"`
}

func (f Failure) String() string {
	if f.Got == nil {
		return fmt.Sprintf("%s: no value to measure in %d rows, the profile has %.6g", f.Check, f.Rows, f.Want)
	}
	return fmt.Sprintf("%s: %.6g in %d rows, the profile has %.6g", f.Check, *f.Got, f.Rows, f.Want)
}

// CheckBatch holds a whole batch against a profile. A check that the profile cannot answer (its column was not there, or
// had no values) is not asked.
func CheckBatch(checks []string, p *Profile, batch *column.Table) ([]Failure, error) {
	var failed []Failure
	for _, source := range checks {
		c, err := expr.ParseBatchCheck(source)
		if err != nil {
			return nil, fmt.Errorf("batch check %q: %w", source, err)
		}
		want, ok := number(p.Column(c.Column), p.Rows, c.Aggregate)
		if !ok {
			continue
		}
		now := describe(c.Column, batch.Column(c.Column))
		got, ok := number(&now, batch.Rows(), c.Aggregate)
		switch {
		case !ok:
			failed = append(failed, Failure{Check: c.Text, Want: want, Rows: batch.Rows()})
		case math.Abs(got-want) > c.Within*math.Abs(want):
			failed = append(failed, Failure{Check: c.Text, Got: &got, Want: want, Rows: batch.Rows()})
		}
	}
	return failed, nil
}

// number is the aggregate of a described column; nulls is a share of the rows.
func number(c *Column, rows int, aggregate string) (x float64, ok bool) {
	switch {
	case c == nil || c.Type == "" || rows == 0:
		return 0, false
	case aggregate == "nulls":
		return float64(c.Nulls) / float64(rows), true
	case aggregate == "distinct":
		return float64(c.Distinct), true
	case c.Numbers == nil:
		return 0, false
	}
	switch aggregate {
	case "median":
		return c.Numbers.Quantiles[quantiles/2], true
	case "mean":
		return c.Numbers.Mean, true
	case "min":
		return c.Numbers.Min, true
	case "max":
		return c.Numbers.Max, true
	}
	return 0, false
}
