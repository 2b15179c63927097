package loop

import (
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/evaluate"
	"rondo.dev/rondo/internal/stage/monitor"
)

// rowLosses are what rows cost a version: its losses, the same clipped (nil where they have a bound), and what it expected.
type rowLosses struct{ losses, clipped, expected []float64 }

// lossesOf takes clip and spread of the version, or of the recipe that s was scored by.
func lossesOf(loss rondo.Loss, s *evaluate.Scored, clip *float64, spread []rondo.Spread) (r rowLosses, err error) {
	if r.losses, r.expected, err = evaluate.Losses(loss, s); err != nil {
		return r, err
	}
	if clip != nil {
		r.clipped = evaluate.Clipped(r.losses, clip)
	}
	if len(spread) > 0 {
		r.expected = evaluate.Expected(spread, s)
	}
	return r, nil
}

// day is a day of a first reference.
func (r rowLosses) day(day time.Time) monitor.Day {
	return monitor.Summarise(rondo.Regression, "", day, monitor.Counted{Rows: len(r.losses), Loss: r.losses, Clipped: r.clipped, Expected: r.expected})
}

// some are the rows from on up to to.
func (r rowLosses) some(from, to int) rowLosses {
	cut := func(x []float64) []float64 {
		if x == nil {
			return nil
		}
		return x[from:to]
	}
	return rowLosses{cut(r.losses), cut(r.clipped), cut(r.expected)}
}

// testDays are the days of test rows, which are in order of time: a first reference of the recipe (S14).
func testDays(times []int64, r rowLosses) []float64 {
	var days []monitor.Day
	for from := 0; from < len(times); {
		day := time.UnixMicro(times[from]).UTC().Truncate(oneDay)
		to := from
		for to < len(times) && times[to] < day.Add(oneDay).UnixMicro() {
			to++
		}
		days = append(days, r.some(from, to).day(day))
		from = to
	}
	return monitor.Reference(days)
}

// referenceValue names the state that keeps what the backtest of the newest promoted recipe left as a reference.
const referenceValue = "reference"

// firstReference are daily excess losses of a version's recipe before it answered.
type firstReference struct {
	Version rondo.VersionID `json:"version"`
	Days    []float64       `json:"days"`
}

// first are the out-of-time days that the champion's recipe has of before it answered: those of the backtest, or of its test
// rows where these are more.
func (s *states) first(champion *rondo.Version) []float64 {
	if s.reference != nil && s.reference.Version == champion.ID && len(s.reference.Days) > len(champion.Reference) {
		return s.reference.Days
	}
	return champion.Reference
}
