package loop

import (
	"context"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/data"
	"rondo.dev/rondo/internal/stage/evaluate"
	"rondo.dev/rondo/internal/transform"
)

// wear says which use of a dataset's test rows this is, and what earlier evaluations left of them (S17). Rows are known by
// their keys, so a window that has moved on by a day counts as what it is: mostly the same rows. The use of this very step,
// when it was recorded before a kill, is not an earlier one.
func (l *Loop) wear(ctx context.Context, w *work, ds *rondo.Dataset) (use int, wear evaluate.Wear, err error) {
	spec, test := w.spec(), ds.Part(rondo.TestPart)
	wear = evaluate.Wear{Grows: spec.Train.Window == 0, Share: 1, Now: w.step.Made}
	if spec.Data.Split.By == rondo.ByHash {
		wear.Share = spec.Data.Split.Test
	}
	if test == nil || test.Rows == 0 {
		return 1, wear, nil
	}
	earlier, err := l.earlierUses(ctx, w, test)
	if err != nil || len(earlier) == 0 {
		wear.Fresh = test.Rows
		return 1, wear, err
	}
	keys, err := data.Keys(ctx, l.Objects, test.Object)
	if err != nil {
		return 0, wear, err
	}
	worn := make(map[transform.Key]bool, len(keys)) // of each row, whether an earlier use had it
	for _, k := range keys {
		worn[k] = false
	}
	use = 1
	for rows, uses := range earlier {
		old, err := data.Keys(ctx, l.Objects, rows)
		if err != nil {
			return 0, wear, err
		}
		shared := false
		for _, k := range old {
			if _, ours := worn[k]; ours {
				shared, worn[k] = true, true
			}
		}
		if shared {
			use += uses
		}
	}
	for _, used := range worn {
		if !used {
			wear.Fresh++
		}
	}
	return use, wear, nil
}

// earlierUses counts the uses of test rows that can have rows of this part among them.
func (l *Loop) earlierUses(ctx context.Context, w *work, test *rondo.Part) (map[rondo.Digest]int, error) {
	var uses []store.TestUse
	spans := map[rondo.Digest]*rondo.Part{}
	err := l.Store.Read(ctx, func(tx store.Tx) (err error) {
		if uses, err = tx.Records().TestUses(w.step.Model); err != nil {
			return err
		}
		sets, err := tx.Records().Datasets(w.step.Model)
		for _, ds := range sets {
			if part := ds.Part(rondo.TestPart); part != nil {
				spans[part.Object] = part
			}
		}
		return err
	})
	out := map[rondo.Digest]int{}
	for _, u := range uses {
		if old := spans[u.Rows]; u.Use != string(w.step.ID) && !(old != nil && apart(old, test)) {
			out[u.Rows]++
		}
	}
	return out, err
}

// apart says whether two parts cannot share a row: their times do not meet. Of a part without time nobody knows.
func apart(a, b *rondo.Part) bool {
	if a.From.IsZero() || a.To.IsZero() || b.From.IsZero() || b.To.IsZero() {
		return false
	}
	return a.To.Before(b.From) || b.To.Before(a.From)
}
