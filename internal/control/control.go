// Package control is every verb a person can say: apply, run, get, why, pause, promote, roll back, and what it costs.
//
// Each verb checks, records, and returns a value; doors only translate. What a person decides is a Decision like any
// other. Verbs that start work return when it is recorded: the loop does it.
package control

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// starter starts cycles; loop.Loop is one.
type starter interface {
	StartCycle(tx store.Tx, model string) error
	Wake()
}

// planner says what a declaration would do; app gives one made of data, evaluate and cost.
type planner interface {
	Plan(ctx context.Context, spec *rondo.Spec, now time.Time) (*Plan, error)
}

// Control says the verbs.
type Control struct {
	store   store.Store
	loop    starter
	plan    planner
	changed Changed
}

// Changed are told after a verb's commit: who answers, or which tokens are valid, is not what it was.
type Changed struct {
	Route  func(ctx context.Context, model string) error
	Tokens func(context.Context) error
}

// New makes a Control.
func New(st store.Store, loop starter, plan planner, changed Changed) *Control {
	return &Control{store: st, loop: loop, plan: plan, changed: changed}
}

// Plan is what apply prints before it sets anything.
type Plan struct {
	Model    string       `json:"model"`
	Revision int          `json:"revision"` // 0 for a dry run of a new declaration
	Changed  bool         `json:"changed"`
	Dry      bool         `json:"dry,omitempty"`
	Columns  []PlanColumn `json:"columns"`
	Rows     int          `json:"rows"`
	Parts    []rondo.Part `json:"parts"`
	Notes    []rondo.Fact `json:"notes"` // purged, open, quarantined, repeats
	Bars     []string     `json:"bars"`  // what each bar can decide with these rows
	Price    rondo.Money  `json:"price"`
	PriceSet bool         `json:"priceSet"` // false: no price file, so the rate is 0
	Duration string       `json:"duration"`
	Verdict  *PlanVerdict `json:"verdict,omitempty"` // nil where no challenger can be tried
}

// PlanColumn is a column with its origin.
type PlanColumn struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Origin string `json:"origin"`
}

// Declaration is a model file as a door received it. Dir is where its relative paths start.
type Declaration struct {
	Name string `json:"name"` // of the file, for messages
	Text []byte `json:"text"`
	Dir  string `json:"dir"`
}

// Apply checks a declaration against its data, and sets it unless dry.
func (c *Control) Apply(ctx context.Context, d Declaration, dry bool) (*Plan, error) {
	spec, err := modelfile.Parse(d.Name, d.Text)
	if err != nil {
		return nil, err
	}
	spec.Dir = d.Dir
	now := time.Time{}
	if err := c.store.Read(ctx, func(tx store.Tx) error { now = tx.Now(); return nil }); err != nil {
		return nil, err
	}
	plan, err := c.plan.Plan(ctx, spec, now)
	if err != nil {
		return nil, err
	}
	plan.Dry = dry
	if err := c.store.Read(ctx, func(tx store.Tx) (err error) { plan.Verdict, err = verdict(tx, spec); return err }); err != nil {
		return nil, fmt.Errorf("the likely date of a verdict: %w", err)
	}
	if dry {
		return plan, nil
	}
	err = c.store.Write(ctx, func(tx store.Tx) error {
		m, changed, err := tx.Models().Apply(spec, modelfile.Digest(spec), spec.Dir)
		plan.Revision, plan.Changed = m.Revision, changed
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("apply %s: %w", spec.Name, err)
	}
	c.loop.Wake()
	return plan, nil
}

// Run forces a cycle of the newest revision, unless one is open or the loop is about to start the first. When it
// returns, no earlier cycle is the newest.
func (c *Control) Run(ctx context.Context, model string) error {
	err := c.store.Write(ctx, func(tx store.Tx) error {
		if _, err := c.model(tx, model); err != nil {
			return err
		}
		if _, err := tx.Cycles().Open(model); err == nil {
			return nil
		}
		if _, err := tx.Versions().Route(model); errors.Is(err, store.ErrNotFound) {
			cycles, err := tx.Cycles().List(model, 1)
			if err != nil || len(cycles) == 0 {
				return err // the loop sees that the first version is missing, and starts
			}
		}
		return c.loop.StartCycle(tx, model)
	})
	if err == nil {
		c.loop.Wake()
	}
	return err
}

func (c *Control) model(tx store.Tx, name string) (store.Model, error) {
	m, err := tx.Models().Get(name)
	if errors.Is(err, store.ErrNotFound) {
		return m, rondo.Errorf(rondo.NotFound, "no model %q; see: rondo get models", name)
	}
	return m, err
}

// SetPaused stops or goes on with everything the loop would start of its own; serving goes on either way. Going on opens
// what was parked: whoever says so has mended what failed.
func (c *Control) SetPaused(ctx context.Context, model string, paused bool) error {
	err := c.store.Write(ctx, func(tx store.Tx) error {
		if _, err := c.model(tx, model); err != nil {
			return err
		}
		if !paused {
			if _, err := tx.Steps().Unpark(model); err != nil {
				return err
			}
		}
		return tx.Models().SetPaused(model, paused)
	})
	if err == nil {
		c.loop.Wake()
	}
	return err
}

// Rollback puts the version that answered before back, in one commit.
func (c *Control) Rollback(ctx context.Context, model, reason string) (*rondo.Decision, error) {
	return c.move(ctx, model, reason, func(tx store.Tx, champion *rondo.Version) (*rondo.Version, error) {
		versions, err := tx.Versions().List(model)
		if err != nil {
			return nil, err
		}
		var last *rondo.Version
		for _, v := range versions {
			if v.State == rondo.Retired && v.From != nil && (last == nil || v.Until.After(*last.Until)) {
				last = v
			}
		}
		if last == nil {
			return nil, rondo.Errorf(rondo.Conflict, "no earlier version of %s has answered", model)
		}
		return last, nil
	})
}

// Promote puts a retired version back by a person's word. A version that did not meet its bars is refused.
func (c *Control) Promote(ctx context.Context, id rondo.VersionID, reason string) (*rondo.Decision, error) {
	return c.move(ctx, id.Model(), reason, func(tx store.Tx, champion *rondo.Version) (*rondo.Version, error) {
		v, err := tx.Versions().Get(id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil, rondo.Errorf(rondo.NotFound, "no version %s; see: rondo get versions", id)
		case err != nil:
			return nil, err
		case v.State == rondo.Rejected:
			return nil, rondo.Errorf(rondo.Refused, "version %s did not meet its bars; see: rondo why %s", id, id)
		case v.ID == champion.ID:
			return nil, rondo.Errorf(rondo.Conflict, "version %s answers already", id)
		case v.State != rondo.Retired || v.From == nil:
			return nil, rondo.Errorf(rondo.Conflict, "version %s is a %s: the loop decides about it; see: rondo why %s", id, v.State, id)
		}
		return v, nil
	})
}

func (c *Control) move(ctx context.Context, model, reason string,
	choose func(store.Tx, *rondo.Version) (*rondo.Version, error)) (*rondo.Decision, error) {
	var d *rondo.Decision
	err := c.store.Write(ctx, func(tx store.Tx) error {
		if _, err := c.model(tx, model); err != nil {
			return err
		}
		route, err := tx.Versions().Route(model)
		if errors.Is(err, store.ErrNotFound) {
			return rondo.Errorf(rondo.Conflict, "no version of %s answers yet", model)
		}
		if err != nil {
			return err
		}
		champion, err := tx.Versions().Get(route.Champion)
		if err != nil {
			return err
		}
		to, err := choose(tx, champion)
		if err != nil {
			return err
		}
		if err := tx.Versions().Move(champion.ID, rondo.Retired); err != nil {
			return err
		}
		if err := tx.Versions().Move(to.ID, rondo.Champion); err != nil {
			return err
		}
		if _, err := tx.Versions().SetRoute(store.Route{Model: model, Champion: to.ID}); err != nil {
			return err
		}
		for _, name := range []string{"watch", "regret", "probe"} { // they speak of the champion that left
			if err := tx.Values().Delete(model, name); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		var chance [32]byte
		if _, err := rand.Read(chance[:]); err != nil {
			return err
		}
		d = &rondo.Decision{ID: rondo.DecisionID(rondo.NewID("dec", tx.Now(), chance)), Model: model, At: tx.Now(),
			Outcome: rondo.RolledBack, Rule: "a person", Version: to.ID, Replaced: champion.ID}
		if reason != "" {
			d.Numbers = []rondo.Fact{rondo.Textual("reason", reason)}
		}
		return tx.Decisions().Add(d)
	})
	if err != nil {
		return nil, err
	}
	c.loop.Wake() // a twin of whoever answers now is missing
	return d, c.changed.Route(ctx, model)
}

// scopes are what a token may be for.
var scopes = []string{"admin", "read", "predict", "feedback", "events"}

// NewToken makes a bearer token and returns it; only its hash is kept.
func (c *Control) NewToken(ctx context.Context, name string, may []string) (string, error) {
	if name == "" || len(name) > 100 || len(may) == 0 || len(may) > len(scopes) {
		return "", rondo.Errorf(rondo.Invalid, "a token needs a name of at most 100 bytes, and scopes out of %s", strings.Join(scopes, ", "))
	}
	for _, scope := range may {
		if !slices.Contains(scopes, scope) {
			return "", rondo.Errorf(rondo.Invalid, "no scope %q%s; there are %s", scope, nearest.Hint(scope, scopes), strings.Join(scopes, ", "))
		}
	}
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	token := "rondo_" + base64.RawURLEncoding.EncodeToString(secret[:])
	err := c.store.Write(ctx, func(tx store.Tx) error {
		return tx.Tokens().Add(store.Token{Name: name, Hash: sha256.Sum256([]byte(token)), Scopes: may, Made: tx.Now()})
	})
	if errors.Is(err, store.ErrExists) {
		return "", rondo.Errorf(rondo.Conflict, "there is a token named %q; revoke it first or choose another name", name)
	}
	if err != nil {
		return "", err
	}
	return token, c.changed.Tokens(ctx)
}

// Tokens lists tokens without their secrets.
func (c *Control) Tokens(ctx context.Context) (tokens []store.Token, err error) {
	err = c.store.Read(ctx, func(tx store.Tx) error { tokens, err = tx.Tokens().List(); return err })
	return tokens, err
}

// RevokeToken ends a token at once.
func (c *Control) RevokeToken(ctx context.Context, name string) error {
	err := c.store.Write(ctx, func(tx store.Tx) error { return tx.Tokens().Revoke(name) })
	if errors.Is(err, store.ErrNotFound) {
		return rondo.Errorf(rondo.NotFound, "no token named %q; see: rondo token list", name)
	}
	if err != nil {
		return err
	}
	return c.changed.Tokens(ctx)
}
