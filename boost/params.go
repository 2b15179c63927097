package boost

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Objective says what a label means and which loss the trees lower.
type Objective uint8

const (
	Binary     Objective = iota // labels 0 and 1, log loss
	Multiclass                  // labels 0 .. Classes-1, log loss of the softmax, one tree per class and round
	Squared                     // any finite number, mean squared error
	Huber                       // any finite number, squared near the label, absolute beyond delta
	Quantile                    // any finite number, pinball loss: the quantile of a level
	Poisson                     // a count, log link
	Tweedie                     // not negative, many zeros, log link
	Rank                        // relevance, for the order of rows within a group
)

var objectiveNames = [...]string{"binary", "multiclass", "squared", "huber", "quantile", "poisson", "tweedie", "rank"}

func (o Objective) String() string {
	if int(o) < len(objectiveNames) {
		return objectiveNames[o]
	}
	return fmt.Sprintf("objective(%d)", uint8(o))
}

// takes tells whether p may be the parameter of a model of o.
func (o Objective) takes(p float64) bool {
	switch o {
	case Huber:
		return p > 0
	case Quantile:
		return p > 0 && p < 1
	case Tweedie:
		return p > 1 && p < 2
	}
	return p == 0 && !math.Signbit(p)
}

// ParseObjective is the inverse of String.
func ParseObjective(s string) (Objective, error) {
	for i, name := range objectiveNames {
		if s == name {
			return Objective(i), nil
		}
	}
	return 0, fmt.Errorf("objective %q is none of %s", s, strings.Join(objectiveNames[:], ", "))
}

// Params says how to train. Start from DefaultParams.
type Params struct {
	Objective Objective
	Classes   int // Multiclass only: number of classes, at least 2

	Trees  int // rounds; Multiclass grows Classes trees in each
	Leaves int // most leaves of one tree; the leaf with the largest gain is split next
	Depth  int // most splits between root and leaf; 0 is no limit

	Rate           float64 // the share of each tree's answer that is kept, in (0, 1]
	L2             float64 // added to the curvature of each leaf
	MinChildWeight float64 // least curvature (sum of hessians) of a leaf
	MinGain        float64 // a split must gain more than this: GL²/(HL+L2) + GR²/(HR+L2) - G²/(H+L2)
	MinRows        int     // least rows of a leaf

	Bins         int     // most bins of a column, 2 to 255; missing has one more
	RowSample    float64 // chance of a row to take part in a round, in (0, 1]
	ColumnSample float64 // share of the columns that may split in a tree, in (0, 1]

	EarlyStop int // stop after so many rounds without a lower validation loss and keep the best; 0 is off
	Threads   int // 0 is one per processor; the answer does not depend on it
	Seed      uint64
}

// DefaultParams is what to try first.
func DefaultParams(o Objective) Params {
	return Params{
		Objective: o, Trees: 100, Leaves: 63, Rate: 0.1, L2: 1, MinChildWeight: 1e-3, MinRows: 20,
		Bins: maxBins, RowSample: 1, ColumnSample: 1,
	}
}

const (
	maxBins    = 255 // of values; bin 0 is missing
	maxTrees   = 1 << 20
	maxLeaves  = 1 << 16
	maxClasses = 1 << 12
	maxThreads = 1 << 10
	maxColumns = 1<<16 - 1
	maxRows    = math.MaxInt32
)

// Validate reports everything that is wrong, not the first thing alone.
func (p Params) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	within := func(x, low, high float64) bool { return low <= x && x <= high } // false for NaN
	check(int(p.Objective) < len(objectiveNames), "objective %d is unknown", uint8(p.Objective))
	check(p.Objective <= Squared || int(p.Objective) >= len(objectiveNames), "objective %v can be imported, not trained", p.Objective)
	if p.Objective == Multiclass {
		check(2 <= p.Classes && p.Classes <= maxClasses, "classes is %d, must be 2 to %d", p.Classes, maxClasses)
	}
	check(1 <= p.Trees && p.Trees <= maxTrees, "trees is %d, must be 1 to %d", p.Trees, maxTrees)
	check(2 <= p.Leaves && p.Leaves <= maxLeaves, "leaves is %d, must be 2 to %d", p.Leaves, maxLeaves)
	check(p.Depth >= 0, "depth is %d, must not be negative (0 is no limit)", p.Depth)
	check(p.Rate > 0 && p.Rate <= 1, "rate is %v, must be above 0 and at most 1", p.Rate)
	check(within(p.L2, 0, 1e30), "l2 is %v, must be 0 to 1e30", p.L2)
	check(within(p.MinChildWeight, 0, 1e30), "min child weight is %v, must be 0 to 1e30", p.MinChildWeight)
	check(within(p.MinGain, 0, 1e300), "min gain is %v, must be 0 to 1e300", p.MinGain)
	check(0 <= p.MinRows && p.MinRows <= maxRows, "min rows is %d, must be 0 to %d", p.MinRows, maxRows)
	check(2 <= p.Bins && p.Bins <= maxBins, "bins is %d, must be 2 to %d", p.Bins, maxBins)
	check(p.RowSample > 0 && p.RowSample <= 1, "row sample is %v, must be above 0 and at most 1", p.RowSample)
	check(p.ColumnSample > 0 && p.ColumnSample <= 1, "column sample is %v, must be above 0 and at most 1", p.ColumnSample)
	check(p.EarlyStop >= 0, "early stop is %d, must not be negative (0 is off)", p.EarlyStop)
	check(0 <= p.Threads && p.Threads <= maxThreads, "threads is %d, must be 0 to %d", p.Threads, maxThreads)
	return errors.Join(errs...)
}

// outputs is the number of scores per row, which is the number of trees per round.
func (p Params) outputs() int {
	if p.Objective == Multiclass {
		return p.Classes
	}
	return 1
}
