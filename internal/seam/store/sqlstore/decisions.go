package sqlstore

import (
	"rondo.dev/rondo/internal/rondo"
)

type decisions struct{ t *Tx }

const (
	addDecision = `insert into decisions (id, model, cycle, step, rule, record)
		values (?, ?, ?, ?, ?, ?) on conflict do nothing`
	newestDecisions  = `select record from decisions where model = ? order by seq desc limit ?`
	decisionsOfCycle = `select record from decisions where cycle = ? and cycle <> '' order by seq`
)

func (s decisions) Add(d *rondo.Decision) error {
	added := *d
	added.At = s.t.made(d.At)
	what := "decision " + string(d.ID) + " by " + d.Rule
	text, err := toJSON(what, &added)
	if err != nil {
		return err
	}
	if err := s.t.insert(what, addDecision, d.ID, d.Model, d.Cycle, d.Step, d.Rule, text); err != nil {
		return err
	}
	*d = added
	return nil
}

func (s decisions) List(model string, limit int) ([]*rondo.Decision, error) {
	return newest(s.t, "decisions of "+model, limit, scanJSON[rondo.Decision], newestDecisions, model)
}

func (s decisions) ByCycle(c rondo.CycleID) ([]*rondo.Decision, error) {
	if c == "" {
		return nil, rondo.Errorf(rondo.Invalid, "decisions of a cycle without id")
	}
	return list(s.t, "decisions of "+string(c), scanJSON[rondo.Decision], decisionsOfCycle, c)
}
