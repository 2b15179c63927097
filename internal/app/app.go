// Package app builds all of Rondo from an installation's folder: it starts the parts in order and stops them in reverse.
//
// A home holds everything: lock (who holds it), token (the CLI's own, 0600), rondo.db, objects/, log/, jobs/ and, when a
// person puts it there, prices.yaml. One process holds a home at a time; removing the folder removes the installation.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/loop"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
	"rondo.dev/rondo/internal/seam/executor/process"
	"rondo.dev/rondo/internal/seam/object/folder"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlite"
	"rondo.dev/rondo/internal/stage/cost"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/train"
)

// Config is an installation.
type Config struct {
	Home    string
	Listen  string      // loopback only; default 127.0.0.1:0
	Clock   clock.Clock // default the wall
	Seed    seed.Seed   // of everything that is chance
	Threads int         // of a trainer; default 2
	// Manual leaves the loop to the caller (App.Loop.RunUntilIdle): a backtest or demo moves its clock between steps.
	Manual bool
	Logger *slog.Logger
	// Watch is told what the loop does, besides App.Progress.
	Watch func(loop.Progress)
	// Pages, when set, is mounted at / and needs no token beyond the one in its own links.
	Pages func(*App) http.Handler
}

// App is a started installation.
type App struct {
	Config
	Store   store.Store
	Objects *folder.Store
	Engine  engine.Engine
	Data    *data.Preparer
	Log     *predlog.Log
	Loop    *loop.Loop
	Serve   *serve.Server
	Control *control.Control
	Prices  cost.Prices
	Token   string // the CLI's own
	First   bool   // this start made the home

	lock      *lock
	listener  net.Listener
	endpoints map[string]endpoint
	valid     atomic.Pointer[[]store.Token]
	refreshMu sync.Mutex
	meterMu   sync.Mutex
	meter     endpointMeter
	frugal    Frugal
	doingMu   sync.Mutex
	doing     map[string]api.Doing
	unnamed   map[rondo.Digest]bool // objects that no row named at the last Sweep
	closers   []func() error
}

// Open takes the home and builds all parts; Run starts them. Close it in any case.
func Open(ctx context.Context, c Config) (*App, error) {
	if c.Clock == nil {
		c.Clock = clock.Wall{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Threads == 0 {
		c.Threads = min(2, runtime.NumCPU())
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	a := &App{Config: c, endpoints: map[string]endpoint{}, doing: map[string]api.Doing{}}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) (err error) {
	if err := loopback(a.Listen); err != nil {
		return err
	}
	if a.lock, err = lockHome(ctx, a.Home); err != nil {
		return err
	}
	a.later(a.lock.free)
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	st, err := sqlite.Open(ctx, filepath.Join(a.Home, "rondo.db"), a.Clock, sqlite.Options{})
	if err != nil {
		return err
	}
	a.Store = st
	a.later(st.Close)
	if a.Objects, err = folder.Open(filepath.Join(a.Home, "objects"), a.Clock); err != nil {
		return err
	}
	if err := a.Objects.Tidy(ctx); err != nil { // this process holds the home: nobody is writing there
		return err
	}
	if a.Log, err = predlog.Open(filepath.Join(a.Home, "log"), a.Clock, predlog.Options{}); err != nil {
		return err
	}
	a.later(a.Log.Close)
	exec, err := process.New([]string{self, "supervise"}, filepath.Join(a.Home, "jobs"), process.Options{Log: a.Logger})
	if err != nil {
		return err
	}
	a.later(func() error { // nothing that this process started outlives an orderly end; the step is done again
		return exec.Sweep(context.WithoutCancel(ctx), func(string, int) bool { return false })
	})
	if a.Prices, err = cost.LoadPrices(filepath.Join(a.Home, "prices.yaml")); err != nil {
		return err
	}
	a.Engine = duckdb.New([]string{self, "engine-child"}, duckdb.Options{})
	a.Data = data.New(a.Engine, a.Objects, data.Options{})
	trainer := train.New(exec, a.Objects, train.Options{Command: []string{self, "trainer", "boosted"}, Dir: filepath.Join(a.Home, "runs")})
	a.Serve = serve.New(a.Log, a.Clock, serve.Options{Logger: a.Logger})
	a.later(a.Serve.Close)
	work := a.frugal.Begin
	if a.Manual {
		work = nil // the caller knows what else it holds
	}
	a.Loop = loop.New(loop.Parts{Store: a.Store, Objects: a.Objects, Data: a.Data, Train: trainer, Runtime: native.New(native.Options{Threads: a.Threads}),
		Log: a.Log, Clock: a.Clock, Prices: a.Prices, Logger: a.Logger},
		loop.Options{Worker: "loop", Seed: a.Seed, Threads: a.Threads, RouteChanged: a.Refresh, Watch: a.watch, Around: work})
	a.Control = control.New(a.Store, a.Loop, planner{a}, control.Changed{Route: a.refreshed, Tokens: a.readTokens})
	if err := a.tokens(ctx); err != nil {
		return err
	}
	return a.listen()
}

func (a *App) later(close func() error) { a.closers = append(a.closers, close) }

// loopback refuses any address that is not this machine's own, until TLS comes.
func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return &rondo.Error{Kind: rondo.Invalid, Field: "--listen", Message: "not an address like 127.0.0.1:7766", Err: err}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return &rondo.Error{Kind: rondo.Unsupported, Field: "--listen",
			Message: fmt.Sprintf("%s is not a loopback address; without TLS only 127.0.0.1, [::1] and localhost are served", address)}
	}
	return nil
}

// tokens makes the CLI's token at the first start, and again when its file was lost or is empty.
func (a *App) tokens(ctx context.Context) error {
	token, err := ReadToken(a.Home)
	if err == nil {
		a.Token = token
		return a.readTokens(ctx)
	}
	tokens, err := a.Control.Tokens(ctx)
	if err != nil {
		return err
	}
	a.First = len(tokens) == 0
	if !a.First {
		if err := a.Control.RevokeToken(ctx, "cli"); err != nil && rondo.KindOf(err) != rondo.NotFound {
			return err
		}
	}
	if a.Token, err = a.Control.NewToken(ctx, "cli", []string{"admin"}); err != nil {
		return err
	}
	return writeToken(a.Home, a.Token)
}

// readTokens renews the list that every request is checked against.
func (a *App) readTokens(ctx context.Context) error {
	return a.Store.Read(ctx, func(tx store.Tx) error {
		tokens, err := tx.Tokens().List()
		if err == nil {
			a.valid.Store(&tokens)
		}
		return err
	})
}

// pages is the console, where there is one.
func (a *App) pages() http.Handler {
	if a.Pages == nil {
		return nil
	}
	return a.Pages(a)
}

func (a *App) listen() (err error) {
	if a.listener, err = net.Listen("tcp", a.Listen); err != nil {
		return &rondo.Error{Kind: rondo.Unavailable, Field: "--listen", Message: "cannot listen there", Err: err}
	}
	return a.lock.write(Holder{PID: os.Getpid(), Address: a.URL()})
}

// URL is where the server answers.
func (a *App) URL() string { return "http://" + a.listener.Addr().String() }

// Client speaks to this installation as its owner, over HTTP like anybody.
func (a *App) Client() *api.Client { return api.NewClient(a.URL(), a.Token) }

// Run serves, logs and conducts until ctx ends; nothing it started outlives it. A log that can no longer be synced ends it
// too, with the log's error: a start finds out what the disk holds.
func (a *App) Run(ctx context.Context, ready func()) error {
	logCtx, stopLog := context.WithCancel(context.WithoutCancel(ctx)) // the log ends after the last request
	defer stopLog()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	logDone := make(chan error, 1)
	go func() {
		err := a.Log.Run(logCtx)
		stop() // it was told to, or is broken
		logDone <- err
	}()
	err := a.run(ctx, ready)
	stopLog()
	logErr := <-logDone
	if broken := a.Log.Err(); broken != nil {
		return fmt.Errorf("the server has ended: %w", broken)
	}
	return errors.Join(err, logErr)
}

func (a *App) run(ctx context.Context, ready func()) error {
	if err := a.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Steps().FreeWorkersExcept("") // this process holds the home: whoever leased before has ended
		return err
	}); err != nil {
		return err
	}
	if err := a.start(ctx); err != nil {
		return err
	}
	door := api.New(api.Options{Serve: a.Serve, Control: api.Verbs(a.Control, a), Console: a.pages(),
		Tokens: func() []api.Token { return *a.valid.Load() }, Ready: a.Log.Err, Logger: a.Logger})
	if err := a.startMeter(); err != nil { // nothing runs yet that would have to be waited for
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return door.Run(ctx, a.listener) })
	g.Go(func() error { return a.meterEndpoint(ctx) })
	if !a.Manual {
		g.Go(func() error { return a.Loop.Run(ctx) })
		g.Go(func() error { return a.sweep(ctx) })
	}
	if ready != nil {
		ready()
	}
	return g.Wait()
}

// Close frees everything that Open took, in reverse.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// watch keeps what is being done for Progress, and passes it on.
func (a *App) watch(p loop.Progress) {
	a.doingMu.Lock()
	if p.Decision == nil {
		a.doing[p.Model] = api.Doing{Model: p.Model, Step: p.Step, Done: p.Done, Total: p.Total, Note: p.Note}
	}
	a.doingMu.Unlock()
	if a.Watch != nil {
		a.Watch(p)
	}
}

// Progress is what the loop is doing.
func (a *App) Progress() []api.Doing {
	a.doingMu.Lock()
	defer a.doingMu.Unlock()
	out := make([]api.Doing, 0, len(a.doing))
	for _, d := range a.doing {
		out = append(out, d)
	}
	return out
}
