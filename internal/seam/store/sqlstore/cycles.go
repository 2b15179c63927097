package sqlstore

import (
	"database/sql"

	"rondo.dev/rondo/internal/rondo"
)

type cycles struct{ t *Tx }

const (
	addCycle = `insert into cycles (id, model, cause, revision, started, ended, outcome, version)
		values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`
	selectCycle = `select id, model, cause, revision, started, ended, outcome, version from cycles`
	endCycle    = `update cycles set ended = ?, outcome = ?, version = ? where id = ? and ended is null`
)

func scanCycle(r row) (c rondo.Cycle, err error) {
	var started int64
	var ended sql.NullInt64
	err = r.Scan(&c.ID, &c.Model, &c.Cause, &c.Revision, &started, &ended, &c.Outcome, &c.Version)
	c.Started, c.Ended = instant(started), maybe(ended)
	return c, err
}

func (s cycles) Add(c rondo.Cycle) error {
	return s.t.insert("cycle "+string(c.ID)+" of "+c.Model, addCycle,
		c.ID, c.Model, c.Cause, c.Revision, micros(s.t.made(c.Started)), maybeMicros(c.Ended), c.Outcome, c.Version)
}

func (s cycles) Get(id rondo.CycleID) (rondo.Cycle, error) {
	return one(s.t, "cycle "+string(id), scanCycle, selectCycle+` where id = ?`, id)
}

func (s cycles) Open(model string) (rondo.Cycle, error) {
	return one(s.t, "open cycle of "+model, scanCycle, selectCycle+` where model = ? and ended is null`, model)
}

// End of a cycle that has ended is a Conflict.
func (s cycles) End(id rondo.CycleID, outcome rondo.Outcome, version rondo.VersionID) error {
	if outcome == "" {
		return rondo.Errorf(rondo.Invalid, "cycle %s ends without an outcome", id)
	}
	n, err := s.t.exec("ending cycle "+string(id), endCycle, micros(s.t.now), outcome, version, id)
	if err != nil || n == 1 {
		return err
	}
	c, err := s.Get(id)
	if err != nil {
		return err
	}
	return rondo.Errorf(rondo.Conflict, "cycle %s has ended already: %s", id, c.Outcome)
}

func (s cycles) List(model string, limit int) ([]rondo.Cycle, error) {
	return newest(s.t, "cycles of "+model, limit, scanCycle, selectCycle+` where model = ? order by seq desc limit ?`, model)
}
