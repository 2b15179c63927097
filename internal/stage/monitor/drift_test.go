package monitor

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"rondo.dev/rondo/internal/lib/column"
)

func table(t *testing.T, columns ...any) *column.Table {
	t.Helper()
	out := &column.Table{}
	for i := 0; i < len(columns); i += 2 {
		out.Set(columns[i].(string), columns[i+1].(*column.Vector))
	}
	return out
}

func text(values ...string) *column.Vector {
	return &column.Vector{Type: column.String, Strings: values}
}

func flags(values ...bool) *column.Vector { return &column.Vector{Type: column.Bool, Bools: values} }

var nan = math.NaN()

func TestDriftRanksWhatMovedMost(t *testing.T) {
	reference := table(t,
		"calm", column.Floats([]float64{1, 2, 3, 4}),
		"gone", column.Floats([]float64{1, 2, 3, 4}),
		"far", column.Floats([]float64{1, 2, 3, 4}),
		"place", text("a", "a", "b", "b"),
		"flag", flags(true, true, true, false),
		"fixed", column.Floats([]float64{5, 5, 5, 5}),
		"other type", column.Floats([]float64{1, 2, 3, 4}),
		"only before", column.Floats([]float64{1, 2, 3, 4}))
	now := table(t,
		"far", column.Floats([]float64{11, 12, 13, 14}),
		"fixed", column.Floats([]float64{5, 5, 5, 7}),
		"gone", column.Floats([]float64{nan, nan, nan, nan}),
		"calm", column.Floats([]float64{1, 2, 3, 4.1}),
		"flag", flags(true, true, false, false),
		"other type", text("1", "2", "3", "4"),
		"place", text("a", "b", "c", "c"),
		"only now", text("1", "2", "3", "4"))
	moved := Drift(reference, now, 99)
	var names, lines []string
	for _, m := range moved {
		names, lines = append(names, m.Column), append(lines, m.Fact().Text)
	}
	if want := []string{"fixed", "far", "gone", "place", "flag", "calm"}; !reflect.DeepEqual(names, want) {
		t.Fatalf("ranked %v, want %v", names, want)
	}
	for i, want := range []string{
		"mean 5.5, was always 5",
		"mean 12.5, was 2.5 (+7.75 deviations)",
		"missing 100.0%, was 0.0%",
		"50.0% of the rows are distributed otherwise, 50.00% were never seen",
		"true in 50.0%, was 75.0%",
		"mean 2.525, was 2.5 (+0.02 deviations)",
	} {
		if lines[i] != want {
			t.Errorf("%s: %q, want %q", names[i], lines[i], want)
		}
	}
	if !reflect.DeepEqual(moved, Drift(reference, now, 99)) {
		t.Error("the same tables moved otherwise")
	}
	if top := Drift(reference, now, 2); len(top) != 2 || top[1].Column != "far" {
		t.Errorf("the top two: %+v", top)
	}
}

func TestMissingRowsAreNoZeros(t *testing.T) {
	m := Drift(table(t, "x", column.Floats([]float64{100, 101, nan, 99})), table(t, "x", column.Floats([]float64{100, nan, nan, 100})), 1)[0]
	if m.Effect != 0 || m.NullsBefore != .25 || m.NullsNow != .5 || !strings.Contains(m.Fact().Text, "missing 50.0%, was 25.0%") {
		t.Errorf("%+v: %s", m, m.Fact().Text)
	}
	none := column.AllNull(column.String, 2)
	m = Drift(table(t, "x", text("a", "b")), table(t, "x", none), 1)[0]
	if m.Measured || m.Effect != 0 || m.Unseen != 0 || m.size() != 1 {
		t.Errorf("no text is left: %+v", m)
	}
	m = Drift(table(t, "x", none), table(t, "x", none), 1)[0]
	if m.size() != 0 || m.Fact().Text != "missing 100.0%, was 100.0%" {
		t.Errorf("never a text: %+v, %q", m, m.Fact().Text)
	}
}

func TestNothingMovesInEmptyTables(t *testing.T) {
	full := table(t, "x", column.Floats([]float64{1, 2}))
	empty := table(t, "x", column.Floats(nil))
	for _, pair := range [][2]*column.Table{{full, empty}, {empty, full}, {empty, empty}, {full, {}}} {
		if got := Drift(pair[0], pair[1], 5); len(got) != 0 {
			t.Errorf("moved: %+v", got)
		}
	}
	if got := Drift(full, full, -1); len(got) != 0 {
		t.Errorf("limit -1: %+v", got)
	}
}
