package sqlstore

import "rondo.dev/rondo/internal/rondo"

// allTexts are all columns in which a digest may stand; a test compares them with the schema.
const allTexts = `select record from revisions union all select digest from revisions union all select record from datasets
	union all select record from runs union all select record from evaluations union all select record from versions
	union all select record from decisions union all select value from named_values union all select rows from test_uses
	union all select input from steps where input is not null union all select output from steps where output is not null
	union all select error from steps union all select name from steps union all select name from named_values
	union all select ref from ledger union all select ref from reservations`

// Digests finds what looks like one: 64 lower-case hexadecimal digits in a row, or any 64 of more.
func (t *Tx) Digests() (map[rondo.Digest]bool, error) {
	all := map[rondo.Digest]bool{}
	_, err := list(t, "digests", func(r row) (none struct{}, err error) {
		var text []byte
		if err = r.Scan(&text); err == nil {
			digestsIn(text, all)
		}
		return none, err
	}, allTexts)
	if err != nil {
		return nil, err
	}
	return all, nil
}

func digestsIn(text []byte, all map[rondo.Digest]bool) {
	const digits = 64
	run := 0
	for i, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			run = 0
			continue
		}
		if run++; run >= digits {
			all[rondo.Digest(text[i+1-digits:i+1])] = true
		}
	}
}
