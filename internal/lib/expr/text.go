package expr

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rondo.dev/rondo/internal/lib/column"
)

// maxText bounds in bytes what concat and replace may make of one row, so that nesting them cannot fill the memory; what
// is longer is lost.
const maxText = 1 << 16

func (c *compiler) text(n *node, args []value) value {
	types := []column.Type{column.String}
	if n.name == "substr" {
		types = append(types, column.Int64)
	}
	if !c.take(n, args, types...) {
		return value{typ: broken}
	}
	out := column.String
	switch n.name {
	case "length":
		out = column.Int64
	case "contains", "starts_with", "ends_with":
		out = column.Bool
	}
	return value{typ: out, reg: c.emit(out, func(d int) run { return textCall(n.name, d, args) })}
}

func textCall(name string, d int, args []value) run {
	regs := make([]int, len(args))
	for i, a := range args {
		regs[i] = a.reg
	}
	predicate := func(f func(s, part string) bool) run {
		return map2(d, regs[0], regs[1], boolsOf, textsOf, textsOf, func(s, part string) (bool, bool) { return f(s, part), true })
	}
	switch name {
	case "lower":
		return map1(d, regs[0], textsOf, textsOf, total(func(s string) string { return strings.Map(unicode.ToLower, s) }))
	case "upper":
		return map1(d, regs[0], textsOf, textsOf, total(func(s string) string { return strings.Map(unicode.ToUpper, s) }))
	case "trim":
		return map1(d, regs[0], textsOf, textsOf, total(trimSpaces))
	case "length":
		return map1(d, regs[0], intsOf, textsOf, func(s string) (int64, bool) { return int64(utf8.RuneCountInString(s)), true })
	case "contains":
		return predicate(strings.Contains)
	case "starts_with":
		return predicate(strings.HasPrefix)
	case "ends_with":
		return predicate(strings.HasSuffix)
	case "replace":
		return mapRow(d, regs, func(m *machine, i int) (ok bool) {
			at := func(k int) string { return m.regs[regs[k]].texts[i] }
			m.regs[d].texts[i], ok = replaceAll(at(0), at(1), at(2))
			return ok
		})
	case "substr":
		if len(regs) == 2 {
			return map2(d, regs[0], regs[1], textsOf, textsOf, intsOf, func(s string, start int64) (string, bool) {
				return substr(s, start, math.MaxInt64), true
			})
		}
		return mapRow(d, regs, func(m *machine, i int) bool {
			m.regs[d].texts[i] = substr(m.regs[regs[0]].texts[i], m.regs[regs[1]].ints[i], m.regs[regs[2]].ints[i])
			return true
		})
	}
	return concat(d, regs)
}

func trimSpaces(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.Is(unicode.Zs, r) })
}

func replaceAll(s, from, to string) (string, bool) {
	if from == "" || s == "" {
		return s, true
	}
	if grown := len(to) - len(from); grown > 0 && len(s)+strings.Count(s, from)*grown > maxText {
		return "", false
	}
	return strings.ReplaceAll(s, from, to), true
}

// substr counts in characters. Start 1 is the first, -1 the last one; a negative length takes what stands before start.
func substr(s string, start, length int64) string {
	size := int64(utf8.RuneCountInString(s))
	from := start - 1
	if start < 0 {
		from = max(size+start, math.MinInt64/2)
	}
	to := from
	switch {
	case length < 0:
		from = max(from, math.MinInt64/2) + max(length, math.MinInt64/2)
	case length > math.MaxInt64-max(from, 0):
		to = size
	default:
		to = from + length
	}
	return characters(s, max(from, 0), min(to, size))
}

// characters is s from character from up to to.
func characters(s string, from, to int64) string {
	if from >= to {
		return ""
	}
	begin, count := 0, int64(0)
	for i := range s {
		if count == from {
			begin = i
		}
		if count == to {
			return s[begin:i]
		}
		count++
	}
	return s[begin:]
}

// concat joins what is not null; it is never null, but lost where it grows too long.
func concat(d int, regs []int) run {
	return func(m *machine, n int) {
		rd := &m.regs[d]
		rd.null = nil
		var b strings.Builder
		for i := range rd.texts[:n] {
			b.Reset()
			for _, r := range regs {
				if ra := &m.regs[r]; !ra.isNull(i) {
					b.WriteString(ra.texts[i])
				}
			}
			rd.texts[i] = b.String()
			if b.Len() > maxText {
				rd.texts[i] = ""
				rd.mark(i, n, lost)
			}
		}
	}
}

// cast is cast(x, 'type'). A value that cannot be the type is lost.
func (c *compiler) cast(n *node) value {
	v := c.value(n.args[0])
	name, ok := constantText(n.args[1])
	if !ok {
		return c.fail(n.args[1].at, "cast names its type in quotes: cast(x, 'float64')")
	}
	to, err := column.ParseType(name)
	if err != nil || to == column.Duration {
		return c.fail(n.args[1].at, "cast knows the types bool, int64, float64, string and timestamp, not %q", name)
	}
	switch {
	case v.typ == broken || v.typ == to:
		return v
	case v.typ == 0:
		return value{typ: to, reg: c.fill(to, nothing)}
	}
	make := castRun(v.typ, to)
	if make == nil {
		hint := ""
		if v.typ == column.Duration {
			hint = "; divide it by a duration: x / 1s"
		}
		return c.fail(n.at, "a %s cannot be cast to %s%s", v.typ, to, hint)
	}
	return value{typ: to, reg: c.emit(to, func(d int) run { return make(d, v.reg) })}
}

// castRun is the conversion between two different types, or nil.
func castRun(from, to column.Type) func(d, a int) run {
	type pair struct{ from, to column.Type }
	return map[pair]func(d, a int) run{
		{column.Bool, column.Int64}:    func(d, a int) run { return map1(d, a, intsOf, boolsOf, boolNumber[int64]) },
		{column.Bool, column.Float64}:  func(d, a int) run { return map1(d, a, floatsOf, boolsOf, boolNumber[float64]) },
		{column.Bool, column.String}:   func(d, a int) run { return castText(d, a, boolsOf, strconv.FormatBool) },
		{column.Int64, column.Bool}:    func(d, a int) run { return map1(d, a, boolsOf, intsOf, notZero[int64]) },
		{column.Int64, column.Float64}: widen,
		{column.Int64, column.String}: func(d, a int) run {
			return castText(d, a, intsOf, func(x int64) string { return strconv.FormatInt(x, 10) })
		},
		{column.Float64, column.Bool}:   func(d, a int) run { return map1(d, a, boolsOf, floatsOf, notZero[float64]) },
		{column.Float64, column.Int64}:  func(d, a int) run { return map1(d, a, intsOf, floatsOf, roundToInt) },
		{column.Float64, column.String}: func(d, a int) run { return castText(d, a, floatsOf, formatFloat) },
		{column.String, column.Bool}:    func(d, a int) run { return map1(d, a, boolsOf, textsOf, parseBool) },
		{column.String, column.Int64}: func(d, a int) run {
			return map1(d, a, intsOf, textsOf, func(s string) (int64, bool) {
				x, err := strconv.ParseInt(s, 10, 64)
				return x, err == nil
			})
		},
		{column.String, column.Float64}: func(d, a int) run { return map1(d, a, floatsOf, textsOf, parseFloat) },
		{column.String, column.Timestamp}: func(d, a int) run {
			return map1(d, a, intsOf, textsOf, func(s string) (int64, bool) {
				at, err := parseTimestamp(s)
				return at, err == nil
			})
		},
		{column.Timestamp, column.String}: func(d, a int) run {
			return map1(d, a, textsOf, intsOf, func(us int64) (string, bool) {
				at := time.UnixMicro(us).UTC()
				return at.Format("2006-01-02T15:04:05.999999Z07:00"), at.Year() >= 1 && at.Year() <= 9999
			})
		},
	}[pair{from, to}]
}

func castText[A any](d, a int, aOf data[A], f func(A) string) run {
	return map1(d, a, textsOf, aOf, func(x A) (string, bool) { return f(x), true })
}

func boolNumber[N int64 | float64](b bool) (N, bool) {
	if b {
		return 1, true
	}
	return 0, true
}

func notZero[N int64 | float64](x N) (bool, bool) { return x != 0, true }

func parseBool(s string) (bool, bool) {
	switch strings.ToLower(s) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// parseFloat reads decimal numbers; no hexadecimal, no underscores, no infinity.
func parseFloat(s string) (float64, bool) {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isDigit(c) && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	return x + 0, err == nil
}

// formatFloat writes the shortest text that reads back as x, with a point or an exponent: 1.0, 0.1, 1e+16.
func formatFloat(x float64) string {
	if abs := math.Abs(x); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.FormatFloat(x, 'e', -1, 64)
	}
	text := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
