package loop_test

import (
	"strings"
	"testing"
)

func TestAnUndisturbedYear(t *testing.T) {
	for _, s := range seeds(t, 1) {
		w := newWorld(t, s)
		w.settle()
		w.days(200)
		t.Logf("%d commits, %d steps\n%s", w.seen.commits, len(w.seen.ended), strings.Join(w.story(), "\n"))
	}
}
