package sqlstore

import (
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

type records struct{ t *Tx }

const (
	addDataset    = `insert into datasets (id, model, record) values (?, ?, ?) on conflict do nothing`
	oneDataset    = `select record from datasets where id = ?`
	allDatasets   = `select record from datasets where model = ? order by seq`
	addRun        = `insert into runs (id, model, record) values (?, ?, ?) on conflict do nothing`
	oneRun        = `select record from runs where id = ?`
	allRuns       = `select record from runs where model = ? order by seq`
	addEvaluation = `insert into evaluations (id, model, record) values (?, ?, ?) on conflict do nothing`
	oneEvaluation = `select record from evaluations where id = ?`
	allEvaluation = `select record from evaluations where model = ? order by seq`
	oneUse        = `select number from test_uses where model = ? and rows = ? and use = ?`
	addUse        = `insert into test_uses (model, rows, number, use, made) values (?, ?, ?, ?, ?) on conflict do nothing`
	allUses       = `select rows, use, number from test_uses where model = ? order by made, rows, number`
)

// add keeps a record once.
func (s records) add(what, query, id, model string, record any) error {
	what += " " + id
	text, err := toJSON(what, record)
	if err != nil {
		return err
	}
	return s.t.insert(what, query, id, model, text)
}

func (s records) AddDataset(d *rondo.Dataset) error {
	return s.add("dataset", addDataset, string(d.ID), d.Model, d)
}

func (s records) Dataset(id rondo.DatasetID) (*rondo.Dataset, error) {
	return one(s.t, "dataset "+string(id), scanJSON[rondo.Dataset], oneDataset, id)
}

func (s records) Datasets(model string) ([]*rondo.Dataset, error) {
	return list(s.t, "datasets of "+model, scanJSON[rondo.Dataset], allDatasets, model)
}

func (s records) AddRun(r *rondo.Run) error {
	return s.add("run", addRun, string(r.ID), r.Model, r)
}

func (s records) Run(id rondo.RunID) (*rondo.Run, error) {
	return one(s.t, "run "+string(id), scanJSON[rondo.Run], oneRun, id)
}

func (s records) Runs(model string) ([]*rondo.Run, error) {
	return list(s.t, "runs of "+model, scanJSON[rondo.Run], allRuns, model)
}

func (s records) AddEvaluation(e *rondo.Evaluation) error {
	return s.add("evaluation", addEvaluation, string(e.ID), e.Model, e)
}

func (s records) Evaluation(id rondo.EvaluationID) (*rondo.Evaluation, error) {
	return one(s.t, "evaluation "+string(id), scanJSON[rondo.Evaluation], oneEvaluation, id)
}

func (s records) Evaluations(model string) ([]*rondo.Evaluation, error) {
	return list(s.t, "evaluations of "+model, scanJSON[rondo.Evaluation], allEvaluation, model)
}

func (s records) UseTestRows(model string, rows rondo.Digest, use string, number int) (int, error) {
	known, err := list(s.t, "uses of test rows", scanInt, oneUse, model, rows, use)
	if err != nil {
		return 0, err
	}
	if len(known) == 1 {
		return known[0], nil
	}
	return number, s.t.insert("use of test rows", addUse, model, rows, number, use, micros(s.t.now))
}

func (s records) TestUses(model string) ([]store.TestUse, error) {
	return list(s.t, "uses of test rows of "+model, scanUse, allUses, model)
}

func scanUse(r row) (u store.TestUse, err error) {
	err = r.Scan(&u.Rows, &u.Use, &u.Number)
	return u, err
}
