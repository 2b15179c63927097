package cli

import (
	"context"
	"net/http"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/rondo"
)

type checkCmd struct{}

func (c *checkCmd) Run(context.Context, *env) error { return rondo.Errorf(rondo.Unsupported, "later") }
func pages(*app.App) http.Handler                   { return nil }
