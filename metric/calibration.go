package metric

import (
	"fmt"
	"math"
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
// normal; Low is Value less a quantile of what noise adds to a bin, |Z| where the sign is open and Z where the
// deviation is beyond four deviations.
func ECE(scores []float64, labels []bool, bins int, level float64) (Estimate, error) {
	return Groups(nil).ECE(scores, labels, bins, level)
}

// ECE is the function ECE for rows that depend on each other within a group. The lower end adds up the bins'
// deviations as if they moved together.
func (g Groups) ECE(scores []float64, labels []bool, bins int, level float64) (Estimate, error) {
	if err := g.checkBins(scores, labels, bins, level); err != nil {
		return Estimate{}, fmt.Errorf("ece: %w", err)
	}
	rows := float64(len(scores))
	gap := make([]float64, bins) // sum of label - score
	away := make([]float64, len(scores))
	for i, v := range scores {
		away[i] = -v
		if labels[i] {
			away[i]++
		}
		gap[binOf(v, bins)] += away[i]
	}
	e := Estimate{Rows: len(scores)}
	for _, v := range gap {
		e.Value += math.Abs(v) / rows
	}
	deviation, err := g.binDeviations(scores, away, gap, bins)
	if err != nil {
		return Estimate{}, fmt.Errorf("ece: %w", err)
	}
	const surely, meanOfFold = 4, 0.7978845608028654 // sqrt(2/pi)
	var square, lift, lowSquare, sum, lowSum float64
	for b, d := range deviation {
		square += d * d
		sum += d
		if math.Abs(gap[b])/rows > surely*d {
			lowSquare += d * d
			lowSum += d
			continue
		}
		lift += meanOfFold * d
		lowSquare += (1 - meanOfFold*meanOfFold) * d * d
		lowSum += math.Sqrt(1-meanOfFold*meanOfFold) * d
	}
	z := normalQuantile((1 + level) / 2)
	high, low := math.Sqrt(square), math.Sqrt(lowSquare)
	if g != nil {
		high, low = sum, lowSum
	}
	e.Low, e.High = max(0, e.Value-lift-z*low), min(1, e.Value+z*high)
	return e, nil
}

// binDeviations are the sampling deviations of gap/rows.
func (g Groups) binDeviations(scores, away, gap []float64, bins int) ([]float64, error) {
	rows := float64(len(scores))
	deviation := make([]float64, bins)
	if g == nil {
		if len(scores) < 2 {
			return nil, ErrFewRows
		}
		for i, v := range away {
			deviation[binOf(scores[i], bins)] += v * v
		}
		for b, square := range deviation {
			deviation[b] = math.Sqrt(max(0, square-gap[b]*gap[b]/rows)) / rows
		}
		return deviation, nil
	}
	type cell struct {
		bin   int
		group int32
	}
	sums := map[cell]float64{}
	for i, v := range away {
		sums[cell{binOf(scores[i], bins), g[i]}] += v
	}
	groups := float64(len(g.sums(away)))
	if groups < 2 {
		return nil, ErrFewRows
	}
	for c, v := range sums {
		deviation[c.bin] += v * v
	}
	for b, square := range deviation {
		deviation[b] = math.Sqrt(max(0, square-gap[b]*gap[b]/groups)*groups/(groups-1)) / rows
	}
	return deviation, nil
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
