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
	t.Parallel()
	w := newWorld(t, seeds(t, 1)[0])
	w.settle()
	w.days(least(75, 366))
	story := w.story()
	if !promotes(story) || w.seen.parked > 0 || w.out.Len() > 0 {
		t.Errorf("%d parked steps\n%s", w.seen.parked, strings.Join(story, "\n"))
	}
	if w.swept == 0 {
		t.Error("no object was swept: nothing shows here that the right ones stay")
	}
	t.Logf("%d steps, %d commits, %d decisions and versions, %d objects swept", len(w.seen.ended), w.seen.commits, len(story), w.swept)
}
