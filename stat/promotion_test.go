package stat

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
)

// An equal challenger sits at the edge of the null of Promote. Days are correlated as measured on real pairs (0, 0.30,
// 0.53) and a little more; the trial is looked at every day for 90 days. Bound: at most 5 % of 4,000 trials.
func TestEqualChallengerIsPromotedInAtMostFivePercent(t *testing.T) {
	const replays, bound = 4000, 0.05
	r := &chance{state: 5}
	for _, correlation := range []float64{0, .30, .53, .60} {
		promoted, harmed := 0, 0
		for range replays {
			d := &days{chance: r, r: correlation}
			p, err := NewPromotion(.004, .05, d.take(28, -.004, .005), 1000)
			if err != nil {
				t.Fatal(err)
			}
			for range 90 {
				if p.Add(Day{Mean: d.take(1, -.004, .005)[0], Rows: 1000, EndsWeek: true}) != Continue {
					break
				}
			}
			switch p.Verdict {
			case Promote:
				promoted++
			case Harm:
				harmed++
			}
		}
		t.Logf("correlation %v: promoted %.4f, harm called %.4f", correlation, share(promoted, replays), share(harmed, replays))
		if share(promoted, replays) > bound || share(harmed, replays) > bound {
			t.Errorf("correlation %v: promoted %d and harmed %d of %d", correlation, promoted, harmed, replays)
		}
	}
}

// Statistics page 2.3: the medians are 0.65 to 1.0 of the printed days for independent days; a week more is granted for
// whole weeks. A challenger worse by the same is called harmful sooner, and never promoted in more than 1 %.
func TestBetterChallengerIsPromotedInThePrintedDays(t *testing.T) {
	const replays = 1000
	r := &chance{state: 6}
	for _, gain := range []float64{.5, 1, 2} {
		var promotion, harm, printed []int
		wrong := 0
		for range replays {
			d := &days{chance: r}
			past := d.take(28, 0, 1)
			n, err := PromotionDays(0, gain, .05, past)
			if err != nil {
				t.Fatal(err)
			}
			printed = append(printed, n)
			took, verdict := trial(t, past, d, gain)
			if promotion = append(promotion, took); verdict != Promote {
				wrong++
			}
			took, verdict = trial(t, past, d, -gain)
			if harm = append(harm, took); verdict != Harm {
				wrong++
			}
		}
		days, worst, said, harmDays := quantile(promotion, .5), quantile(promotion, .9), quantile(printed, .5), quantile(harm, .5)
		t.Logf("gain %v deviations: median %d days, nine tenths in %d, printed %d; harm in %d; wrong %d", gain, days, worst, said, harmDays, wrong)
		if days > said || float64(days) < .5*float64(said) {
			t.Errorf("gain %v: median %d days, printed %d", gain, days, said)
		}
		if harmDays > days || wrong > replays/100 {
			t.Errorf("gain %v: harm in %d days, promotion in %d, wrong verdicts %d", gain, harmDays, days, wrong)
		}
	}
}

func trial(t *testing.T, past []float64, d *days, gain float64) (int, Verdict) {
	t.Helper()
	p, err := NewPromotion(0, .05, past, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 365; i++ {
		if v := p.Add(Day{Mean: gain + d.next(), Rows: 1000, EndsWeek: i%7 == 0}); v != Continue {
			return i, v
		}
	}
	return 365, Continue
}

func TestPromotionWaitsForTheWeekAndHarmDoesNot(t *testing.T) {
	past := (&days{chance: &chance{state: 3}}).take(28, 0, .01)
	p, err := NewPromotion(.01, .05, past, 100)
	if err != nil {
		t.Fatal(err)
	}
	for day := 1; day <= 7; day++ {
		got, want := p.Add(Day{Mean: 1, Rows: 100, EndsWeek: day == 7}), Continue
		if day == 7 {
			want = Promote
		}
		if got != want {
			t.Errorf("day %d: %v, want %v (log evidence %v)", day, got, want, p.LogPromote())
		}
	}
	before := p.LogPromote()
	if got := p.Add(Day{Mean: -9, Rows: 100}); got != Promote || p.LogPromote() != before {
		t.Errorf("a decided trial went on: %v", got)
	}
	if p, err = NewPromotion(.01, .05, past, 100); err != nil {
		t.Fatal(err)
	}
	for day := 1; day <= 2; day++ {
		p.Add(Day{Mean: -1, Rows: 100})
	}
	if p.Verdict != Harm {
		t.Errorf("two days of clear harm: %v (log evidence %v)", p.Verdict, p.LogHarm())
	}
}

func TestSmallDaysMergeByRows(t *testing.T) {
	past := (&days{chance: &chance{state: 3}}).take(28, 0, 1)
	merged, err := NewPromotion(0, .05, past, 40)
	if err != nil {
		t.Fatal(err)
	}
	whole := merged
	merged.Add(Day{Mean: 3, Rows: 10})
	merged.Add(Day{})
	if merged.Blocks != 0 || merged.LogPromote() != 0 {
		t.Errorf("10 rows were counted: %+v", merged)
	}
	merged.Add(Day{Mean: -1, Rows: 30})
	whole.Add(Day{Mean: 0, Rows: 40})
	if merged.Blocks != 1 || merged.Promote != whole.Promote || merged.Days != 3 {
		t.Errorf("10 rows of 3 and 30 of -1 are not 40 of 0: %+v", merged)
	}
}

func TestBrokenDaysCarryNoEvidence(t *testing.T) {
	past := (&days{chance: &chance{state: 3}}).take(28, 0, 1)
	p, err := NewPromotion(0, .05, past, 40)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDetector(1, 1, past)
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []Day{{Mean: math.NaN(), Rows: 50}, {Mean: math.Inf(1), Rows: 50}, {Mean: 1, Rows: -1}} {
		if p.Add(day) != Continue || d.Add(day) != Quiet {
			t.Errorf("%+v was believed", day)
		}
	}
	if p.Skipped != 3 || p.Blocks != 0 || d.Skipped != 3 || len(d.Blocks) != 0 {
		t.Errorf("skipped %d and %d of 3", p.Skipped, d.Skipped)
	}
}

func TestTrialWithoutScaleIsRefused(t *testing.T) {
	varied := (&days{chance: &chance{state: 3}}).take(28, 0, 1)
	nan := slices.Clone(varied)
	nan[5] = math.NaN()
	for _, c := range []struct {
		past                 []float64
		margin, alpha, usual float64
		want                 error
	}{
		{varied[:27], 0, .05, 1, ErrFewDays},
		{nil, 0, .05, 1, ErrFewDays},
		{make([]float64, 28), 0, .05, 1, ErrNoSpread},
		{nan, 0, .05, 1, ErrNotFinite},
		{varied, -1, .05, 1, ErrOutOfRange},
		{varied, math.NaN(), .05, 1, ErrOutOfRange},
		{varied, 0, 0, 1, ErrOutOfRange},
		{varied, 0, 1, 1, ErrOutOfRange},
		{varied, 0, .05, 0, ErrOutOfRange},
	} {
		if _, err := NewPromotion(c.margin, c.alpha, c.past, c.usual); !errors.Is(err, c.want) {
			t.Errorf("%d days, margin %v, alpha %v, usual rows %v: %v, want %v", len(c.past), c.margin, c.alpha, c.usual, err, c.want)
		}
	}
	if _, err := PromotionDays(.1, -.1, .05, varied); !errors.Is(err, ErrNever) {
		t.Errorf("a challenger that gains nothing: %v", err)
	}
	if _, err := PromotionDays(0, 1e-9, .05, varied); !errors.Is(err, ErrNever) {
		t.Errorf("a challenger that gains next to nothing: %v", err)
	}
}

// unevenDays are days of every kind: full, small, empty, broken.
func unevenDays(r *chance, n int) []Day {
	x := make([]Day, n)
	for i := range x {
		x[i] = Day{Mean: .3 + r.normal(), Rows: int(r.uniform() * 60), EndsWeek: i%7 == 6}
		if r.uniform() < .05 {
			x[i].Mean = math.NaN()
		}
	}
	return x
}

func TestStatesSurviveJSONAndCopies(t *testing.T) {
	r := &chance{state: 8}
	past := (&days{chance: r, r: .3}).take(40, 0, 1)
	p, err := NewPromotion(.01, 1e-6, past, 30)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDetector(1, 10, past)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewRegret(300, 10)
	if err != nil {
		t.Fatal(err)
	}
	p2, d2, g2 := p, d, g
	for i, day := range unevenDays(r, 500) {
		p2, d2, g2 = throughJSON(t, p2), throughJSON(t, d2), throughJSON(t, g2)
		p3, d3 := p, d // copies that go another way must not disturb
		p3.Add(Day{Mean: 5, Rows: 100})
		d3.Add(Day{Mean: 5, Rows: 100})
		cost := Costs{Champion: 100 * r.uniform(), Compared: i%9 > 0, ChampionCompared: 100 * r.uniform(), Probe: 50, Twin: 60,
			TwinLessProbe: [8]float64{r.normal(), 1, 2, 3, r.normal(), 1, 1, r.normal()}}
		if a, b := p.Add(day), p2.Add(day); a != b {
			t.Fatalf("day %d: promotion says %v, after JSON %v", i, a, b)
		}
		if a, b := d.Add(day), d2.Add(day); a != b {
			t.Fatalf("day %d: detector says %v, after JSON %v", i, a, b)
		}
		if a, b := g.Add(cost), g2.Add(cost); a != b {
			t.Fatalf("block %d: regret says %v, after JSON %v", i, a, b)
		}
		if !reflect.DeepEqual(throughJSON(t, p), throughJSON(t, p2)) || !reflect.DeepEqual(throughJSON(t, d), throughJSON(t, d2)) || g != g2 {
			t.Fatalf("day %d: the states differ", i)
		}
	}
	if p.Blocks < 100 || len(d.Blocks) < 100 || d.Since == 0 {
		t.Errorf("the days were too tame: %d and %d blocks, alarm since %d", p.Blocks, len(d.Blocks), d.Since)
	}
}

func throughJSON[T any](t *testing.T, state T) T {
	t.Helper()
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	var again T
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestUnknownWordsAreRefused(t *testing.T) {
	var v Verdict
	var s State
	var a Action
	for _, err := range []error{v.UnmarshalText([]byte("maybe")), s.UnmarshalText([]byte("")), a.UnmarshalText([]byte("Probe"))} {
		if !errors.Is(err, ErrOutOfRange) {
			t.Errorf("an unknown word was read: %v", err)
		}
	}
	if got := []string{Promote.String(), Alarm.String(), Retrain.String(), Verdict(9).String()}; !slices.Equal(got, []string{"promote", "alarm", "retrain", "Verdict(9)"}) {
		t.Errorf("words %q", got)
	}
}

func share(count, of int) float64 { return float64(count) / float64(of) }

func quantile(x []int, p float64) int {
	x = slices.Sorted(slices.Values(x))
	return x[min(len(x)-1, int(p*float64(len(x))))]
}
