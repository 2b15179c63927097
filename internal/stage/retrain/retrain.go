// Package retrain answers: is a new version worth its price?
//
// A retrain is a purchase (RULES S15, stat.Regret): what the champion cost more than a fresh cheap probe on rows later than
// the probe's training, in money, against the whole price of a retrain. Guards hold it back, age may demand it. Decide is
// a pure function of the declaration, the state and what it is given. Money crosses as rondo.Money and is summed in dollars
// inside stat.Regret, as statistics.md 3.4 was simulated.
package retrain

import (
	"errors"
	"fmt"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/stat"
)

// BlockDays is how many days make one block of regret: a whole week, so that weekdays weigh alike.
const BlockDays = 7

// Prices are what the next purchase is predicted to cost.
type Prices struct {
	Train, Evaluate, Shadow, Probe rondo.Money
}

// State is the regret of the champion in force, and the block being gathered.
type State struct {
	Champion rondo.VersionID `json:"champion"`
	Regret   stat.Regret     `json:"regret"`
	Days     int             `json:"days"`
	Block    stat.Costs      `json:"block"`
	Eighths  []float64       `json:"eighths,omitempty"` // twin less probe by eighths of the compared days, in order
	Outside  int             `json:"outside"`           // rows of the block that failed checks
	Rows     int             `json:"rows"`
	Owed     bool            `json:"owed,omitempty"` // the probe that was asked for last could not be fitted
}

// DayCost is what the rows of one day cost, by who would have decided.
type DayCost struct {
	Champion         float64        `json:"champion"` // dollars, all rows of the day
	Rows             int            `json:"rows"`
	Outside          int            `json:"outside"`
	Compared         bool           `json:"compared"` // probe and twin are there, and the day is later than the probe's training
	ChampionCompared float64        `json:"championCompared"`
	Probe            float64        `json:"probe"`
	Twin             float64        `json:"twin"`
	TwinLessProbe    [parts]float64 `json:"twinLessProbe"` // by eight consecutive parts of the day's rows
}

// parts are how many parts a block has for the variance of the twin's regret, as stat.Costs says.
const parts = len(stat.Costs{}.TwinLessProbe)

// Parted is what twin cost more than probe by eight consecutive parts of rows, given in order with their dollars.
func Parted(twin, probe []float64) (out [parts]float64) {
	for i, c := range twin {
		out[i*parts/len(twin)] += c - probe[i]
	}
	return out
}

// Begin starts to count for a champion. A retrain that costs nothing is priced at a micro-dollar, which any regret passes.
func Begin(spec *rondo.Spec, champion rondo.VersionID, p Prices) (*State, error) {
	if spec.Decide == nil {
		return nil, errors.New("regret needs decide.cost")
	}
	total := p.Train.Add(p.Evaluate).Add(p.Shadow).Add(spec.Retrain.Price)
	r, err := stat.NewRegret(max(1, total).Dollars(), p.Probe.Dollars())
	if err != nil {
		return nil, fmt.Errorf("regret of %s: %w", champion, err)
	}
	return &State{Champion: champion, Regret: r}, nil
}

// Input is what a decision is made from, beside the state.
type Input struct {
	Now         time.Time
	LastRetrain time.Time   // when the newest cycle that trained was started
	Failed      bool        // that cycle came to nothing, so its reason is still there
	TrainedTo   time.Time   // the champion's newest training row
	Spent       rondo.Money // on retrains in this calendar month
	Price       rondo.Money // predicted, of one retrain, without retrain.price
	Left        rondo.Money // of the month's budget, where there is one
	OpenCycle   bool
	Paused      bool
	// OutsideShare is the share of rows outside their checks on the day; Decide takes that of its block.
	OutsideShare float64
}

// Choice is what is to be done, and why.
type Choice struct {
	Outcome      rondo.Outcome // Waiting, Probed or Retraining
	Rule         string
	Cause        rondo.Cause
	Numbers      []rondo.Fact
	Alternatives []string
}

// MaxOutside is the share of rows outside their checks beyond which nothing is retrained or promoted (D30).
const MaxOutside = 0.20

// Day gathers one mature day; done says that a block is complete and Decide is to be asked.
func (s *State) Day(d DayCost) (done bool) {
	s.Days++
	s.Rows += d.Rows
	s.Outside += d.Outside
	s.Block.Champion += d.Champion
	if d.Compared {
		s.Block.Compared = true
		s.Block.ChampionCompared += d.ChampionCompared
		s.Block.Probe += d.Probe
		s.Block.Twin += d.Twin
		s.Eighths = append(s.Eighths, d.TwinLessProbe[:]...)
	}
	return s.Days >= BlockDays
}

// Decide closes the block and says what to do.
func (s *State) Decide(spec *rondo.Spec, in Input) Choice {
	block := s.Block
	for i, x := range s.Eighths { // of seven days there are 56, so each part has seven
		block.TwinLessProbe[i*parts/len(s.Eighths)] += x
	}
	action := s.Regret.Add(block)
	if s.Rows > 0 {
		in.OutsideShare = float64(s.Outside) / float64(s.Rows)
	}
	s.Days, s.Block, s.Eighths, s.Rows, s.Outside = 0, stat.Costs{}, nil, 0, 0
	numbers := []rondo.Fact{
		rondo.Numeric("regret, dollars", s.Regret.Regret()),
		rondo.Numeric("price, dollars", s.Regret.Price),
		rondo.Numeric("champion against probe, dollars", s.Regret.S),
		rondo.Numeric("twin against probe, dollars", s.Regret.T),
		rondo.Numeric("champion's cost of the block, dollars", block.Champion),
	}
	choice := Choice{Outcome: rondo.Waiting, Rule: "regret", Cause: rondo.ByRegret, Numbers: numbers}
	if action == stat.Wait && in.Failed && s.Regret.Regret() > s.Regret.Price && Guard(spec, in) == "" {
		action = stat.Retrain // as was decided before, and nothing came of it
	}
	owed := s.Owed
	s.Owed = false
	switch action {
	case stat.Wait:
		if owed {
			choice.Outcome = rondo.Probed
			choice.Numbers = append(choice.Numbers, rondo.Textual("the probe before this one", "could not be fitted"))
			return choice
		}
		choice.Alternatives = []string{"a probe comes when the champion's cost since the last one reaches the price"}
		return choice
	case stat.Probe:
		choice.Outcome = rondo.Probed
		return choice
	}
	if guard := Guard(spec, in); guard != "" {
		choice.Outcome, choice.Rule = rondo.Probed, "guard"
		choice.Numbers = append(choice.Numbers, rondo.Textual("held back by", guard))
		choice.Alternatives = []string{"retrain: the regret is worth its price"}
		return choice
	}
	choice.Outcome = rondo.Retraining
	choice.Alternatives = []string{"wait: the champion would go on costing more than a fresh model"}
	return choice
}

// Scheduled is the choice by schedule or age, asked once a day.
func Scheduled(spec *rondo.Spec, in Input) (Choice, bool) {
	choice := Choice{Outcome: rondo.Retraining, Alternatives: []string{"wait: the champion would go on answering"}}
	var age time.Duration // unknown where rows have no time
	if !in.TrainedTo.IsZero() {
		age = in.Now.Sub(in.TrainedTo)
		choice.Numbers = []rondo.Fact{rondo.Numeric("age of the champion's newest row, days", age.Hours()/24)}
	}
	switch {
	case spec.Retrain.Guards.MaxAge > 0 && age > spec.Retrain.Guards.MaxAge:
		choice.Rule, choice.Cause = "max age", rondo.ByAge
	case spec.Retrain.When == rondo.WhenEvery && spec.Retrain.Every > 0 && (in.Failed || in.Now.Sub(in.LastRetrain) >= spec.Retrain.Every):
		choice.Rule, choice.Cause = "schedule", rondo.BySchedule
	default:
		return Choice{}, false
	}
	if guard := Guard(spec, in); guard != "" {
		return Choice{}, false
	}
	return choice, true
}

// Pause is how long nothing is tried again that came to nothing: the cooldown, and a block of days at least.
func Pause(spec *rondo.Spec) time.Duration {
	return max(spec.Retrain.Guards.Cooldown, BlockDays*24*time.Hour)
}

// Guard names what holds a retrain back, or "".
func Guard(spec *rondo.Spec, in Input) string {
	g := spec.Retrain.Guards
	cooldown := g.Cooldown
	if in.Failed {
		cooldown = Pause(spec)
	}
	switch {
	case in.Paused:
		return "the model is paused"
	case in.OpenCycle:
		return "one cycle at a time"
	case in.OutsideShare > MaxOutside:
		return "more than 20% of the rows failed their checks"
	case cooldown > 0 && in.Now.Sub(in.LastRetrain) < cooldown:
		return "cooldown until " + in.LastRetrain.Add(cooldown).Format(time.DateOnly)
	case g.Budget > 0 && in.Spent.Add(in.Price) > g.Budget:
		return "the month's retraining budget of " + g.Budget.String()
	case spec.Budget > 0 && in.Price > in.Left:
		return "the month's budget of " + spec.Budget.String() + ": " + max(in.Left, 0).String() + " is left"
	}
	return ""
}
