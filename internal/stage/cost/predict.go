package cost

import (
	"math"
	"slices"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

// Kind is a kind of work that a retrain takes.
type Kind string

// The kinds.
const (
	Training   Kind = "train"
	Evaluation Kind = "evaluate" // the test part scored
	Shadow     Kind = "shadow"   // logged rows scored by challenger, parent, probe or twin: rows times versions
)

// Work is how much of it.
type Work struct {
	Rows     int
	Trees    int // rounds
	Outputs  int // trees a round: 1, or the number of classes
	Features int
}

// Past is work that was done, with what it took.
type Past struct {
	Work
	CPU time.Duration
}

// The defaults, before anything was measured here: CPU of boost on one AMD EPYC core, normal features, binary target, 63
// leaves, 50 trees. Training took 7 to 18 ns a row, tree and feature (20,000 and 200,000 rows; 10 and 25 features; fewer rows
// cost more each), predicting 27 to 31 ns a row and tree. Joins, bootstrap and row program are not in them, so the first
// prices of evaluation and shadow are low; from the first run on the median of what was measured replaces them.
const (
	trainNanos   = 10 // a row, tree and feature
	predictNanos = 30 // a row and tree
)

// recent is how many of the newest past runs count.
const recent = 20

// Estimate is a predicted price.
type Estimate struct {
	CPU    time.Duration
	Amount rondo.Money
	Runs   int // past runs it rests on; 0: the documented default
}

// Predict is the price of work: the median rate of the newest past runs (oldest first), or the documented default. Past
// differs from machine to machine; who needs the same decision everywhere gives none.
func (p Prices) Predict(kind Kind, past []Past, w Work) Estimate {
	units := kind.units(w)
	var rates []float64
	for _, run := range past[max(len(past)-recent, 0):] {
		if u := kind.units(run.Work); u > 0 && run.CPU > 0 {
			rates = append(rates, float64(run.CPU)/u)
		}
	}
	e := Estimate{Runs: len(rates)}
	rate := kind.defaultNanos()
	if len(rates) > 0 {
		rate = median(rates)
	}
	e.CPU = time.Duration(math.Round(min(rate*units, 1<<62)))
	e.Amount, _ = p.Charge(e.CPU, 0)
	return e
}

// units is how much work it is, in what the rate is counted by.
func (k Kind) units(w Work) float64 {
	trees := float64(max(w.Rows, 0)) * float64(max(w.Trees, 0)) * float64(max(w.Outputs, 1))
	if k == Training {
		return trees * float64(max(w.Features, 1))
	}
	return trees
}

func (k Kind) defaultNanos() float64 {
	if k == Training {
		return trainNanos
	}
	return predictNanos
}

func median(x []float64) float64 {
	slices.Sort(x)
	n := len(x)
	return x[(n-1)/2]/2 + x[n/2]/2
}
