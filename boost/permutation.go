package boost

import "fmt"

// Permutation is what each feature is worth to the predictions: by how much metric falls when the feature's values are
// dealt out anew among the rows, and with them all that it knew (Breiman 2001, "Random Forests", section 10). metric gets
// what PredictBatch writes for the rows of d, in the order of d; larger is better. d needs no labels of its own: metric
// has them. Features that say the same thing share their worth: each looks worth less than both.
func Permutation(m *Model, d Data, metric func(predictions []float64) float64, seed uint64) ([]float64, error) {
	width := len(m.features)
	if d.Rows <= 0 {
		return nil, ErrNoRows
	}
	if len(d.Values)/width != d.Rows || len(d.Values)%width != 0 {
		return nil, fmt.Errorf("boost: %d values for %d rows of a model of %d features", len(d.Values), d.Rows, width)
	}
	out := make([]float64, d.Rows*m.Outputs())
	m.PredictBatch(d.Values, d.Rows, out, 1)
	whole := metric(out)
	values := append([]float32(nil), d.Values...)
	worth := make([]float64, width)
	for feature := range worth {
		draw := stream(seed, drawPermutation, uint64(feature))
		for row := d.Rows - 1; row > 0; row-- { // Fisher and Yates
			other := int(mix(draw+uint64(row)*golden) % uint64(row+1))
			a, b := row*width+feature, other*width+feature
			values[a], values[b] = values[b], values[a]
		}
		m.PredictBatch(values, d.Rows, out, 1)
		worth[feature] = whole - metric(out)
		for row := range d.Rows {
			values[row*width+feature] = d.Values[row*width+feature]
		}
	}
	return worth, nil
}
