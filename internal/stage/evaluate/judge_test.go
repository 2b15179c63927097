package evaluate

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
)

func judged(t *testing.T, s *Scored, use int, bars ...string) *rondo.Evaluation {
	t.Helper()
	spec := &rondo.Spec{Evaluate: rondo.Evaluate{Bars: bars}}
	ev, err := Judge(Request{Spec: spec, Test: s, Use: use})
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestBarIsMetMissedOrInconclusiveByItsBound(t *testing.T) {
	s := flights("bars", 20_000, 31)
	auc, err := metric.AUC(s.Outputs, s.labels(), shown)
	if err != nil {
		t.Fatal(err)
	}
	inside := fmt.Sprintf("auc >= %.4f", auc.Value)
	ev := judged(t, s, 1, "auc >= 0.6", "log-loss <= 0.1", inside, "calibration(ece) <= 5%")
	for i, want := range []rondo.Verdict{rondo.Met, rondo.NotMet, rondo.Inconclusive, rondo.Met} {
		b := ev.Bars[i]
		if b.Verdict != want || b.Got == nil || !strings.Contains(b.Reason, string(want)) {
			t.Errorf("%s: %s, want %s (%s)", b.Bar, b.Verdict, want, b.Reason)
		}
	}
	if ev.Verdict != rondo.NotMet {
		t.Errorf("one bar is missed and the evaluation says %s", ev.Verdict)
	}
	for _, c := range []struct {
		want rondo.Verdict
		bars []string
	}{{rondo.Met, nil}, {rondo.Met, []string{"auc >= 0.6"}}, {rondo.Inconclusive, []string{"auc >= 0.6", inside}},
		{rondo.NotMet, []string{inside, "auc >= 0.99"}}, {rondo.Met, []string{"auc >= 0.6", "auc >= champion"}}} {
		if got := judged(t, s, 1, c.bars...).Verdict; got != c.want {
			t.Errorf("%v: %s, want %s", c.bars, got, c.want)
		}
	}
}

func TestChampionBarIsNotAskedOffline(t *testing.T) {
	s := flights("bars", 2_000, 31)
	spec := &rondo.Spec{Evaluate: rondo.Evaluate{Bars: []string{"auc >= champion - 0.005"}}}
	for champion, reason := range map[bool]string{false: "there is no champion", true: "asked in shadow"} {
		ev, err := Judge(Request{Spec: spec, Test: s, Use: 1, HasChampion: champion})
		if err != nil {
			t.Fatal(err)
		}
		if b := ev.Bars[0]; b.Verdict != rondo.NotAsked || !strings.Contains(b.Reason, reason) || b.Got != nil {
			t.Errorf("champion %v: %+v", champion, b)
		}
	}
}

func TestLaterUsesOfTestRowsAreHeldToMore(t *testing.T) {
	s := flights("uses", 20_000, 31)
	var last rondo.Number
	for use := 1; use <= maxUses; use++ {
		ev := judged(t, s, use, "auc >= 0.6")
		if want := alpha * 6 / (math.Pi * math.Pi * float64(use*use)); math.Abs(ev.Alpha-want) > 1e-15 || ev.Use != use {
			t.Errorf("use %d spends %v, want %v", use, ev.Alpha, want)
		}
		got := *ev.Bars[0].Got
		if use > 1 && (got.Low >= last.Low || got.High <= last.High) {
			t.Errorf("use %d: bounds %v to %v are no wider than before", use, got.Low, got.High)
		}
		last = got
	}
	if _, err := Judge(Request{Spec: &rondo.Spec{}, Test: s}); err == nil {
		t.Error("a use that was not counted was judged")
	}
}

// A bar at the true value is met or missed wrongly in at most 5 % each; days share a shock, so rows of a day are alike.
// 400 samples of 31 days; the first use may spend 0.0304, so 20 (5 %) is 2.6 deviations above.
func TestBarAtTheTrueValueIsRarelyDecided(t *testing.T) {
	const samples = 400
	met, missed := 0, 0
	for k := range samples {
		rng := seed.Seed(3).Rand("true value", fmt.Sprint(k))
		s := &Scored{Kind: rondo.Binary}
		for day := range 31 {
			shock := .12 * rng.NormFloat64()
			for range 40 {
				right := 0.0
				if rng.Float64() < .75+shock {
					right = 1
				}
				s.Outputs = append(s.Outputs, 1)
				s.Target = append(s.Target, right)
				s.Times = append(s.Times, int64(day)*86_400_000_000)
			}
		}
		switch judged(t, s, 1, "accuracy >= 0.75").Verdict {
		case rondo.Met:
			met++
		case rondo.NotMet:
			missed++
		}
	}
	t.Logf("met %d, missed %d of %d", met, missed, samples)
	if met > samples/20 || missed > samples/20 {
		t.Errorf("met %d and missed %d of %d at the true value", met, missed, samples)
	}
}

// sliced are rows of groups; right is how often each group's answer (always yes) is right, in hundredths.
func sliced(groups ...group) *Scored {
	s := &Scored{Kind: rondo.Binary, Table: &column.Table{}}
	v := column.New(column.String, 0)
	for _, g := range groups {
		for i := range g.rows {
			right := 0.0
			if i*100 < g.right*g.rows {
				right = 1
			}
			s.Outputs, s.Target, v.Strings = append(s.Outputs, .9), append(s.Target, right), append(v.Strings, g.name)
		}
	}
	s.Table.Set("origin", v)
	return s
}

type group struct {
	name        string
	rows, right int
}

func TestWorstIsJudgedOverLargeSlicesTogether(t *testing.T) {
	s := sliced(group{"big", 4000, 90}, group{"other", 3000, 80}, group{"tiny", 10, 0})
	ev := judged(t, s, 1, "worst(accuracy by origin, rows >= 1000) >= 0.70")
	b := ev.Bars[0]
	if b.Verdict != rondo.Met || !strings.Contains(b.Reason, "worst is other of 2 judged") {
		t.Errorf("%s: %s", b.Verdict, b.Reason)
	}
	one := judged(t, sliced(group{"other", 3000, 80}), 1, "worst(accuracy by origin, rows >= 1000) >= 0.70")
	if one.Bars[0].Got.Low <= b.Got.Low {
		t.Errorf("two slices are bounded as one: %v and %v", one.Bars[0].Got.Low, b.Got.Low)
	}
	if math.Abs(ev.NotJudged-10.0/7010) > 1e-12 || len(ev.Slices) != 3 || ev.Slices[2].Judged || ev.Slices[2].Rows != 10 {
		t.Errorf("not judged %v: %+v", ev.NotJudged, ev.Slices)
	}
	ev = judged(t, s, 1, "worst(accuracy by origin, rows >= 5000) >= 0.01")
	if ev.Bars[0].Verdict != rondo.Inconclusive || ev.Bars[0].Got != nil || ev.NotJudged != 1 {
		t.Errorf("nothing was judged: %+v", ev.Bars[0])
	}
}

// The slice with the lowest lower bound is the small one; the one that is proved to miss the bar is large.
func TestOneSliceProvedBadIsEnough(t *testing.T) {
	s := sliced(group{"large", 50_000, 68}, group{"small", 60, 70})
	ev := judged(t, s, 1, "worst(accuracy by origin, rows >= 50) >= 0.70")
	if b := ev.Bars[0]; b.Verdict != rondo.NotMet || !strings.Contains(b.Reason, "worst is large") {
		t.Errorf("%s: %s", b.Verdict, b.Reason)
	}
}

func TestSliceOfEnoughRowsThatCannotBeMeasuredIsNotPassed(t *testing.T) {
	s := sliced(group{"mixed", 4000, 50}, group{"always", 2000, 100})
	rng := seed.Seed(1).Rand("slices")
	for i, y := range s.Target {
		s.Outputs[i] = .2 + .5*y + .2*rng.Float64()
	}
	ev := judged(t, s, 1, "worst(auc by origin, rows >= 1000) >= 0.60")
	if b := ev.Bars[0]; b.Verdict != rondo.Inconclusive || !strings.Contains(b.Reason, "always: auc cannot be measured") {
		t.Errorf("%s: %s", b.Verdict, b.Reason)
	}
	ev = judged(t, s, 1, "worst(auc by origin, rows >= 3000) >= 0.60")
	if b := ev.Bars[0]; b.Verdict != rondo.Met {
		t.Errorf("%s: %s", b.Verdict, b.Reason)
	}
}

func TestSlicesOfHostileNamesDoNotMerge(t *testing.T) {
	a := &column.Vector{Type: column.String, Strings: []string{"x / y", "x", "null", ""}}
	b := &column.Vector{Type: column.String, Strings: []string{"z", "y / z", "q", "q"}}
	a.SetNull(3)
	table := &column.Table{}
	table.Set("a", a)
	table.Set("b", b)
	groups, err := slicesBy(&Scored{Kind: rondo.Binary, Target: make([]float64, 4), Table: table}, []string{"a", "b"})
	if err != nil || len(groups) != 4 {
		t.Errorf("%d groups of 4: %+v, %v", len(groups), groups, err)
	}
	if _, err := slicesBy(&Scored{Table: table, Target: make([]float64, 4)}, []string{"c"}); rondo.KindOf(err) != rondo.Invalid {
		t.Errorf("no column c: %v", err)
	}
}

func TestManySmallSlicesAreCountedNotListed(t *testing.T) {
	s := sliced(group{"big", 2000, 90})
	v := s.Table.Column("origin")
	for i := range 5000 {
		s.Outputs, s.Target, v.Strings = append(s.Outputs, .9), append(s.Target, 1), append(v.Strings, fmt.Sprint("key ", i))
	}
	ev := judged(t, s, 1, "worst(accuracy by origin, rows >= 1000) >= 0.70")
	if len(ev.Slices) > mostListed || math.Abs(ev.NotJudged-5.0/7) > 1e-12 || ev.Verdict != rondo.Met {
		t.Errorf("%d slices listed, %v not judged, %s", len(ev.Slices), ev.NotJudged, ev.Verdict)
	}
}

func TestWatchedSlicesAreShownBesideThoseOfBars(t *testing.T) {
	s := flights("slices", 5_000, 31)
	day := column.New(column.Int64, s.Rows())
	for i := range day.Ints {
		day.Ints[i] = int64(i % 3)
	}
	s.Table.Set("third", day)
	spec := flightsSpec()
	spec.Evaluate.Bars = []string{"worst(auc by origin, rows >= 300) >= 0.50"}
	spec.Monitor.Slices = []string{"origin", "third"}
	ev, err := Judge(Request{Spec: spec, Test: s, Use: 1})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, x := range ev.Slices {
		if count[x.By]++; x.By == "third" && x.Judged {
			t.Errorf("a slice that no bar asked for was judged: %+v", x)
		}
	}
	if count["third"] != 3 || count["origin"] < 5 {
		t.Errorf("slices by column: %v", count)
	}
}

func TestWhatCannotBeMeasuredNeverPasses(t *testing.T) {
	s := yesNo([]float64{.1, .2, .3, .4}, []float64{0, 0, 0, 0})
	ev := judged(t, s, 1, "auc >= 0.01")
	if b := ev.Bars[0]; b.Verdict != rondo.Inconclusive || b.Got != nil || !strings.Contains(b.Reason, "one class") {
		t.Errorf("%+v", b)
	}
	for _, m := range ev.Metrics {
		if m.Name == "auc" || m.Name == "average-precision" {
			t.Errorf("measured %s %v on one class", m.Name, m.Value)
		}
	}
	if _, err := Judge(Request{Spec: &rondo.Spec{}, Test: yesNo(nil, nil), Use: 1}); err == nil {
		t.Error("no rows were judged")
	}
}

func TestRobustBarIsAskedOfNoisyRows(t *testing.T) {
	s, poor := flights("robust", 5_000, 31), flights("robust", 5_000, 31)
	for i := range poor.Outputs {
		poor.Outputs[i] = .5
	}
	spec := &rondo.Spec{Evaluate: rondo.Evaluate{Bars: []string{"auc >= 0.6", "robust(auc, noise 5%) >= 0.6"}}}
	var share float64
	ev, err := Judge(Request{Spec: spec, Test: s, Use: 1, Noise: func(x float64, _ ...string) (*Scored, error) { share = x; return poor, nil }})
	if err != nil || share != .05 || ev.Bars[0].Verdict != rondo.Met || ev.Bars[1].Verdict == rondo.Met {
		t.Errorf("noise %v: %+v, %v", share, ev.Bars, err)
	}
	if _, err := Judge(Request{Spec: spec, Test: s, Use: 1}); err == nil {
		t.Error("a robust bar was judged without noise")
	}
}

func TestDigestIsOfNumbersAndOfNothingElse(t *testing.T) {
	one := judged(t, flights("digest", 3_000, 31), 1, "auc >= 0.6")
	again := judged(t, flights("digest", 3_000, 31), 1, "auc >= 0.6")
	if one.Digest != again.Digest || !one.Digest.Valid() {
		t.Errorf("equal numbers, digests %s and %s", one.Digest, again.Digest)
	}
	named := *one
	named.ID, named.Model, named.Dataset, named.Run = "ev_1", "m", "ds_1", "run_1"
	if d, err := digest(&named); err != nil || d != one.Digest {
		t.Errorf("ids changed the digest: %s, %v", d, err)
	}
	other := flights("digest", 3_000, 31)
	other.Outputs[7] /= 2
	for name, d := range map[string]rondo.Digest{
		"a use":       judged(t, flights("digest", 3_000, 31), 2, "auc >= 0.6").Digest,
		"a bar":       judged(t, flights("digest", 3_000, 31), 1, "auc >= 0.61").Digest,
		"one answer":  judged(t, other, 1, "auc >= 0.6").Digest,
		"other times": judged(t, flights("digest", 3_000, 5), 1, "auc >= 0.6").Digest,
	} {
		if d == one.Digest {
			t.Errorf("%s does not change the digest", name)
		}
	}
	if _, err := json.Marshal(one); err != nil {
		t.Error(err)
	}
}

func TestCalibrationPictureIsOfObservedShares(t *testing.T) {
	ev := judged(t, flights("calibration", 50_000, 31), 1)
	rows := 0
	for _, b := range ev.Calibration {
		rows += b.Rows
		if b.Rows > 500 && math.Abs(b.Predicted-b.Observed) > 5*.5/math.Sqrt(float64(b.Rows)) {
			t.Errorf("calibrated rows: %+v", b)
		}
	}
	if rows != 50_000 {
		t.Errorf("%d rows in bins", rows)
	}
}

func TestClassesAndNumbersAreJudgedByTheirOwnMetrics(t *testing.T) {
	rng := seed.Seed(1).Rand("kinds")
	classes := &Scored{Kind: rondo.Multiclass, Classes: []string{"a", "b", "c"}}
	numbers := &Scored{Kind: rondo.Regression}
	for range 3000 {
		q := []float64{.6, .3, .1}
		shift := rng.IntN(3)
		for c := range 3 {
			classes.Outputs = append(classes.Outputs, q[(c+shift)%3])
		}
		classes.Target = append(classes.Target, float64((int(draw(rng.Float64(), q...))+3-shift)%3))
		x := rng.NormFloat64()
		numbers.Outputs, numbers.Target = append(numbers.Outputs, x), append(numbers.Target, x+.5*rng.NormFloat64())
	}
	for _, c := range []struct {
		s    *Scored
		bars []string
	}{
		{classes, []string{"accuracy >= 0.55", "log-loss <= 1", "macro-f1 >= 0.5", "auc >= 0.6"}},
		{numbers, []string{"rmse <= 0.55", "mae <= 0.45", "r2 >= 0.7"}},
	} {
		ev := judged(t, c.s, 1, c.bars...)
		if ev.Verdict != rondo.Met || len(ev.Metrics) != len(Names(c.s.Kind, false)) || ev.Calibration != nil {
			t.Errorf("%s: %s, %+v", c.s.Kind, ev.Verdict, ev.Bars)
		}
		_, err := Judge(Request{Spec: &rondo.Spec{Evaluate: rondo.Evaluate{Bars: []string{"brier <= 1"}}}, Test: c.s, Use: 1})
		if rondo.KindOf(err) != rondo.Unsupported {
			t.Errorf("brier of a %s task: %v", c.s.Kind, err)
		}
	}
}

func TestDaysBeforeTheEpochAreDaysToo(t *testing.T) {
	const day = 86_400_000_000
	s := &Scored{}
	for i := -8; i < 8; i++ {
		s.Times = append(s.Times, int64(i)*day, int64(i)*day+day-1)
	}
	groups := s.days()
	for i := 0; i < len(groups); i += 2 {
		if groups[i] != groups[i+1] || i > 0 && groups[i] == groups[i-1] {
			t.Fatalf("row %d: %v", i, groups)
		}
	}
}
