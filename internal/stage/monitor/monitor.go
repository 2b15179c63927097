// Package monitor answers: is it still well?
//
// A closed day becomes a Day: rows, labels, loss and the loss the model expected of itself, AUC, money. A Watcher counts
// days in a detector (stat.Detector) on the excess loss, loss minus expected: harder days are not the model's fault (S12).
// The main quality monitor takes half of the budget falsePerYear (S13). Drift ranks what moved between two tables: it
// explains an alarm and never raises one.
//
// Missing: a day without labels has no loss (Labelled 0), and the detector counts it as a day without rows. AUC is nil
// where it cannot be measured. A model whose loss has no expectation of itself (squared loss) is not watched: its state
// stays "no reference".
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
	Expected *float64        `json:"expected,omitempty"` // mean loss the model expected of itself
	AUC      *rondo.Number   `json:"auc,omitempty"`
	Base     float64         `json:"base"` // share of positive labels, or the mean target
	Cost     rondo.Money     `json:"cost"` // of the decisions, by decide.cost
}

// Counted is a day's rows as Summarise takes them. Scores and Labels are for binary tasks.
type Counted struct {
	Rows, Outside  int
	Loss, Expected []float64 // labelled rows
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

// mainWeight is the share of the false-alarm budget of a model's main quality monitor.
const mainWeight = 0.5

// Watcher watches the quality of one version.
type Watcher struct {
	Version  rondo.VersionID `json:"version"`
	Detector stat.Detector   `json:"detector"`
	First    time.Time       `json:"first"`
	State    stat.State      `json:"state"`
}

// NewWatcher starts to watch a version. A model too young for a reference says so until it has one.
func NewWatcher(spec *rondo.Spec, version rondo.VersionID) (*Watcher, error) {
	return newWatcher(spec, version, nil)
}

// Next starts to watch the version that follows on w's. The healthy days of w that are old enough to be its reference are
// out-of-time days of this recipe, and are the next one's reference from the first day (S14); the evidence starts anew.
func (w *Watcher) Next(spec *rondo.Spec, version rondo.VersionID) (*Watcher, error) {
	n, err := newWatcher(spec, version, healthy(w.Detector))
	if errors.Is(err, stat.ErrNoSpread) { // days that are all alike are no scale
		return newWatcher(spec, version, nil)
	}
	return n, err
}

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
	day := stat.Day{Rows: d.Labelled, Mean: d.Loss}
	if d.Expected != nil {
		day.Mean -= *d.Expected
	} else {
		day.Rows = 0 // without an expected loss there is nothing to hold the day against
	}
	w.State = w.Detector.Add(day)
	if w.State != stat.Alarm {
		return nil
	}
	return &Alarm{Since: w.First.AddDate(0, 0, w.Detector.Since-1), Excess: day.Mean, Reference: w.Detector.Reference}
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
