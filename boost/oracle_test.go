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
	Checks  map[string]struct{ Rows, Labels, Values float64 } // of a task: training rows, their labels' sum, the test values' sum
	Metrics map[string]map[string][]float64                   // task and metric, then peer
}

type task struct {
	name      string
	table     func(seed uint64) Data
	objective Objective
	seed      uint64 // of the training rows; the test rows have the next
}

func tasks(t *testing.T) []task {
	inWorld := func(o Objective) func(seed uint64) Data {
		return func(seed uint64) Data { return world{rows: 20_000, columns: 12, seed: seed, missing: 0.05}.table(o, 4) }
	}
	return []task{
		{"binary", inWorld(Binary), Binary, 11},
		{"multiclass", inWorld(Multiclass), Multiclass, 11},
		{"squared", inWorld(Squared), Squared, 11},
		{"flights late", flightsTable(t, isLate), Binary, 21},
		{"flights minutes", flightsTable(t, clippedMinutes), Squared, 21},
		{"flights rank", flightsTable(t, howLate), Rank, 21},
		{"digits", digitsTable(t), Multiclass, 21},
		{"friedman", friedman1, Squared, 31},
		{"hastie", hastieTable(20_000, 10), Binary, 41},
		{"waveform", waveformTable, Multiclass, 51},
		{"ranking", rankingTable, Rank, 61},
		{"wide", hastieTable(8000, 200), Binary, 71},
		{"categories", categoriesTable, Binary, 81},
		{"imbalanced", imbalancedTable, Binary, 91},
		{"quantile", quantileTable, Quantile, 101},
		{"outliers", outliersTable, Huber, 111},
		{"poisson", poissonTable, Poisson, 121},
		{"tweedie", tweedieTable, Tweedie, 131},
	}
}

// The mean over our seeds may not be worse than the worst of the peers' seeds: one training of the same trees moves about
// that much by luck.
func TestQualityIsThatOfThePeers(t *testing.T) {
	b, err := os.ReadFile("testdata/oracle/peers.json")
	if err != nil {
		t.Fatal(err)
	}
	var want peers
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks(t) {
		train, test := task.table(task.seed), task.table(task.seed+1)
		check := want.Checks[task.name]
		if got := sumOf(train.Labels); float64(train.Rows) != check.Rows || math.Abs(got-check.Labels) > 1e-6*(1+math.Abs(got)) {
			t.Errorf("%s: %d training rows with labels of sum %v, the peers had %v and %v", task.name, train.Rows, got, check.Rows, check.Labels)
		}
		if got := sumOf(test.Values); math.Abs(got-check.Values) > 1e-6*math.Abs(got) {
			t.Errorf("%s: test values of sum %v, the peers had %v", task.name, got, check.Values)
		}
		for metric, mean := range meanMetrics(t, task.objective, train, test) {
			var all []float64
			for _, values := range want.Metrics[task.name+" "+metric] {
				all = append(all, values...)
			}
			if len(all) == 0 {
				t.Errorf("%s: the peers have no %s", task.name, metric)
				continue
			}
			low, high := slices.Min(all), slices.Max(all)
			t.Logf("%s %s: %.5f, peers %.5f to %.5f", task.name, metric, mean, low, high)
			if larger := metric == "auc" || metric == "ndcg"; larger && mean < low || !larger && mean > high {
				t.Errorf("%s %s is %.5f, worse than the peers' %.5f to %.5f", task.name, metric, mean, low, high)
			}
		}
	}
}

func sumOf[T float32 | float64](values []T) (sum float64) {
	for _, x := range values {
		if x == x {
			sum += float64(x)
		}
	}
	return sum
}

// meanMetrics are the test metrics of three trainings of peers.py's parameters with a seed each.
func meanMetrics(t *testing.T, o Objective, train, test Data) map[string]float64 {
	t.Helper()
	const seeds = 3
	mean := map[string]float64{}
	for seed := range uint64(seeds) {
		p := DefaultParams(o)
		p.Trees, p.Leaves, p.RowSample, p.ColumnSample, p.Seed = 60, 31, 0.8, 0.8, seed
		p.Alpha, p.Delta, p.Power, p.At = 0.9, 1.5, 1.5, 10
		p.Classes = int(slices.Max(train.Labels)) + 1
		train := train
		if o != Rank {
			train.Groups = nil
		}
		for metric, value := range metricsOf(p, mustTrain(t, p, train, nil, nil), test) {
			mean[metric] += value / seeds
		}
	}
	return mean
}

func metricsOf(p Params, m *Model, d Data) map[string]float64 {
	out := make([]float64, d.Rows*m.Outputs())
	m.PredictBatch(d.Values, d.Rows, out, 2)
	switch p.Objective {
	case Squared:
		return map[string]float64{"rmse": math.Sqrt(lossOf(m, d))}
	case Binary:
		return map[string]float64{"logloss": lossOf(m, d), "auc": areaUnderCurve(out, d.Labels)}
	case Multiclass:
		return map[string]float64{"logloss": lossOf(m, d)}
	case Rank:
		return map[string]float64{"ndcg": ndcg(d, out, p.At)}
	}
	name := map[Objective]string{Quantile: "pinball", Huber: "huber", Poisson: "deviance", Tweedie: "deviance"}[p.Objective]
	return map[string]float64{name: lossUnder(p, m, d)}
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
