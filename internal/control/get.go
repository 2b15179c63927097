package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/monitor"
)

// Kinds are what get lists.
var kinds = []string{"models", "datasets", "runs", "versions", "evaluations", "cycles", "steps", "decisions", "routes", "days"}

// Listing is what get gives: one of the slices, by kind.
type Listing struct {
	Kind        string              `json:"kind"`
	Models      []ModelLine         `json:"models,omitempty"`
	Datasets    []*rondo.Dataset    `json:"datasets,omitempty"`
	Runs        []*rondo.Run        `json:"runs,omitempty"`
	Versions    []*rondo.Version    `json:"versions,omitempty"`
	Evaluations []*rondo.Evaluation `json:"evaluations,omitempty"`
	Cycles      []rondo.Cycle       `json:"cycles,omitempty"`
	Steps       []StepLine          `json:"steps,omitempty"`
	Decisions   []*rondo.Decision   `json:"decisions,omitempty"`
	Routes      []store.Route       `json:"routes,omitempty"`
	Days        []store.Value       `json:"days,omitempty"`
}

// ModelLine is a model in a list.
type ModelLine struct {
	Name     string          `json:"name"`
	Revision int             `json:"revision"`
	Paused   bool            `json:"paused"`
	Champion rondo.VersionID `json:"champion,omitempty"`
	Instead  *Instead        `json:"instead,omitempty"` // who answers, where the champion cannot be loaded
	Cycle    rondo.CycleID   `json:"cycle,omitempty"`   // the open one
	Quality  string          `json:"quality,omitempty"` // quiet, alarm since a day, or no reference and how many days there are
	Spec     *rondo.Spec     `json:"spec"`
}

// StepLine is a step that goes on, and what it waits for; or one that is parked and waits for a person (resume).
type StepLine struct {
	ID      rondo.StepID    `json:"id"`
	Model   string          `json:"model"`
	Cycle   rondo.CycleID   `json:"cycle,omitempty"`
	Kind    string          `json:"kind"`
	Name    string          `json:"name,omitempty"`
	State   store.StepState `json:"state"`
	Attempt int             `json:"attempt"`
	Due     string          `json:"due"`
	Error   string          `json:"error,omitempty"`
}

// Get lists what there is of a kind, of one model or (name "") of all.
func (c *Control) Get(ctx context.Context, kind, name string) (*Listing, error) {
	if !slices.Contains(kinds, kind) {
		hint := nearest.Hint(kind, kinds)
		if hint == "" {
			hint = "; there are " + strings.Join(kinds, ", ")
		}
		return nil, rondo.Errorf(rondo.Invalid, "no kind %q%s", kind, hint)
	}
	out := &Listing{Kind: kind}
	err := c.store.Read(ctx, func(tx store.Tx) error {
		models, err := tx.Models().List()
		if err != nil {
			return err
		}
		found := false
		for _, m := range models {
			if name != "" && m.Name != name {
				continue
			}
			found = true
			if err := out.add(tx, m); err != nil {
				return err
			}
		}
		if name != "" && !found {
			_, err := c.model(tx, name)
			return err
		}
		return nil
	})
	return out, err
}

// quality is what the champion's monitor says; "" before its first day was closed.
func quality(tx store.Tx, model string, champion rondo.VersionID) (string, error) {
	value, err := tx.Values().Get(model, "detector")
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var w monitor.Watcher
	if err := json.Unmarshal(value, &w); err != nil {
		return "", fmt.Errorf("detector of %s: %w", model, err)
	}
	if w.Version != champion {
		return "", nil
	}
	return w.Says(), nil
}

func (out *Listing) add(tx store.Tx, m store.Model) (err error) {
	switch out.Kind {
	case "models":
		line := ModelLine{Name: m.Name, Revision: m.Revision, Paused: m.Paused, Spec: m.Spec}
		route, err := tx.Versions().Route(m.Name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		cycle, err := tx.Cycles().Open(m.Name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		line.Champion, line.Cycle = route.Champion, cycle.ID
		if line.Instead, err = instead(tx, m.Name); err != nil {
			return err
		}
		if line.Quality, err = quality(tx, m.Name, route.Champion); err != nil {
			return err
		}
		out.Models = append(out.Models, line)
	case "datasets":
		out.Datasets, err = extend(out.Datasets, m.Name, tx.Records().Datasets)
	case "runs":
		out.Runs, err = extend(out.Runs, m.Name, tx.Records().Runs)
	case "versions":
		out.Versions, err = extend(out.Versions, m.Name, tx.Versions().List)
	case "evaluations":
		out.Evaluations, err = extend(out.Evaluations, m.Name, tx.Records().Evaluations)
	case "cycles":
		out.Cycles, err = extend(out.Cycles, m.Name, func(n string) ([]rondo.Cycle, error) { return tx.Cycles().List(n, 0) })
	case "decisions":
		out.Decisions, err = extend(out.Decisions, m.Name, func(n string) ([]*rondo.Decision, error) { return tx.Decisions().List(n, 0) })
	case "days":
		out.Days, err = extend(out.Days, m.Name, func(n string) ([]store.Value, error) { return tx.Values().Range(n, "day/", "day0") })
	case "routes":
		route, err := tx.Versions().Route(m.Name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		out.Routes = append(out.Routes, route)
		return err
	case "steps":
		steps, err := tx.Steps().Unfinished(m.Name)
		if err != nil {
			return err
		}
		parked, err := tx.Steps().Parked(m.Name)
		if err != nil {
			return err
		}
		for _, s := range append(steps, parked...) {
			out.Steps = append(out.Steps, StepLine{ID: s.ID, Model: s.Model, Cycle: s.Cycle, Kind: s.Kind, Name: s.Name,
				State: s.State, Attempt: s.Attempt, Due: s.Due.Format("2006-01-02 15:04:05"), Error: s.Error})
		}
	}
	return err
}

func extend[T any](to []T, model string, list func(string) ([]T, error)) ([]T, error) {
	more, err := list(model)
	return append(to, more...), err
}

// Costs is money by cause.
type Costs struct {
	Model  string        `json:"model"`
	Totals []store.Total `json:"totals"`
	CPU    string        `json:"cpu"`
	Amount rondo.Money   `json:"amount"`
}

// Cost is what a model has cost, by cause; the amount is the sum of its causes.
func (c *Control) Cost(ctx context.Context, model string) (*Costs, error) {
	var out Costs
	err := c.store.Read(ctx, func(tx store.Tx) error {
		m, err := c.model(tx, model)
		if err == nil {
			out, err = costs(tx, m.Name)
		}
		return err
	})
	return &out, err
}

func costs(tx store.Tx, model string) (Costs, error) {
	totals, err := tx.Ledger().Totals(model, time.Time{}, time.Time{})
	out := Costs{Model: model, Totals: totals}
	var cpu time.Duration
	for _, t := range totals {
		out.Amount = out.Amount.Add(t.Amount)
		cpu += t.CPU
	}
	out.CPU = cpu.String()
	return out, err
}
