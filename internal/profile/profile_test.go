package profile

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/seed"
)

func table(rows int) *column.Table {
	rng := seed.Seed(1).Rand("profile")
	n, s, id := column.New(column.Int64, rows), column.New(column.String, rows), column.New(column.String, rows)
	for i := range rows {
		n.Ints[i] = rng.Int64N(1000)
		s.Strings[i] = fmt.Sprintf("g%d", rng.IntN(5))
		id.Strings[i] = fmt.Sprintf("row %d", i)
	}
	n.SetNull(0)
	t := &column.Table{}
	t.Set("n", n)
	t.Set("s", s)
	t.Set("id", id)
	return t
}

func TestProfileDescribesWhatIsThere(t *testing.T) {
	x := column.Floats([]float64{4, 1, math.NaN(), 3, 2, 1})
	tab := &column.Table{Names: []string{"x", "none"}, Columns: []*column.Vector{x, column.AllNull(column.Float64, 6)}}
	p := Of(tab)
	c := p.Column("x")
	if c.Nulls != 1 || c.Distinct != 4 || !c.Exact || c.Numbers.Min != 1 || c.Numbers.Max != 4 || c.Numbers.Quantiles[10] != 2 ||
		math.Abs(c.Numbers.Mean-2.2) > 1e-12 || math.Abs(c.Numbers.SD-math.Sqrt(1.36)) > 1e-12 {
		t.Errorf("got %+v %+v", c, c.Numbers)
	}
	if d := cmp.Diff([]Value{{"1", 2}, {"2", 1}, {"3", 1}, {"4", 1}}, c.Top); d != "" {
		t.Error(d)
	}
	if none := p.Column("none"); none.Numbers != nil || none.Nulls != 6 || none.Distinct != 0 {
		t.Errorf("a column without values: %+v", none)
	}
}

func TestProfileOfManyRowsIsNearAndSurvivesBytes(t *testing.T) {
	p := Of(table(400_000))
	if id := p.Column("id"); id.Exact || math.Abs(float64(id.Distinct)/400_000-1) > 0.1 || id.Top != nil {
		t.Errorf("distinct ids: %d, exact %v, top %v", id.Distinct, id.Exact, id.Top)
	}
	if n := p.Column("n"); n.Distinct != 1000 || math.Abs(n.Numbers.Quantiles[10]-499.5) > 5 {
		t.Errorf("n: %+v", n.Numbers)
	}
	back, err := Parse(p.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, back); d != "" {
		t.Error(d)
	}
}

func TestKilometresFailABatchCheckThatRowsPass(t *testing.T) {
	p := Of(table(10_000))
	km := table(2_000)
	for i, x := range km.Column("n").Ints {
		km.Column("n").Ints[i] = x * 1609 / 1000
	}
	checks := []string{"median(n) within 25% of profile", "nulls(s) within 5% of profile", "max(gone) within 5% of profile"}
	failed, err := CheckBatch(checks, p, km)
	if err != nil || len(failed) != 1 || !strings.Contains(failed[0].String(), "median(n) within 25% of profile: 7") {
		t.Errorf("got %v, %v", failed, err)
	}
	if failed, err = CheckBatch(checks, p, table(2_000)); err != nil || failed != nil {
		t.Errorf("a batch like the profile: %v, %v", failed, err)
	}
	empty := &column.Table{Names: []string{"n"}, Columns: []*column.Vector{column.AllNull(column.Int64, 9)}}
	if failed, _ = CheckBatch(checks[:1], p, empty); len(failed) != 1 || failed[0].Got != nil {
		t.Errorf("a batch without values: %v", failed)
	}
}
