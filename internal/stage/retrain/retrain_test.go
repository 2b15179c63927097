package retrain

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

var now = time.Date(2001, 6, 1, 0, 0, 0, 0, time.UTC)

const oneDay = 24 * time.Hour

func spec() *rondo.Spec {
	return &rondo.Spec{Decide: &rondo.Decide{MinCost: true, FP: rondo.Dollar, FN: 4 * rondo.Dollar},
		Retrain: rondo.Retrain{When: rondo.WhenRegret, Price: 500 * rondo.Dollar}}
}

func state(t *testing.T) *State {
	t.Helper()
	s, err := Begin(spec(), "m/1", Prices{Train: rondo.Dollar, Probe: rondo.Dollar / 10})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stream are the days of a champion that costs 100 dollars a day, and drift more on every day from begins on; a probe
// knows what was there when it was fitted.
type stream struct {
	rng           *rand.Rand
	begins        int
	drift         float64
	probed        bool
	probedAt      int
	boughtAt, day int
}

// cost is what a model trained on day at costs today, of 100 dollars with a deviation of 10.
func (s *stream) cost(at int) float64 {
	c := 100 + 10*s.rng.NormFloat64()
	if s.day >= s.begins && at < s.begins {
		c += s.drift
	}
	return c
}

func (s *stream) next() DayCost {
	d := DayCost{Champion: s.cost(s.boughtAt), Rows: 1000}
	if s.probed {
		d.Compared, d.ChampionCompared, d.Probe, d.Twin = true, d.Champion, s.cost(s.probedAt), s.cost(s.boughtAt)
		for i := range d.TwinLessProbe {
			d.TwinLessProbe[i] = (d.Twin - d.Probe) / float64(parts)
		}
	}
	s.day++
	return d
}

// run takes blocks until days are over; it gives the days on which a retrain was bought, each bringing a new champion.
func (s *stream) run(t *testing.T, days int) (bought []int, probes int) {
	t.Helper()
	st := state(t)
	for s.day < days {
		if !st.Day(s.next()) {
			continue
		}
		if s.day%BlockDays != 0 {
			t.Fatalf("a block ended on day %d", s.day)
		}
		switch choice := st.Decide(spec(), Input{Now: now}); choice.Outcome {
		case rondo.Probed:
			s.probed, s.probedAt = true, s.day
			probes++
		case rondo.Retraining:
			bought = append(bought, s.day)
			s.boughtAt, s.probed, st = s.day, false, state(t)
		}
	}
	return bought, probes
}

// The champion costs 60 dollars a day more from day 70 on: its price of 501 is lost in nine days, seen by weeks. Of 40
// streams of a year each buys within four weeks, but for two; where nothing drifts (any more) a needless one is bought in at
// most one model-year of five.
func TestDriftIsBoughtOutOfOnceAndHealthIsLeftAlone(t *testing.T) {
	late, needless := 0, 0
	for k := range 40 {
		bought, probes := (&stream{rng: seed.Seed(k).Rand("drift"), begins: 70, drift: 60}).run(t, 365)
		if len(bought) == 0 || bought[0] <= 70 || probes < 5 {
			t.Errorf("stream %d: bought on %v, %d probes", k, bought, probes)
			continue
		}
		if bought[0] > 98 {
			late++
		}
		needless += len(bought) - 1
		healthy, _ := (&stream{rng: seed.Seed(k).Rand("healthy"), begins: 1 << 30}).run(t, 365)
		needless += len(healthy)
	}
	t.Logf("%d of 40 bought late, %d needless in 80 streams", late, needless)
	if late > 2 || needless > 16 {
		t.Errorf("%d of 40 bought more than four weeks late, %d needless in 80 streams", late, needless)
	}
}

func TestBlockIsAWeekAndItsEighthsAreConsecutive(t *testing.T) {
	s := state(t)
	s.Regret.Blocks = 15 // a probe is due
	for i := range BlockDays {
		d := DayCost{Champion: 10, Compared: true, ChampionCompared: 10, Probe: 1, Twin: 4, Rows: 10}
		for j := range d.TwinLessProbe {
			d.TwinLessProbe[j] = float64(i*parts + j)
		}
		if done := s.Day(d); done != (i == BlockDays-1) {
			t.Fatalf("day %d: done %v", i, done)
		}
	}
	s.Decide(spec(), Input{})
	// Part j is 7j..7j+6 of 0..55: its sum is 49 j + 21, the variance of the sum of eight is 8 * 8/7 * 49^2 * 63/12.
	if want := 8. * 8 / 7 * 49 * 49 * 63 / 12; math.Abs(s.Regret.Vt-want) > 1e-6 {
		t.Errorf("variance %v, want %v", s.Regret.Vt, want)
	}
	if s.Regret.S != 63 || s.Regret.T != 21 || s.Days != 0 || s.Eighths != nil || s.Rows != 0 {
		t.Errorf("%+v", s)
	}
}

// A twin that costs three dollars more each day, always, is sure of it.
func TestSteadyDifferenceHasNoVariance(t *testing.T) {
	s := state(t)
	s.Regret.Blocks = 15
	for range BlockDays {
		d := DayCost{Compared: true, Probe: 1, Twin: 4}
		for j := range d.TwinLessProbe {
			d.TwinLessProbe[j] = 3. / 8
		}
		s.Day(d)
	}
	s.Decide(spec(), Input{})
	if s.Regret.T != 21 || s.Regret.Vt != 0 {
		t.Errorf("T %v, variance %v", s.Regret.T, s.Regret.Vt)
	}
}

func TestPartsOfADayAddUp(t *testing.T) {
	twin, probe := make([]float64, 20), make([]float64, 20)
	for i := range twin {
		twin[i], probe[i] = float64(i), 1
	}
	got := Parted(twin, probe)
	sum := 0.0
	for _, x := range got {
		sum += x
	}
	if sum != 170 || got[0] != 0+1+2-3 {
		t.Errorf("%v adds up to %v", got, sum)
	}
	if Parted(nil, nil) != [8]float64{} {
		t.Error("no rows differ")
	}
}

func TestGuardsNameWhatHoldsBack(t *testing.T) {
	s := spec()
	s.Retrain.Guards = rondo.Guards{Cooldown: 20 * oneDay, Budget: 20 * rondo.Dollar}
	s.Budget = 300 * rondo.Dollar
	free := Input{Now: now, LastRetrain: now.Add(-20 * oneDay), Spent: 15 * rondo.Dollar, Price: 5 * rondo.Dollar, Left: 5 * rondo.Dollar, OutsideShare: .2}
	if got := Guard(s, free); got != "" {
		t.Errorf("at every edge: %s", got)
	}
	for want, change := range map[string]func(*Input){
		"the model is paused":                         func(in *Input) { in.Paused = true },
		"one cycle at a time":                         func(in *Input) { in.OpenCycle = true },
		"more than 20% of the rows failed":            func(in *Input) { in.OutsideShare = .2001 },
		"cooldown until 2001-06-02":                   func(in *Input) { in.LastRetrain = now.Add(-19 * oneDay) },
		"the month's retraining budget of $20.00":     func(in *Input) { in.Price++ },
		"the month's budget of $300.00: $4.00 is":     func(in *Input) { in.Left = 4 * rondo.Dollar },
		"the month's budget of $300.00: $0.00 is":     func(in *Input) { in.Left = -1 },
		"the month's retraining budget of $20.00 ...": func(in *Input) { in.Spent = math.MaxInt64 },
	} {
		in := free
		change(&in)
		if got := Guard(s, in); !strings.HasPrefix(got, strings.TrimSuffix(want, " ...")) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := Guard(spec(), Input{Now: now, Spent: math.MaxInt64}); got != "" {
		t.Errorf("no guards: %s", got)
	}
}

func TestGuardedPurchaseIsAProbe(t *testing.T) {
	for _, outside := range []int{0, 300} {
		s := state(t)
		s.Regret.S, s.Regret.Cost = 400, 400
		for range BlockDays {
			s.Day(DayCost{Champion: 100, Rows: 1000, Outside: outside, Compared: true, ChampionCompared: 100, Probe: 50, Twin: 100})
		}
		choice := s.Decide(spec(), Input{Now: now})
		if outside == 0 && (choice.Outcome != rondo.Retraining || choice.Cause != rondo.ByRegret || choice.Rule != "regret") {
			t.Errorf("%+v", choice)
		}
		if outside > 0 && (choice.Outcome != rondo.Probed || choice.Rule != "guard" || !strings.Contains(last(choice.Numbers).Text, "20%")) {
			t.Errorf("%+v", choice)
		}
		if got := *choice.Numbers[0].Number; got != 750 || *choice.Numbers[1].Number != 501 || *choice.Numbers[4].Number != 700 {
			t.Errorf("dollars %v, %v, %v", got, *choice.Numbers[1].Number, *choice.Numbers[4].Number)
		}
	}
}

func last(facts []rondo.Fact) rondo.Fact { return facts[len(facts)-1] }

func TestAgeAndScheduleAskForARetrain(t *testing.T) {
	s := spec()
	s.Retrain.When, s.Retrain.Every, s.Retrain.Guards.MaxAge = rondo.WhenEvery, 7*oneDay, 90*oneDay
	fresh := Input{Now: now, LastRetrain: now.Add(-6 * oneDay), TrainedTo: now.Add(-90 * oneDay)}
	if choice, due := Scheduled(s, fresh); due {
		t.Errorf("nothing is due: %+v", choice)
	}
	for want, change := range map[rondo.Cause]func(*Input){
		rondo.ByAge:      func(in *Input) { in.TrainedTo = now.Add(-91 * oneDay) },
		rondo.BySchedule: func(in *Input) { in.LastRetrain = now.Add(-7 * oneDay) },
	} {
		in := fresh
		change(&in)
		choice, due := Scheduled(s, in)
		if !due || choice.Cause != want || choice.Outcome != rondo.Retraining || len(choice.Alternatives) == 0 {
			t.Errorf("%s: %v, %+v", want, due, choice)
		}
		in.Paused = true
		if _, due := Scheduled(s, in); due {
			t.Errorf("%s: a paused model retrains", want)
		}
		in.Paused, in.OutsideShare = false, .5
		if _, due := Scheduled(s, in); due {
			t.Errorf("%s: half of the rows are bad", want)
		}
	}
	s.Retrain.When = rondo.WhenRegret
	if _, due := Scheduled(s, Input{Now: now}); due {
		t.Error("an age that is not known was taken for a great one")
	}
	s.Retrain.When, s.Retrain.Every, s.Retrain.Guards.MaxAge = rondo.WhenEvery, 0, 0
	if _, due := Scheduled(s, Input{Now: now}); due {
		t.Error("a schedule of no length came due")
	}
}

func TestStateGoesOnAfterJSON(t *testing.T) {
	rng := seed.Seed(3).Rand("json")
	a, b := state(t), state(t)
	outcomes := map[rondo.Outcome]int{}
	for i := range 700 {
		d := DayCost{Champion: 150 * rng.Float64(), Rows: 9, Outside: 1, Compared: i%5 > 0, ChampionCompared: 100, Probe: 110 * rng.Float64(), Twin: 90}
		for j := range d.TwinLessProbe {
			d.TwinLessProbe[j] = rng.NormFloat64()
		}
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		b = &State{}
		if err := json.Unmarshal(text, b); err != nil {
			t.Fatal(err)
		}
		x, y := a.Day(d), b.Day(d)
		if x != y {
			t.Fatalf("day %d: %v, after JSON %v", i, x, y)
		}
		if !x {
			continue
		}
		u, v := a.Decide(spec(), Input{Now: now}), b.Decide(spec(), Input{Now: now})
		if !reflect.DeepEqual(u, v) {
			t.Fatalf("day %d: %+v, after JSON %+v", i, u, v)
		}
		outcomes[u.Outcome]++
	}
	if len(outcomes) != 3 {
		t.Errorf("the days were too tame: %v", outcomes)
	}
}

func TestPriceIsTheWholePriceAndNeverNothing(t *testing.T) {
	s, err := Begin(spec(), "m/1", Prices{Train: 1, Evaluate: 20, Shadow: 300, Probe: 7})
	if err != nil || s.Regret.Price != 500.000321 || s.Regret.ProbePrice != .000007 {
		t.Errorf("%+v, %v", s, err)
	}
	free := spec()
	free.Retrain.Price = 0
	if s, err = Begin(free, "m/1", Prices{}); err != nil || s.Regret.Price <= 0 {
		t.Errorf("a free retrain: %+v, %v", s, err)
	}
	free.Decide = nil
	if _, err = Begin(free, "m/1", Prices{}); err == nil {
		t.Error("regret without costs")
	}
}

// A cycle that came to nothing leaves its reason: it is tried again after the cooldown, a block of days at least, not
// after a whole schedule and not when as much money is lost once more.
func TestWhatCameToNothingIsTriedAgainAfterTheCooldown(t *testing.T) {
	for cooldown, wait := range map[time.Duration]int{0: 7, 3 * oneDay: 7, 20 * oneDay: 20} {
		s := spec()
		s.Retrain.Guards.Cooldown = cooldown
		for days, want := range map[int]bool{wait - 1: false, wait: true} {
			in := Input{Now: now, LastRetrain: now.Add(-time.Duration(days) * oneDay), Failed: true, TrainedTo: now.Add(-99 * oneDay)}
			st := state(t)
			st.Regret.S = 600 // dollars; the price is 501
			if got := st.Decide(s, in).Outcome == rondo.Retraining; got != want {
				t.Errorf("cooldown %s, regret: after %d days %v, want %v", cooldown, days, got, want)
			}
			scheduled := *s
			scheduled.Retrain.When, scheduled.Retrain.Every = rondo.WhenEvery, 60*oneDay
			if _, got := Scheduled(&scheduled, in); got != want {
				t.Errorf("cooldown %s, schedule: after %d days %v, want %v", cooldown, days, got, want)
			}
			scheduled.Retrain.When, scheduled.Retrain.Guards.MaxAge = rondo.WhenNever, 90*oneDay
			if _, got := Scheduled(&scheduled, in); got != want {
				t.Errorf("cooldown %s, age: after %d days %v, want %v", cooldown, days, got, want)
			}
		}
	}
	st := state(t)
	st.Regret.S = 500 // less than the price
	if got := st.Decide(spec(), Input{Now: now, Failed: true}).Outcome; got != rondo.Waiting {
		t.Errorf("less than the price is %s", got)
	}
}

func TestAProbeThatIsOwedIsAskedForOnceMore(t *testing.T) {
	s := state(t)
	s.Owed = true
	for i, want := range []rondo.Outcome{rondo.Probed, rondo.Waiting} {
		if got := s.Decide(spec(), Input{Now: now}).Outcome; got != want {
			t.Errorf("block %d: %s, want %s", i, got, want)
		}
	}
}
