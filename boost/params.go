package boost

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Params says how to train. Start from DefaultParams.
type Params struct {
	Objective Objective
	Classes   int     // Multiclass only: number of classes, at least 2
	Alpha     float64 // Quantile only: which quantile, between 0 and 1
	Delta     float64 // Huber only: the error from which on the loss grows linearly
	Power     float64 // Tweedie only: variance is mean to this power, between 1 and 2
	At        int     // Rank only: how many rows of a query count; pairs of rows have one among the first At+3

	Trees  int // rounds; Multiclass grows Classes trees in each
	Leaves int // most leaves of one tree
	Depth  int // most splits between root and leaf; 0 is no limit
	Growth Growth

	Rate           float64 // the share of each tree's answer that is kept, in (0, 1]
	L1             float64 // the gradient of each leaf is moved so far towards 0: T(G) stands for G in values and gains
	L2             float64 // added to the curvature of each leaf
	MinChildWeight float64 // least curvature (sum of hessians) of a leaf
	MinGain        float64 // a split must gain more than this: GL²/(HL+L2) + GR²/(HR+L2) - G²/(H+L2)
	MinRows        int     // least rows of a leaf

	// Monotone is nil or one sign per feature: the score never falls (+1) or never rises (-1) as the feature grows, all
	// else equal; 0 is free. Between missing and a value nothing is promised.
	Monotone []int8

	// Up to 4 categories are tried one against the rest. More are sorted by G/(H+CategorySmooth), those with fewer than
	// CategorySmooth rows in the leaf left out, and split between the low or the high ones and the rest.
	CategorySmooth float64
	CategoryL2     float64 // more L2 for splits of sorted categories and for the leaves under them
	CategoryRows   int     // a further cut of sorted categories is tried after so many rows
	CategoryMost   int     // most categories that go left in one split

	Bins         int     // most bins of a column of numbers, 2 to 255; missing has one more
	RowSample    float64 // chance of a row to take part in a round, in (0, 1]
	ColumnSample float64 // share of the columns that may split in a tree, in (0, 1]
	NodeSample   float64 // share of those that may split one leaf, in (0, 1]

	// Gradient-based one-side sampling, off where both are 0: a tree takes the TopShare of the rows with the largest
	// |gradient * hessian| and OtherShare of all rows from the rest, which count (1-TopShare)/OtherShare times.
	TopShare, OtherShare float64

	// Continue is nil or a model of the same features and objective: Trees rounds more are grown on top of it, and the
	// result holds both. Rounds count on. With the same data and Params the trees are those of one training.
	Continue *Model

	EarlyStop int // stop after so many rounds without a lower validation loss and keep the best; 0 is off
	Threads   int // 0 is one per processor; the answer does not depend on it
	Seed      uint64
}

// DefaultParams is what to try first.
func DefaultParams(o Objective) Params {
	return Params{
		Objective: o, Alpha: 0.5, Delta: 1, Power: 1.5, At: 10,
		Trees: 100, Leaves: 63, Rate: 0.1, L2: 1, MinChildWeight: 1e-3, MinRows: 20,
		CategorySmooth: 10, CategoryL2: 10, CategoryRows: 100, CategoryMost: 32,
		Bins: maxBins, RowSample: 1, ColumnSample: 1, NodeSample: 1,
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
	check(int(p.Objective) < len(objectiveNames), "objective %d is unknown", uint8(p.Objective))
	p.checkObjective(check)
	check(1 <= p.Trees && p.Trees <= maxTrees, "trees is %d, must be 1 to %d", p.Trees, maxTrees)
	check(2 <= p.Leaves && p.Leaves <= maxLeaves, "leaves is %d, must be 2 to %d", p.Leaves, maxLeaves)
	check(p.Depth >= 0, "depth is %d, must not be negative (0 is no limit)", p.Depth)
	check(p.Rate > 0 && p.Rate <= 1, "rate is %v, must be above 0 and at most 1", p.Rate)
	check(within(p.L1, 0, 1e30), "l1 is %v, must be 0 to 1e30", p.L1)
	check(within(p.L2, 0, 1e30), "l2 is %v, must be 0 to 1e30", p.L2)
	check(within(p.MinChildWeight, 0, 1e30), "min child weight is %v, must be 0 to 1e30", p.MinChildWeight)
	check(within(p.MinGain, 0, 1e300), "min gain is %v, must be 0 to 1e300", p.MinGain)
	check(0 <= p.MinRows && p.MinRows <= maxRows, "min rows is %d, must be 0 to %d", p.MinRows, maxRows)
	check(2 <= p.Bins && p.Bins <= maxBins, "bins is %d, must be 2 to %d", p.Bins, maxBins)
	check(p.RowSample > 0 && p.RowSample <= 1, "row sample is %v, must be above 0 and at most 1", p.RowSample)
	check(p.ColumnSample > 0 && p.ColumnSample <= 1, "column sample is %v, must be above 0 and at most 1", p.ColumnSample)
	p.checkLess(check)
	check(p.EarlyStop >= 0, "early stop is %d, must not be negative (0 is off)", p.EarlyStop)
	check(0 <= p.Threads && p.Threads <= maxThreads, "threads is %d, must be 0 to %d", p.Threads, maxThreads)
	return errors.Join(errs...)
}

// within is false for NaN.
func within(x, low, high float64) bool { return low <= x && x <= high }

// checkObjective checks what one objective alone reads.
func (p Params) checkObjective(check func(ok bool, format string, args ...any)) {
	switch p.Objective {
	case Multiclass:
		check(2 <= p.Classes && p.Classes <= maxClasses, "classes is %d, must be 2 to %d", p.Classes, maxClasses)
	case Huber:
		check(within(p.Delta, 1e-30, 1e30), "delta is %v, must be 1e-30 to 1e30", p.Delta)
	case Quantile:
		check(p.Alpha > 0 && p.Alpha < 1, "alpha is %v, must be above 0 and below 1", p.Alpha)
	case Tweedie:
		check(p.Power > 1 && p.Power < 2, "power is %v, must be above 1 and below 2", p.Power)
	case Rank:
		check(1 <= p.At && p.At <= maxRows, "at is %d, must be 1 to %d", p.At, maxRows)
	}
}

// checkLess checks what is usually left as it is: categories, samples, constraints.
func (p Params) checkLess(check func(ok bool, format string, args ...any)) {
	check(p.Growth <= DepthWise, "growth %d is unknown", p.Growth)
	check(within(p.CategorySmooth, 0, 1e30), "category smooth is %v, must be 0 to 1e30", p.CategorySmooth)
	check(within(p.CategoryL2, 0, 1e30), "category l2 is %v, must be 0 to 1e30", p.CategoryL2)
	check(0 <= p.CategoryRows && p.CategoryRows <= maxRows, "category rows is %d, must be 0 to %d", p.CategoryRows, maxRows)
	check(0 <= p.CategoryMost && p.CategoryMost <= maxBins, "category most is %d, must be 0 to %d", p.CategoryMost, maxBins)
	check(p.NodeSample > 0 && p.NodeSample <= 1, "node sample is %v, must be above 0 and at most 1", p.NodeSample)
	if p.TopShare != 0 || p.OtherShare != 0 {
		check(p.TopShare > 0 && p.OtherShare > 0 && p.TopShare+p.OtherShare <= 1,
			"top share %v and other share %v must both be above 0 and together at most 1", p.TopShare, p.OtherShare)
		check(p.RowSample == 1, "row sample is %v, must be 1 where rows are sampled by gradient", p.RowSample)
	}
	for i, sign := range p.Monotone {
		check(-1 <= sign && sign <= 1, "monotone of feature %d is %d, must be -1, 0 or 1", i, sign)
	}
	if p.monotone() {
		check(p.Objective != Multiclass, "monotone is not for multiclass: the softmax of monotone scores is not monotone")
		check(p.Objective != Quantile, "monotone is not for quantile: its leaves are fitted after the tree is grown")
	}
}

// monotone tells whether some feature is constrained.
func (p Params) monotone() bool {
	return slices.ContainsFunc(p.Monotone, func(sign int8) bool { return sign != 0 })
}

// checkFeatures checks what is said feature by feature.
func (p Params) checkFeatures(d Data) error {
	if p.Monotone != nil && len(p.Monotone) != len(d.Features) {
		return fmt.Errorf("boost: parameters: monotone has %d signs for %d features", len(p.Monotone), len(d.Features))
	}
	if p.Continue != nil {
		if err := p.checkContinue(d); err != nil {
			return fmt.Errorf("boost: parameters: model to continue: %w", err)
		}
	}
	for i, sign := range p.Monotone {
		if sign != 0 && d.categories(i) > 0 {
			return fmt.Errorf("boost: parameters: feature %q has categories, which have no order to be monotone in", d.Features[i])
		}
	}
	return nil
}

func (p Params) checkContinue(d Data) error {
	m := p.Continue
	switch {
	case m.objective != p.Objective || m.parameter != p.parameter():
		return fmt.Errorf("it is for %v %v, not %v %v", m.objective, m.parameter, p.Objective, p.parameter())
	case len(m.base) != p.outputs():
		return fmt.Errorf("it has %d outputs, not %d", len(m.base), p.outputs())
	case !slices.Equal(m.features, d.Features):
		return errors.New("it has other features than the training rows")
	case len(m.roots)/len(m.base) > maxTrees-p.Trees:
		return fmt.Errorf("%d and %d rounds are more than %d", len(m.roots)/len(m.base), p.Trees, maxTrees)
	}
	return nil
}

// bySize tells whether rows are sampled by gradient.
func (p Params) bySize() bool { return p.TopShare > 0 }

// parameter is the number of the objective that its model keeps.
func (p Params) parameter() float64 {
	switch p.Objective {
	case Huber:
		return p.Delta
	case Quantile:
		return p.Alpha
	case Tweedie:
		return p.Power
	}
	return 0
}

// outputs is the number of scores per row, which is the number of trees per round.
func (p Params) outputs() int {
	if p.Objective == Multiclass {
		return p.Classes
	}
	return 1
}
