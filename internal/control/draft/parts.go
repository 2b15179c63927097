package draft

import (
	"fmt"
	"math"
	"slices"

	"rondo.dev/rondo/internal/rondo"
)

const (
	smallTable  = 1_000 // rows below which more of them have to judge
	mostBase    = 0.75  // share of the most frequent class from which accuracy says little
	manyClasses = 10
	leastPart   = 0.5 // a part by time has at least this share of the rows it would have by chance, and at most twice
)

// parts chooses split, size of the model, and bars.
func (m *maker) parts() {
	validation, test := 0.10, 0.20
	why := ""
	if len(m.labels.rows) < smallTable {
		validation, test = 0.15, 0.30
		why = "few rows: more of them than usual judge, so that a verdict is possible"
	}
	if n, rows := m.contents(); m.Time.Text == "" && m.Draft.Key == nil && float64(n) < leastPart*float64(rows) {
		why = joined(fmt.Sprintf("equal rows stay on one side, and without a key the columns left make only %d different rows: parts may be lopsided", n), why)
	}
	m.split(validation, test, why)
	m.size()
	m.bars()
}

// contents counts the different rows of the columns that are sent with a question, and all rows with a target.
func (m *maker) contents() (different, rows int) {
	var names []string
	for _, name := range m.Table.Names {
		if name != m.raw && !m.dropped[name] {
			names = append(names, name)
		}
	}
	rows = len(m.labels.rows)
	if len(names) == 0 {
		return 0, rows
	}
	return rows - m.collisions(m.labels.rows, names...), rows
}

// split parts by time where there is one, with shares of the time that hold about the wanted shares of the rows.
func (m *maker) split(validation, test float64, why string) {
	byHash := func(reason string) {
		m.Split = Line{fmt.Sprintf("{by: hash, validation: %s, test: %s}", share(validation), share(test)), reason}
	}
	if m.Time.Text == "" {
		byHash(why)
		return
	}
	t := m.instants(m.profile.Column(m.Time.Text))
	var at []int64
	for _, r := range m.labels.rows {
		if !t.null[r] {
			at = append(at, t.us[r])
		}
	}
	slices.Sort(at)
	width := float64(at[len(at)-1] - at[0])
	after := func(from float64) float64 { // share of the rows in the time from there on
		n, _ := slices.BinarySearch(at, at[len(at)-1]-int64(from*width))
		return float64(len(at)-n) / float64(len(at))
	}
	even := func(got, want float64) bool { return got >= leastPart*want && got <= want/leastPart }
	if even(after(test), test) && even(after(test+validation)-after(test), validation) {
		m.Split = Line{fmt.Sprintf("{by: time, validation: %s, test: %s}", share(validation), share(test)), joined("the newest rows judge, as they will when it answers", why)}
		return
	}
	// The rows are uneven in time: take as much time as holds the shares.
	cut := func(share float64) float64 {
		return math.Ceil(100*float64(at[len(at)-1]-at[int((1-share)*float64(len(at)))])/width) / 100
	}
	newTest := cut(test)
	newValidation := cut(test+validation) - newTest
	if newTest >= 0.01 && newValidation >= 0.01 && newTest+newValidation <= 0.8 &&
		even(after(newTest), test) && even(after(newTest+newValidation)-after(newTest), validation) {
		m.Split = Line{fmt.Sprintf("{by: time, validation: %s, test: %s}", share(newValidation), share(newTest)),
			joined(fmt.Sprintf("shares of the time; they hold about %.0f %% and %.0f %% of the rows, which are uneven in time", 100*validation, 100*test), why)}
		return
	}
	byHash(joined("the rows are so uneven in time that the newest of it holds too few or too many of them", why))
}

func share(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) }

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + "; " + b
}

// size chooses how much a model may remember: small tables teach small trees.
func (m *maker) size() {
	switch n := len(m.labels.rows); {
	case m.labels.classes > manyClasses:
		m.Train = Line{"{trainer: boosted-trees, trees: 50, leaves: 15}", "every round is a tree a class, so fewer of them; validation stops it earlier"}
	case n < smallTable:
		m.Train = Line{"{trainer: boosted-trees, trees: 60, leaves: 7}", "small trees for few rows; validation stops them earlier"}
	case n < 20*smallTable:
		m.Train = Line{"{trainer: boosted-trees, trees: 100, leaves: 15}", "validation stops it earlier"}
	default:
		m.Train = Line{"{trainer: boosted-trees, trees: 200, leaves: 63}", "validation stops it earlier"}
	}
}

// bars ask, with confidence, for more than the answer that needs no model.
func (m *maker) bars() {
	n := float64(len(m.labels.values))
	if m.Kind == rondo.Regression {
		m.Bars = []Line{{"r2 >= 0", "0 is what always answering the mean reaches; raise it to what your use needs"}}
		return
	}
	counts := make([]float64, m.labels.classes)
	for _, y := range m.labels.values {
		counts[int(y)]++
	}
	entropy := 0.0
	for _, c := range counts {
		if c > 0 {
			entropy -= c / n * math.Log(c/n)
		}
	}
	base := slices.Max(counts) / n
	var loss []Line // of few rows, one confident mistake is the whole mean
	if len(m.labels.rows) >= smallTable {
		loss = []Line{{fmt.Sprintf("log-loss <= %s", round(math.Ceil(1000*entropy)/1000)), "what always answering the shares of all rows reaches"}}
	}
	chance := Line{"auc >= 0.55", "0.5 is chance; raise it to what your use needs"}
	if m.Kind == rondo.Binary {
		m.Bars = append([]Line{chance}, loss...)
		m.Decide = &Line{"{threshold: 50%}", "say what a wrong yes and a wrong no cost, and the cheapest threshold is found: {threshold: min-cost, cost: {fp: $1, fn: $4}}"}
		return
	}
	if base <= mostBase {
		chance = Line{fmt.Sprintf("accuracy >= %s", round(math.Ceil(100*base)/100)), "what always answering the most frequent class reaches; raise it to what your use needs"}
	}
	m.Bars = append([]Line{chance}, loss...)
}
