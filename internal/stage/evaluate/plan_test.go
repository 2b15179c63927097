package evaluate

import (
	"fmt"
	"testing"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
)

// independent are n rows of a model with an AUC of about 0.75 and a quarter of positives, calibrated or nearly so.
func independent(name string, n int) *Scored {
	rng := seed.Seed(9).Rand("plan", name)
	s := &Scored{Kind: rondo.Binary}
	for range n {
		p := sigmoid(rng.NormFloat64()*1.05 - 1.35)
		s.Outputs = append(s.Outputs, p)
		s.Target = append(s.Target, draw(rng.Float64(), 1-p, p))
	}
	return s
}

// What apply says a bar can decide is what the evaluation then finds: the distance of the nearer bound, within a factor
// of 1.5, on average over ten samples.
func TestPlannedWidthIsMeasured(t *testing.T) {
	for _, n := range []int{300, 3_000, 30_000} {
		for _, name := range []string{"auc", "average-precision", "log-loss", "brier", "accuracy", "precision", "recall", "f1", "ece"} {
			atLeast := name != "log-loss" && name != "brier" && name != "ece"
			bar := name + " >= 0.5"
			if !atLeast {
				bar = name + " <= 0.5"
			}
			found := 0.0
			for k := range 10 {
				s := independent(fmt.Sprint(n, k), n)
				at := 0.3
				ev, err := Judge(Request{Spec: &rondo.Spec{Evaluate: rondo.Evaluate{Bars: []string{bar}}}, Test: s, Threshold: &at, Use: 1})
				if err != nil {
					t.Fatal(err)
				}
				got := ev.Bars[0].Got
				if atLeast {
					found += (got.Value - got.Low) / 10
				} else {
					found += (got.High - got.Value) / 10
				}
			}
			planned := halfWidth(name, n, 1)
			t.Logf("%d rows, %s: planned %.4f, found %.4f (%.2f)", n, name, planned, found, planned/found)
			if planned > 1.5*found || found > 1.5*planned {
				t.Errorf("%d rows: %s is planned to %.4f and found to %.4f", n, name, planned, found)
			}
		}
	}
}

func TestPlanSpeaksOfEveryBar(t *testing.T) {
	spec := &rondo.Spec{Evaluate: rondo.Evaluate{Bars: []string{"auc >= 0.70", "auc >= champion - 0.005", "rmse <= 3",
		"worst(auc by origin, rows >= 5000) >= 0.60", "worst(mae by origin, rows >= 50) <= 2"}}}
	for rows, want := range map[int][]string{
		3100: {"auc >= 0.7: 3100 test rows decide it unless the value is within about 0.0205 of the bound",
			"auc >= champion - 0.005: asked in shadow, not of the first version", "rmse <= 3: asked on 3100 test rows",
			"worst(auc by origin, rows >= 5000) >= 0.6: no slice of 3100 test rows can have 5000; it will be inconclusive",
			"worst(mae by origin, rows >= 50) <= 2: slices of at least 50 rows are judged together"},
		50_000: {"auc >= 0.7: 50000 test rows decide it unless the value is within about 0.0051 of the bound",
			"auc >= champion - 0.005: asked in shadow, not of the first version", "rmse <= 3: asked on 50000 test rows",
			"worst(auc by origin, rows >= 5000) >= 0.6: slices of at least 5000 rows are judged together, the smallest to about 0.024",
			"worst(mae by origin, rows >= 50) <= 2: slices of at least 50 rows are judged together"},
		0: {"auc >= 0.7: no test rows", "auc >= champion - 0.005: asked in shadow, not of the first version", "rmse <= 3: no test rows",
			"worst(auc by origin, rows >= 5000) >= 0.6: no test rows", "worst(mae by origin, rows >= 50) <= 2: no test rows"},
	} {
		got := Plan(spec, rows)
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Errorf("%d rows:\n%s\nwant\n%s", rows, got[min(i, len(got)-1)], want[i])
			}
		}
	}
}
