package serve_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
)

// days is a world in which one request of so many rows was asked on each of n days; history reaches back three hours.
func days(t *testing.T, n, rows int, logOpt predlog.Options, opt serve.Options) (w *world, asked []*column.Table) {
	t.Helper()
	w = &world{dir: t.TempDir(), logOpt: logOpt, opt: opt}
	w.begin(t, servetest.Start)
	for day := range n {
		now := servetest.Start.AddDate(0, 0, day)
		w.clk.Set(now)
		table := w.Rows(now.Add(-15*time.Minute), rows)
		asked = append(asked, table)
		w.ask(t, table, fmt.Sprint("day ", day))
		if err := w.log.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return w, asked
}

// tellByKey tells that nobody was late of rows that were asked.
func (w *world) tellByKey(t *testing.T, rows *column.Table) (*serve.Receipt, error) {
	t.Helper()
	keys := &column.Table{}
	for _, name := range []string{"date", "origin", "destination"} {
		keys.Set(name, rows.Column(name))
	}
	n := rows.Rows()
	return w.server.Feedback(t.Context(), servetest.Name,
		serve.Labels{IDs: make([]serve.ID, n), Keys: keys, Outcome: outcome("late", column.New(column.Bool, n))}, serve.Meta{})
}

func TestWhatIsOlderThanHistoryIsKnownAfterARestart(t *testing.T) {
	w, asked := days(t, 30, 3, predlog.Options{}, serve.Options{})
	w = w.again(t)
	if r, err := w.tellByKey(t, asked[0]); err != nil || r.Accepted != 3 {
		t.Errorf("feedback by key of a prediction 29 days old: %+v, %v", r, err)
	}
	if a := w.ask(t, asked[1], "day 1"); !a.Repeated {
		t.Error("an idempotency key 28 days old is forgotten")
	}
	progress, err := w.server.Progress(t.Context(), servetest.Name)
	if err != nil || len(progress.Predictions) != 10 || progress.Predictions[9] != "day 29" || progress.Predictions[0] != "day 20" {
		t.Errorf("the last keys are %v, %v", progress.Predictions, err)
	}
	// A late row with the key of one that was asked is the second of that key, and the third after another restart.
	for n := int64(2); n < 4; n++ {
		w = w.again(t)
		a := w.ask(t, asked[2].Take([]int32{0}), "")
		r, err := w.log.At(a.Predictions[0].ID.Offset)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Table.Column("nth").Ints[0]; got != n {
			t.Errorf("number %d of a key; want %d", got, n)
		}
		if err := w.log.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARestartKeepsTheLimits(t *testing.T) {
	opt := serve.Options{OpenKeys: 100, Remember: 7}
	for _, restarts := range []int{0, 1, 2} {
		w, asked := days(t, 20, 10, predlog.Options{}, opt)
		for range restarts {
			w = w.again(t)
		}
		found := 0
		for day := range asked {
			r, err := w.tellByKey(t, asked[day])
			if err == nil {
				found += r.Accepted
			}
			if day >= 15 && (err != nil || r.Accepted != 10) {
				t.Errorf("%d restarts: of day %d %+v, %v", restarts, day, r, err)
			}
		}
		if found > 100 {
			t.Errorf("%d restarts: %d predictions are found by key; 100 at most", restarts, found)
		}
		for day := 13; day < 20; day++ {
			if a := w.ask(t, asked[day], fmt.Sprint("day ", day)); !a.Repeated {
				t.Errorf("%d restarts: the key of day %d is forgotten", restarts, day)
			}
		}
		if a := w.ask(t, asked[12], "day 12"); a.Repeated {
			t.Errorf("%d restarts: more keys are remembered than 7", restarts)
		}
	}
}

func TestOnlyWhoNeedsWhatIsOlderWaitsForIt(t *testing.T) {
	w, asked := days(t, 10, 40, predlog.Options{SegmentBytes: 8000}, serve.Options{})
	now := w.clk.Now()
	w = w.again(t)
	w.stop()
	if err := w.log.Close(); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(w.dir, "*.log"))
	if err != nil || len(paths) < 5 {
		t.Fatal(paths, err)
	}
	b, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	b[100] ^= 1 // the log of the first day can no longer be read
	if err := os.WriteFile(paths[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	w = (&world{dir: w.dir, logOpt: w.logOpt}).begin(t, now)
	w.ask(t, w.Rows(now.Add(-15*time.Minute), 40), "")
	if r, err := w.tellByKey(t, asked[9]); err != nil || r.Accepted != 40 {
		t.Errorf("feedback to what the tail has: %+v, %v", r, err)
	}
	if _, err := w.tellByKey(t, asked[3]); !errors.Is(err, predlog.ErrCorrupt) {
		t.Errorf("feedback to what is older: %v", err)
	}
}
