package boost

import (
	"context"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// categorical is a table whose first column has n categories with an effect each, skewed in frequency, and whose second is
// a number; some categories are missing.
func categorical(o Objective, rows, n int, seed uint64) Data {
	d := Data{Features: []string{"code", "x"}, Categories: []int{n, 0}, Rows: rows}
	for r := range rows {
		u := uniform(seed, uint64(4*r))
		code := float32(int(u * u * float64(n)))
		effect := 4*uniform(77, uint64(code)) - 2
		x := uniform(seed, uint64(4*r+1))
		noise := uniform(seed, uint64(4*r+2)) - 0.5
		if uniform(seed, uint64(4*r+3)) < 0.05 {
			code, effect = nan32, 0
		}
		d.Values = append(d.Values, code, float32(x))
		y := effect + x + noise
		switch o {
		case Binary:
			y = math.Round(sigmoid(4 * y))
		case Poisson, Tweedie:
			y = exp(y)
		}
		d.Labels = append(d.Labels, y)
	}
	return d
}

// drawCells are the cells of a column of n categories, all with a gradient of their own.
func drawCells(t *rapid.T, n int, missing bool) (cells []cell, total cell) {
	cells = make([]cell, n+1)
	for i := range cells {
		rows := rapid.Int64Range(0, 9).Draw(t, "rows")
		if i == 0 && !missing {
			rows = 0
		}
		cells[i] = cell{g: rapid.Int64Range(-1000, 1000).Draw(t, "g") * rows, h: rows * 10, n: rows}
		total = total.plus(cells[i])
	}
	return cells, total
}

// leftOf sums the cells of a set.
func leftOf(cells []cell, has func(bin int) bool) (left cell) {
	for bin := 1; bin < len(cells); bin++ {
		if has(bin) {
			left = left.plus(cells[bin])
		}
	}
	return left
}

func TestTheSetFoundIsTheBestOfAllSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(5, 10).Draw(t, "categories")
		cells, total := drawCells(t, n, false)
		r := rules{minH: 1, minRows: 1, category: categoryRules{most: maxBins}}
		if total.n == 0 {
			return
		}
		got := r.searchSets(cells, 0, total, r.threshold(total))
		best := r.score(total)
		for set := range 1 << n {
			left := leftOf(cells, func(bin int) bool { return set>>(bin-1)&1 == 1 })
			if right := total.minus(left); left.n > 0 && right.n > 0 {
				best = max(best, r.score(left)+r.score(right))
			}
		}
		if score := got.over / got.under; math.Abs(score-best) > 1e-9*best {
			t.Fatalf("score %v, the best set has %v", score, best)
		}
	})
}

func TestSetsKeepTheirLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "categories")
		cells, total := drawCells(t, n, true)
		r := rules{l2: 5, minH: 20, minRows: rapid.Int64Range(1, 12).Draw(t, "min rows"), category: categoryRules{
			smooth: 3, l2: 10, least: rapid.Int64Range(0, 4).Draw(t, "least"),
			rows: rapid.Int64Range(0, 20).Draw(t, "group rows"), most: rapid.IntRange(1, 10).Draw(t, "most"),
		}}
		got := r.searchSets(cells, 7, total, r.threshold(total))
		if !got.found {
			return
		}
		size := 0
		left := leftOf(cells, func(bin int) bool {
			if got.set[0].has(uint8(bin)) == 0 {
				return false
			}
			size++
			if n > fewCategories && cells[bin].n < r.category.least {
				t.Fatalf("bin %d of %d rows is in the set", bin, cells[bin].n)
			}
			return true
		})
		if left != got.left || len(got.set) != 1 || got.set[0].has(0) == 1 || got.column != 7 {
			t.Fatalf("left is %v, the set's rows sum to %v", got.left, left)
		}
		right := total.minus(left)
		if left.n < r.minRows || right.n < r.minRows || left.h < r.minH || right.h < r.minH {
			t.Fatalf("sides %v and %v", left, right)
		}
		if sorted := n > fewCategories; got.sorted != sorted || size > r.category.most && sorted || size != 1 && !sorted {
			t.Fatalf("%d of %d categories, sorted %v", size, n, got.sorted)
		}
	})
}

func TestCategoriesAreLearned(t *testing.T) {
	for _, n := range []int{3, 4, 12, 200, 600} {
		d, v := categorical(Squared, 20_000, n, 1), categorical(Squared, 5000, n, 2)
		loss := lossOf(mustTrain(t, DefaultParams(Squared), d, &v, nil), v)
		numbers := d
		numbers.Categories = nil
		asNumbers := lossOf(mustTrain(t, DefaultParams(Squared), numbers, nil, nil), v)
		t.Logf("%d categories: squared error %.4f, as numbers %.4f", n, loss, asNumbers)
		// The noise alone has a variance of 1/12; the effects have one of 4/3, which categories of few rows keep.
		bound := 0.09
		if n >= 200 {
			bound = 0.11
		}
		if loss > bound {
			t.Errorf("%d categories: squared error %v", n, loss)
		}
		if n >= 200 && loss > asNumbers {
			t.Errorf("%d categories: %v, as numbers %v", n, loss, asNumbers)
		}
	}
}

func TestUnknownCategoriesGoWithTheMissing(t *testing.T) {
	d := categorical(Squared, 5000, 20, 1)
	m := mustTrain(t, DefaultParams(Squared), d, nil, nil)
	out, want := make([]float64, 1), make([]float64, 1)
	m.Predict([]float32{nan32, 0.5}, want)
	for _, code := range []float32{-1, -0.5, 20, 21, 1e9, float32(math.Inf(1)), float32(math.Inf(-1))} {
		if m.Predict([]float32{code, 0.5}, out); out[0] != want[0] {
			t.Errorf("code %v is predicted %v, missing %v", code, out[0], want[0])
		}
	}
}

func TestFrequentCategoriesHaveBins(t *testing.T) {
	for _, c := range []struct{ rows, n, columns int }{{30_000, 1000, 4}, {200_000, 9000, 16}} {
		d := categorical(Squared, c.rows, c.n, 1)
		table, err := newTable(context.Background(), d, DefaultParams(Squared), &crew{workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		counts, bins := make([]int, c.n), map[int][2]int{}
		for r := range c.rows {
			if code := categoryOf(d.Values[2*r], c.n); code >= 0 {
				counts[code]++
			}
		}
		if table.spans[0] != c.columns || table.spans[c.columns] != 1 {
			t.Fatalf("%d categories: columns begin as %v", c.n, table.spans)
		}
		last := math.MaxInt
		for column := range c.columns {
			for i, code := range table.codes[column] {
				if counts[code] > last || counts[code] < 10 {
					t.Fatalf("category %d of %d rows comes after one of %d", code, counts[code], last)
				}
				last = counts[code]
				bins[int(code)] = [2]int{column, i + 1}
			}
		}
		for code, count := range counts {
			if _, has := bins[code]; !has && count > last {
				t.Errorf("category %d of %d rows has no bin, one of %d has", code, count, last)
			}
		}
		for r := range c.rows {
			want, has := bins[categoryOf(d.Values[2*r], c.n)]
			for column := range c.columns {
				bin := int(table.columns[column][r])
				if here := has && want[0] == column; here && bin != want[1] || !here && bin != 0 {
					t.Fatalf("category %v has bin %d in column %d, want %v", d.Values[2*r], bin, column, want)
				}
			}
		}
	}
}

// Most of a million categories have a row or two, which say nothing; splits name a few of the others, and the other column
// keeps its say.
func TestAMillionCategoriesStayBounded(t *testing.T) {
	const rows = 100_000
	d := Data{Features: []string{"code", "x"}, Categories: []int{maxCodes, 0}, Rows: rows}
	for r := range rows {
		x := uniform(3, uint64(2*r))
		d.Values = append(d.Values, float32(math.Trunc(math.Pow(uniform(3, uint64(2*r+1)), 5)*maxCodes)), float32(x))
		d.Labels = append(d.Labels, math.Round(x))
	}
	p := DefaultParams(Binary)
	p.Trees = 10
	m := mustTrain(t, p, d, nil, nil)
	if b := modelBytes(t, m); len(b) > 100_000 {
		t.Errorf("model of %d bytes", len(b))
	}
	if gain := m.Importance(); gain[0] > gain[1]/100 {
		t.Errorf("importance %v", gain)
	}
}

func TestACategoryAgainstMissingSplits(t *testing.T) {
	d := Data{Features: []string{"code"}, Categories: []int{5}, Rows: 200}
	for r := range d.Rows {
		if r%2 == 0 {
			d.Values, d.Labels = append(d.Values, nan32), append(d.Labels, 1)
		} else {
			d.Values, d.Labels = append(d.Values, 3), append(d.Labels, 5)
		}
	}
	p := DefaultParams(Squared)
	p.Rate, p.Trees, p.L2 = 1, 1, 0
	out := make([]float64, 2)
	mustTrain(t, p, d, nil, nil).PredictBatch([]float32{3, nan32}, 2, out, 1)
	if math.Abs(out[0]-5) > 1e-6 || math.Abs(out[1]-1) > 1e-6 {
		t.Errorf("predicted %v", out)
	}
}

func TestCategoriesOfTheSameFrequencyKeepTheirOrder(t *testing.T) {
	d := Data{Features: []string{"code"}, Categories: []int{9}, Rows: 6, Values: []float32{7, 2, 7, 2, 5, nan32}, Labels: make([]float64, 6)}
	p := DefaultParams(Squared)
	codes, others := findCodes(d, 0, p)
	if !slices.Equal(codes, []uint32{2, 7, 5}) || !others {
		t.Errorf("codes %v, others %v", codes, others)
	}
	d.Rows, d.Values = 9, append(d.Values, 1, 8, 0) // more than a few: now one needs rows
	p.CategorySmooth = 2
	if codes, others = findCodes(d, 0, p); !slices.Equal(codes, []uint32{2, 7}) || !others {
		t.Errorf("at least two rows: codes %v, others %v", codes, others)
	}
}

// Sets over several columns: the split of a leaf is the same whichever columns its categories are in.
func TestCategoriesInOtherColumnsSplitTheSame(t *testing.T) {
	d := categorical(Squared, 20_000, 700, 1)
	p := DefaultParams(Squared)
	p.Trees, p.Rate, p.Leaves = 1, 1, 2
	m := mustTrain(t, p, d, nil, nil)
	left := map[uint32]bool{}
	for i, n := range m.nodes {
		if n.kind >= asksSet {
			for _, code := range m.sets.codes(m.nodes[i].cut) {
				left[code] = true
			}
		}
	}
	if len(left) == 0 || len(left) > p.CategoryMost {
		t.Fatalf("%d categories go left", len(left))
	}
	// The mean of each side is what the tree answers.
	sums, rows := [2]float64{}, [2]float64{}
	for r, y := range d.Labels {
		side := 1
		if x := d.Values[2*r]; x == x && left[uint32(x)] {
			side = 0
		}
		sums[side] += y
		rows[side]++
	}
	out := make([]float64, d.Rows)
	m.PredictBatch(d.Values, d.Rows, out, 1)
	for r, got := range out {
		side := 1
		if x := d.Values[2*r]; x == x && left[uint32(x)] {
			side = 0
		}
		if want := sums[side] / rows[side]; math.Abs(got-want) > 0.01*math.Abs(want)+0.01 {
			t.Fatalf("row %d is predicted %v, its side has the mean %v", r, got, want)
		}
	}
}
