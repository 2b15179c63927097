package boost

import (
	"errors"
	"fmt"
	"math"
)

var (
	// ErrNoRows: there is nothing to learn from, or nothing to validate with.
	ErrNoRows = errors.New("boost: no rows")
	// ErrOneClass: every row that has weight is of one class, so nothing can be told apart.
	ErrOneClass = errors.New("boost: rows of one class only")
)

// maxLabel keeps squares of residuals and their sums inside float64.
const maxLabel = 1e100

// Data is a table: row-major Values, NaN is missing. What Labels are says Objective.
type Data struct {
	Features []string
	Rows     int
	Values   []float32
	Labels   []float64

	// Weights are nil (all 1) or one per row, 0 or 1e-30 to 1e30. Class weights are weights that are equal within a class.
	// Under Rank they weigh the gradients of rows; the NDCG that is reported knows none.
	Weights []float64

	// Categories is nil or one number per feature: 0 for numbers in order, n for category codes 0 to n-1 without order, at
	// most 2^20. A value is the code it has before the point; below 0, n or more and NaN are missing.
	Categories []int

	// Groups are the lengths of the queries, whose rows stand together, in the order of the rows. Rank only.
	Groups []int
}

// check says what is wrong with d for the objective of p.
func (d Data) check(p Params) error {
	if d.Rows <= 0 {
		return ErrNoRows
	}
	if d.Rows > maxRows {
		return fmt.Errorf("boost: %d rows, at most %d", d.Rows, maxRows)
	}
	if err := checkFeatures(d.Features); err != nil {
		return err
	}
	if len(d.Values)/len(d.Features) != d.Rows || len(d.Values)%len(d.Features) != 0 {
		return fmt.Errorf("boost: %d values for %d rows of %d features", len(d.Values), d.Rows, len(d.Features))
	}
	if len(d.Labels) != d.Rows {
		return fmt.Errorf("boost: %d labels for %d rows", len(d.Labels), d.Rows)
	}
	if d.Weights != nil && len(d.Weights) != d.Rows {
		return fmt.Errorf("boost: %d weights for %d rows", len(d.Weights), d.Rows)
	}
	if err := d.checkLabels(p); err != nil {
		return err
	}
	if err := d.checkCategories(); err != nil {
		return err
	}
	if err := d.checkGroups(p); err != nil {
		return err
	}
	return d.checkWeights()
}

// maxCodes bounds what counting the categories of one feature takes.
const maxCodes = 1 << 20

func (d Data) checkCategories() error {
	if d.Categories != nil && len(d.Categories) != len(d.Features) {
		return fmt.Errorf("boost: %d numbers of categories for %d features", len(d.Categories), len(d.Features))
	}
	for i, n := range d.Categories {
		if n < 0 || n > maxCodes {
			return fmt.Errorf("boost: feature %q has %d categories, must be 0 to %d", d.Features[i], n, maxCodes)
		}
	}
	return nil
}

// checkGroups is about Rank: others have no groups.
func (d Data) checkGroups(p Params) error {
	if p.Objective != Rank {
		if d.Groups != nil {
			return fmt.Errorf("boost: groups are for rank, not for %v", p.Objective)
		}
		return nil
	}
	rows := 0
	for i, n := range d.Groups {
		if n < 1 || n > d.Rows-rows {
			return fmt.Errorf("boost: group %d has %d rows, %d are left", i, n, d.Rows-rows)
		}
		rows += n
	}
	if rows != d.Rows {
		return fmt.Errorf("boost: groups of %d rows in all for %d rows", rows, d.Rows)
	}
	if !d.hasPairs() {
		return errNoPairs
	}
	return nil
}

func checkFeatures(features []string) error {
	if len(features) == 0 {
		return errors.New("boost: no features")
	}
	if len(features) > maxColumns {
		return fmt.Errorf("boost: %d features, at most %d", len(features), maxColumns)
	}
	at := make(map[string]int, len(features))
	for i, name := range features {
		if first, seen := at[name]; seen {
			return fmt.Errorf("boost: features %d and %d are both named %q", first, i, name)
		}
		at[name] = i
	}
	return nil
}

// maxRelevance keeps the gain of a relevance, 2^label - 1, an integer of 31 bits.
const maxRelevance = 31

func (d Data) checkLabels(p Params) error {
	classes := float64(p.Classes)
	switch p.Objective {
	case Binary:
		classes = 2
	case Rank:
		classes = maxRelevance + 1
	}
	whole := p.Objective.classifies() || p.Objective == Rank
	for i, y := range d.Labels {
		switch {
		case math.IsNaN(y) || math.IsInf(y, 0):
			return fmt.Errorf("boost: label of row %d is %v", i, y)
		case !whole && math.Abs(y) > maxLabel:
			return fmt.Errorf("boost: label of row %d is %v, its size may be at most %v", i, y, maxLabel)
		case p.Objective.logarithmic() && y < 0:
			return fmt.Errorf("boost: label of row %d is %v, %v has none below 0", i, y, p.Objective)
		case whole && (y != math.Trunc(y) || y < 0 || y >= classes):
			return fmt.Errorf("boost: label of row %d is %v, not a class 0 to %v", i, y, classes-1)
		}
	}
	return nil
}

// Weights are 0 or between these, so that products of gradients, hessians and L2 stay inside float64.
const (
	minWeight = 1e-30
	maxWeight = 1e30
)

func (d Data) checkWeights() error {
	if d.Weights == nil {
		return nil
	}
	some := false
	for i, w := range d.Weights {
		if w != 0 && !(w >= minWeight && w <= maxWeight) {
			return fmt.Errorf("boost: weight of row %d is %v, must be 0 or %v to %v", i, w, minWeight, maxWeight)
		}
		some = some || w > 0
	}
	if !some {
		return fmt.Errorf("boost: all weights are 0: %w", ErrNoRows)
	}
	return nil
}

// checkClasses returns ErrOneClass if rows with weight show fewer than two classes.
func (d Data) checkClasses() error {
	first := math.NaN()
	for i, y := range d.Labels {
		if d.Weights != nil && d.Weights[i] == 0 {
			continue
		}
		if math.IsNaN(first) {
			first = y
		}
		if y != first {
			return nil
		}
	}
	return ErrOneClass
}

func (d Data) weight(row int) float64 {
	if d.Weights == nil {
		return 1
	}
	return d.Weights[row]
}

// categories is the number of codes of a feature, 0 for numbers.
func (d Data) categories(feature int) int {
	if d.Categories == nil {
		return 0
	}
	return d.Categories[feature]
}
