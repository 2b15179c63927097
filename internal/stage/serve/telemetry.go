package serve

import (
	"context"
	"fmt"
	"io"
	"sort"
	"sync/atomic"

	"rondo.dev/rondo/internal/predlog"
)

// counters are what the server has done since it started.
type counters struct {
	requests, rows, failed, unlogged, feedback, events atomic.Uint64
}

// WriteMetrics writes the counters in Prometheus' text format.
func (s *Server) WriteMetrics(w io.Writer) error {
	for _, m := range []struct {
		name, help string
		value      uint64
	}{
		{"rondo_serve_requests_total", "Prediction requests answered.", s.counted.requests.Load()},
		{"rondo_serve_rows_total", "Rows answered.", s.counted.rows.Load()},
		{"rondo_serve_failed_total", "Prediction requests that ended with an error.", s.counted.failed.Load()},
		{"rondo_serve_unlogged_rows_total", "Rows answered whose record the log refused.", s.counted.unlogged.Load()},
		{"rondo_serve_feedback_rows_total", "Outcomes of predictions accepted.", s.counted.feedback.Load()},
		{"rondo_serve_event_rows_total", "Rows with outcomes accepted.", s.counted.events.Load()},
		{"rondo_predlog_dropped_total", "Records that a full queue refused.", s.log.Dropped()},
	} {
		if _, err := fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s counter\n%s %d\n", m.name, m.help, m.name, m.name, m.value); err != nil {
			return err
		}
	}
	durable, _ := s.log.Durable()
	if _, err := fmt.Fprintf(w, "# HELP rondo_predlog_durable_bytes End of what is synced.\n# TYPE rondo_predlog_durable_bytes gauge\nrondo_predlog_durable_bytes %d\n", durable); err != nil {
		return err
	}
	r := s.hold()
	defer r.release()
	models := make([]string, 0, len(r.table))
	for model, route := range r.table {
		if route.Failed == nil { // else it has no endpoint to count in
			models = append(models, model)
		}
	}
	sort.Strings(models)
	if _, err := fmt.Fprint(w, "# HELP rondo_serve_history_facts Facts that live history holds.\n# TYPE rondo_serve_history_facts gauge\n"); err != nil {
		return err
	}
	for _, model := range models {
		if _, err := fmt.Fprintf(w, "rondo_serve_history_facts{model=%q} %d\n", model, r.table[model].Endpoint.live.Size()); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(w, "# HELP rondo_serve_dropped_keys_total Predictions that feedback can name by id only by now.\n# TYPE rondo_serve_dropped_keys_total counter\n"); err != nil {
		return err
	}
	for _, model := range models {
		e := r.table[model].Endpoint
		e.mu.Lock()
		dropped := e.open.dropped
		e.mu.Unlock()
		if _, err := fmt.Fprintf(w, "rondo_serve_dropped_keys_total{model=%q} %d\n", model, dropped); err != nil {
			return err
		}
	}
	return nil
}

// Progress is how far a model's log has come: where a feeding client goes on after either side was restarted (D23).
type Progress struct {
	Durable     uint64 // end of what is synced, of all models
	LastArrival int64  // microseconds UTC; 0: nothing has arrived
	Predictions []string
	Feedback    []string // the last idempotency keys of each kind, newest last
	Events      []string
}

// Progress of a model that has a route.
func (s *Server) Progress(ctx context.Context, model string) (p *Progress, err error) {
	err = s.within(ctx, model, func(route *Route) error {
		p, err = s.progress(route.Endpoint)
		return err
	})
	return p, err
}

func (s *Server) progress(e *Endpoint) (*Progress, error) {
	if err := e.older.keys.lacks(); err != nil {
		return nil, err
	}
	p := &Progress{}
	p.Durable, p.LastArrival = s.log.Durable()
	e.mu.Lock()
	defer e.mu.Unlock()
	const keys = 10
	p.Predictions = e.seen.newest(predlog.Prediction, keys)
	p.Feedback = e.seen.newest(predlog.Feedback, keys)
	p.Events = e.seen.newest(predlog.Event, keys)
	return p, nil
}
