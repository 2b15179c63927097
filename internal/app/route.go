package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/profile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/transform"
)

// endpoint is what serving holds of a model. Live history goes on from version to version; it is made anew only when the
// champion has another declaration, was trained with another row program (columns of the source, tables looked up), or on
// rows that miss other columns.
type endpoint struct {
	spec, rows rondo.Digest
	request    []string // columns that a request may name
	required   []string // those it has to
	open       *serve.Endpoint
}

// routed is one route with all it names.
type routed struct {
	route                store.Route
	model                store.Model
	champion, challenger *rondo.Version
	dataset              *rondo.Dataset
}

// loadError says which models a Refresh could not give their champion, or of which it could not write down who answers.
type loadError map[string]error

func (e loadError) Error() string {
	var lines []string
	for _, model := range slices.Sorted(maps.Keys(e)) {
		lines = append(lines, fmt.Sprintf("route of %s: %v", model, e[model]))
	}
	return strings.Join(lines, "; ")
}

// Refresh renews serving's route table from the store. A model whose champion or challenger does not load keeps the route
// it has, or else gets the newest version before that loads (I10), one that was rolled back last; all others follow the
// store. That is an error too.
func (a *App) Refresh(ctx context.Context) error {
	a.refreshMu.Lock()
	defer a.refreshMu.Unlock()
	var all []routed
	err := a.Store.Read(ctx, func(tx store.Tx) error {
		routes, err := tx.Versions().Routes()
		if err != nil {
			return err
		}
		for _, route := range routes {
			r, err := read(tx, route)
			if err != nil {
				return fmt.Errorf("route of %s: %w", route.Model, err)
			}
			all = append(all, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	table, failed := serve.Table{}, loadError{}
	for _, r := range all {
		model := r.route.Model
		route, err := a.route(ctx, r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed[model] = err
			if route, err = a.before(ctx, r, err); err != nil {
				return err
			}
		}
		table[model] = route
	}
	if err := a.Serve.Swap(ctx, table); err != nil {
		return err
	}
	for _, r := range all { // what is so by now; where it cannot be written down, the routes are in place all the same
		model := r.route.Model
		if err := a.stands(ctx, r, table[model], failed[model]); err != nil {
			a.Logger.Error("who answers cannot be written down", "model", model, "error", err)
			failed[model] = errors.Join(failed[model], err)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return failed
}

// refreshed is Refresh for who changed one model's route: what other models have is not their affair.
func (a *App) refreshed(ctx context.Context, model string) error {
	err := a.Refresh(ctx)
	if failed := (loadError)(nil); errors.As(err, &failed) {
		return failed[model]
	}
	return err
}

// start is the first Refresh: what does not load is said, and keeps nobody from starting.
func (a *App) start(ctx context.Context) error {
	err := a.Refresh(ctx)
	if errors.As(err, new(loadError)) {
		return nil
	}
	return err
}

// before is the route of a model whose champion or challenger did not load.
func (a *App) before(ctx context.Context, r routed, cause error) (serve.Route, error) {
	old, ok := a.Serve.Route(r.route.Model)
	ok = ok && old.Failed == nil
	var away map[rondo.VersionID]bool
	earlier := []routed{r}
	earlier[0].challenger = nil
	err := a.Store.Read(ctx, func(tx store.Tx) error {
		versions, err := tx.Versions().List(r.route.Model)
		if err != nil {
			return err
		}
		decisions, err := tx.Decisions().List(r.route.Model, 0)
		if err != nil {
			return err
		}
		away = takenBack(decisions)
		for _, v := range standIns(versions, away, r.route) {
			one, err := read(tx, store.Route{Model: r.route.Model, Champion: v.ID, Generation: r.route.Generation})
			if err != nil {
				return err
			}
			earlier = append(earlier, one)
		}
		return nil
	})
	if err != nil {
		return serve.Route{}, err
	}
	if ok && !away[old.Champion.ID] {
		return old, nil
	}
	for _, one := range earlier {
		if ok && away[one.champion.ID] {
			break
		}
		if route, err := a.route(ctx, one); err == nil {
			return route, nil
		}
	}
	if ok { // it was rolled back, and no other loads
		return old, nil
	}
	return serve.Route{Generation: r.route.Generation, Failed: cause}, nil
}

// takenBack are the versions that a rollback took away and that nothing has put back since.
func takenBack(decisions []*rondo.Decision) map[rondo.VersionID]bool {
	away := map[rondo.VersionID]bool{}
	for _, d := range decisions { // newest last
		switch d.Outcome {
		case rondo.RolledBack:
			away[d.Replaced], away[d.Version] = true, false
		case rondo.Promoted:
			away[d.Version] = false
		}
	}
	return away
}

// standIns are the versions that may answer for a champion, in the order in which they are tried: its parent, then who
// answered last; those that were taken back come after all others.
func standIns(versions []*rondo.Version, away map[rondo.VersionID]bool, route store.Route) []*rondo.Version {
	rank := func(v *rondo.Version) int {
		switch {
		case v.ID == route.Parent:
			return 0
		case away[v.ID]:
			return 2
		}
		return 1
	}
	versions = slices.DeleteFunc(slices.Clone(versions), func(v *rondo.Version) bool {
		return v.ID == route.Champion || v.ID != route.Parent && (v.State != rondo.Retired || v.Until == nil)
	})
	slices.SortFunc(versions, func(v, w *rondo.Version) int {
		if rank(v) != rank(w) {
			return rank(v) - rank(w)
		}
		return w.Until.Compare(*v.Until) // of equal rank neither is the parent
	})
	return versions
}

// stands says, once, who answers for a champion that did not load.
func (a *App) stands(ctx context.Context, r routed, route serve.Route, cause error) error {
	if cause == nil {
		return a.Control.Stands(ctx, r.route.Model, nil)
	}
	in := &control.Instead{Champion: r.champion.ID, Reason: cause.Error()}
	if route.Failed == nil {
		in.Version = route.Champion.ID
	}
	a.Logger.Error("a version cannot be loaded", "model", r.route.Model, "champion", in.Champion, "answers", in.Version, "error", cause)
	if in.Version == in.Champion {
		in = nil // its challenger is missing, or the disk has lost what memory has
	}
	return a.Control.Stands(ctx, r.route.Model, in)
}

func read(tx store.Tx, route store.Route) (r routed, err error) {
	r.route = route
	if r.champion, err = tx.Versions().Get(route.Champion); err != nil {
		return r, err
	}
	if route.Challenger != "" && route.Share > 0 {
		if r.challenger, err = tx.Versions().Get(route.Challenger); err != nil {
			return r, err
		}
	}
	if r.model, err = tx.Models().Revision(route.Model, r.champion.Revision); err != nil {
		return r, err
	}
	r.dataset, err = tx.Records().Dataset(r.champion.Dataset)
	return r, err
}

func (a *App) route(ctx context.Context, r routed) (serve.Route, error) {
	out := serve.Route{Generation: r.route.Generation, Share: r.route.Share, Salt: r.route.Salt}
	var err error
	if out.Profile, err = a.profile(ctx, r.dataset); err != nil {
		return out, err
	}
	e, ok := a.endpoints[r.route.Model]
	if !ok || e.spec != r.champion.Spec || e.rows != r.dataset.Rows || !slices.Equal(e.required, required(e.request, out.Profile)) {
		if e, err = a.endpoint(ctx, r, out.Profile); err != nil {
			return out, err
		}
		a.endpoints[r.route.Model] = e
	}
	out.Endpoint = e.open
	if out.Champion, err = a.version(ctx, r.champion); err != nil {
		return out, err
	}
	if r.challenger != nil {
		if out.Challenger, err = a.version(ctx, r.challenger); err != nil {
			return out, err
		}
	}
	return out, out.Fits()
}

// required are the columns that training never saw missing, so a request has to name them (R12).
func required(columns []string, seen *profile.Profile) (out []string) {
	for _, name := range columns {
		if p := seen.Column(name); p != nil && p.Nulls == 0 {
			out = append(out, name)
		}
	}
	return out
}

func (a *App) profile(ctx context.Context, d *rondo.Dataset) (*profile.Profile, error) {
	b, err := a.Objects.Get(ctx, d.Profile)
	if err != nil {
		return nil, fmt.Errorf("profile of dataset %s: %w", d.ID, err)
	}
	seen, err := profile.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("profile of dataset %s: %w", d.ID, err)
	}
	return seen, nil
}

func (a *App) endpoint(ctx context.Context, r routed, seen *profile.Profile) (e endpoint, err error) {
	rows, err := a.Data.Rows(ctx, r.model.Spec, r.dataset)
	if err != nil {
		return e, err
	}
	signature := rows.Signature()
	types := make(map[string]column.Type, len(signature.Columns))
	for _, c := range signature.Columns {
		types[c.Name] = c.Type
	}
	set, err := history.Compile(r.model.Spec.Data.History, types)
	if err != nil {
		return e, err
	}
	facts, err := data.Facts(ctx, a.Objects, r.dataset)
	if err != nil {
		return e, err
	}
	e = endpoint{spec: r.champion.Spec, rows: r.dataset.Rows, request: signature.Names(transform.Request)}
	e.required = required(e.request, seen)
	for i := range signature.Columns {
		if c := &signature.Columns[i]; slices.Contains(e.required, c.Name) {
			c.Nullable = false
		}
	}
	e.open, err = a.Serve.Open(ctx, serve.Model{Spec: r.model.Spec, Revision: r.model.Revision, Rows: rows, Signature: signature,
		History: set, Facts: facts})
	return e, err
}

func (a *App) version(ctx context.Context, v *rondo.Version) (*serve.Version, error) {
	b, err := a.Objects.Get(ctx, v.Transform)
	if err != nil {
		return nil, fmt.Errorf("transform of %s: %w", v.ID, err)
	}
	program, err := transform.Load(b)
	if err != nil {
		return nil, fmt.Errorf("transform of %s: %w", v.ID, err)
	}
	if b, err = a.Objects.Get(ctx, v.Artefact); err != nil {
		return nil, fmt.Errorf("artefact of %s: %w", v.ID, err)
	}
	var model predict.Model
	if model, err = native.New(native.Options{}).Load(ctx, b); err != nil {
		return nil, fmt.Errorf("artefact of %s: %w", v.ID, err)
	}
	return &serve.Version{ID: v.ID, Number: v.Number, Program: program, Model: model, Threshold: v.Threshold}, nil
}
