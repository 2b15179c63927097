package seed_test

import (
	"strings"
	"testing"

	"rondo.dev/rondo/internal/lib/seed"
)

func TestSameNamesGiveTheSameNumbersAndOthersOthers(t *testing.T) {
	s := seed.Seed(7)
	if s.Rand("trial", "1").Uint64() != s.Rand("trial", "1").Uint64() {
		t.Fatal("the same names gave different numbers")
	}
	seen := map[uint64]string{}
	for _, names := range [][]string{{"ab", "c"}, {"a", "bc"}, {"abc"}, {"abc", ""}, {}} {
		n, joined := s.Uint64(names...), strings.Join(names, "|")
		if other, taken := seen[n]; taken {
			t.Fatalf("%q and %q share a number", joined, other)
		}
		seen[n] = joined
	}
	if s.Uint64("x") == seed.Seed(8).Uint64("x") {
		t.Fatal("two seeds share a number")
	}
}
