package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/retrain"
)

// Reconcile compares what is declared with what is, for every model, and adds what is missing: a first cycle, a cycle for
// a changed declaration, the step of the next day, a twin of who answers. It writes only when something is missing.
func (l *Loop) Reconcile(ctx context.Context) error {
	var missing []func(store.Tx) error
	err := l.Store.Read(ctx, func(tx store.Tx) error {
		models, err := tx.Models().List()
		if err != nil {
			return err
		}
		for _, m := range models {
			todo, err := l.missing(tx, m)
			if err != nil {
				return fmt.Errorf("model %s: %w", m.Name, err)
			}
			missing = append(missing, todo...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, add := range missing {
		if err := l.Store.Write(ctx, add); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return nil
}

func (l *Loop) missing(tx store.Tx, m store.Model) ([]func(store.Tx) error, error) {
	if m.Paused {
		return nil, nil
	}
	var todo []func(store.Tx) error
	route, err := tx.Versions().Route(m.Name)
	answers := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	wanted, err := l.wantsCycle(tx, m, route, answers)
	if err != nil {
		return nil, err
	}
	if wanted != "" {
		todo = append(todo, func(tx store.Tx) error {
			return l.startCycle(tx, m.Name, wanted)
		})
	}
	if answers && m.Spec.Data.Time != nil {
		unfinished, err := tx.Steps().Unfinished(m.Name)
		if err != nil {
			return nil, err
		}
		day, err := l.missingDay(tx, m, unfinished)
		if err != nil {
			return nil, err
		}
		if day != nil {
			todo = append(todo, day)
		}
		twin, err := l.missingTwin(tx, m, route, unfinished)
		if err != nil {
			return nil, err
		}
		if twin != nil {
			todo = append(todo, twin)
		}
	}
	return todo, nil
}

// noRows is the rule of a cycle that failed because there were too few rows.
const noRows = "no rows"

// wantsCycle says why a cycle is missing, or "". A revision is tried once, and again where it failed for want of rows; a
// declaration that the champion was made of needs none.
func (l *Loop) wantsCycle(tx store.Tx, m store.Model, route store.Route, answers bool) (rondo.Cause, error) {
	c, err := newestCycle(tx, m.Name)
	if err != nil {
		return "", err
	}
	if c.ID != "" && (c.Ended == nil || c.Revision == m.Revision) {
		again, err := l.again(tx, m, c)
		if err != nil || !again {
			return "", err
		}
	}
	if !answers {
		return rondo.ByFirst, nil
	}
	champion, err := tx.Versions().Get(route.Champion)
	if err != nil {
		return "", err
	}
	if champion.Spec == m.Digest {
		return "", nil
	}
	return rondo.ByChange, nil
}

// again says whether a cycle has to be tried once more: it failed for want of rows, long enough ago, or the budget of an
// earlier month did not pay for it.
func (l *Loop) again(tx store.Tx, m store.Model, c rondo.Cycle) (bool, error) {
	rule := noRows
	switch now := tx.Now(); {
	case c.Outcome == rondo.RefusedIt && c.Ended.Before(month(now)):
		rule = overBudget
	case c.Outcome != rondo.Failed || now.Before(c.Ended.Add(retrain.Pause(m.Spec))):
		return false, nil
	}
	decisions, err := tx.Decisions().ByCycle(c.ID)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(decisions, func(d *rondo.Decision) bool { return d.Rule == rule }), nil
}

// missingDay adds the step that closes the next day, when it is not there.
func (l *Loop) missingDay(tx store.Tx, m store.Model, unfinished []store.Step) (func(store.Tx) error, error) {
	cursor, err := value[dayCursor](tx, m.Name, "days")
	if err != nil {
		return nil, err
	}
	next := dayCursor{}
	if cursor != nil {
		next = *cursor
		for _, s := range unfinished {
			if s.Kind == "day" && s.Name == next.Next.Format(time.DateOnly) {
				return nil, nil
			}
		}
	}
	return func(tx store.Tx) error {
		now := tx.Now()
		if cursor == nil {
			first := now.Truncate(oneDay).Add(oneDay)
			next = dayCursor{First: first, Next: first}
			if err := put(tx, m.Name, "days", next); err != nil {
				return err
			}
		}
		s, err := l.step(m.Name, "", "day", next.Next.Format(time.DateOnly), next.Next, struct{}{})
		if err != nil {
			return err
		}
		s.Due, s.Made = next.Next.Add(oneDay+maturity), next.Next
		return tx.Steps().Add(s)
	}, nil
}
