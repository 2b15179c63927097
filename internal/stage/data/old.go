package data

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// A source that was read once is known by its files, and when all of its rows are older than the window that the logged
// rows fill, and than anything its history could see, it is not read again: the dataset is the same without it.

// identify names the files of a source as they are now, with what makes rows of them.
func identify(files []string, declared *rondo.Data) (string, error) {
	b, err := json.Marshal(declared)
	if err != nil {
		return "", fmt.Errorf("source: %w", err)
	}
	var id strings.Builder
	id.Write(b)
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return "", fmt.Errorf("source: %w", err)
		}
		fmt.Fprintf(&id, "%s %d %d\n", f, info.Size(), info.ModTime().UnixNano())
	}
	return id.String(), nil
}

// remember keeps the newest row time of the source just read.
func (w *preparation) remember() {
	if w.Spec.Data.Time == nil {
		return
	}
	newest := int64(0)
	for _, c := range w.stock.chunks {
		if c.logged {
			continue
		}
		for _, at := range c.Time {
			newest = max(newest, at)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans[w.sourceID] = newest
}

// tooOld says whether no row of the source can be in the window, nor be seen by the history of a row that is.
func (w *preparation) tooOld() bool {
	span := w.Spec.Train.Window.Microseconds()
	if span == 0 || w.Spec.Data.Time == nil || !w.Window[1].IsZero() || w.Dry {
		return false
	}
	w.mu.Lock()
	source, known := w.spans[w.sourceID]
	w.mu.Unlock()
	if !known {
		return false
	}
	newest, now := int64(0), w.Now.UnixMicro()
	for _, c := range w.stock.chunks {
		for i, bad := range c.bad {
			if c.logged && bad < 0 && c.Known[i] <= now && w.wants(&c.Keys[i]) {
				newest = max(newest, c.Time[i])
			}
		}
	}
	const day = int64(24 * time.Hour / time.Microsecond)
	return source < newest-span-w.history.Longest()-day
}

// mayThin says whether the logged rows outside the sample can be let go before they are prepared: when no history is
// computed from them. Those with all of their history as served need none, and rows of the source saw nothing of what
// became known after the newest of them. What was let go still replaces rows of the source, so the sample is the same.
func (w *preparation) mayThin(tables []*column.Table) bool {
	if w.Sample == 0 || !w.Lean {
		return false
	}
	w.mu.Lock()
	source, known := w.spans[w.sourceID]
	w.mu.Unlock()
	if !known {
		return false
	}
	for _, t := range tables {
		for _, name := range w.history.Names() {
			if t.Column(name) == nil {
				return false
			}
		}
		v := t.Column("known")
		if v == nil || v.Type != column.Timestamp {
			return false
		}
		for i, at := range v.Ints {
			if v.IsNull(i) || at <= source {
				return false
			}
		}
	}
	return true
}

// counted is what a preparation has counted and kept.
type counted struct {
	chunks, rows, read, repeats int
	reasons                     map[string]int
	badRows, badBytes           int
}

func (w *preparation) state() counted {
	return counted{len(w.stock.chunks), w.stock.rows, w.out.Read, w.out.Repeats, maps.Clone(w.reasons), w.bad.rows, w.bad.lines.Len()}
}

// restore lets go of what came since.
func (w *preparation) restore(c counted) {
	w.stock.chunks, w.stock.rows = w.stock.chunks[:c.chunks], c.rows
	w.out.Read, w.out.Repeats, w.reasons, w.bad.rows = c.read, c.repeats, c.reasons, c.badRows
	w.bad.lines.Truncate(c.badBytes)
}
