package sqlstore

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

// TestEveryTextIsSearchedForDigests compares the statement with the schema: a column that is added later and named nowhere
// here would let objects be swept that it names.
func TestEveryTextIsSearchedForDigests(t *testing.T) {
	db := database(t)
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := Migrate(context.Background(), tx, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	// Names, ids and states, which are no digests by their form.
	no := strings.Fields(`cycles.id cycles.model cycles.cause cycles.outcome cycles.version datasets.id datasets.model decisions.id
		decisions.model decisions.cycle decisions.step decisions.rule evaluations.id evaluations.model ledger.model ledger.cause models.name migrations.digest migrations.name
		named_values.model reservations.model revisions.model revisions.dir routes.model routes.champion routes.challenger routes.salt
		routes.parent runs.id runs.model steps.id steps.model steps.cycle steps.kind steps.state steps.worker test_uses.model test_uses.use
		tokens.name tokens.hash tokens.scopes versions.id versions.model versions.state`)
	rows, err := db.Query(`select m.name, c.name from sqlite_schema m, pragma_table_info(m.name) c
		where m.type = 'table' and lower(c.type) in ('text', 'blob', 'any', '') order by 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := 0
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		searched := strings.Contains(allTexts+" ", "select "+column+" from "+table+" ") || strings.Contains(allTexts, "select "+column+" from "+table+"\n")
		excused := slices.Contains(no, table+"."+column)
		if searched == excused {
			t.Errorf("%s.%s: searched %v, known to hold no digest %v", table, column, searched, excused)
		}
		seen++
	}
	if err := rows.Err(); err != nil || seen < len(no)+10 {
		t.Fatalf("%d columns, %v", seen, err)
	}
}

func TestADigestIsSixtyFourDigits(t *testing.T) {
	one := strings.Repeat("0123456789abcdef", 4)
	for text, want := range map[string][]string{
		`{"a":"` + one + `"}`: {one}, one: {one}, one[1:]: nil, strings.ToUpper(one): nil, "x" + one[:32] + "g" + one[32:]: nil,
		one + "," + one[1:] + "0": {one, one[1:] + "0"}, "f" + one: {"f" + one[:63], one},
	} {
		all := map[rondo.Digest]bool{}
		digestsIn([]byte(text), all)
		got := []string{}
		for d := range maps.Keys(all) {
			got = append(got, string(d))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, append([]string{}, want...)) {
			t.Errorf("%s: %v", text, got)
		}
	}
}
