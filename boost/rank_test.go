package boost

import (
	"math"
	"slices"
	"sort"
	"testing"
)

// queries is a table of queries of 1 to 30 rows, whose relevance 0 to 4 comes from a score of the first columns and noise.
func queries(rows int, seed uint64) Data {
	d := world{rows: rows, columns: 6, seed: seed, missing: 0.05}.table(Squared, 0)
	for i, s := range d.Labels {
		d.Labels[i] = math.Trunc(min(max(s+1, 0), 4))
	}
	for left := rows; left > 0; {
		n := min(left, 1+int(30*uniform(seed+2, uint64(left))))
		d.Groups = append(d.Groups, n)
		left -= n
	}
	return d
}

// ndcg is computed from its definition, equal scores in the order of the rows; queries without relevance are left out.
func ndcg(d Data, scores []float64, at int) float64 {
	sum, n, start := 0.0, 0.0, 0
	for _, size := range d.Groups {
		order := make([]int, size)
		for i := range order {
			order[i] = start + i
		}
		gain := func(rows []int) (sum float64) {
			for rank, row := range rows[:min(at, len(rows))] {
				sum += (math.Pow(2, d.Labels[row]) - 1) / math.Log2(float64(rank+2))
			}
			return sum
		}
		sort.SliceStable(order, func(i, j int) bool { return scores[order[i]] > scores[order[j]] })
		got := gain(order)
		sort.SliceStable(order, func(i, j int) bool { return d.Labels[order[i]] > d.Labels[order[j]] })
		if best := gain(order); best > 0 {
			sum, n = sum+got/best, n+1
		}
		start += size
	}
	return sum / n
}

func TestRankReportsAndRaisesNDCG(t *testing.T) {
	d, v := queries(6000, 1), queries(3000, 5)
	p := DefaultParams(Rank)
	p.Trees, p.At, p.Leaves = 40, 5, 15
	train, validation := 0.0, 0.0
	m := mustTrain(t, p, d, &v, func(_ int, a, b float64) { train, validation = a, b })
	for name, c := range map[string]struct {
		d    Data
		loss float64
	}{"train": {d, train}, "validation": {v, validation}} {
		out := make([]float64, c.d.Rows)
		m.PredictBatch(c.d.Values, c.d.Rows, out, 1)
		if want := 1 - ndcg(c.d, out, 5); math.Abs(c.loss-want) > 1e-12 {
			t.Errorf("%s: loss %v, predictions have %v", name, c.loss, want)
		}
	}
	out := make([]float64, v.Rows)
	none := ndcg(v, out, 5)
	squares := v
	squares.Groups = nil
	if got := 1 - validation; got < none+0.1 {
		t.Errorf("NDCG@5 is %v, in the order of the rows %v", got, none)
	}
	t.Logf("NDCG@5 %.4f, in the order of the rows %.4f", 1-validation, none)
}

// The pushes of one query, pair by pair from the formula with the library's functions.
func TestPushesAreThoseOfTheFormula(t *testing.T) {
	d := queries(400, 3)
	p := DefaultParams(Rank)
	p.At = 4
	target := newTargetOf(p, d)
	target.readyToTrain()
	for i := range target.scores {
		target.scores[i] = 3 * (uniform(8, uint64(i)) - 0.5)
	}
	target.derive(0)
	start := 0
	for _, size := range d.Groups {
		g, h := make([]float64, size), make([]float64, size)
		rank := make([]int, size)
		best := 0.0
		labels := slices.Clone(d.Labels[start : start+size])
		slices.SortFunc(labels, func(a, b float64) int { return int(b - a) })
		for i, y := range labels[:min(p.At+beyond, size)] {
			best += (math.Pow(2, y) - 1) / math.Log2(float64(i+2))
		}
		scores := target.scores[start : start+size]
		for i := range size {
			for j := range size {
				if scores[j] > scores[i] {
					rank[i]++
				}
			}
		}
		total := 0.0
		for i := range size {
			for j := range size {
				yi, yj := d.Labels[start+i], d.Labels[start+j]
				if yi <= yj || min(rank[i], rank[j]) >= p.At+beyond {
					continue
				}
				swap := (math.Pow(2, yi) - math.Pow(2, yj)) / best *
					math.Abs(1/math.Log2(float64(rank[i]+2))-1/math.Log2(float64(rank[j]+2))) / (0.01 + math.Abs(scores[i]-scores[j]))
				wrong := 1 / (1 + math.Exp(scores[i]-scores[j]))
				g[i] -= wrong * swap
				g[j] += wrong * swap
				h[i] += wrong * (1 - wrong) * swap
				h[j] += wrong * (1 - wrong) * swap
				total += 2 * wrong * swap
			}
		}
		factor := 1.0
		if total > 0 {
			factor = math.Log2(1+total) / total
		}
		for i := range size {
			if math.Abs(target.g[start+i]-g[i]*factor) > 1e-4 || math.Abs(target.h[start+i]-h[i]*factor) > 1e-4 {
				t.Fatalf("row %d: gradient %v and hessian %v, want %v and %v", start+i, target.g[start+i], target.h[start+i],
					g[i]*factor, h[i]*factor)
			}
		}
		start += size
	}
}

func TestQueriesInAnotherOrderPushTheSame(t *testing.T) {
	d := queries(600, 3)
	p := DefaultParams(Rank)
	a := newTargetOf(p, d)
	a.readyToTrain()
	a.derive(0)
	back := Data{Features: d.Features, Rows: d.Rows}
	end := d.Rows
	for _, size := range slices.Backward(d.Groups) {
		start := end - size
		back.Groups = append(back.Groups, size)
		back.Labels = append(back.Labels, d.Labels[start:end]...)
		back.Values = append(back.Values, d.Values[start*6:end*6]...)
		end = start
	}
	b := newTargetOf(p, back)
	b.readyToTrain()
	b.derive(0)
	at, end := 0, d.Rows
	for _, size := range back.Groups {
		end -= size
		if !sameBits(b.g[at:at+size], a.g[end:end+size]) || !sameBits(b.h[at:at+size], a.h[end:end+size]) {
			t.Fatalf("query at row %d has other gradients at row %d", end, at)
		}
		at += size
	}
}
