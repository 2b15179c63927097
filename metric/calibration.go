package metric

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Bin is one row of a calibration table.
type Bin struct {
	From  float64  `json:"from"`  // lowest score of the bin, included
	To    float64  `json:"to"`    // next bin's From; the last bin includes 1
	Rows  int      `json:"rows"`  // 0: Score and Rate were not measured
	Score float64  `json:"score"` // mean score
	Rate  Estimate `json:"rate"`  // share of positive labels, as for Precision
}

const mostBins = 10000

// binOf is the equal-width bin of a probability.
func binOf(score float64, bins int) int { return min(int(score*float64(bins)), bins-1) }

// Calibration is the table of mean score against share of positives in equal-width bins [k/bins, (k+1)/bins), the last
// one closed; all bins, empty ones too.
func Calibration(scores []float64, labels []bool, bins int, level float64) ([]Bin, error) {
	return Groups(nil).Calibration(scores, labels, bins, level)
}

// Calibration is the function Calibration for rows that depend on each other within a group.
func (g Groups) Calibration(scores []float64, labels []bool, bins int, level float64) ([]Bin, error) {
	if err := g.checkBins(scores, labels, bins, level); err != nil {
		return nil, fmt.Errorf("calibration: %w", err)
	}
	rows := make([][]int, bins)
	for i, v := range scores {
		b := binOf(v, bins)
		rows[b] = append(rows[b], i)
	}
	table := make([]Bin, bins)
	for b, in := range rows {
		table[b] = Bin{From: float64(b) / float64(bins), To: float64(b+1) / float64(bins), Rows: len(in)}
		if len(in) == 0 {
			continue
		}
		var sub Groups
		for _, i := range in {
			table[b].Score += scores[i] / float64(len(in))
			if g != nil {
				sub = append(sub, g[i])
			}
		}
		if g != nil && len(sub.sums(make([]float64, len(sub)))) < 2 { // one group says nothing of its like
			sub = nil
		}
		rate, err := sub.share(len(in),
			func(i int) bool { return labels[in[i]] },
			func(int) bool { return true }, level)
		if err != nil {
			return nil, fmt.Errorf("calibration: %w", err)
		}
		table[b].Rate = rate
	}
	return table, nil
}

// ECE is the expected calibration error: the sum over equal-width bins [k/bins, (k+1)/bins) of |share of positives -
// mean score| weighted by the bin's share of rows (Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017 use 15 bins).
//
// It is 0 for a calibrated model only in the population: in a sample it is too large by noise, more so with many bins
// and few rows. The interval covers the population's binned error and takes that noise into account at its lower end:
// High is Value + z sqrt(V), since the sum of the bins with their true signs is a lower bound of Value and is nearly
// normal; Low is Value less a quantile of what noise adds: |D| for a bin whose sign is open, D where the gap is beyond
// four deviations, D binomial (drawn 2,000 times from a fixed seed).
func ECE(scores []float64, labels []bool, bins int, level float64) (Estimate, error) {
	return Groups(nil).ECE(scores, labels, bins, level)
}

// ECE is the function ECE for rows that depend on each other within a group. D is then normal, and both ends add up the
// bins' deviations as if they moved together.
func (g Groups) ECE(scores []float64, labels []bool, bins int, level float64) (Estimate, error) {
	if err := g.checkBins(scores, labels, bins, level); err != nil {
		return Estimate{}, fmt.Errorf("ece: %w", err)
	}
	table := make([]binSum, bins)
	for i, v := range scores {
		b := &table[binOf(v, bins)]
		b.rows++
		b.scores += v
		if labels[i] {
			b.hits++
		}
	}
	e := Estimate{Rows: len(scores)}
	for _, b := range table {
		e.Value += math.Abs(b.hits-b.scores) / float64(e.Rows)
	}
	if err := g.binDeviations(scores, labels, table); err != nil {
		return Estimate{}, fmt.Errorf("ece: %w", err)
	}
	z := normalQuantile((1 + level) / 2)
	var square, sum, lift float64
	for _, b := range table {
		square += b.deviation * b.deviation
		sum += b.deviation
		if b.sure() {
			lift += z * b.deviation
		} else {
			lift += (meanOfFold + z*deviationOfFold) * b.deviation
		}
	}
	if g != nil {
		e.Low, e.High = e.Value-lift/float64(e.Rows), e.Value+z*sum/float64(e.Rows)
	} else {
		e.Low, e.High = e.Value-noise(table, (1+level)/2)/float64(e.Rows), e.Value+z*math.Sqrt(square)/float64(e.Rows)
	}
	e.Low, e.High = max(0, e.Low), min(1, e.High)
	return e, nil
}

const (
	meanOfFold      = 0.7978845608028654 // of |Z|, Z standard normal: sqrt(2/pi)
	deviationOfFold = 0.6028102749890869 // sqrt(1 - 2/pi)
)

// binSum is a bin of the expected calibration error, in rows.
type binSum struct {
	rows, hits, scores, deviation float64
}

// sure tells whether the sign of the bin's gap is beyond doubt.
func (b binSum) sure() bool { return math.Abs(b.hits-b.scores) > 4*b.deviation }

// rate is the share of positives that makes the bin noisiest: the found one or the promised one.
func (b binSum) rate() float64 {
	found, promised := b.hits/b.rows, b.scores/b.rows
	if math.Abs(found-.5) < math.Abs(promised-.5) {
		return found
	}
	return promised
}

// noise is the quantile p of what chance adds to the sum of absolute gaps.
func noise(table []binSum, p float64) float64 {
	const draws = 2000
	added := make([]float64, draws)
	state := uint64(0x9E3779B97F4A7C15)
	for _, b := range table {
		if b.rows == 0 {
			continue
		}
		var of func(u float64) float64
		switch {
		case b.sure():
			of = func(u float64) float64 { return b.deviation * normalQuantile(u) }
		case b.rows*b.rate()*(1-b.rate()) > 25:
			of = func(u float64) float64 { return math.Abs(b.deviation * normalQuantile(u)) }
		default:
			of = b.binomial()
		}
		for i := range added {
			state ^= state << 13 // xorshift64 (Marsaglia 2003)
			state ^= state >> 7
			state ^= state << 17
			added[i] += of((float64(state>>11) + .5) / (1 << 53))
		}
	}
	slices.Sort(added)
	return added[min(draws-1, int(math.Ceil(p*draws))-1)]
}

// binomial draws |D| of a bin with few expected positives or negatives, by inversion.
func (b binSum) binomial() func(u float64) float64 {
	rate := b.rate()
	if rate > .5 {
		rate = 1 - rate
	}
	var upTo []float64 // distribution function by hits
	chance, total := math.Exp(b.rows*math.Log1p(-rate)), 0.0
	for hits := 0.0; hits < b.rows && total < 1-1e-12; hits++ {
		total += chance
		upTo = append(upTo, total)
		chance *= (b.rows - hits) / (hits + 1) * rate / (1 - rate)
	}
	return func(u float64) float64 {
		hits := 0
		for hits < len(upTo) && upTo[hits] < u {
			hits++
		}
		return math.Abs(float64(hits) - b.rows*rate)
	}
}

// binDeviations fills in the deviations of the gaps, at least those of independent rows at the bin's rate.
func (g Groups) binDeviations(scores []float64, labels []bool, table []binSum) error {
	if len(scores) < 2 {
		return ErrFewRows
	}
	away := make([]float64, len(scores))
	for i, v := range scores {
		away[i] = -v
		if labels[i] {
			away[i]++
		}
	}
	type cell struct {
		bin   int
		group int32
	}
	units, square := float64(len(scores)), make([]float64, len(table))
	if g == nil {
		for i, v := range away {
			square[binOf(scores[i], len(table))] += v * v
		}
	} else {
		sums := map[cell]float64{}
		for i, v := range away {
			sums[cell{binOf(scores[i], len(table)), g[i]}] += v
		}
		cells := make([]cell, 0, len(sums))
		for c := range sums {
			cells = append(cells, c)
		}
		slices.SortFunc(cells, func(a, b cell) int { return cmp.Or(a.bin-b.bin, cmp.Compare(a.group, b.group)) })
		for _, c := range cells {
			square[c.bin] += sums[c] * sums[c]
		}
		if units = float64(len(g.sums(away))); units < 2 {
			return ErrFewRows
		}
	}
	for i := range table {
		b := &table[i]
		if b.rows == 0 {
			continue
		}
		gap := b.hits - b.scores
		b.deviation = math.Sqrt(max((square[i]-gap*gap/units)*units/(units-1), b.rows*b.rate()*(1-b.rate())))
	}
	return nil
}

// checkBins guards the metrics by bin.
func (g Groups) checkBins(scores []float64, labels []bool, bins int, level float64) error {
	if err := g.checkProbabilities(scores, labels, level); err != nil {
		return err
	}
	if bins < 1 || bins > mostBins {
		return fmt.Errorf("%d bins: %w", bins, ErrOutOfRange)
	}
	return nil
}
