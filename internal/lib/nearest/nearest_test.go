package nearest_test

import (
	"strings"
	"testing"

	"rondo.dev/rondo/internal/lib/nearest"
)

func TestNameFindsTyposAndNothingElse(t *testing.T) {
	known := []string{"train", "data", "decide", "distance", "retrain", "a"}
	for _, c := range []struct{ word, want string }{
		{"trian", "train"}, {"Train", "train"}, {"dat", "data"}, {"date", "data"}, {"distence", "distance"},
		{"retain", "retrain"}, {"zzzzz", ""}, {"", ""}, {"b", "a"}, {"train", ""},
		{strings.Repeat("x", 1<<20), ""},
	} {
		if got, ok := nearest.Name(c.word, known); got != c.want || ok != (c.want != "") {
			t.Errorf("Name(%.20q) = %q, %v; want %q", c.word, got, ok, c.want)
		}
	}
	if got := nearest.Hint("trian", known); got != `; did you mean "train"?` {
		t.Errorf("hint %q", got)
	}
}
