package metric

import (
	"slices"
	"testing"
)

func sample(r *chance, rows int) ([]float64, []bool) {
	scores, labels := make([]float64, rows), make([]bool, rows)
	for i := range scores {
		labels[i] = r.uniform() < .2
		scores[i] = r.normal()
		if labels[i] {
			scores[i]++
		}
		scores[i] = logistic(scores[i])
	}
	return scores, labels
}

// BenchmarkAUC is the area with its interval; BenchmarkSort is slices.Sort of the same scores, to compare with.
func BenchmarkAUC(b *testing.B) {
	scores, labels := sample(&chance{state: 1}, 500_000)
	for b.Loop() {
		if _, err := AUC(scores, labels, level); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSort(b *testing.B) {
	scores, _ := sample(&chance{state: 1}, 500_000)
	for b.Loop() {
		slices.Sort(slices.Clone(scores))
	}
}
