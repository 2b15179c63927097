package sqlstore

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver these statements run on here

	"rondo.dev/rondo/internal/rondo"
)

func database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "rondo.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// up migrates in one transaction, as the promise of Migrate demands.
func up(t *testing.T, db *sql.DB, files fstest.MapFS) error {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := migrate(context.Background(), tx, time.Unix(1, 0), files); err != nil {
		return err
	}
	return tx.Commit()
}

func tables(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	rows, err := db.Query(`select name from sqlite_schema where type = 'table' order by name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestMigrationsGoForwardOnceAndInOrder(t *testing.T) {
	db := database(t)
	one := fstest.MapFS{"schema/0001_a.sql": {Data: []byte(`create table a (x integer); create table b (x integer);`)}}
	two := fstest.MapFS{"schema/0001_a.sql": one["schema/0001_a.sql"], "schema/0002_c.sql": {Data: []byte(`create table c (x integer)`)}}
	bad := fstest.MapFS{"schema/0001_a.sql": one["schema/0001_a.sql"], "schema/0002_c.sql": {Data: []byte(`create table d (x integer); create nonsense`)}}
	edited := fstest.MapFS{"schema/0001_a.sql": {Data: []byte(`create table a (x integer)`)}}
	gap := fstest.MapFS{"schema/0001_a.sql": one["schema/0001_a.sql"], "schema/0003_c.sql": {}}

	steps := []struct {
		name  string
		files fstest.MapFS
		want  string // in the error; empty: none
		kind  rondo.Kind
		after []string
	}{
		{"a new database", one, "", "", []string{"a", "b", "migrations"}},
		{"the same again", one, "", "", []string{"a", "b", "migrations"}},
		{"a bad step leaves nothing of it", bad, "0002_c.sql", "", []string{"a", "b", "migrations"}},
		{"an edited step", edited, "another 0001_a.sql", rondo.Unsupported, []string{"a", "b", "migrations"}},
		{"a gap", gap, "should begin with 0002_", "", []string{"a", "b", "migrations"}},
		{"the next", two, "", "", []string{"a", "b", "c", "migrations"}},
		{"an older program", one, "use the newer program", rondo.Unsupported, []string{"a", "b", "c", "migrations"}},
	}
	for _, s := range steps {
		err := up(t, db, s.files)
		if s.want == "" && err != nil || s.want != "" && (err == nil || !strings.Contains(err.Error(), s.want)) || rondo.KindOf(err) != s.kind {
			t.Errorf("%s: error %v", s.name, err)
		}
		if got := tables(t, db); !slices.Equal(got, s.after) {
			t.Errorf("%s: tables %v, want %v", s.name, got, s.after)
		}
	}
}

// The states that code knows are the states that the table takes.
func TestStatesAreTheTables(t *testing.T) {
	db := database(t)
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := Migrate(context.Background(), tx, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	var states []rondo.VersionState
	for from, all := range rondo.VersionTransitions {
		states = append(append(states, from), all...)
	}
	slices.Sort(states)
	states = slices.Compact(states)
	var check string
	if err := tx.QueryRow(`select sql from sqlite_schema where name = 'versions'`).Scan(&check); err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(check, "check (state in (")
	list, _, _ = strings.Cut(list, "))")
	var inTable []rondo.VersionState
	for word := range strings.SplitSeq(list, ", ") {
		inTable = append(inTable, rondo.VersionState(strings.Trim(word, "'")))
	}
	slices.Sort(inTable)
	if !slices.Equal(states, inTable) {
		t.Errorf("code knows %v, the table takes %v", states, inTable)
	}
}
