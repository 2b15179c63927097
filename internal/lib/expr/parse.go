package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/column"
)

var keywords = map[string]bool{
	"or": true, "and": true, "not": true, "between": true, "in": true, "is": true, "null": true, "true": true,
	"false": true, "case": true, "when": true, "then": true, "else": true, "end": true,
}

type parser struct {
	tokens []token
	at     int
	depth  int
	nodes  int
}

func newParser(text string, bar bool) (*parser, error) {
	tokens, err := lex(text, bar)
	if err != nil {
		return nil, err
	}
	return &parser{tokens: tokens}, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

func (p *parser) accept(s string) bool {
	if p.peek().is(s) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(s, why string) error {
	if !p.accept(s) {
		return &Error{p.peek().at, fmt.Sprintf("%s needs %q here, not %s", why, s, p.peek().describe())}
	}
	return nil
}

func (p *parser) node(n node) (*node, error) {
	p.nodes++
	if p.nodes > MaxNodes {
		return nil, &Error{n.at, fmt.Sprintf("an expression has at most %d parts; derive a column for some of it", MaxNodes)}
	}
	return &n, nil
}

// nested runs a rule one level deeper.
func (p *parser) nested(rule func() (*node, error)) (*node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > MaxDepth {
		return nil, &Error{p.peek().at, fmt.Sprintf("an expression nests at most %d deep; derive a column for some of it", MaxDepth)}
	}
	return rule()
}

func (p *parser) whole() (*node, error) {
	if p.peek().kind == endToken {
		return nil, &Error{0, "an expression is empty"}
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	switch t := p.peek(); {
	case t.kind == endToken:
		return n, nil
	case t.is(")"):
		return nil, &Error{t.at, `")" closes nothing`}
	default:
		return nil, &Error{t.at, fmt.Sprintf("the expression is complete before %s; is an operator missing?", t.describe())}
	}
}

func (p *parser) or() (*node, error)  { return p.chain(p.and, "or") }
func (p *parser) and() (*node, error) { return p.chain(p.not, "and") }
func (p *parser) sum() (*node, error) { return p.chain(p.product, "+", "-") }
func (p *parser) product() (*node, error) {
	return p.chain(p.unary, "*", "/", "%")
}

// chain is operand {operator operand}, binding to the left.
func (p *parser) chain(operand func() (*node, error), operators ...string) (*node, error) {
	left, err := operand()
	for err == nil {
		op := ""
		at := p.peek().at
		for _, o := range operators {
			if p.accept(o) {
				op = o
				break
			}
		}
		if op == "" {
			return left, nil
		}
		var right *node
		if right, err = operand(); err != nil {
			break
		}
		left, err = p.node(node{kind: binaryNode, name: op, args: []*node{left, right}, at: at})
	}
	return nil, err
}

func (p *parser) not() (*node, error) {
	at := p.peek().at
	if !p.accept("not") {
		return p.compare()
	}
	inner, err := p.compare()
	if err != nil {
		return nil, err
	}
	return p.node(node{kind: notNode, args: []*node{inner}, at: at})
}

func (p *parser) compare() (*node, error) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	at := p.peek().at
	if p.accept("is") {
		not := p.accept("not")
		if err := p.expect("null", `"is"`); err != nil {
			return nil, err
		}
		return p.node(node{kind: isNullNode, args: []*node{left}, not: not, at: at})
	}
	for _, op := range []string{"=", "!=", "<>", "<", "<=", ">", ">="} {
		if p.accept(op) {
			right, err := p.sum()
			if err != nil {
				return nil, err
			}
			if op == "<>" {
				op = "!="
			}
			return p.node(node{kind: binaryNode, name: op, args: []*node{left, right}, at: at})
		}
	}
	not := p.accept("not")
	switch {
	case p.accept("between"):
		return p.between(left, not, at)
	case p.accept("in"):
		return p.in(left, not, at)
	case not:
		return nil, &Error{p.peek().at, `"not" stands here before "between" or "in" only`}
	}
	return left, nil
}

func (p *parser) between(left *node, not bool, at int) (*node, error) {
	low, err := p.sum()
	if err != nil {
		return nil, err
	}
	if err := p.expect("and", `"between"`); err != nil {
		return nil, err
	}
	high, err := p.sum()
	if err != nil {
		return nil, err
	}
	return p.node(node{kind: betweenNode, args: []*node{left, low, high}, not: not, at: at})
}

func (p *parser) in(left *node, not bool, at int) (*node, error) {
	if err := p.expect("(", `"in"`); err != nil {
		return nil, err
	}
	args := []*node{left}
	for {
		start := p.peek()
		value, err := p.unary()
		if err != nil {
			return nil, err
		}
		if value.kind != literalNode {
			return nil, &Error{start.at, `"in" lists constants; write = and or for anything else`}
		}
		args = append(args, value)
		if !p.accept(",") {
			break
		}
	}
	if err := p.expect(")", `the list of "in"`); err != nil {
		return nil, err
	}
	return p.node(node{kind: inNode, args: args, not: not, at: at})
}

func (p *parser) unary() (*node, error) {
	at := p.peek().at
	if !p.accept("-") {
		return p.atom()
	}
	if t := p.peek(); t.is("-") {
		return nil, &Error{t.at, "one sign is enough; write -(-x)"}
	}
	if t := p.peek(); t.kind == intToken && strings.TrimLeft(t.text, "0") == "9223372036854775808" {
		p.next() // the smallest int64; without its sign it is too large
		return p.node(node{kind: literalNode, lit: literal{typ: column.Int64, i: math.MinInt64}, at: at})
	}
	inner, err := p.atom()
	if err != nil {
		return nil, err
	}
	if inner.kind == literalNode {
		if negated, ok := inner.lit.negated(); ok {
			inner.lit, inner.at = negated, at
			return inner, nil
		}
	}
	return p.node(node{kind: negateNode, args: []*node{inner}, at: at})
}

// negated is -l where that is a literal too.
func (l literal) negated() (literal, bool) {
	switch l.typ {
	case column.Int64, column.Duration:
		if l.i == math.MinInt64 {
			return l, false
		}
		l.i = -l.i
		return l, true
	case column.Float64:
		l.f = 0 - l.f // never -0
		return l, true
	}
	return l, false
}

func (p *parser) atom() (*node, error) {
	t := p.next()
	switch t.kind {
	case intToken, floatToken, durationToken:
		lit, err := number(t)
		if err != nil {
			return nil, err
		}
		return p.node(node{kind: literalNode, lit: lit, at: t.at})
	case stringToken:
		return p.node(node{kind: literalNode, lit: literal{typ: column.String, s: t.text}, at: t.at})
	case quotedToken:
		return p.node(node{kind: columnNode, name: t.text, at: t.at})
	case wordToken:
		return p.word(t)
	}
	if t.is("(") {
		n, err := p.nested(p.or)
		if err != nil {
			return nil, err
		}
		return n, p.closing(t)
	}
	return nil, &Error{t.at, fmt.Sprintf("a value is missing before %s", t.describe())}
}

// closing expects the bracket that t opened.
func (p *parser) closing(t token) error {
	if p.accept(")") {
		return nil
	}
	if p.peek().kind == endToken {
		return &Error{t.at, `"(" is not closed`}
	}
	return &Error{p.peek().at, fmt.Sprintf(`%s stands where "," or ")" should`, p.peek().describe())}
}

func (p *parser) word(t token) (*node, error) {
	switch word := strings.ToLower(t.text); {
	case word == "true" || word == "false":
		return p.node(node{kind: literalNode, lit: literal{typ: column.Bool, b: word == "true"}, at: t.at})
	case word == "null":
		return p.node(node{kind: literalNode, at: t.at})
	case word == "case":
		return p.nested(func() (*node, error) { return p.cases(t) })
	case word == "timestamp" && p.peek().kind == stringToken:
		return p.timestamp()
	case word == "not":
		return nil, &Error{t.at, `"not" stands before a comparison; put it in parentheses`}
	case keywords[word]:
		return nil, &Error{t.at, fmt.Sprintf(`a value is missing before %q; a column of that name is written "%s" in double quotes`, t.text, t.text)}
	case p.peek().is("("):
		return p.nested(func() (*node, error) { return p.call(word, t.at) })
	default:
		return p.node(node{kind: columnNode, name: t.text, at: t.at})
	}
}

func (p *parser) call(name string, at int) (*node, error) {
	open := p.next()
	var args []*node
	if !p.accept(")") {
		for {
			arg, err := p.or()
			if err != nil {
				return nil, err
			}
			args = append(args, arg)
			if !p.accept(",") {
				break
			}
		}
		if err := p.closing(open); err != nil {
			return nil, err
		}
	}
	if err := checkCall(name, len(args), at); err != nil {
		return nil, err
	}
	return p.node(node{kind: callNode, name: name, args: args, at: at})
}

func (p *parser) cases(t token) (*node, error) {
	var args []*node
	for p.accept("when") {
		when, err := p.or()
		if err != nil {
			return nil, err
		}
		if err := p.expect("then", `"when"`); err != nil {
			return nil, err
		}
		then, err := p.or()
		if err != nil {
			return nil, err
		}
		args = append(args, when, then)
	}
	if len(args) == 0 {
		return nil, &Error{p.peek().at, `"case" needs "when CONDITION then VALUE"`}
	}
	if p.accept("else") {
		arg, err := p.or()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	if err := p.expect("end", `"case"`); err != nil {
		return nil, err
	}
	return p.node(node{kind: caseNode, args: args, at: t.at})
}

func (p *parser) timestamp() (*node, error) {
	t := p.next()
	at, err := parseTimestamp(t.text)
	if err != nil {
		return nil, &Error{t.at, err.Error()}
	}
	return p.node(node{kind: literalNode, lit: literal{typ: column.Timestamp, i: at}, at: t.at})
}

// parseTimestamp reads RFC 3339 with an offset, years 1 to 9999, and gives UTC microseconds.
func parseTimestamp(s string) (int64, error) {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("'%s' is no RFC 3339 timestamp with an offset, such as '2001-01-31T12:00:00Z'", s)
	}
	if at.Nanosecond()%1000 != 0 {
		return 0, fmt.Errorf("'%s' is finer than a microsecond", s)
	}
	if year := at.UTC().Year(); year < 1 || year > 9999 {
		return 0, fmt.Errorf("'%s' is outside the years 1 to 9999", s)
	}
	return at.UnixMicro(), nil
}

func number(t token) (literal, error) {
	switch t.kind {
	case intToken:
		i, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return literal{}, &Error{t.at, fmt.Sprintf("%s is larger than any int64; write %s.0 for a float64", t.text, t.text)}
		}
		return literal{typ: column.Int64, i: i}, nil
	case floatToken:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return literal{}, &Error{t.at, fmt.Sprintf("%s is larger than any float64", t.text)}
		}
		return literal{typ: column.Float64, f: f}, nil
	}
	digits := strings.TrimRight(t.text, "abcdefghijklmnopqrstuvwxyz")
	i, err := strconv.ParseInt(digits, 10, 64)
	unit := units[t.text[len(digits):]]
	if err != nil || i > math.MaxInt64/unit {
		return literal{}, &Error{t.at, fmt.Sprintf("%s is longer than any duration", t.text)}
	}
	return literal{typ: column.Duration, i: i * unit}, nil
}
