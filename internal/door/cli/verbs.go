package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
)

type applyCmd struct {
	Files  []string `arg:"" name:"file" help:"Model files." type:"path"`
	DryRun bool     `help:"Stop after the plan."`
}

func (c *applyCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	for _, file := range c.Files {
		plan, err := session.apply(ctx, file, c.DryRun)
		if err != nil {
			return err
		}
		if err := e.show(plan, func(w io.Writer) error { return printPlan(w, plan) }); err != nil {
			return err
		}
	}
	return nil
}

// maxFile is a little over what modelfile accepts, so that it says so and not we.
const maxFile = 1 << 20

func (s *session) apply(ctx context.Context, file string, dry bool) (*control.Plan, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &rondo.Error{Kind: rondo.NotFound, Field: file, Message: "no such model file", Err: err}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	// Mistakes of the text are told with their place here, before anything is asked of a server.
	if _, err := modelfile.Parse(file, text); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	return s.Apply(ctx, control.Declaration{Name: file, Text: text, Dir: dir}, dry)
}

type runCmd struct {
	File string `arg:"" help:"Model file." type:"path"`
}

// Run applies, forces a cycle and waits for its end.
func (c *runCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	plan, err := session.apply(ctx, c.File, false)
	if err != nil {
		return err
	}
	if e.Output != "json" {
		if err := printPlan(e.Out, plan); err != nil {
			return err
		}
	}
	if err := session.Run(ctx, plan.Model); err != nil {
		return err
	}
	cycle, err := session.wait(ctx, e, plan.Model)
	if err != nil {
		return err
	}
	why, err := session.Why(ctx, string(cycle.ID), false)
	if err != nil {
		return err
	}
	result, err := session.result(ctx, plan, cycle, why)
	if err != nil {
		return err
	}
	if err := e.show(result, result.print); err != nil {
		return err
	}
	if cycle.Ended != nil && cycle.Outcome != rondo.Promoted {
		return &exit{code: exitCodes[rondo.Refused]}
	}
	return nil
}

// wait watches the loop until the model's newest cycle has ended, or waits for days that only traffic brings.
func (s *session) wait(ctx context.Context, e *env, model string) (rondo.Cycle, error) {
	bar := e.progress()
	defer bar.close()
	told := ""
	for {
		list, err := s.Get(ctx, "cycles", model)
		if err != nil {
			return rondo.Cycle{}, err
		}
		if n := len(list.Cycles); n > 0 {
			newest := list.Cycles[n-1]
			if newest.Ended != nil {
				return newest, nil
			}
			steps, err := s.Get(ctx, "steps", model)
			if err != nil {
				return newest, err
			}
			for _, step := range steps.Steps {
				if step.Error != "" && step.Error != told {
					told = step.Error
					fmt.Fprintf(e.Err, "\n%s did not work, attempt %d: %s; next try at %s\n", step.Kind, step.Attempt, step.Error, step.Due)
				}
				if step.Cycle == newest.ID && (step.State == "parked" || (step.State == "open" && (step.Kind == "backtest" || step.Kind == "shadow" || step.Kind == "canary"))) {
					return newest, nil
				}
			}
		}
		doing, err := s.Doing(ctx)
		if err != nil {
			return rondo.Cycle{}, err
		}
		bar.show(doing)
		if err := s.clock.Until(ctx, s.clock.Now().Add(50*time.Millisecond)); err != nil {
			return rondo.Cycle{}, err
		}
	}
}

// runResult is what run prints at the end.
type runResult struct {
	Model      string            `json:"model"`
	Cycle      rondo.CycleID     `json:"cycle"`
	Outcome    rondo.Outcome     `json:"outcome"`
	Version    rondo.VersionID   `json:"version,omitempty"`
	Evaluation *rondo.Evaluation `json:"evaluation,omitempty"`
	Cost       *control.Costs    `json:"cost"`
	Why        []control.WhySaid `json:"why"`
	Plan       *control.Plan     `json:"plan"`
	now        string
}

func (s *session) result(ctx context.Context, plan *control.Plan, cycle rondo.Cycle, why *control.Why) (*runResult, error) {
	r := &runResult{Model: plan.Model, Cycle: cycle.ID, Outcome: cycle.Outcome, Version: cycle.Version, Why: why.Chain, Plan: plan, now: why.Now}
	list, err := s.Get(ctx, "evaluations", plan.Model)
	if err != nil {
		return nil, err
	}
	if n := len(list.Evaluations); n > 0 {
		r.Evaluation = list.Evaluations[n-1]
	}
	r.Cost, err = s.Cost(ctx, plan.Model)
	return r, err
}

func (r *runResult) print(w io.Writer) error {
	if r.Evaluation != nil {
		if err := printEvaluation(w, r.Evaluation); err != nil {
			return err
		}
	}
	for _, said := range r.Why {
		fmt.Fprintln(w, wrap(said.Text, 80, "  "))
	}
	if r.Outcome == "" {
		fmt.Fprintln(w, "The cycle waits for days of predictions with outcomes; see: rondo get steps "+r.Model)
	}
	fmt.Fprintf(w, "%s It cost %s of CPU, %s.\n", r.now, r.Cost.CPU, r.Cost.Amount)
	if r.Outcome == rondo.Promoted {
		fmt.Fprintf(w, "Ask it: rondo predict %s -f rows.csv\n", r.Model)
	}
	return nil
}

type getCmd struct {
	Kind  string `arg:"" help:"models, versions, runs, datasets, evaluations, cycles, steps, decisions, routes or days."`
	Model string `arg:"" optional:"" help:"Of this model only."`
}

func (c *getCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	list, err := session.Get(ctx, c.Kind, c.Model)
	if err != nil {
		return err
	}
	return e.show(list, func(w io.Writer) error { return printListing(w, list, e.Output == "wide") })
}

type whyCmd struct {
	Subject string `arg:"" help:"MODEL, MODEL/VERSION or a cycle's id."`
	All     bool   `help:"Also the decisions to wait."`
}

func (c *whyCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	why, err := session.Why(ctx, c.Subject, c.All)
	if err != nil {
		return err
	}
	return e.show(why, func(w io.Writer) error { return printWhy(w, why) })
}

type promoteCmd struct {
	Version string `arg:"" help:"MODEL/VERSION."`
	Reason  string `help:"Why; it is kept with the decision."`
}

func (c *promoteCmd) Run(ctx context.Context, e *env) error {
	return e.decide(ctx, func(s *session) (*rondo.Decision, error) {
		return s.Promote(ctx, rondo.VersionID(c.Version), c.Reason)
	})
}

type rollbackCmd struct {
	Model  string `arg:""`
	Reason string `help:"Why; it is kept with the decision."`
}

func (c *rollbackCmd) Run(ctx context.Context, e *env) error {
	return e.decide(ctx, func(s *session) (*rondo.Decision, error) { return s.Rollback(ctx, c.Model, c.Reason) })
}

func (e *env) decide(ctx context.Context, say func(*session) (*rondo.Decision, error)) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	d, err := say(session)
	if err != nil {
		return err
	}
	return e.show(d, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, wrap(control.Explain(d), 80, "  "))
		return err
	})
}

type pauseCmd struct {
	Model string `arg:""`
}

func (c *pauseCmd) Run(ctx context.Context, e *env) error { return e.setPaused(ctx, c.Model, true) }

type resumeCmd struct {
	Model string `arg:""`
}

func (c *resumeCmd) Run(ctx context.Context, e *env) error { return e.setPaused(ctx, c.Model, false) }

func (e *env) setPaused(ctx context.Context, model string, paused bool) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	if err := session.SetPaused(ctx, model, paused); err != nil {
		return err
	}
	state := struct {
		Model  string `json:"model"`
		Paused bool   `json:"paused"`
	}{model, paused}
	return e.show(state, func(w io.Writer) error {
		word := "goes on"
		if paused {
			word = "is paused; it still answers"
		}
		_, err := fmt.Fprintf(w, "%s %s\n", model, word)
		return err
	})
}

type costCmd struct {
	Model string `arg:""`
}

func (c *costCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	cost, err := session.Cost(ctx, c.Model)
	if err != nil {
		return err
	}
	return e.show(cost, func(w io.Writer) error { return printCost(w, cost) })
}

type tokenCmd struct {
	New    tokenNewCmd    `cmd:"" help:"Make a token; it is shown this once."`
	List   tokenListCmd   `cmd:"" help:"List tokens, without their secrets."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token at once."`
}

type tokenNewCmd struct {
	Name   string   `arg:"" help:"Whose it is."`
	Scopes []string `help:"What it may do: admin, read, predict, feedback, events." default:"admin"`
}

func (c *tokenNewCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	token, err := session.NewToken(ctx, c.Name, c.Scopes)
	if err != nil {
		return err
	}
	made := struct {
		Name  string `json:"name"`
		Token string `json:"token"`
	}{c.Name, token}
	return e.show(made, func(w io.Writer) error { _, err := fmt.Fprintln(w, token); return err })
}

type tokenListCmd struct{}

func (c *tokenListCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	tokens, err := session.Tokens(ctx)
	if err != nil {
		return err
	}
	type line struct {
		Name   string    `json:"name"`
		Scopes []string  `json:"scopes"`
		Made   time.Time `json:"made"`
	}
	lines := make([]line, len(tokens))
	for i, t := range tokens {
		lines[i] = line{t.Name, t.Scopes, t.Made}
	}
	return e.show(lines, func(w io.Writer) error {
		t := newTable(w, "NAME", "SCOPES", "MADE")
		for _, l := range lines {
			t.row(l.Name, strings.Join(l.Scopes, ","), l.Made.Format(time.DateTime))
		}
		return t.flush()
	})
}

type tokenRevokeCmd struct {
	Name string `arg:""`
}

func (c *tokenRevokeCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	return session.RevokeToken(ctx, c.Name)
}
