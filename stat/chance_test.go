package stat

import "math"

// chance is xorshift64*, so that a simulation is the same everywhere.
type chance struct{ state uint64 }

func (c *chance) uniform() float64 {
	c.state ^= c.state >> 12
	c.state ^= c.state << 25
	c.state ^= c.state >> 27
	return (float64(c.state*0x2545F4914F6CDD1D>>11) + .5) / (1 << 53)
}

func (c *chance) normal() float64 { return math.Sqrt2 * math.Erfinv(2*c.uniform()-1) }

// days is a series of daily means with deviation 1 and lag-1 correlation r.
type days struct {
	chance *chance
	r      float64
	last   float64
	begun  bool
}

func (d *days) next() float64 {
	if !d.begun {
		d.begun = true
		d.last = d.chance.normal()
		return d.last
	}
	d.last = d.r*d.last + math.Sqrt(1-d.r*d.r)*d.chance.normal()
	return d.last
}

func (d *days) take(n int, mean, deviation float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = mean + deviation*d.next()
	}
	return x
}
