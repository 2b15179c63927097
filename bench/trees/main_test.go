package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOwnTrainsOnWhatACaseWrote(t *testing.T) {
	for _, c := range []testCase{
		{Rows: 3000, TestRows: 1000, Columns: 12, Depth: 4, Trees: 5, Threads: 1, Rate: 0.3},
		{Rows: 3000, TestRows: 1000, Columns: 12, Depth: 4, Trees: 5, Threads: 2, Rate: 0.3, Missing: 0.2, Weights: true, Categorical: 2},
	} {
		folder := t.TempDir()
		labels, err := c.write(folder)
		if err != nil {
			t.Fatal(err)
		}
		scores := filepath.Join(folder, "scores")
		var out bytes.Buffer
		if err := serve(folder, strings.NewReader("bin\ntrain\ntest "+scores+"\n"), &out); err != nil {
			t.Fatal(err)
		}
		answers := json.NewDecoder(&out)
		for i := range 3 {
			var a answer
			if err := answers.Decode(&a); err != nil || a.Peak <= 0 {
				t.Fatalf("answer %d is %+v, %v", i, a, err)
			}
		}
		b, err := os.ReadFile(scores)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := auc(b, labels); err != nil || got < 0.7 || got > 0.97 {
			t.Errorf("AUC %v, %v", got, err)
		}
		if _, err := auc(b[:8], labels); err == nil {
			t.Error("scores of one row were taken for all")
		}
	}
	if err := serve(t.TempDir(), strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("a folder without a case was served")
	}
}

func TestRatiosCompareTurnByTurn(t *testing.T) {
	ours := &samples{cpu: []float64{1, 10, 2}, bin: []float64{1, 3}, batch: []float64{5, 5, 5}, auc: 0.75, peak: 50}
	peer := &samples{cpu: []float64{2, 10, 1}, bin: []float64{4}, batch: []float64{10, 20, 5}, auc: 0.5, peak: 100}
	n := peer.numbers(ours)
	want := ratios{Ratio: 1, Bin: 0.5, Peak: 0.5, Predict: 2, Lead: 0.25}
	if *n.ratios != want || n.CPU != 2 || ours.numbers(nil).ratios != nil {
		t.Errorf("%+v, want %+v", *n.ratios, want)
	}
}

func TestACaseHasWhatItSays(t *testing.T) {
	c := testCase{Rows: 20_000, Columns: 14, Missing: 0.1, Weights: true, Categorical: 3}
	part := c.make(0, c.Rows)
	missing, ones := 0, 0.0
	for i, x := range part.values {
		if x != x {
			missing++
		} else if i%14 >= 11 && (x < 0 || x >= categoryCodes || x != float32(math.Trunc(float64(x)))) {
			t.Fatalf("%v is no code", x)
		}
	}
	for _, y := range part.labels {
		ones += float64(y)
	}
	if share := float64(missing) / float64(len(part.values)); math.Abs(share-0.1) > 0.01 {
		t.Errorf("%v missing", share)
	}
	if share := ones / float64(c.Rows); share < 0.3 || share > 0.7 || len(part.weights) != c.Rows {
		t.Errorf("%v of the labels are 1, %d weights", share, len(part.weights))
	}
}
