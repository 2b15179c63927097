package stat

import (
	"math"
	"slices"
)

// Holm tells which hypotheses are rejected at family-wise error alpha: the smallest p at alpha/n, the next at
// alpha/(n-1), until the first that is not (Holm 1979). A p that is not a number in [0, 1] is never rejected.
func Holm(p []float64, alpha float64) []bool {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	usable := func(i int) bool { return p[i] >= 0 && p[i] <= 1 }
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case usable(a) != usable(b):
			if usable(a) {
				return -1
			}
			return 1
		case !usable(a) || p[a] == p[b]:
			return 0
		case p[a] < p[b]:
			return -1
		}
		return 1
	})
	rejected := make([]bool, len(p))
	for done, i := range order {
		if !usable(i) || !(p[i] <= alpha/float64(len(p)-done)) {
			break
		}
		rejected[i] = true
	}
	return rejected
}

// HoldoutAlpha is the error that the use-th use of the same holdout rows may spend, use counted from 1:
// alpha * 6/(pi^2 use^2), which adds up to alpha over all uses. A use below 1 spends nothing: 0.
func HoldoutAlpha(alpha float64, use int) float64 {
	if use < 1 {
		return 0
	}
	k := float64(use)
	return alpha * 6 / (math.Pi * math.Pi * k * k)
}
