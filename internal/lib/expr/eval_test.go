package expr_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
)

var someExpressions = []string{
	"i / j + f * 2", "case when b then s else concat(p, '!') end", "t + h / 7.5 * 1m + 30m", "i between j and 100 and not b",
	"hour(t) * 60 + minute(t)", "coalesce(nullif(i, j), k)", "s in ('a', 'b', null)", "least(f, g, h) > 1", "substr(s, k, m)",
	"pow(abs(f), 0.3)", "haversine(lat, lon, 0, 0)", "i", "cast(n, 'float64')", "weekday(t) = 0 or c",
}

// zonesOf gives rows different zones, some of them none.
func zonesOf(t *testing.T, rows int) []*time.Location {
	var zones []*time.Location
	for _, name := range []string{"America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, loc)
	}
	zones = append(zones, nil)
	out := make([]*time.Location, rows)
	for i := range out {
		out[i] = zones[i*7%len(zones)]
	}
	return out
}

func TestOneRowGivesTheBitsOfABatch(t *testing.T) {
	table := anyTable(2500)
	zones := zonesOf(t, table.Rows())
	for _, text := range someExpressions {
		p, err := expr.Compile(text, schemaOf(table))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		batch, err := p.Eval(table, expr.Env{Zones: zones})
		if err != nil {
			t.Fatal(err)
		}
		rows := column.New(p.Type(), 0)
		for i := 0; i < table.Rows(); i++ {
			one, err := p.Eval(table.Slice(i, i+1), expr.Env{Zones: zones[i : i+1]})
			if err != nil {
				t.Fatal(err)
			}
			if err := rows.Append(one); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(block(batch), block(rows)) {
			t.Errorf("%s: rows one by one differ from the batch", text)
		}
	}
}

func block(v *column.Vector) []byte {
	return column.AppendBlock(nil, &column.Table{Names: []string{"x"}, Columns: []*column.Vector{v}})
}

func TestProgramsAreSafeForConcurrentUse(t *testing.T) {
	table := anyTable(1500)
	for _, text := range someExpressions {
		p, err := expr.Compile(text, schemaOf(table))
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.Eval(table, expr.Env{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if got, err := p.Eval(table, expr.Env{}); err != nil || !bytes.Equal(block(got), block(want)) {
					t.Errorf("%s: differs beside others: %v", text, err)
				}
			})
		}
		wg.Wait()
	}
}

func TestDatePartsFollowTheRowsZone(t *testing.T) {
	table := anyTable(4000)
	zones := zonesOf(t, table.Rows())
	instants := table.Column("t")
	for name, part := range map[string]func(t time.Time) int{
		"year": time.Time.Year, "month": func(t time.Time) int { return int(t.Month()) }, "day": time.Time.Day, "hour": time.Time.Hour,
		"minute": time.Time.Minute, "second": time.Time.Second, "weekday": func(t time.Time) int { return int(t.Weekday()) }, "dayofyear": time.Time.YearDay,
	} {
		p, err := expr.Compile(name+"(t)", schemaOf(table))
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Eval(table, expr.Env{Zones: zones})
		if err != nil {
			t.Fatal(err)
		}
		for i, loc := range zones {
			if loc == nil {
				loc = time.UTC
			}
			want := part(time.UnixMicro(instants.Ints[i]).In(loc))
			if !instants.IsNull(i) && v.Ints[i] != int64(want) || v.IsNull(i) != instants.IsNull(i) {
				t.Fatalf("%s of %s in %v: %s, want %d", name, show(instants, i), loc, show(v, i), want)
			}
		}
	}
}

func TestLostValuesAreCountedAndHandledOnesAreNot(t *testing.T) {
	table := &column.Table{}
	table.Set("x", &column.Vector{Type: column.Int64, Ints: []int64{0, 2, 0}, Null: []bool{false, false, true}})
	for text, want := range map[string]int64{"1 / x": 1, "coalesce(1 / x, 0.0)": 0, "case when x != 0 then 1 / x end": 0, "1 / x is null": 0, "ln(x - 5) > 0": 2} {
		p, err := expr.Compile(text, schemaOf(table))
		if err != nil {
			t.Fatal(err)
		}
		var lost int64
		if _, err := p.Eval(table, expr.Env{Lost: &lost}); err != nil || lost != want {
			t.Errorf("%s: lost %d, want %d (%v)", text, lost, want, err)
		}
	}
}

func TestWrongExpressionsSayWhereAndWhat(t *testing.T) {
	s := schemaOf(flight())
	for _, c := range []struct{ text, want string }{
		{"distanse > 3", `at byte 0: unknown column "distanse"; did you mean "distance"?`},
		{"delay + origin", `at byte 6: "+" has no meaning between int64 and string; text becomes a number with cast(x, 'float64')`},
		{"origin = 3", `at byte 9: "=" mixes string with int64; text becomes a number with cast(x, 'float64')`},
		{"origin and late", `at byte 0: "and" needs a bool, not string`},
		{"time + 30", `at byte 5: "+" has no meaning between timestamp and int64; give the number a unit: x * 1m`},
		{"time > '2001-01-01'", `at byte 7: ">" mixes timestamp with string; a constant instant is written timestamp '2001-01-31T12:00:00Z'`},
		{"lenght(origin)", `at byte 0: unknown function "lenght"; did you mean "length"?`},
		{"log(delay)", `at byte 0: unknown function "log"; write ln or log10`},
		{"now() - time", `at byte 0: unknown function "now"; expressions are deterministic, so there is no now and no random`},
		{"round(1, 2, 3)", `at byte 0: round takes 1 or 2 arguments, not 3: round(x, digits)`},
		{"hour(delay)", `at byte 5: hour needs a timestamp here, not a int64: hour(instant)`},
		{"cast(delay, float64)", `at byte 12: cast names its type in quotes: cast(x, 'float64')`},
		{"cast(wait, 'int64')", `at byte 0: a duration cannot be cast to int64; divide it by a duration: x / 1s`},
		{"(1 + 2", `at byte 0: "(" is not closed`}, {"1 + 2)", `at byte 5: ")" closes nothing`},
		{"delay == 3", `at byte 6: equality is one "="`},
		{"delay > 5 && late", `at byte 10: '&' has no meaning here; write "and"`},
		{"'abc", `at byte 0: a string starts here and is not closed`}, {"", `at byte 0: an expression is empty`},
		{"1.5h", `at byte 0: a duration is a whole number of its unit; write "1.5h" in a smaller unit`},
		{"15x", `at byte 2: "x" is no unit of time; write us, ms, s, m, h or d, as in 15m or 3h`},
		{"delay late", `at byte 6: the expression is complete before "late"; is an operator missing?`},
		{"timestamp '2001-01-01'", `at byte 10: '2001-01-01' is no RFC 3339 timestamp with an offset, such as '2001-01-31T12:00:00Z'`},
		{"null", `at byte 0: the expression is always null`}, {"x + y", `at byte 0: unknown column "x"; at byte 4: unknown column "y"`},
		{"delay in (origin)", `at byte 10: "in" lists constants; write = and or for anything else`},
		{"case when delay then 1 end", `at byte 10: "when" needs a bool, not int64`},
		{"least(late, true)", `at byte 0: least needs numbers, text or times, not bool; write and / or`},
	} {
		if _, err := expr.Compile(c.text, s); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestEvalRefusesATableItWasNotCompiledFor(t *testing.T) {
	p, err := expr.Compile("delay > 15", schemaOf(flight()))
	if err != nil {
		t.Fatal(err)
	}
	wrong := &column.Table{}
	if _, err := p.Eval(wrong, expr.Env{}); err == nil || !strings.Contains(err.Error(), `no column "delay"`) {
		t.Error(err)
	}
	wrong.Set("delay", column.New(column.String, 2))
	if _, err := p.Eval(wrong, expr.Env{}); err == nil || !strings.Contains(err.Error(), "compiled for int64") {
		t.Error(err)
	}
}

func BenchmarkSingleRow(b *testing.B) {
	table := flight()
	for _, text := range []string{"delay > 15", "time + distance / 7.5 * 1m + 30m", "hour(time) * 60 + minute(time)"} {
		p, err := expr.Compile(text, schemaOf(table))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(table, expr.Env{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkThreeMillionRows(b *testing.B) {
	const rows = 3_000_000
	table := &column.Table{}
	table.Set("f", column.New(column.Float64, rows))
	table.Set("g", column.New(column.Float64, rows))
	table.Set("i", column.New(column.Int64, rows))
	table.Set("t", column.New(column.Timestamp, rows))
	for r := 0; r < rows; r++ {
		table.Columns[0].Floats[r] = float64(r%5000) / 3
		table.Columns[1].Floats[r] = float64(r % 70)
		table.Columns[2].Ints[r] = int64(r % 300)
		table.Columns[3].Ints[r] = int64(r) * 7e6
	}
	withNull := column.Floats(append([]float64(nil), table.Columns[0].Floats...))
	for r := 0; r < rows; r += 9 {
		withNull.SetNull(r)
	}
	table.Set("n", withNull)
	for _, text := range []string{"f / 7.5 + g > 100", "n / 7.5 + g > 100", "i > 15", "i * 2 + 1 > 100", "f between 10 and 600", "t + f / 7.5 * 1m + 30m", "hour(t) * 60 + minute(t)"} {
		p, err := expr.Compile(text, schemaOf(table))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				if _, err := p.Eval(table, expr.Env{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
