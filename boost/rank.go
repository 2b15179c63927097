package boost

import (
	"cmp"
	"errors"
	"slices"
)

// Rank follows LambdaMART (Burges 2010, "From RankNet to LambdaRank to LambdaMART") as LightGBM computes it: a pair of rows
// of different relevance pushes the better one up by how likely they stand the wrong way round, times what swapping them would
// change of the query's NDCG. Pairs count less the further their scores are apart, and the sum of a query's pushes is
// tamed to its logarithm, so that long queries do not rule.

// beyond is how many rows after the At-th still form pairs with all others.
const beyond = 3

// query is one group of rows with what does not change: best is the NDCG's denominator, of the first At and At+beyond rows.
type query struct {
	start, end     int
	best, bestPair float64
}

// ranks are the queries of a table.
type ranks struct {
	at       int
	queries  []query
	discount []float64 // of each rank, from 0: 1/log2(2+rank)
	gains    []float64 // of each row: 2^label - 1
}

var errNoPairs = errors.New("boost: no group has rows of different relevance")

func newRanks(p Params, d Data) *ranks {
	r := &ranks{at: p.At, gains: make([]float64, d.Rows)}
	longest := slices.Max(d.Groups)
	for rank := range longest {
		r.discount = append(r.discount, ln2/logarithm(float64(2+rank)))
	}
	for i, y := range d.Labels {
		r.gains[i] = float64(uint64(1)<<uint64(y) - 1)
	}
	start := 0
	for _, n := range d.Groups {
		q := query{start: start, end: start + n}
		sorted := slices.Clone(r.gains[q.start:q.end])
		slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
		q.best, q.bestPair = r.dcg(sorted, r.at), r.dcg(sorted, r.at+beyond)
		r.queries = append(r.queries, q)
		start += n
	}
	return r
}

const ln2 = 6.93147180559945286227e-01

// dcg is the discounted gain of the first at rows.
func (r *ranks) dcg(gains []float64, at int) float64 {
	sum := 0.0
	for rank, gain := range gains[:min(at, len(gains))] {
		sum += float64(gain * r.discount[rank])
	}
	return sum
}

// order is the rows of a query by falling score; equal ones stay in their order.
func (q *query) order(scores []float64, space []int) []int {
	order := space[:0]
	for row := q.start; row < q.end; row++ {
		order = append(order, row)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order
}

// rankLoss is 1 - NDCG@At, the mean over the queries that have a relevant row.
func (t *target) rankLoss() float64 {
	r := t.ranks
	losses := make([]float64, len(r.queries))
	spaces := make([][]int, t.team.size())
	t.team.share(len(r.queries), func(worker, i int) {
		q := &r.queries[i]
		if q.best == 0 {
			return
		}
		spaces[worker] = q.order(t.scores, spaces[worker])
		sum := 0.0
		for rank, row := range spaces[worker][:min(r.at, q.end-q.start)] {
			sum += float64(r.gains[row] * r.discount[rank])
		}
		losses[i] = 1 - sum/q.best
	})
	sum, n := 0.0, 0.0
	for i, loss := range losses {
		if r.queries[i].best > 0 {
			sum += loss
			n++
		}
	}
	return sum / n
}

// deriveRanks computes the gradients and hessians of all rows, query by query.
func (t *target) deriveRanks() {
	spaces := make([][]int, t.team.size())
	t.team.share(len(t.ranks.queries), func(worker, i int) {
		q := &t.ranks.queries[i]
		clear(t.g[q.start:q.end])
		clear(t.h[q.start:q.end])
		if q.best > 0 {
			spaces[worker] = q.order(t.scores, spaces[worker])
			t.push(q, spaces[worker])
		}
	})
}

// push adds up the pairs of a query whose rows stand in this order.
func (t *target) push(q *query, order []int) {
	r := t.ranks
	apart := t.scores[order[0]] - t.scores[order[len(order)-1]]
	total := 0.0
	for i := range order[:min(r.at+beyond, len(order))] {
		for j := i + 1; j < len(order); j++ {
			better, worse := order[i], order[j]
			if r.gains[better] == r.gains[worse] {
				continue
			}
			if r.gains[better] < r.gains[worse] {
				better, worse = worse, better
			}
			lead := t.scores[better] - t.scores[worse]
			swap := float64(float64((r.gains[better]-r.gains[worse])*(r.discount[i]-r.discount[j])) / q.bestPair)
			if apart > 0 {
				swap /= 0.01 + max(lead, -lead)
			}
			wrong := t.curve.probability(-lead)
			g, h := float64(wrong*swap), float64(float64(wrong*(1-wrong))*swap)
			t.g[better] -= g
			t.g[worse] += g
			t.h[better] += h
			t.h[worse] += h
			total += 2 * g
		}
	}
	if total > 0 {
		factor := logarithm(1+total) / ln2 / total
		for row := q.start; row < q.end; row++ {
			t.g[row] *= factor
			t.h[row] *= factor
		}
	}
}

// hasPairs tells whether a group has rows of different relevance.
func (d Data) hasPairs() bool {
	start := 0
	for _, n := range d.Groups {
		labels := d.Labels[start : start+n]
		if slices.Min(labels) != slices.Max(labels) {
			return true
		}
		start += n
	}
	return false
}
