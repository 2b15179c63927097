package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

func answers(list ...string) func([]string) ([]byte, error) {
	return func([]string) ([]byte, error) {
		first := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		return []byte(first), nil
	}
}

func TestABoundIsMissedTwiceOrNotAtAll(t *testing.T) {
	half, three := 0.5, 3.0
	p := program{Name: "x", Bounds: []bound{{Number: "ratio", AtLeast: &half}, {Number: "inner.p99", AtMost: &three}}}
	good, slow, late := `{"ratio": 0.5, "inner": {"p99": 3}}`, `{"ratio": 0.49, "inner": {"p99": 3}}`, `{"ratio": 0.5, "inner": {"p99": 3.1}}`
	for name, c := range map[string]struct {
		answers []string
		kept    bool
	}{
		"kept":           {[]string{good}, true},
		"busy once":      {[]string{slow, good}, true},
		"slow":           {[]string{slow}, false},
		"late":           {[]string{late}, false},
		"number missing": {[]string{`{"ratio": 0.6}`}, false},
		"null":           {[]string{`{"ratio": null, "inner": {"p99": 3}}`}, false},
		"no document":    {[]string{``}, false},
	} {
		if _, err := p.twice(answers(c.answers...), io.Discard); (err == nil) != c.kept {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryBoundSaysWhereItComesFrom(t *testing.T) {
	text, err := os.ReadFile("../bounds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if programs, err := read(text); err != nil || len(programs) == 0 {
		t.Errorf("%d programs, %v", len(programs), err)
	}
	for _, bad := range []string{"- {name: a}", "- {name: a, run: [x], bounds: [{number: n, on: m, date: d}]}",
		"- {name: a, run: [x], bounds: [{number: n, on: m, date: d, atLeast: 1, atMost: 2}]}", "- {name: a, wrong: 1}"} {
		if _, err := read([]byte(bad)); err == nil {
			t.Errorf("%s is no error", strings.TrimSpace(bad))
		}
	}
}

func TestThePageHasEveryNumber(t *testing.T) {
	half := 0.5
	demo := `{"elapsed_s": 41.4, "versions": [{}, {}], "last15d": {"rows": 6543, "champion": {"auc": 0.7349, "low": 0.73, "high": 0.74}, "first": {"auc": 0.7171, "low": 0.71, "high": 0.72}}}`
	got, err := page(machine{Processor: "A", Cores: 2, Date: "2026-11-24"}, []reading{{"x", bound{Number: "ratio", AtLeast: &half, Why: "y"}, 0.75}}, []byte(demo))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| x | ratio | 0.75 | at least 0.5 | y |", "2026-11-24", "0.735", "0.717", "6,543"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
