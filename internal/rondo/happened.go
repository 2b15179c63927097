package rondo

import "time"

// Dataset is an immutable, content-addressed snapshot of prepared rows.
type Dataset struct {
	ID          DatasetID `json:"id"`
	Model       string    `json:"model"`
	Digest      Digest    `json:"digest"` // over canonical blocks of the parts (D11), not over files
	Parts       []Part    `json:"parts"`
	AsOf        time.Time `json:"asOf"` // what was known and had arrived by then
	From        time.Time `json:"from"` // the window of row times
	To          time.Time `json:"to"`
	Read        int       `json:"read"`    // rows read from source and log
	Repeats     int       `json:"repeats"` // exact repeats dropped
	Purged      int       `json:"purged"`  // rows the embargo took out
	Open        int       `json:"open"`    // rows whose outcome is not known yet
	Quarantine  []Reason  `json:"quarantine,omitempty"`
	Quarantined Digest    `json:"quarantined,omitempty"` // the object that keeps the quarantined rows
	Transform   Digest    `json:"transform"`             // the object of the transform fitted on Train
	Profile     Digest    `json:"profile"`               // the object of the column profile
	Facts       Digest    `json:"facts,omitempty"`       // the object of the newest source facts that live history starts from
	Rows        Digest    `json:"rows"`                  // the object of what the row program was compiled from
	Program     string    `json:"program"`               // version of the preparing code (I8)
}

// Part is one part of a dataset.
type Part struct {
	Name   PartName  `json:"name"`
	Rows   int       `json:"rows"`
	From   time.Time `json:"from"` // row times, zero without time
	To     time.Time `json:"to"`
	Object Digest    `json:"object"` // canonical blocks: all columns, time, known, key
	Matrix Digest    `json:"matrix"` // features and target as the trainer reads them
}

// PartName is what a part is for.
type PartName string

// The parts.
const (
	TrainPart      PartName = "train"
	ValidationPart PartName = "validation"
	TestPart       PartName = "test"
)

// Part is the part of that name, or nil.
func (d *Dataset) Part(name PartName) *Part {
	for i := range d.Parts {
		if d.Parts[i].Name == name {
			return &d.Parts[i]
		}
	}
	return nil
}

// Reason is why rows were set aside, and how many.
type Reason struct {
	Reason string `json:"reason"`
	Rows   int    `json:"rows"`
}

// Run is one execution of a trainer.
type Run struct {
	ID         RunID         `json:"id"`
	Model      string        `json:"model"`
	Dataset    DatasetID     `json:"dataset"`
	Attempt    int           `json:"attempt"`
	Params     Train         `json:"params"`
	Rounds     []Round       `json:"rounds,omitempty"`
	Artefact   Digest        `json:"artefact"` // the trained model's bytes
	CPU        time.Duration `json:"cpu"`      // user + system seconds of the child
	Features   []string      `json:"features"`
	Importance []float64     `json:"importance,omitempty"` // share of gain, one a feature
}

// Round is one line of a trainer's metrics. Validation is nil where there is none.
type Round struct {
	Round      int      `json:"round"`
	Train      float64  `json:"train"`
	Validation *float64 `json:"validation,omitempty"`
}

// Verdict of a bar or an evaluation.
type Verdict string

// The verdicts. Inconclusive is one: it never passes and never triggers anything.
const (
	Met          Verdict = "met"
	NotMet       Verdict = "not met"
	Inconclusive Verdict = "inconclusive"
	NotAsked     Verdict = "not asked" // a bar that names the champion where there is none
)

// Number is a measured number with its interval.
type Number struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Rows  int     `json:"rows"`
}

// Metric is a named number.
type Metric struct {
	Name string `json:"name"`
	Number
}

// BarResult is what became of one bar.
type BarResult struct {
	Bar     string  `json:"bar"`
	Verdict Verdict `json:"verdict"`
	Got     *Number `json:"got,omitempty"` // nil: not measured, Reason says why
	Bound   float64 `json:"bound"`
	Reason  string  `json:"reason"` // one plain sentence with the numbers
}

// Slice is a metric on the rows of one group. Judged is false where there are too few rows.
type Slice struct {
	By     string `json:"by"`
	Group  string `json:"group"`
	Metric string `json:"metric"`
	Number
	Judged bool `json:"judged"`
}

// CalibrationBin is one bin of a calibration picture.
type CalibrationBin struct {
	Predicted float64 `json:"predicted"`
	Observed  float64 `json:"observed"`
	Rows      int     `json:"rows"`
}

// Evaluation is what a version scored on given rows.
type Evaluation struct {
	ID          EvaluationID     `json:"id"`
	Model       string           `json:"model"`
	Dataset     DatasetID        `json:"dataset"`
	Run         RunID            `json:"run"`
	Part        PartName         `json:"part"`
	Rows        int              `json:"rows"`
	Metrics     []Metric         `json:"metrics"`
	Train       []Metric         `json:"train"` // the same on training rows: the gap is shown, it is no bar (D31)
	Bars        []BarResult      `json:"bars"`
	Slices      []Slice          `json:"slices,omitempty"`
	NotJudged   float64          `json:"notJudged"` // share of rows in slices too small to judge
	Calibration []CalibrationBin `json:"calibration,omitempty"`
	Threshold   *float64         `json:"threshold,omitempty"` // chosen on validation
	Use         int              `json:"use"`                 // which use of these test rows this is (S17)
	Alpha       float64          `json:"alpha"`               // what that use may spend
	Verdict     Verdict          `json:"verdict"`
	Digest      Digest           `json:"digest"` // over the numbers
}

// VersionState is where a version stands.
type VersionState string

// The states. Transitions are VersionTransitions; the table repeats them as CHECK.
const (
	Candidate  VersionState = "candidate"
	Challenger VersionState = "challenger"
	Champion   VersionState = "champion"
	Retired    VersionState = "retired" // answered once, or was proved and fitted once more as what answered
	Rejected   VersionState = "rejected"
)

// Version is a trained artefact bound to all it came from.
type Version struct {
	ID         VersionID    `json:"id"`
	Model      string       `json:"model"`
	Number     int          `json:"number"`
	State      VersionState `json:"state"`
	Digest     Digest       `json:"digest"` // D10
	Cycle      CycleID      `json:"cycle"`
	Spec       Digest       `json:"spec"`
	Revision   int          `json:"revision"`
	Dataset    DatasetID    `json:"dataset"`
	Run        RunID        `json:"run"`
	Evaluation EvaluationID `json:"evaluation"`        // of its own, or of the version it refits
	RefitOf    VersionID    `json:"refitOf,omitempty"` // S22
	Artefact   Digest       `json:"artefact"`          // the model's bytes
	Transform  Digest       `json:"transform"`
	Threshold  *float64     `json:"threshold,omitempty"`
	Loss       float64      `json:"loss"`                // mean primary loss on validation
	Clip       *float64     `json:"clip,omitempty"`      // 99th percentile of an unbounded loss on validation: a trial against this version clips there (S2)
	Spread     []Spread     `json:"spread,omitempty"`    // what it expects to lose, where its answer does not say so
	Reference  []float64    `json:"reference,omitempty"` // daily excess losses of its recipe on test days, oldest first (S14)
	Rows       int          `json:"rows"`                // it was fitted on
	Trained    [2]time.Time `json:"trained"`             // row times it was fitted on
	Made       time.Time    `json:"made"`
	From       *time.Time   `json:"from,omitempty"` // answered from
	Until      *time.Time   `json:"until,omitempty"`
}

// Spread is the loss that a version expects of its answers from From on, up to the next one's From.
type Spread struct {
	From float64 `json:"from"`
	Loss float64 `json:"loss"`
}

// Outcome of a decision.
type Outcome string

// The outcomes.
const (
	Promoted    Outcome = "promoted"
	RefusedIt   Outcome = "refused"
	Retraining  Outcome = "retrain"
	Waiting     Outcome = "wait"
	RolledBack  Outcome = "rolled back"
	Quarantined Outcome = "quarantined"
	Stopped     Outcome = "stopped"
	Kept        Outcome = "kept" // a watch ended well, or an inconclusive trial left the champion
	Probed      Outcome = "probed"
	Alarmed     Outcome = "alarmed"
	Started     Outcome = "started"
	Failed      Outcome = "failed"
)

// Decision is a recorded choice with its rule, numbers and alternatives. Text is never stored: it is rendered from
// Numbers (D28), so it cannot disagree with them.
type Decision struct {
	ID           DecisionID `json:"id"`
	Model        string     `json:"model"`
	Cycle        CycleID    `json:"cycle,omitempty"`
	Step         StepID     `json:"step,omitempty"`
	At           time.Time  `json:"at"`
	Outcome      Outcome    `json:"outcome"`
	Rule         string     `json:"rule"` // bars, not-worse, better, regret, health, guard ...
	Version      VersionID  `json:"version,omitempty"`
	Replaced     VersionID  `json:"replaced,omitempty"`
	Numbers      []Fact     `json:"numbers,omitempty"`
	Alternatives []string   `json:"alternatives,omitempty"`
}

// Fact is one number or text of a decision, named for people.
type Fact struct {
	Name   string   `json:"name"`
	Number *float64 `json:"number,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Numeric is a fact that is a number.
func Numeric(name string, x float64) Fact { return Fact{Name: name, Number: &x} }

// Textual is a fact in words.
func Textual(name, text string) Fact { return Fact{Name: name, Text: text} }

// Cause is why a cycle was started.
type Cause string

// The causes.
const (
	ByFirst    Cause = "first version"
	ByChange   Cause = "declaration changed"
	ByRegret   Cause = "regret"
	ByAge      Cause = "age"
	BySchedule Cause = "schedule"
	ByPerson   Cause = "a person asked"
)

// Cycle is one turn of the loop. It pins the declaration's revision.
type Cycle struct {
	ID       CycleID    `json:"id"`
	Model    string     `json:"model"`
	Cause    Cause      `json:"cause"`
	Revision int        `json:"revision"`
	Started  time.Time  `json:"started"`
	Ended    *time.Time `json:"ended,omitempty"`
	Outcome  Outcome    `json:"outcome,omitempty"`
	Version  VersionID  `json:"version,omitempty"`
}

// Entry is a line of the ledger.
type Entry struct {
	At      time.Time     `json:"at"`
	Model   string        `json:"model"`
	Cause   string        `json:"cause"` // cycle, run, probe, evaluation, shadow, endpoint, retrain, idle
	Ref     string        `json:"ref"`   // the id it belongs to
	Attempt int           `json:"attempt"`
	CPU     time.Duration `json:"cpu"`
	Amount  Money         `json:"amount"`
}

// VersionTransitions says which state may follow which.
var VersionTransitions = map[VersionState][]VersionState{
	Candidate:  {Challenger, Champion, Rejected, Retired},
	Challenger: {Champion, Rejected, Retired},
	Champion:   {Retired},
	Retired:    {Champion}, // a rollback
}
