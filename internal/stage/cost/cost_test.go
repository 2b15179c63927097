package cost

import (
	"errors"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlite"
)

func TestPriceFilesAreReadStrictly(t *testing.T) {
	for text, want := range map[string]rondo.Money{
		"cpuHour: $0.04\n":                       40_000,
		"# what we pay\ncpuHour: \"$1,250.5\"\n": 1_250_500_000,
		`{"cpuHour": "$0.000001"}`:               1,
		"cpuHour: $0":                            0,
	} {
		p, err := ParsePrices([]byte(text))
		if err != nil || p.CPUHour != want || !p.Known {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
	}
	for text, says := range map[string]string{
		"":                                  "the price file is empty",
		"- 1":                               "cpuHour: $0.04",
		"{}":                                "cpuHour: $0.04",
		"cpuhour: $1":                       `did you mean "cpuHour"?`,
		"cpuHour: $1\ngpuHour: $2":          "2:1: unknown price",
		"cpuHour: $1\ncpuHour: $2":          "cpuHour",
		"cpuHour: 0.04":                     "no amount of money",
		"cpuHour: $1e3":                     "no amount of money",
		"cpuHour: $-1":                      "no amount of money",
		"cpuHour: $.5":                      "no amount of money",
		"cpuHour: $5.":                      "no amount of money",
		"cpuHour: $1,00":                    "no amount of money",
		"cpuHour: $0.0000001":               "finer than",
		"cpuHour: $99999999999999":          "more than can be counted",
		"cpuHour: [1]":                      "is an amount of money",
		"cpuHour: &a $1\n":                  "",
		"? [a]\n: 1":                        "unknown price",
		strings.Repeat("#", maxPriceFile+1): "at most",
		"\x00":                              "",
	} {
		p, err := ParsePrices([]byte(text))
		if says != "" && (rondo.KindOf(err) != rondo.Invalid || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %+v, %v, not %q", text, p, err, says)
		}
	}
}

func FuzzParsePrices(f *testing.F) {
	f.Add([]byte("cpuHour: $0.04"))
	f.Add([]byte(`{"cpuHour": "$1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePrices(b); (err == nil) != p.Known || p.CPUHour < 0 {
			t.Fatalf("%+v, %v", p, err)
		}
	})
}

func TestNoPriceFileIsNoPrice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.yaml")
	if p, err := LoadPrices(path); err != nil || p.Known || p.CPUHour != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := os.WriteFile(path, []byte("cpuHour: $0.04"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := LoadPrices(path); err != nil || p.CPUHour != 40_000 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := LoadPrices(filepath.Dir(path)); err == nil {
		t.Error("a folder is no price file")
	}
}

// exact is floor(nanoseconds x rate / 3.6e12).
func exact(cpu *big.Int, rate rondo.Money) int64 {
	x := new(big.Int).Mul(cpu, big.NewInt(int64(rate)))
	return x.Div(x, big.NewInt(int64(time.Hour))).Int64()
}

func TestPartsAddUpToTheWholeToTheMicroDollar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Prices{CPUHour: rondo.Money(rapid.Int64Range(0, 1e12).Draw(t, "rate")), Known: true}
		sum, whole, left := rondo.Money(0), new(big.Int), Remainder(0)
		for _, ns := range rapid.SliceOfN(rapid.Int64Range(-5, 1e13), 0, 200).Draw(t, "pieces") {
			var amount rondo.Money
			amount, left = p.Charge(time.Duration(ns), left)
			if amount < 0 {
				t.Fatal("negative charge")
			}
			sum += amount
			whole.Add(whole, big.NewInt(max(ns, 0)))
		}
		if want := exact(whole, p.CPUHour); int64(sum) != want {
			t.Fatalf("parts %d, whole %d", sum, want)
		}
	})
}

func TestChargesSaturate(t *testing.T) {
	p := Prices{CPUHour: math.MaxInt64}
	if m, left := p.Charge(math.MaxInt64, 5); m != math.MaxInt64 || left != 0 {
		t.Errorf("%d, %d", m, left)
	}
	if m, _ := p.Charge(2*time.Hour, 0); m != math.MaxInt64 {
		t.Errorf("%d", m)
	}
	if m, left := p.Charge(-time.Hour, 7); m != 0 || left != 7 {
		t.Errorf("a clock that ran backwards: %d, %d", m, left)
	}
}

// The same against the real store: many causes, a restart, a second booking, a booking that is given up.
func TestTheLedgerAddsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rondo.db")
	open := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), path, clock.NewVirtual(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	defer func() { s.Close() }()
	p := Prices{CPUHour: 37_777, Known: true}
	rng := seed.Seed(5).Rand("pieces")
	causes := []string{"run", "probe", "endpoint", "idle"}
	whole, gaveUp := new(big.Int), errors.New("given up")
	for i := range 60 {
		e := rondo.Entry{Model: "flights", Cause: causes[rng.IntN(4)], Ref: "ref", Attempt: i, CPU: time.Duration(rng.Int64N(1e12))}
		book := func(tx store.Tx) error { _, err := p.Book(tx.Ledger(), tx.Values(), e); return err }
		if err := s.Write(t.Context(), func(tx store.Tx) error { return errors.Join(book(tx), gaveUp) }); !errors.Is(err, gaveUp) {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), book); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), book); !errors.Is(err, store.ErrExists) {
			t.Fatalf("booked twice: %v", err)
		}
		whole.Add(whole, big.NewInt(int64(e.CPU)))
		if i%20 == 7 {
			s.Close()
			s = open()
		}
	}
	var sum store.Total
	if err := s.Read(t.Context(), func(tx store.Tx) error {
		totals, err := tx.Ledger().Totals("flights", time.Time{}, time.Time{})
		for _, t := range totals {
			sum.Entries, sum.Amount = sum.Entries+t.Entries, sum.Amount.Add(t.Amount)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if want := exact(whole, p.CPUHour); int64(sum.Amount) != want || sum.Entries != 60 {
		t.Errorf("causes add up to %+v, the seconds cost %d", sum, want)
	}
}

func TestPredictedPricesFollowWhatWasMeasured(t *testing.T) {
	p := Prices{CPUHour: 3_600_000_000_000, Known: true} // a micro-dollar a nanosecond
	w := Work{Rows: 1000, Trees: 100, Features: 20}
	if e := p.Predict(Training, nil, w); e.Runs != 0 || e.CPU != 20*time.Millisecond || e.Amount != 20_000_000 {
		t.Errorf("default for training: %+v", e)
	}
	if e := p.Predict(Shadow, nil, w); e.Runs != 0 || e.CPU != 3*time.Millisecond {
		t.Errorf("default for shadow: %+v", e)
	}
	var past []Past
	for _, ns := range []int{9000, 9000, 9000, 40, 1, 1_000_000, 30, 50} { // a row, tree and feature
		past = append(past, Past{Work: w, CPU: time.Duration(ns) * 2_000_000})
	}
	for range 15 {
		past = append(past, Past{Work: w, CPU: 40 * 2_000_000})
	}
	past = append(past, Past{CPU: time.Second}, Past{Work: w}) // measured nothing: does not count
	half := Work{Rows: 500, Trees: 100, Features: 20, Outputs: 1}
	if e := p.Predict(Training, past, half); e.Runs != 18 || e.CPU != 40*time.Millisecond {
		t.Errorf("half the rows: %+v", e)
	}
	huge := Work{Rows: math.MaxInt, Trees: math.MaxInt, Features: math.MaxInt}
	if e := p.Predict(Training, nil, huge); e.CPU <= 0 || e.Amount <= 0 {
		t.Errorf("too much to count: %+v", e)
	}
	if e := (Prices{}).Predict(Training, nil, w); e.Amount != 0 || e.CPU == 0 {
		t.Errorf("without a price: %+v", e)
	}
}

func TestPerThousandPredictions(t *testing.T) {
	for _, c := range []struct {
		amount rondo.Money
		n      int64
		want   rondo.Money
		ok     bool
	}{
		{rondo.Dollar, 1000, rondo.Dollar, true}, {1, 3, 333, true}, {2, 3, 667, true}, {0, 5, 0, true},
		{rondo.Dollar, 0, 0, false}, {math.MaxInt64, 1, math.MaxInt64, true}, {math.MaxInt64, 2000, math.MaxInt64/2 + 1, true},
	} {
		if got, ok := PerThousand(c.amount, c.n); got != c.want || ok != c.ok {
			t.Errorf("%d for %d: %d, %v", c.amount, c.n, got, ok)
		}
	}
}

func TestIdleIsWhatIsLeft(t *testing.T) {
	if d := Idle(10*time.Second, 3*time.Second, -time.Second, 2*time.Second); d != 5*time.Second {
		t.Errorf("%v", d)
	}
	if d := Idle(time.Second, 2*time.Second); d != 0 {
		t.Errorf("%v", d)
	}
	a, err := ProcessCPU()
	if err != nil || a <= 0 {
		t.Errorf("%v, %v", a, err)
	}
}
