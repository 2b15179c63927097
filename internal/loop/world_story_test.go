package loop_test

import (
	"strings"
	"testing"
)

// promotes says whether a story has a challenger that became champion.
func promotes(story []string) bool {
	n := 0
	for _, line := range story {
		if strings.Contains(line, ": promoted ") {
			n++
		}
	}
	return n > 1
}

func TestAnUndisturbedYear(t *testing.T) {
	for _, s := range seeds(t, 3) {
		w := newWorld(t, s)
		w.settle()
		w.days(200)
		t.Logf("%d commits, %d steps\n%s", w.seen.commits, len(w.seen.ended), strings.Join(w.story(), "\n"))
	}
}
