package boost

import (
	"context"
	"slices"
	"testing"
)

func smallTable(t testing.TB, rows, columns int) *table {
	t.Helper()
	d := world{rows: rows, columns: columns, seed: 3, missing: 0.1}.table(Squared, 0)
	table, err := newTable(context.Background(), d, DefaultParams(Squared), &crew{workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// naive sums the entries cell by cell.
func naive(t *table, p packing, entries []uint64) histogram {
	h := make(histogram, t.cells())
	for _, e := range entries {
		c := cell{g: int64(int16(e)), h: int64(e >> 16 & 0xffff), n: 1}
		switch {
		case p.sums == gradientSums:
			c.g, c.h = int64(int32(e)), 0
		case p.sums == hessianSums:
			c = cell{h: int64(int32(e))}
		case p.constant:
			c.g, c.h = int64(int32(e)), 1
		}
		for col := range t.source {
			at := t.first[col] + int(t.columns[col][rowOf(e)])
			h[at] = h[at].plus(c)
		}
	}
	return h
}

var packings = map[string]packing{"constant": constantPacking, "plain": plainPacking, "weighted": weightedPacking,
	"wide": widePacking, "hessian": hessianPacking}

// drawEntries gives random rows gradients up to the limits of the packing.
func drawEntries(p packing, n, rows int, extreme bool) []uint64 {
	entries := make([]uint64, n)
	for i := range entries {
		r := mix(uint64(i))
		g := int64(r%uint64(2*p.gLimit+1)) - p.gLimit
		h := int64(mix(r) % uint64(p.hLimit+1))
		if extreme {
			g, h = p.gLimit, p.hLimit
			if i >= n/2 {
				g = -p.gLimit - 1 // one below the limit, as rounding may leave it
				if p.constant {
					g++
				}
			}
		}
		row := uint64(i % rows)
		if p.constant {
			entries[i] = row<<32 | uint64(uint32(g))
		} else {
			entries[i] = row<<32 | uint64(h)<<16 | uint64(uint16(g))
		}
	}
	return entries
}

func TestPackedSumsAreExact(t *testing.T) {
	for _, columns := range []int{1, 3, 4, 7, 12, 19, 33, 70, 131} {
		table := smallTable(t, 3000, columns)
		for name, p := range packings {
			a := newAccumulator(table)
			for _, n := range []int{0, 1, 63, 64, 65, 2047, 2048, 2049, 8193, 20_001} {
				entries := drawEntries(p, n, table.rows, false)
				got := make(histogram, table.cells())
				a.add(table, p, entries, got)
				if !slices.Equal(got, naive(table, p, entries)) {
					t.Fatalf("%d columns, %s, %d rows: sums differ", columns, name, n)
				}
			}
		}
	}
}

// All rows in one bin at the limits of gradient and hessian, beyond 2^20 rows: the first place where a packed sum would
// run over.
func TestLargestGradientsDoNotOverflow(t *testing.T) {
	const rows = 1 << 21
	d := Data{Features: []string{"x"}, Rows: rows, Values: make([]float32, rows), Labels: make([]float64, rows)}
	d.Values[0] = 1
	table, err := newTable(context.Background(), d, DefaultParams(Squared), &crew{workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range packings {
		for _, half := range []int{0, 1} {
			entries := drawEntries(p, 2*rows, rows, true)[half*rows : half*rows+rows]
			got := make(histogram, table.cells())
			newAccumulator(table).add(table, p, entries, got)
			if !slices.Equal(got, naive(table, p, entries)) {
				t.Errorf("%s: sums over %d rows differ", name, rows)
			}
		}
	}
}

func TestPartitionKeepsOrderForAnyCrew(t *testing.T) {
	table := smallTable(t, 3000, 5)
	for _, n := range []int{0, 1, 1000, 2 * partRows, 3*partRows + 77} {
		for _, c := range []candidate{{column: 1, bin: 50}, {column: 1, bin: 50, missingRight: 1}, {column: 2, bin: 255, missingRight: 1}} {
			entries := make([]uint64, n)
			for i := range entries {
				entries[i] = mix(uint64(i))%3000<<32 | uint64(i)
			}
			var left, right []uint64
			for _, e := range entries {
				bin := table.columns[c.column][rowOf(e)]
				if bin == 0 && c.missingRight == 0 || bin != 0 && bin <= c.bin {
					left = append(left, e)
				} else {
					right = append(right, e)
				}
			}
			for workers := 1; workers <= 3; workers++ {
				got := slices.Clone(entries)
				if k := partition(table, c, got, make([]uint64, n), &crew{workers: workers}); k != len(left) {
					t.Fatalf("%d of %d rows went left, want %d", k, n, len(left))
				}
				if !slices.Equal(got, append(slices.Clone(left), right...)) {
					t.Fatalf("%d rows, %d workers: order differs", n, workers)
				}
			}
		}
	}
}

func TestSearchFindsWhatTryingEverythingFinds(t *testing.T) {
	for seed := range uint64(300) {
		cells := make([]cell, 2+int(mix(seed)%12))
		var total cell
		for i := range cells {
			n := int64(uniform(seed, uint64(10*i)) * 9)
			if i == 0 && seed%3 == 0 {
				n = 0
			}
			cells[i] = cell{g: int64((uniform(seed, uint64(10*i+1)) - 0.5) * 1000 * float64(n)), h: n * 50, n: n}
			total = total.plus(cells[i])
		}
		r := rules{l2: 10, minGain: 1, minH: 100, minRows: 3}
		got := r.search(cells, 0, total, r.threshold(total))
		best := r.score(total) + r.minGain
		found := false
		for bin := 1; bin < len(cells); bin++ {
			for _, missing := range []bool{false, true} {
				left := cell{}
				for i, c := range cells {
					if i == 0 && missing || i > 0 && i <= bin {
						left = left.plus(c)
					}
				}
				right := total.minus(left)
				if left.n < 3 || right.n < 3 || left.h < 100 || right.h < 100 {
					continue
				}
				if s := r.score(left) + r.score(right); s > best*(1+1e-12) {
					best, found = s, true
				}
			}
		}
		if found != got.found {
			t.Fatalf("seed %d: found %v, want %v", seed, got.found, found)
		}
		if found && (got.over/got.under < best*(1-1e-9) || got.over/got.under > best*(1+1e-9)) {
			t.Fatalf("seed %d: score %v, want %v", seed, got.over/got.under, best)
		}
	}
}
