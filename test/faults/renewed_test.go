package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// shop writes a table whose target follows a weight looked up by kind, sold at prices about a median, one in ten of them
// missing or none.
func shop(t *testing.T, dir string, weights map[string]float64, median float64, missing bool) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	rows, looked := "number,kind,price,sum\n", "kind,weight\n"
	for _, kind := range kinds {
		looked += fmt.Sprintf("%s,%g\n", kind, weights[kind])
	}
	for i := range 3000 {
		kind, price := kinds[rng.IntN(len(kinds))], fmt.Sprintf("%.3f", median*(0.5+rng.Float64()))
		if missing && i%10 == 0 {
			price = ""
		}
		rows += fmt.Sprintf("%d,%s,%s,%.3f\n", i, kind, price, weights[kind]+0.1*rng.NormFloat64())
	}
	for name, text := range map[string]string{"shop.csv": rows, "kinds.csv": looked, "shop.yaml": `apiVersion: rondo/v1
kind: Model
name: shop
task: {kind: regression, target: sum}
data:
  source: shop.csv
  key: {columns: [number]}
  lookup: {kinds: {from: kinds.csv, on: {kind: kind}, take: [weight]}}
  batchChecks: [median(price) within 50% of profile]
  drop: [kind]
  split: {by: hash, validation: 10%, test: 20%}
train: {trainer: boosted-trees, trees: 60}
evaluate: {primary: squared, bars: [r2 >= 0.9]}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// sales are sold books, about a median price.
func sales(median float64, rows int, price, outcome bool) *column.Table {
	rng := rand.New(rand.NewPCG(5, 6))
	number, kind := column.New(column.Int64, rows), column.New(column.String, rows)
	prices, sum := column.New(column.Float64, rows), column.New(column.Float64, rows)
	for i := range rows {
		number.Ints[i], kind.Strings[i] = int64(10_000+i), kinds[0]
		prices.Floats[i], sum.Floats[i] = median*(0.5+rng.Float64()), 1
	}
	t := &column.Table{}
	t.Set("number", number)
	t.Set("kind", kind)
	if price {
		t.Set("price", prices)
	}
	if outcome {
		t.Set("sum", sum)
	}
	return t
}

// TestAPromotionBringsItsTablesAndProfile trains a second version, under a running server, after the table that is looked up,
// the prices and what may be missing have changed: requests and feeds are then held against the new ones.
func TestAPromotionBringsItsTablesAndProfile(t *testing.T) {
	dir := t.TempDir()
	home, file := filepath.Join(dir, "home"), filepath.Join(dir, "shop.yaml")
	s := up(t, home)
	ask := func(price bool) (float64, error) {
		rows := sales(1, 1, price, false)
		answer, err := s.client.Predict(t.Context(), "shop", rows, api.Ask{})
		if err != nil {
			return 0, err
		}
		return answer.Numbers[0], nil
	}
	shop(t, dir, map[string]float64{"book": 1, "lamp": 5, "rug": 10}, 1, false)
	if code, said := command(t, "--home", home, "run", file); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if sum, err := ask(true); err != nil || sum > 2 {
		t.Errorf("a book is %v: %v", sum, err)
	}
	if _, err := ask(false); rondo.KindOf(err) != rondo.Invalid {
		t.Errorf("a price that was never missing is missing: %v", err)
	}
	if _, err := s.client.Events(t.Context(), "shop", sales(1.8, 600, true, true), api.Ask{}); rondo.KindOf(err) != rondo.Refused {
		t.Errorf("a feed of other prices: %v", err)
	}
	shop(t, dir, map[string]float64{"book": 10, "lamp": 1, "rug": 5}, 1.4, true)
	if code, said := command(t, "--home", home, "run", file); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if sum, err := ask(true); err != nil || sum < 9 {
		t.Errorf("a book is %v: %v", sum, err)
	}
	if _, err := ask(false); err != nil {
		t.Errorf("a price may be missing: %v", err)
	}
	if _, err := s.client.Events(t.Context(), "shop", sales(1.8, 600, true, true), api.Ask{}); err != nil {
		t.Errorf("a feed of prices like those that the champion was trained on: %v", err)
	}
	s.stop(t)
}
