package transform_test

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"testing"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/transform"
)

// auc counts pairs by ranks; ties count half.
func auc(score []float32, yes []bool) float64 {
	at := make([]int, 0, len(score))
	for i, x := range score {
		if !math.IsNaN(float64(x)) {
			at = append(at, i)
		}
	}
	sort.Slice(at, func(i, j int) bool { return score[at[i]] < score[at[j]] })
	ranks, positives, negatives := 0.0, 0.0, 0.0
	for i := 0; i < len(at); {
		j := i
		for j < len(at) && score[at[j]] == score[at[i]] {
			j++
		}
		for _, row := range at[i:j] {
			if yes[row] {
				ranks += float64(i+j+1) / 2
				positives++
			} else {
				negatives++
			}
		}
		i = j
	}
	return (ranks - positives*(positives+1)/2) / (positives * negatives)
}

// coin is rows with a random key of many values, a random label, and times whose labels come hours later.
func coin(rows, values int, name string) (*column.Table, []int64, []int64) {
	rng := seed.Seed(5).Rand("coin", name)
	key, label := column.New(column.String, rows), column.New(column.Bool, rows)
	var times, known []int64
	for i := range rows {
		key.Strings[i] = fmt.Sprint(rng.IntN(values))
		label.Bools[i] = rng.IntN(2) == 1
		times = append(times, rng.Int64N(1e12))
		known = append(known, times[i]+1+rng.Int64N(1e10))
	}
	t := &column.Table{}
	t.Set("key", key)
	t.Set("label", label)
	return t, times, known
}

func fitCoin(t *testing.T, raw *column.Table, times, known []int64) (*transform.Program, *transform.Matrix) {
	t.Helper()
	spec := &rondo.Spec{
		Task: rondo.Task{Kind: rondo.Binary, Target: "label"},
		Data: rondo.Data{Features: []rondo.FeatureStep{{Encode: []rondo.Column{{Column: "key", How: "target"}}}}},
	}
	rows, err := transform.CompileRows(spec, transform.SchemaOf(raw), nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := make([]transform.Key, raw.Rows())
	for i := range keys {
		keys[i] = rowhash.Sum(fmt.Append(nil, i))
	}
	p, m, err := transform.Fit(spec, rows.Signature(), transform.FitInput{Table: raw, Time: times, Known: known, Keys: keys, Target: raw.Column("label")})
	if err != nil {
		t.Fatal(err)
	}
	return p, m
}

// R11: a random key says nothing of a random label, in training and in test; the frozen means, in which every training
// row's own label is, would say something.
func TestATargetEncodingOfChanceLearnsNothing(t *testing.T) {
	for _, timed := range []bool{true, false} {
		for _, values := range []int{200, 2_000} {
			raw, times, known := coin(50_000, values, "train")
			test, _, _ := coin(50_000, values, "test")
			if !timed {
				times, known = nil, nil
			}
			p, m := fitCoin(t, raw, times, known)
			var out transform.Matrix
			if err := p.Apply(test, nil, &out); err != nil {
				t.Fatal(err)
			}
			train, fresh := auc(m.Values, raw.Column("label").Bools), auc(out.Values, test.Column("label").Bools)
			if err := p.Apply(raw, nil, &out); err != nil {
				t.Fatal(err)
			}
			own := auc(out.Values, raw.Column("label").Bools)
			t.Logf("timed %v, %d values: train %.4f, test %.4f, with their own labels %.4f", timed, values, train, fresh, own)
			if own < train+0.02 {
				t.Errorf("own labels give %.4f, ordered ones %.4f: the test tests nothing", own, train)
			}
			if train >= 0.55 || math.Abs(fresh-0.5) > 0.01 {
				t.Errorf("timed %v, %d values: AUC %.4f in training, %.4f in test", timed, values, train, fresh)
			}
		}
	}
}

func TestNoEncodingDependsOnALabelNotKnownYet(t *testing.T) {
	raw, times, known := coin(2_000, 50, "train")
	_, before := fitCoin(t, raw, times, known)
	seen := 0
	for _, instant := range []int64{1e11, 3e11, 6e11, 9e11} {
		turned := raw.Shallow()
		label := &column.Vector{Type: column.Bool, Bools: slices.Clone(raw.Column("label").Bools)}
		for i := range label.Bools {
			label.Bools[i] = label.Bools[i] != (known[i] >= instant)
		}
		turned.Set("label", label)
		_, after := fitCoin(t, turned, times, known)
		for i, at := range times {
			same := math.Float32bits(before.Values[i]) == math.Float32bits(after.Values[i])
			if at <= instant && !same {
				t.Fatalf("row %d at %d: %v became %v by labels known from %d on", i, at, before.Values[i], after.Values[i], instant)
			}
			if !same {
				seen++
			}
		}
	}
	if seen < 1000 {
		t.Fatalf("only %d values changed at all: the test tests nothing", seen)
	}
}

// The encoding of a row, written down: (sum + 20 prior) / (n + 20) over what was known before it.
func TestATargetEncodingIsTheShrunkMeanOfWhatWasKnown(t *testing.T) {
	raw, times, known := coin(600, 40, "train") // about 15 rows a value: some are rare
	p, m := fitCoin(t, raw, times, known)
	key, label := raw.Column("key"), raw.Column("label").Bools
	count := make(map[string]int)
	for _, k := range key.Strings {
		count[k]++
	}
	bucket := func(k string) string {
		if count[k] < 20 {
			return "rare"
		}
		return k
	}
	mean := func(k string, counts func(j int) bool) float32 {
		sum, n, all, allN := 0.0, 0.0, 0.0, 0.0
		for j := range label {
			if !counts(j) {
				continue
			}
			y := 0.0
			if label[j] {
				y = 1
			}
			all, allN = all+y, allN+1
			if bucket(key.Strings[j]) == bucket(k) {
				sum, n = sum+y, n+1
			}
		}
		if allN == 0 {
			return float32(math.NaN())
		}
		return float32((sum + 20*(all/allN)) / (n + 20))
	}
	for i := range label {
		want := mean(key.Strings[i], func(j int) bool { return known[j] < times[i] })
		if math.Float32bits(want) != math.Float32bits(m.Values[i]) {
			t.Fatalf("row %d: %v, not %v", i, m.Values[i], want)
		}
	}
	var out transform.Matrix
	asked := &column.Table{}
	asked.Set("key", &column.Vector{Type: column.String, Strings: []string{"7", "never seen"}})
	if err := p.Apply(asked, nil, &out); err != nil {
		t.Fatal(err)
	}
	for i, k := range asked.Column("key").Strings {
		if want := mean(k, func(int) bool { return true }); out.Values[i] != want {
			t.Errorf("%q is %v in serving, not %v", k, out.Values[i], want)
		}
	}
}
