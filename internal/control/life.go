package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/monitor"
	"rondo.dev/rondo/internal/stage/retrain"
	"rondo.dev/rondo/internal/stage/rollout"
	"rondo.dev/rondo/stat"
)

// Life is all that happened to one model, read in one snapshot: what a page about it shows.
type Life struct {
	Model       ModelLine
	Now         time.Time
	Answers     string // one sentence: who answers, since when
	Versions    []*rondo.Version
	Days        []Day // closed days, oldest first
	Trials      []Trial
	Decisions   []*rondo.Decision
	Evaluations []*rondo.Evaluation
	Run         *rondo.Run // the champion's; nil where nobody answers
	Steps       []StepLine
	Costs       Costs
}

// Day is a closed day, with the mean losses of others on its rows; nil where nobody played that part.
type Day struct {
	monitor.Day
	Challenger *float64 `json:"challenger,omitempty"`
	Parent     *float64 `json:"parent,omitempty"`
	Probe      *float64 `json:"probe,omitempty"`
	Gain       *float64 `json:"gain,omitempty"` // of the challenger as a trial counts it, where the loss has no bound
}

// Trial is a challenger in shadow, day by day.
type Trial struct {
	Began   *rondo.Decision
	Ended   *rondo.Decision // nil while it goes on
	Version rondo.VersionID
	Days    []Day // with the challenger's loss
	// Promote and Harm are the log evidence after each of Days; Bar decides. They are nil for a trial that has ended: its
	// past days, which are its scale, are kept only while it goes on.
	Promote, Harm []float64
	Bar           float64
}

// Life reads a model's life.
func (c *Control) Life(ctx context.Context, model string) (*Life, error) {
	life := &Life{}
	err := c.store.Read(ctx, func(tx store.Tx) error {
		m, err := c.model(tx, model)
		if err != nil {
			return err
		}
		life.Now = tx.Now()
		life.Answers = now(tx, model)
		listed := Listing{}
		for _, kind := range []string{"models", "versions", "decisions", "evaluations", "steps"} {
			listed.Kind = kind
			if err := listed.add(tx, m); err != nil {
				return err
			}
		}
		life.Model, life.Versions, life.Decisions = listed.Models[0], listed.Versions, listed.Decisions
		life.Evaluations, life.Steps = listed.Evaluations, listed.Steps
		if life.Run, err = run(tx, life.Model.Champion); err != nil {
			return err
		}
		if life.Costs, err = costs(tx, model); err != nil {
			return err
		}
		if life.Days, err = days(tx, model); err != nil {
			return err
		}
		life.Trials, err = trials(tx, model, life)
		return err
	})
	if err != nil {
		return nil, err
	}
	return life, nil
}

// run is the run that a version came from.
func run(tx store.Tx, id rondo.VersionID) (*rondo.Run, error) {
	if id == "" {
		return nil, nil
	}
	v, err := tx.Versions().Get(id)
	if err != nil {
		return nil, err
	}
	return tx.Records().Run(v.Run)
}

func days(tx store.Tx, model string) ([]Day, error) {
	values, err := tx.Values().Range(model, "day/", "day0")
	if err != nil {
		return nil, err
	}
	out := make([]Day, len(values))
	for i, v := range values {
		if err := json.Unmarshal(v.Value, &out[i]); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", v.Name, model, err)
		}
	}
	return out, nil
}

// trials finds each challenger's time in shadow: from the decision that began it to the one that ended its cycle.
func trials(tx store.Tx, model string, life *Life) ([]Trial, error) {
	var out []Trial
	for i, d := range life.Decisions {
		if d.Outcome != rondo.Started || d.Rule != "shadow" {
			continue
		}
		t := Trial{Began: d, Version: d.Version}
		for _, later := range life.Decisions[i+1:] {
			if later.Cycle == d.Cycle && (later.Outcome == rondo.Promoted || later.Outcome == rondo.RefusedIt || later.Outcome == rondo.Kept ||
				later.Outcome == rondo.Failed || later.Outcome == rondo.Stopped) {
				t.Ended = later
				break
			}
		}
		for _, day := range life.Days {
			if day.Challenger != nil && day.Day.Day.After(d.At) && (t.Ended == nil || day.Day.Day.Before(t.Ended.At)) {
				t.Days = append(t.Days, day)
			}
		}
		out = append(out, t)
	}
	if len(out) == 0 || out[len(out)-1].Ended != nil {
		return out, nil
	}
	value, err := tx.Values().Get(model, "trial")
	if errors.Is(err, store.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	return out, out[len(out)-1].replay(value)
}

// replay counts the days of an open trial again, as they were counted. Evidence that does not come to what the trial itself
// holds is not shown: the days say less than the rows did.
func (t *Trial) replay(value []byte) error {
	kept := struct {
		Trial *rollout.Trial `json:"trial"`
		Past  []float64      `json:"past"`
	}{}
	if err := json.Unmarshal(value, &kept); err != nil {
		return fmt.Errorf("the trial of %s: %w", t.Version, err)
	}
	if kept.Trial == nil || kept.Trial.Challenger != t.Version {
		return nil
	}
	test, err := stat.NewPromotion(kept.Trial.Test.Margin, kept.Trial.Test.Alpha, kept.Past, kept.Trial.Test.UsualRows)
	if err != nil {
		return nil // no scale, so no evidence
	}
	var promote, harm []float64
	for _, d := range t.Days {
		if !d.Day.Day.Before(kept.Trial.From) && float64(d.Outside) <= retrain.MaxOutside*float64(d.Rows) {
			nth := int(d.Day.Day.Sub(kept.Trial.From)/(24*time.Hour)) + 1
			gain := d.Loss - *d.Challenger
			if d.Gain != nil {
				gain = *d.Gain
			}
			test.Add(stat.Day{Mean: gain, Rows: d.Labelled, EndsWeek: nth%7 == 0})
		}
		promote, harm = append(promote, test.LogPromote()), append(harm, test.LogHarm())
	}
	if math.Abs(test.LogPromote()-kept.Trial.Test.LogPromote()) > 1e-6 {
		return nil
	}
	t.Promote, t.Harm, t.Bar = promote, harm, -math.Log(test.Alpha)
	return nil
}
