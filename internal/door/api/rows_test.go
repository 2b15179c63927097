package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/stage/serve"
)

var allFields = []serve.Field{
	{Name: "b", Type: column.Bool}, {Name: "i", Type: column.Int64}, {Name: "f", Type: column.Float64, Required: true},
	{Name: "s \"é\"", Type: column.String}, {Name: "t", Type: column.Timestamp}, {Name: "local", Type: column.Timestamp, Zone: serve.LocalTime},
	{Name: "d", Type: column.Duration},
}

// anyRows is a table of every type, as a program would hold it.
func anyRows(t *rapid.T) *column.Table {
	n := rapid.IntRange(1, 6).Draw(t, "rows")
	out := &column.Table{}
	for _, f := range allFields {
		v := column.New(f.Type, n)
		for i := range n {
			switch f.Type {
			case column.Bool:
				v.Bools[i] = rapid.Bool().Draw(t, "b")
			case column.Float64:
				x := rapid.Float64().Draw(t, "f")
				if math.IsNaN(x) || math.IsInf(x, 0) || x == 0 {
					x = 0
				}
				v.Floats[i] = x
			case column.String:
				v.Strings[i] = rapid.StringN(0, 8, 30).Draw(t, "s")
			case column.Timestamp:
				v.Ints[i] = rapid.Int64Range(-62_135_596_800_000_000, 253_402_300_799_999_999).Draw(t, "t")
			default:
				v.Ints[i] = rapid.Int64().Draw(t, "i")
			}
			if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
				v.SetNull(i)
			}
		}
		out.Set(f.Name, v)
	}
	return out
}

func asCSVText(t *column.Table) []byte {
	var b bytes.Buffer
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	for c, name := range t.Names {
		if c > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(name))
	}
	b.WriteString("\r\n")
	for i := range t.Rows() {
		for c, v := range t.Columns {
			if c > 0 {
				b.WriteByte(',')
			}
			switch {
			case v.IsNull(i):
			case v.Type == column.String:
				b.WriteString(quote(v.Strings[i]))
			default:
				b.WriteString(strings.Trim(string(appendCell(nil, v, i, t.Names[c] == "local")), `"`))
			}
		}
		b.WriteString("\n")
	}
	return b.Bytes()
}

func TestEveryDoorGivesTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := anyRows(t)
		want := column.AppendBlock(nil, table)
		body := appendRows(nil, table, "local")
		if !json.Valid(body) {
			t.Fatalf("no JSON: %s", body)
		}
		lines := bytes.TrimSuffix(bytes.TrimPrefix(body, []byte(`{"rows":[`)), []byte(`]}`))
		var ndjson []byte
		dec := json.NewDecoder(bytes.NewReader(append(append([]byte("["), lines...), ']')))
		if _, err := dec.Token(); err != nil {
			t.Fatal(err)
		}
		for dec.More() {
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				t.Fatal(err)
			}
			ndjson = append(append(ndjson, raw...), '\n')
		}
		for name, read := range map[string]func() (*column.Table, error){
			"json":  func() (*column.Table, error) { return jsonRows(body, allFields, 100) },
			"lines": func() (*column.Table, error) { return jsonLines(ndjson, allFields, 100) },
			"csv":   func() (*column.Table, error) { return csvRows(asCSVText(table), allFields, 100) },
		} {
			got, err := read()
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, body)
			}
			if !bytes.Equal(want, column.AppendBlock(nil, got)) {
				t.Fatalf("%s gives other bits for %s", name, body)
			}
		}
	})
}

func TestNumbersAndTimesAreReadAsTheStandardLibraryReadsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`), rapid.StringMatching(`[-+0-9.eE_xinfa]{0,6}`)).Draw(t, "number")
		got, ok := parseFloat([]byte(text))
		want, err := strconv.ParseFloat(text, 64)
		if strings.ContainsAny(text, "_xinfa") || err != nil {
			if ok {
				t.Fatalf("%q is read as %v", text, got)
			}
			return
		}
		if ok && math.Float64bits(got) != math.Float64bits(want+0) {
			t.Fatalf("%q is %v, not %v", text, got, want)
		}
		if !ok && json.Valid([]byte(text)) {
			t.Fatalf("%q is refused", text)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(-62_135_596_800_000_000, 253_402_300_799_999_999).Draw(t, "us")
		text := string(appendInstant(nil, us))
		back, err := time.Parse("2006-01-02T15:04:05.999999", text)
		if err != nil || back.UnixMicro() != us {
			t.Fatalf("%d is written %s: %v", us, text, err)
		}
		zoned := back.In(time.FixedZone("", rapid.IntRange(-23*60, 23*60).Draw(t, "zone")*60)).Format(time.RFC3339Nano)
		if zoned[0] == '-' || len(zoned) > 4 && zoned[4] != '-' || strings.HasPrefix(zoned, "0000") {
			return // years that four digits do not hold
		}
		if got, err := parseInstant([]byte(zoned), serve.EitherZone); err != nil || got != us {
			t.Fatalf("%s is %d, not %d: %v", zoned, got, us, err)
		}
	})
}

func TestLargeIntegersAreStrings(t *testing.T) {
	fields := []serve.Field{{Name: "i", Type: column.Int64}}
	for text, want := range map[string]string{
		`9007199254740993`: "string", `"9007199254740993"`: "9007199254740993", `1.0`: "1", `1e3`: "1000", `"1"`: "1", `1.5`: "no integer",
		`"+1"`: "no integer", `9223372036854775808`: "no integer", `""`: "no integer", `" 1"`: "no integer",
	} {
		got, err := jsonRows([]byte(`{"rows":[{"i":`+text+`}]}`), fields, 1)
		answer := fmt.Sprint(err)
		if err == nil {
			answer = fmt.Sprint(got.Column("i").Ints[0])
		}
		if !strings.Contains(answer, want) {
			t.Errorf("%s: %s", text, answer)
		}
	}
}

func FuzzRows(f *testing.F) {
	f.Add([]byte(`{"rows":[{"b":true,"i":1,"f":1.5,"t":"2001-01-01T00:00:00Z"}]}`))
	f.Add([]byte("b,f\ntrue,1\n\"a\"\"b\",2"))
	f.Add([]byte(`{"f":"\ud83d\ude00"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, read := range map[string]func([]byte, []serve.Field, int) (*column.Table, error){"json": jsonRows, "lines": jsonLines, "csv": csvRows} {
			got, err := read(b, allFields, 50)
			if err != nil {
				continue
			}
			if got.Rows() == 0 || got.Rows() > 50 {
				t.Fatalf("%s: %d rows", name, got.Rows())
			}
			for c, v := range got.Columns {
				if v.Len() != got.Rows() || v.Null != nil && len(v.Null) != v.Len() {
					t.Fatalf("%s: column %s has %d of %d rows", name, got.Names[c], v.Len(), got.Rows())
				}
			}
			if name == "json" && !json.Valid(b) {
				t.Fatalf("accepted what is no JSON: %q", b)
			}
		}
	})
}

func FuzzLabels(f *testing.F) {
	shape := &serve.Shape{Target: serve.Field{Name: "late", Type: column.Bool}, Labels: []serve.Field{{Name: "delay", Type: column.Int64}},
		Key: []serve.Field{{Name: "date", Type: column.Timestamp, Required: true}, {Name: "nth", Type: column.Int64}}}
	f.Add([]byte(`{"labels":[{"id":"p_0000000000000000000g","label":true},{"key":{"date":"2001-01-01","nth":2},"label":null}]}`))
	f.Add([]byte(`{"labels":[{"key":{"date":"2001-01-01"},"values":{"delay":"9007199254740993"}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		labels, err := readLabels(b, shape, 50)
		if err != nil {
			return
		}
		n := len(labels.IDs)
		if n == 0 || n > 50 || labels.Outcome.Rows() != n || labels.Keys != nil && labels.Keys.Rows() != n {
			t.Fatalf("%d labels, %d outcomes", n, labels.Outcome.Rows())
		}
		if !json.Valid(b) {
			t.Fatalf("accepted what is no JSON: %q", b)
		}
	})
}
