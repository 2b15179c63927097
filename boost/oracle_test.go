package boost

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// The peers' test metrics on the same tables, five seeds each; testdata/oracle/peers.py made them.
type peers struct {
	Check   struct{ Value, Score float64 }
	Metrics map[string]map[string][]float64 // task and metric, then peer
}

func TestQualityIsThatOfThePeers(t *testing.T) {
	b, err := os.ReadFile("testdata/oracle/peers.json")
	if err != nil {
		t.Fatal(err)
	}
	var want peers
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	const rows, columns, classes = 20_000, 12, 4
	for _, o := range []Objective{Binary, Multiclass, Squared} {
		train := world{rows: rows, columns: columns, seed: 11, missing: 0.05}.table(o, classes)
		test := world{rows: rows, columns: columns, seed: 12, missing: 0.05}.table(o, classes)
		if o == Squared && (float64(train.Values[7*columns+3]) != want.Check.Value || math.Abs(train.Labels[7]-want.Check.Score) > 1e-12) {
			t.Fatalf("the table is not that of peers.py: %v, %v", train.Values[7*columns+3], train.Labels[7])
		}
		got := map[string]float64{}
		const seeds = 3
		for seed := range uint64(seeds) {
			p := DefaultParams(o)
			p.Classes, p.Trees, p.Leaves, p.RowSample, p.ColumnSample, p.Seed = classes, 60, 31, 0.8, 0.8, seed
			m := mustTrain(t, p, train, nil, nil)
			loss := lossOf(m, test)
			switch o {
			case Squared:
				got["squared rmse"] += math.Sqrt(loss) / seeds
			case Binary:
				out := make([]float64, rows)
				m.PredictBatch(test.Values, rows, out, 1)
				got["binary auc"] += areaUnderCurve(out, test.Labels) / seeds
				fallthrough
			default:
				got[o.String()+" logloss"] += loss / seeds
			}
		}
		for metric, mean := range got {
			var all []float64
			for _, values := range want.Metrics[metric] {
				all = append(all, values...)
			}
			low, high := slices.Min(all), slices.Max(all)
			t.Logf("%s: %.5f, peers %.5f to %.5f", metric, mean, low, high)
			if metric == "binary auc" && mean < low || metric != "binary auc" && mean > high {
				t.Errorf("%s is %.5f, outside the peers' %.5f to %.5f", metric, mean, low, high)
			}
		}
	}
}

func areaUnderCurve(scores, labels []float64) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if scores[a] < scores[b] {
			return -1
		}
		return 1
	})
	rankSum, positives := 0.0, 0.0
	for rank, i := range order {
		rankSum += float64(rank+1) * labels[i]
		positives += labels[i]
	}
	return (rankSum - positives*(positives+1)/2) / (positives * (float64(len(scores)) - positives))
}
