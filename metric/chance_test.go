package metric

import "math"

// chance is xorshift64*, so that a simulation is the same everywhere.
type chance struct{ state uint64 }

func (c *chance) uniform() float64 {
	c.state ^= c.state >> 12
	c.state ^= c.state << 25
	c.state ^= c.state >> 27
	return (float64(c.state*0x2545F4914F6CDD1D>>11) + .5) / (1 << 53)
}

func (c *chance) normal() float64 { return normalQuantile(c.uniform()) }

func (c *chance) exponential() float64 { return -math.Log(c.uniform()) }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logitOf(p float64) float64 { return math.Log(p / (1 - p)) }
