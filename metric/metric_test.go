package metric

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestMissingIsNeverZero(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	yes, both := []bool{true, true}, []bool{true, false}
	half := []float64{.5, .5}
	for _, c := range []struct {
		name string
		want error
		of   func() (Estimate, error)
	}{
		{"auc of nothing", ErrNoRows, func() (Estimate, error) { return AUC(nil, nil, level) }},
		{"auc of one class", ErrOneClass, func() (Estimate, error) { return AUC(half, yes, level) }},
		{"auc of NaN", ErrNotFinite, func() (Estimate, error) { return AUC([]float64{nan, 1}, both, level) }},
		{"auc of infinity", ErrNotFinite, func() (Estimate, error) { return AUC([]float64{inf, 1}, both, level) }},
		{"auc of one score too many", ErrLengths, func() (Estimate, error) { return AUC([]float64{1, 2, 3}, both, level) }},
		{"auc at level 1", ErrOutOfRange, func() (Estimate, error) { return AUC(half, both, 1) }},
		{"auc at no level", ErrOutOfRange, func() (Estimate, error) { return AUC(half, both, nan) }},
		{"auc of one group too few", ErrLengths, func() (Estimate, error) { return Groups{1}.AUC(half, both, level) }},
		{"auc of one group", ErrFewRows, func() (Estimate, error) { return Groups{1, 1}.AUC(half, both, level) }},
		{"auc difference of one class", ErrOneClass, func() (Estimate, error) { return AUCDifference(half, half, yes, level) }},
		{"auc difference of NaN", ErrNotFinite, func() (Estimate, error) { return AUCDifference(half, []float64{0, nan}, both, level) }},
		{"average precision without positives", ErrOneClass, func() (Estimate, error) { return AveragePrecision(half, []bool{false, false}, level) }},
		{"log loss of a log-odds", ErrNotProbability, func() (Estimate, error) { return LogLoss([]float64{-3, .5}, both, level) }},
		{"log loss of one row", ErrFewRows, func() (Estimate, error) { return LogLoss([]float64{.5}, []bool{true}, level) }},
		{"brier of NaN", ErrNotFinite, func() (Estimate, error) { return Brier([]float64{nan, .5}, both, level) }},
		{"precision of nothing predicted", ErrUndefined, func() (Estimate, error) { return Precision(half, both, .9, level) }},
		{"recall of nothing to find", ErrUndefined, func() (Estimate, error) { return Recall(half, []bool{false, false}, .5, level) }},
		{"f1 of nothing", ErrUndefined, func() (Estimate, error) { return F1(half, []bool{false, false}, .9, level) }},
		{"accuracy at no threshold", ErrNotFinite, func() (Estimate, error) { return Accuracy(half, both, nan, level) }},
		{"ece in no bins", ErrOutOfRange, func() (Estimate, error) { return ECE(half, both, 0, level) }},
		{"ece in too many bins", ErrOutOfRange, func() (Estimate, error) { return ECE(half, both, 1<<40, level) }},
		{"one class", ErrOutOfRange, func() (Estimate, error) { return MulticlassAccuracy(half, 1, []int32{0, 0}, level) }},
		{"half a row", ErrLengths, func() (Estimate, error) { return MulticlassAccuracy(half, 3, []int32{0}, level) }},
		{"label out of range", ErrOutOfRange, func() (Estimate, error) { return MulticlassLogLoss(half, 2, []int32{2}, level) }},
		{"negative label", ErrOutOfRange, func() (Estimate, error) { return MacroF1(half, 2, []int32{-1}, level) }},
		{"macro auc without a class", ErrOneClass, func() (Estimate, error) { return MacroAUC([]float64{.2, .8, .3, .7}, 2, []int32{1, 1}, level) }},
		{"rmse of nothing", ErrNoRows, func() (Estimate, error) { return RMSE(nil, nil, level) }},
		{"rmse beyond float64", ErrNotFinite, func() (Estimate, error) { return RMSE([]float64{1e200, 1}, []float64{0, 1}, level) }},
		{"mae of NaN", ErrNotFinite, func() (Estimate, error) { return MAE(half, []float64{0, nan}, level) }},
		{"r2 of equal labels", ErrUndefined, func() (Estimate, error) { return R2(half, []float64{3, 3}, level) }},
		{"pinball of quantile 1", ErrOutOfRange, func() (Estimate, error) { return Pinball(half, half, 1, level) }},
		{"mean of infinity", ErrNotFinite, func() (Estimate, error) { return Mean([]float64{1, inf}, level) }},
	} {
		if e, err := c.of(); !errors.Is(err, c.want) || e != (Estimate{}) {
			t.Errorf("%s: %+v, %v; want %v", c.name, e, err, c.want)
		}
	}
}

// Perfect and worst samples are measured as such, and their intervals do not claim to know more than they can.
func TestPerfectSamplesStayUncertain(t *testing.T) {
	scores, labels := []float64{.1, .2, .3, .7, .8, .9}, []bool{false, false, false, true, true, true}
	backwards := []float64{.9, .8, .7, .3, .2, .1}
	flat := []float64{.5, .5, .5, .5, .5, .5}
	groups := Groups{7, 7, -9, 7, -9, 2}
	for _, c := range []struct {
		name             string
		of               func(g Groups) (Estimate, error)
		value, low, high float64 // low at most, high at least
	}{
		{"auc", func(g Groups) (Estimate, error) { return g.AUC(scores, labels, level) }, 1, .6, 1},
		{"worst auc", func(g Groups) (Estimate, error) { return g.AUC(backwards, labels, level) }, 0, 0, .4},
		{"auc of equal scores", func(g Groups) (Estimate, error) { return g.AUC(flat, labels, level) }, .5, .3, .7},
		{"difference of two perfect models", func(g Groups) (Estimate, error) {
			return g.AUCDifference(scores, []float64{.1, .3, .2, .7, .8, .9}, labels, level)
		}, 0, -.1, .1},
		{"average precision", func(g Groups) (Estimate, error) { return g.AveragePrecision(scores, labels, level) }, 1, .5, 1},
		{"accuracy", func(g Groups) (Estimate, error) { return g.Accuracy(scores, labels, .5, level) }, 1, .7, 1},
		{"worst accuracy", func(g Groups) (Estimate, error) { return g.Accuracy(backwards, labels, .5, level) }, 0, 0, .3},
		{"f1", func(g Groups) (Estimate, error) { return g.F1(scores, labels, .5, level) }, 1, .7, 1},
	} {
		for _, g := range []Groups{nil, groups} {
			e, err := c.of(g)
			if err != nil || e.Value != c.value || !(e.Low <= c.low && e.High >= c.high && e.Low >= -1 && e.High <= 1) {
				t.Errorf("%s by %v: %+v, %v", c.name, g, e, err)
			}
		}
	}
	if e, err := AUCDifference(scores, []float64{1, 2, 3, 7, 8, 9}, labels, level); err != nil || e != (Estimate{Rows: 6}) {
		t.Errorf("two scores of one order: %+v, %v", e, err)
	}
	one, err := AUC([]float64{1, 2, 3}, []bool{false, false, true}, level)
	if err != nil || one.Value != 1 || one.Low > .3 {
		t.Errorf("one positive row: %+v, %v", one, err)
	}
	one, err = AUC([]float64{1, 3, 2}, []bool{false, false, true}, level)
	if err != nil || one.Value != .5 || one.Low > .2 || one.High < .8 {
		t.Errorf("one positive row in the middle: %+v, %v", one, err)
	}
}

// The sort, its radix form and the pairs agree, ties, signs and zeros included.
func TestPlacementsAgreeWithPairs(t *testing.T) {
	r := &chance{state: 41}
	for _, rows := range []int{2, 3, 10, 500, 2500} {
		scores, labels := make([]float64, rows), make([]bool, rows)
		for i := range scores {
			scores[i] = math.Round(20*r.normal()) / 10 * []float64{1, 1e-300, 1e300}[int(3*r.uniform())]
			labels[i] = r.uniform() < .3
		}
		scores[0], scores[1] = math.Copysign(0, -1), 0
		labels[0], labels[1] = true, false
		wins, pairs := 0.0, 0.0
		for i, a := range labels {
			for j, b := range labels {
				if a && !b {
					pairs++
					if scores[i] > scores[j] {
						wins++
					} else if scores[i] == scores[j] {
						wins += .5
					}
				}
			}
		}
		e, err := AUC(scores, labels, level)
		if err != nil || math.Abs(e.Value-wins/pairs) > 1e-15 {
			t.Errorf("%d rows: %+v, %v, want %v", rows, e, err, wins/pairs)
		}
		order := ascending(scores)
		if !slices.IsSortedFunc(order, func(a, b ranked) int {
			if scores[a.row] != scores[b.row] {
				return int(math.Copysign(1, scores[a.row]-scores[b.row]))
			}
			return int(a.row) - int(b.row)
		}) {
			t.Errorf("%d rows are not in order", rows)
		}
	}
}

// Groups of one row each are independent rows.
func TestGroupsOfOneRowAreRows(t *testing.T) {
	r := &chance{state: 42}
	s := design{"", .4, 1, 1}.draw(r, 300)
	g := make(Groups, 300)
	for i := range g {
		g[i] = int32(i-150) * 14_000_000 // far apart: counted by map, not by array
	}
	for _, m := range binaryMetrics {
		rows, err := m.of(nil, s)
		if err != nil {
			t.Fatal(err)
		}
		groups, err := m.of(g, s)
		if err != nil {
			t.Fatal(err)
		}
		wide, narrow := groups.High-groups.Low, rows.High-rows.Low
		if groups.Value != rows.Value || m.name != "ece" && math.Abs(wide/narrow-1) > .03 {
			t.Errorf("%s: rows %+v, groups of one row %+v", m.name, rows, groups)
		}
	}
}

func TestOneSidedBoundsCoverWhatTheySay(t *testing.T) {
	const replays = 2000
	r := &chance{state: 43}
	d := design{"", .3, 1.2, 1}
	all := d.draw(r, 400_000)
	bounds := func(s binarySample, level float64) (of [3]Estimate) {
		var errs [3]error
		of[0], errs[0] = AUC(s.scores, s.labels, level)
		of[1], errs[1] = Accuracy(s.scores, s.labels, .5, level)
		of[2], errs[2] = LogLoss(s.scores, s.labels, level)
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		return of
	}
	truth := bounds(all, .9)
	var low, high [3]int
	for range replays {
		for k, e := range bounds(d.draw(r, 400), OneSided(.95)) {
			if e.Low <= truth[k].Value {
				low[k]++
			}
			if e.High >= truth[k].Value {
				high[k]++
			}
		}
	}
	for k, name := range []string{"auc", "accuracy", "log loss"} {
		below, above := float64(low[k])/replays, float64(high[k])/replays
		t.Logf("%s: lower bound holds in %.3f, upper in %.3f", name, below, above)
		if below < .93 || above < .93 || below > .97 || above > .97 {
			t.Errorf("%s: one-sided 95 %% bounds hold in %.3f and %.3f", name, below, above)
		}
	}
	if OneSided(.4) != 0 || math.Abs(OneSided(.975)-.95) > 1e-15 {
		t.Error("levels of one-sided bounds")
	}
}

func TestCalibrationTableHoldsEveryRowOnce(t *testing.T) {
	scores := []float64{0, .05, .1, .3, .999, 1}
	labels := []bool{false, true, false, true, true, true}
	table, err := Calibration(scores, labels, 10, level)
	if err != nil {
		t.Fatal(err)
	}
	rows, ece := 0, 0.0
	for b, bin := range table {
		rows += bin.Rows
		ece += float64(bin.Rows) / 6 * math.Abs(bin.Rate.Value-bin.Score)
		if bin.From != float64(b)/10 || bin.Rows == 0 && bin.Rate != (Estimate{}) {
			t.Errorf("bin %d: %+v", b, bin)
		}
	}
	if rows != 6 || table[0].Rows != 2 || table[1].Rows != 1 || table[9].Rows != 2 || math.Abs(table[0].Score-.025) > 1e-15 || table[0].Rate.Value != .5 {
		t.Errorf("table %+v", table)
	}
	e, err := ECE(scores, labels, 10, level)
	if err != nil || math.Abs(e.Value-ece) > 1e-15 {
		t.Errorf("ece %+v, %v, from the table %v", e, err, ece)
	}
	grouped, err := Groups{1, 1, 2, 2, 3, 3}.Calibration(scores, labels, 10, level)
	if err != nil || len(grouped) != 10 || grouped[0].Rate.Value != .5 {
		t.Errorf("by group: %+v, %v", grouped, err)
	}
}

func TestPerfectRegressionIsExact(t *testing.T) {
	y := []float64{1, 2, 4}
	for name, of := range map[string]func() (Estimate, error){
		"rmse": func() (Estimate, error) { return RMSE(y, y, level) },
		"mae":  func() (Estimate, error) { return MAE(y, y, level) },
	} {
		if e, err := of(); err != nil || e != (Estimate{Rows: 3}) {
			t.Errorf("%s of perfect predictions: %+v, %v", name, e, err)
		}
	}
	if e, err := R2(y, y, level); err != nil || e != (Estimate{1, 1, 1, 3}) {
		t.Errorf("r2 of perfect predictions: %+v, %v", e, err)
	}
}
