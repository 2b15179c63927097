package expr

import (
	"fmt"
	"sort"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
)

// value is a compiled node: the register that holds it. The type 0 is the literal null, which takes any type; broken is
// the type of what has been complained about already.
type value struct {
	reg int
	typ column.Type
	at  int
	lit *literal // the constant it is, or nil
}

const broken = column.Type(255)

type compiler struct {
	schema Schema
	steps  []step
	loaded map[string]int // register of each column
	errs   Errors
	prog   *Program
}

// Compile checks the types of e. Its error is Errors: everything that is wrong.
func (e *Expr) Compile(s Schema) (*Program, error) {
	c := &compiler{schema: s, loaded: make(map[string]int), prog: &Program{}}
	c.loadColumns(e)
	result := c.value(e.root)
	if result.typ == 0 && len(c.errs) == 0 {
		c.fail(e.root.at, "the expression is always null")
	}
	if len(c.errs) > 0 {
		sort.SliceStable(c.errs, func(i, j int) bool { return c.errs[i].Offset < c.errs[j].Offset })
		return nil, c.errs
	}
	c.prog.typ, c.prog.steps, c.prog.result = result.typ, c.steps, result.reg
	return c.prog, nil
}

func (c *compiler) loadColumns(e *Expr) {
	for _, name := range e.Columns() {
		typ, ok := c.schema[name]
		if !ok {
			continue // value complains, with the position
		}
		position := len(c.prog.columns)
		c.prog.columns = append(c.prog.columns, name)
		c.prog.types = append(c.prog.types, typ)
		c.loaded[name] = c.emit(typ, func(d int) run { return load(d, position, typ) })
		c.steps[c.loaded[name]].view = true
	}
}

func (c *compiler) emit(typ column.Type, make func(d int) run) int {
	d := len(c.steps)
	c.steps = append(c.steps, step{typ: typ, run: make(d)})
	return d
}

func (c *compiler) fill(typ column.Type, fill func(r *register)) int {
	c.steps = append(c.steps, step{typ: typ, fill: fill})
	return len(c.steps) - 1
}

func (c *compiler) fail(at int, format string, args ...any) value {
	c.errs = append(c.errs, &Error{at, fmt.Sprintf(format, args...)})
	return value{typ: broken, at: at}
}

func (c *compiler) value(n *node) value {
	v := c.compile(n)
	v.at = n.at
	return v
}

func (c *compiler) compile(n *node) value {
	switch n.kind {
	case literalNode:
		if n.lit.typ == 0 {
			return value{}
		}
		return value{reg: c.fill(n.lit.typ, constant(n.lit)), typ: n.lit.typ, lit: &n.lit}
	case columnNode:
		typ, ok := c.schema[n.name]
		if !ok {
			return c.fail(n.at, "unknown column %q%s", n.name, nearest.Hint(n.name, c.schema.names()))
		}
		return value{reg: c.loaded[n.name], typ: typ}
	case callNode:
		return c.call(n)
	case negateNode:
		return c.negate(n)
	case notNode:
		return c.not(c.boolean(n.args[0], `"not"`))
	case binaryNode:
		return c.binary(n)
	case betweenNode:
		x := c.value(n.args[0])
		low := c.compare(">=", x, c.value(n.args[1]))
		high := c.compare("<=", x, c.value(n.args[2]))
		return c.negatable(n.not, c.junction("and", low, high))
	case inNode:
		return c.negatable(n.not, c.in(n))
	case isNullNode:
		return c.isNull(n)
	default:
		return c.cases(n)
	}
}

// as gives v's register as typ: null as a null of it, int64 widened to float64.
func (c *compiler) as(v value, typ column.Type) int {
	switch {
	case v.typ == typ || v.typ == broken || typ == broken:
		return v.reg
	case v.typ == 0:
		return c.fill(typ, nothing)
	case v.lit != nil:
		return c.fill(typ, constant(literal{typ: typ, f: v.lit.float()}))
	default:
		return c.emit(typ, func(d int) run { return widen(d, v.reg) })
	}
}

func fits(v value, typ column.Type) bool {
	return v.typ == typ || v.typ == 0 || v.typ == broken || v.typ == column.Int64 && typ == column.Float64
}

// common is the type that all values can take; 0 when all are null.
func (c *compiler) common(what string, values []value) column.Type {
	var typ column.Type
	for _, v := range values {
		switch {
		case v.typ == broken:
			return broken
		case v.typ == 0 || v.typ == typ:
		case typ == 0:
			typ = v.typ
		case isNumber(typ) && isNumber(v.typ):
			typ = column.Float64
		default:
			c.fail(v.at, "%s mixes %s with %s%s", what, typ, v.typ, mixHint(typ, v.typ))
			return broken
		}
	}
	return typ
}

func isNumber(t column.Type) bool { return t == column.Int64 || t == column.Float64 }

func mixHint(a, b column.Type) string {
	switch {
	case a == column.String && isNumber(b) || b == column.String && isNumber(a):
		return "; text becomes a number with cast(x, 'float64')"
	case a == column.String && b == column.Timestamp || b == column.String && a == column.Timestamp:
		return "; a constant instant is written timestamp '2001-01-31T12:00:00Z'"
	case a == column.Duration && isNumber(b) || b == column.Duration && isNumber(a):
		return "; a duration has a unit: 15m, 3h"
	}
	return ""
}

func (c *compiler) boolean(n *node, what string) value {
	v := c.value(n)
	if !fits(v, column.Bool) {
		return c.fail(n.at, "%s needs a bool, not %s", what, v.typ)
	}
	if v.typ == 0 {
		v.reg, v.typ = c.as(v, column.Bool), column.Bool
	}
	return v
}

func (c *compiler) not(v value) value {
	if v.typ == broken {
		return v
	}
	return value{typ: column.Bool, reg: c.emit(column.Bool, func(d int) run {
		return map1(d, v.reg, boolsOf, boolsOf, func(x bool) (bool, bool) { return !x, true })
	})}
}

func (c *compiler) negatable(not bool, v value) value {
	if not {
		return c.not(v)
	}
	return v
}

func (c *compiler) junction(op string, a, b value) value {
	if a.typ == broken || b.typ == broken {
		return value{typ: broken}
	}
	return value{typ: column.Bool, reg: c.emit(column.Bool, func(d int) run { return junction(op == "or", d, a.reg, b.reg) })}
}

func (c *compiler) negate(n *node) value {
	v := c.value(n.args[0])
	zero := func(typ column.Type) value { return value{reg: c.fill(typ, constant(literal{typ: typ})), typ: typ} }
	switch v.typ {
	case broken, 0:
		return v
	case column.Int64, column.Duration:
		z := zero(v.typ)
		return value{typ: v.typ, reg: c.emit(v.typ, func(d int) run { return intBinary("-", d, z.reg, v.reg) })}
	case column.Float64:
		z := zero(v.typ)
		return value{typ: v.typ, reg: c.emit(v.typ, func(d int) run { return floatBinary("-", d, z.reg, v.reg) })}
	}
	return c.fail(n.at, `"-" needs a number or a duration, not %s`, v.typ)
}

func (c *compiler) binary(n *node) value {
	switch n.name {
	case "and", "or":
		return c.junction(n.name, c.boolean(n.args[0], quoted(n.name)), c.boolean(n.args[1], quoted(n.name)))
	case "+", "-", "*", "/", "%":
		return c.arithmetic(n.name, n.at, c.value(n.args[0]), c.value(n.args[1]))
	}
	v := c.compare(n.name, c.value(n.args[0]), c.value(n.args[1]))
	v.at = n.at
	return v
}

func quoted(s string) string { return `"` + s + `"` }

func (c *compiler) compare(op string, a, b value) value {
	typ := c.common(quoted(op), []value{a, b})
	if typ == broken {
		return value{typ: broken}
	}
	if typ == 0 {
		return value{typ: column.Bool, reg: c.fill(column.Bool, nothing)}
	}
	x, y := c.as(a, typ), c.as(b, typ)
	return value{typ: column.Bool, reg: c.emit(column.Bool, func(d int) run {
		switch typ {
		case column.Bool:
			return compareBools(op, d, x, y)
		case column.Float64:
			return compareRun(op, d, x, y, floatsOf)
		case column.String:
			return compareRun(op, d, x, y, textsOf)
		default:
			return compareRun(op, d, x, y, intsOf)
		}
	})}
}

func (c *compiler) isNull(n *node) value {
	v := c.value(n.args[0])
	if v.typ == broken {
		return v
	}
	if v.typ == 0 {
		return value{typ: column.Bool, reg: c.fill(column.Bool, constant(literal{typ: column.Bool, b: !n.not}))}
	}
	return value{typ: column.Bool, reg: c.emit(column.Bool, func(d int) run { return isNullRun(n.not, d, v.reg) })}
}

func (c *compiler) in(n *node) value {
	v := c.value(n.args[0])
	values, hasNull := []value{v}, false
	var list []literal
	for _, a := range n.args[1:] {
		values = append(values, value{typ: a.lit.typ, at: a.at})
		if a.lit.typ == 0 {
			hasNull = true
			continue
		}
		list = append(list, a.lit)
	}
	typ := c.common(`"in"`, values)
	if typ == broken {
		return value{typ: broken}
	}
	if typ == 0 {
		return value{typ: column.Bool, reg: c.fill(column.Bool, nothing)}
	}
	x := c.as(v, typ)
	return value{typ: column.Bool, reg: c.emit(column.Bool, func(d int) run { return member(typ, d, x, list, hasNull) })}
}

func member(typ column.Type, d, x int, list []literal, hasNull bool) run {
	switch typ {
	case column.Bool:
		return memberRun(d, x, boolsOf, constants(list, func(l literal) bool { return l.b }), hasNull)
	case column.Float64:
		return memberRun(d, x, floatsOf, constants(list, literal.float), hasNull)
	case column.String:
		return memberRun(d, x, textsOf, constants(list, func(l literal) string { return l.s }), hasNull)
	default:
		return memberRun(d, x, intsOf, constants(list, func(l literal) int64 { return l.i }), hasNull)
	}
}

func constants[T any](list []literal, of func(literal) T) []T {
	out := make([]T, len(list))
	for i, l := range list {
		out[i] = of(l)
	}
	return out
}

func (l literal) float() float64 {
	if l.typ == column.Int64 {
		return float64(l.i)
	}
	return l.f
}

func (c *compiler) cases(n *node) value {
	var conditions []int
	var branches []value
	ok := true
	for i := 0; i+1 < len(n.args); i += 2 {
		when := c.boolean(n.args[i], `"when"`)
		ok = ok && when.typ != broken
		conditions = append(conditions, when.reg)
		branches = append(branches, c.value(n.args[i+1]))
	}
	if len(n.args)%2 == 1 {
		branches = append(branches, c.value(n.args[len(n.args)-1]))
	} else {
		branches = append(branches, value{at: n.at})
	}
	typ := c.common(`"case"`, branches)
	if !ok || typ == broken {
		return value{typ: broken}
	}
	return c.choice(pickCase(conditions), branches, typ)
}

// choice emits a step that picks one of the branches for each row.
func (c *compiler) choice(pick run, branches []value, typ column.Type) value {
	if typ == 0 {
		return value{}
	}
	regs := make([]int, len(branches))
	for i, b := range branches {
		regs[i] = c.as(b, typ)
	}
	return value{typ: typ, reg: c.emit(typ, func(d int) run {
		then := chooseOf(typ, d, regs)
		return func(m *machine, n int) {
			pick(m, n)
			then(m, n)
		}
	})}
}

func chooseOf(typ column.Type, d int, regs []int) run {
	switch typ {
	case column.Bool:
		return choose(d, regs, boolsOf)
	case column.Float64:
		return choose(d, regs, floatsOf)
	case column.String:
		return choose(d, regs, textsOf)
	default:
		return choose(d, regs, intsOf)
	}
}

// arithmetic: numbers with numbers; instants and durations as they add, subtract and scale.
func (c *compiler) arithmetic(op string, at int, a, b value) value {
	if a.typ == broken || b.typ == broken {
		return value{typ: broken}
	}
	if a.typ == 0 && b.typ == 0 {
		return value{}
	}
	ints := func(out column.Type, x, y value) value {
		i, j := c.as(x, orType(x.typ, out)), c.as(y, orType(y.typ, out))
		return value{typ: out, reg: c.emit(out, func(d int) run { return intBinary(op, d, i, j) })}
	}
	const instant, span = column.Timestamp, column.Duration
	is := func(x, y column.Type) bool { return (a.typ == x || a.typ == 0) && (b.typ == y || b.typ == 0) }
	additive := op == "+" || op == "-"
	switch {
	case (isNumber(a.typ) || a.typ == 0) && (isNumber(b.typ) || b.typ == 0):
		return c.numbers(op, a, b)
	case additive && is(span, span):
		return ints(span, a, b)
	case op == "-" && a.typ == instant && b.typ == instant:
		return ints(span, a, b)
	case additive && is(instant, span), op == "+" && is(span, instant):
		return ints(instant, a, b)
	case op == "*" && b.typ == span && (isNumber(a.typ) || a.typ == 0):
		return c.scale(op, b, a)
	case (op == "*" || op == "/") && a.typ == span && (isNumber(b.typ) || b.typ == 0):
		return c.scale(op, a, b)
	case op == "/" && a.typ == span && b.typ == span:
		return value{typ: column.Float64, reg: c.emit(column.Float64, func(d int) run {
			return map2(d, a.reg, b.reg, floatsOf, intsOf, intsOf, func(x, y int64) (float64, bool) { return float64(x) / float64(y), y != 0 })
		})}
	}
	return c.fail(at, "%q has no meaning between %s and %s%s", op, typeName(a.typ), typeName(b.typ), arithmeticHint(op, a.typ, b.typ))
}

func orType(t, otherwise column.Type) column.Type {
	if t == 0 {
		return otherwise
	}
	return t
}

func typeName(t column.Type) string {
	if t == 0 {
		return "null"
	}
	return t.String()
}

func arithmeticHint(op string, a, b column.Type) string {
	switch {
	case op == "+" && a == column.String && b == column.String:
		return "; join text with concat(a, b)"
	case (a == column.Timestamp && isNumber(b)) || (b == column.Timestamp && isNumber(a)):
		return "; give the number a unit: x * 1m"
	case a == column.Bool || b == column.Bool:
		return "; a bool becomes a number with cast(x, 'int64')"
	}
	return mixHint(a, b)
}

func (c *compiler) numbers(op string, a, b value) value {
	if a.typ != column.Float64 && b.typ != column.Float64 && op != "/" {
		x, y := c.as(a, column.Int64), c.as(b, column.Int64)
		return value{typ: column.Int64, reg: c.emit(column.Int64, func(d int) run { return intBinary(op, d, x, y) })}
	}
	x, y := c.as(a, column.Float64), c.as(b, column.Float64)
	return value{typ: column.Float64, reg: c.emit(column.Float64, func(d int) run { return floatBinary(op, d, x, y) })}
}

// scale is duration * number or duration / number.
func (c *compiler) scale(op string, span, by value) value {
	if op == "*" && by.typ == column.Int64 {
		return value{typ: column.Duration, reg: c.emit(column.Duration, func(d int) run { return intBinary("*", d, span.reg, by.reg) })}
	}
	x := c.as(by, column.Float64)
	f := durationTimes
	if op == "/" {
		f = durationOver
	}
	return value{typ: column.Duration, reg: c.emit(column.Duration, func(d int) run { return map2(d, span.reg, x, intsOf, intsOf, floatsOf, f) })}
}

// constantText is the argument of a function that must be a string constant.
func constantText(n *node) (string, bool) {
	return n.lit.s, n.kind == literalNode && n.lit.typ == column.String
}
