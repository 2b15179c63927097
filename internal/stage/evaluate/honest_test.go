package evaluate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

// predictions are binary, calibrated, and worse in the last quarter of their time; a third of the rows are of a group
// where scores say nothing.
func predictions(rows int) *column.Table {
	rng := seed.Seed(5).Rand("honest")
	y, score, x, x2 := column.New(column.Int64, rows), column.New(column.Float64, rows), column.New(column.Float64, rows), column.New(column.Float64, rows)
	at, group := column.New(column.Timestamp, rows), column.New(column.String, rows)
	for i := range rows {
		p := rng.Float64()
		score.Floats[i], x.Floats[i], x2.Floats[i] = p, rng.NormFloat64(), rng.NormFloat64()
		group.Strings[i] = []string{"a", "b", "blind"}[rng.IntN(3)]
		if group.Strings[i] == "blind" || 4*i > 3*rows {
			p = 0.5
		}
		if rng.Float64() < p {
			y.Ints[i] = 1
		}
		at.Ints[i] = int64(i) * 3_600_000_000
	}
	group.Strings[0] = "alone"
	t := &column.Table{}
	for _, c := range []struct {
		name string
		v    *column.Vector
	}{{"time", at}, {"group", group}, {"x", x}, {"x2", x2}, {"score", score}, {"label", y}} {
		t.Set(c.name, c.v)
	}
	return t
}

func check(t *testing.T, c Check, w Wanted) *Honest {
	t.Helper()
	var err error
	if c.Columns, err = Recognise(c.Table, w); err != nil {
		t.Fatal(err)
	}
	c.Threshold = 0.5
	h, err := c.Evaluate()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func said(h *Honest, words string) bool {
	return slices.ContainsFunc(h.Findings, func(f string) bool { return strings.Contains(f, words) })
}

func TestPredictionsAreSeenForWhatTheyAre(t *testing.T) {
	table := predictions(6000)
	h := check(t, Check{Table: table, Bars: []string{"auc >= 0.6", "auc >= 0.9"}}, Wanted{})
	if c := h.Columns; c.Kind != rondo.Binary || c.Label != "label" || c.Positive != "1" || c.Time != "time" || !slices.Equal(c.By, []string{"group"}) {
		t.Fatalf("recognised %+v", c)
	}
	if len(h.Slices) != 1 || h.Slices[0].Worst.Group != "blind" || !h.Slices[0].Below || h.Slices[0].Judged != 3 {
		t.Errorf("slices %+v", h.Slices)
	}
	if !said(h, "it gets worse with time") || len(h.Times) != periods || len(h.Calibration) != 10 {
		t.Errorf("findings %q, times %+v", h.Findings, h.Times)
	}
	if h.Verdict != rondo.NotMet || h.Bars[0].Verdict != rondo.Met || h.Bars[1].Verdict != rondo.NotMet {
		t.Errorf("bars %+v", h.Bars)
	}
	if h.Repeats != 0 || h.SeenTwice != 0 || said(h, "exact repeats") {
		t.Errorf("no row is there twice: %d, %d", h.Repeats, h.SeenTwice)
	}
}

func TestFewRowsSayWhatTheyCannotDecide(t *testing.T) {
	h := check(t, Check{Table: predictions(300)}, Wanted{})
	if !said(h, "a difference of 0.02 cannot be decided with these rows, that takes about") || !said(h, "too few to see whether it gets worse") {
		t.Errorf("%q", h.Findings)
	}
}

func TestRowsSeenTwiceAreFound(t *testing.T) {
	table := predictions(1000)
	twice := table.Slice(0, 1000)
	all := &column.Table{}
	for _, part := range []*column.Table{twice, table.Slice(0, 50)} {
		if err := all.Append(part); err != nil {
			t.Fatal(err)
		}
	}
	h := check(t, Check{Table: all, Training: table.Slice(900, 1000)}, Wanted{})
	if h.Repeats != 50 || h.SeenTwice != 50 || h.TrainedOn == nil || *h.TrainedOn != 100 || !said(h, "leak: 100 of 1050 rows equal a training row") {
		t.Errorf("repeats %d, seen twice %d, trained on %v: %q", h.Repeats, h.SeenTwice, h.TrainedOn, h.Findings)
	}
	part := column.New(column.String, all.Rows())
	for i := range part.Strings {
		part.Strings[i] = map[bool]string{true: "train", false: "test"}[i < 500]
	}
	all.Set("split", part)
	h = check(t, Check{Table: all}, Wanted{})
	if h.Rows != 550 || !said(h, "500 rows are left out: split says") || !said(h, "leak: 50 of the other 550 rows") {
		t.Errorf("%d rows: %q", h.Rows, h.Findings)
	}
}

func TestTasksAreRecognised(t *testing.T) {
	rng := seed.Seed(6).Rand("tasks")
	const n = 200
	truth, answer, number := column.New(column.String, n), column.New(column.String, n), column.New(column.Float64, n)
	classes := []string{"cat", "dog", "fox"}
	table := &column.Table{}
	table.Set("animal", truth)
	per := make([]*column.Vector, len(classes))
	for k, c := range classes {
		per[k] = column.New(column.Float64, n)
		table.Set("p_"+c, per[k])
	}
	for i := range n {
		k := rng.IntN(3)
		truth.Strings[i], answer.Strings[i], number.Floats[i] = classes[k], classes[(k+i%2)%3], rng.NormFloat64()
		for j := range per {
			per[j].Floats[i] = 0.2
		}
		per[k].Floats[i] = 0.6
	}
	h := check(t, Check{Table: table}, Wanted{})
	if h.Columns.Kind != rondo.Multiclass || h.Metrics[0].Name != "accuracy" || h.Metrics[0].Value != 1 || !said(h, "too good to be trusted") {
		t.Errorf("probabilities: %+v, %q", h.Columns, h.Findings)
	}
	hard := &column.Table{Names: []string{"truth", "pred"}, Columns: []*column.Vector{truth, answer}}
	if h = check(t, Check{Table: hard}, Wanted{}); h.Columns.Kind != rondo.Multiclass || !h.Columns.Hard || h.Metrics[0].Value != 0.5 || len(h.Metrics) != 2 {
		t.Errorf("answers: %+v, %+v", h.Columns, h.Metrics)
	}
	shifted := column.New(column.Float64, n)
	for i, x := range number.Floats {
		shifted.Floats[i] = x + 0.5 + 0.1*rng.NormFloat64()
	}
	numbers := &column.Table{Names: []string{"actual", "forecast"}, Columns: []*column.Vector{number, shifted}}
	if h = check(t, Check{Table: numbers}, Wanted{}); h.Columns.Kind != rondo.Regression || !said(h, "too high") {
		t.Errorf("numbers: %+v, %q", h.Columns, h.Findings)
	}
	ranks := &column.Table{Names: []string{"label", "score"}, Columns: []*column.Vector{column.New(column.Bool, n), shifted}}
	for i, x := range number.Floats {
		ranks.Columns[0].Bools[i] = x > 0
	}
	if h = check(t, Check{Table: ranks}, Wanted{}); !h.Columns.Unscaled || len(h.Metrics) != 2 || h.Metrics[0].Value < 0.9 {
		t.Errorf("ranks: %+v, %+v", h.Columns, h.Metrics)
	}
}

func TestWhatCannotBeRecognisedIsSaid(t *testing.T) {
	text := func(values ...string) *column.Vector { return &column.Vector{Type: column.String, Strings: values} }
	numbers := func(values ...float64) *column.Vector { return column.Floats(values) }
	for want, c := range map[string]struct {
		names []string
		cols  []*column.Vector
		w     Wanted
	}{
		"name it with --label: a, b":                  {[]string{"a", "b"}, []*column.Vector{numbers(1, 2), numbers(1, 2)}, Wanted{}},
		"name it with --score: label, b":              {[]string{"label", "b"}, []*column.Vector{numbers(1, 2), numbers(1, 2)}, Wanted{}},
		`did you mean "score"?`:                       {[]string{"label", "score"}, []*column.Vector{numbers(1, 2), numbers(1, 2)}, Wanted{Score: "scor"}},
		"say with --positive which of them":           {[]string{"label", "score"}, []*column.Vector{text("m", "f"), numbers(1, 0.2)}, Wanted{}},
		`is never "x", but m or f`:                    {[]string{"label", "score"}, []*column.Vector{text("m", "f"), numbers(1, 0.2)}, Wanted{Positive: "x"}},
		"have one column of probabilities a class":    {[]string{"label", "score"}, []*column.Vector{text("a", "b", "c"), numbers(1, 2, 3)}, Wanted{}},
		"has one value only; nothing can be measured": {[]string{"label", "score"}, []*column.Vector{numbers(1, 1, 1), numbers(1, 2, 3)}, Wanted{}},
	} {
		_, err := Recognise(&column.Table{Names: c.names, Columns: c.cols}, c.w)
		if err == nil || !strings.Contains(err.Error(), want) || rondo.KindOf(err) != rondo.Invalid {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	bad := &column.Table{Names: []string{"kind", "p_a", "p_b", "p_c"}, Columns: []*column.Vector{text("a", "b", "c"), numbers(.5, .5, .5), numbers(.5, .5, .5), numbers(.5, .5, .5)}}
	r, err := Recognise(bad, Wanted{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = (Check{Table: bad, Columns: r}).Evaluate(); err == nil || !strings.Contains(fmt.Sprint(err), "add up to 1.5, not 1") {
		t.Errorf("probabilities that do not add up: %v", err)
	}
}
