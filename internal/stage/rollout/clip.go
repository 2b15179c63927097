package rollout

import (
	"math"

	"rondo.dev/rondo/internal/rondo"
)

// MostClipped is the share of clipped rows beyond which a verdict on the clipped mean is none on the mean (S2).
const MostClipped = 0.02

// Clip bounds what one row of an unbounded loss may say: d = loss(champion) - loss(challenger) counts as Bound at most, and
// as -Bound at least. The bound is fixed before the first row.
type Clip struct {
	Bound  float64 `json:"bound"`
	Begun  int     `json:"begun"`  // how often the trial was begun
	Above  int     `json:"above"`  // rows whose d was more than Bound
	Beyond [12]int `json:"beyond"` // rows whose |d| was more than Bound, twice that, four times ...
	Gain   float64 `json:"gain"`   // sum over rows of d, clipped
}

func newClip(s Scale) *Clip {
	if s.Bound == nil {
		return nil
	}
	return &Clip{Bound: *s.Bound, Begun: s.Begun}
}

// add counts rows and gives the sum of their clipped d.
func (c *Clip) add(champion, challenger []float64) (gain float64) {
	for i, loss := range champion {
		d := loss - challenger[i]
		bound := c.Bound
		for j := 0; j < len(c.Beyond) && math.Abs(d) > bound; j++ {
			c.Beyond[j]++
			bound *= 2
		}
		if d > c.Bound {
			c.Above++
		}
		gain += min(max(d, -c.Bound), c.Bound)
	}
	c.Gain += gain
	return gain
}

func tooMany(clipped, rows int) bool { return float64(clipped) > MostClipped*float64(rows) }

// Wider is the bound for rows to come, twice as wide until half as many of these rows would have been clipped as may be.
func (c *Clip) Wider(rows int) float64 {
	bound := c.Bound
	for _, clipped := range c.Beyond[1:] {
		bound *= 2
		if !tooMany(2*clipped, rows) {
			break
		}
	}
	return bound
}

// numbers are what a verdict says of its clip: the share, and the clipped mean beside the mean.
func (c *Clip) numbers(gain float64, rows int) []rondo.Fact {
	if c == nil {
		return nil
	}
	facts := []rondo.Fact{rondo.Numeric("clipped beyond", c.Bound)}
	if rows == 0 {
		return facts
	}
	n := float64(rows)
	return append(facts, rondo.Numeric("clipped share of rows", float64(c.Beyond[0])/n),
		rondo.Numeric("gain a row, clipped", c.Gain/n), rondo.Numeric("gain a row, not clipped", gain/n))
}

// Pair is the losses of champion and challenger on the rows of a day.
type Pair struct{ Champion, Challenger []float64 }

// Measure makes a scale of days before a trial. The bound, where the loss has none of its own, is what validation said
// unless too many rows of these days would be clipped at it: a champion that decayed since loses more than it did then.
func Measure(days []Pair, bound *float64, begun int) Scale {
	s := Scale{Begun: begun, Bound: bound}
	rows := 0
	for _, d := range days {
		rows += len(d.Champion)
	}
	if bound != nil {
		clip := Clip{Bound: *bound}
		for _, d := range days {
			clip.add(d.Champion, d.Challenger)
		}
		if tooMany(clip.Beyond[0], rows) {
			wider := clip.Wider(rows)
			s.Bound = &wider
		}
	}
	for _, d := range days {
		mean, ok := dailyMean(d, s.Bound)
		if !ok {
			continue
		}
		s.Past = append(s.Past, mean)
		for _, loss := range d.Champion {
			if s.Bound != nil {
				loss = min(loss, *s.Bound)
			}
			s.Loss += loss
		}
	}
	s.Loss /= float64(rows)
	s.UsualRows = float64(rows) / float64(len(s.Past))
	return s
}

// dailyMean is the day's mean of d, each row's clipped at bound where there is one. ok is false for a day without rows.
func dailyMean(d Pair, bound *float64) (mean float64, ok bool) {
	if len(d.Champion) == 0 {
		return 0, false
	}
	gain, _ := sums(d.Champion, d.Challenger)
	if bound != nil {
		gain = (&Clip{Bound: *bound}).add(d.Champion, d.Challenger)
	}
	return gain / float64(len(d.Champion)), true
}
