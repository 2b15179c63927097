package boost

import (
	"math"
	"testing"
)

// shapedModel has trees of every kind of plan over a few columns, with cuts at odd places.
func shapedModel(outputs int) *Model {
	odd := []float32{0, 1e-45, -1e-45, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), 1, -1, 1e-30}
	m := &Model{objective: Squared, features: []string{"a", "b", "c", "d", "e"}, gain: make([]float64, 5), base: make([]float64, outputs)}
	draw := uint64(0)
	next := func(n int) int {
		draw++
		return int(mix(draw*golden) >> 33 % uint64(n))
	}
	cut := func(feature int) float32 {
		switch {
		case feature == 0:
			return odd[next(len(odd))]
		case feature == 1:
			return float32(next(5)) - 2
		case feature == 2:
			return 0.5
		case feature == 3:
			x := float32(next(4000)-2000) / 1000
			return x * x * x * x * x
		}
		return float32(next(100_000))/1000 - 50
	}
	add := func(splits int, open func(node, claimed int) bool) {
		root := uint32(len(m.nodes))
		m.roots = append(m.roots, root)
		for i, claimed := 0, 1; i < claimed; i++ {
			if claimed/2 == splits || claimed > i+1 && !open(i, claimed) {
				m.appendLeaf(float64(next(1000))/64 - 8)
				continue
			}
			feature := next(5)
			m.appendSplit(uint32(feature), next(2) == 0, cut(feature), root+uint32(claimed))
			claimed += 2
		}
	}
	all := func(int, int) bool { return true }
	for range 3 * outputs {
		add(0, all)                                                  // a leaf
		add(63, all)                                                 // perfect
		add(255, all)                                                // the largest shallow one
		add(40, func(i, claimed int) bool { return i+1 == claimed }) // a chain
		add(127, func(i, claimed int) bool { return next(3) > 0 || i+2 >= claimed })
		add(300, func(i, claimed int) bool { return next(5) > 0 || i+2 >= claimed }) // walked
		add(17, func(int, int) bool { return next(2) == 0 })
	}
	m.complete()
	return m
}

func TestPlansAnswerAsWalksToTheBit(t *testing.T) {
	odd := []float32{0, float32(math.Copysign(0, -1)), nan32, 1e-45, -1e-45, math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), 1, 0.5}
	const rows, columns = 64 * 9, 5
	for _, outputs := range []int{1, 3} {
		m := shapedModel(outputs)
		plan := newPlan(m)
		seen := map[planKind]int{}
		for _, tree := range plan.trees {
			seen[tree.kind]++
		}
		if seen[shallowTree] == 0 || seen[deepTree] == 0 || seen[walkedTree] == 0 {
			t.Fatalf("plans of kinds %v", seen)
		}
		values := make([]float32, rows*columns)
		for i := range values {
			u := mix(uint64(i)*golden + 9)
			x := float32(u>>8%100_000)/1000 - 50
			if i%columns < 4 {
				x /= 20
			}
			if u%4 == 0 && i > 64*columns*3 { // the first blocks lack nothing
				x = odd[u>>40%uint64(len(odd))]
			}
			values[i] = x
		}
		got, want := make([]float64, rows*outputs), make([]float64, rows*outputs)
		m.PredictBatch(values, rows, got, 2)
		for r := range rows {
			m.Raw(values[r*columns:(r+1)*columns], want[r*outputs:(r+1)*outputs])
		}
		if !sameBits(got, want) {
			t.Errorf("%d outputs: plan and walk differ", outputs)
		}
	}
}

func TestPlansKnowSets(t *testing.T) {
	m := randomForest(6, 60)
	kinds := map[planKind]int{}
	for _, tree := range newPlan(m).trees {
		kinds[tree.kind]++
	}
	if kinds[walkedTree] == 0 || kinds[shallowTree] < 10 {
		t.Fatalf("plans of kinds %v", kinds)
	}
	const rows = 64 * 20
	values, got := randomRows(6, rows), make([]float64, rows)
	m.PredictBatch(values, rows, got, 1)
	for r := range rows {
		if want := slowRaw(m, values[6*r:6*r+6]); math.Float64bits(got[r]) != math.Float64bits(want) {
			t.Fatalf("row %d: %v, want %v", r, got[r], want)
		}
	}
}

func TestTransposedTurnsPlanesIntoNumbers(t *testing.T) {
	var planes [maxPath]uint64
	for i := range planes {
		planes[i] = mix(uint64(i+1) * golden)
	}
	for i, n := range transposed(&planes) {
		for b := range 8 {
			row, want := 8*b+i, byte(0)
			for bit, plane := range planes {
				want |= byte(plane>>row&1) << bit
			}
			if got := byte(n >> (8 * b)); got != want {
				t.Fatalf("row %d has number %08b, want %08b", row, got, want)
			}
		}
	}
}

func TestAModelTooLargeForAPlanIsWalked(t *testing.T) {
	m := &Model{objective: Squared, features: []string{"x"}, gain: []float64{0}, base: []float64{0}}
	for i := range maxPlanMasks + 1 {
		root := uint32(len(m.nodes))
		m.roots = append(m.roots, root)
		m.appendSplit(0, false, float32(i), root+1)
		m.appendLeaf(1)
		m.appendLeaf(0)
	}
	if newPlan(m) != nil {
		t.Fatal("there is a plan")
	}
	out := make([]float64, 64)
	m.PredictBatch(make([]float32, 64), 64, out, 1)
	if out[63] != maxPlanMasks+1 {
		t.Errorf("predicted %v", out[63])
	}
}

// A model of a stranger may ask more sets, of more features, than could be sought in each other's columns within an hour.
func TestAPlanOfTooManySetsIsRefusedAtOnce(t *testing.T) {
	const sets, columns, rows = maxPlanMasks + 1, 65_000, 64
	m := &Model{objective: Squared, features: make([]string, columns), gain: make([]float64, columns), base: []float64{0}}
	for i := range sets {
		root := uint32(len(m.nodes))
		m.roots = append(m.roots, root)
		m.appendCategorySplit(uint32(i%columns), []uint32{3}, root+1)
		m.appendLeaf(1)
		m.appendLeaf(0)
	}
	if n := testing.AllocsPerRun(1, func() {
		if newPlan(m) != nil {
			t.Fatal("there is a plan")
		}
	}); n > 0 {
		t.Errorf("%v allocations before it was refused", n)
	}
	values, out := make([]float32, rows*columns), make([]float64, rows)
	for i := range columns {
		values[(rows-1)*columns+i] = 3
	}
	m.PredictBatch(values, rows, out, 1)
	if out[0] != 0 || out[rows-1] != sets {
		t.Errorf("predicted %v and %v", out[0], out[rows-1])
	}
}
