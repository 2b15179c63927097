package sqlstore

import (
	"encoding/json"

	"rondo.dev/rondo/internal/seam/store"
)

type tokens struct{ t *Tx }

const (
	addToken    = `insert into tokens (name, hash, scopes, made) values (?, ?, ?, ?) on conflict do nothing`
	selectToken = `select name, hash, scopes, made from tokens`
	dropToken   = `delete from tokens where name = ?`
)

func scanToken(r row) (t store.Token, err error) {
	var hash, scopes []byte
	var made int64
	if err := r.Scan(&t.Name, &hash, &scopes, &made); err != nil {
		return t, err
	}
	copy(t.Hash[:], hash)
	t.Made = instant(made)
	return t, json.Unmarshal(scopes, &t.Scopes)
}

// Add is store.ErrExists for a name or a hash that is there.
func (s tokens) Add(t store.Token) error {
	scopes, err := toJSON("token "+t.Name, t.Scopes)
	if err != nil {
		return err
	}
	return s.t.insert("token "+t.Name, addToken, t.Name, t.Hash[:], scopes, micros(s.t.made(t.Made)))
}

func (s tokens) ByHash(h [32]byte) (store.Token, error) {
	return one(s.t, "token", scanToken, selectToken+` where hash = ?`, h[:])
}

func (s tokens) List() ([]store.Token, error) {
	return list(s.t, "tokens", scanToken, selectToken+` order by seq`)
}

func (s tokens) Revoke(name string) error {
	return s.t.change("token "+name, dropToken, name)
}
