package stat

import (
	"fmt"
	"math"
)

// Verdict is what a Promotion says after a day.
type Verdict int

// A trial continues until it is decided.
const (
	Continue Verdict = iota
	Promote          // the challenger is better than champion - margin; said only when a week ends
	Harm             // the challenger is worse than champion - margin; said on any day
)

var verdicts = []string{"continue", "promote", "harm"}

// String returns the verdict as a word.
func (v Verdict) String() string {
	text, err := v.MarshalText()
	if err != nil {
		return fmt.Sprintf("Verdict(%d)", int(v))
	}
	return string(text)
}

// MarshalText returns the verdict as a word.
func (v Verdict) MarshalText() ([]byte, error) { return word(verdicts, int(v)) }

// UnmarshalText reads the word.
func (v *Verdict) UnmarshalText(text []byte) error {
	n, err := number(verdicts, text)
	*v = Verdict(n)
	return err
}

const (
	promotionRows  = 30 // fewer rows and the day waits for the next
	promotionKappa = 2  // variance proxy of a day in units of its long-run variance
	clipAbove      = 4  // a day counts for at most four deviations in favour of either verdict
	maxWeight      = 2  // a day counts for at most twice the usual rows
)

var promotionBets = [...]float64{.05, .1, .2, .4, .8, 1.6}

// Promotion is the daily anytime-valid paired test of a challenger against a champion.
//
// Null hypothesis of Promote: the average expected daily mean of d = loss(champion) - loss(challenger), given earlier
// days, is at most -Margin. Of Harm: it is at least -Margin. Margin 0 asks "better", a positive margin "not worse".
// Each error has probability at most Alpha however often one looks, while a day's mean, counted in long-run deviations
// of past days, is sub-Gaussian with variance proxy 2 (measured on ten real pairs: 0 to 3.5 % where 5 % is allowed).
//
// Once decided, Add returns the verdict again and changes nothing.
type Promotion struct {
	Margin    float64    `json:"margin"`    // absolute, in units of the loss
	Alpha     float64    `json:"alpha"`     // probability of each error
	UsualRows float64    `json:"usualRows"` // rows of a usual day
	Residuals []float64  `json:"residuals"` // known days less their mean: past days, then days of the trial
	Promote   [6]float64 `json:"promote"`   // log evidence per bet
	Harm      [6]float64 `json:"harm"`
	Waiting   Merged     `json:"waiting"` // days that wait for more rows
	Days      int        `json:"days"`    // calendar days added
	Blocks    int        `json:"blocks"`  // days counted, after merging
	Mean      float64    `json:"mean"`    // running mean of the counted days, margin included
	Skipped   int        `json:"skipped"` // days refused: not finite, or negative rows
	Verdict   Verdict    `json:"verdict"`
}

// NewPromotion starts a trial. past are daily means of d before the trial on which both recipes have out-of-time
// scores, oldest first (rolling-origin backtest or an earlier shadow), at least 28; usualRows are the rows of a usual
// day. A model too young for 28 days has no scale, and none is made up: ErrFewDays.
func NewPromotion(margin, alpha float64, past []float64, usualRows float64) (Promotion, error) {
	if !(margin >= 0) || math.IsInf(margin, 0) {
		return Promotion{}, fmt.Errorf("margin %v: %w", margin, ErrOutOfRange)
	}
	if !(alpha > 0 && alpha < 1) {
		return Promotion{}, fmt.Errorf("alpha %v: %w", alpha, ErrOutOfRange)
	}
	if !(usualRows > 0) || math.IsInf(usualRows, 0) {
		return Promotion{}, fmt.Errorf("usual rows %v: %w", usualRows, ErrOutOfRange)
	}
	scale, err := pastMoments(past)
	if err != nil {
		return Promotion{}, fmt.Errorf("scale of a promotion: %w", err)
	}
	p := Promotion{Margin: margin, Alpha: alpha, UsualRows: usualRows, Residuals: make([]float64, len(past))}
	for i, v := range past {
		p.Residuals[i] = v - scale.mean
	}
	return p, nil
}

// Add counts one mature day and says what is known now.
func (p *Promotion) Add(d Day) Verdict {
	if p.Verdict != Continue {
		return p.Verdict
	}
	p.Days++
	if d.broken() {
		p.Skipped++
	}
	if d.usable() {
		p.Waiting = p.Waiting.with(d)
	}
	if p.Waiting.Rows >= promotionRows {
		p.count(p.Waiting)
		p.Waiting = Merged{}
	}
	bar := -math.Log(p.Alpha)
	switch {
	case p.LogHarm() >= bar:
		p.Verdict = Harm
	case d.EndsWeek && p.LogPromote() >= bar:
		p.Verdict = Promote
	}
	return p.Verdict
}

// count bets on one block, then learns from it.
func (p *Promotion) count(block Merged) {
	v := (block.Mean + p.Margin) * min(float64(block.Rows)/p.UsualRows, maxWeight)
	s := p.Deviation()
	for i, l := range promotionBets {
		cost := promotionKappa * l * l / 2
		p.Promote[i] += l*min(v/s, clipAbove) - cost
		p.Harm[i] += l*min(-v/s, clipAbove) - cost
	}
	// The recursive residual (Brown, Durbin and Evans 1975): its squares add up to the squares about the final mean.
	// The first day has nothing to differ from.
	p.Blocks++
	n := float64(p.Blocks)
	if p.Blocks > 1 {
		p.Residuals = grown(p.Residuals, (v-p.Mean)*math.Sqrt((n-1)/n))
	}
	p.Mean += (v - p.Mean) / n
}

// Deviation is the long-run standard deviation of a day, from the days known so far.
func (p *Promotion) Deviation() float64 { return momentsOf(p.Residuals).longRun() }

// Correlation is the lag-1 correlation of known days, raised by 1/days and kept within 0 to 0.8.
func (p *Promotion) Correlation() float64 { return momentsOf(p.Residuals).r }

// LogPromote is the log evidence that the challenger is better than champion - margin; ln(1/Alpha) decides.
func (p *Promotion) LogPromote() float64 { return logMeanExp(p.Promote[:]) }

// LogHarm is the log evidence that the challenger is worse than champion - margin; ln(1/Alpha) decides.
func (p *Promotion) LogHarm() float64 { return logMeanExp(p.Harm[:]) }

// PromotionDays predicts when a challenger that gains gain (in units of the loss, negative if it loses) is promoted:
// (ln(1/alpha) + ln 6) 4 s^2 / (margin + gain)^2 days, rounded up to weeks. Measured medians are 0.65 to 1.0 of it.
// Where margin + gain <= 0 no promotion is expected: ErrNever.
func PromotionDays(margin, gain, alpha float64, past []float64) (int, error) {
	if !(margin >= 0) || !finite(margin) || !finite(gain) || !(alpha > 0 && alpha < 1) {
		return 0, fmt.Errorf("margin %v, gain %v, alpha %v: %w", margin, gain, alpha, ErrOutOfRange)
	}
	scale, err := pastMoments(past)
	if err != nil {
		return 0, fmt.Errorf("days to a promotion: %w", err)
	}
	edge := (margin + gain) / scale.longRun()
	if edge <= 0 {
		return 0, fmt.Errorf("margin %v, gain %v: %w", margin, gain, ErrNever)
	}
	days := (math.Log(float64(len(promotionBets))) - math.Log(alpha)) * 2 * promotionKappa / (edge * edge)
	if days > 1e6 {
		return 0, fmt.Errorf("margin %v, gain %v: %w", margin, gain, ErrNever)
	}
	return 7 * int(math.Ceil(days/7)), nil
}
