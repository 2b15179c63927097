package expr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/column"
)

// anyTree draws a syntax tree as the parser makes them.
func anyTree(t *rapid.T, depth int) *node {
	kind := nodeKind(rapid.IntRange(0, int(caseNode)).Draw(t, "kind"))
	if depth <= 0 {
		kind = nodeKind(rapid.IntRange(0, 1).Draw(t, "leaf"))
	}
	sub := func() *node { return anyTree(t, depth-1) }
	not := rapid.Bool().Draw(t, "not")
	switch kind {
	case literalNode:
		return &node{kind: literalNode, lit: anyLiteral(t)}
	case columnNode:
		return &node{kind: columnNode, name: rapid.SampledFrom([]string{"a", "_x9", "Odd Name", `q"q`, "case", "AND", "timestamp", "time", "é"}).Draw(t, "column")}
	case callNode:
		f := rapid.SampledFrom(Functions()).Draw(t, "function")
		n := &node{kind: callNode, name: f.Name}
		for i := 0; i < min(f.max, max(f.min, 2)); i++ {
			n.args = append(n.args, sub())
		}
		return n
	case negateNode:
		inner := sub()
		if _, folds := inner.lit.negated(); inner.kind == literalNode && folds {
			return inner
		}
		return &node{kind: negateNode, args: []*node{inner}}
	case notNode:
		return &node{kind: notNode, args: []*node{sub()}}
	case binaryNode:
		op := rapid.SampledFrom([]string{"or", "and", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"}).Draw(t, "op")
		return &node{kind: binaryNode, name: op, args: []*node{sub(), sub()}}
	case betweenNode:
		return &node{kind: betweenNode, not: not, args: []*node{sub(), sub(), sub()}}
	case inNode:
		n := &node{kind: inNode, not: not, args: []*node{sub()}}
		for i := 0; i < rapid.IntRange(1, 3).Draw(t, "list"); i++ {
			n.args = append(n.args, &node{kind: literalNode, lit: anyLiteral(t)})
		}
		return n
	case isNullNode:
		return &node{kind: isNullNode, not: not, args: []*node{sub()}}
	}
	n := &node{kind: caseNode}
	for i := 0; i < rapid.IntRange(2, 5).Draw(t, "branches"); i++ {
		n.args = append(n.args, sub())
	}
	return n
}

func anyLiteral(t *rapid.T) literal {
	switch typ := column.Type(rapid.IntRange(0, int(column.Duration)).Draw(t, "type")); typ {
	case column.Bool:
		return literal{typ: typ, b: rapid.Bool().Draw(t, "b")}
	case column.Int64:
		return literal{typ: typ, i: rapid.Int64().Draw(t, "i")}
	case column.Float64:
		return literal{typ: typ, f: rapid.Float64().Filter(func(x float64) bool { return x-x == 0 }).Draw(t, "f") + 0}
	case column.String:
		return literal{typ: typ, s: rapid.SampledFrom([]string{"", "it's", "''", "\"x\"", "日本", "a\nb"}).Draw(t, "s")}
	case column.Timestamp:
		return literal{typ: typ, i: rapid.Int64Range(-60_000_000_000_000_000, 250_000_000_000_000_000).Draw(t, "at")}
	case column.Duration:
		return literal{typ: typ, i: rapid.OneOf(rapid.Int64Range(-1<<62, 1<<62), rapid.Map(rapid.Int64Range(-99, 99), func(x int64) int64 { return x * 60e6 })).Draw(t, "d")}
	}
	return literal{}
}

var sameTree = cmp.Options{cmp.AllowUnexported(node{}, literal{}), cmpopts.IgnoreFields(node{}, "at"), cmpopts.EquateEmpty()}

func TestParseOfStringIsTheSameExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := anyTree(t, 4)
		count := 0
		tree.walk(func(*node) { count++ })
		text := (&Expr{tree}).String()
		if count > MaxNodes || len(text) > MaxBytes {
			t.Skip("larger than an expression may be")
		}
		got, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(tree, got.root, sameTree); diff != "" {
			t.Fatalf("%s: %s", text, diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"time + distance / 7.5 * 1m + 30m", "a in (1, -2.5e3, null) and not b", "case when x then 'it''s' end", `"q""q" is not null`,
		"cast(x, 'int64') between -9223372036854775808 and 9", "timestamp '2001-01-01T00:00:00.5+01:00' < t", "((((", "--", "1e999", "99999999999999d"} {
		f.Add(s)
	}
	s := Schema{"time": column.Timestamp, "distance": column.Float64, "a": column.Int64, "b": column.Bool, "x": column.String, "d": column.Duration}
	table := &column.Table{}
	for _, name := range s.names() {
		v := column.New(s[name], 3)
		v.SetNull(1)
		table.Set(name, v)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			one := All(err)
			if len(one) != 1 || one[0].Offset < 0 || one[0].Offset > max(len(text), MaxBytes) || one[0].Message == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		canonical := e.String()
		if len(canonical) <= MaxBytes {
			again, err := Parse(canonical)
			if err != nil {
				t.Fatalf("%q prints %q: %v", text, canonical, err)
			}
			if diff := cmp.Diff(e.root, again.root, sameTree); diff != "" {
				t.Fatalf("%q: %s", text, diff)
			}
		}
		p, err := e.Compile(s)
		if err != nil {
			return
		}
		v, err := p.Eval(table, Env{})
		if err != nil || v.Len() != 3 || v.Type != p.Type() {
			t.Fatalf("%q: %v, %v", text, v, err)
		}
	})
}

func TestLimitsHold(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{strings.Repeat("x", MaxBytes+1), "at most 4096 bytes"},
		{strings.Repeat("(", 40) + "1" + strings.Repeat(")", 40), "nests at most 32"},
		{strings.Repeat("abs(", 40) + "1" + strings.Repeat(")", 40), "nests at most 32"},
		{"1" + strings.Repeat("+1", 300), "at most 256 parts"},
	} {
		if _, err := Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20s...: %v", c.text, err)
		}
	}
	if _, err := Parse("1" + strings.Repeat("+1", 127)); err != nil {
		t.Error(err)
	}
}
