package history_test

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/history"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/rondo"
)

const tick = int64(1_000_000) // instants in tests are whole ticks, so that ties are frequent

var definitions = []rondo.History{
	{Name: "late_by_a", Aggregate: rondo.Mean, Of: "late", By: []string{"a"}, Over: 5 * time.Second},
	{Name: "late", Aggregate: rondo.Mean, Of: "late", Over: 3 * time.Second},
	{Name: "late_by_a_long", Aggregate: rondo.Mean, Of: "late", By: []string{"a"}, Over: 50 * time.Second},
	{Name: "x_by_ab", Aggregate: rondo.Mean, Of: "x", By: []string{"a", "b"}, Over: 20 * time.Second},
	{Name: "x_sum", Aggregate: rondo.Sum, Of: "x", By: []string{"b"}, Over: 9 * time.Second},
	{Name: "n_sum", Aggregate: rondo.Sum, Of: "n", Over: 9 * time.Second},
	{Name: "facts", Aggregate: rondo.Count, By: []string{"a"}, Over: 7 * time.Second},
	{Name: "facts_with_x", Aggregate: rondo.Count, Of: "x", By: []string{"a"}, Over: 7 * time.Second},
}

var types = map[string]column.Type{
	"late": column.Bool, "x": column.Float64, "n": column.Int64, "a": column.String, "b": column.Int64,
}

func compile(t testing.TB) *history.Set {
	t.Helper()
	set, err := history.Compile(definitions, types)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// world is rows, each with a time, and facts in order of arrival.
type world struct {
	table          *column.Table
	times          []int64
	keys           []rowhash.Key
	facts          *column.Table
	known, arrived []int64
	factKeys       []rowhash.Key
}

func (w *world) asFacts() history.Facts {
	return history.Facts{Table: w.facts, Known: w.known, Arrived: w.arrived, Keys: w.factKeys}
}

func key(n int) rowhash.Key { return rowhash.Sum(fmt.Appendf(nil, "%d", n)) }

func columns(t *rapid.T, rows int, name string) *column.Table {
	table := &column.Table{}
	late, x, n := column.New(column.Bool, rows), column.New(column.Float64, rows), column.New(column.Int64, rows)
	a, b := column.New(column.String, rows), column.New(column.Int64, rows)
	for i := range rows {
		bits := rapid.Uint64().Draw(t, name)
		late.Bools[i] = bits&1 == 1
		x.Floats[i] = []float64{0.1, -0.1, 1e14, -1e14, 3e-14, 1.0 / 3, 7, -2.5, 1e300}[bits>>1%9]
		n.Ints[i] = []int64{1, -1, math.MaxInt64, math.MinInt64, 12345}[bits>>8%5]
		a.Strings[i] = []string{"", "x", "yy", "zzz"}[bits>>16%4]
		b.Ints[i] = int64(bits >> 24 % 3)
		for v, column := range []*column.Vector{late, x, n, a, b} {
			if bits>>(32+4*v)%8 == 0 {
				column.SetNull(i)
			}
		}
	}
	for i, v := range []*column.Vector{late, x, n, a, b} {
		table.Set([]string{"late", "x", "n", "a", "b"}[i], v)
	}
	return table
}

// draw makes a world with ties, missing values, late facts, corrections and rows whose own fact came early.
func draw(t *rapid.T) *world {
	rows, facts := rapid.IntRange(0, 40).Draw(t, "rows"), rapid.IntRange(0, 60).Draw(t, "facts")
	w := &world{table: columns(t, rows, "row"), facts: columns(t, facts, "fact")}
	for i := range rows {
		w.times = append(w.times, tick*int64(rapid.IntRange(0, 60).Draw(t, "time")))
		w.keys = append(w.keys, key(i))
	}
	for range facts {
		known := tick * int64(rapid.IntRange(0, 60).Draw(t, "known"))
		w.known = append(w.known, known)
		w.arrived = append(w.arrived, known+tick*int64(max(0, rapid.IntRange(-10, 20).Draw(t, "lateness"))))
		w.factKeys = append(w.factKeys, key(rapid.IntRange(0, 80).Draw(t, "key")))
	}
	slices.Sort(w.arrived) // facts stand in order of arrival, whatever they claim
	return w
}

// naive is the definition, word by word.
func (w *world) naive(def rondo.History, row int) (value float64, ok bool) {
	sum, count := new(big.Rat), int64(0)
	t := w.times[row]
	for f := range w.known {
		replaced := slices.IndexFunc(w.factKeys[f+1:], func(k rowhash.Key) bool { return k == w.factKeys[f] })
		switch {
		case w.factKeys[f] == w.keys[row],
			!(t-def.Over.Microseconds() < w.known[f] && w.known[f] < t && w.arrived[f] < t),
			replaced >= 0 && w.arrived[f+1+replaced] < t:
			continue
		}
		same := true
		for _, by := range def.By {
			mine, its := w.table.Column(by), w.facts.Column(by)
			if mine.IsNull(row) {
				return 0, false
			}
			same = same && !its.IsNull(f) && string(rowhash.AppendValue(nil, mine, row)) == string(rowhash.AppendValue(nil, its, f))
		}
		if !same {
			continue
		}
		if def.Of == "" {
			count++
			continue
		}
		v := w.facts.Column(def.Of)
		if v.IsNull(f) || v.Type == column.Float64 && math.Abs(v.Floats[f]) > 1<<48 {
			continue
		}
		count++
		switch v.Type {
		case column.Int64:
			sum.Add(sum, new(big.Rat).SetInt64(v.Ints[f]))
		default:
			x, _ := v.Float(f)
			sum.Add(sum, roundTo48(x))
		}
	}
	for _, by := range def.By {
		if w.table.Column(by).IsNull(row) {
			return 0, false
		}
	}
	if def.Aggregate == rondo.Count {
		return float64(count), true
	}
	if count == 0 {
		return 0, false
	}
	if def.Aggregate == rondo.Mean {
		sum.Quo(sum, new(big.Rat).SetInt64(count))
	}
	value, _ = sum.Float64()
	return value, true
}

// roundTo48 is x in multiples of 2^-48, half to even.
func roundTo48(x float64) *big.Rat {
	scaled, _ := new(big.Float).SetPrec(2000).Mul(new(big.Float).SetFloat64(x), new(big.Float).SetMantExp(big.NewFloat(1), 48)).Rat(nil)
	whole := new(big.Int).Div(scaled.Num(), scaled.Denom()) // floor
	rest := new(big.Rat).Sub(scaled, new(big.Rat).SetInt(whole))
	switch rest.Cmp(big.NewRat(1, 2)) {
	case 1:
		whole.Add(whole, big.NewInt(1))
	case 0:
		if whole.Bit(0) == 1 {
			whole.Add(whole, big.NewInt(1))
		}
	}
	return new(big.Rat).SetFrac(whole, new(big.Int).Lsh(big.NewInt(1), 48))
}

func TestColumnsAreTheDefinitionWordByWord(t *testing.T) {
	set := compile(t)
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		got, err := set.Columns(w.table, w.times, w.keys, w.asFacts())
		if err != nil {
			t.Fatal(err)
		}
		for d, def := range definitions {
			for row := range w.times {
				want, ok := w.naive(def, row)
				x, there := got[d].Float(row)
				if there != ok || math.Float64bits(x) != math.Float64bits(want) {
					t.Fatalf("%s of row %d at %d: %v (%v), naively %v (%v)", def.Name, row, w.times[row]/tick, x, there, want, ok)
				}
			}
		}
	})
}

func TestLiveReplayedInOrderOfArrivalEqualsColumns(t *testing.T) {
	set := compile(t)
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		want, err := set.Columns(w.table, w.times, w.keys, w.asFacts())
		if err != nil {
			t.Fatal(err)
		}
		live := history.NewLive(set, history.LiveOptions{})
		rows := make([]int, len(w.times))
		for i := range rows {
			rows[i] = i
		}
		slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(w.times[a], w.times[b]) })
		next := 0
		for _, row := range rows {
			// What arrives at the very time of a row has not arrived before it. Facts come one by one or several at once.
			to := next
			for to < len(w.arrived) && w.arrived[to] < w.times[row] {
				to++
			}
			for next < to {
				size := rapid.IntRange(1, to-next).Draw(t, "size")
				add(t, live, w, next, next+size)
				next += size
			}
			if rapid.IntRange(0, 3).Draw(t, "evict") == 0 {
				live.Evict(w.times[row])
			}
			got, _, err := live.Values(w.table.Slice(row, row+1), w.times[row:row+1], w.keys[row:row+1])
			if err != nil {
				t.Fatal(err)
			}
			for d, def := range definitions {
				x, ok := got[d].Float(0)
				y, there := want[d].Float(row)
				if ok != there || math.Float64bits(x) != math.Float64bits(y) {
					t.Fatalf("%s of row %d at %d: live %v (%v), column %v (%v)", def.Name, row, w.times[row]/tick, x, ok, y, there)
				}
			}
		}
	})
}

func add(t interface{ Fatal(...any) }, live *history.Live, w *world, from, to int) {
	f := history.Facts{Table: w.facts.Slice(from, to), Known: w.known[from:to], Arrived: w.arrived[from:to], Keys: w.factKeys[from:to]}
	if err := live.Add(f); err != nil {
		t.Fatal(err)
	}
}

// Event rows come after their time: what had not arrived by then and the tolerance must not be seen.
func TestEventsDoNotSeeWhatArrivedAfterTheirTimeAndTolerance(t *testing.T) {
	set := compile(t)
	const tolerance = 4
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		for i := range w.factKeys { // a correction is judged by its own arrival; here nothing is corrected
			w.factKeys[i] = key(1000 + i)
		}
		live := history.NewLive(set, history.LiveOptions{Tolerance: tolerance * time.Second})
		add(t, live, w, 0, len(w.known))
		got, _, err := live.EventValues(w.table, w.times, w.keys)
		if err != nil {
			t.Fatal(err)
		}
		for row, at := range w.times {
			seen := &world{table: w.table, times: w.times, keys: w.keys, facts: w.facts, known: w.known, factKeys: w.factKeys}
			for i, arrived := range w.arrived {
				seen.arrived = append(seen.arrived, w.known[i])
				if arrived > at+tolerance*tick {
					seen.arrived[i] = math.MaxInt64
				}
			}
			for d, def := range definitions {
				want, ok := seen.naive(def, row)
				x, there := got[d].Float(row)
				if there != ok || math.Float64bits(x) != math.Float64bits(want) {
					t.Fatalf("%s of event %d: %v (%v), naively %v (%v)", def.Name, row, x, there, want, ok)
				}
			}
		}
	})
}

func TestARetractedFactWasNeverThere(t *testing.T) {
	set := compile(t)
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		live, clean := history.NewLive(set, history.LiveOptions{}), history.NewLive(set, history.LiveOptions{})
		add(t, live, w, 0, len(w.known))
		var gone []rowhash.Key
		for i, k := range w.factKeys {
			if k[0]%3 == 0 {
				gone = append(gone, k)
			} else {
				add(t, clean, w, i, i+1)
			}
		}
		live.Retract(gone, 7)
		got, offset, _ := live.Values(w.table, w.times, w.keys)
		want, _, _ := clean.Values(w.table, w.times, w.keys)
		if offset != 7 || live.Size() != clean.Size() {
			t.Fatalf("offset %d, %d facts, not %d", offset, live.Size(), clean.Size())
		}
		for d := range got {
			if !slices.Equal(got[d].Floats, want[d].Floats) || !slices.Equal(got[d].Ints, want[d].Ints) || !slices.Equal(got[d].Null, want[d].Null) {
				t.Fatalf("%s: %v, not %v", definitions[d].Name, got[d], want[d])
			}
		}
	})
}

// Readers and writers at once; the race detector is the judge, and every answer is one of a moment between two calls.
func TestAnswersAreOfOneMoment(t *testing.T) {
	set, err := history.Compile([]rondo.History{
		{Name: "n", Aggregate: rondo.Count, Over: time.Hour},
		{Name: "n_by_a", Aggregate: rondo.Count, By: []string{"a"}, Over: time.Hour},
	}, types)
	if err != nil {
		t.Fatal(err)
	}
	live := history.NewLive(set, history.LiveOptions{})
	row := &column.Table{}
	row.Set("a", &column.Vector{Type: column.String, Strings: []string{"x", "x"}})
	var g errgroup.Group
	for writer := range 2 {
		g.Go(func() error {
			for i := range 500 {
				at := []int64{int64(i) * tick, int64(i) * tick}
				keys := []rowhash.Key{key(2000*writer + 2*i), key(2000*writer + 2*i + 1)}
				if err := live.Add(history.Facts{Table: row, Known: at, Arrived: at, Keys: keys, Offset: uint64(i)}); err != nil {
					return err
				}
				if i%50 == 0 {
					live.Retract(keys, uint64(i))
					live.Evict(int64(i) * tick)
				}
			}
			return nil
		})
		g.Go(func() error {
			for range 500 {
				got, _, err := live.Values(row, []int64{1000 * tick, 1000 * tick}, nil)
				if err != nil {
					return err
				}
				if n := got[0].Ints[0]; n%2 != 0 || n != got[1].Ints[0] || n != got[0].Ints[1] {
					return fmt.Errorf("half a call is seen: %v and %v", got[0].Ints, got[1].Ints)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestDefinitionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, def := range []rondo.History{
		{Name: "h", Aggregate: rondo.Mean, Of: "late", Over: 0},
		{Name: "h", Aggregate: rondo.Mean, Over: time.Hour},
		{Name: "h", Aggregate: rondo.Mean, Of: "a", Over: time.Hour},
		{Name: "h", Aggregate: rondo.Mean, Of: "lat", Over: time.Hour},
		{Name: "h", Aggregate: rondo.Mean, Of: "late", By: []string{"c"}, Over: time.Hour},
		{Name: "h", Aggregate: "median", Of: "late", Over: time.Hour},
	} {
		if _, err := history.Compile([]rondo.History{def}, types); rondo.KindOf(err) != rondo.Invalid {
			t.Errorf("%+v: %v", def, err)
		}
	}
}
