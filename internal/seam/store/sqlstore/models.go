package sqlstore

import (
	"encoding/json"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

type models struct{ t *Tx }

const (
	newestRevision = `select m.name, r.revision, r.digest, r.dir, r.applied, m.paused, r.record
		from models m join revisions r on r.model = m.name and r.revision = m.revision`
	oneRevision = `select m.name, r.revision, r.digest, r.dir, r.applied, m.paused, r.record
		from models m join revisions r on r.model = m.name where m.name = ? and r.revision = ?`
	addModel = `insert into models (name, revision) values (?, 1)
		on conflict (name) do update set revision = models.revision + 1 returning revision`
	addRevision = `insert into revisions (model, revision, digest, dir, applied, record)
		values (?, ?, ?, ?, ?, ?) on conflict do nothing`
	moveRevision = `update revisions set dir = ? where model = ? and revision = ?`
	pauseModel   = `update models set paused = ? where name = ?`
)

func scanModel(r row) (m store.Model, err error) {
	var applied int64
	var text []byte
	if err := r.Scan(&m.Name, &m.Revision, &m.Digest, &m.Dir, &applied, &m.Paused, &text); err != nil {
		return m, err
	}
	m.Applied = instant(applied)
	m.Spec = new(rondo.Spec)
	err = json.Unmarshal(text, m.Spec)
	m.Spec.Dir = m.Dir
	return m, err
}

// Apply of a known digest from another folder keeps the revision and remembers the new folder.
func (s models) Apply(spec *rondo.Spec, digest rondo.Digest, dir string) (store.Model, bool, error) {
	all, err := list(s.t, "model "+spec.Name, scanModel, newestRevision+` where m.name = ?`, spec.Name)
	if err != nil {
		return store.Model{}, false, err
	}
	if len(all) == 1 && all[0].Digest == digest {
		m := all[0]
		if m.Dir != dir {
			m.Dir, m.Spec.Dir = dir, dir
			err = s.t.change("model "+m.Name, moveRevision, dir, m.Name, m.Revision)
		}
		return m, false, err
	}
	text, err := toJSON("declaration of "+spec.Name, spec)
	if err != nil {
		return store.Model{}, false, err
	}
	revision, err := one(s.t, "model "+spec.Name, scanInt, addModel, spec.Name)
	if err != nil {
		return store.Model{}, false, err
	}
	if err := s.t.insert("revision of "+spec.Name, addRevision, spec.Name, revision, digest, dir, micros(s.t.now), text); err != nil {
		return store.Model{}, false, err
	}
	m, err := s.Get(spec.Name)
	return m, true, err
}

func (s models) Get(name string) (store.Model, error) {
	return one(s.t, "model "+name, scanModel, newestRevision+` where m.name = ?`, name)
}

func (s models) Revision(name string, revision int) (store.Model, error) {
	return one(s.t, "revision of model "+name, scanModel, oneRevision, name, revision)
}

func (s models) List() ([]store.Model, error) {
	return list(s.t, "models", scanModel, newestRevision+` order by m.seq`)
}

func (s models) SetPaused(name string, paused bool) error {
	return s.t.change("model "+name, pauseModel, paused, name)
}
