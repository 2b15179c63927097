package boost

import (
	"fmt"
	"sync"
)

const batchRows = 64 // rows that are predicted together

// PredictBatch predicts rows rows of row-major values into out, [rows][Outputs], on up to threads goroutines (0 is 1).
// Each row's numbers are, bit for bit, those of Predict.
func (m *Model) PredictBatch(values []float32, rows int, out []float64, threads int) {
	columns, outputs := len(m.features), len(m.base)
	if rows < 0 || len(values) != rows*columns || len(out) < rows*outputs {
		panic(fmt.Sprintf("boost: %d values and %d outputs for %d rows of %d features", len(values), len(out), rows, columns))
	}
	var p *plan
	if rows >= batchRows {
		m.planOnce.Do(func() { m.plan = newPlan(m) })
		p = m.plan
	}
	share := (rows + max(threads, 1) - 1) / max(threads, 1)
	share = max((share+batchRows-1)/batchRows*batchRows, batchRows)
	var group sync.WaitGroup
	for start := share; start < rows; start += share {
		end := min(start+share, rows)
		group.Go(func() { m.predictRows(p, values[start*columns:end*columns], out[start*outputs:end*outputs]) })
	}
	end := min(share, rows)
	m.predictRows(p, values[:end*columns], out[:end*outputs])
	group.Wait()
}

// predictRows predicts 64 rows after 64 rows by the plan, if there is one, and the last few by walking.
func (m *Model) predictRows(p *plan, values []float32, out []float64) {
	columns, outputs := len(m.features), len(m.base)
	if p != nil && len(out) >= batchRows*outputs {
		w := newWorkspace(m)
		for len(out) >= batchRows*outputs {
			w.predict(values[:batchRows*columns], out[:batchRows*outputs])
			values, out = values[batchRows*columns:], out[batchRows*outputs:]
		}
	}
	keys := make([]uint32, min(len(values), batchRows*columns))
	for len(out) > 0 {
		rows := min(batchRows, len(out)/outputs)
		keys, scores := keys[:rows*columns], out[:rows*outputs]
		for i, x := range values[:len(keys)] {
			keys[i] = valueKey(x)
		}
		for r := range rows {
			copy(scores[r*outputs:], m.base)
		}
		for tree, root := range m.roots {
			m.addTree(root, keys, columns, scores[tree%outputs:], outputs)
		}
		for r := range rows {
			m.finish(scores[r*outputs : (r+1)*outputs])
		}
		values, out = values[len(keys):], out[rows*outputs:]
	}
}

// addTree adds one tree's answer for every row of keys to scores, which stand stride apart.
func (m *Model) addTree(root uint32, keys []uint32, columns int, scores []float64, stride int) {
	if m.sets.starts != nil {
		for at := 0; len(keys) > 0; keys = keys[columns:] {
			scores[at] += m.values[m.leaf(root, keys[:columns])]
			at += stride
		}
		return
	}
	at := 0
	for ; len(keys) >= 4*columns; keys = keys[4*columns:] {
		ka, kb := keys[:columns], keys[columns:2*columns]
		kc, kd := keys[2*columns:3*columns], keys[3*columns:4*columns]
		a, b, c, d := root, root, root, root
		for {
			a1, b1, c1, d1 := m.nodes[a].next(ka), m.nodes[b].next(kb), m.nodes[c].next(kc), m.nodes[d].next(kd)
			if (a^a1)|(b^b1)|(c^c1)|(d^d1) == 0 {
				break
			}
			a, b, c, d = a1, b1, c1, d1
		}
		scores[at] += m.values[a]
		scores[at+stride] += m.values[b]
		scores[at+2*stride] += m.values[c]
		scores[at+3*stride] += m.values[d]
		at += 4 * stride
	}
	for ; len(keys) > 0; keys = keys[columns:] {
		scores[at] += m.values[m.leaf(root, keys[:columns])]
		at += stride
	}
}
