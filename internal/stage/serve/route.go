package serve

import (
	"context"
	"sync/atomic"

	"rondo.dev/rondo/internal/rondo"
)

// routes is one route table with the number of requests that hold it.
type routes struct {
	table   map[string]*Route
	holders atomic.Int64 // requests, and one for being the present table
	freed   atomic.Bool
}

func newRoutes(t Table) *routes {
	r := &routes{table: make(map[string]*Route, len(t))}
	r.holders.Store(1)
	for model, route := range t {
		r.table[model] = &route
		for _, v := range route.versions() {
			v.routes.Add(1)
		}
	}
	return r
}

func (r *Route) versions() []*Version {
	switch {
	case r.Failed != nil:
		return nil
	case r.Challenger == nil:
		return []*Version{r.Champion}
	}
	return []*Version{r.Champion, r.Challenger}
}

// hold takes the present table for the time of a request.
func (s *Server) hold() *routes {
	for {
		r := s.routes.Load()
		r.holders.Add(1)
		if s.routes.Load() == r {
			return r
		}
		r.release() // replaced in between; it may be on its way out
	}
}

// release gives a table back; the last one closes the versions that no other table names.
func (r *routes) release() {
	if r.holders.Add(-1) != 0 || !r.freed.CompareAndSwap(false, true) {
		return
	}
	for _, route := range r.table {
		for _, v := range route.versions() {
			if v.routes.Add(-1) == 0 {
				_ = v.Model.Close() // nobody can be told; a model holds memory only
			}
		}
	}
}

// Swap replaces the route table. Requests in flight end with the table they began with; none fails. An endpoint that is
// new is first brought up to the end of the log, so no outcome is missed. A generation that goes back is rondo.Conflict.
func (s *Server) Swap(ctx context.Context, t Table) error {
	s.swap.Lock()
	defer s.swap.Unlock()
	before := s.routes.Load()
	var paused []*Endpoint
	gone := false
	defer func() {
		for _, e := range paused {
			e.resume(gone)
		}
	}()
	for model, route := range t {
		old := before.table[model]
		switch {
		case route.Failed != nil:
			continue
		case route.Endpoint == nil || route.Champion == nil:
			return rondo.Errorf(rondo.Invalid, "the route of %q has no champion or endpoint", model)
		case old != nil && route.Generation < old.Generation:
			return rondo.Errorf(rondo.Conflict, "route generation %d of %q is older than %d", route.Generation, model, old.Generation)
		}
		if err := route.Fits(); err != nil {
			return err
		}
		if old != nil && old.Endpoint == route.Endpoint {
			continue
		}
		// From here until the table is in place nobody adds to this model's records; what was added since Open is read.
		if old != nil && old.Failed == nil {
			old.Endpoint.pause()
			paused = append(paused, old.Endpoint)
		}
		if err := s.log.Sync(ctx); err != nil {
			return err
		}
		if err := s.replayTail(ctx, route.Endpoint); err != nil {
			return err
		}
	}
	s.routes.Store(newRoutes(t))
	gone = true
	before.release()
	return nil
}

// Route is the present route of a model.
func (s *Server) Route(model string) (route Route, ok bool) {
	r := s.hold()
	defer r.release()
	if at := r.table[model]; at != nil {
		route, ok = *at, true
	}
	return route, ok
}

// Fits says whether the endpoint makes what the route's versions read. Swap refuses a table with a route that does not.
func (r *Route) Fits() error {
	for _, v := range r.versions() {
		if err := r.Endpoint.fits(v); err != nil {
			return err
		}
	}
	return nil
}

// Generations are the generations of the present routes, by model.
func (s *Server) Generations() map[string]int {
	r := s.hold()
	defer r.release()
	out := make(map[string]int, len(r.table))
	for model, route := range r.table {
		out[model] = route.Generation
	}
	return out
}

// fits says whether the endpoint's rows have what the version's program reads.
func (e *Endpoint) fits(v *Version) error {
	for _, name := range v.Program.Inputs() {
		if !e.makes[name] {
			return rondo.Errorf(rondo.Conflict, "version %s reads column %q, which revision %d of %s does not make", v.ID, name, e.revision, e.name)
		}
	}
	if e.kind == rondo.Multiclass && v.Model.Outputs() != len(v.Program.Classes()) || e.kind != rondo.Multiclass && v.Model.Outputs() != 1 {
		return rondo.Errorf(rondo.Conflict, "version %s gives %d numbers a row", v.ID, v.Model.Outputs())
	}
	return nil
}

// side says whether a row's key belongs to the challenger: the same for all requests of one rollout.
func (r *Route) side(key [16]byte) bool {
	if r.Challenger == nil || r.Share <= 0 {
		return false
	}
	h := uint64(14695981039346656037) // FNV-1a over salt and key, then mixed as in SplitMix64
	for i := range len(r.Salt) {
		h = (h ^ uint64(r.Salt[i])) * 1099511628211
	}
	for _, c := range key {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	h ^= h >> 31
	return float64(h>>11)/(1<<53) < r.Share
}

// sides parts the rows of a request; nil: all of them are the champion's.
func (r *Route) sides(keys [][16]byte, rows int) (champion, challenger []int32) {
	if r.Challenger == nil || r.Share <= 0 || keys == nil {
		return nil, nil
	}
	for i := range rows {
		if r.side(keys[i]) {
			challenger = append(challenger, int32(i))
		} else {
			champion = append(champion, int32(i))
		}
	}
	return champion, challenger
}
