package expr_test

import (
	"fmt"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
)

func us(text string) int64 {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return at.UnixMicro()
}

// flight is one row with a column of each type; n_* are their nulls.
func flight() *column.Table {
	t := &column.Table{}
	t.Set("time", &column.Vector{Type: column.Timestamp, Ints: []int64{us("2001-03-04T05:06:07.089Z")}})
	t.Set("distance", &column.Vector{Type: column.Float64, Floats: []float64{100}})
	t.Set("delay", &column.Vector{Type: column.Int64, Ints: []int64{17}})
	t.Set("origin", &column.Vector{Type: column.String, Strings: []string{"SFO"}})
	t.Set("late", &column.Vector{Type: column.Bool, Bools: []bool{true}})
	t.Set("wait", &column.Vector{Type: column.Duration, Ints: []int64{90e6}})
	t.Set("odd name", &column.Vector{Type: column.Int64, Ints: []int64{3}})
	for name, typ := range map[string]column.Type{"n_i": column.Int64, "n_f": column.Float64, "n_s": column.String, "n_b": column.Bool, "n_t": column.Timestamp, "n_d": column.Duration} {
		t.Set(name, column.AllNull(typ, 1))
	}
	return t
}

func schemaOf(t *column.Table) expr.Schema {
	s := expr.Schema{}
	for i, name := range t.Names {
		s[name] = t.Columns[i].Type
	}
	return s
}

func show(v *column.Vector, i int) string {
	if v.IsNull(i) {
		return "null"
	}
	switch v.Type {
	case column.Bool:
		return fmt.Sprint(v.Bools[i])
	case column.Float64:
		return fmt.Sprint(v.Floats[i])
	case column.String:
		return v.Strings[i]
	case column.Timestamp:
		return time.UnixMicro(v.Ints[i]).UTC().Format(time.RFC3339Nano)
	case column.Duration:
		return (time.Duration(v.Ints[i]) * time.Microsecond).String()
	}
	return fmt.Sprint(v.Ints[i])
}

func TestExpressionsHaveTheirValues(t *testing.T) {
	table := flight()
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{"time + distance / 7.5 * 1m + 30m", "2001-03-04T05:49:27.089Z"},
		{"delay > 15", "true"}, {"delay / 2", "8.5"}, {"delay % 5", "2"}, {"-delay % 5", "-2"}, {"7.5 % 2", "1.5"},
		{"1 + 2 * 3 - 4", "3"}, {"(1 + 2) * 3", "9"}, {"2 - 3 - 4", "-5"}, {"-(-delay)", "17"},
		{"9223372036854775807 + 1", "null"}, {"-9223372036854775808 - 1", "null"}, {"1 / 0", "null"}, {"1 % 0", "null"},
		{"1e308 * 10", "null"}, {"abs(-9223372036854775808)", "null"}, {"-(-9223372036854775808)", "null"},
		{"delay between 10 and 6000", "true"}, {"delay not between 10 and 16", "true"}, {"n_i between 10 and 5", "null"},
		{"20 between n_i and 10", "false"}, {"origin in ('SFO', 'LAX')", "true"}, {"origin in ('LAX', null)", "null"},
		{"delay in (17.0, 3)", "true"}, {"origin not in ('LAX')", "true"}, {"n_s is null", "true"}, {"origin is not null", "true"},
		{"null is null", "true"}, {"null is not null", "false"}, {"n_b and false", "false"}, {"n_b or true", "true"}, {"n_b and true", "null"},
		{"not late", "false"}, {"not n_b", "null"}, {"n_i = n_i", "null"}, {"coalesce(n_i, 3) > 2", "true"}, {"coalesce(n_i, n_f, delay)", "17"},
		{"case when delay > 20 then 'a' when late then 'b' else 'c' end", "b"}, {"case when n_b then 1 end", "null"},
		{"case when delay = 0 then 0 else 1 / delay end > 0", "true"}, {"nullif(delay, 17)", "null"}, {"nullif(delay, 16)", "17"},
		{"least(3, n_i, 2.5)", "2.5"}, {"greatest(origin, 'ZZZ')", "ZZZ"}, {"'it''s' = 'it''s'", "true"}, {"\"odd name\" + 1", "4"},
		{"time > timestamp '2001-03-04T00:00:00+05:00'", "true"}, {"time - timestamp '2001-03-04T05:06:07Z'", "89ms"},
		{"(time - timestamp '2001-03-04T05:06:07Z') / 1ms", "89"}, {"2 * 15m + 1d", "24h30m0s"}, {"wait * 1.5", "2m15s"}, {"wait / 4", "22.5s"},
		{"1us * 0.5", "0s"}, {"1us * 1.5", "2µs"}, {"3us / 2", "2µs"}, {"-wait", "-1m30s"}, {"30m + time", "2001-03-04T05:36:07.089Z"},
		{"hour(time)", "21"}, {"day(time)", "3"}, {"minute(time)", "6"}, {"second(time)", "7"}, {"weekday(time)", "6"}, {"year(time)", "2001"},
		{"month(time)", "3"}, {"dayofyear(time)", "62"}, {"cast('2001-01-01T00:00:00Z', 'timestamp') < time", "true"},
		{"cast('12', 'int64') + 1", "13"}, {"cast('x', 'int64')", "null"}, {"cast(2.5, 'int64')", "2"}, {"cast(3, 'string')", "3"},
		{"cast(1.0, 'string')", "1.0"}, {"cast(late, 'int64')", "1"}, {"cast(time, 'string')", "2001-03-04T05:06:07.089Z"},
		{"substr('hello', 2, 3)", "ell"}, {"substr('hello', -3)", "llo"}, {"concat('a', n_s, 'b')", "ab"}, {"lower(origin)", "sfo"},
		{"replace('aXbX', 'X', '-')", "a-b-"}, {"length('naïve')", "5"}, {"trim('  x ')", "x"}, {"round(2.5)", "3"}, {"round(-1234.567, 2)", "-1234.57"},
		{"round(1250, -2)", "1300"}, {"log10(1000)", "3"}, {"pow(2, 10)", "1024"}, {"ln(-1)", "null"}, {"sqrt(-1)", "null"}, {"sign(-2.5)", "-1"},
		{"true", "true"}, {"floor(delay)", "17"}, {"delay", "17"}, {"NOT (1 = 2) AND True", "true"}, {"late = true", "true"}, {"late > false", "true"},
		{"round(haversine(37.62, -122.38, 33.94, -118.41), 1)", "543.7"},
	} {
		p, err := expr.Compile(c.text, schemaOf(table))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		v, err := p.Eval(table, expr.Env{Zone: pacific})
		if err != nil {
			t.Fatal(err)
		}
		if got := show(v, 0); got != c.want {
			t.Errorf("%s = %s, want %s", c.text, got, c.want)
		}
	}
}
