// Package expr answers: what does this expression say about this row? It holds the language of derive, checks, features
// and label.known (SQL's scalar expressions), and the two small languages beside it: bars and batch checks.
//
// Shapes: Parse reads text (syntax), Compile adds the types of the columns, Program.Eval computes a whole table, block by
// block on typed slices: the same code for one row and for millions, so both give the same bits.
//
// Types: bool, int64, float64, string, timestamp (UTC microseconds), duration (microseconds). int64 with float64 gives
// float64; "/" is float64; number * duration and duration / number give a duration, rounded half to even to the
// microsecond; duration / duration gives float64. Text and numbers meet only through cast(x, 'TYPE').
//
// Missing: SQL's three-valued null. An operation that has no answer (overflow, division by zero, ln of a negative number,
// a cast that fails, NaN, infinity) is null and "lost"; Env.Lost counts the rows whose result is null for that reason, so
// what coalesce, "is null" or a case branch has handled is not counted. least, greatest and concat skip nulls, as in
// DuckDB and PostgreSQL.
//
// Time: hour, weekday and the other parts are those of the row's zone (Env); arithmetic is in UTC. weekday counts from
// Sunday = 0, as DuckDB's weekday does.
//
// Bits: pure Go without fused multiply-add; exp, ln, log10, pow and haversine are our own code (math.go), after fdlibm,
// so every machine computes the same. Text functions follow the Unicode tables of the Go toolchain that built the program.
//
// Oracle: DuckDB, function by function (oracle_test.go); the differences by design stand there with their reasons.
//
// Hostile text: at most 4 KiB, nesting 32, 256 nodes; errors carry the byte offset.
package expr

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
)

// The limits of one expression, bar or batch check.
const (
	MaxBytes = 4096
	MaxDepth = 32
	MaxNodes = 256
)

// Error is one thing that is wrong with a text, at a byte offset in it.
type Error struct {
	Offset  int
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Message) }

// Errors is all that is wrong; errors.As finds the first *Error in it.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap gives the single errors.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}

// All lists the single mistakes in an error of this package.
func All(err error) []*Error {
	var many Errors
	if errors.As(err, &many) {
		return many
	}
	var one *Error
	if errors.As(err, &one) {
		return []*Error{one}
	}
	return nil
}

// Schema is the columns an expression may name, with their types.
type Schema map[string]column.Type

func (s Schema) names() []string {
	out := make([]string, 0, len(s))
	for name := range s {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// Expr is an expression whose syntax is right.
type Expr struct{ root *node }

// Parse reads an expression. Its error is an *Error.
func Parse(text string) (*Expr, error) {
	p, err := newParser(text, false)
	if err != nil {
		return nil, err
	}
	root, err := p.whole()
	if err != nil {
		return nil, err
	}
	return &Expr{root}, nil
}

// Columns are the columns the expression names, sorted.
func (e *Expr) Columns() []string {
	seen := make(map[string]bool)
	e.root.walk(func(n *node) {
		if n.kind == columnNode {
			seen[n.name] = true
		}
	})
	out := make([]string, 0, len(seen))
	for name := range seen {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// Column gives the name when the whole expression is one column.
func (e *Expr) Column() (name string, ok bool) { return e.root.name, e.root.kind == columnNode }

// Compile parses a text and checks its types. Its error is an *Error (syntax) or Errors (types, all of them).
func Compile(text string, s Schema) (*Program, error) {
	e, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return e.Compile(s)
}
