package boost

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

var nan32 = float32(math.NaN())

func mustTrain(t testing.TB, p Params, d Data, v *Data, progress Progress) *Model {
	t.Helper()
	m, err := Train(context.Background(), p, d, v, progress)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func modelBytes(t testing.TB, m *Model) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// variants are trainings that together pass through every branch of the trainer.
func variants(rows int) (names []string, params []Params, tables []Data) {
	add := func(name string, o Objective, columns int, change func(p *Params, d *Data)) {
		d := world{rows: rows, columns: columns, seed: 5, missing: 0.05}.table(o, 3)
		p := DefaultParams(o)
		p.Classes, p.Trees, p.Leaves, p.Seed = 3, 4, 31, 9
		change(&p, &d)
		names, params, tables = append(names, name), append(params, p), append(tables, d)
	}
	weigh := func(d *Data) {
		d.Weights = make([]float64, rows)
		for i := range d.Weights {
			d.Weights[i] = math.Floor(uniform(6, uint64(i))*8) / 2
		}
	}
	add("binary", Binary, 9, func(p *Params, d *Data) {})
	add("binary weighted sampled", Binary, 9, func(p *Params, d *Data) { weigh(d); p.RowSample, p.ColumnSample = 0.7, 0.5 })
	add("multiclass", Multiclass, 6, func(p *Params, d *Data) { p.Trees = 2 })
	add("multiclass weighted", Multiclass, 6, func(p *Params, d *Data) { weigh(d); p.Trees = 1 })
	add("squared", Squared, 9, func(p *Params, d *Data) { p.Depth = 4 })
	add("squared weighted", Squared, 5, func(p *Params, d *Data) { weigh(d); p.Bins = 17 })
	add("squared wide", Squared, 67, func(p *Params, d *Data) { p.Trees = 1; p.Leaves = 8; p.RowSample = 0.5 })
	return names, params, tables
}

// furtherVariants are trainings that pass through the branches that few need.
func furtherVariants(rows int) (names []string, params []Params, tables []Data) {
	add := func(name string, o Objective, change func(p *Params, d *Data)) {
		d := categorical(o, rows, 40, 5)
		p := DefaultParams(o)
		p.Trees, p.Leaves, p.Seed = 4, 31, 9
		change(&p, &d)
		names, params, tables = append(names, name), append(params, p), append(tables, d)
	}
	add("categories", Binary, func(p *Params, d *Data) {})
	add("categories squared sampled", Squared, func(p *Params, d *Data) { p.RowSample, p.Bins = 0.6, 20 })
	add("many categories", Binary, func(p *Params, d *Data) {
		*d = categorical(Binary, rows, 900, 5)
		p.CategorySmooth, p.ColumnSample = 1, 0.5
	})
	add("huber", Huber, func(p *Params, d *Data) {})
	add("quantile", Quantile, func(p *Params, d *Data) { p.Alpha = 0.7 })
	add("quantile weighted sampled", Quantile, func(p *Params, d *Data) {
		p.RowSample, d.Weights = 0.6, slices.Repeat([]float64{1, 2, 3}, (rows+2)/3)[:rows]
	})
	add("poisson", Poisson, func(p *Params, d *Data) { p.L1 = 3 })
	add("tweedie", Tweedie, func(p *Params, d *Data) { p.Growth, p.Leaves = DepthWise, 12 })
	add("rank", Rank, func(p *Params, d *Data) { *d = queries(rows, 5) })
	add("by size", Binary, func(p *Params, d *Data) { p.TopShare, p.OtherShare = 0.2, 0.1 })
	add("monotone", Squared, func(p *Params, d *Data) { p.Monotone = []int8{0, 1} })
	add("decades", Squared, func(p *Params, d *Data) {
		p.NodeSample, d.Weights = 0.5, slices.Repeat([]float64{1, 1e-3, 1e-6, 0}, (rows+3)/4)[:rows]
	})
	return names, params, tables
}

func allVariants(rows int) (names []string, params []Params, tables []Data) {
	names, params, tables = variants(rows)
	n, p, t := furtherVariants(rows)
	return append(names, n...), append(params, p...), append(tables, t...)
}

func TestSameBitsForAnyThreads(t *testing.T) {
	names, params, tables := variants(70_001)
	for i, p := range params {
		sameBitsFor(t, names[i], p, tables[i], []int{1, 2, 3, 4, 1})
	}
	names, params, tables = furtherVariants(40_001)
	for i, p := range params {
		sameBitsFor(t, names[i], p, tables[i], []int{1, 2, 3})
	}
}

func sameBitsFor(t *testing.T, name string, p Params, d Data, threads []int) {
	t.Helper()
	var want []byte
	for _, n := range threads {
		p.Threads = n
		got := modelBytes(t, mustTrain(t, p, d, nil, nil))
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d threads give another model", name, n)
		}
	}
}

// The bits of a training are part of what is promised, on every processor. A change here is a change of every model that
// will be trained: it is meant and said in the changelog, or it is a mistake.
func TestGoldenBits(t *testing.T) {
	want := map[string]uint32{
		"binary":                     0xea1197ac,
		"binary weighted sampled":    0xb021e5bf,
		"multiclass":                 0xc5cb734e,
		"multiclass weighted":        0x530ff4c5,
		"squared":                    0x5b2faf6c,
		"squared weighted":           0x49f8fe3e,
		"squared wide":               0xb832afd9,
		"categories":                 0xd9b220e9,
		"categories squared sampled": 0xa48e06d8,
		"many categories":            0x683389be,
		"huber":                      0x21aeaea0,
		"quantile":                   0xa689188d,
		"quantile weighted sampled":  0x6779e214,
		"poisson":                    0x4ac42736,
		"tweedie":                    0x76153645,
		"rank":                       0x3c7f535c,
		"by size":                    0x860cfb18,
		"monotone":                   0xaddf2884,
		"decades":                    0x8ba1134f,
	}
	names, params, tables := allVariants(3001)
	for i, p := range params {
		p.Threads = 2
		m := mustTrain(t, p, tables[i], nil, nil)
		b := versionOne(t, m)
		if got := binary.LittleEndian.Uint32(b[len(b)-sumBytes:]); got != want[names[i]] {
			t.Errorf("%q: %#08x,", names[i], got)
		}
	}
}

func TestTheModelPredictsWhatTheTrainerSaw(t *testing.T) {
	names, params, tables := allVariants(3001)
	for i, p := range params {
		s, err := newSession(context.Background(), p, tables[i], &tables[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := s.run(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		width := len(s.model.features)
		raw := make([]float64, s.model.Outputs())
		for r := range tables[i].Rows {
			s.model.Raw(tables[i].Values[r*width:(r+1)*width], raw)
			for k, score := range raw {
				at := k*s.train.rows + r
				if math.Float64bits(score) != math.Float64bits(s.train.scores[at]) ||
					math.Float64bits(score) != math.Float64bits(s.validation.scores[at]) {
					t.Fatalf("%s: row %d scores %v, the trainer had %v and %v", names[i], r, score,
						s.train.scores[at], s.validation.scores[at])
				}
			}
		}
	}
}

func TestFewHistogramsGiveTheSameTrees(t *testing.T) {
	_, params, tables := variants(3001)
	_, further, tablesFurther := furtherVariants(3001)
	params, tables = append(params[:3], further[5:9]...), append(tables[:3], tablesFurther[5:9]...)
	for i, p := range params {
		want := modelBytes(t, mustTrain(t, p, tables[i], nil, nil))
		s, err := newSession(context.Background(), p, tables[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		s.grower.mostKept = 2
		if err := s.run(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(modelBytes(t, s.model), want) {
			t.Error("trees differ when histograms are rebuilt")
		}
	}
}

func TestProgressReportsTheLossOfThePredictions(t *testing.T) {
	for _, o := range []Objective{Binary, Multiclass, Squared} {
		d := world{rows: 3000, columns: 6, seed: 1}.table(o, 3)
		v := world{rows: 1000, columns: 6, seed: 2}.table(o, 3)
		p := DefaultParams(o)
		p.Classes, p.Trees = 3, 10
		rounds, train, validation := 0, 0.0, 0.0
		m := mustTrain(t, p, d, &v, func(round int, a, b float64) {
			if rounds++; round != rounds {
				t.Errorf("round %d reported as %d", rounds, round)
			}
			train, validation = a, b
		})
		if rounds != 10 {
			t.Errorf("%d rounds reported", rounds)
		}
		if want := lossOf(m, d); math.Abs(train-want) > 1e-6 {
			t.Errorf("%v: train loss %v, predictions have %v", o, train, want)
		}
		if want := lossOf(m, v); math.Abs(validation-want) > 1e-6 {
			t.Errorf("%v: validation loss %v, predictions have %v", o, validation, want)
		}
		mustTrain(t, p, d, nil, func(_ int, _, b float64) {
			if !math.IsNaN(b) {
				t.Errorf("validation loss %v without validation", b)
			}
		})
	}
}

// lossOf is the mean log loss or squared error of the model's predictions.
func lossOf(m *Model, d Data) float64 {
	out := make([]float64, d.Rows*m.Outputs())
	m.PredictBatch(d.Values, d.Rows, out, 1)
	sum := 0.0
	for r, y := range d.Labels {
		switch m.Objective() {
		case Binary:
			sum -= math.Log(math.Abs(1 - y - out[r]))
		case Multiclass:
			sum -= math.Log(out[r*m.Outputs()+int(y)])
		default:
			sum += (out[r] - y) * (out[r] - y)
		}
	}
	return sum / float64(d.Rows)
}

func TestEarlyStopKeepsTheBestRound(t *testing.T) {
	for _, o := range []Objective{Binary, Multiclass, Squared} {
		d := world{rows: 1500, columns: 6, seed: 1}.table(o, 3)
		v := world{rows: 1500, columns: 6, seed: 2}.table(o, 3)
		p := DefaultParams(o)
		p.Classes, p.Trees, p.EarlyStop, p.Rate = 3, 400, 5, 0.3
		best, at, last := math.Inf(1), 0, 0
		m := mustTrain(t, p, d, &v, func(round int, _, loss float64) {
			if last = round; loss < best {
				best, at = loss, round
			}
		})
		if last != at+5 || m.NumTrees() != at*m.Outputs() {
			t.Errorf("%v: best round %d, stopped after %d, %d trees", o, at, last, m.NumTrees())
		}
		if got := lossOf(m, v); math.Abs(got-best) > 1e-6 {
			t.Errorf("%v: model has loss %v, the best round had %v", o, got, best)
		}
		p.Trees, p.EarlyStop = at, 0
		if !bytes.Equal(modelBytes(t, mustTrain(t, p, d, nil, nil)), modelBytes(t, m)) {
			t.Errorf("%v: the model is not that of %d rounds", o, at)
		}
	}
}

func TestMissingGoesWhereItGains(t *testing.T) {
	d := Data{Features: []string{"a", "b"}, Rows: 4000}
	for r := range d.Rows {
		x := float32(r%100) / 100
		label := float64(0)
		if r%100 >= 50 {
			label = 1
		}
		if r%7 == 0 { // missing behaves like small values
			x, label = nan32, 0
		}
		d.Values = append(d.Values, x, 1)
		d.Labels = append(d.Labels, label)
	}
	predict := func(m *Model, row ...float32) float64 {
		out := make([]float64, 1)
		m.Predict(row, out)
		return out[0]
	}
	m := mustTrain(t, DefaultParams(Binary), d, nil, nil)
	if p := predict(m, nan32, 1); p > 0.01 {
		t.Errorf("missing has probability %v", p)
	}
	if low, high := predict(m, 0.2, 1), predict(m, 0.8, 1); low > 0.01 || high < 0.99 {
		t.Errorf("values have probabilities %v and %v", low, high)
	}
	for r := range d.Rows { // now being missing is all there is to know
		d.Labels[r] = 0
		if d.Values[2*r] != d.Values[2*r] {
			d.Labels[r] = 1
		}
	}
	m = mustTrain(t, DefaultParams(Binary), d, nil, nil)
	if p, q := predict(m, nan32, 1), predict(m, 0.5, 1); p < 0.99 || q > 0.01 {
		t.Errorf("missing has probability %v, a value %v", p, q)
	}
	if p := predict(m, float32(math.Inf(-1)), nan32); p > 0.01 {
		t.Errorf("-Inf has probability %v", p)
	}
}

func TestImportanceFindsTheColumnThatMatters(t *testing.T) {
	d := world{rows: 3000, columns: 6, seed: 1}.table(Squared, 0)
	for r := range d.Rows {
		d.Labels[r] = float64(d.Values[r*6+4])
	}
	gain := mustTrain(t, DefaultParams(Squared), d, nil, nil).Importance()
	for i, g := range gain {
		if i != 4 && g > gain[4]/100 {
			t.Errorf("importance %v", gain)
		}
	}
}

func TestLimitsOfTreesHold(t *testing.T) {
	d := world{rows: 5000, columns: 6, seed: 1}.table(Binary, 2)
	for _, c := range []struct{ leaves, depth, rows int }{{2, 0, 1}, {7, 0, 20}, {63, 3, 20}, {63, 0, 600}, {200, 5, 1}} {
		p := DefaultParams(Binary)
		p.Leaves, p.Depth, p.MinRows, p.Trees = c.leaves, c.depth, c.rows, 5
		m := mustTrain(t, p, d, nil, nil)
		rowsAt := make([]int, len(m.nodes))
		for _, root := range m.roots {
			leaves := map[uint32]bool{}
			for r := range d.Rows {
				at, depth, keys := root, 0, keysOf(d.Values[r*6:r*6+6])
				for next := m.nodes[at].next(keys); next != at; next = m.nodes[at].next(keys) {
					at, depth = next, depth+1
				}
				if c.depth > 0 && depth > c.depth {
					t.Fatalf("%+v: depth %d", c, depth)
				}
				leaves[at] = true
				rowsAt[at]++
			}
			if len(leaves) > c.leaves || len(leaves) < 2 {
				t.Fatalf("%+v: %d leaves", c, len(leaves))
			}
			for at := range leaves {
				if rowsAt[at] < c.rows {
					t.Fatalf("%+v: leaf of %d rows", c, rowsAt[at])
				}
			}
		}
	}
}

func TestHostileTables(t *testing.T) {
	good := func() Data { return world{rows: 50, columns: 2, seed: 1}.table(Binary, 2) }
	for name, c := range map[string]struct {
		change func(d *Data, p *Params)
		want   string
	}{
		"no rows":          {func(d *Data, p *Params) { *d = Data{Features: d.Features} }, "no rows"},
		"no features":      {func(d *Data, p *Params) { d.Features = nil }, "no features"},
		"same names":       {func(d *Data, p *Params) { d.Features = []string{"a", "a"} }, `both named "a"`},
		"few values":       {func(d *Data, p *Params) { d.Values = d.Values[:99] }, "99 values for 50 rows"},
		"huge rows":        {func(d *Data, p *Params) { d.Rows = math.MaxInt }, "at most"},
		"few labels":       {func(d *Data, p *Params) { d.Labels = d.Labels[:49] }, "49 labels"},
		"few weights":      {func(d *Data, p *Params) { d.Weights = []float64{1} }, "1 weights"},
		"nan label":        {func(d *Data, p *Params) { d.Labels[7] = math.NaN() }, "label of row 7 is NaN"},
		"infinite label":   {func(d *Data, p *Params) { p.Objective = Squared; d.Labels[7] = math.Inf(1) }, "label of row 7 is +Inf"},
		"giant label":      {func(d *Data, p *Params) { p.Objective = Squared; d.Labels[7] = 1e200 }, "label of row 7 is 1e+200"},
		"half class":       {func(d *Data, p *Params) { d.Labels[7] = 0.5 }, "not a class 0 to 1"},
		"class 2 of 2":     {func(d *Data, p *Params) { d.Labels[7] = 2 }, "not a class 0 to 1"},
		"negative class":   {func(d *Data, p *Params) { d.Labels[7] = -1 }, "not a class"},
		"class 3 of 3":     {func(d *Data, p *Params) { p.Objective, p.Classes = Multiclass, 3; d.Labels[7] = 3 }, "not a class 0 to 2"},
		"negative weight":  {func(d *Data, p *Params) { d.Weights = make([]float64, 50); d.Weights[3] = -1 }, "weight of row 3 is -1"},
		"nan weight":       {func(d *Data, p *Params) { d.Weights = make([]float64, 50); d.Weights[3] = math.NaN() }, "weight of row 3"},
		"tiny weight":      {func(d *Data, p *Params) { d.Weights = make([]float64, 50); d.Weights[3] = 1e-300 }, "weight of row 3 is 1e-300"},
		"no weight":        {func(d *Data, p *Params) { d.Weights = make([]float64, 50) }, "all weights are 0"},
		"one class":        {func(d *Data, p *Params) { clear(d.Labels) }, "one class"},
		"one with weight":  {func(d *Data, p *Params) { d.Weights = make([]float64, 50); d.Weights[0] = 1 }, "one class"},
		"bad parameters":   {func(d *Data, p *Params) { p.Rate, p.Leaves = math.NaN(), 1 }, "rate is NaN"},
		"few categories":   {func(d *Data, p *Params) { d.Categories = []int{0} }, "1 numbers of categories for 2 features"},
		"many categories":  {func(d *Data, p *Params) { d.Categories = []int{0, 1<<20 + 1} }, `feature "x1" has 1048577 categories`},
		"minus categories": {func(d *Data, p *Params) { d.Categories = []int{-1, 0} }, "has -1 categories"},
		"groups":           {func(d *Data, p *Params) { d.Groups = []int{50} }, "groups are for rank, not for binary"},
		"no groups":        {func(d *Data, p *Params) { p.Objective = Rank }, "groups of 0 rows in all for 50 rows"},
		"few groups":       {func(d *Data, p *Params) { p.Objective = Rank; d.Groups = []int{20, 29} }, "groups of 49 rows in all for 50"},
		"many groups":      {func(d *Data, p *Params) { p.Objective = Rank; d.Groups = []int{20, 31} }, "group 1 has 31 rows, 30 are left"},
		"empty group":      {func(d *Data, p *Params) { p.Objective = Rank; d.Groups = []int{0, 50} }, "group 0 has 0 rows"},
		"relevance 32":     {func(d *Data, p *Params) { p.Objective = Rank; d.Groups = []int{50}; d.Labels[4] = 32 }, "label of row 4 is 32"},
		"no pairs":         {func(d *Data, p *Params) { p.Objective = Rank; d.Groups = []int{50}; clear(d.Labels) }, "different relevance"},
		"minus counts":     {func(d *Data, p *Params) { p.Objective = Poisson; d.Labels[4] = -1 }, "label of row 4 is -1, poisson has none below 0"},
		"few signs":        {func(d *Data, p *Params) { p.Monotone = []int8{1} }, "1 signs for 2 features"},
		"sign 2":           {func(d *Data, p *Params) { p.Monotone = []int8{1, 2} }, "monotone of feature 1 is 2"},
		"monotone codes":   {func(d *Data, p *Params) { p.Monotone = []int8{1, 0}; d.Categories = []int{3, 0} }, "no order to be monotone in"},
		"monotone classes": {func(d *Data, p *Params) { p.Objective, p.Classes, p.Monotone = Multiclass, 3, []int8{1, 0} }, "not for multiclass"},
		"alpha":            {func(d *Data, p *Params) { p.Objective, p.Alpha = Quantile, 1 }, "alpha is 1"},
		"delta":            {func(d *Data, p *Params) { p.Objective, p.Delta = Huber, 0 }, "delta is 0"},
		"power":            {func(d *Data, p *Params) { p.Objective, p.Power = Tweedie, 2 }, "power is 2"},
		"at":               {func(d *Data, p *Params) { p.Objective, p.At = Rank, 0 }, "at is 0"},
		"l1":               {func(d *Data, p *Params) { p.L1 = -1 }, "l1 is -1"},
		"top share alone":  {func(d *Data, p *Params) { p.TopShare = 0.2 }, "must both be above 0"},
		"shares and rows":  {func(d *Data, p *Params) { p.TopShare, p.OtherShare, p.RowSample = 0.2, 0.1, 0.5 }, "row sample is 0.5"},
		"early stop alone": {func(d *Data, p *Params) { p.EarlyStop = 3 }, "needs validation"},
	} {
		d, p := good(), DefaultParams(Binary)
		c.change(&d, &p)
		if _, err := Train(context.Background(), p, d, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	d, v := good(), good()
	v.Features = []string{"x1", "x0"}
	if _, err := Train(context.Background(), DefaultParams(Binary), d, &v, nil); err == nil {
		t.Error("validation with other columns is accepted")
	}
	clear(d.Labels)
	if _, err := Train(context.Background(), DefaultParams(Binary), d, nil, nil); !errors.Is(err, ErrOneClass) {
		t.Errorf("one class: %v", err)
	}
	if _, err := Train(context.Background(), DefaultParams(Binary), Data{}, nil, nil); !errors.Is(err, ErrNoRows) {
		t.Errorf("no rows: %v", err)
	}
}

func TestOddTablesTrain(t *testing.T) {
	inf := float32(math.Inf(1))
	for name, d := range map[string]Data{
		"one row":      {Features: []string{"a"}, Rows: 1, Values: []float32{1}, Labels: []float64{5}},
		"constant":     {Features: []string{"a"}, Rows: 3, Values: []float32{1, 1, 1}, Labels: []float64{5, 6, 7}},
		"all missing":  {Features: []string{"a"}, Rows: 3, Values: []float32{nan32, nan32, nan32}, Labels: []float64{5, 6, 7}},
		"infinite":     {Features: []string{"a"}, Rows: 4, Values: []float32{-inf, inf, -inf, inf}, Labels: []float64{5, 7, 5, 7}},
		"same label":   {Features: []string{"a"}, Rows: 4, Values: []float32{1, 2, 3, 4}, Labels: []float64{6, 6, 6, 6}},
		"large labels": {Features: []string{"a"}, Rows: 4, Values: []float32{1, 2, 3, 4}, Labels: []float64{-1e100, 1e100, -1e100, 1e100}},
		"giant weights": {Features: []string{"a"}, Rows: 4, Values: []float32{1, 2, 3, 4}, Labels: []float64{-1e100, 1e100, -1e100, 1e100},
			Weights: []float64{1e30, 1e-30, 1e30, 0}},
		"tiny labels": {Features: []string{"a"}, Rows: 4, Values: []float32{1, 2, 3, 4}, Labels: []float64{0, 0, 1e-300, 5e-324}},
	} {
		p := DefaultParams(Squared)
		p.MinRows, p.L2 = 1, 0
		m := mustTrain(t, p, d, nil, nil)
		out := make([]float64, d.Rows)
		m.PredictBatch(d.Values, d.Rows, out, 1)
		for r, y := range out {
			if math.IsNaN(y) || math.IsInf(y, 0) {
				t.Errorf("%s: row %d is predicted %v", name, r, y)
			}
		}
		if name == "infinite" && (math.Abs(out[0]-5) > 0.01 || math.Abs(out[1]-7) > 0.01) {
			t.Errorf("%s: predicted %v", name, out)
		}
		if _, err := Load(modelBytes(t, m)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMoreRowsThanAMillionTrain(t *testing.T) {
	d := Data{Features: []string{"x"}, Rows: 1<<20 + 1<<19}
	d.Values, d.Labels = make([]float32, d.Rows), make([]float64, d.Rows)
	for r := range d.Rows {
		d.Values[r] = float32(r % 3)
		d.Labels[r] = float64(min(r%3, 1)) // every gradient of a side has the same sign
	}
	p := DefaultParams(Binary)
	p.Trees, p.Rate = 2, 1
	m := mustTrain(t, p, d, nil, nil)
	out := make([]float64, 3)
	m.PredictBatch([]float32{0, 1, 2}, 3, out, 1)
	// From log-odds log 2, p = 2/3: a step to the leaf 0 is -p/(p(1-p)) = -3, to the others 1.5.
	if out[0] > sigmoid(math.Log(2)-3) || out[1] < sigmoid(math.Log(2)+1.5) || out[1] != out[2] {
		t.Errorf("probabilities %v", out)
	}
}

func TestCancelledTrainingEnds(t *testing.T) {
	d := world{rows: 2000, columns: 4, seed: 1}.table(Binary, 2)
	ctx, cancel := context.WithCancel(context.Background())
	p := DefaultParams(Binary)
	_, err := Train(ctx, p, d, nil, func(round int, _, _ float64) {
		if round == 3 {
			cancel()
		}
		if round > 3 {
			t.Error("a round after the end")
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestObjectivesHaveNames(t *testing.T) {
	for o := Binary; o <= Rank; o++ {
		if back, err := ParseObjective(o.String()); err != nil || back != o {
			t.Errorf("%v comes back as %v, %v", o, back, err)
		}
		if o != Multiclass && DefaultParams(o).Validate() != nil {
			t.Errorf("default of %v is refused", o)
		}
	}
	if _, err := ParseObjective("Binary"); err == nil {
		t.Error("unknown name accepted")
	}
	if err := DefaultParams(Multiclass).Validate(); err == nil {
		t.Error("multiclass without classes accepted")
	}
}
