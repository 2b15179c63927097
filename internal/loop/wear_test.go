package loop

import (
	"testing"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

// The uses of rows that a new part may share wear it out. A declaration that gains or loses its time shares rows still.
func TestOnlyPartsWithTimesAreApart(t *testing.T) {
	part := func(from, to int) *rondo.Part {
		p := &rondo.Part{}
		for day, at := range map[int]*time.Time{from: &p.From, to: &p.To} {
			if day > 0 {
				*at = time.Date(2024, 1, day, 0, 0, 0, 0, time.UTC)
			}
		}
		return p
	}
	timeless := &rondo.Part{}
	for _, c := range []struct {
		name string
		a, b *rondo.Part
		want bool
	}{
		{"one after the other", part(1, 3), part(4, 6), true},
		{"a shared day", part(1, 4), part(4, 6), false},
		{"one within the other", part(1, 9), part(4, 6), false},
		{"neither has time", timeless, timeless, false},
		{"one has none", timeless, part(4, 6), false},
		{"one has no beginning", part(0, 3), part(4, 6), false},
		{"one has no end", part(4, 0), part(5, 6), false},
	} {
		if got := apart(c.a, c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if got := apart(c.b, c.a); got != c.want {
			t.Errorf("%s, the other way: %v", c.name, got)
		}
	}
}
