// Package stat decides from daily numbers, and may be looked at any time.
//
// Questions: may the challenger replace the champion (Promotion), did the quality of a model fall (Detector), is a
// new model worth its price (Regret), and how is an error rate shared (Holm, HoldoutAlpha).
//
// Shapes: a Promotion, a Detector and a Regret are plain values. A copy shares nothing that changes, and
// encoding/json keeps every bit, so the state lives in a database between days and goes on where it stopped. Add
// reads the state and its argument, nothing else: no clock, no chance. Logarithms are natural. Losses and costs are in
// the caller's unit; rows are counted.
//
// Days: one Add per UTC day, in order, when the day's labels are mature; a day without rows is a Day of 0 rows, because
// weeks, gaps and delays are counted in days. Days with few rows merge with the next until the block has enough rows
// (30 for Promotion, 20 for Detector). The day is the unit because rows of one day share a shock.
//
// Missing: fewer than MinPast past days is ErrFewDays; past days that never differ are ErrNoSpread; a detector
// without a reference says NoReference, it never says Quiet. A day whose mean is not finite, or with a negative number
// of rows, carries no evidence and is counted in Skipped.
//
// Sources: exponential e-processes with fixed bets, Howard, Ramdas, McAuliffe and Sekhon (2021); their use for
// comparing forecasts on average, Choe and Ramdas (2023); e-detectors of the Shiryaev-Roberts kind, Shin, Ramdas and
// Rinaldo (2023); ski rental, Karlin, Manasse, Rudolph and Sleator (1988); Holm (1979). The sub-Gaussian bound on a
// day in units of its long-run deviation is an assumption, tried by simulation in this package's tests, not a theorem.
package stat

import (
	"errors"
	"fmt"
	"math"
)

// MinPast is the number of past days that a scale or a reference needs.
const MinPast = 28

// The errors of this package; all others wrap one of them.
var (
	ErrFewDays    = errors.New("stat: at least 28 past days are needed")
	ErrNoSpread   = errors.New("stat: past days never differ, so they give no scale")
	ErrNotFinite  = errors.New("stat: a number is not finite")
	ErrOutOfRange = errors.New("stat: a parameter is out of range")
	ErrNever      = errors.New("stat: an effect of this size is never decided")
)

// Day is the mean of one number over the rows of one UTC day.
type Day struct {
	Mean     float64 `json:"mean"`
	Rows     int     `json:"rows"`
	EndsWeek bool    `json:"endsWeek,omitempty"` // the 7th, 14th, ... day; only Promotion reads it
}

// usable tells whether the day has rows to count; broken tells whether it is no day at all.
func (d Day) usable() bool { return d.Rows > 0 && !d.broken() }
func (d Day) broken() bool { return d.Rows < 0 || d.Rows > 0 && !finite(d.Mean) }

// Merged holds days that wait for more rows.
type Merged struct {
	Mean float64 `json:"mean"`
	Rows int     `json:"rows"`
}

// with returns the merged days and d together, weighted by rows.
func (m Merged) with(d Day) Merged {
	rows := m.Rows + d.Rows
	return Merged{Mean: m.Mean + (d.Mean-m.Mean)*(float64(d.Rows)/float64(rows)), Rows: rows}
}

// moments are the mean, the standard deviation (divisor days-1) and the lag-1 correlation of a series of days; 1/days
// makes up for the downward bias of a short series.
type moments struct {
	mean, sd, r float64
	days        int
}

func momentsOf(x []float64) moments {
	n := float64(len(x))
	m := moments{days: len(x)}
	for _, v := range x {
		m.mean += v / n
	}
	var square, product float64
	for i, v := range x {
		square += float64((v - m.mean) * (v - m.mean))
		if i > 0 {
			product += float64((v - m.mean) * (x[i-1] - m.mean))
		}
	}
	m.sd = math.Sqrt(square / (n - 1))
	if square > 0 {
		m.r = min(max(product/square+1/n, 0), 0.8)
	}
	return m
}

// longRun is the deviation that sums of correlated days grow with.
func (m moments) longRun() float64 { return m.sd * math.Sqrt((1+m.r)/(1-m.r)) }

// pastMoments checks past days and describes them.
func pastMoments(past []float64) (moments, error) {
	for i, v := range past {
		if !finite(v) {
			return moments{}, fmt.Errorf("past day %d: %w", i+1, ErrNotFinite)
		}
	}
	if len(past) < MinPast {
		return moments{}, fmt.Errorf("%d past days: %w", len(past), ErrFewDays)
	}
	m := momentsOf(past)
	if !finite(m.sd) || !finite(m.mean) {
		return moments{}, fmt.Errorf("past days: %w", ErrNotFinite)
	}
	if m.sd <= 1e-12*math.Abs(m.mean) {
		return moments{}, ErrNoSpread
	}
	return m, nil
}

// grown appends without touching the array that copies of the state may share.
func grown(x []float64, v float64) []float64 { return append(x[:len(x):len(x)], v) }

// logMeanExp is the logarithm of the mean of exp(x), safe from overflow.
func logMeanExp(x []float64) float64 {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum/float64(len(x)))
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// word and number keep the three enumerations of this package readable in JSON.
func word(words []string, i int) ([]byte, error) {
	if i < 0 || i >= len(words) {
		return nil, fmt.Errorf("state %d: %w", i, ErrOutOfRange)
	}
	return []byte(words[i]), nil
}

func number(words []string, text []byte) (int, error) {
	for i, w := range words {
		if w == string(text) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("state %q: %w", text, ErrOutOfRange)
}
