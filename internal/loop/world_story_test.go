package loop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// promotes says whether a story has a challenger that became champion.
func promotes(story []string) bool {
	n := 0
	for _, line := range story {
		if strings.Contains(line, ": promoted ") {
			n++
		}
	}
	return n > 1
}

func TestAnUndisturbedYear(t *testing.T) {
	t.Parallel()
	w := newWorld(t, seeds(t, 1)[0])
	w.settle()
	w.days(least(75, 366))
	story := w.story()
	if !promotes(story) || w.seen.parked > 0 || w.out.Len() > 0 {
		t.Errorf("%d parked steps\n%s", w.seen.parked, strings.Join(story, "\n"))
	}
	w.checkDays()
	if w.swept == 0 {
		t.Error("no object was swept: nothing shows here that the right ones stay")
	}
	t.Logf("%d steps, %d commits, %d decisions and versions, %d objects swept", len(w.seen.ended), w.seen.commits, len(story), w.swept)
}

// checkDays says that control reads of a closed day all that the loop wrote, and that a trial's evidence is there to be
// drawn when it has ended: what its decision says.
func (w *world) checkDays() {
	w.Helper()
	var written []store.Value
	w.read(func(tx store.Tx) (err error) {
		written, err = tx.Values().Range(model, "day/", "day0")
		return err
	})
	whole := map[string]bool{}
	for _, v := range written {
		read := json.NewDecoder(bytes.NewReader(v.Value))
		read.DisallowUnknownFields()
		var d control.Day
		if err := read.Decode(&d); err != nil {
			w.Fatalf("%s: %v", v.Name, err)
		}
		again, err := json.Marshal(d)
		w.must(err)
		if !bytes.Equal(again, v.Value) {
			w.Errorf("%s was written as\n%s and is read as\n%s", v.Name, v.Value, again)
		}
		whole["challenger"] = whole["challenger"] || d.Challenger != nil
		whole["parent"] = whole["parent"] || d.Parent != nil
		whole["probe"] = whole["probe"] || d.Probe != nil
		whole["evidence"] = whole["evidence"] || d.Evidence != nil
	}
	if !whole["challenger"] || !whole["parent"] || !whole["probe"] || !whole["evidence"] {
		w.Errorf("%d days say nothing of %v", len(written), whole)
	}
	life, err := w.person().Life(context.Background(), model)
	w.must(err)
	ended := 0
	for _, t := range life.Trials {
		if t.Ended == nil {
			continue
		}
		ended++
		last := *t.Days[len(t.Days)-1].Evidence
		for _, f := range t.Ended.Numbers {
			if f.Name == "log evidence to promote" && *f.Number != last.Promote || f.Name == "log evidence of harm" && *f.Number != last.Harm {
				w.Errorf("the trial of %s came to %s %v; its last day says %+v", t.Version, f.Name, *f.Number, last)
			}
		}
		if !t.Counted() || t.Ended.Outcome == rondo.Promoted && last.Promote < last.Bar {
			w.Errorf("the trial of %s: counted %v, %s with %+v", t.Version, t.Counted(), t.Ended.Outcome, last)
		}
	}
	if ended == 0 {
		w.Error("no trial has ended")
	}
}
