package stat

import (
	"fmt"
	"math"
)

// Action is what a Regret asks for after a block.
type Action int

// Wait asks for nothing.
const (
	Wait    Action = iota
	Probe          // fit a new probe on the newest window and use it from now on; its price is booked
	Retrain        // regret exceeds the price: retrain; where guards forbid it, act as for Probe
)

var actions = []string{"wait", "probe", "retrain"}

// String returns the action as a word.
func (a Action) String() string {
	text, err := a.MarshalText()
	if err != nil {
		return fmt.Sprintf("Action(%d)", int(a))
	}
	return string(text)
}

// MarshalText returns the action as a word.
func (a Action) MarshalText() ([]byte, error) { return word(actions, int(a)) }

// UnmarshalText reads the word.
func (a *Action) UnmarshalText(text []byte) error {
	n, err := number(actions, text)
	*a = Action(n)
	return err
}

const (
	probeParts     = 8   // parts of a block in time, for the variance of the twin's regret
	longestUnseen  = 16  // blocks without a probe, however little the champion costs
	dearProbe      = 0.1 // share of the price at which a probe is dear
	dearProbePace  = 4   // prices of cost between dear probes
	twinDeviations = 2   // deviations taken off the twin's regret
)

// Costs are what a block of newly matured rows cost, in money. Champion counts all rows of the block. The rest counts
// only the rows later than the training cut of the probe in force; where there is no probe or no such row, Compared is
// false and the rest is not read.
type Costs struct {
	Champion float64 `json:"champion"`
	Compared bool    `json:"compared"`

	ChampionCompared float64             `json:"championCompared"` // champion, on the compared rows
	Probe            float64             `json:"probe"`            // probe, on the compared rows
	Twin             float64             `json:"twin"`             // twin, on the compared rows
	TwinLessProbe    [probeParts]float64 `json:"twinLessProbe"`    // by eight consecutive parts of the compared rows
}

// Regret asks whether a new model is worth its price: a retrain is a purchase, not a discovery. A probe is a cheap
// model of the newest window, the twin the same cheap recipe on the champion's own window. The regret is what champion
// (or twin, less two deviations) cost more than the probe since the best past moment to have retrained; more than the
// price, and a retrain is due.
//
// A new champion is a new Regret.
type Regret struct {
	Price      float64 `json:"price"`      // of a retrain: train, evaluate, shadow and the declared extra
	ProbePrice float64 `json:"probePrice"` // of one probe; above a tenth of Price probes come at a quarter of the pace
	S          float64 `json:"s"`          // champion less probe, floored at 0
	T          float64 `json:"t"`          // twin less probe, floored at 0
	Vt         float64 `json:"vt"`         // variance of T
	Cost       float64 `json:"cost"`       // champion's cost since the last probe
	Blocks     int     `json:"blocks"`     // blocks since the last probe
	Skipped    int     `json:"skipped"`    // blocks refused: a cost not finite

	// What the probe in force was compared on since it was fitted.
	Compared     bool    `json:"compared"`
	ChampionLess float64 `json:"championLess"` // champion less probe
	TwinLess     float64 `json:"twinLess"`     // twin less probe
	Parts        int     `json:"parts"`
	PartsMean    float64 `json:"partsMean"`
	PartsSquare  float64 `json:"partsSquare"` // sum of squares about PartsMean
}

// NewRegret starts to count for a champion that was just promoted.
func NewRegret(price, probePrice float64) (Regret, error) {
	if !(price > 0) || math.IsInf(price, 0) || !(probePrice >= 0) || math.IsInf(probePrice, 0) {
		return Regret{}, fmt.Errorf("price %v, probe price %v: %w", price, probePrice, ErrOutOfRange)
	}
	return Regret{Price: price, ProbePrice: probePrice}, nil
}

// Add counts one block of newly matured rows and says what to do.
func (r *Regret) Add(c Costs) Action {
	if !c.finite() {
		r.Skipped++
		return Wait
	}
	r.Cost += c.Champion
	r.Blocks++
	if c.Compared {
		r.compare(c)
	}
	if r.Cost < r.pace() && r.Blocks < longestUnseen {
		return Wait
	}
	action := Probe
	if r.Compared {
		r.settle()
		if r.Regret() > r.Price {
			action = Retrain
		}
	}
	r.Cost, r.Blocks = 0, 0
	return action
}

// Regret is the larger of both regrets, in money; more than Price is a retrain.
func (r *Regret) Regret() float64 { return max(r.S, r.T-twinDeviations*math.Sqrt(r.Vt)) }

// pace is the champion's cost at which a probe is due.
func (r *Regret) pace() float64 {
	if r.ProbePrice > dearProbe*r.Price {
		return dearProbePace * r.Price
	}
	return r.Price
}

// compare gathers what the probe in force says of one block.
func (r *Regret) compare(c Costs) {
	r.Compared = true
	r.ChampionLess += c.ChampionCompared - c.Probe
	r.TwinLess += c.Twin - c.Probe
	for _, v := range c.TwinLessProbe { // Welford
		r.Parts++
		away := v - r.PartsMean
		r.PartsMean += away / float64(r.Parts)
		r.PartsSquare += float64(away * (v - r.PartsMean))
	}
}

// settle adds what was gathered to the sums. The floor stands under the sums, not under their terms.
func (r *Regret) settle() {
	n := float64(r.Parts)
	r.S = max(0, r.S+r.ChampionLess)
	r.T += r.TwinLess
	r.Vt += n * r.PartsSquare / (n - 1)
	if r.T < 0 {
		r.T, r.Vt = 0, 0
	}
	r.Compared = false
	r.ChampionLess, r.TwinLess, r.Parts, r.PartsMean, r.PartsSquare = 0, 0, 0, 0, 0
}

func (c Costs) finite() bool {
	sum := c.Champion
	if c.Compared {
		sum += c.ChampionCompared + c.Probe + c.Twin
		for _, v := range c.TwinLessProbe {
			sum += v
		}
	}
	return finite(sum)
}
