package app

import (
	"context"
	"fmt"

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

// endpoint is what serving holds of a model. It is made once per declaration: live history goes on from version to
// version, and is made anew only when another declaration's version becomes champion.
type endpoint struct {
	spec rondo.Digest
	open *serve.Endpoint
}

// routed is one route with all it names.
type routed struct {
	route                store.Route
	model                store.Model
	champion, challenger *rondo.Version
	dataset              *rondo.Dataset
}

// Refresh renews serving's route table from the store. A champion that does not load leaves its model's old route in
// place, and is an error.
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
	table := serve.Table{}
	for _, r := range all {
		route, err := a.route(ctx, r)
		if err != nil {
			return fmt.Errorf("route of %s: %w", r.route.Model, err)
		}
		table[r.route.Model] = route
	}
	return a.Serve.Swap(ctx, table)
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
	e, ok := a.endpoints[r.route.Model]
	if !ok || e.spec != r.champion.Spec {
		open, err := a.endpoint(ctx, r)
		if err != nil {
			return out, err
		}
		e = endpoint{spec: r.champion.Spec, open: open}
		a.endpoints[r.route.Model] = e
	}
	out.Endpoint = e.open
	var err error
	if out.Champion, err = a.version(ctx, r.champion); err != nil {
		return out, err
	}
	if r.challenger != nil {
		out.Challenger, err = a.version(ctx, r.challenger)
	}
	return out, err
}

func (a *App) endpoint(ctx context.Context, r routed) (*serve.Endpoint, error) {
	rows, err := a.Data.Rows(ctx, r.model.Spec, r.dataset)
	if err != nil {
		return nil, err
	}
	signature := rows.Signature()
	types := make(map[string]column.Type, len(signature.Columns))
	for _, c := range signature.Columns {
		types[c.Name] = c.Type
	}
	set, err := history.Compile(r.model.Spec.Data.History, types)
	if err != nil {
		return nil, err
	}
	facts, err := data.Facts(ctx, a.Objects, r.dataset)
	if err != nil {
		return nil, err
	}
	b, err := a.Objects.Get(ctx, r.dataset.Profile)
	if err != nil {
		return nil, fmt.Errorf("profile of dataset %s: %w", r.dataset.ID, err)
	}
	seen, err := profile.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("profile of dataset %s: %w", r.dataset.ID, err)
	}
	for i := range signature.Columns {
		c := &signature.Columns[i]
		if p := seen.Column(c.Name); p != nil && p.Nulls == 0 {
			c.Nullable = false // training never saw it missing, so a request has to name it (R12)
		}
	}
	return a.Serve.Open(ctx, serve.Model{Spec: r.model.Spec, Revision: r.model.Revision, Rows: rows, Signature: signature,
		History: set, Facts: facts, Profile: seen})
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
