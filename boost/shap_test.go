package boost

import (
	"errors"
	"math"
	"math/bits"
	"testing"
)

// expectedKnowing is what m's output k expects of a row of which only the features in the set known are seen.
func expectedKnowing(m *Model, k int, row []float32, known uint) float64 {
	var walk func(at uint32) float64
	walk = func(at uint32) float64 {
		n := m.nodes[at]
		if n.child == at {
			return m.values[at]
		}
		if known>>n.feature&1 == 1 {
			return walk(m.toward(at, valueKey(row[n.feature])))
		}
		left, right := m.cover[n.child], m.cover[n.child+1]
		if left+right == 0 {
			left, right = 1, 1
		}
		return (left*walk(n.child) + right*walk(n.child+1)) / (left + right)
	}
	sum := m.base[k]
	for tree := k; tree < len(m.roots); tree += len(m.base) {
		sum += walk(m.roots[tree])
	}
	return sum
}

// shapley is the definition: a feature's marginal value, averaged over all orders.
func shapley(m *Model, k int, row []float32, feature int) float64 {
	n, sum := len(m.features), 0.0
	for set := uint(0); set < 1<<n; set++ {
		if set>>feature&1 == 1 {
			continue
		}
		before := bits.OnesCount(set)
		weight := 1.0 // before! (n-before-1)! / n!
		for i := 1; i <= before; i++ {
			weight *= float64(i) / float64(n-before-1+i)
		}
		weight /= float64(n)
		sum += weight * (expectedKnowing(m, k, row, set|1<<feature) - expectedKnowing(m, k, row, set))
	}
	return sum
}

func TestContributionsAreShapleyValues(t *testing.T) {
	forest := randomForest(6, 6)
	models, tables := smallModels(t)
	rows := [][]float32{randomRows(6, 12), tables[0].Values, tables[1].Values, tables[2].Values}
	for i, m := range append([]*Model{forest}, models...) {
		width, outputs := len(m.features), m.Outputs()
		got := make([]float64, outputs*(width+1))
		for r := range 6 {
			row := rows[i][r*width : (r+1)*width]
			if err := m.Contributions(row, got); err != nil {
				t.Fatal(err)
			}
			for k := range outputs {
				mine := got[k*(width+1) : (k+1)*(width+1)]
				for f := range width {
					if want := shapley(m, k, row, f); !(math.Abs(mine[f]-want) < 1e-9) {
						t.Fatalf("model %d, row %d, output %d, feature %d: %v, want %v", i, r, k, f, mine[f], want)
					}
				}
				if want := expectedKnowing(m, k, row, 0); !(math.Abs(mine[width]-want) < 1e-9) {
					t.Fatalf("model %d: expects %v, want %v", i, mine[width], want)
				}
			}
		}
	}
}

func TestContributionsAddUpToTheScore(t *testing.T) {
	d := world{rows: 3000, columns: 12, seed: 7, missing: 0.1}.table(Binary, 2)
	p := DefaultParams(Binary)
	p.Trees, p.Leaves, p.MinRows = 40, 63, 1
	m := mustTrain(t, p, d, nil, nil)
	raw, got := make([]float64, 1), make([]float64, 13)
	for r := range 100 {
		row := d.Values[12*r : 12*r+12]
		m.Raw(row, raw)
		if err := m.Contributions(row, got); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, c := range got {
			sum += c
		}
		if !(math.Abs(sum-raw[0]) < 1e-9) {
			t.Fatalf("row %d: contributions add up to %v, the score is %v", r, sum, raw[0])
		}
	}
}

func TestNodesNobodyCameByDivideEvenly(t *testing.T) {
	m := randomForest(4, 5)
	for i := range m.cover {
		if i%3 == 0 {
			m.cover[i] = 0
		}
	}
	got := make([]float64, 5)
	for r := range 10 {
		row := randomRows(4, 10)[4*r : 4*r+4]
		if err := m.Contributions(row, got); err != nil {
			t.Fatal(err)
		}
		for f := range 4 {
			if want := shapley(m, 0, row, f); !(math.Abs(got[f]-want) < 1e-9) {
				t.Fatalf("row %d, feature %d: %v, want %v", r, f, got[f], want)
			}
		}
	}
}

func TestContributionsNeedCovers(t *testing.T) {
	m := randomForest(2, 3)
	m.cover = nil
	if err := m.Contributions(make([]float32, 2), make([]float64, 3)); !errors.Is(err, ErrNoCover) {
		t.Errorf("contributions: %v", err)
	}
	if _, err := m.ImportanceByCover(); !errors.Is(err, ErrNoCover) {
		t.Errorf("importance: %v", err)
	}
	deep := &Model{objective: Squared, features: []string{"x"}, base: []float64{0}, gain: []float64{0}, roots: []uint32{0}}
	deep.appendSplit(0, false, 0, 1)
	for i := range uint32(maxExplained) { // the right child of each split is the next one
		deep.appendLeaf(1)
		deep.appendSplit(0, false, float32(i+1), 2*i+3)
	}
	deep.appendLeaf(1)
	deep.appendLeaf(2)
	deep.cover = make([]float64, len(deep.nodes))
	if err := deep.Contributions([]float32{1}, make([]float64, 2)); !errors.Is(err, ErrTooDeep) {
		t.Errorf("a deep tree: %v", err)
	}
}

func TestImportanceByCoverCountsTheRowsOfSplits(t *testing.T) {
	d := world{rows: 1000, columns: 3, seed: 7}.table(Squared, 0)
	p := DefaultParams(Squared)
	p.Trees, p.Leaves = 1, 2
	m := mustTrain(t, p, d, nil, nil)
	got, err := m.ImportanceByCover()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, c := range got {
		sum += c
	}
	if sum != 1000 || m.cover[1]+m.cover[2] != 1000 { // squared error has curvature 1
		t.Errorf("covers %v of splits, %v of nodes, want 1000", got, m.cover)
	}
}
