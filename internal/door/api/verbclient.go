package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

func modelPath(model, verb string) string { return "/v1/models/" + url.PathEscape(model) + "/" + verb }

// Apply checks a declaration, and sets it unless dry.
func (c *Client) Apply(ctx context.Context, d control.Declaration, dry bool) (*control.Plan, error) {
	return say[*control.Plan](ctx, c, http.MethodPost, "/v1/models", applyBody{Declaration: d, Dry: dry})
}

// Run forces a cycle.
func (c *Client) Run(ctx context.Context, model string) error {
	_, err := say[none](ctx, c, http.MethodPost, modelPath(model, "cycles"), none{})
	return err
}

// SetPaused pauses or resumes.
func (c *Client) SetPaused(ctx context.Context, model string, paused bool) error {
	_, err := say[none](ctx, c, http.MethodPost, modelPath(model, "pause"), pauseBody{Paused: paused})
	return err
}

// Rollback puts the version that answered before back.
func (c *Client) Rollback(ctx context.Context, model, reason string) (*rondo.Decision, error) {
	return say[*rondo.Decision](ctx, c, http.MethodPost, modelPath(model, "rollback"), reasonBody{Reason: reason})
}

// Promote lets an earlier version answer again.
func (c *Client) Promote(ctx context.Context, v rondo.VersionID, reason string) (*rondo.Decision, error) {
	return say[*rondo.Decision](ctx, c, http.MethodPost, modelPath(v.Model(), "promote"), reasonBody{Version: v, Reason: reason})
}

// Cost is what a model has cost.
func (c *Client) Cost(ctx context.Context, model string) (*control.Costs, error) {
	return say[*control.Costs](ctx, c, http.MethodGet, modelPath(model, "cost"), nil)
}

// Why explains a model, a version or a cycle.
func (c *Client) Why(ctx context.Context, subject string, all bool) (*control.Why, error) {
	q := url.Values{"subject": {subject}, "all": {strconv.FormatBool(all)}}
	return say[*control.Why](ctx, c, http.MethodGet, "/v1/why?"+q.Encode(), nil)
}

// Get lists a kind.
func (c *Client) Get(ctx context.Context, kind, model string) (*control.Listing, error) {
	return say[*control.Listing](ctx, c, http.MethodGet, "/v1/list/"+url.PathEscape(kind)+"?"+url.Values{"model": {model}}.Encode(), nil)
}

// Doing says what the loop is doing.
func (c *Client) Doing(ctx context.Context) ([]Doing, error) {
	return say[[]Doing](ctx, c, http.MethodGet, "/v1/progress", nil)
}

// NewToken makes a token; it is shown this once.
func (c *Client) NewToken(ctx context.Context, name string, scopes []string) (string, error) {
	made, err := say[madeToken](ctx, c, http.MethodPost, "/v1/tokens", tokenBody{Name: name, Scopes: scopes})
	return made.Token, err
}

// Tokens lists tokens without their secrets.
func (c *Client) Tokens(ctx context.Context) ([]store.Token, error) {
	return say[[]store.Token](ctx, c, http.MethodGet, "/v1/tokens", nil)
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	_, err := say[none](ctx, c, http.MethodDelete, "/v1/tokens/"+url.PathEscape(name), nil)
	return err
}
