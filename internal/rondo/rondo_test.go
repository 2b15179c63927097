package rondo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMoneyIsShownInCentsAndNeverRoundedAwayBelowADollar(t *testing.T) {
	for m, want := range map[Money]string{
		0: "$0.00", 1: "$0.000001", 10_000: "$0.01", 15_000: "$0.015", 123_456: "$0.123456", 500_000: "$0.50", 999_999: "$0.999999",
		Dollar: "$1.00", Dollar + 1: "$1.00", Dollar + 5_000: "$1.01", 1_994_999: "$1.99", 1_995_000: "$2.00", 12_345_678_900_000: "$12345678.90",
		-1: "-$0.000001", -5 * Dollar: "-$5.00", math.MaxInt64: "$9223372036854.78", math.MinInt64: "-$9223372036854.78",
	} {
		if got := m.String(); got != want {
			t.Errorf("%d micro-dollars: %s, want %s", int64(m), got, want)
		}
	}
}

func TestMoneyAddsUpOrSaturates(t *testing.T) {
	for _, c := range []struct{ a, b, want Money }{
		{1, 2, 3}, {math.MaxInt64, 1, math.MaxInt64}, {math.MinInt64, -1, math.MinInt64}, {math.MinInt64, math.MinInt64, math.MinInt64},
		{math.MaxInt64, math.MinInt64, -1}, {math.MaxInt64, math.MaxInt64, math.MaxInt64}, {-5, 5, 0},
	} {
		if got := c.a.Add(c.b); got != c.want {
			t.Errorf("%d + %d is %d, want %d", int64(c.a), int64(c.b), int64(got), int64(c.want))
		}
	}
}

func TestDollarsComeBackAsTheSameMoney(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Money(rapid.Int64Range(-1<<52, 1<<52).Draw(t, "micro"))
		if got := FromDollars(m.Dollars()); got != m {
			t.Fatalf("%d came back as %d", int64(m), int64(got))
		}
	})
	for d, want := range map[float64]Money{.0000005: 0, .0000015: 2, 1e300: math.MaxInt64, -1e300: math.MinInt64,
		math.Inf(1): math.MaxInt64, math.Inf(-1): math.MinInt64, .1: 100_000, 0.29: 290_000} {
		if got := FromDollars(d); got != want {
			t.Errorf("%v dollars are %d, want %d", d, int64(got), int64(want))
		}
	}
	if got := FromDollars(math.NaN()); got != 0 {
		t.Errorf("NaN dollars are %d", int64(got))
	}
}

func TestIDsSortByTimeAndRepeatWithTheirChance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instant := rapid.Int64Range(0, 1<<48-2)
		a, b := instant.Draw(t, "a"), instant.Draw(t, "b")
		chance := func(name string) (c [32]byte) {
			copy(c[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name))
			return c
		}
		ca := chance("chance a")
		x, y := NewID("run", time.UnixMilli(a), ca), NewID("run", time.UnixMilli(b), chance("chance b"))
		if a != b && (a < b) != (x < y) {
			t.Fatalf("%d and %d milliseconds are %s and %s", a, b, x, y)
		}
		if x != NewID("run", time.UnixMilli(a), ca) || len(x) != len("run_")+26 || !strings.HasPrefix(x, "run_") {
			t.Fatalf("%s", x)
		}
		if strings.Trim(x[4:], "0123456789abcdefghjkmnpqrstvwxyz") != "" {
			t.Fatalf("%s has a letter that is misread", x)
		}
	})
}

func TestVersionIDIsModelAndNumber(t *testing.T) {
	v := NewVersionID("late-arrivals", 12)
	if v != "late-arrivals/12" || v.Model() != "late-arrivals" || v.Number() != "12" {
		t.Errorf("%s: %s, %s", v, v.Model(), v.Number())
	}
	if v := VersionID("late-arrivals"); v.Model() != "late-arrivals" || v.Number() != "" {
		t.Errorf("without a number: %s, %s", v.Model(), v.Number())
	}
}

func TestOnlySixtyFourDigitsAreADigest(t *testing.T) {
	good := DigestOf([32]byte{0xab, 1})
	if !good.Valid() || good.Short() != "ab0100000000" {
		t.Errorf("%s, %s", good, good.Short())
	}
	for _, d := range []Digest{"", good[:63], good + "0", Digest(strings.ToUpper(string(good))), "../" + good[3:], good[:63] + "\n", good[:63] + "g"} {
		if d.Valid() {
			t.Errorf("%q is a digest", d)
		}
	}
	if Digest("abc").Short() != "abc" {
		t.Error("a short one is cut")
	}
}

func TestKindIsOfTheFirstErrorInTheChain(t *testing.T) {
	inner := Errorf(NotFound, "no model %q", "m")
	outer := &Error{Kind: Invalid, Field: "model", Message: "cannot be used", Err: inner}
	for want, err := range map[Kind]error{
		NotFound: fmt.Errorf("apply: %w", inner), Invalid: fmt.Errorf("apply: %w", outer), "": io.EOF,
		Denied: errors.Join(io.EOF, Errorf(Denied, "no")),
	} {
		if got := KindOf(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
	if KindOf(nil) != "" {
		t.Error("nothing has a kind")
	}
	if got := outer.Error(); got != `model: cannot be used: no model "m"` {
		t.Error(got)
	}
}

func TestCauseOfAnErrorIsFoundAndToldOnce(t *testing.T) {
	err := Errorf(Unavailable, "price file: %w", io.ErrUnexpectedEOF)
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "price file: unexpected EOF" {
		t.Errorf("%v", err)
	}
	if err := Errorf(Invalid, "plain"); errors.Unwrap(err) != nil {
		t.Errorf("%v has a cause", err)
	}
}

func TestStatesEndInOneChampion(t *testing.T) {
	for from, to := range VersionTransitions {
		if slices.Contains(to, Candidate) || slices.Contains(to, from) {
			t.Errorf("%s may become %v", from, to)
		}
	}
	if _, moves := VersionTransitions[Rejected]; moves {
		t.Error("what was rejected comes back")
	}
	if !slices.Contains(VersionTransitions[Retired], Champion) {
		t.Error("there is no rollback")
	}
}

func TestMissingNumbersStayOutOfJSON(t *testing.T) {
	text, err := json.Marshal(struct {
		Bar      BarResult
		Decision Decision
		Round    Round
	}{BarResult{Bar: "auc >= 0.7"}, Decision{Numbers: []Fact{Textual("since", "today"), Numeric("rows", 0)}}, Round{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{`"got"`, `"validation"`, `"number":null`} {
		if strings.Contains(string(text), absent) {
			t.Errorf("%s is in %s", absent, text)
		}
	}
	if !strings.Contains(string(text), `{"name":"rows","number":0}`) {
		t.Errorf("a measured 0 is gone: %s", text)
	}
	d := Dataset{Parts: []Part{{Name: TestPart, Rows: 3}}}
	if d.Part(TestPart).Rows != 3 || d.Part(TrainPart) != nil {
		t.Error("parts are found by name")
	}
}
