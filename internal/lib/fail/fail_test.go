//go:build !failpoints

package fail

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOrdinaryBuildNeverFails(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	t.Setenv("RONDO_FAIL", "*:1")
	t.Setenv("RONDO_FAIL_TRACE", trace)
	At("store/commit")
	if _, err := os.Stat(trace); err == nil {
		t.Error("an ordinary build left a trace")
	}
	if n := testing.AllocsPerRun(100, func() { At("store/commit") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
