package expr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/internal/lib/expr"
)

func TestBars(t *testing.T) {
	number := func(x float64) expr.Bound { return expr.Bound{Kind: expr.NumberBound, Value: x} }
	for text, want := range map[string]expr.Bar{
		"auc >= 0.70":                 {Metric: "auc", AtLeast: true, Bound: number(0.7), Text: "auc >= 0.7"},
		"auc>=champion-0.005":         {Metric: "auc", AtLeast: true, Bound: expr.Bound{Kind: expr.ChampionBound, Value: -0.005}, Text: "auc >= champion - 0.005"},
		"log-loss <= champion + 2%":   {Metric: "log-loss", Bound: expr.Bound{Kind: expr.ChampionBound, Value: 0.02, Relative: true}, Text: "log-loss <= champion + 2%"},
		"auc >= champion":             {Metric: "auc", AtLeast: true, Bound: expr.Bound{Kind: expr.ChampionBound}, Text: "auc >= champion"},
		"f1 >= 55%":                   {Metric: "f1", AtLeast: true, Bound: expr.Bound{Kind: expr.ShareBound, Value: 0.55}, Text: "f1 >= 55%"},
		"calibration(ece) <= 0.05":    {Metric: "calibration", Args: []expr.BarArg{{Name: "ece"}}, Bound: number(0.05), Text: "calibration(ece) <= 0.05"},
		"latency( p99 ) <= 5ms":       {Metric: "latency", Args: []expr.BarArg{{P: 99}}, Bound: expr.Bound{Kind: expr.DurationBound, Duration: 5 * time.Millisecond}, Text: "latency(p99) <= 5ms"},
		"latency(p50) <= 1.5s":        {Metric: "latency", Args: []expr.BarArg{{P: 50}}, Bound: expr.Bound{Kind: expr.DurationBound, Duration: 1500 * time.Millisecond}, Text: "latency(p50) <= 1500ms"},
		"cost <= $0.25":               {Metric: "cost", Bound: expr.Bound{Kind: expr.MoneyBound, Micros: 250_000}, Text: "cost <= $0.25"},
		"robust(auc, noise 5%)>=0.66": {Metric: "robust", AtLeast: true, Args: []expr.BarArg{{Name: "auc"}, {Noise: 0.05}}, Bound: number(0.66), Text: "robust(auc, noise 5%) >= 0.66"},
		"worst(auc by origin, rows >= 5000) >= 0.60": {Metric: "worst", AtLeast: true,
			Args: []expr.BarArg{{Name: "auc", By: []string{"origin"}}, {Rows: 5000}}, Bound: number(0.6), Text: "worst(auc by origin, rows >= 5000) >= 0.6"},
		`worst(auc by origin, "my col", rows, rows >= 5) >= 0.6`: {Metric: "worst", AtLeast: true,
			Args: []expr.BarArg{{Name: "auc", By: []string{"origin", "my col", "rows"}}, {Rows: 5}}, Bound: number(0.6), Text: `worst(auc by origin, "my col", "rows", rows >= 5) >= 0.6`},
	} {
		got, err := expr.ParseBar(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		again, err := expr.ParseBar(got.Text)
		if err != nil {
			t.Errorf("%s: %v", got.Text, err)
		} else if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("%s: %s", got.Text, diff)
		}
	}
}

func TestBoundsOverTheChampion(t *testing.T) {
	for text, want := range map[string]float64{"auc >= champion - 0.25": 0.25, "r2 >= champion - 50%": 0.25, "r2 >= champion": 0.5} {
		bar, err := expr.ParseBar(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := bar.Bound.Over(0.5); got != want || !bar.Bound.Champion() {
			t.Errorf("%s over 0.5 is %g, want %g", text, got, want)
		}
	}
}

func TestWrongBarsAndBatchChecksSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "at byte 0: a bar starts with a metric, not with the end"},
		{"auc > 0.7", `at byte 4: a bar compares with ">=" or "<=", not ">"`},
		{"auc = 0.7", `at byte 4: a bar is METRIC >= BOUND or METRIC <= BOUND; "=" stands where ">=" or "<=" should`},
		{"auc >= high", `at byte 7: a bound is a number, a percent, a duration, an amount of $, or champion; not "high"`},
		{"auc >= 0.7 or so", `at byte 11: the bar is complete before "or"`},
		{"worst(auc by origin rows >= 5)", `at byte 20: "rows" stands where "," or ")" should`},
		{"worst(auc by origin, rows >= none) >= 1", `at byte 29: "rows >=" needs a whole number of at least 1`},
		{"robust(auc, noise 0.05) >= 1", `at byte 18: "noise" needs a percent above 0 and at most 100, as in noise 5%`},
		{"auc >= champion - -1", `at byte 18: one sign is enough`},
	} {
		if _, err := expr.ParseBar(c.text); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.text, err, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"medain(distance) within 25% of profile", `unknown aggregate "medain"; there are median, mean, min, max, nulls, distinct; did you mean "median"?`},
		{"median(distance) within 25 of profile", `"within" needs a percent above 0`},
		{"median(distance) in 25%", `needs "within" here, not "in"`},
		{"distance > 3", `unknown aggregate "distance"`},
	} {
		if _, err := expr.ParseBatchCheck(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.text, err, c.want)
		}
	}
}

func TestBatchChecks(t *testing.T) {
	got, err := expr.ParseBatchCheck(`Median("odd name") within 12.5% of profile`)
	want := &expr.BatchCheck{Aggregate: "median", Column: "odd name", Within: 0.125, Text: `median("odd name") within 12.5% of profile`}
	if err != nil || !cmp.Equal(got, want) {
		t.Fatalf("%v: %s", err, cmp.Diff(want, got))
	}
}

func FuzzParseBar(f *testing.F) {
	for _, s := range []string{"auc >= champion - 0.005", "worst(auc by a, b, rows >= 5) >= 60%", "latency(p99) <= 1.5s", "cost <= $0.000001", "median(x) within 1e-3% of profile"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if bar, err := expr.ParseBar(text); err == nil {
			again, err := expr.ParseBar(bar.Text)
			if err != nil || !cmp.Equal(bar, again) {
				t.Fatalf("%q prints %q: %v %s", text, bar.Text, err, cmp.Diff(bar, again))
			}
		}
		if c, err := expr.ParseBatchCheck(text); err == nil {
			if again, err := expr.ParseBatchCheck(c.Text); err != nil || !cmp.Equal(c, again) {
				t.Fatalf("%q prints %q: %v", text, c.Text, err)
			}
		}
	})
}
