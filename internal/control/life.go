package control

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/monitor"
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
	// Evidence is the trial's log evidence with this day; Bar decides.
	Evidence *Evidence `json:"evidence,omitempty"`
}

// Evidence is log evidence to promote a challenger, and that it does harm; what reaches Bar decides.
type Evidence struct {
	Promote float64 `json:"promote"`
	Harm    float64 `json:"harm"`
	Bar     float64 `json:"bar"`
}

// Trial is a challenger in shadow, day by day.
type Trial struct {
	Began   *rondo.Decision
	Ended   *rondo.Decision // nil while it goes on
	Version rondo.VersionID
	Days    []Day // with the challenger's loss
}

// Counted says whether the log evidence after each of its days is known.
func (t *Trial) Counted() bool {
	return len(t.Days) > 0 && !slices.ContainsFunc(t.Days, func(d Day) bool { return d.Evidence == nil })
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
		life.Trials = trials(life)
		return nil
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
func trials(life *Life) (out []Trial) {
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
	return out
}
