package expr

import (
	"fmt"
	"math"
	"sort"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
)

// Function is one entry of the closed list, for the reference page.
type Function struct {
	Name     string
	Usage    string // as a person calls it
	Meaning  string
	min, max int // arguments
}

const many = MaxNodes

var functions = map[string]Function{
	"abs":         {Usage: "abs(x)", Meaning: "the distance from zero", min: 1, max: 1},
	"ceil":        {Usage: "ceil(x)", Meaning: "the smallest whole number not below x", min: 1, max: 1},
	"floor":       {Usage: "floor(x)", Meaning: "the largest whole number not above x", min: 1, max: 1},
	"round":       {Usage: "round(x, digits)", Meaning: "halves away from zero; digits may be left out (0) and may be negative", min: 1, max: 2},
	"sqrt":        {Usage: "sqrt(x)", Meaning: "the square root", min: 1, max: 1},
	"ln":          {Usage: "ln(x)", Meaning: "the natural logarithm", min: 1, max: 1},
	"log10":       {Usage: "log10(x)", Meaning: "the decimal logarithm", min: 1, max: 1},
	"exp":         {Usage: "exp(x)", Meaning: "e to the power of x", min: 1, max: 1},
	"pow":         {Usage: "pow(x, y)", Meaning: "x to the power of y", min: 2, max: 2},
	"sign":        {Usage: "sign(x)", Meaning: "-1, 0 or 1", min: 1, max: 1},
	"least":       {Usage: "least(a, b, ...)", Meaning: "the smallest that is not null", min: 1, max: many},
	"greatest":    {Usage: "greatest(a, b, ...)", Meaning: "the largest that is not null", min: 1, max: many},
	"coalesce":    {Usage: "coalesce(a, b, ...)", Meaning: "the first that is not null", min: 1, max: many},
	"nullif":      {Usage: "nullif(a, b)", Meaning: "null where a = b, else a", min: 2, max: 2},
	"lower":       {Usage: "lower(text)", Meaning: "small letters", min: 1, max: 1},
	"upper":       {Usage: "upper(text)", Meaning: "capital letters", min: 1, max: 1},
	"trim":        {Usage: "trim(text)", Meaning: "without spaces at both ends", min: 1, max: 1},
	"length":      {Usage: "length(text)", Meaning: "the number of characters (code points)", min: 1, max: 1},
	"substr":      {Usage: "substr(text, start, length)", Meaning: "characters from start (1 is the first, -1 the last); length may be left out", min: 2, max: 3},
	"replace":     {Usage: "replace(text, from, to)", Meaning: "every from replaced", min: 3, max: 3},
	"contains":    {Usage: "contains(text, part)", Meaning: "whether part stands in text", min: 2, max: 2},
	"starts_with": {Usage: "starts_with(text, part)", Meaning: "whether text starts with part", min: 2, max: 2},
	"ends_with":   {Usage: "ends_with(text, part)", Meaning: "whether text ends with part", min: 2, max: 2},
	"concat":      {Usage: "concat(a, b, ...)", Meaning: "texts joined; nulls are skipped", min: 1, max: many},
	"year":        {Usage: "year(instant)", Meaning: "the year in the row's zone", min: 1, max: 1},
	"month":       {Usage: "month(instant)", Meaning: "1 to 12, in the row's zone", min: 1, max: 1},
	"day":         {Usage: "day(instant)", Meaning: "1 to 31, in the row's zone", min: 1, max: 1},
	"hour":        {Usage: "hour(instant)", Meaning: "0 to 23, in the row's zone", min: 1, max: 1},
	"minute":      {Usage: "minute(instant)", Meaning: "0 to 59, in the row's zone", min: 1, max: 1},
	"second":      {Usage: "second(instant)", Meaning: "0 to 59, whole seconds", min: 1, max: 1},
	"weekday":     {Usage: "weekday(instant)", Meaning: "0 is Sunday, 6 is Saturday, in the row's zone", min: 1, max: 1},
	"dayofyear":   {Usage: "dayofyear(instant)", Meaning: "1 to 366, in the row's zone", min: 1, max: 1},
	"cast":        {Usage: "cast(x, 'type')", Meaning: "x as bool, int64, float64, string or timestamp; null where that is impossible", min: 2, max: 2},
	"haversine":   {Usage: "haversine(lat1, lon1, lat2, lon2)", Meaning: "great-circle distance in km on a sphere of 6371.0088 km; degrees in", min: 4, max: 4},
}

// Functions is the closed list, sorted by name.
func Functions() []Function {
	out := make([]Function, 0, len(functions))
	for _, name := range functionNames() {
		f := functions[name]
		f.Name = name
		out = append(out, f)
	}
	return out
}

func functionNames() []string {
	names := make([]string, 0, len(functions))
	for name := range functions {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// foreign are names of other dialects and what they are called here.
var foreign = map[string]string{
	"log": "ln or log10", "power": "pow", "ceiling": "ceil", "ifnull": "coalesce", "nvl": "coalesce", "len": "length",
	"substring": "substr", "if": "case when CONDITION then A else B end", "iff": "case when CONDITION then A else B end",
	"min": "least (of several values in a row); over rows: history", "max": "greatest (of several values in a row); over rows: history",
	"dayofweek": "weekday", "dow": "weekday", "isnull": "x is null", "strpos": "contains", "mod": "x % y",
}

func checkCall(name string, args, at int) error {
	f, ok := functions[name]
	if !ok {
		hint := nearest.Hint(name, functionNames())
		switch here := foreign[name]; {
		case here != "":
			hint = "; write " + here
		case name == "now" || name == "today" || name == "random" || name == "current_timestamp":
			hint = "; expressions are deterministic, so there is no now and no random"
		}
		return &Error{at, fmt.Sprintf("unknown function %q%s", name, hint)}
	}
	if args < f.min || args > f.max {
		return &Error{at, fmt.Sprintf("%s takes %s, not %d: %s", name, counted(f.min, f.max), args, f.Usage)}
	}
	return nil
}

func counted(low, high int) string {
	switch {
	case high == many:
		return fmt.Sprintf("at least %d argument", low)
	case low != high:
		return fmt.Sprintf("%d or %d arguments", low, high)
	case low == 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", low)
}

func (c *compiler) call(n *node) value {
	if n.name == "cast" {
		return c.cast(n)
	}
	args := make([]value, len(n.args))
	for i, a := range n.args {
		args[i] = c.value(a)
	}
	switch n.name {
	case "abs", "sign", "ceil", "floor", "round", "sqrt", "ln", "log10", "exp", "pow", "haversine":
		return c.numeric(n, args)
	case "least", "greatest":
		return c.extremes(n, args)
	case "coalesce":
		typ := c.common(n.name, args)
		if typ == broken {
			return value{typ: broken}
		}
		regs := make([]int, len(args))
		for i, a := range args {
			regs[i] = c.as(a, typ)
			args[i].reg, args[i].typ = regs[i], typ
		}
		return c.choice(pickPresent(regs), args, typ)
	case "nullif":
		same := c.compare("=", args[0], args[1])
		if same.typ == broken {
			return same
		}
		return c.choice(pickCase([]int{same.reg}), []value{{}, args[0]}, args[0].typ)
	case "year", "month", "day", "hour", "minute", "second", "weekday", "dayofyear":
		if !c.take(n, args, column.Timestamp) {
			return value{typ: broken}
		}
		return value{typ: column.Int64, reg: c.emit(column.Int64, func(d int) run { return datePart(n.name, d, args[0].reg) })}
	}
	return c.text(n, args)
}

// take holds the arguments to their types, the last one for all that follow, and turns them into these.
func (c *compiler) take(n *node, args []value, types ...column.Type) bool {
	ok := true
	for i := range args {
		want := types[min(i, len(types)-1)]
		if args[i].typ == broken {
			ok = false
			continue
		}
		if !fits(args[i], want) {
			c.fail(args[i].at, "%s needs a %s here, not a %s: %s%s", n.name, want, args[i].typ, functions[n.name].Usage, mixHint(want, args[i].typ))
			ok = false
			continue
		}
		args[i].reg, args[i].typ = c.as(args[i], want), want
	}
	return ok
}

func total[A any](f func(A) A) func(A) (A, bool) { return func(x A) (A, bool) { return f(x), true } }

func (c *compiler) numeric(n *node, args []value) value {
	if args[0].typ == column.Int64 {
		switch n.name {
		case "ceil", "floor":
			return args[0]
		case "abs":
			return value{typ: column.Int64, reg: c.emit(column.Int64, func(d int) run { return map1(d, args[0].reg, intsOf, intsOf, absInt) })}
		case "round":
			return c.roundInt(n, args)
		}
	}
	if n.name == "round" && len(args) == 2 {
		if !c.take(n, args, column.Float64, column.Int64) {
			return value{typ: broken}
		}
		return value{typ: column.Float64, reg: c.emit(column.Float64, func(d int) run {
			return map2(d, args[0].reg, args[1].reg, floatsOf, floatsOf, intsOf, roundDigits)
		})}
	}
	if !c.take(n, args, column.Float64) {
		return value{typ: broken}
	}
	if n.name == "sign" {
		return value{typ: column.Int64, reg: c.emit(column.Int64, func(d int) run { return map1(d, args[0].reg, intsOf, floatsOf, signOf) })}
	}
	return value{typ: column.Float64, reg: c.emit(column.Float64, func(d int) run { return floatCall(n.name, d, args) })}
}

func floatCall(name string, d int, args []value) run {
	var compute run
	a := args[0].reg
	switch name {
	case "pow":
		b := args[1].reg
		compute = map2(d, a, b, floatsOf, floatsOf, floatsOf, func(x, y float64) (float64, bool) { return pow(x, y), true })
	case "haversine":
		regs := []int{a, args[1].reg, args[2].reg, args[3].reg}
		compute = mapRow(d, regs, func(m *machine, i int) bool {
			at := func(k int) float64 { return m.regs[regs[k]].floats[i] }
			var ok bool
			m.regs[d].floats[i], ok = haversine(at(0), at(1), at(2), at(3))
			return ok
		})
	default:
		f := map[string]func(float64) float64{
			"abs": math.Abs, "ceil": math.Ceil, "floor": math.Floor, "round": math.Round, "sqrt": math.Sqrt,
			"ln": ln, "log10": log10, "exp": exp,
		}[name]
		compute = map1(d, a, floatsOf, floatsOf, total(f))
	}
	return func(m *machine, n int) {
		compute(m, n)
		m.regs[d].finite(n)
	}
}

func absInt(x int64) (int64, bool) {
	if x < 0 {
		return -x, x != math.MinInt64
	}
	return x, true
}

func signOf(x float64) (int64, bool) {
	switch {
	case x > 0:
		return 1, true
	case x < 0:
		return -1, true
	}
	return 0, true
}

// roundDigits scales by a power of ten, rounds halves away from zero and scales back, as DuckDB does.
func roundDigits(x float64, digits int64) (float64, bool) {
	if digits < 0 {
		scale := powerOfTen(-digits)
		return math.Round(x/scale) * scale, true
	}
	scale := powerOfTen(digits)
	scaled := x * scale
	if math.IsInf(scaled, 0) || math.IsNaN(scaled) {
		return x, true
	}
	return math.Round(scaled) / scale, true
}

func powerOfTen(n int64) float64 {
	if n > 308 {
		return math.MaxFloat64
	}
	return pow(10, float64(n))
}

func (c *compiler) roundInt(n *node, args []value) value {
	if len(args) == 1 {
		return args[0]
	}
	if !c.take(n, args, column.Int64) {
		return value{typ: broken}
	}
	return value{typ: column.Int64, reg: c.emit(column.Int64, func(d int) run {
		return map2(d, args[0].reg, args[1].reg, intsOf, intsOf, intsOf, roundIntDigits)
	})}
}

func roundIntDigits(x, digits int64) (int64, bool) {
	if digits >= 0 {
		return x, true
	}
	if digits < -18 {
		return 0, true
	}
	unit := int64(1)
	for ; digits < 0; digits++ {
		unit *= 10
	}
	rest := x % unit
	x -= rest
	switch {
	case rest >= unit-rest && rest > 0:
		return addInts(x, unit)
	case rest < 0 && -rest >= unit+rest:
		return subInts(x, unit)
	}
	return x, true
}

func (c *compiler) extremes(n *node, args []value) value {
	typ := c.common(n.name, args)
	if typ == broken || typ == 0 {
		return value{typ: typ}
	}
	if typ == column.Bool {
		return c.fail(n.at, "%s needs numbers, text or times, not bool; write and / or", n.name)
	}
	sign := 1
	if n.name == "least" {
		sign = -1
	}
	regs := make([]int, len(args))
	for i, a := range args {
		regs[i] = c.as(a, typ)
	}
	return value{typ: typ, reg: c.emit(typ, func(d int) run {
		switch typ {
		case column.Float64:
			return extreme(sign, d, regs, floatsOf)
		case column.String:
			return extreme(sign, d, regs, textsOf)
		default:
			return extreme(sign, d, regs, intsOf)
		}
	})}
}
