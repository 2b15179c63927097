package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"rondo.dev/rondo/internal/app"
)

type upCmd struct {
	Listen string `help:"Loopback address to answer on." default:"127.0.0.1:7766"`
}

// Run serves and conducts until it is told to stop.
func (c *upCmd) Run(ctx context.Context, e *env) error {
	home, err := e.home()
	if err != nil {
		return err
	}
	w := &window{env: e}
	a, err := app.Open(ctx, app.Config{Home: home, Listen: c.Listen, Logger: e.log, Pages: w.open})
	if err != nil {
		return err
	}
	err = a.Run(ctx, func() {
		started := struct {
			Address string `json:"address"`
			Home    string `json:"home"`
			Token   string `json:"token,omitempty"`
			Console string `json:"console"` // opens once
		}{Address: a.URL(), Home: home, Console: w.link()}
		if a.First {
			started.Token = a.Token
		}
		if e.Output == "json" {
			_ = e.json(started) // standard output is gone: the server runs on
			return
		}
		fmt.Fprintf(e.Out, "rondo answers at %s, home %s\n", started.Address, home)
		fmt.Fprintf(e.Out, "console (this link opens once): %s\n", started.Console)
		if a.First {
			fmt.Fprintf(e.Out, "token (shown this once): %s\n", a.Token)
		} else {
			fmt.Fprintf(e.Out, "the command line's token is in %s\n", filepath.Join(home, "token"))
		}
	})
	if err = errors.Join(err, a.Close()); ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
