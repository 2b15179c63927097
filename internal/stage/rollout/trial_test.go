package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

var from = time.Date(2001, 3, 5, 0, 0, 0, 0, time.UTC)

const oneDay = 24 * time.Hour

func spec(margin float64) *rondo.Spec {
	return &rondo.Spec{Deploy: rondo.Deploy{Margin: margin, AtMost: 35 * oneDay, Watch: 7 * oneDay}}
}

// days are losses of a champion and a challenger that gains gain a row on average. A day is better or worse for one of
// them, and days follow on each other with correlation r; rows of a day share that shock, and their own loss.
type days struct {
	rng     *rand.Rand
	r, gain float64
	rows    int
	shock   float64
	begun   bool
}

const deviation = .005 // of a day's shock

func (d *days) next() (champion, challenger []float64) {
	if fresh := d.rng.NormFloat64(); d.begun {
		d.shock = d.r*d.shock + math.Sqrt(1-d.r*d.r)*fresh
	} else {
		d.shock, d.begun = fresh, true
	}
	harder := .1 * d.rng.Float64() // harder days are harder for both
	for range d.rows {
		loss := .4 + harder + .3*d.rng.ExpFloat64()
		champion = append(champion, loss)
		challenger = append(challenger, loss-d.gain-deviation*d.shock-.04*d.rng.NormFloat64())
	}
	return champion, challenger
}

func (d *days) past(n int) []float64 {
	var out []float64
	for range n {
		champion, challenger := d.next()
		mean, _ := dailyMean(Pair{champion, challenger}, nil)
		out = append(out, mean)
	}
	return out
}

func begin(t *testing.T, s *rondo.Spec, proof rondo.Proof, d *days) *Trial {
	t.Helper()
	trial, err := Begin(s, proof, "m/1", "m/2", Scale{Past: d.past(28), UsualRows: float64(d.rows), Loss: .8}, from)
	if err != nil {
		t.Fatal(err)
	}
	return trial
}

// run takes days until the trial is decided.
func run(trial *Trial, d *days) (Verdict, int) {
	for i := 0; ; i++ {
		champion, challenger := d.next()
		if v := trial.Day(from.AddDate(0, 0, i), champion, challenger); v != Continue {
			return v, i + 1
		}
	}
}

// upper is Wilson's one-sided 97.5 % bound of a share.
func upper(hits, of int) float64 {
	p, n, z := float64(hits)/float64(of), float64(of), 1.96
	return (p + z*z/(2*n) + z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
}

// At the edge of what is to be proved (equal where better is asked, worse by the margin where not worse is asked) a
// challenger is promoted, and called harmful, in at most 5 %: the upper bound of 1,200 trials with one look a day.
func TestEqualChallengerIsPromotedInAtMostFivePercent(t *testing.T) {
	const trials, bound = 1200, .05
	for _, c := range []struct {
		proof rondo.Proof
		r     float64
	}{{rondo.Better, 0}, {rondo.Better, .3}, {rondo.Better, .53}, {rondo.NotWorse, .3}} {
		promoted, harmed := 0, 0
		for k := range trials {
			d := &days{rng: seed.Seed(7).Rand(string(c.proof), fmt.Sprint(c.r, k)), r: c.r, rows: 40}
			if c.proof == rondo.NotWorse {
				d.gain = -.01 * .8 // of the champion's loss on validation
			}
			switch v, _ := run(begin(t, spec(.01), c.proof, d), d); v {
			case Promote:
				promoted++
			case Harm:
				harmed++
			}
		}
		t.Logf("%s, correlation %v: promoted %d (upper bound %.4f), harm %d (%.4f) of %d", c.proof, c.r,
			promoted, upper(promoted, trials), harmed, upper(harmed, trials), trials)
		if upper(promoted, trials) > bound || upper(harmed, trials) > bound {
			t.Errorf("%s, correlation %v: promoted %d, harmed %d of %d", c.proof, c.r, promoted, harmed, trials)
		}
	}
}

// What is equal is not worse by 2 % and is promoted; asked to be better it runs out of time.
func TestMarginDecidesWhatEqualMeans(t *testing.T) {
	const trials = 60
	count := map[rondo.Proof]map[Verdict]int{rondo.Better: {}, rondo.NotWorse: {}}
	for k := range trials {
		for proof := range count {
			d := &days{rng: seed.Seed(8).Rand(fmt.Sprint(k)), r: .3, rows: 100}
			v, took := run(begin(t, spec(.02), proof, d), d)
			count[proof][v]++
			if v == Promote && took%7 != 0 || v == TimeUp && took != 35 {
				t.Errorf("%s after %d days", v, took)
			}
		}
	}
	if count[rondo.NotWorse][Promote] < trials*9/10 || count[rondo.Better][TimeUp] < trials*9/10 {
		t.Errorf("%v", count)
	}
	d := &days{rng: seed.Seed(8).Rand("margin"), rows: 50}
	if got := begin(t, spec(.02), rondo.NotWorse, d).Test.Margin; math.Abs(got-.016) > 1e-15 {
		t.Errorf("2%% of 0.8 is %v", got)
	}
	if got := begin(t, spec(.02), rondo.Better, d).Test.Margin; got != 0 {
		t.Errorf("better by %v", got)
	}
}

func TestHarmStopsOnAnyDayOfTheWeek(t *testing.T) {
	weekdays := map[int]int{}
	for k := range 40 {
		d := &days{rng: seed.Seed(9).Rand(fmt.Sprint(k)), r: .3, rows: 100, gain: -.025}
		v, took := run(begin(t, spec(.01), rondo.NotWorse, d), d)
		if v != Harm || took > 28 {
			t.Errorf("%s after %d days", v, took)
		}
		weekdays[took%7]++
	}
	if len(weekdays) < 4 {
		t.Errorf("harm was called on few days of the week: %v", weekdays)
	}
}

func TestTimeIsUpAtMostAndEarlierDaysDoNotCount(t *testing.T) {
	d := &days{rng: seed.Seed(10).Rand("time"), rows: 50, gain: 1}
	trial := begin(t, spec(.01), rondo.Better, d)
	for i := -10; i < 0; i++ {
		champion, challenger := d.next()
		if v := trial.Day(from.AddDate(0, 0, i), champion, challenger); v != Continue {
			t.Fatalf("day %d: %s", i, v)
		}
	}
	if trial.Rows != 0 || trial.Test.Days != 0 || trial.Gain != 0 {
		t.Errorf("days before the trial were counted: %+v", trial)
	}
	if v := trial.Day(from.AddDate(0, 0, 34), nil, nil); v != TimeUp {
		t.Errorf("the last day: %s", v)
	}
	champion, challenger := d.next()
	rows := trial.Rows
	if v := trial.Day(from.AddDate(0, 0, 35), champion, challenger); v != TimeUp || trial.Rows != rows {
		t.Errorf("a day after the end: %s, %d rows", v, trial.Rows)
	}
}

func TestTrialBeginsOnAWholeDayWithAScale(t *testing.T) {
	d := &days{rng: seed.Seed(11).Rand("begin"), rows: 50}
	trial, err := Begin(spec(.01), rondo.Better, "m/1", "m/2", Scale{Past: d.past(28), UsualRows: 50, Loss: .8}, from.Add(7*time.Hour))
	if err != nil || !trial.From.Equal(from) || !trial.AtMost.Equal(from.Add(35*oneDay)) {
		t.Errorf("%+v, %v", trial, err)
	}
	if _, err := Begin(spec(.01), rondo.Better, "m/1", "m/2", Scale{Past: d.past(27), UsualRows: 50, Loss: .8}, from); !errors.Is(err, ErrTooFewDays) {
		t.Errorf("27 days: %v", err)
	}
	if _, err := Begin(spec(.01), rondo.NotWorse, "m/1", "m/2", Scale{Past: d.past(28), UsualRows: 50, Loss: math.NaN()}, from); err == nil {
		t.Error("a margin of a loss that was not measured")
	}
	if _, ok := dailyMean(Pair{}, nil); ok {
		t.Error("a day without rows has a mean")
	}
}

func TestTrialAndWatchGoOnAfterJSON(t *testing.T) {
	d := &days{rng: seed.Seed(12).Rand("json"), rows: 50, gain: -.001}
	a := begin(t, spec(.005), rondo.NotWorse, d)
	b := begin(t, spec(.005), rondo.NotWorse, &days{rng: seed.Seed(12).Rand("json"), rows: 50, gain: -.001})
	w, err := BeginWatch(spec(0), "m/2", "m/1", Scale{Past: d.past(28), UsualRows: 50}, from)
	if err != nil {
		t.Fatal(err)
	}
	x := *w
	for i := range 20 {
		b, x = *throughJSON(t, &b), *throughJSON(t, &x)
		champion, challenger := d.next()
		day := from.AddDate(0, 0, i)
		if u, v := a.Day(day, champion, challenger), b.Day(day, champion, challenger); u != v {
			t.Fatalf("day %d: %s, after JSON %s", i, u, v)
		}
		if u, v := w.Day(day, champion, challenger), x.Day(day, champion, challenger); u != v {
			t.Fatalf("day %d: %s, after JSON %s", i, u, v)
		}
	}
	if !reflect.DeepEqual(a.Numbers(), b.Numbers()) || !reflect.DeepEqual(w.Numbers(), x.Numbers()) || a.Rows != 1000 {
		t.Errorf("%v\n%v", a.Numbers(), b.Numbers())
	}
}

func throughJSON[T any](t *testing.T, v *T) *T {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := new(T)
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWatchRollsBackHarmAndPassesInTime(t *testing.T) {
	harmed, passed := 0, 0
	for k := range 50 {
		for _, gain := range []float64{-.03, 0} {
			d := &days{rng: seed.Seed(13).Rand(fmt.Sprint(k, gain)), r: .3, rows: 100, gain: gain}
			w, err := BeginWatch(spec(0), "m/2", "m/1", Scale{Past: d.past(28), UsualRows: 100}, from.Add(time.Hour))
			if err != nil || !w.From.Equal(from.Add(oneDay)) || !w.Until.Equal(from.Add(8*oneDay)) {
				t.Fatalf("%+v, %v", w, err)
			}
			for i := 0; ; i++ {
				parent, champion := d.next()
				v := w.Day(from.AddDate(0, 0, i), parent, champion)
				switch {
				case i == 0 && (v != Continue || w.Rows != 0):
					t.Fatalf("the day of the promotion counts: %s", v)
				case v == Passed && i != 7:
					t.Fatalf("passed after %d days", i)
				case v == Harm && gain < 0:
					harmed++
				case v == Passed && gain == 0:
					passed++
				}
				if v != Continue {
					break
				}
			}
		}
	}
	if harmed < 48 || passed < 48 {
		t.Errorf("harm found in %d, passed without harm in %d of 50", harmed, passed)
	}
	whole, err := BeginWatch(spec(0), "m/2", "m/1", Scale{Past: (&days{rng: seed.Seed(1).Rand("w"), rows: 50}).past(28), UsualRows: 50}, from)
	if err != nil || !whole.From.Equal(from) {
		t.Errorf("from midnight on: %+v, %v", whole, err)
	}
}

func TestSaltsFollowCycles(t *testing.T) {
	if one, again := Salt("cyc_1"), Salt("cyc_1"); one == Salt("cyc_2") || one != again {
		t.Error("salts follow cycles")
	}
}

func TestCanaryIsHealthyOnlyWithEnoughAnswersAndNoFailure(t *testing.T) {
	for _, c := range []struct {
		health Health
		want   string
	}{
		{Health{}, ErrNoAnswers.Error()},
		{Health{Answered: 9}, ErrNoAnswers.Error()},
		{Health{Answered: 10}, ""},
		{Health{Answered: 10, Failed: 1}, "1 of 10 answers failed"},
		{Health{Answered: 1, Failed: 1}, "1 of 1 answers failed"},
	} {
		got := ""
		if err := c.health.Check(10); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.health, got, c.want)
		}
	}
}
