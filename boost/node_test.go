package boost

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// randomForest is a model of numeric and category splits, made without training: columns even numeric, odd categories.
func randomForest(columns, trees int) *Model {
	m := &Model{objective: Squared, base: []float64{0.25}, gain: make([]float64, columns)}
	for c := range columns {
		m.features = append(m.features, fmt.Sprintf("x%d", c))
	}
	draw := uint64(0)
	next := func(n int) int {
		draw++
		return int(mix(draw*golden) >> 33 % uint64(n))
	}
	for range trees {
		root, splits := uint32(len(m.nodes)), 1+next(30)
		m.roots = append(m.roots, root)
		for i, claimed := 0, 1; i < claimed; i++ {
			rest := splits - (claimed-1)/2
			if rest == 0 || (claimed > i+1 && next(3) == 0) {
				m.appendLeaf(float64(next(1000))/64 - 8)
				continue
			}
			feature, child := uint32(next(columns)), root+uint32(claimed)
			switch {
			case feature%2 == 0:
				m.appendSplit(feature, next(2) == 0, float32(next(64))/8-4, child)
			case next(4) == 0:
				m.appendSetSplit(feature, true, randomSet(next), child)
			default:
				m.appendCategorySplit(feature, randomSet(next), child)
			}
			claimed += 2
		}
		for i := root; i < uint32(len(m.nodes)); i++ {
			m.cover = append(m.cover, 0)
		}
		fillCover(m, root, float64(64+next(64)), next)
	}
	return m
}

// fillCover shares the rows of a node between its children.
func fillCover(m *Model, at uint32, rows float64, next func(int) int) {
	m.cover[at] = rows
	if child := m.nodes[at].child; child != at {
		left := rows * float64(1+next(7)) / 8
		fillCover(m, child, left, next)
		fillCover(m, child+1, rows-left, next)
	}
}

func randomSet(next func(int) int) []uint32 {
	set := []uint32{uint32(next(8))}
	for range next(6) {
		set = append(set, uint32(next(8)), uint32(next(300)))
	}
	if next(8) == 0 {
		set = append(set, maxCategories-1)
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// randomRows has numbers, codes, missing and absurd values.
func randomRows(columns, rows int) []float32 {
	odd := []float32{nan32, -1, 0, float32(math.Inf(1)), float32(math.Inf(-1)), 1e30, 7.5, maxCategories, maxCategories - 1, 3}
	values := make([]float32, columns*rows)
	for i := range values {
		u := mix(uint64(i)*golden + 5)
		switch {
		case u%8 == 0:
			values[i] = odd[u>>8%uint64(len(odd))]
		case i%columns%2 == 0:
			values[i] = float32(u>>8%1000)/100 - 5
		default:
			values[i] = float32(u >> 8 % 12)
		}
	}
	return values
}

// slowRaw answers from the definition: it asks the lists of codes, not the words.
func slowRaw(m *Model, row []float32) float64 {
	sum := m.base[0]
	for _, at := range m.roots {
		for m.nodes[at].child != at {
			n := &m.nodes[at]
			x := float64(row[n.feature])
			var left bool
			switch {
			case math.IsNaN(x):
				left = n.kind&missingLeft != 0
			case n.kind&asksSet == 0:
				left = x <= float64(n.cutOf())
			default:
				left = x >= 0 && x < maxCategories && slices.Contains(m.sets.codes(n.cut), uint32(x))
			}
			at = n.child
			if !left {
				at++
			}
		}
		sum += m.values[at]
	}
	return sum
}

func TestCategoriesGoWhereTheirSetSays(t *testing.T) {
	for _, columns := range []int{6, stackColumns + 4} {
		m := randomForest(columns, 50)
		const rows = 203
		values, batch, one := randomRows(columns, rows), make([]float64, rows), make([]float64, 1)
		m.PredictBatch(values, rows, batch, 2)
		for r := range rows {
			row := values[r*columns : (r+1)*columns]
			m.Raw(row, one)
			want := slowRaw(m, row)
			if math.Float64bits(one[0]) != math.Float64bits(want) || math.Float64bits(batch[r]) != math.Float64bits(want) {
				t.Fatalf("row %d of %d columns: %v and %v, want %v", r, columns, one[0], batch[r], want)
			}
		}
	}
}

func TestSetsTakeMemoryForTheirCodesAlone(t *testing.T) {
	m := &Model{features: []string{"x"}, base: []float64{0}, gain: []float64{0}, objective: Squared}
	codes := []uint32{0, 63, 64, 1_000_000, maxCategories - 1}
	m.roots = []uint32{0}
	m.appendCategorySplit(0, codes, 1)
	m.appendLeaf(1)
	m.appendLeaf(2)
	if len(m.sets.words) != 4 || !slices.Equal(m.sets.codes(0), codes) {
		t.Errorf("%d words hold %v, want 4 and %v", len(m.sets.words), m.sets.codes(0), codes)
	}
	out := make([]float64, 1)
	for x, want := range map[float32]float64{0: 1, 63: 1, 63.5: 1, 64: 1, 65: 2, 1_000_000: 1, 1_000_001: 2, maxCategories - 1: 1,
		maxCategories: 2, -1: 2, nan32: 2} {
		if m.Raw([]float32{x}, out); out[0] != want {
			t.Errorf("category %v gives %v, want %v", x, out[0], want)
		}
	}
}

func TestDroppedTreesTakeTheirSetsAlong(t *testing.T) {
	long, short := randomForest(5, 20), randomForest(5, 8)
	long.keepTrees(8)
	if !bytes.Equal(modelBytes(t, long), modelBytes(t, short)) || len(long.sets.starts) != len(short.sets.starts) {
		t.Error("the first 8 of 20 trees are not the model of 8 trees")
	}
	long.keepTrees(9)
	if len(long.roots) != 8 {
		t.Error("keeping more trees than there are changed the model")
	}
}

func TestSavedSetsComeBack(t *testing.T) {
	m := randomForest(6, 30)
	for objective, parameter := range map[Objective]float64{Squared: 0, Huber: 1.5, Quantile: 0.9, Poisson: 0, Tweedie: 1.2, Rank: 0} {
		m.objective, m.parameter = objective, parameter
		b := modelBytes(t, m)
		back, err := Load(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(modelBytes(t, back), b) || back.Parameter() != parameter || back.Objective() != objective {
			t.Errorf("%v: bytes differ after a load", objective)
		}
		const rows = 50
		values, want, got := randomRows(6, rows), make([]float64, rows), make([]float64, rows)
		m.PredictBatch(values, rows, want, 1)
		back.PredictBatch(values, rows, got, 1)
		if !sameBits(got, want) {
			t.Errorf("%v: predictions differ after a load", objective)
		}
		for i := range got {
			sum := slowRaw(m, values[6*i:6*i+6])
			if objective == Poisson || objective == Tweedie {
				sum = exp(sum)
			}
			if got[i] != sum {
				t.Fatalf("%v: predicted %v, want %v", objective, got[i], sum)
			}
		}
	}
	for o, bad := range map[Objective]float64{Binary: 1, Huber: 0, Quantile: 1, Tweedie: 2, Poisson: 0.5, Rank: -1} {
		m.objective, m.parameter = o, bad
		if _, err := Load(modelBytes(t, m)); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "offset 24") {
			t.Errorf("%v with parameter %v: %v", o, bad, err)
		}
	}
}

func TestLoadRefusesBadSets(t *testing.T) {
	m := &Model{features: []string{"x"}, base: []float64{0}, gain: []float64{0}, objective: Squared, roots: []uint32{0}}
	m.appendCategorySplit(0, []uint32{5, 100}, 1)
	m.appendLeaf(1)
	m.appendLeaf(2)
	m.cover = []float64{3, 1, 2}
	good := modelBytes(t, m)
	set := headerBytes + 8 + 4 + 1 + 8 + 8 + 4 // header, parameter, name, gain, base, count of nodes: the first node
	covers := set + 9 + 2*wordBytes + 2*nodeBytes
	for what, c := range map[string]struct {
		at   int
		to   []byte
		want string
	}{
		"feature":     {set + 1, []byte{1}, "split of feature 1 of 1"},
		"no words":    {set + 5, []byte{0}, "0 words of a set"},
		"many words":  {set + 5, []byte{0, 0, 0, 4}, "67108864 words of a set"},
		"no bits":     {set + 13, make([]byte, 8), "word 0 of a set after word -1, with bits 0"},
		"order":       {set + 9 + wordBytes, []byte{0}, "word 0 of a set after word 0"},
		"large":       {set + 9 + wordBytes, []byte{0, 0, 4}, "word 262144 of a set"},
		"cover below": {covers + 7, []byte{0xc0}, "cover is -"},
	} {
		b := slices.Clone(good)
		copy(b[c.at:], c.to)
		if _, err := Load(seal(b)); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", what, err, c.want)
		}
	}
	for n := range good {
		if _, err := Load(good[:n]); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
}
