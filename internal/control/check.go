package control

import (
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/evaluate"
)

// Predictions are somebody's predictions with what was true. Columns that are not named are recognised.
type Predictions struct {
	Name                         string // for errors
	Rows, TrainedOn              *column.Table
	Label, Score, Time, Positive string
	By                           []string
	Threshold                    float64
	Bars                         []string
}

// Checked is what an honest look at them shows.
type Checked = evaluate.Honest

// Check evaluates predictions that anybody made. It needs no installation and keeps nothing.
func Check(p Predictions) (*Checked, error) {
	columns, err := evaluate.Recognise(p.Rows, evaluate.Wanted{Label: p.Label, Score: p.Score, Positive: p.Positive, Time: p.Time, By: p.By})
	if err != nil {
		return nil, &rondo.Error{Kind: rondo.KindOf(err), Field: p.Name, Message: err.Error()}
	}
	return evaluate.Check{Table: p.Rows, Training: p.TrainedOn, Columns: columns, Threshold: p.Threshold, Bars: p.Bars}.Evaluate()
}
