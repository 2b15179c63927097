package boost

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDepthWiseAndLeafWiseMeetWhereLeavesDoNotRunOut(t *testing.T) {
	_, params, tables := variants(3001)
	for i, p := range params[:4] {
		p.Depth, p.Leaves = 4, 16
		leafWise := modelBytes(t, mustTrain(t, p, tables[i], nil, nil))
		p.Growth = DepthWise
		if !bytes.Equal(modelBytes(t, mustTrain(t, p, tables[i], nil, nil)), leafWise) {
			t.Errorf("%v: the trees differ", p.Objective)
		}
	}
}

// depthsOf is the depth of every leaf of a model's trees.
func depthsOf(m *Model) (depths []int) {
	depth := make([]int, len(m.nodes))
	for i, n := range m.nodes {
		if n.child == uint32(i) {
			depths = append(depths, depth[i])
		} else {
			depth[n.child], depth[n.child+1] = depth[i]+1, depth[i]+1
		}
	}
	return depths
}

func TestDepthWiseTreesAreFlat(t *testing.T) {
	d := world{rows: 5000, columns: 6, seed: 1}.table(Squared, 0)
	p := DefaultParams(Squared)
	p.Leaves, p.Trees, p.MinRows, p.Growth = 12, 4, 1, DepthWise
	if depths := depthsOf(mustTrain(t, p, d, nil, nil)); slices.Min(depths) != 3 || slices.Max(depths) != 4 {
		t.Errorf("twelve leaves at depths %v", depths)
	}
	p.Growth = LeafWise
	if depths := depthsOf(mustTrain(t, p, d, nil, nil)); slices.Max(depths) == 4 {
		t.Errorf("leaf-wise leaves at depths %v", depths)
	}
}

func TestMonotoneFeaturesNeverTurnBack(t *testing.T) {
	for _, o := range []Objective{Binary, Squared, Poisson} {
		d, v := monotoneTable(o, 1), monotoneTable(o, 2)
		p := DefaultParams(o)
		p.Trees, p.MinRows, p.Rate = 30, 20, 0.3
		free := mustTrain(t, p, d, nil, nil)
		p.Monotone = []int8{1, -1, 0, 1, 0, -1} // in truth 0, 1 and 5 rise, and 3 with 4 alone
		bound := mustTrain(t, p, d, nil, nil)
		if turns(free, d, p.Monotone) == 0 {
			t.Errorf("%v: the free model is monotone by itself, which tests nothing", o)
		}
		if n := turns(bound, d, p.Monotone); n > 0 {
			t.Errorf("%v: %d steps the wrong way", o, n)
		}
		p.Monotone = []int8{1, 1, 0, 0, 0, 1}
		right := mustTrain(t, p, d, nil, nil)
		if a, b := lossUnder(p, right, v), lossUnder(p, free, v); a > b+0.02*math.Abs(b) {
			t.Errorf("%v: loss %v under constraints that are true, %v without", o, a, b)
		}
		p.Monotone = make([]int8, 6)
		if !bytes.Equal(modelBytes(t, mustTrain(t, p, d, nil, nil)), modelBytes(t, free)) {
			t.Errorf("%v: constraints on nothing change the trees", o)
		}
	}
}

func monotoneTable(o Objective, seed uint64) Data {
	d := world{rows: 3000, columns: 6, seed: seed, missing: 0.1}.table(Squared, 0)
	for i, y := range d.Labels {
		switch o {
		case Binary:
			d.Labels[i] = math.Round(sigmoid(y))
		case Poisson:
			d.Labels[i] = exp(y / 4)
		}
	}
	return d
}

func lossUnder(p Params, m *Model, d Data) float64 {
	sum := 0.0
	raw := make([]float64, 1)
	width := len(d.Features)
	for r, y := range d.Labels {
		m.Raw(d.Values[r*width:(r+1)*width], raw)
		if p.Objective == Binary {
			sum += softplus(raw[0]) - y*raw[0]
		} else {
			sum += p.numberLoss(raw[0], y)
		}
	}
	return sum / float64(d.Rows)
}

// turns counts the steps against the signs when one feature of a row rises.
func turns(m *Model, d Data, signs []int8) (n int) {
	width := len(d.Features)
	raw := make([]float64, 1)
	for r := range 60 {
		row := slices.Clone(d.Values[r*width : (r+1)*width])
		for f, sign := range signs {
			kept, last := row[f], math.Inf(-1)
			for x := float32(-4); x < 10; x += 0.05 {
				row[f] = x
				m.Raw(row, raw)
				if y := float64(sign) * raw[0]; sign != 0 {
					if y < last-1e-12 {
						n++
					}
					last = y
				}
			}
			row[f] = kept
		}
	}
	return n
}

// Under bounds and L1 the split found is the best of all cuts that the sign allows.
func TestBoundedSearchFindsWhatTryingEverythingFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells, total := drawCells(t, rapid.IntRange(1, 12).Draw(t, "bins"), true)
		r := rules{l1: rapid.Float64Range(0, 500).Draw(t, "l1"), l2: 10, minH: 1, minRows: 1, bounded: true}
		r.bounds = bounds{
			low: -rapid.Float64Range(0, 60).Draw(t, "low"), high: rapid.Float64Range(0, 60).Draw(t, "high"),
			sign: int8(rapid.IntRange(-1, 1).Draw(t, "sign")),
		}
		// worth is what lowering the loss G w + (H+L2) w²/2 + L1 |w| by w brings, times two.
		worth := func(c cell) (answer, worth float64) {
			best, at := math.Inf(-1), 0.0
			try := func(w float64) {
				w = min(max(w, r.bounds.low), r.bounds.high)
				if x := -2*float64(c.g)*w - (float64(c.h)+r.l2)*w*w - 2*r.l1*math.Abs(w); x > best {
					best, at = x, w
				}
			}
			try(0)
			try((-float64(c.g) - r.l1) / (float64(c.h) + r.l2))
			try((-float64(c.g) + r.l1) / (float64(c.h) + r.l2))
			return at, best
		}
		_, none := worth(total)
		best := none
		for bin := 1; bin < len(cells); bin++ {
			for _, missing := range []bool{false, true} {
				left := leftOf(cells, func(b int) bool { return b <= bin })
				values := left.n
				if missing {
					left = left.plus(cells[0])
				}
				right := total.minus(left)
				if values == 0 || right.n == 0 {
					continue
				}
				a, x := worth(left)
				b, y := worth(right)
				if float64(r.bounds.sign)*(b-a) >= 0 {
					best = max(best, x+y)
				}
			}
		}
		got := r.search(cells, 0, total, r.threshold(total))
		if score := got.over / got.under; math.Abs(score-best) > 1e-6*(1+math.Abs(best)) {
			t.Fatalf("score %v, trying everything finds %v, not splitting %v", score, best, none)
		}
	})
}

func TestSamplingBySizeKeepsTheSumOfGradients(t *testing.T) {
	d := world{rows: 50_000, columns: 6, seed: 1}.table(Binary, 2)
	p := DefaultParams(Binary)
	full := newTargetOf(p, d)
	full.g, full.h = make([]float64, d.Rows), make([]float64, d.Rows)
	full.derive(0)
	wantG, wantH := 0.0, 0.0
	for i := range full.g {
		wantG, wantH = wantG+math.Abs(full.g[i]), wantH+full.h[i]
	}
	p.TopShare, p.OtherShare = 0.2, 0.1
	some := newTargetOf(p, d)
	some.readyToTrain()
	for i := range some.scores { // spread the gradients
		some.scores[i] = 4 * (uniform(9, uint64(i)) - 0.5)
		full.scores[i] = some.scores[i]
	}
	full.derive(0)
	some.derive(0)
	some.sampleBySize(draws{rows: sampler{draw: 5, share: 1}})
	n, gotG, gotH := 0, 0.0, 0.0
	wantG, wantH = 0, 0
	for i, took := range some.took {
		if took {
			n++
		}
		gotG, gotH = gotG+math.Abs(some.g[i]), gotH+some.h[i]
		wantG, wantH = wantG+math.Abs(full.g[i]), wantH+full.h[i]
	}
	// 15,000 rows are expected, of which 5,000 by chance: a standard deviation of 66.
	if n < 14_700 || n > 15_300 {
		t.Errorf("%d of %d rows taken", n, d.Rows)
	}
	if math.Abs(gotG/wantG-1) > 0.02 || math.Abs(gotH/wantH-1) > 0.02 {
		t.Errorf("gradients sum to %v and %v, all rows to %v and %v", gotG, gotH, wantG, wantH)
	}
}

func newTargetOf(p Params, d Data) *target {
	m := &Model{objective: p.Objective, features: d.Features, base: baseScores(p, d), gain: make([]float64, len(d.Features))}
	return newTarget(p, d, m, newCurve(), &crew{workers: 1})
}

func TestSamplesLearnNearlyAsMuch(t *testing.T) {
	d, v := world{rows: 20_000, columns: 6, seed: 1}.table(Binary, 2), world{rows: 10_000, columns: 6, seed: 2}.table(Binary, 2)
	base := DefaultParams(Binary)
	base.Trees, base.Leaves = 50, 31
	full := lossOf(mustTrain(t, base, d, nil, nil), v)
	for name, change := range map[string]func(p *Params){
		"by size":  func(p *Params) { p.TopShare, p.OtherShare = 0.2, 0.1 },
		"rows":     func(p *Params) { p.RowSample = 0.5 },
		"per node": func(p *Params) { p.NodeSample = 0.5 },
		"per tree": func(p *Params) { p.ColumnSample = 0.7 },
	} {
		p := base
		change(&p)
		m := mustTrain(t, p, d, nil, nil)
		if loss := lossOf(m, v); loss > full*1.05 || loss == full {
			t.Errorf("%s: log loss %v, with everything %v", name, loss, full)
		}
	}
}

func TestColumnsOfANodeAreAShareOfThoseOfItsTree(t *testing.T) {
	g := &grower{p: Params{NodeSample: 0.5}, columns: make([]bool, 9)}
	for c := range g.columns {
		g.columns[c] = c != 4
	}
	seen := make([]int, 9)
	for node := range 400 {
		got := g.sampleNode(node%2, &leaf{node: node})
		n := 0
		for c, may := range got {
			if may {
				n++
				seen[c]++
			}
		}
		if n != 4 {
			t.Fatalf("%d columns of 8 drawn", n)
		}
	}
	for c, n := range seen { // 200 expected, standard deviation 10
		if c == 4 && n > 0 || c != 4 && (n < 150 || n > 250) {
			t.Errorf("column %d drawn %d times of 400", c, n)
		}
	}
}
