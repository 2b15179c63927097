package draft

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// of makes a table of columns given as slices; an empty text or a NaN is a missing value.
func of(t *testing.T, pairs ...any) *column.Table {
	t.Helper()
	out := &column.Table{}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		switch v := pairs[i+1].(type) {
		case []float64:
			out.Set(name, column.Floats(slices.Clone(v)))
		case []int64:
			out.Set(name, &column.Vector{Type: column.Int64, Ints: v})
		case []time.Time:
			c := column.New(column.Timestamp, len(v))
			for i, at := range v {
				c.Ints[i] = at.UnixMicro()
			}
			out.Set(name, c)
		case []string:
			c := &column.Vector{Type: column.String, Strings: slices.Clone(v)}
			for i, s := range v {
				if s == "" {
					c.SetNull(i)
				}
			}
			out.Set(name, c)
		default:
			t.Fatalf("column %s of %T", name, v)
		}
	}
	return out
}

// valid drafts, and holds what is written to the model language and to the row program.
func valid(t *testing.T, table *column.Table, target string, naive ...string) (*Draft, *rondo.Spec) {
	t.Helper()
	s := Source{Path: "data/My Rows (2).csv", Table: table, Naive: map[string]bool{}, Whole: true}
	for _, n := range naive {
		s.Naive[n] = true
	}
	d, err := Make(s, target)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := modelfile.Parse("model.yaml", d.Text())
	if err != nil {
		t.Fatalf("%v\n%s", err, d.Text())
	}
	schema := make(transform.Schema, len(table.Names))
	for i, name := range table.Names {
		schema[i] = transform.Field{Name: name, Type: table.Columns[i].Type}
	}
	if _, err := transform.CompileRows(spec, schema, nil); err != nil {
		t.Fatalf("%v\n%s", err, d.Text())
	}
	return d, spec
}

const rows = 400

type world struct {
	noise, size, price []float64
	city, yes, id      []string
	number, classes    []int64
	days               []time.Time
}

func invented() world {
	rng := seed.Seed(7).Rand("draft")
	var w world
	for i := range rows {
		w.noise = append(w.noise, rng.NormFloat64())
		w.size = append(w.size, 10*rng.Float64())
		w.price = append(w.price, 3*w.size[i]+6*rng.NormFloat64())
		w.city = append(w.city, []string{"Oslo", "Rome", "Bern"}[rng.IntN(3)])
		w.yes = append(w.yes, map[bool]string{true: "yes", false: "no"}[w.size[i]+2*w.noise[i] > 7])
		w.id = append(w.id, fmt.Sprintf("c-%04d", (i*37)%rows))
		w.number = append(w.number, int64(i+1))
		w.classes = append(w.classes, int64(rng.IntN(4)))
		w.days = append(w.days, time.Date(2024, 1, 1+i/2, 0, 0, 0, 0, time.UTC))
	}
	return w
}

func TestTextOfTwoValuesBecomesABool(t *testing.T) {
	w := invented()
	d, spec := valid(t, of(t, "id", w.id, "size", w.size, "city", w.city, "Bought?", w.yes), "Bought?")
	if d.Kind != rondo.Binary || spec.Task.Target != "bought_yes" || spec.Data.Derive[0].Expr != `"Bought?" = 'yes'` || spec.Decide == nil {
		t.Errorf("got %+v, %+v", spec.Task, spec.Data.Derive)
	}
	if !slices.Equal(spec.Data.Key.Columns, []string{"id"}) || spec.Data.Key.Number != "" || !strings.Contains(d.KeyWhy, "proved: no two of all 400 rows") {
		t.Errorf("key %+v: %s", spec.Data.Key, d.KeyWhy)
	}
	w.yes[3], w.yes[9] = "?", "?"
	if d, _ = valid(t, of(t, "size", w.size, "bought", w.yes), "bought"); !strings.Contains(d.Derive.Text, "when bought = 'no' then false end") {
		t.Errorf("with stray values: %+v", d.Derive)
	}
	_, spec = valid(t, of(t, "size", w.size, "late", []int64(slices.Repeat([]int64{0, 1, 0, 0}, rows/4))), "late")
	if spec.Data.Derive[0] != (rondo.Named{Name: "late_yes", Expr: "late = 1"}) {
		t.Errorf("of 0 and 1: %+v", spec.Data.Derive)
	}
}

func TestAnyTargetCanBeAskedYesOrNo(t *testing.T) {
	w := invented()
	table := of(t, "size", w.size, "city", w.city, "price", w.price)
	for _, s := range []Source{{Yes: "Oslo"}, {No: "Oslo"}} {
		s.Path, s.Table = "x.csv", table
		d, err := Make(s, "city")
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: "city = 'Oslo'", false: "city != 'Oslo'"}[s.Yes != ""]; d.Kind != rondo.Binary || d.Derive.Text != want {
			t.Errorf("%+v, want %s", d.Derive, want)
		}
	}
	if _, err := Make(Source{Path: "x.csv", Table: table, Yes: "Paris"}, "city"); err == nil || !strings.Contains(err.Error(), "there are ") {
		t.Errorf("a value that is not there: %v", err)
	}
}

func TestTasksFollowTheTarget(t *testing.T) {
	w := invented()
	table := of(t, "size", w.size, "price", w.price, "city", w.city, "grade", w.classes, "id", w.id, "day", w.days, "known", w.yes)
	for target, kind := range map[string]rondo.TaskKind{"city": rondo.Multiclass, "grade": rondo.Multiclass, "price": rondo.Regression} {
		if d, _ := valid(t, table, target); d.Kind != kind {
			t.Errorf("%s is %s, want %s", target, d.Kind, kind)
		}
	}
	for target, says := range map[string]string{"id": "text with 400 different values", "day": "it is a timestamp", "sise": `did you mean "size"?`, "known": "rename it"} {
		if _, err := Make(Source{Path: "x.csv", Table: table}, target); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", target, err, says)
		}
	}
}

func TestKeysAreProvedOrNumbered(t *testing.T) {
	w := invented()
	_, spec := valid(t, of(t, "day", w.days, "city", w.city, "size", w.size, "price", w.price), "price", "day")
	if k := spec.Data.Key; k == nil || k.Number != "nth" || k.Columns[0] != "day" {
		t.Errorf("two rows a day of three cities: %+v", k)
	}
	if spec.Data.Time == nil || spec.Data.Time.Zone != "UTC" || spec.Data.Split.By != rondo.ByTime {
		t.Errorf("time %+v, split %+v", spec.Data.Time, spec.Data.Split)
	}
	d, spec := valid(t, of(t, "city", w.city, "size", w.size, "price", w.price), "price")
	if spec.Data.Key != nil || !strings.Contains(d.KeyWhy, "a row is its content") {
		t.Errorf("measurements name nothing: %+v", spec.Data.Key)
	}
	if d, _ = valid(t, of(t, "city", w.city, "price", w.price), "price"); !strings.Contains(d.Split.Why, "only 3 different rows") {
		t.Errorf("three cities part 400 rows: %s", d.Split.Why)
	}
	d, _ = valid(t, of(t, "nr", w.number, "size", append(w.size[:rows-1:rows-1], w.size[0]), "price", w.price), "price")
	if !slices.Equal(d.Key, []string{"nr"}) {
		t.Errorf("a number that counts the rows: %v", d.Key)
	}
}

func TestColumnsThatKnowTheAnswerAreSuspected(t *testing.T) {
	w := invented()
	refund, fee, shipped, twin := make([]float64, rows), make([]float64, rows), make([]string, rows), make([]string, rows)
	target := slices.Clone(w.yes)
	for i, y := range w.yes {
		refund[i] = map[bool]float64{true: 20 + w.noise[i], false: w.noise[i]}[y == "yes"]
		fee[i] = 2*w.price[i] + 1
		twin[i] = "code " + w.city[i]
		if shipped[i] = "done"; i%9 == 0 {
			shipped[i], target[i] = "", ""
		}
	}
	table := of(t, "size", w.size, "city", w.city, "refund", refund, "shipped", shipped, "bought", target)
	d, _ := valid(t, table, "bought")
	if got := names(d.Leaks); !slices.Equal(got, []string{"refund", "shipped"}) {
		t.Errorf("binary: %v", d.Leaks)
	}
	if d, _ = valid(t, of(t, "noise", w.noise, "fee", fee, "city", w.city, "price", w.price), "price"); !slices.Equal(names(d.Leaks), []string{"fee"}) {
		t.Errorf("regression: %v", d.Leaks)
	}
	if d, _ = valid(t, of(t, "size", w.size, "twin", twin, "city", w.city), "city"); !slices.Equal(names(d.Leaks), []string{"twin"}) {
		t.Errorf("multiclass: %v", d.Leaks)
	}
	if d, _ = valid(t, of(t, "fee", fee, "price", w.price), "price"); len(d.Leaks) != 1 || len(d.Drop) != 0 {
		t.Errorf("the only feature stays, and is suspected: %v, dropped %v", d.Leaks, d.Drop)
	}
}

func names(lines []Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

func TestWhatTeachesNothingIsDropped(t *testing.T) {
	w := invented()
	note, born, closed := make([]string, rows), make([]string, rows), make([]time.Time, rows)
	for i := range rows {
		note[i] = "they said so and so, case " + w.id[i]
		born[i] = time.Date(1950+i%50, time.Month(1+i%12), 1+i%28, 0, 0, 0, 0, time.UTC).Format("Jan 2 2006")
		closed[i] = w.days[i].Add(time.Duration(1+i%5) * 24 * time.Hour)
	}
	d, _ := valid(t, of(t, "opened", w.days, "closed", closed, "nr", w.number, "note", note, "born", born,
		"country", slices.Repeat([]string{"NO"}, rows), "size", w.size, "price", w.price), "price")
	got := names(d.Drop)
	slices.Sort(got)
	if want := []string{"born", "closed", "country", "note", "nr"}; !slices.Equal(got, want) {
		t.Errorf("dropped %v, want %v", got, want)
	}
	if d.Time.Text != "opened" {
		t.Errorf("asked at %q: %s", d.Time.Text, d.Time.Why)
	}
}

func TestAnyNamesCanBeWritten(t *testing.T) {
	w := invented()
	for _, name := range []string{"yes", "null", "a: b", "it's", `say "hi"`, "x # y", "{x}", "[1]", "Größe in m²", "- a", "rows", "noise", "by", "1st", "a\nb", "case", "*", "%", "time", "known", "nth"} {
		valid(t, of(t, name, w.city, name+" 2", w.size, "p", w.price), "p")
		if name != "time" && name != "known" {
			valid(t, of(t, "size", w.size, name, w.yes), name)
		}
		valid(t, of(t, name, w.days, "city", w.city, "size", w.size, "p", w.price), "p", name)
		valid(t, of(t, name, w.city, "at", w.days, "size", w.size, "p", w.price), "p")
	}
}

func TestTargetsAreRankedAndObviousOnesAreTaken(t *testing.T) {
	w := invented()
	list := Targets(of(t, "id", w.id, "nr", w.number, "day", w.days, "size", w.size, "city", w.city, "churned", w.yes))
	if len(list) != 3 || list[0].Column != "churned" || list[0].Kind != rondo.Binary || !strings.Contains(list[0].Why, "two values: ") {
		t.Errorf("got %+v", list)
	}
	if _, ok := Obvious(list); ok {
		t.Error("churned is likely, not certain")
	}
	if one, ok := Obvious(Targets(of(t, "size", w.size, "label", w.yes))); !ok || one.Column != "label" {
		t.Errorf("a column called label: %+v, %v", one, ok)
	}
}

func TestModelNamesAreMadeOfFileNames(t *testing.T) {
	for path, want := range map[string]string{"data/My Rows (2).csv": "my-rows-2", "2001-01.parquet": "model-2001-01", "Ä.csv": "model", "x/*.csv": "model"} {
		if got := nameOf(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestAnyNumbersCanBeWritten(t *testing.T) {
	w := invented()
	for _, scale := range []float64{1e-300, 1e-12, 1e-3, 1e14, 1e16, 1e19, 1e40, 1e200, 1e306} {
		big := make([]float64, rows)
		for i, x := range w.noise {
			big[i] = x * scale
		}
		valid(t, of(t, "big", big, "city", w.city, "p", w.price), "p")
		valid(t, of(t, "big", big, "city", w.city, "p", w.price), "big")
	}
	ends := slices.Repeat([]int64{math.MinInt64, math.MaxInt64, 0, 7}, rows/4)
	valid(t, of(t, "ends", ends, "city", w.city, "p", w.price), "p")
	valid(t, of(t, "same", slices.Repeat([]float64{5, math.NaN()}, rows/2), "city", w.city, "p", w.price), "p")
}
