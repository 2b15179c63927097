package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// tell is the story, in order.
func (t *teller) tell(ctx context.Context) (*Story, error) {
	if err := t.resume(); err != nil {
		return nil, err
	}
	// 1. The declaration: checked, plan and price.
	declared, err := t.declaration(ctx)
	if err != nil {
		return nil, err
	}
	// 2. January makes the first version. Meanwhile the airline looks up its flights.
	airline, reading := errgroup.WithContext(ctx)
	airline.Go(func() error { return t.readFlights(reading, declared) })
	err = t.january(ctx)
	if err := errors.Join(err, airline.Wait()); err != nil {
		return nil, err
	}
	// 3. to 5. The months.
	if err := t.months(ctx, declared); err != nil {
		return nil, err
	}
	// 6. What came of it.
	return t.story(ctx)
}

// january lets the loop bring the first version to answer.
func (t *teller) january(ctx context.Context) error {
	if err := t.settle(ctx); err != nil {
		return err
	}
	if _, err := t.client.Shape(ctx, model); err != nil {
		return fmt.Errorf("no version came of January; see: rondo why %s: %w", model, err)
	}
	return t.judged(ctx)
}

// declaration applies the example's model file, unless a demo that goes on has done so.
func (t *teller) declaration(ctx context.Context) (control.Declaration, error) {
	dir := filepath.Join(t.Home, "flights")
	if t.Small {
		if err := makeSmall(ctx, t.app.Engine, dir); err != nil {
			return control.Declaration{}, err
		}
	}
	file := filepath.Join(dir, "model.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return control.Declaration{}, err
	}
	d := control.Declaration{Name: file, Text: t.scaled(text), Dir: dir}
	list, err := t.client.Get(ctx, "models", "")
	if err != nil || len(list.Models) > 0 {
		return d, err
	}
	plan, err := t.client.Apply(ctx, d, false)
	if err != nil {
		return d, err
	}
	t.say("The declaration", "%s: %d rows of January, %d to train on, %d to judge on; a cycle is priced at %s", plan.Model, plan.Rows,
		plan.Parts[0].Rows, plan.Parts[len(plan.Parts)-1].Rows, plan.Price)
	return d, nil
}

// judged tells what the first version scored on the rows of January that it never saw.
func (t *teller) judged(ctx context.Context) error {
	list, err := t.client.Get(ctx, "evaluations", model)
	if err != nil || len(list.Evaluations) == 0 {
		return err
	}
	ev := list.Evaluations[0]
	train := map[string]float64{}
	for _, m := range ev.Train {
		train[m.Name] = m.Value
	}
	var parts []string
	for _, m := range ev.Metrics {
		parts = append(parts, fmt.Sprintf("%s %.3f (%.3f to %.3f, train %.3f)", m.Name, m.Value, m.Low, m.High, train[m.Name]))
	}
	t.say("Judged", "on %d flights it never saw: %s", ev.Rows, strings.Join(parts, ", "))
	for _, b := range ev.Bars {
		t.say("Bar", "%s", b.Reason)
	}
	sets, err := t.client.Get(ctx, "datasets", model)
	if err != nil || len(sets.Datasets) == 0 {
		return err
	}
	d := sets.Datasets[0]
	t.say("Its rows", "%d exact repeats dropped, %d flights still in the air left out, %d purged because they landed after the next part began; %d set aside by checks",
		d.Repeats, d.Open, d.Purged, quarantined(d))
	return nil
}

func quarantined(d *rondo.Dataset) (rows int) {
	for _, q := range d.Quarantine {
		rows += q.Rows
	}
	return rows
}

// scaled is the model file for the flights that take part: a sixteenth of the rows needs smaller slices and trees.
func (t *teller) scaled(text []byte) []byte {
	if !t.Small {
		return text
	}
	for _, change := range smallChanges {
		text = bytes.ReplaceAll(text, []byte(change[0]), []byte(change[1]))
	}
	return text
}

// readFlights reads all flights that are to come.
func (t *teller) readFlights(ctx context.Context, declared control.Declaration) error {
	spec, err := modelfile.Parse(declared.Name, declared.Text)
	if err != nil {
		return err
	}
	rows, err := t.rows(ctx, spec, declared.Dir)
	if err != nil {
		return err
	}
	pattern := filepath.Join(declared.Dir, "2001-*.parquet")
	if t.Small {
		pattern = filepath.Join(declared.Dir, "small", "2001-*.csv")
	}
	t.feed, err = readFeed(ctx, t.app.Engine, rows, pattern, begin, t.ask)
	return err
}

// months asks and tells, tick by tick.
func (t *teller) months(ctx context.Context, declared control.Declaration) error {
	again := 0
	for _, n := range t.feed.nth {
		if n > 1 {
			again++
		}
	}
	t.say("The airline", "%d flights to come, one in %d of them a question; %d share minute, origin and destination with an earlier one and are numbered; order is by UTC, not by local clocks",
		len(t.feed.left), t.ask, again)
	at, err := t.place(ctx)
	if err != nil {
		return err
	}
	for ; at.Before(t.end) && ctx.Err() == nil; at = at.Add(tick) {
		if err := t.tick(ctx, at, declared); err != nil {
			return fmt.Errorf("at %s: %w", at.Format(time.DateTime), err)
		}
	}
	return ctx.Err()
}

// rows compiles the row program: the airline's own clocks and numbers are those of the declaration.
func (t *teller) rows(ctx context.Context, spec *rondo.Spec, dir string) (*transform.Rows, error) {
	spec.Dir = dir
	return t.app.Data.Compile(ctx, spec)
}

// place is the tick to go on with: that of the newest question in the log. What was told since is told again, with the
// same keys, and changes nothing.
func (t *teller) place(ctx context.Context) (time.Time, error) {
	progress, err := t.client.Progress(ctx, model)
	if err != nil {
		return begin, err
	}
	newest := begin
	for _, keys := range [][]string{progress.Predictions} {
		for _, key := range keys {
			if at, err := time.Parse(time.RFC3339, strings.TrimPrefix(key, "ask/")); err == nil && at.After(newest) {
				newest = at
			}
		}
	}
	return newest, nil
}

// tick lets a tick of flights pass, and from time to time waits for the loop.
func (t *teller) tick(ctx context.Context, at time.Time, declared control.Declaration) error {
	next := at.Add(tick)
	t.clock.Set(next)
	if err := t.interrupt(ctx, at, declared); err != nil {
		return err
	}
	if err := t.feed.tell(ctx, t.client, at, nil); err != nil {
		return err
	}
	if next.Truncate(think).Equal(next) {
		share := float64(next.Sub(begin)) / float64(t.end.Sub(begin))
		t.Tell(Line{Now: next, Share: share})
		return t.settle(ctx)
	}
	return nil
}

// The interruptions: a person's bad idea, and two bad mornings.
var (
	badIdea      = time.Date(2001, 2, 10, 12, 0, 0, 0, time.UTC)
	kilometres   = time.Date(2001, 2, 20, 12, 0, 0, 0, time.UTC)
	emptyOrigins = time.Date(2001, 2, 22, 12, 0, 0, 0, time.UTC)
)

// badRows is how many flights a bad feed has: the newest ones, a morning's worth.
const badRows = 3000

func (t *teller) interrupt(ctx context.Context, at time.Time, declared control.Declaration) error {
	switch {
	case at.Equal(badIdea):
		return t.idea(ctx, declared)
	case at.Equal(kilometres):
		return t.badFeed(ctx, at, "kilometres", func(table *column.Table) {
			v := column.New(column.Int64, table.Rows())
			for i, miles := range table.Column("distance").Ints {
				v.Ints[i] = miles * 1609 / 1000
			}
			table.Set("distance", v)
		})
	case at.Equal(emptyOrigins):
		return t.badFeed(ctx, at, "empty origins", func(table *column.Table) {
			table.Set("origin", column.AllNull(column.String, table.Rows()))
		})
	}
	return nil
}

// badFeed sends the morning's flights once more, spoiled, as a partner's broken export would.
func (t *teller) badFeed(ctx context.Context, at time.Time, what string, spoil func(*column.Table)) error {
	rows := between(t.feed.byLand, t.feed.landed, begin, at)
	rows = rows[max(0, len(rows)-badRows):]
	table := t.feed.take(rows, "date", "origin", "destination", "distance", "delay")
	spoil(table)
	_, err := t.client.Events(ctx, model, table, api.Ask{Key: what + "/" + at.Format(time.RFC3339), Local: "date"})
	if err == nil {
		return fmt.Errorf("a feed with %s was taken for a good one", what)
	}
	if rondo.KindOf(err) == rondo.Refused {
		t.say("A bad feed", "a morning with %s is set aside whole: %v; the champion goes on", what, err)
		return nil
	}
	return err
}

// idea applies a simpler declaration, lets the loop judge it, and puts the old one back. Revisions
// say how far a demo that goes on has come.
func (t *teller) idea(ctx context.Context, declared control.Declaration) error {
	list, err := t.client.Get(ctx, "models", model)
	if err != nil {
		return err
	}
	revision := list.Models[0].Revision
	if revision == 1 {
		t.say("A bad idea", "somebody leaves history and airports out of the declaration: clock and distance should do")
		if _, err := t.client.Apply(ctx, control.Declaration{Name: declared.Name, Text: simpler(declared.Text), Dir: declared.Dir}, false); err != nil {
			return err
		}
		revision = 2
	}
	if err := t.settle(ctx); err != nil {
		return err
	}
	if revision == 2 {
		_, err = t.client.Apply(ctx, declared, false)
	}
	return err
}

// simpler leaves out the history and what the airports say.
func simpler(text []byte) []byte {
	var out []string
	inside := false
	for _, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "  history:"):
			inside = true
		case inside && strings.HasPrefix(line, "    "), strings.HasPrefix(line, "    - encode:"):
		default:
			inside = false
			out = append(out, line)
		}
	}
	return []byte(strings.ReplaceAll(strings.Join(out, "\n"), "drop: [zone]", "drop: [zone, origin, destination]"))
}
