package boost

import (
	"context"
	"math"
	"slices"
	"testing"
)

func strangeFloats() []float32 {
	inf := float32(math.Inf(1))
	negativeZero := float32(math.Copysign(0, -1))
	return []float32{-inf, -math.MaxFloat32, -1, -math.SmallestNonzeroFloat32, negativeZero, 0,
		math.SmallestNonzeroFloat32, 1, 1.0000001, math.MaxFloat32, inf}
}

func TestOrderedKeysSortLikeFloats(t *testing.T) {
	xs := strangeFloats()
	for i, a := range xs {
		if back := keyedFloat(orderedKey(a)); back != a {
			t.Errorf("key of %v comes back as %v", a, back)
		}
		for j, b := range xs {
			if (orderedKey(a) < orderedKey(b)) != (a < b) {
				t.Errorf("keys of %v (%d) and %v (%d) are ordered otherwise", a, i, b, j)
			}
		}
	}
}

func TestEachOfFewValuesHasItsOwnBin(t *testing.T) {
	var keys []uint32
	for _, x := range strangeFloats() {
		keys = append(keys, orderedKey(x), orderedKey(x))
	}
	slices.Sort(keys)
	cuts := cutsOf(keys, make([]uint32, len(keys)), 255)
	if len(cuts) != 9 { // eleven floats, of which -0 and 0 are one value: ten bins
		t.Fatalf("%d cuts: %v", len(cuts), cuts)
	}
	tree := newSearchTree(cuts)
	bins := make([]uint8, len(strangeFloats()))
	tree.bins(strangeFloats(), 1, bins)
	if want := []uint8{1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10}; !slices.Equal(bins, want) {
		t.Errorf("bins %v, want %v", bins, want)
	}
}

func TestBinsAreWhatTheCutsSay(t *testing.T) {
	for _, bins := range []int{2, 3, 17, 255} {
		d := world{rows: 5003, columns: 5, seed: uint64(bins), missing: 0.1}.table(Squared, 0)
		p := DefaultParams(Squared)
		p.Bins = bins
		table, err := newTable(context.Background(), d, p, &crew{workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		for c, feature := range table.source {
			cuts := table.cuts[c]
			if len(cuts) >= bins || !slices.IsSorted(cuts) {
				t.Fatalf("%d bins asked, cuts %v", bins, cuts)
			}
			rows := make([]int, len(cuts)+2)
			for r := range d.Rows {
				x := d.Values[r*5+feature]
				want := 0
				if x == x {
					want = 1
					for want <= len(cuts) && x > cuts[want-1] {
						want++
					}
				}
				b := table.blocks[0]
				if got := table.columns[c][r]; int(got) != want || b.bins[r*b.stride+c] != got {
					t.Fatalf("value %v: bins %d and %d, want %d", x, got, b.bins[r*b.stride+c], want)
				}
				rows[want]++
			}
			if feature%4 == 2 {
				continue // few values
			}
			for bin, n := range rows[1:] {
				if n < d.Rows*9/10/bins/2 || n > d.Rows*9/10/bins*2+2 {
					t.Errorf("feature %d: bin %d of %d holds %d of %d rows", feature, bin, bins, n, d.Rows)
				}
			}
		}
	}
}

func TestAValueThatFillsABinGetsItAlone(t *testing.T) {
	keys := make([]uint32, 0, 3000)
	for i := range 1000 {
		keys = append(keys, orderedKey(float32(i)), orderedKey(500), orderedKey(500))
	}
	cuts := cutsOf(keys, make([]uint32, len(keys)), 10)
	if !slices.Contains(cuts, 499.5) || !slices.Contains(cuts, 500.5) {
		t.Errorf("cuts %v do not isolate 500", cuts)
	}
}

func TestRadixSortSorts(t *testing.T) {
	keys := make([]uint32, 10_000)
	for i := range keys {
		keys[i] = uint32(mix(uint64(i)))
	}
	want := slices.Sorted(slices.Values(keys))
	sortKeys(keys, make([]uint32, len(keys)))
	if !slices.Equal(keys, want) {
		t.Error("not sorted")
	}
}

func TestSampleTakesOneRowOfEachStretch(t *testing.T) {
	rows := 3*sampleRows + 17
	picked := sampled(rows, 5)
	if len(picked) != sampleRows || !slices.IsSorted(picked) || picked[len(picked)-1] >= rows {
		t.Error("sample is not one row per stretch")
	}
	if few := sampled(10, 5); !slices.Equal(few, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("sample of few rows is %v", few)
	}
}
