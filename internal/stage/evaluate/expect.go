package evaluate

import (
	"cmp"
	"math"
	"slices"

	"rondo.dev/rondo/internal/rondo"
)

// What a model expects to lose is in its probabilities. A regression's answer says nothing of its spread, so it is taken from
// validation: the mean loss of rows with such an answer, in spreadBins groups of equally many, of spreadRows at least.
const (
	spreadBins = 10
	spreadRows = 50
)

// Spread is what a version expects to lose by its answer, each row clipped at clip; nil where the loss itself says so.
func Spread(loss rondo.Loss, validation *Scored, clip *float64) ([]rondo.Spread, error) {
	losses, expected, err := Losses(loss, validation)
	if err != nil || expected != nil || len(losses) == 0 {
		return nil, err
	}
	losses = Clipped(losses, clip)
	order := everyRow(len(losses))
	answer := func(i int) float64 { return validation.Outputs[order[i]] }
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(validation.Outputs[a], validation.Outputs[b]) })
	bins := min(spreadBins, max(1, len(order)/spreadRows))
	var out []rondo.Spread
	for b, from := 0, 0; b < bins; b++ {
		to := max(from, (b+1)*len(order)/bins)
		for to > from && to < len(order) && answer(to) == answer(to-1) {
			to++ // equal answers are of one group
		}
		if to == from {
			continue
		}
		s := rondo.Spread{From: answer(from)}
		for _, i := range order[from:to] {
			s.Loss += losses[i] / float64(to-from)
		}
		out, from = append(out, s), to
	}
	return out, nil
}

// Expected is what a version expects to lose on each row by its spread: below the first group it is that of the first.
func Expected(spread []rondo.Spread, s *Scored) []float64 {
	out := make([]float64, s.Rows())
	for i, y := range s.Outputs {
		n, found := slices.BinarySearchFunc(spread, y, func(s rondo.Spread, y float64) int { return cmp.Compare(s.From, y) })
		if !found {
			n = max(0, n-1)
		}
		out[i] = spread[n].Loss
	}
	return out
}

// Clipped are losses of at most clip each, or the losses themselves where clip is nil.
func Clipped(losses []float64, clip *float64) []float64 {
	if clip == nil {
		return losses
	}
	out := make([]float64, len(losses))
	for i, x := range losses {
		out[i] = math.Min(x, *clip)
	}
	return out
}
