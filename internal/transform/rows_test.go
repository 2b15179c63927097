package transform_test

import (
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

func compileFlights(t *testing.T, change func(*rondo.Spec), raw *column.Table) (*transform.Rows, error) {
	t.Helper()
	spec := flights()
	if change != nil {
		change(spec)
	}
	return transform.CompileRows(spec, transform.SchemaOf(raw), map[string]*column.Table{"airport": airports(8)})
}

func TestEveryColumnHasOneOrigin(t *testing.T) {
	rows, err := compileFlights(t, nil, someFlights(3, 8))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]transform.Origin{
		"date": transform.Request, "delay": transform.Label, "distance": transform.Request, "origin": transform.Request,
		"destination": transform.Request, "nth": transform.Derived, "zone": transform.Looked, "late": transform.Derived,
		"origin_late_3h": transform.Past, "dest_late_3h": transform.Past, "anywhere_late_3h": transform.Past,
	}
	if n := len(rows.Signature().Columns); n != len(want) {
		t.Errorf("%d columns, not %d", n, len(want))
	}
	for _, c := range rows.Signature().Columns {
		if c.Origin != want[c.Name] || c.Outcome != (c.Name == "delay" || c.Name == "late") {
			t.Errorf("%s is %s, outcome %v", c.Name, c.Origin, c.Outcome)
		}
	}
}

func TestLeaksAreRefusedByNameAndPath(t *testing.T) {
	feature := func(name, text string) func(*rondo.Spec) {
		return func(s *rondo.Spec) {
			s.Data.Features = append(s.Data.Features, rondo.FeatureStep{Expr: &rondo.Named{Name: name, Expr: text}})
		}
	}
	for name, c := range map[string]struct {
		change func(*rondo.Spec)
		want   string
	}{
		"a feature reads a label":    {feature("x", "delay / 2"), "data.features.x: leak: it reads delay, which is known only with the outcome (late reads delay)"},
		"a feature reads the target": {feature("x", "case when late then 1 else 0 end"), "data.features.x: leak: it reads late, the target"},
		"a feature reads known":      {feature("x", "(known - time) / 1m"), "data.features.x: leak: known says when"},
		"a feature reads what is derived from a label": {func(s *rondo.Spec) {
			s.Data.Derive = append(s.Data.Derive, rondo.Named{Name: "speed", Expr: "distance / (delay + 100)"})
			feature("x", "speed * 2")(s)
		}, "data.features.x: leak: it reads speed, which reads delay, which is known only with the outcome (late reads delay)"},
		"an encoding reads a label": {func(s *rondo.Spec) {
			s.Data.Features = append(s.Data.Features, rondo.FeatureStep{Encode: []rondo.Column{{Column: "delay", How: "target"}}})
		}, "data.features.encode.delay: leak"},
		"known reads the label":    {func(s *rondo.Spec) { s.Data.Label.Known = "time + delay * 1m" }, "task.target: leak: late is known when the question is asked; all it is computed from is needed there: delay (known reads it)"},
		"known reads the target":   {func(s *rondo.Spec) { s.Data.Label.Known = "case when late then time + 1h else time + 2h end" }, "data.label.known: leak: known reads late, the target"},
		"the key reads the label":  {func(s *rondo.Spec) { s.Data.Key.Columns = []string{"date", "delay"} }, "delay (the key reads it)"},
		"a group reads the target": {func(s *rondo.Spec) { s.Data.History[0].By = []string{"late"} }, "data.history.origin_late_3h: leak: the group of history origin_late_3h reads late, the target"},
	} {
		_, err := compileFlights(t, c.change, someFlights(3, 8))
		if rondo.KindOf(err) != rondo.Invalid || !strings.HasPrefix(err.Error(), c.want) && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rondo.Spec)
		want   string
	}{
		"an unknown column":    {func(s *rondo.Spec) { s.Data.Checks = []string{"distence > 3"} }, `did you mean "distance"`},
		"a check that is none": {func(s *rondo.Spec) { s.Data.Checks = []string{"distance + 1"} }, "is float64; a check is true or false"},
		"known without a time": {func(s *rondo.Spec) { s.Data.Label.Known = "distance" }, "it says when"},
		"a circle": {func(s *rondo.Spec) {
			s.Data.Derive = append(s.Data.Derive, rondo.Named{Name: "a", Expr: "b + 1"}, rondo.Named{Name: "b", Expr: "a + 1"})
		}, "a, from b, from a"},
		"an unknown zone":          {func(s *rondo.Spec) { s.Data.Time = &rondo.Time{Column: "date", Zone: "America/Bosten"} }, "no time zone"},
		"a timestamp as a feature": {func(s *rondo.Spec) { s.Data.Time, s.Data.Label = nil, nil }, `"date" is a timestamp, which is no feature`},
		"a name that is taken":     {func(s *rondo.Spec) { s.Data.Derive = append(s.Data.Derive, rondo.Named{Name: "origin", Expr: "1"}) }, `there is a column "origin" already`},
		"an unknown drop":          {func(s *rondo.Spec) { s.Data.Drop = []string{"zon"} }, `did you mean "zone"`},
		"a target that is no bool": {func(s *rondo.Spec) { s.Task.Target = "delay" }, "a binary target is a bool"},
	} {
		raw := someFlights(3, 8)
		if name == "a check that is none" {
			raw.Set("distance", column.New(column.Float64, 3))
		}
		if name == "a timestamp as a feature" {
			_, err := compileFlights(t, func(s *rondo.Spec) {
				c.change(s)
				s.Data.Key, s.Data.History, s.Data.Features = nil, nil, nil
			}, raw)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if _, err := compileFlights(t, c.change, raw); rondo.KindOf(err) != rondo.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func micros(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMicro()
}

// texts is flights whose date is text.
func texts(dates ...string) *column.Table {
	raw := someFlights(len(dates), 1)
	date := column.New(column.String, len(dates))
	copy(date.Strings, dates)
	raw.Set("date", date)
	return raw
}

func TestLocalTimesBecomeInstants(t *testing.T) {
	cases := []struct{ local, utc string }{ // A00 is in New York; clocks change on 2001-04-01 and 2001-10-28
		{"2001-01-31 23:59", "2001-02-01T04:59:00Z"},
		{"2001-01-31T23:59:07", "2001-02-01T04:59:07Z"},
		{"2001-07-01", "2001-07-01T04:00:00Z"},
		{"2001-01-31T23:59:00Z", "2001-01-31T23:59:00Z"},
		{"2001-01-31T23:59:00+05:30", "2001-01-31T18:29:00Z"},
		{"2001-04-01 01:59", "2001-04-01T06:59:00Z"},
		{"2001-04-01 02:30", "2001-04-01T07:30:00Z"}, // does not exist: read as before the change
		{"2001-04-01 03:00", "2001-04-01T07:00:00Z"},
		{"2001-10-28 01:30", "2001-10-28T05:30:00Z"}, // exists twice: the first
		{"2001-10-28 02:00", "2001-10-28T07:00:00Z"},
	}
	var dates []string
	for _, c := range cases {
		dates = append(dates, c.local)
	}
	raw := texts(append(dates, "2001-02-30 10:00", "yesterday", "2001-01-31 24:00")...)
	rows, err := compileFlights(t, nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	f, err := rows.Prepare(raw, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if f.Bad[i] >= 0 || f.Time[i] != micros(t, c.utc) {
			t.Errorf("%s is %s, bad %d, not %s", c.local, time.UnixMicro(f.Time[i]).UTC(), f.Bad[i], c.utc)
		}
	}
	for i := len(cases); i < raw.Rows(); i++ {
		if f.Bad[i] < 0 || !strings.HasPrefix(f.Reasons[f.Bad[i]], "time: date") || !f.Table.Column("time").IsNull(i) {
			t.Errorf("%s was read", raw.Column("date").Strings[i])
		}
	}
	if f.Odd != 2 {
		t.Errorf("%d odd local times, not 2", f.Odd)
	}
}

func TestBadRowsSayWhy(t *testing.T) {
	raw := someFlights(7, 8)
	raw.Column("distance").Ints[1] = 9
	raw.Column("distance").SetNull(2) // a check that is unknown fails
	raw.Column("origin").SetNull(3)   // has no zone, and so no time either: what a person declared says more
	raw.Column("origin").Strings[4] = "nowhere"
	raw.Column("date").SetNull(5)
	raw.Column("distance").Ints[6] = -300
	rows, err := compileFlights(t, func(s *rondo.Spec) { s.Data.Checks = append(s.Data.Checks, "delay < 900 or delay is null") }, raw)
	if err != nil {
		t.Fatal(err)
	}
	raw.Column("delay").Ints[0] = 901
	for _, outcome := range []bool{true, false} {
		f, err := rows.Prepare(raw, outcome)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"check: delay < 900 or delay is null", "check: distance between 10 and 6000", "check: distance between 10 and 6000",
			"check: origin is not null", "time: zone is missing or no time zone", "time: date is missing or cannot be read as a time", "check: distance between 10 and 6000"}
		if !outcome {
			want[0] = "" // the check reads the outcome, which is not there
		}
		for i, text := range want {
			got := ""
			if f.Bad[i] >= 0 {
				got = f.Reasons[f.Bad[i]]
			}
			if got != text {
				t.Errorf("row %d: %q, not %q", i, got, text)
			}
		}
		if about := f.Outside[f.Bad[4]]; len(about) != 1 || about[0] != "origin" {
			t.Errorf("a row without a zone is about %v, not origin", about)
		}
		if late := f.Table.Column("late"); (late != nil) != outcome {
			t.Errorf("late is there: %v", late != nil)
		}
	}
}

func TestServingNeedsNoLabelAndMissingColumnsAreNamed(t *testing.T) {
	raw := someFlights(4, 8)
	rows, err := compileFlights(t, nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	asked := &column.Table{}
	for i, name := range raw.Names {
		if name != "delay" {
			asked.Set(name, raw.Columns[i])
		}
	}
	if _, err := rows.Prepare(asked, false); err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Prepare(asked, true); rondo.KindOf(err) != rondo.Invalid || !strings.Contains(err.Error(), "delay") {
		t.Errorf("training without labels: %v", err)
	}
	asked.Set("distance", column.New(column.String, 4))
	if _, err := rows.Prepare(asked, false); rondo.KindOf(err) != rondo.Invalid || !strings.Contains(err.Error(), "distance: is string") {
		t.Errorf("distance as text: %v", err)
	}
}

func TestKnownHasToComeAfterTheRow(t *testing.T) {
	raw := someFlights(2, 8)
	rows, err := compileFlights(t, func(s *rondo.Spec) { s.Data.Label.Known = "time + (distance - 1000) * 1m" }, raw)
	if err != nil {
		t.Fatal(err)
	}
	raw.Column("distance").Ints[0], raw.Column("distance").Ints[1] = 1000, 1001
	f, err := rows.Prepare(raw, true)
	if err != nil {
		t.Fatal(err)
	}
	if f.Bad[0] < 0 || f.Reasons[f.Bad[0]] != "known: is not after the row's time" || f.Bad[1] >= 0 || f.Known[1] != f.Time[1]+60e6 {
		t.Errorf("bad %v, time %v, known %v", f.Bad, f.Time, f.Known)
	}
}

func TestRunningNumbersFollowTheRowsAndSurviveCalls(t *testing.T) {
	raw := someFlights(4, 8).Take([]int32{0, 1, 0, 2, 0})
	rows, err := compileFlights(t, nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	numbers := transform.NewNumbers(0)
	keys := make(map[transform.Key]bool)
	for call, want := range [][]int64{{1, 1, 2, 1, 3}, {4, 2, 5, 2, 6}} {
		raw.Column("delay").Ints[0] += 100 // no label reaches the key
		f, err := rows.Prepare(raw, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.Number(f, numbers); err != nil {
			t.Fatal(err)
		}
		for i, n := range want {
			if got := f.Table.Column("nth").Ints[i]; got != n {
				t.Errorf("call %d, row %d is number %d, not %d", call, i, got, n)
			}
			keys[f.Keys[i]] = true
		}
		named, err := rows.KeyOf(f.Table)
		if err != nil || named[2] != f.Keys[2] {
			t.Errorf("a row named by its key has another key: %v", err)
		}
	}
	if len(keys) != 10 {
		t.Errorf("%d different keys of 10 rows", len(keys))
	}
}

func TestNumbersWithALimitForgetTheOldest(t *testing.T) {
	raw := someFlights(100, 8)
	rows, err := compileFlights(t, nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	numbers := transform.NewNumbers(10)
	number := func(row int32) int64 {
		f, err := rows.Prepare(raw.Take([]int32{row}), true)
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.Number(f, numbers); err != nil {
			t.Fatal(err)
		}
		return f.Table.Column("nth").Ints[0]
	}
	for row := range int32(100) {
		if number(row) != 1 {
			t.Fatalf("row %d is not the first of its key", row)
		}
	}
	if number(91) != 2 {
		t.Error("the tenth newest key is forgotten")
	}
	if number(0) != 1 {
		t.Error("the oldest key is remembered")
	}
}

// Rows are numbered in one go, or by counts that were put together from two halves read in any order.
func TestNumbersGoOnFromWhatWasReadBack(t *testing.T) {
	raw := someFlights(6, 8).Take([]int32{0, 1, 0, 2, 0, 3, 1, 0, 4, 4, 0, 1, 2, 3, 4, 5})
	rows, err := compileFlights(t, nil, raw)
	if err != nil {
		t.Fatal(err)
	}
	frame := func(from, to int) *transform.Frame {
		f, err := rows.Prepare(raw.Slice(from, to), true)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	number := func(f *transform.Frame, n *transform.Numbers) *column.Vector {
		if err := rows.Number(f, n); err != nil {
			t.Fatal(err)
		}
		return f.Table.Column("nth")
	}
	all := number(frame(0, 16), transform.NewNumbers(0))
	for _, kept := range []bool{true, false} {
		older, newer, numbers := frame(0, 5), frame(5, 10), [2]*column.Vector{}
		if kept {
			numbers[0], numbers[1] = all.Slice(0, 5), all.Slice(5, 10)
		}
		n, before := transform.NewNumbers(100), transform.NewNumbers(0)
		n.Seen(newer.Base, numbers[1])
		before.Seen(older.Base, numbers[0])
		n.Before(before, kept)
		if n.Used() != 5 {
			t.Errorf("kept %v: %d base keys of 5", kept, n.Used())
		}
		got := number(frame(10, 16), n)
		for i, x := range got.Ints {
			if x != all.Ints[10+i] {
				t.Errorf("kept %v: row %d is number %d of its key; it was %d", kept, 10+i, x, all.Ints[10+i])
			}
		}
	}
	full, before := transform.NewNumbers(2), transform.NewNumbers(0)
	full.Seen(frame(0, 2).Base, nil)
	before.Seen(frame(0, 6).Base, nil)
	full.Before(before, false)
	if got := number(frame(0, 2), full); full.Used() != 2 || got.Ints[0] != 5 || got.Ints[1] != 3 {
		t.Errorf("%d base keys at a limit of 2, numbers %v", full.Used(), got.Ints)
	}
}

func TestALookupWithoutOneAnswerIsRefused(t *testing.T) {
	twice := airports(3)
	if err := twice.Append(airports(1)); err != nil {
		t.Fatal(err)
	}
	raw := someFlights(3, 3)
	if _, err := transform.CompileRows(flights(), transform.SchemaOf(raw), map[string]*column.Table{"airport": twice}); err != nil {
		t.Errorf("a repeated row is no contradiction: %v", err)
	}
	twice.Column("zone").Strings[3] = "Asia/Tokyo"
	_, err := transform.CompileRows(flights(), transform.SchemaOf(raw), map[string]*column.Table{"airport": twice})
	if rondo.KindOf(err) != rondo.Invalid || !strings.Contains(err.Error(), "rows 1 and 4 have the same key and differ") {
		t.Errorf("a contradiction: %v", err)
	}
}

func TestRepeatsAreFoundOverAllColumns(t *testing.T) {
	raw := someFlights(3, 8).Take([]int32{0, 1, 0})
	hashes := transform.RowHashes(raw)
	if hashes[0] != hashes[2] || hashes[0] == hashes[1] {
		t.Errorf("%x", hashes)
	}
	raw.Column("delay").SetNull(2)
	if again := transform.RowHashes(raw); again[2] == hashes[2] {
		t.Error("a missing delay is the same as a delay")
	}
}
