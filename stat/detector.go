package stat

import (
	"fmt"
	"math"
)

// State is what a Detector says after a day.
type State int

// A detector without reference is never Quiet. One fault is one Alarm, followed by Open until it is Closed.
const (
	NoReference State = iota
	Quiet
	Alarm  // opened by this day; Detector.Since says which day the change began
	Open   // the alarm stands
	Closed // ended by this day
)

var states = []string{"no reference", "quiet", "alarm", "open", "closed"}

// String returns the state as words.
func (s State) String() string {
	text, err := s.MarshalText()
	if err != nil {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return string(text)
}

// MarshalText returns the state as words.
func (s State) MarshalText() ([]byte, error) { return word(states, int(s)) }

// UnmarshalText reads the words.
func (s *State) UnmarshalText(text []byte) error {
	n, err := number(states, text)
	*s = State(n)
	return err
}

const (
	detectorRows  = 20  // fewer rows and the day waits for the next
	referenceGap  = 28  // days; a younger day is no reference yet
	referenceDays = 364 // the newest days of the reference
	freezeAt      = 30  // evidence at which the reference is kept as it is
	closingDays   = 14  // an alarm closes when their mean is back
	daysPerYear   = 365
)

// MostCorrelated is the lag-1 correlation of the reference up to which the false-alarm budget was measured to hold.
const MostCorrelated = 0.6

var detectorBets = [...]float64{.3, .7, 1.5}

// Block is a closed day, or days merged.
type Block struct {
	Day   int     `json:"day"` // the day that closed it; 1 is the first day added
	Value float64 `json:"value"`
	Fault bool    `json:"fault,omitempty"` // stood in an alarm: never reference
}

// Reference describes healthy days.
type Reference struct {
	Days        int     `json:"days"`
	Mean        float64 `json:"mean"`
	Deviation   float64 `json:"deviation"`   // standard deviation of a day
	Correlation float64 `json:"correlation"` // lag 1, raised by 1/days, within 0 to 0.8
	Tolerance   float64 `json:"tolerance"`   // 2 long-run standard errors of Mean
}

// kappa is the variance proxy of a day in units of its variance: 1.3, and 0.9 of the long-run variance where that is
// more (correlation above 0.18). With 1.3 throughout, 30 monitors whose days are correlated at 0.5 raise 5.8 false
// alarms a year where 1 is allowed; with this, 0.75, and less correlated sources keep their delays.
func (r Reference) kappa() float64 {
	return max(1.3, 0.9*(1+r.Correlation)/(1-r.Correlation))
}

// Detector watches the daily mean excess loss of one model: loss minus the loss the model expects of itself, which has
// mean zero for a calibrated model whatever the inputs. It is the Shiryaev-Roberts e-detector: each day M becomes
// (M+1) e for three bets, and the mean of M at Threshold is an alarm. Because E[M_N] + Threshold * E[alarms by N] <= N,
// a monitor raises at most weight * falsePerYear alarms a year in expectation while healthy; over monitors this adds up
// under any dependence. It forgets: a healthy year leaves no debt.
//
// That is so while a day's mean is sub-Gaussian about the reference with the variance proxy kappa; days correlated above
// MostCorrelated break it, and whoever shows the promise must not show it then.
//
// Raw losses move with the season and are not for this detector.
type Detector struct {
	Threshold float64    `json:"threshold"` // evidence at which an alarm opens
	Declared  float64    `json:"declared"`  // least tolerance, in units of the loss; may be set on a new detector
	Reference Reference  `json:"reference"` // Days is 0 while there is none
	Past      []float64  `json:"past"`      // out-of-time days from before the first day
	Blocks    []Block    `json:"blocks"`    // the newest 392 days at most
	Evidence  [3]float64 `json:"evidence"`
	Recent    []float64  `json:"recent"` // z of the newest 14 blocks
	Rise      float64    `json:"rise"`   // cumulated evidence of the likeliest start
	RiseFrom  int        `json:"riseFrom"`
	Since     int        `json:"since"` // day on which the newest alarm's change began; 0 before any alarm
	Waiting   Merged     `json:"waiting"`
	Days      int        `json:"days"`
	Skipped   int        `json:"skipped"`
	State     State      `json:"state"`
}

// NewDetector makes a detector that takes the share weight of a budget of falsePerYear expected false alarms a year
// (weights of all monitors together at most 1; 1/2 for the main monitor of a model). past are daily means of the
// excess loss on out-of-time days of this recipe, oldest first: 56 are wanted, with fewer than 28 the state is
// NoReference until 28 days of its own are older than 28 days.
func NewDetector(weight, falsePerYear float64, past []float64) (Detector, error) {
	if !(weight > 0 && weight <= 1) || !(falsePerYear > 0) || math.IsInf(falsePerYear, 0) {
		return Detector{}, fmt.Errorf("weight %v, false alarms a year %v: %w", weight, falsePerYear, ErrOutOfRange)
	}
	threshold := daysPerYear / (weight * falsePerYear)
	if !(threshold > 1 && threshold < 1e12) {
		return Detector{}, fmt.Errorf("weight %v, false alarms a year %v: %w", weight, falsePerYear, ErrOutOfRange)
	}
	d := Detector{Threshold: threshold, Past: append([]float64(nil), past...)}
	if len(past) > referenceDays {
		d.Past = append([]float64(nil), past[len(past)-referenceDays:]...)
	}
	if len(past) >= MinPast {
		if _, err := pastMoments(d.Past); err != nil {
			return Detector{}, fmt.Errorf("reference of a detector: %w", err)
		}
		d.refresh()
		return d, nil
	}
	for i, v := range past {
		if !finite(v) {
			return Detector{}, fmt.Errorf("reference of a detector: past day %d: %w", i+1, ErrNotFinite)
		}
	}
	return d, nil
}

// Add counts one mature day and says what is known now.
func (d *Detector) Add(day Day) State {
	d.Days++
	if day.broken() {
		d.Skipped++
	}
	if day.usable() {
		d.Waiting = d.Waiting.with(day)
	}
	switch d.State { // yesterday's news
	case Alarm:
		d.State = Open
	case Closed:
		d.State = Quiet
	}
	if (d.Days-1)%7 == 0 && d.Days > 1 && d.State != Open && d.Level() < freezeAt {
		d.refresh()
	}
	if d.Waiting.Rows >= detectorRows {
		block := Block{Day: d.Days, Value: d.Waiting.Mean}
		d.Waiting = Merged{}
		if d.State != NoReference {
			d.watch(block)
			block.Fault = d.State == Alarm || d.State == Open || d.State == Closed
		}
		d.keep(block)
	}
	return d.State
}

// watch bets on one block.
func (d *Detector) watch(b Block) {
	ref := d.Reference
	z := min((b.Value-ref.Mean-d.tolerance())/ref.Deviation, clipAbove)
	d.Recent = grown(d.Recent, z)
	if len(d.Recent) > closingDays {
		d.Recent = append([]float64(nil), d.Recent[1:]...)
	}
	if d.State == Open {
		if len(d.Recent) == closingDays && momentsOf(d.Recent).mean <= 0 {
			d.State = Closed
		}
		return
	}
	if d.Rise <= 0 {
		d.Rise, d.RiseFrom = 0, b.Day
	}
	const likeliest = .7
	kappa := ref.kappa()
	d.Rise += likeliest*z - kappa*likeliest*likeliest/2
	for i, l := range detectorBets {
		d.Evidence[i] = (d.Evidence[i] + 1) * math.Exp(l*z-kappa*l*l/2)
	}
	if d.Level() >= d.Threshold {
		d.State, d.Since = Alarm, d.RiseFrom
		d.Evidence, d.Rise = [3]float64{}, 0
		d.markFault()
	}
}

// markFault keeps the blocks of a change that was found out of later references.
func (d *Detector) markFault() {
	d.Blocks = append([]Block(nil), d.Blocks...)
	for i := range d.Blocks {
		if d.Blocks[i].Day >= d.Since {
			d.Blocks[i].Fault = true
		}
	}
}

// keep remembers a block as a reference to come.
func (d *Detector) keep(b Block) {
	d.Blocks = append(d.Blocks[:len(d.Blocks):len(d.Blocks)], b)
	if len(d.Blocks) > referenceDays+referenceGap {
		d.Blocks = append([]Block(nil), d.Blocks[1:]...)
	}
}

// refresh takes the newest days that are old enough as reference; too few leave it as it is.
func (d *Detector) refresh() {
	days := append([]float64(nil), d.Past...)
	for _, b := range d.Blocks {
		if !b.Fault && b.Day+referenceGap < d.Days {
			days = append(days, b.Value)
		}
	}
	if len(days) > referenceDays {
		days = days[len(days)-referenceDays:]
	}
	m, err := pastMoments(days)
	if err != nil {
		return
	}
	d.Reference = Reference{
		Days: m.days, Mean: m.mean, Deviation: m.sd, Correlation: m.r,
		Tolerance: 2 * m.longRun() / math.Sqrt(float64(m.days)),
	}
	if d.State == NoReference {
		d.State = Quiet
	}
}

// Level is the evidence of today; Threshold opens an alarm.
func (d *Detector) Level() float64 {
	return (d.Evidence[0] + d.Evidence[1] + d.Evidence[2]) / float64(len(d.Evidence))
}

// tolerance is the rise that is taken for chance or declared harmless.
func (d *Detector) tolerance() float64 { return max(d.Reference.Tolerance, d.Declared) }

// DaysToFind predicts how long a rise by size (in units of the loss) stays unseen:
// (ln Threshold + ln 3) 2 kappa s^2 / (size - tolerance)^2 days, at least 3, kappa 1.3 or more for correlated days;
// measured medians are 0.65 to 0.95 of it. A rise within the tolerance is ErrNever; without a reference there is no scale: ErrFewDays.
func (d *Detector) DaysToFind(size float64) (int, error) {
	if d.Reference.Days == 0 {
		return 0, fmt.Errorf("days to find a rise: %w", ErrFewDays)
	}
	edge := (size - d.tolerance()) / d.Reference.Deviation
	days := (math.Log(d.Threshold) + math.Log(float64(len(detectorBets)))) * 2 * d.Reference.kappa() / (edge * edge)
	if !(edge > 0) || days > 1e6 {
		return 0, fmt.Errorf("rise by %v: %w", size, ErrNever)
	}
	return max(3, int(math.Ceil(days))), nil
}
