package boost

import "slices"

// extended is a model that begins as m and may grow: m itself does not change.
func (m *Model) extended() *Model {
	return &Model{
		objective: m.objective, parameter: m.parameter, features: m.features, base: m.base,
		gain:  slices.Clone(m.gain),
		roots: slices.Clip(m.roots), // whoever appends, copies
		nodes: slices.Clip(m.nodes), values: slices.Clip(m.values), cover: slices.Clip(m.cover),
		sets: sets{starts: slices.Clip(m.sets.starts), words: slices.Clip(m.sets.words)},
	}
}

// rawInto writes the scores of rows start to end of d to scores, [outputs][stride].
func (m *Model) rawInto(d Data, start, end int, scores []float64, stride int) {
	width := len(d.Features)
	raw := slices.Clone(m.base)
	for row := start; row < end; row++ {
		if len(m.roots) > 0 {
			m.Raw(d.Values[row*width:(row+1)*width], raw)
		}
		for k, s := range raw {
			scores[k*stride+row] = s
		}
	}
}
