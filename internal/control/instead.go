package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// Instead is who answers while the champion cannot be loaded. Version is empty where nobody does.
type Instead struct {
	Champion rondo.VersionID `json:"champion"`
	Version  rondo.VersionID `json:"version,omitempty"`
	Reason   string          `json:"reason"`
}

// insteadValue names the state that keeps it.
const insteadValue = "instead"

// Stands keeps who answers for a champion that cannot be loaded, with a Decision when that is news; nil: the champion does.
func (c *Control) Stands(ctx context.Context, model string, in *Instead) error {
	var before *Instead
	if err := c.store.Read(ctx, func(tx store.Tx) (err error) {
		before, err = instead(tx, model)
		return err
	}); err != nil {
		return err
	}
	if in == nil && before == nil || in != nil && before != nil && in.Champion == before.Champion && in.Version == before.Version {
		return nil
	}
	return c.store.Write(ctx, func(tx store.Tx) error {
		if in == nil {
			return tx.Values().Delete(model, insteadValue)
		}
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		if err := tx.Values().Put(model, insteadValue, b); err != nil {
			return err
		}
		var chance [32]byte
		if _, err := rand.Read(chance[:]); err != nil {
			return err
		}
		return tx.Decisions().Add(&rondo.Decision{ID: rondo.DecisionID(rondo.NewID("dec", tx.Now(), chance)), Model: model, At: tx.Now(),
			Outcome: rondo.Failed, Rule: loadRule, Version: in.Version, Replaced: in.Champion, Numbers: []rondo.Fact{rondo.Textual("reason", in.Reason)}})
	})
}

// loadRule is the rule of a Decision that a champion cannot be loaded.
const loadRule = "load"

// instead is nil where the champion answers, or nobody yet.
func instead(tx store.Tx, model string) (*Instead, error) {
	b, err := tx.Values().Get(model, insteadValue)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	in := &Instead{}
	if err := json.Unmarshal(b, in); err != nil {
		return nil, fmt.Errorf("state %s of %s: %w", insteadValue, model, err)
	}
	return in, nil
}

func (in *Instead) String() string {
	if in.Version == "" {
		return fmt.Sprintf("Version %s cannot be loaded, and no version before it: nobody answers.", in.Champion)
	}
	return fmt.Sprintf("Version %s cannot be loaded; %s answers in its place.", in.Champion, in.Version)
}
