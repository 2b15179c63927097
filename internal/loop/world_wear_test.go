package loop_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// Ten candidates may be judged on the same rows, each held to more than the one before; the eleventh is not. Rows that moved
// on by a day are the same rows; with three tenths of new ones the next candidate is judged again, as the eleventh use.
func TestTestRowsWearOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.apply(strings.Replace(declared, "auc >= 0.6", "auc >= 0.999", 1)) // nobody reaches it, so all are judged alike
	uses := func() []int {
		var out []int
		w.read(func(tx store.Tx) error {
			known, err := tx.Records().TestUses(model)
			for _, u := range known {
				out = append(out, u.Number)
			}
			slices.Sort(out)
			return err
		})
		return out
	}
	last := func() *rondo.Evaluation {
		w.settle()
		var ev *rondo.Evaluation
		w.read(func(tx store.Tx) error {
			all, err := tx.Records().Evaluations(model)
			ev = all[len(all)-1]
			return err
		})
		return ev
	}
	another := func() *rondo.Evaluation {
		w.must(w.raw.Write(context.Background(), func(tx store.Tx) error {
			return w.loop.StartCycle(tx, model)
		}))
		return last()
	}
	if ev := last(); ev.Use != 1 || len(ev.Metrics) == 0 {
		t.Fatalf("the first use: %+v", ev)
	}
	w.later(1) // most of the rows are those of yesterday
	for use := 2; use <= 10; use++ {
		if ev := another(); ev.Use != use || ev.Verdict == rondo.Met || ev.Bars[0].Got == nil {
			t.Fatalf("use %d: %+v", use, ev)
		}
	}
	for range 2 {
		ev := another()
		if ev.Use != 11 || ev.Verdict != rondo.Inconclusive || len(ev.Metrics) > 0 || ev.Bars[0].Got != nil ||
			!strings.Contains(ev.Bars[0].Reason, "test set worn out: 10 uses, 0 % of its rows are new; 81 fresh labels needed by about 4 Feb 2024") {
			t.Fatalf("the eleventh use: %d, %s, %+v", ev.Use, ev.Verdict, ev.Bars[0])
		}
	}
	if got := fmt.Sprint(uses()); got != "[1 2 3 4 5 6 7 8 9 10]" {
		t.Errorf("uses %s", got)
	}
	w.later(2)
	if ev := another(); ev.Use != 11 || ev.Bars[0].Got == nil || ev.Verdict == rondo.Met {
		t.Errorf("with fresh rows: %+v", ev)
	}
	if got := fmt.Sprint(uses()); got != "[1 2 3 4 5 6 7 8 9 10 11]" {
		t.Errorf("uses %s", got)
	}
	w.later(9) // none of the rows was ever looked at
	if ev := another(); ev.Use != 1 {
		t.Errorf("other rows: use %d", ev.Use)
	}
	w.check()
}

// later lets days pass that nobody asked about; their rows come with the file.
func (w *world) later(days int) {
	w.Helper()
	path := filepath.Join(w.dir, "first.csv")
	text, err := os.ReadFile(path)
	w.must(err)
	file := bytes.NewBuffer(text)
	from := int(w.clk.Virtual.Now().Sub(begin) / day)
	for d := from; d < from+days; d++ {
		for _, r := range w.rows(d) {
			file.WriteString(r.cells())
		}
	}
	w.must(os.WriteFile(path, file.Bytes(), 0o600))
	w.clk.Set(begin.Add(time.Duration(from+days) * day))
}
