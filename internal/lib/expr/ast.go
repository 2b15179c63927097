package expr

import (
	"strconv"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/column"
)

type nodeKind uint8

const (
	literalNode nodeKind = iota
	columnNode
	callNode    // name(args)
	negateNode  // - args[0]
	notNode     // not args[0]
	binaryNode  // args[0] name args[1]; name is or, and, =, !=, <, <=, >, >=, +, -, *, /, %
	betweenNode // args[0] [not] between args[1] and args[2]
	inNode      // args[0] [not] in (args[1:])
	isNullNode  // args[0] is [not] null
	caseNode    // when args[0] then args[1] ... else the last one, if there is an odd number
)

// node is one node of the syntax tree. not turns between, in and is null round.
type node struct {
	kind nodeKind
	name string
	args []*node
	not  bool
	lit  literal
	at   int
}

// literal is a constant; typ 0 is null.
type literal struct {
	typ column.Type
	b   bool
	i   int64 // int64, timestamp, duration
	f   float64
	s   string
}

func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, a := range n.args {
		a.walk(visit)
	}
}

// How tightly a node binds; an operand that binds less tightly than its place demands stands in parentheses.
const (
	bindOr = iota
	bindAnd
	bindNot
	bindCompare
	bindSum
	bindProduct
	bindUnary
	bindAtom
)

func binding(op string) int {
	switch op {
	case "or":
		return bindOr
	case "and":
		return bindAnd
	case "+", "-":
		return bindSum
	case "*", "/", "%":
		return bindProduct
	}
	return bindCompare
}

func (n *node) binds() int {
	switch n.kind {
	case negateNode:
		return bindUnary
	case notNode:
		return bindNot
	case binaryNode:
		return binding(n.name)
	case betweenNode, inNode, isNullNode:
		return bindCompare
	case literalNode:
		if n.lit.i < 0 && n.lit.typ != column.Timestamp || n.lit.f < 0 {
			return bindUnary
		}
	}
	return bindAtom
}

// String is the canonical text: one for equal trees, and Parse(e.String()) is e again.
func (e *Expr) String() string {
	var b strings.Builder
	e.root.print(&b, bindOr)
	return b.String()
}

func (n *node) print(b *strings.Builder, place int) {
	if n.binds() < place {
		b.WriteByte('(')
		n.print(b, bindOr)
		b.WriteByte(')')
		return
	}
	switch n.kind {
	case literalNode:
		n.lit.print(b)
	case columnNode:
		b.WriteString(QuoteColumn(n.name))
	case callNode:
		b.WriteString(n.name)
		printList(b, n.args)
	case negateNode:
		b.WriteByte('-')
		n.args[0].print(b, bindAtom)
	case notNode:
		b.WriteString("not ")
		n.args[0].print(b, bindCompare)
	case binaryNode:
		n.printBinary(b)
	case caseNode:
		n.printCase(b)
	default:
		n.printPredicate(b)
	}
}

func (n *node) printBinary(b *strings.Builder) {
	left, right := n.binds(), n.binds()+1
	if left == bindCompare {
		left = bindSum // a = b = c has no meaning
	}
	n.args[0].print(b, left)
	b.WriteString(" " + n.name + " ")
	n.args[1].print(b, right)
}

func (n *node) printPredicate(b *strings.Builder) {
	n.args[0].print(b, bindSum)
	not := ""
	if n.not {
		not = "not "
	}
	switch n.kind {
	case betweenNode:
		b.WriteString(" " + not + "between ")
		n.args[1].print(b, bindSum)
		b.WriteString(" and ")
		n.args[2].print(b, bindSum)
	case inNode:
		b.WriteString(" " + not + "in ")
		printList(b, n.args[1:])
	case isNullNode:
		b.WriteString(" is " + not + "null")
	}
}

func (n *node) printCase(b *strings.Builder) {
	b.WriteString("case")
	i := 0
	for ; i+1 < len(n.args); i += 2 {
		b.WriteString(" when ")
		n.args[i].print(b, bindOr)
		b.WriteString(" then ")
		n.args[i+1].print(b, bindOr)
	}
	if i < len(n.args) {
		b.WriteString(" else ")
		n.args[i].print(b, bindOr)
	}
	b.WriteString(" end")
}

func printList(b *strings.Builder, args []*node) {
	b.WriteByte('(')
	for i, a := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		a.print(b, bindOr)
	}
	b.WriteByte(')')
}

// QuoteColumn is how an expression names a column: as it is where the grammar allows it, else in double quotes.
func QuoteColumn(name string) string {
	plain := name != "" && isLetter(name[0]) && !keywords[strings.ToLower(name)]
	for i := 0; plain && i < len(name); i++ {
		plain = isLetter(name[i]) || isDigit(name[i])
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func quoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (l literal) print(b *strings.Builder) {
	switch l.typ {
	case 0:
		b.WriteString("null")
	case column.Bool:
		b.WriteString(strconv.FormatBool(l.b))
	case column.Int64:
		b.WriteString(strconv.FormatInt(l.i, 10))
	case column.Float64:
		text := strconv.FormatFloat(l.f, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		b.WriteString(text)
	case column.String:
		b.WriteString(quoteString(l.s))
	case column.Timestamp:
		b.WriteString("timestamp " + quoteString(time.UnixMicro(l.i).UTC().Format("2006-01-02T15:04:05.999999Z07:00")))
	case column.Duration:
		b.WriteString(formatDuration(l.i))
	}
}

// formatDuration writes microseconds in the largest unit that holds them whole.
func formatDuration(us int64) string {
	for _, unit := range []string{"d", "h", "m", "s", "ms"} {
		if us != 0 && us%units[unit] == 0 {
			return strconv.FormatInt(us/units[unit], 10) + unit
		}
	}
	if us == 0 {
		return "0s"
	}
	return strconv.FormatInt(us, 10) + "us"
}
