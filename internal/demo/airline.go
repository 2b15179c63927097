package demo

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// heard is given questions with their answers.
type heard func(asked *column.Table, answer *api.Predictions) error

// tell says what landed in the tick that begins at an instant, then asks about what left in it. hear, which may be nil, is
// given what was asked.
func (f *feed) tell(ctx context.Context, client *api.Client, at time.Time, hear heard) error {
	next, name := at.Add(tick), at.Format(time.RFC3339)
	landed, others := f.outcomes(between(f.byLand, f.landed, at, next))
	var telling errgroup.Group // all wait for the disk, and nobody cares which comes first
	for n, some := range f.halves(others) {
		telling.Go(func() error {
			table := f.take(some, "date", "origin", "destination", "distance", "delay")
			_, err := client.Events(ctx, model, table, api.Ask{Key: fmt.Sprintf("event/%s/%d", name, n), Local: "date"})
			return err
		})
	}
	if len(landed) > 0 {
		telling.Go(func() error {
			table := f.take(landed, "date", "origin", "destination", "nth", "delay")
			keys := []string{"date", "origin", "destination", "nth"}
			_, err := client.Feedback(ctx, model, table, keys, "late", api.Ask{Key: "feedback/" + name, Local: "date"})
			return err
		})
	}
	if err := telling.Wait(); err != nil {
		return err
	}
	left := between(f.byLeft, f.left, at, next)
	if len(left) == 0 {
		return nil
	}
	// One request: the order of questions is that of the log, and sums over them keep their last bit.
	asked := f.take(left, "date", "origin", "destination", "distance")
	answer, err := client.Predict(ctx, model, asked, api.Ask{Key: "ask/" + name, Local: "date"})
	if err != nil || hear == nil {
		return err
	}
	return hear(asked, answer)
}

// Airline is the demo's feed without its story, for tests and measurements: flights from files, told to an installation
// that has a version of the example's model.
type Airline struct {
	App   *app.App
	Clock *clock.Virtual // of the installation
	Spec  *rondo.Spec
	Files string    // a pattern of files
	From  time.Time // what leaves or lands earlier is left out
	Ask   uint32    // one flight in so many is a question
}

// Fly lets flights leave and land, tick by tick, until so many questions are answered; hear is given them.
func (a Airline) Fly(ctx context.Context, questions int, hear heard) error {
	rows, err := a.App.Data.Compile(ctx, a.Spec)
	if err != nil {
		return err
	}
	f, err := readFeed(ctx, a.App.Engine, rows, a.Files, a.From, a.Ask)
	if err != nil {
		return err
	}
	client := a.App.Client()
	for at, answered := a.From, 0; answered < questions; at = at.Add(tick) {
		if len(f.byLand) == 0 || at.UnixMicro() > f.landed[f.byLand[len(f.byLand)-1]] {
			return fmt.Errorf("the flights of %s end after %d questions", a.Files, answered)
		}
		a.Clock.Set(at.Add(tick))
		err := f.tell(ctx, client, at, func(asked *column.Table, answer *api.Predictions) error {
			answered += asked.Rows()
			return hear(asked, answer)
		})
		if err != nil {
			return fmt.Errorf("at %s: %w", at.Format(time.DateTime), err)
		}
	}
	return nil
}
