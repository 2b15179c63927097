package cli

import (
	"context"
	"errors"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
)

// session is a client of the home's server, or of one that this command runs itself for as long as it takes.
type session struct {
	*api.Client
	clock clock.Clock
	stop  func()
}

func (s *session) close() { s.stop() }

// connect finds the running server of the home, or starts one in this process.
func (e *env) connect(ctx context.Context) (*session, error) {
	home, err := e.home()
	if err != nil {
		return nil, err
	}
	if address, ok := app.Serving(home); ok {
		token, err := app.ReadToken(home)
		if err != nil {
			return nil, err
		}
		return &session{Client: api.NewClient(address, token), clock: clock.Wall{}, stop: func() {}}, nil
	}
	a, err := app.Open(ctx, app.Config{Home: home, Logger: e.log})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- a.Run(ctx, func() { close(ready) }) }()
	select {
	case err := <-ended:
		cancel()
		return nil, errors.Join(err, a.Close())
	case <-ready:
	}
	return &session{Client: a.Client(), clock: clock.Wall{}, stop: func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			e.log.Error("stop", "error", err)
		}
		if err := a.Close(); err != nil {
			e.log.Error("close", "error", err)
		}
	}}, nil
}
