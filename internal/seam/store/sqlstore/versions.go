package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

type versions struct{ t *Tx }

const (
	nextNumber = `select coalesce(max(number), 0) + 1 from versions where model = ?`
	addVersion = `insert into versions (id, model, number, state, record) values (?, ?, ?, ?, ?) on conflict do nothing`
	// The columns win over the record: it is written once, they move.
	selectVersion   = `select state, answered_from, answered_until, record from versions`
	championOf      = `select id from versions where model = ? and state = 'champion'`
	crownVersion    = `update versions set state = 'champion', answered_from = ?, answered_until = null where id = ? and state = ?`
	dethroneVersion = `update versions set state = ?, answered_until = ? where id = ? and state = ?`
	moveVersion     = `update versions set state = ? where id = ? and state = ?`

	selectRoute = `select model, generation, champion, challenger, share, salt, parent from routes`
	setRoute    = `insert into routes (model, generation, champion, challenger, share, salt, parent)
		values (?, 1, ?, ?, ?, ?, ?)
		on conflict (model) do update set generation = routes.generation + 1, champion = excluded.champion,
			challenger = excluded.challenger, share = excluded.share, salt = excluded.salt,
			parent = excluded.parent
		returning generation`
)

func scanVersion(r row) (*rondo.Version, error) {
	var state rondo.VersionState
	var from, until sql.NullInt64
	var text []byte
	if err := r.Scan(&state, &from, &until, &text); err != nil {
		return nil, err
	}
	v := new(rondo.Version)
	err := json.Unmarshal(text, v)
	v.State, v.From, v.Until = state, maybe(from), maybe(until)
	return v, err
}

// Add makes a candidate.
func (s versions) Add(v *rondo.Version) error {
	if v.State != "" && v.State != rondo.Candidate || v.From != nil || v.Until != nil {
		return rondo.Errorf(rondo.Invalid, "a version of %s is added as %s: a new version is a candidate that never answered", v.Model, v.State)
	}
	n, err := one(s.t, "number of versions", scanInt, nextNumber, v.Model)
	if err != nil {
		return err
	}
	added := *v
	added.ID, added.Number, added.State, added.Made = rondo.NewVersionID(v.Model, n), n, rondo.Candidate, s.t.made(v.Made)
	text, err := toJSON("version "+string(added.ID), &added)
	if err != nil {
		return err
	}
	if err := s.t.insert("version "+string(added.ID), addVersion, added.ID, added.Model, n, added.State, text); err != nil {
		return err
	}
	*v = added
	return nil
}

func (s versions) Get(id rondo.VersionID) (*rondo.Version, error) {
	return one(s.t, "version "+string(id), scanVersion, selectVersion+` where id = ?`, id)
}

func (s versions) List(model string) ([]*rondo.Version, error) {
	return list(s.t, "versions of "+model, scanVersion, selectVersion+` where model = ? order by number`, model)
}

// Move to a state that may not follow is a Conflict; to champion beside another champion it is store.ErrExists. From and
// Until are of the newest time the version was champion.
func (s versions) Move(id rondo.VersionID, to rondo.VersionState) error {
	v, err := s.Get(id)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("version %s", id)
	if !slices.Contains(rondo.VersionTransitions[v.State], to) {
		return rondo.Errorf(rondo.Conflict, "%s is %s: it cannot become %s", what, v.State, to)
	}
	now := micros(s.t.now)
	switch {
	case to == rondo.Champion:
		other, err := list(s.t, "champion of "+v.Model, scanText, championOf, v.Model)
		if err != nil {
			return err
		}
		if len(other) > 0 {
			return fmt.Errorf("%s beside champion %s: %w", what, other[0], store.ErrExists)
		}
		return s.t.change(what, crownVersion, now, id, v.State)
	case v.State == rondo.Champion:
		return s.t.change(what, dethroneVersion, to, now, id, v.State)
	}
	return s.t.change(what, moveVersion, to, id, v.State)
}

func scanRoute(r row) (t store.Route, err error) {
	err = r.Scan(&t.Model, &t.Generation, &t.Champion, &t.Challenger, &t.Share, &t.Salt, &t.Parent)
	return t, err
}

func (s versions) Route(model string) (store.Route, error) {
	return one(s.t, "route of "+model, scanRoute, selectRoute+` where model = ?`, model)
}

func (s versions) Routes() ([]store.Route, error) {
	return list(s.t, "routes", scanRoute, selectRoute+` order by seq`)
}

// SetRoute replaces the route; every call is a change. The generation is the store's: r's is not read.
func (s versions) SetRoute(r store.Route) (int, error) {
	if !(r.Share >= 0 && r.Share <= 1) {
		return 0, rondo.Errorf(rondo.Invalid, "share of %s is %v: it lies between 0 and 1", r.Model, r.Share)
	}
	return one(s.t, "route of "+r.Model, scanInt, setRoute,
		r.Model, r.Champion, r.Challenger, r.Share, r.Salt, r.Parent)
}
