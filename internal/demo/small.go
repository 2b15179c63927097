package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/seam/engine"
)

// smallOneIn is the share of flights that the small story is told with, and smallMonths are the files it needs.
const smallOneIn = 16

var smallMonths = []string{"2001-01", "2001-02", "2001-03", "2001-04"}

// smallEnd is when the small story ends.
var smallEnd = time.Date(2001, 4, 24, 0, 0, 0, 0, time.UTC)

// smallChanges are what the model file says otherwise for a sixteenth of the flights: fewer and smaller trees, slices and
// bars that so few rows can decide, and a wider margin, so that a trial is decided within the small story.
var smallChanges = [][2]string{
	{"source: 2001-01.parquet", "source: small/2001-01.csv"},
	{"auc >= 0.70", "auc >= 0.62"},
	{"worst(auc by origin, rows >= 5000) >= 0.60", "worst(auc by origin, rows >= 300) >= 0.40"},
	{"robust(auc, noise 5%) >= 0.66", "robust(auc, noise 5%) >= 0.55"},
	{"leaves: 255", "leaves: 15"},
	{"rate: 0.2", "rate: 0.1"},
	{"margin: 1%", "margin: 4%"},
	{"price: $100", "price: $2"},
}

// makeSmall writes a sixteenth of the months' flights as CSV beside them, those that are missing.
func makeSmall(ctx context.Context, eng engine.Engine, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "small"), 0o700); err != nil {
		return err
	}
	for _, month := range smallMonths {
		path := filepath.Join(dir, "small", month+".csv")
		if _, err := os.Stat(path); err == nil {
			continue
		}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		if err := w.Write([]string{"date", "delay", "distance", "origin", "destination"}); err != nil {
			return err
		}
		for batch, err := range eng.Read(ctx, engine.Source{Files: []string{filepath.Join(dir, month+".parquet")}}) {
			if err != nil {
				return fmt.Errorf("read the flights: %w", err)
			}
			if err := writeSmall(w, batch.Table); err != nil {
				return err
			}
		}
		w.Flush()
		if err := w.Error(); err != nil {
			return err
		}
		if err := writeWhole(path, out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// writeSmall writes the rows whose key's hash is picked: flights of equal keys stay together.
func writeSmall(w *csv.Writer, t *column.Table) error {
	date, delay, distance := t.Column("date"), t.Column("delay"), t.Column("distance")
	origin, destination := t.Column("origin"), t.Column("destination")
	for i, at := range date.Ints {
		minute := time.UnixMicro(at).UTC().Format(time.DateTime)
		if xxh3.HashString(minute+origin.Strings[i]+destination.Strings[i])%smallOneIn != 0 {
			continue
		}
		err := w.Write([]string{minute, strconv.FormatInt(delay.Ints[i], 10), strconv.FormatInt(distance.Ints[i], 10), origin.Strings[i], destination.Strings[i]})
		if err != nil {
			return err
		}
	}
	return nil
}
