package serve_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
)

// said is how many records of a kind the log has.
func (w *world) said(t *testing.T, kind predlog.Kind) (n int) {
	t.Helper()
	if err := w.log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, err := range w.log.Scan(predlog.Query{Kinds: []predlog.Kind{kind}}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestTheSameKeyAtOnceIsAnsweredOnce(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start.Add(4*time.Hour))
	about := ids(w.ask(t, w.Rows(servetest.Start, 10), ""))
	asked := w.Rows(servetest.Start.Add(time.Hour), 10)
	flown := asked.Shallow()
	flown.Set("delay", w.Delays(flown))
	told := serve.Labels{IDs: about, Outcome: outcome("delay", column.New(column.Int64, 10))}
	meta := serve.Meta{Key: "k", Sender: "s"}
	for kind, say := range map[predlog.Kind]func() (repeated bool, err error){
		predlog.Prediction: func() (bool, error) {
			a, err := w.server.Predict(t.Context(), servetest.Name, asked, meta)
			return err == nil && a.Repeated, err
		},
		predlog.Event: func() (bool, error) {
			r, err := w.server.Events(t.Context(), servetest.Name, flown, meta)
			return err == nil && r.Repeated, err
		},
		predlog.Feedback: func() (bool, error) {
			r, err := w.server.Feedback(t.Context(), servetest.Name, told, meta)
			return err == nil && r.Repeated, err
		},
	} {
		before := w.said(t, kind)
		var wg sync.WaitGroup
		var first atomic.Int32
		for range 8 {
			wg.Go(func() {
				repeated, err := say()
				if err != nil {
					t.Errorf("%s: %v", kind, err)
				}
				if !repeated {
					first.Add(1)
				}
			})
		}
		wg.Wait()
		if n := w.said(t, kind) - before; n != 1 || first.Load() != 1 {
			t.Errorf("%s: %d records, %d answers that say they are the first", kind, n, first.Load())
		}
	}
}

func TestWhereTheFirstOfAKeyFailsAnotherGoesOn(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start.Add(4*time.Hour))
	good := w.Rows(servetest.Start, 10)
	good.Set("delay", w.Delays(good))
	bad := good.Shallow()
	bad.Names, bad.Columns = bad.Names[1:], bad.Columns[1:] // without a date
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			rows := good
			if i%2 == 0 {
				rows = bad
			}
			r, err := w.server.Events(t.Context(), servetest.Name, rows, serve.Meta{Key: "k"})
			if i%2 == 1 && err != nil || err == nil && i%2 == 0 && !r.Repeated {
				t.Errorf("request %d: %+v, %v", i, r, err)
			}
		})
	}
	wg.Wait()
	if n := w.said(t, predlog.Event); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestAKeyBelongsToItsSenderAndItsDoor(t *testing.T) {
	w := newWorld(t, t.TempDir(), servetest.Start.Add(4*time.Hour))
	rows := w.Rows(servetest.Start, 3)
	flown := rows.Shallow()
	flown.Set("delay", w.Delays(flown))
	var first []serve.ID
	for round := range 3 { // said, said again, said after a restart
		if round == 2 {
			w = w.again(t)
		}
		for n, sender := range []string{"anna", "bert"} {
			meta := serve.Meta{Key: "k", Sender: sender}
			a, err := w.server.Predict(t.Context(), servetest.Name, rows, meta)
			if err != nil || a.Repeated != (round > 0) {
				t.Fatalf("round %d, %s: %v, repeated %v", round, sender, err, a.Repeated)
			}
			if round == 0 {
				first = append(first, a.Predictions[0].ID)
			}
			if a.Predictions[0].ID != first[n] {
				t.Fatalf("round %d, %s was answered %s; first %s", round, sender, a.Predictions[0].ID, first[n])
			}
			r, err := w.server.Events(t.Context(), servetest.Name, flown, meta)
			if err != nil || r.Repeated != (round > 0) {
				t.Fatalf("round %d, events of %s: %+v, %v", round, sender, r, err)
			}
		}
	}
}
