package sqlstore

import "rondo.dev/rondo/internal/seam/store"

type values struct{ t *Tx }

const (
	oneValue = `select name, value from named_values where model = ? and name = ?`
	putValue = `insert into named_values (model, name, value) values (?, ?, ?)
		on conflict (model, name) do update set value = excluded.value`
	rangeValues = `select name, value from named_values where model = ? and name >= ? and name < ? order by name`
	restValues  = `select name, value from named_values where model = ? and name >= ? order by name`
	deleteValue = `delete from named_values where model = ? and name = ?`
)

func scanValue(r row) (v store.Value, err error) {
	err = r.Scan(&v.Name, &v.Value)
	return v, err
}

func (s values) Get(model, name string) ([]byte, error) {
	v, err := one(s.t, "value "+name+" of "+model, scanValue, oneValue, model, name)
	return v.Value, err
}

func (s values) Put(model, name string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	_, err := s.t.exec("putting value "+name+" of "+model, putValue, model, name, value)
	return err
}

// Range with an empty to goes to the end.
func (s values) Range(model, from, to string) ([]store.Value, error) {
	if to == "" {
		return list(s.t, "values of "+model, scanValue, restValues, model, from)
	}
	return list(s.t, "values of "+model, scanValue, rangeValues, model, from, to)
}

func (s values) Delete(model, name string) error {
	return s.t.change("value "+name+" of "+model, deleteValue, model, name)
}
