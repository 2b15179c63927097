package metric

import "testing"

func BenchmarkAUC500k(b *testing.B) {
	r := &chance{state: 1}
	scores, labels := make([]float64, 500_000), make([]bool, 500_000)
	for i := range scores {
		labels[i] = r.uniform() < .2
		scores[i] = r.normal()
		if labels[i] {
			scores[i]++
		}
		scores[i] = logistic(scores[i])
	}
	for b.Loop() {
		if _, err := AUC(scores, labels, .95); err != nil {
			b.Fatal(err)
		}
	}
}
