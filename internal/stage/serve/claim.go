package serve

import (
	"context"
	"fmt"

	"rondo.dev/rondo/internal/predlog"
)

// asked is a request that may be said again. The same key of another sender, or of another kind, is another request.
type asked struct {
	kind        predlog.Kind // Prediction, Feedback or Event
	sender, key string
}

func askedBy(r *predlog.Record) asked {
	a := asked{r.Kind, r.Sender, r.Key}
	if a.kind == predlog.SetAside { // what was to be events
		a.kind = predlog.Event
	}
	return a
}

// memory remembers requests with the record that each of them made; the oldest are forgotten.
type memory struct {
	limit int
	at    map[asked]remembered
	order []asked
	next  int
}

type remembered struct {
	kind   predlog.Kind
	offset uint64
}

func (m *memory) put(r *predlog.Record) {
	if r.Key == "" {
		return
	}
	a := askedBy(r)
	if _, ok := m.at[a]; !ok {
		if len(m.order) < m.limit {
			m.order = append(m.order, a)
		} else {
			delete(m.at, m.order[m.next])
			m.order[m.next] = a
			m.next = (m.next + 1) % m.limit
		}
	}
	m.at[a] = remembered{r.Kind, r.Offset}
}

// newest are the last keys of a kind, newest last, at most n.
func (m *memory) newest(kind predlog.Kind, n int) []string {
	out := []string{}
	for i := range m.order {
		a := m.order[(m.next+len(m.order)-1-i)%len(m.order)]
		if m.at[a].kind == kind {
			if out = append(out, a.key); len(out) == n {
				break
			}
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func nothing() {}

// claim makes the caller the one who answers a request with an idempotency key, until it calls done; or it gives the
// record that answered it before. Of several that come at once one goes on and the others wait for what becomes of it:
// where it fails, one of them goes on.
func (s *Server) claim(ctx context.Context, e *Endpoint, kind predlog.Kind, meta Meta) (before *remembered, done func(), err error) {
	if meta.Key == "" {
		return nil, nothing, nil
	}
	a := asked{kind, meta.Sender, meta.Key}
	for recalled := false; ; {
		e.mu.Lock()
		r, ok := e.seen.at[a]
		first := e.busy[a]
		if !ok && first == nil && recalled {
			break
		}
		e.mu.Unlock()
		switch {
		case ok:
			return &r, nothing, nil
		case first == nil:
			if err := e.older.keys.lacks(); err != nil {
				return nil, nothing, err
			}
			recalled = true
			continue
		}
		select {
		case <-first:
		case <-ctx.Done():
			return nil, nothing, fmt.Errorf("wait for the same request: %w", context.Cause(ctx))
		}
	}
	mine := make(chan struct{})
	e.busy[a] = mine
	e.mu.Unlock()
	return nil, func() {
		e.mu.Lock()
		delete(e.busy, a)
		e.mu.Unlock()
		close(mine)
	}, nil
}
