package storetest

import (
	"errors"
	"maps"
	"slices"
	"sort"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// world is what a store of one model should hold, kept the plainest way. Each method is the promise of the method of the
// same name and returns the error that the store has to return.
type world struct {
	now      time.Time
	steps    []store.Step
	versions []rondo.Version
	values   map[string]string
	entries  []rondo.Entry
	reserved map[string]store.Reservation
}

var errConflict = errors.New("conflict")
var errOver = errors.New("over budget")

// class reduces an error to what callers ask of it.
func class(err error) error {
	for _, known := range []error{store.ErrExists, store.ErrNotFound, store.ErrLeaseLost, errConflict, errOver} {
		if errors.Is(err, known) {
			return known
		}
	}
	switch rondo.KindOf(err) {
	case rondo.Conflict:
		return errConflict
	case rondo.OverBudget:
		return errOver
	}
	return err
}

func newWorld(now time.Time) *world {
	return &world{now: now, values: map[string]string{}, reserved: map[string]store.Reservation{}}
}

func (w *world) copy() *world {
	c := *w
	c.steps, c.versions, c.entries = slices.Clone(w.steps), slices.Clone(w.versions), slices.Clone(w.entries)
	c.values, c.reserved = maps.Clone(w.values), maps.Clone(w.reserved)
	return &c
}

func (w *world) add(s store.Step) error {
	for _, x := range w.steps {
		if x.ID == s.ID || x.Kind == s.Kind && x.Name == s.Name {
			return store.ErrExists
		}
	}
	s.State, s.Made = store.StepOpen, w.now
	w.steps = append(w.steps, s)
	return nil
}

func (w *world) lease(worker string, until time.Time) (store.Step, error) {
	var best *store.Step
	for i := range w.steps {
		s := &w.steps[i]
		due := s.State == store.StepOpen && !s.Due.After(w.now) || s.State == store.StepLeased && !s.LeaseUntil.After(w.now)
		if due && (best == nil || s.Due.Before(best.Due)) {
			best = s
		}
	}
	if best == nil {
		return store.Step{}, store.ErrNotFound
	}
	best.State, best.Worker, best.LeaseUntil, best.Attempt = store.StepLeased, worker, until, best.Attempt+1
	return *best, nil
}

// held finds a leased step of that attempt.
func (w *world) held(id rondo.StepID, attempt int) (*store.Step, error) {
	i := slices.IndexFunc(w.steps, func(s store.Step) bool { return s.ID == id })
	if i < 0 {
		return nil, store.ErrNotFound
	}
	if s := &w.steps[i]; s.State == store.StepLeased && s.Attempt == attempt {
		return s, nil
	}
	return nil, store.ErrLeaseLost
}

// end takes the lease away and sets the state.
func (w *world) end(s *store.Step, state store.StepState) {
	s.State, s.LeaseUntil = state, time.Time{}
	if state != store.StepOpen {
		now := w.now
		s.Ended = &now
	}
}

func (w *world) fail(s *store.Step, reason string, state store.StepState, retry time.Time) {
	w.end(s, state)
	s.Failures++
	s.Error = reason
	if state == store.StepOpen {
		s.Due = retry
	}
}

func (w *world) wake(kind string) {
	for i := range w.steps {
		if s := &w.steps[i]; s.Kind == kind && s.State == store.StepOpen && s.Due.After(w.now) {
			s.Due = w.now
		}
	}
}

func (w *world) unpark() (n int) {
	for i := range w.steps {
		if s := &w.steps[i]; s.State == store.StepParked {
			s.State, s.Due, s.Ended, s.Failures = store.StepOpen, w.now, nil, 0
			n++
		}
	}
	return n
}

func (w *world) free(worker string) (n int) {
	for i := range w.steps {
		if s := &w.steps[i]; s.State == store.StepLeased && s.Worker != worker {
			w.end(s, store.StepOpen)
			n++
		}
	}
	return n
}

func (w *world) nextDue() (at time.Time, err error) {
	err = store.ErrNotFound
	for _, s := range w.steps {
		if s.State == store.StepOpen && (err != nil || s.Due.Before(at)) {
			at, err = s.Due, nil
		}
	}
	return at, err
}

func (w *world) addVersion() rondo.VersionID {
	n := len(w.versions) + 1
	v := rondo.Version{ID: rondo.NewVersionID("m", n), Model: "m", Number: n, State: rondo.Candidate, Made: w.now}
	w.versions = append(w.versions, v)
	return v.ID
}

func (w *world) move(n int, to rondo.VersionState) error {
	if n > len(w.versions) {
		return store.ErrNotFound
	}
	v, now := &w.versions[n-1], w.now
	if !slices.Contains(rondo.VersionTransitions[v.State], to) {
		return errConflict
	}
	if to == rondo.Champion {
		if slices.ContainsFunc(w.versions, func(o rondo.Version) bool { return o.State == rondo.Champion }) {
			return store.ErrExists
		}
		v.From, v.Until = &now, nil
	} else if v.State == rondo.Champion {
		v.Until = &now
	}
	v.State = to
	return nil
}

func (w *world) book(e rondo.Entry) error {
	for _, x := range w.entries {
		if x.Ref == e.Ref && x.Cause == e.Cause {
			return store.ErrExists
		}
	}
	w.entries = append(w.entries, e)
	return nil
}

func (w *world) spent() (sum rondo.Money) {
	for _, e := range w.entries {
		sum += e.Amount
	}
	return sum
}

func (w *world) reserve(ref string, attempt int, amount, limit rondo.Money) error {
	if held, there := w.reserved[ref]; there && held.Attempt >= attempt {
		return store.ErrExists
	}
	sum := w.spent() + amount
	for other, held := range w.reserved {
		if other != ref {
			sum += held.Amount
		}
	}
	if sum > limit {
		return errOver
	}
	w.reserved[ref] = store.Reservation{Ref: ref, Attempt: attempt, Amount: amount, Made: w.now}
	return nil
}

func (w *world) release(ref string) bool {
	_, there := w.reserved[ref]
	delete(w.reserved, ref)
	return there
}

func (w *world) reservations() (all []store.Reservation) {
	for _, ref := range slices.Sorted(maps.Keys(w.reserved)) {
		all = append(all, w.reserved[ref])
	}
	return all
}

func (w *world) totals() (all []store.Total) {
	by := map[string]*store.Total{}
	for _, e := range w.entries {
		if by[e.Cause] == nil {
			by[e.Cause] = &store.Total{Cause: e.Cause}
		}
		by[e.Cause].Entries++
		by[e.Cause].Amount += e.Amount
	}
	for _, t := range by {
		all = append(all, *t)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Cause < all[j].Cause })
	return all
}
