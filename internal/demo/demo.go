// Package demo tells Rondo's story on real flights: the whole loop, through the real program and its real doors.
//
// A virtual clock makes five months pass in seconds and stands still while the loop works. The airline (feed) tells, tick
// by tick, which flights have landed and asks about those that leave; everything else is the program's own doing. The
// feed keeps no place of its own: after a kill it asks the server how far the log has come and goes on there, with the
// same idempotency keys, so a killed demo ends as an undisturbed one does.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	flights "rondo.dev/rondo/examples/flights"
	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/fail"
	"rondo.dev/rondo/internal/loop"
	"rondo.dev/rondo/internal/rondo"
)

// Options of a telling.
type Options struct {
	Home  string // default ./rondo-demo
	Fresh bool   // begin again: only a folder with the demo's own mark is deleted
	All   bool   // ask about every flight
	Small bool   // the same story on a few per cent of the flights
	Keep  bool   // leave server and console up
	Log   *slog.Logger
	Pages func(*app.App) http.Handler
	Tell  func(Line) // what happens, as it happens
}

// Line is something to tell: a heading, a text, or how far the months have come.
type Line struct {
	Head  string
	Text  string
	Now   time.Time // virtual
	Share float64   // of the months, for progress; 0 when it says nothing
}

// model is the name in the model file.
const model = "late-arrivals"

// prices is the demo's price file: about what a core of a general-purpose machine costs in a cloud.
const prices = "cpuHour: $0.04\n"

// mark is the file that says that a folder is a demo's.
const mark = "rondo-demo.json"

// begin is when the clock starts: before the first flight of February, so that no outcome falls between January's file and
// the feed. end is when the last flight of June has landed.
var (
	begin = time.Date(2001, 2, 1, 4, 0, 0, 0, time.UTC)
	end   = time.Date(2001, 7, 2, 0, 0, 0, 0, time.UTC)
)

// think is how often the feed waits for the loop.
const think = 6 * time.Hour

// teller is one telling.
type teller struct {
	Options
	app    *app.App
	client *api.Client
	clock  *clock.Virtual
	feed   *feed
	ask    uint32 // one flight in so many is a question
	end    time.Time
	watch  clock.Stopwatch
}

// marked is what the mark says: a folder is not gone on with in another way than it was begun.
type marked struct {
	All   bool `json:"all"`
	Small bool `json:"small"`
}

// Run tells the story and returns what came of it. With Keep it returns only when ctx ends.
func Run(ctx context.Context, o Options, done func(*Story) error) error {
	if o.Home == "" {
		o.Home = "rondo-demo"
	}
	if o.Tell == nil {
		o.Tell = func(Line) {}
	}
	home, err := filepath.Abs(o.Home)
	if err != nil {
		return err
	}
	o.Home = home
	t := &teller{Options: o, watch: clock.Start(), ask: 4, end: end}
	if o.All || o.Small {
		t.ask = 1
	}
	if o.Small {
		t.end = smallEnd
	}
	if err := t.folder(); err != nil {
		return err
	}
	t.clock = clock.NewVirtual(begin)
	t.app, err = app.Open(ctx, app.Config{Home: filepath.Join(home, "home"), Clock: t.clock, Seed: 1, Manual: true, Logger: o.Log,
		Watch: t.heard, Pages: o.Pages})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- t.app.Run(running, func() { close(ready) }) }()
	select {
	case err = <-ended:
		stop()
		return errors.Join(err, t.app.Close())
	case <-ready:
	}
	t.client = t.app.Client()
	var story *Story
	if story, err = t.tell(ctx); err == nil {
		err = done(story)
	}
	if err == nil && o.Keep {
		<-ctx.Done()
	}
	stop()
	return errors.Join(err, <-ended, t.app.Close())
}

// folder makes the demo's folder with the example's files, or finds the one that was begun.
func (t *teller) folder() error {
	path := filepath.Join(t.Home, mark)
	mine := marked{All: t.All, Small: t.Small}
	b, err := os.ReadFile(path)
	switch {
	case err == nil && t.Fresh:
		if err := os.RemoveAll(t.Home); err != nil {
			return fmt.Errorf("begin again: %w", err)
		}
	case err == nil:
		var was marked
		if err := json.Unmarshal(b, &was); err != nil || was != mine {
			return &rondo.Error{Kind: rondo.Conflict, Field: t.Home, Message: "holds a demo that was begun otherwise; add --fresh, or choose another --home"}
		}
	case errors.Is(err, fs.ErrNotExist):
		if names, err := os.ReadDir(t.Home); err == nil && len(names) > 0 {
			return &rondo.Error{Kind: rondo.Conflict, Field: t.Home, Message: "is not empty and not a demo's folder; choose another --home"}
		}
	default:
		return fmt.Errorf("look at %s: %w", t.Home, err)
	}
	if err := os.MkdirAll(filepath.Join(t.Home, "flights"), 0o700); err != nil {
		return err
	}
	if b, err = json.Marshal(mine); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(t.Home, "home"), 0o700); err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(t.Home, "home", "prices.yaml"), []byte(prices)); err != nil {
		return err
	}
	if err := t.files(); err != nil {
		return err
	}
	return writeWhole(path, b)
}

// files writes the example's files, those that are missing or torn.
func (t *teller) files() error {
	names, err := fs.Glob(flights.Files, "*")
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := fs.ReadFile(flights.Files, name)
		if err != nil {
			return err
		}
		path := filepath.Join(t.Home, "flights", name)
		if info, err := os.Stat(path); err == nil && info.Size() == int64(len(b)) {
			continue
		}
		if err := writeWhole(path, b); err != nil {
			return err
		}
	}
	return nil
}

// writeWhole writes a file so that it is there whole or not at all.
func writeWhole(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is left there once it has been renamed
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// heard passes on what the loop decides, as it decides.
func (t *teller) heard(p loop.Progress) {
	if p.Decision == nil || quiet[p.Decision.Outcome] {
		return
	}
	t.Tell(Line{Text: explain(p.Decision), Now: t.clock.Now()})
}

// quiet are outcomes that are told by `rondo why --all` only.
var quiet = map[rondo.Outcome]bool{rondo.Waiting: true, rondo.Probed: true}

const clockFile = "clock"

// settle lets the loop do all that is due at this instant. The instant is durable first: a demo that is killed meanwhile
// goes on at the same one.
func (t *teller) settle(ctx context.Context) error {
	at, err := t.clock.Now().MarshalText()
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(t.Home, clockFile), at); err != nil {
		return fmt.Errorf("keep the clock: %w", err)
	}
	fail.At("demo/settle")
	return t.app.Loop.RunUntilIdle(ctx)
}

// resume sets the clock to where the loop was last let to work.
func (t *teller) resume() error {
	b, err := os.ReadFile(filepath.Join(t.Home, clockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var at time.Time
	if err := at.UnmarshalText(b); err != nil {
		return fmt.Errorf("clock of the demo: %w", err)
	}
	t.clock.Set(at)
	t.Tell(Line{Head: "Going on where it was", Text: "at " + at.Format(time.DateTime), Now: at})
	return nil
}

func (t *teller) say(head, format string, args ...any) {
	t.Tell(Line{Head: head, Text: strings.TrimSpace(fmt.Sprintf(format, args...)), Now: t.clock.Now()})
}
