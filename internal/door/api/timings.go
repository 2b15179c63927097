package api

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// bounds of the request histogram, in seconds.
var bounds = [...]float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}

// timings are histograms of how long rows requests took, by what they were.
type timings struct{ predict, feedback, events histogram }

type histogram struct {
	counts [len(bounds) + 1]atomic.Uint64
	micros atomic.Uint64
}

func (t *timings) of(scope string) *histogram {
	switch scope {
	case ScopeFeedback:
		return &t.feedback
	case ScopeEvents:
		return &t.events
	}
	return &t.predict
}

func (t *timings) add(scope string, took time.Duration) {
	h, i := t.of(scope), 0
	for i < len(bounds) && took.Seconds() > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.micros.Add(uint64(took.Microseconds()))
}

// write writes the histograms in Prometheus' text format.
func (t *timings) write(w io.Writer) error {
	const name = "rondo_api_request_seconds"
	if _, err := fmt.Fprintf(w, "# HELP %s Time from the head of a request to its answer.\n# TYPE %s histogram\n", name, name); err != nil {
		return err
	}
	for _, door := range []string{ScopePredict, ScopeFeedback, ScopeEvents} {
		h, sum := t.of(door), uint64(0)
		for i, bound := range bounds {
			sum += h.counts[i].Load()
			if _, err := fmt.Fprintf(w, "%s_bucket{door=%q,le=\"%g\"} %d\n", name, door, bound, sum); err != nil {
				return err
			}
		}
		sum += h.counts[len(bounds)].Load()
		if _, err := fmt.Fprintf(w, "%s_bucket{door=%q,le=\"+Inf\"} %d\n%s_sum{door=%q} %g\n%s_count{door=%q} %d\n",
			name, door, sum, name, door, float64(h.micros.Load())/1e6, name, door, sum); err != nil {
			return err
		}
	}
	return nil
}
