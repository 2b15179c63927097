//go:build !race

package expr_test

// Under the race detector a sync.Pool forgets on purpose, so allocations are counted without it.

import (
	"testing"

	"rondo.dev/rondo/internal/lib/expr"
)

func TestASingleRowIsCheap(t *testing.T) {
	table := flight()
	p, err := expr.Compile("time + distance / 7.5 * 1m + 30m > time and delay between 10 and 6000", schemaOf(table))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(200, func() { _, _ = p.Eval(table, expr.Env{}) }); n > 3 {
		t.Errorf("one row takes %g allocations, want at most 3", n)
	}
}
