// Package monitor answers: is it still well?
//
// A closed day becomes a Day: rows, labels, loss and the loss the model expected of itself, AUC, money. A Watcher counts
// days in a detector (stat.Detector) on the excess loss, loss minus expected: harder days are not the model's fault (S12).
// The main quality monitor takes half of the budget falsePerYear (S13). Drift ranks what moved between two tables: it
// explains an alarm and never raises one.
//
// A regression's answer does not say what it expects to lose: that is its version's Spread, the mean loss on validation of
// rows with such an answer, each clipped, so that no row outweighs a day.
//
// The first reference is of out-of-time days of the recipe, from a backtest or from the test rows (S14). With fewer than 28,
// own days included, there is none: the state is "no reference", and nothing is alarmed.
//
// Missing: a day without labels has no loss (Labelled 0), and the detector counts it as a day without rows, and so does a
// day without an expected loss. AUC is nil where it cannot be measured.
package monitor

import (
	"errors"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
	"rondo.dev/rondo/stat"
)

// Day is what one closed UTC day of a model was.
type Day struct {
	Day      time.Time       `json:"day"`
	Version  rondo.VersionID `json:"version"` // the champion when the day was closed
	Rows     int             `json:"rows"`
	Labelled int             `json:"labelled"`
	Outside  int             `json:"outside"`            // rows that failed checks
	Loss     float64         `json:"loss"`               // mean primary loss of the labelled rows
	Clipped  *float64        `json:"clipped,omitempty"`  // the same, each row's clipped, of a loss without bound
	Expected *float64        `json:"expected,omitempty"` // mean loss the model expected of itself, each row's clipped alike
	AUC      *rondo.Number   `json:"auc,omitempty"`
	Base     float64         `json:"base"` // share of positive labels, or the mean target
	Cost     rondo.Money     `json:"cost"` // of the decisions, by decide.cost
}

// Counted is a day's rows as Summarise takes them. Scores and Labels are for binary tasks.
type Counted struct {
	Rows, Outside  int
	Loss, Expected []float64 // labelled rows
	Clipped        []float64 // the losses clipped; nil for a loss with a bound
	Targets        []float64
	Scores         []float64
	Cost           rondo.Money
}

// Summarise makes a Day of its rows.
func Summarise(kind rondo.TaskKind, champion rondo.VersionID, day time.Time, c Counted) Day {
	d := Day{Day: day, Version: champion, Rows: c.Rows, Labelled: len(c.Loss), Outside: c.Outside, Cost: c.Cost}
	if d.Labelled == 0 {
		return d
	}
	d.Loss = mean(c.Loss)
	if kind != rondo.Multiclass && len(c.Targets) > 0 {
		d.Base = mean(c.Targets)
	}
	if c.Expected != nil {
		e := mean(c.Expected)
		d.Expected = &e
	}
	if c.Clipped != nil {
		m := mean(c.Clipped)
		d.Clipped = &m
	}
	if kind != rondo.Binary {
		return d
	}
	labels := make([]bool, len(c.Targets))
	for i, t := range c.Targets {
		labels[i] = t == 1
	}
	if e, err := metric.AUC(c.Scores, labels, 0.95); err == nil {
		d.AUC = &rondo.Number{Value: e.Value, Low: e.Low, High: e.High, Rows: e.Rows}
	}
	return d
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// excess is the day as the detector counts it: the loss beyond what was expected. Without an expected loss there is nothing
// to hold the day against, so it has no rows.
func (d Day) excess() stat.Day {
	if d.Expected == nil {
		return stat.Day{Mean: d.Loss}
	}
	loss := d.Loss
	if d.Clipped != nil {
		loss = *d.Clipped
	}
	return stat.Day{Rows: d.Labelled, Mean: loss - *d.Expected}
}

// leastRows of a day make a value; fewer wait for the next day, as the detector lets them.
const leastRows = 20

// Reference makes a first reference of out-of-time days of a recipe, in order: their daily excess losses.
func Reference(days []Day) (out []float64) {
	var sum float64
	rows := 0
	for _, d := range days {
		e := d.excess()
		sum, rows = sum+e.Mean*float64(e.Rows), rows+e.Rows
		if rows >= leastRows {
			out = append(out, sum/float64(rows))
			sum, rows = 0, 0
		}
	}
	return out
}

// mainWeight is the share of the false-alarm budget of a model's main quality monitor.
const mainWeight = 0.5

// Watcher watches the quality of one version.
type Watcher struct {
	Version  rondo.VersionID `json:"version"`
	Detector stat.Detector   `json:"detector"`
	First    time.Time       `json:"first"`
	State    stat.State      `json:"state"`
}

// NewWatcher starts to watch a version whose recipe had these excess losses on days it was not trained on. Too few are no
// reference: the state says so until there are enough with the version's own.
func NewWatcher(spec *rondo.Spec, version rondo.VersionID, first []float64) (*Watcher, error) {
	w, err := newWatcher(spec, version, first)
	if errors.Is(err, stat.ErrNoSpread) { // days that are all alike are no scale
		return newWatcher(spec, version, nil)
	}
	return w, err
}

// Next starts to watch the version that follows on w's. The healthy days of w that are old enough to be its reference are
// out-of-time days of this recipe, and are the next one's reference from the first day (S14); where they are too few, first
// is, if it is of more days. The evidence starts anew.
func (w *Watcher) Next(spec *rondo.Spec, version rondo.VersionID, first []float64) (*Watcher, error) {
	past := healthy(w.Detector)
	if len(past) < stat.MinPast && len(first) > len(past) {
		past = first
	}
	return NewWatcher(spec, version, past)
}

// Says is the state for people: an alarm since when, or how many of the days for a reference there are.
func (w *Watcher) Says() string {
	switch days := len(healthy(w.Detector)); {
	case w.Detector.Reference.Days == 0 && days < stat.MinPast:
		return fmt.Sprintf("no reference: %d of %d days", days, stat.MinPast)
	case w.Detector.Reference.Days == 0: // the detector renews its reference once a week
		return "no reference before this week's end"
	case w.State == stat.Alarm || w.State == stat.Open:
		return "alarm since " + w.since().Format(time.DateOnly)
	}
	return stat.Quiet.String()
}

func (w *Watcher) since() time.Time { return w.First.AddDate(0, 0, w.Detector.Since-1) }

// gapDays is how old a day must be before it is a reference: a younger one may hold what ended the last version (S14).
const gapDays = 28

func healthy(d stat.Detector) []float64 {
	days := append([]float64(nil), d.Past...)
	for _, b := range d.Blocks {
		if !b.Fault && b.Day+gapDays < d.Days {
			days = append(days, b.Value)
		}
	}
	return days
}

func newWatcher(spec *rondo.Spec, version rondo.VersionID, past []float64) (*Watcher, error) {
	d, err := stat.NewDetector(mainWeight, spec.Monitor.FalsePerYear, past)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", version, err)
	}
	return &Watcher{Version: version, Detector: d}, nil
}

// Alarm is what an opened alarm says.
type Alarm struct {
	Since     time.Time
	Excess    float64 // mean loss over what the model expected of itself, that day
	Reference stat.Reference
}

// Add counts a closed day; an alarm is returned on the day it opens, and only then.
func (w *Watcher) Add(d Day) *Alarm {
	if w.First.IsZero() {
		w.First = d.Day
	}
	day := d.excess()
	w.State = w.Detector.Add(day)
	if w.State != stat.Alarm {
		return nil
	}
	return &Alarm{Since: w.since(), Excess: day.Mean, Reference: w.Detector.Reference}
}

// Numbers are the facts of the alarm for its decision.
func (a *Alarm) Numbers() []rondo.Fact {
	facts := []rondo.Fact{
		rondo.Textual("since", a.Since.Format(time.DateOnly)),
		rondo.Numeric("excess loss", a.Excess),
		rondo.Numeric("reference", a.Reference.Mean),
		rondo.Numeric("deviation of a day", a.Reference.Deviation),
		rondo.Numeric("reference days", float64(a.Reference.Days)),
	}
	if a.Reference.Correlation > stat.MostCorrelated {
		facts = append(facts, rondo.Textual("no promise", fmt.Sprintf("days are correlated at %.2f, so falsePerYear may be exceeded", a.Reference.Correlation)))
	}
	return facts
}
