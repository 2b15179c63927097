package serve

import (
	"fmt"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/profile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// A batch of at least feedRows events is a feed, and is held as a whole against the rows that the champion was trained on.
// The median of fewer rows moves by itself: at night only long flights land. maxOutside is the share of a feed's rows that
// may fail their checks (D30).
const (
	feedRows   = 500
	maxOutside = 0.20
)

// badFeed says why a feed is to be set aside whole, or "".
func (r *Route) badFeed(frame *transform.Frame) (string, error) {
	rows := frame.Table.Rows()
	if rows < feedRows {
		return "", nil
	}
	if r.Profile != nil {
		failed, err := profile.CheckBatch(r.Endpoint.spec.Data.BatchChecks, r.Profile, frame.Table)
		if err != nil {
			return "", fmt.Errorf("check a feed: %w", err)
		}
		if len(failed) > 0 {
			return failed[0].String(), nil
		}
	}
	counts := make([]int, len(frame.Reasons))
	for _, bad := range frame.Bad {
		if bad >= 0 {
			counts[bad]++
		}
	}
	for i, n := range counts {
		if float64(n) > maxOutside*float64(rows) {
			return fmt.Sprintf("%d of %d rows fail: %s", n, rows, frame.Reasons[i]), nil
		}
	}
	return "", nil
}

// setAside keeps a refused feed in the log, where nothing learns from it, and says so.
func (s *Server) setAside(e *Endpoint, raw *column.Table, reason string, meta Meta, failed error) error {
	if failed != nil {
		return failed
	}
	t := raw.Shallow()
	why := column.AllNull(column.String, raw.Rows())
	why.Strings[0], why.Null[0] = reason, false
	t.Set(predlog.ReasonColumn, why)
	r := predlog.Record{Kind: predlog.SetAside, Model: e.name, Revision: e.revision, Key: meta.Key, Sender: meta.Sender, Table: t}
	none := facts{frame: &transform.Frame{Table: t}}
	if err := s.durably(e, &r, &none); err != nil {
		return err
	}
	return refusedFeed(reason)
}

func refusedFeed(reason string) error {
	return &rondo.Error{Kind: rondo.Refused, Field: "rows", Message: "the whole feed is set aside: " + reason}
}
