package boost

import "slices"

// extended is a model that begins as m and may grow: m itself does not change.
func (m *Model) extended() *Model {
	e := *m
	e.gain = slices.Clone(m.gain)
	e.roots = slices.Clip(m.roots) // whoever appends, copies
	e.nodes, e.values = slices.Clip(m.nodes), slices.Clip(m.values)
	e.cover = slices.Clip(m.cover)
	e.sets.starts, e.sets.words = slices.Clip(m.sets.starts), slices.Clip(m.sets.words)
	return &e
}

// rawInto writes the scores of rows start to end of d to scores, [outputs][stride].
func (m *Model) rawInto(d Data, start, end int, scores []float64, stride int) {
	width := len(d.Features)
	raw := make([]float64, len(m.base))
	for row := start; row < end; row++ {
		m.Raw(d.Values[row*width:(row+1)*width], raw)
		for k, s := range raw {
			scores[k*stride+row] = s
		}
	}
}
