//go:build cgo

package expr_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
)

// The oracle is DuckDB. Each case is one expression of ours and the SQL that should give the same in every row; an empty
// sql is the same text. Where the SQL differs, the case says why: these are our differences by design.
//
//   - lost: DuckDB raises an error where we give null (overflow, ln of a negative number, a failed cast), so the SQL is
//     TRY(...); and it keeps NaN and infinity, which are null here.
//   - types: DuckDB reads 7.5 as a DECIMAL, keeps durations as INTERVAL (months, days, microseconds) and adds no number
//     to a duration; ours is microseconds, so the SQL multiplies microseconds.
//   - bits: exp, ln, log10, pow differ in the last place between C libraries; ulps says how far.
//   - whole: ceil and floor of an int64 are that int64, without a detour through DOUBLE; the smallest int64 modulo -1 is 0,
//     where DuckDB's division overflows.
//   - letters: upper('ß') is 'ß' by Unicode's simple mapping; DuckDB writes 'ẞ'.
//   - casts: DuckDB also casts ' 12 ', '1e3', 't' and '0x1F'; ours take plain decimal numbers, true and false only, so
//     that a table means one thing at every door.
type oracleCase struct {
	ours, sql string
	ulps      float64
}

var oracleCases = []oracleCase{
	{ours: "i + j", sql: "try(i + j)"}, {ours: "i - j", sql: "try(i - j)"}, {ours: "i * j", sql: "try(i * j)"},
	{ours: "i / j"}, {ours: "i % j", sql: "case when i is not null and j = -1 then 0 else try(i % j) end"}, {ours: "-i", sql: "try(-i)"},
	{ours: "f + g"}, {ours: "f - g"}, {ours: "f * g"}, {ours: "f / g"}, {ours: "f % g"}, {ours: "-f"},
	{ours: "i + f"}, {ours: "f * i"}, {ours: "i % f", sql: "i::double % f"},
	{ours: "f / 7.5 + 2.25", sql: "f / 7.5::double + 2.25::double"}, {ours: "i + j * 2 - 3", sql: "try(i + j * 2 - 3)"},
	{ours: "i = j"}, {ours: "i != j"}, {ours: "i <> j"}, {ours: "i < j"}, {ours: "i <= j"}, {ours: "i > j"}, {ours: "i >= j"},
	{ours: "f = g"}, {ours: "f < g"}, {ours: "f >= g"}, {ours: "i < f", sql: "i::double < f"}, {ours: "i = f", sql: "i::double = f"},
	{ours: "s = p"}, {ours: "s < p"}, {ours: "s >= p"}, {ours: "b = c"}, {ours: "b < c"}, {ours: "b >= c"}, {ours: "b != c"},
	{ours: "t < u"}, {ours: "t = u"}, {ours: "d > e"},
	{ours: "b and c"}, {ours: "b or c"}, {ours: "not b"}, {ours: "not (b and c) or b"}, {ours: "b and i > 0 or f is null"},
	{ours: "i between j and 100"}, {ours: "i not between j and 100"}, {ours: "f between g and i", sql: "f between g and i::double"},
	{ours: "s between 'a' and p"},
	{ours: "i in (1, 2, 3)"}, {ours: "i not in (0, -1, null)"}, {ours: "i in (1, null)"}, {ours: "s in ('a', 'ß', '')"},
	{ours: "f in (1, 2.5)", sql: "f in (1::double, 2.5::double)"}, {ours: "i in (0,1,2,3,4,5,6,7,8,9,10)"}, {ours: "b in (true)"},
	{ours: "i is null"}, {ours: "s is not null"}, {ours: "b is null"},
	{ours: "case when i > 0 then 'p' when i < 0 then 'n' else s end"}, {ours: "case when b then i when c then j end"},
	{ours: "case when b then f else i end", sql: "case when b then f else i::double end"}, {ours: "case when i / j > 1 then 1 end", sql: "case when i / nullif(j, 0) > 1 then 1 end"},
	{ours: "coalesce(i, j, 7)"}, {ours: "coalesce(f, i)", sql: "coalesce(f, i::double)"}, {ours: "coalesce(s, p, '')"},
	{ours: "nullif(i, j)"}, {ours: "nullif(s, 'a')"}, {ours: "least(i, j, 3)"}, {ours: "greatest(i, j)"}, {ours: "least(f, g)"},
	{ours: "greatest(f, i)", sql: "greatest(f, i::double)"}, {ours: "least(s, p)"}, {ours: "greatest(t, u)"},
	{ours: "abs(i)", sql: "try(abs(i))"}, {ours: "abs(f)"}, {ours: "ceil(f)"}, {ours: "floor(f)"}, {ours: "round(f)"}, {ours: "ceil(i)", sql: "i"}, {ours: "floor(i)", sql: "i"},
	{ours: "round(f, 2)"}, {ours: "round(f, 0)"}, {ours: "round(f, -2)"}, {ours: "round(f, 7)"}, {ours: "round(i)"},
	{ours: "round(i, -2)", sql: "try(round(i::hugeint, -2)::bigint)"}, {ours: "sign(i)"}, {ours: "sign(f)"},
	{ours: "sqrt(f)", sql: "try(sqrt(f))"}, {ours: "sqrt(i)", sql: "try(sqrt(i))"},
	{ours: "ln(f)", sql: "try(ln(f))", ulps: 2}, {ours: "log10(f)", sql: "try(log10(f))", ulps: 3}, {ours: "exp(f)", sql: "try(exp(f))", ulps: 2},
	{ours: "exp(g / 100)", sql: "try(exp(g / 100))", ulps: 2}, {ours: "pow(f, g)", sql: "try(pow(f, g))", ulps: 2},
	{ours: "pow(abs(f), g / 50)", sql: "try(pow(abs(f), g / 50))", ulps: 2}, {ours: "pow(i, 2)", sql: "try(pow(i, 2))", ulps: 2},
	{ours: "lower(s)"}, {ours: "upper(s)", sql: "replace(upper(s), 'ẞ', 'ß')"}, {ours: "trim(s)"}, {ours: "length(s)"}, {ours: "replace(s, p, 'x')"}, {ours: "replace(s, 'a', p)"},
	{ours: "contains(s, p)"}, {ours: "starts_with(s, p)"}, {ours: "ends_with(s, p)"}, {ours: "concat(s, '-', p)"},
	{ours: "substr(s, k)"}, {ours: "substr(s, k, m)"}, {ours: "substr(s, 2, 3)"}, {ours: "substr(s, -2)"}, {ours: "substr(s, 0, 2)"},
	{ours: "year(t)"}, {ours: "month(t)"}, {ours: "day(t)"}, {ours: "hour(t)"}, {ours: "minute(t)"}, {ours: "second(t)"},
	{ours: "weekday(t)"}, {ours: "dayofyear(t)"},
	{ours: "t + d", sql: "try(make_timestamp(epoch_us(t) + d))"}, {ours: "d + t", sql: "try(make_timestamp(epoch_us(t) + d))"},
	{ours: "t - d", sql: "try(make_timestamp(epoch_us(t) - d))"}, {ours: "t - u", sql: "epoch_us(t) - epoch_us(u)"},
	{ours: "d + e", sql: "try(d + e)"}, {ours: "d - e", sql: "try(d - e)"}, {ours: "-d", sql: "-d"}, {ours: "d * k", sql: "try(d * k)"},
	{ours: "k * 15m", sql: "k * 900000000"}, {ours: "d / e", sql: "d / e"},
	{ours: "h * 1m", sql: "try(round_even(h * 60000000::double, 0)::bigint)"}, {ours: "d / 7", sql: "try(round_even(d / 7::double, 0)::bigint)"},
	{ours: "t + h / 7.5 * 1m + 30m", sql: "try(make_timestamp(epoch_us(t) + round_even(h / 7.5::double * 60000000::double, 0)::bigint + 1800000000))"},
	{ours: "t > timestamp '2001-03-04T12:00:00-05:00'", sql: "t > timestamp '2001-03-04 17:00:00'"},
	{ours: "cast(i, 'float64')", sql: "i::double"}, {ours: "cast(i, 'string')", sql: "i::varchar"}, {ours: "cast(i, 'bool')", sql: "i::boolean"},
	{ours: "cast(f, 'int64')", sql: "try_cast(f as bigint)"}, {ours: "cast(f, 'bool')", sql: "f::boolean"}, {ours: "cast(b, 'int64')", sql: "b::bigint"},
	{ours: "cast(b, 'string')", sql: "b::varchar"}, {ours: "cast(b, 'float64')", sql: "b::double"},
	{ours: "cast(f, 'string')", sql: "f::varchar"}, {ours: "cast(n, 'float64')", sql: "try_cast(n as double)"},
	{ours: "cast(n, 'int64')", sql: "case when regexp_full_match(n, '[+-]?[0-9]+') then try_cast(n as bigint) end"},
	{ours: "cast(cast(f, 'string'), 'float64') = f", sql: "f = f"}, {ours: "cast(n, 'bool')", sql: "case when lower(n) in ('true', 'false') then n::boolean end"},
	{ours: "haversine(lat, lon, lat / 2, 10 - lon)", ulps: 8, sql: "case when lat is not null and lon is not null then 2 * 6371.0088::double * asin(sqrt(least(1.0::double, " +
		"pow(sin(radians(lat / 2 - lat) / 2), 2) + cos(radians(lat)) * cos(radians(lat / 2)) * pow(sin(radians(10 - lon - lon) / 2), 2)))) end"},
}

// intoDuckDB makes the table t; durations become BIGINT microseconds.
func intoDuckDB(t *testing.T, table *column.Table) *sql.Conn {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	types := map[column.Type]string{column.Bool: "boolean", column.Int64: "bigint", column.Float64: "double", column.String: "varchar", column.Timestamp: "timestamp", column.Duration: "bigint"}
	create := "create table t (row_number bigint"
	for c, name := range table.Names {
		create += fmt.Sprintf(", %s %s", name, types[table.Columns[c].Type])
	}
	if _, err := conn.ExecContext(context.Background(), create+")"); err != nil {
		t.Fatal(err)
	}
	err = conn.Raw(func(raw any) error {
		appender, err := duckdb.NewAppenderFromConn(raw.(driver.Conn), "", "t")
		if err != nil {
			return err
		}
		for i := 0; i < table.Rows(); i++ {
			row := []driver.Value{int64(i)}
			for _, v := range table.Columns {
				row = append(row, driverValue(v, i))
			}
			if err := appender.AppendRow(row...); err != nil {
				return err
			}
		}
		return appender.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func driverValue(v *column.Vector, i int) driver.Value {
	switch {
	case v.IsNull(i):
		return nil
	case v.Type == column.Bool:
		return v.Bools[i]
	case v.Type == column.Float64:
		return v.Floats[i]
	case v.Type == column.String:
		return v.Strings[i]
	case v.Type == column.Timestamp:
		return time.UnixMicro(v.Ints[i]).UTC()
	}
	return v.Ints[i]
}

func TestEveryOperatorAndFunctionAgreesWithDuckDB(t *testing.T) {
	table := anyTable(3000)
	conn := intoDuckDB(t, table)
	for _, c := range oracleCases {
		p, err := expr.Compile(c.ours, schemaOf(table))
		if err != nil {
			t.Errorf("%s: %v", c.ours, err)
			continue
		}
		got, err := p.Eval(table, expr.Env{})
		if err != nil {
			t.Fatal(err)
		}
		text := c.sql
		if text == "" {
			text = c.ours
		}
		rows, err := conn.QueryContext(context.Background(), "select "+text+" from t order by row_number")
		if err != nil {
			t.Errorf("%s: DuckDB: %v", text, err)
			continue
		}
		wrong := 0
		for i := 0; rows.Next(); i++ {
			var want any
			if err := rows.Scan(&want); err != nil {
				t.Fatal(err)
			}
			if !agree(got, i, want, c.ulps) {
				if wrong++; wrong <= 3 {
					t.Errorf("%s, row %d (%s): got %s, DuckDB %v", c.ours, i, describeRow(table, p.Columns(), i), show(got, i), want)
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s: DuckDB: %v", text, err)
		}
		rows.Close()
	}
}

func describeRow(t *column.Table, columns []string, i int) string {
	out := ""
	for _, name := range columns {
		out += fmt.Sprintf("%s=%q ", name, show(t.Column(name), i))
	}
	return out
}

func agree(v *column.Vector, i int, want any, ulps float64) bool {
	if x, ok := want.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
		want = nil
	}
	if want == nil || v.IsNull(i) {
		return want == nil && v.IsNull(i)
	}
	switch x := want.(type) {
	case bool:
		return v.Type == column.Bool && v.Bools[i] == x
	case string:
		return v.Type == column.String && v.Strings[i] == x
	case time.Time:
		return v.Type == column.Timestamp && v.Ints[i] == x.UnixMicro()
	case float64:
		if v.Type != column.Float64 {
			return false
		}
		y := v.Floats[i]
		return x == y || math.Abs(x-y) <= ulps*(math.Nextafter(math.Abs(x), math.Inf(1))-math.Abs(x))
	case int64:
		return v.Type != column.Float64 && v.Ints != nil && v.Ints[i] == x
	case int32:
		return v.Ints != nil && v.Ints[i] == int64(x)
	case int8:
		return v.Ints != nil && v.Ints[i] == int64(x)
	}
	return false
}

func TestEveryFunctionHasAnOracleCase(t *testing.T) {
	used := make(map[string]bool)
	for _, c := range oracleCases {
		for _, f := range expr.Functions() {
			used[f.Name] = used[f.Name] || strings.Contains(c.ours, f.Name+"(")
		}
	}
	for name, ok := range used {
		if !ok {
			t.Errorf("%s is not compared with DuckDB", name)
		}
	}
}
