package data

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// A source that was read once is known by its files, and when all of its rows are older than the window that the logged
// rows fill, and than anything its history could see, it is not read again: the dataset is the same without it.

// identify names the files of a source as they are now.
func identify(files []string) (string, error) {
	var id strings.Builder
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
func (w *preparation) remember(id string) {
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
	w.spans[id] = newest
}

// tooOld says whether no row of the source can be in the window, nor be seen by the history of a row that is.
func (w *preparation) tooOld(id string) bool {
	span := w.Spec.Train.Window.Microseconds()
	if span == 0 || w.Spec.Data.Time == nil || !w.Window[1].IsZero() || w.Dry {
		return false
	}
	w.mu.Lock()
	source, known := w.spans[id]
	w.mu.Unlock()
	if !known {
		return false
	}
	newest, now := int64(0), w.Now.UnixMicro()
	for _, c := range w.stock.chunks {
		for i, bad := range c.bad {
			if bad < 0 && c.Known[i] <= now {
				newest = max(newest, c.Time[i])
			}
		}
	}
	const day = int64(24 * time.Hour / time.Microsecond)
	return source < newest-span-w.history.Longest()-day
}
