package data

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// The quarantine's object keeps so many rows and bytes; beyond them rows are only counted.
const (
	maxQuarantined     = 100_000
	maxQuarantineBytes = 64 << 20
)

// quarantine collects bad rows as JSON lines: file, row (from 0), reason, and the row's raw columns in order.
type quarantine struct {
	lines bytes.Buffer
	rows  int
}

func (q *quarantine) add(names []string, t *column.Table, i int, file string, row int64, reason string) {
	if q.rows == maxQuarantined || q.lines.Len() > maxQuarantineBytes {
		return
	}
	q.rows++
	fmt.Fprintf(&q.lines, `{"file":%s,"row":%d,"reason":%s,"values":{`, text(file), row, text(reason))
	for n, name := range names {
		if n > 0 {
			q.lines.WriteByte(',')
		}
		fmt.Fprintf(&q.lines, "%s:%s", text(name), value(t.Column(name), i))
	}
	q.lines.WriteString("}}\n")
}

func text(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("data: " + err.Error()) // a string is always written
	}
	return b
}

// value is a cell as JSON: instants as RFC 3339, durations as text.
func value(v *column.Vector, i int) []byte {
	if v == nil || v.IsNull(i) {
		return []byte("null")
	}
	var x any
	switch v.Type {
	case column.Bool:
		x = v.Bools[i]
	case column.Float64:
		x = v.Floats[i]
	case column.String:
		x = v.Strings[i]
	case column.Timestamp:
		x = time.UnixMicro(v.Ints[i]).UTC().Format("2006-01-02T15:04:05.999999Z")
	case column.Duration:
		x = (time.Duration(v.Ints[i]) * time.Microsecond).String()
	default:
		x = v.Ints[i]
	}
	b, err := json.Marshal(x)
	if err != nil {
		panic("data: " + err.Error()) // every cell is finite
	}
	return b
}

// quarantine keeps the rows that were set aside, and why.
func (w *preparation) quarantine(ctx context.Context) error {
	for reason, rows := range w.reasons {
		w.out.Quarantine = append(w.out.Quarantine, rondo.Reason{Reason: reason, Rows: rows})
	}
	slices.SortFunc(w.out.Quarantine, func(a, b rondo.Reason) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Reason, b.Reason))
	})
	if w.bad.rows == 0 {
		return nil
	}
	digest, err := w.objects.Put(ctx, w.bad.lines.Bytes())
	if err != nil {
		return fmt.Errorf("keep quarantined rows: %w", err)
	}
	w.out.Quarantined = digest
	return nil
}
