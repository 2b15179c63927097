package metric

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// expected is testdata/oracle/expected.json; make.py beside it says where each number comes from.
type expected struct {
	Level  float64
	T      [][3]float64
	Binary []struct {
		Scores, Other             []float64
		Labels                    []bool
		Groups                    Groups
		Threshold                 float64
		AUC, AUCByGroup           [3]float64
		AUCDifference             [3]float64
		LogLoss, LogLossByGroup   [3]float64
		Brier                     [3]float64
		AveragePrecision          float64
		AveragePrecisionInfluence []float64
		Accuracy, Precision       [3]float64
		Recall, F1                [3]float64
		Confusion                 [4]int
		ECE10, ECE15              float64
	}
	Multiclass []struct {
		Classes           int
		Probabilities     []float64
		Labels            []int32
		Accuracy, LogLoss [3]float64
		MacroF1, MacroAUC float64
	}
	Regression []struct {
		Predictions, Labels  []float64
		RMSE, MAE, Pinball90 [3]float64
		R2                   float64
	}
}

const tolerance = 1e-9

func oracle(t *testing.T) expected {
	t.Helper()
	text, err := os.ReadFile("testdata/oracle/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want expected
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Binary) == 0 || len(want.Multiclass) == 0 || len(want.Regression) == 0 || len(want.T) == 0 {
		t.Fatal("the oracle is empty")
	}
	return want
}

func TestQuantilesAgreeWithSciPy(t *testing.T) {
	for _, c := range oracle(t).T {
		if got := tQuantile(c[0], c[1]); math.Abs(got-c[2]) > tolerance*max(1, c[2]) {
			t.Errorf("t quantile of %v with %v degrees of freedom is %v, SciPy says %v", c[0], c[1], got, c[2])
		}
	}
}

func TestBinaryMetricsAgreeWithOracle(t *testing.T) {
	want := oracle(t)
	for i, c := range want.Binary {
		check := checker(t, i)
		e, err := AUC(c.Scores, c.Labels, want.Level)
		check("auc", e, err, c.AUC)
		e, err = c.Groups.AUC(c.Scores, c.Labels, want.Level)
		check("auc by group", e, err, c.AUCByGroup)
		e, err = AUCDifference(c.Scores, c.Other, c.Labels, want.Level)
		check("auc difference", e, err, c.AUCDifference)
		e, err = LogLoss(c.Scores, c.Labels, want.Level)
		check("log loss", e, err, c.LogLoss)
		e, err = c.Groups.LogLoss(c.Scores, c.Labels, want.Level)
		check("log loss by group", e, err, c.LogLossByGroup)
		e, err = Brier(c.Scores, c.Labels, want.Level)
		check("brier", e, err, c.Brier)
		e, err = Accuracy(c.Scores, c.Labels, c.Threshold, want.Level)
		check("accuracy", e, err, c.Accuracy)
		e, err = Precision(c.Scores, c.Labels, c.Threshold, want.Level)
		check("precision", e, err, c.Precision)
		e, err = Recall(c.Scores, c.Labels, c.Threshold, want.Level)
		check("recall", e, err, c.Recall)
		e, err = F1(c.Scores, c.Labels, c.Threshold, want.Level)
		check("f1", e, err, c.F1)
		e, err = AveragePrecision(c.Scores, c.Labels, want.Level)
		check("average precision", e, err, [3]float64{c.AveragePrecision, e.Low, e.High})
		e, err = ECE(c.Scores, c.Labels, 10, want.Level)
		check("ece 10", e, err, [3]float64{c.ECE10, e.Low, e.High})
		e, err = ECE(c.Scores, c.Labels, 15, want.Level)
		check("ece 15", e, err, [3]float64{c.ECE15, e.Low, e.High})
		counts, err := Count(c.Scores, c.Labels, c.Threshold)
		if got := [4]int{counts.TrueNegative, counts.FalsePositive, counts.FalseNegative, counts.TruePositive}; err != nil || got != c.Confusion {
			t.Errorf("case %d: confusion %v (%v), want %v", i, got, err, c.Confusion)
		}
		_, _, influence, err := averagePrecision(c.Scores, c.Labels)
		if err != nil {
			t.Fatal(err)
		}
		for row, got := range influence { // the oracle differentiates numerically
			if math.Abs(got-c.AveragePrecisionInfluence[row]) > 1e-5 {
				t.Errorf("case %d: average precision moves with row %d by %v, want %v", i, row, got, c.AveragePrecisionInfluence[row])
			}
		}
	}
}

func TestMulticlassMetricsAgreeWithOracle(t *testing.T) {
	want := oracle(t)
	for i, c := range want.Multiclass {
		check := checker(t, i)
		e, err := MulticlassAccuracy(c.Probabilities, c.Classes, c.Labels, want.Level)
		check("accuracy", e, err, c.Accuracy)
		e, err = MulticlassLogLoss(c.Probabilities, c.Classes, c.Labels, want.Level)
		check("log loss", e, err, c.LogLoss)
		e, err = MacroF1(c.Probabilities, c.Classes, c.Labels, want.Level)
		check("macro f1", e, err, [3]float64{c.MacroF1, e.Low, e.High})
		e, err = MacroAUC(c.Probabilities, c.Classes, c.Labels, want.Level)
		check("macro auc", e, err, [3]float64{c.MacroAUC, e.Low, e.High})
	}
}

func TestRegressionMetricsAgreeWithOracle(t *testing.T) {
	want := oracle(t)
	for i, c := range want.Regression {
		check := checker(t, i)
		e, err := RMSE(c.Predictions, c.Labels, want.Level)
		check("rmse", e, err, c.RMSE)
		e, err = MAE(c.Predictions, c.Labels, want.Level)
		check("mae", e, err, c.MAE)
		e, err = Pinball(c.Predictions, c.Labels, .9, want.Level)
		check("pinball", e, err, c.Pinball90)
		e, err = R2(c.Predictions, c.Labels, want.Level)
		check("r2", e, err, [3]float64{c.R2, e.Low, e.High})
	}
}

// checker compares an estimate with [value, low, high].
func checker(t *testing.T, number int) func(metric string, got Estimate, err error, want [3]float64) {
	return func(metric string, got Estimate, err error, want [3]float64) {
		t.Helper()
		if err != nil {
			t.Errorf("case %d: %s: %v", number, metric, err)
			return
		}
		for i, v := range [3]float64{got.Value, got.Low, got.High} {
			if !(math.Abs(v-want[i]) <= tolerance) {
				t.Errorf("case %d: %s: %v is %v, want %v", number, metric, [3]string{"value", "low", "high"}[i], v, want[i])
			}
		}
		if !(got.Low <= got.Value && got.Value <= got.High) {
			t.Errorf("case %d: %s: %+v does not contain its value", number, metric, got)
		}
	}
}
