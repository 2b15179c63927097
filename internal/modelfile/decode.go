package modelfile

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
)

// field is one row of the table that decoding, schema and reference share.
type field struct {
	name     string
	doc      string // what it says; one sentence
	form     form   // what its value looks like
	preset   string // the default, in words; empty: nothing
	required bool
	refused  string  // set: the language knows the word, this installation cannot honour it; what to do instead
	fields   []field // of an object
	read     func(d *decoder, n *yaml.Node)
}

// decoder reads one file.
type decoder struct {
	file  string
	lines []string
	nodes int
	path  string
	spec  *rondo.Spec
	errs  Errors

	at          map[string]place // where each field that was set stands, by path: data.time
	made        map[string]made  // the columns the file makes
	expressions []placedExpr
	columns     []placedColumn
	bars        []placedBar
	badCost     bool // a cost could not be read, which has been told
}

type place struct{ line, column int }

type made struct {
	what string // lookup, derived column, history, feature
	at   place
}

// placedExpr is an expression in a stage of the preparation (D1).
type placedExpr struct {
	stage string
	name  string // the column it makes
	expr  *expr.Expr
	at    *yaml.Node
}

// placedColumn is a column that a field names.
type placedColumn struct {
	stage, name string
	path        string // the field
	at          place
}

type placedBar struct {
	bar *expr.Bar
	at  place
}

func where(n *yaml.Node) place { return place{n.Line, n.Column} }

func (d *decoder) failAt(line, column int, format string, args ...any) {
	message := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' ' // one mistake, one line; and no terminal obeys a model file
		}
		return r
	}, fmt.Sprintf(format, args...))
	d.errs = append(d.errs, Mistake{d.file, line, column, message})
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.failAt(n.Line, n.Column, format, args...)
}

func (d *decoder) failPlace(p place, format string, args ...any) {
	d.failAt(max(p.line, 1), max(p.column, 1), format, args...)
}

// object reads a mapping by its table of fields.
func (d *decoder) object(n *yaml.Node, fields []field) {
	if n.Tag == skip {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s holds fields: %s", d.here(), fieldNames(fields))
		return
	}
	outer := d.path
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		seen[key.Value] = true
		f := lookup(fields, key.Value)
		if f == nil {
			d.unknown(key, fields)
			continue
		}
		d.path = join(outer, key.Value)
		d.at[d.path] = where(key)
		d.field(f, key, value)
		d.path = outer
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			d.fail(n, "%s is missing: %s", join(outer, f.name), f.doc)
		}
	}
}

func (d *decoder) field(f *field, key, value *yaml.Node) {
	switch {
	case f.refused != "":
		d.fail(key, "%s cannot be honoured by this installation yet: %s", d.path, f.refused)
	case value.Tag == skip:
	case value.Tag == "!!null":
		d.fail(value, "%s has no value; give it one or take the line out", d.path)
	case f.read != nil:
		f.read(d, value)
	default:
		d.object(value, f.fields)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *decoder) here() string {
	if d.path == "" {
		return "a model file"
	}
	return d.path
}

func lookup(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

func fieldNames(fields []field) string {
	var names []string
	for _, f := range fields {
		if f.refused == "" {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ", ")
}

// unknown names the nearest field here, or the place where a field of this name stands.
func (d *decoder) unknown(key *yaml.Node, fields []field) {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	hint := nearest.Hint(key.Value, names)
	if path := findField(document().fields, "", key.Value); hint == "" && path != "" {
		hint = fmt.Sprintf("; it stands under %s", path)
	}
	if hint == "" {
		hint = fmt.Sprintf("; %s has %s", d.here(), fieldNames(fields))
	}
	d.fail(key, "unknown field %q%s", short(key.Value), hint)
}

// findField is the path of the object that has a field of this name.
func findField(fields []field, path, name string) string {
	for _, f := range fields {
		if f.name == name && path != "" {
			return path
		}
		if found := findField(f.fields, join(path, f.name), name); found != "" {
			return found
		}
	}
	return ""
}

// short cuts what a person wrote for a message.
func short(s string) string {
	if utf8.RuneCountInString(s) <= 60 {
		return s
	}
	return string([]rune(s)[:57]) + "..."
}

// found says what stands where something else should.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", short(n.Value))
}

// text reads a scalar as it is written.
func (d *decoder) text(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Tag == skip:
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null":
		hint := ""
		if n.Kind == yaml.MappingNode && strings.HasPrefix(d.path, "data.") && n.Style&yaml.FlowStyle == 0 {
			hint = `; YAML reads "A: B" as a mapping, so a text with a colon stands in quotes`
		}
		d.fail(n, "%s is %s, not %s%s", d.path, what, found(n), hint)
	case strings.TrimSpace(n.Value) == "":
		d.fail(n, "%s is empty", d.path)
	default:
		return n.Value, true
	}
	return "", false
}

// pairs are the keys and values of a mapping, keys as texts.
func (d *decoder) pairs(n *yaml.Node, what string) []*yaml.Node {
	if n.Tag == skip {
		return nil
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.fail(n, "%s is %s, not %s", d.path, what, found(n))
		return nil
	}
	return n.Content
}

// items are the values of a list; one scalar stands for a list of one where alone allows it.
func (d *decoder) items(n *yaml.Node, what string, alone bool) []*yaml.Node {
	switch {
	case n.Tag == skip:
		return nil
	case n.Kind == yaml.ScalarNode && alone:
		return []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		d.fail(n, "%s is a list of %s, not %s", d.path, what, found(n))
		return nil
	case len(n.Content) == 0:
		d.fail(n, "%s is an empty list; fill it or take the line out", d.path)
	}
	return n.Content
}

// column reads the name of a column and remembers the stage that names it.
func (d *decoder) column(n *yaml.Node, stage string) (string, bool) {
	name, ok := d.text(n, "the name of a column")
	if ok {
		d.columns = append(d.columns, placedColumn{stage, name, d.path, where(n)})
	}
	return name, ok
}

func (d *decoder) columnList(n *yaml.Node, stage string) []string {
	var out []string
	seen := make(map[string]bool)
	for _, item := range d.items(n, "columns", true) {
		name, ok := d.column(item, stage)
		if ok && seen[name] {
			d.fail(item, "%s names %q twice", d.path, name)
			continue
		}
		if ok {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

// choice reads one of some words. refused are words of the language that cannot be honoured.
func (d *decoder) choice(n *yaml.Node, words []string, refused ...string) (string, bool) {
	s, ok := d.text(n, "one of "+strings.Join(words, ", "))
	if !ok {
		return "", false
	}
	for _, w := range words {
		if w == s {
			return s, true
		}
	}
	for _, r := range refused {
		if r == s {
			d.fail(n, "%s: %s cannot be honoured by this installation yet: remove it, or choose %s", d.path, s, strings.Join(words, " or "))
			return "", false
		}
	}
	d.fail(n, "%s is %q; it can be %s%s", d.path, short(s), strings.Join(words, ", "), nearest.Hint(s, append(words, refused...)))
	return "", false
}

// expression reads and parses an expression, remembers it for the checks, and gives its canonical text.
func (d *decoder) expression(n *yaml.Node, stage, name string) (string, bool) {
	s, ok := d.text(n, "an expression")
	if !ok {
		return "", false
	}
	e, err := expr.Parse(s)
	if err != nil {
		d.syntaxIn(n, err)
		return "", false
	}
	d.expressions = append(d.expressions, placedExpr{stage, name, e, n})
	return e.String(), true
}

// syntaxIn puts the errors of an expression where they stand in the file.
func (d *decoder) syntaxIn(n *yaml.Node, err error) {
	hint := ""
	if n.LineComment != "" && n.Style == 0 && open(n.Value) {
		hint = `; YAML takes what follows " #" for a comment, so put the expression in quotes`
	}
	for _, e := range expr.All(err) {
		line, column, exact := d.position(n, e.Offset)
		message := e.Message
		if !exact {
			message = e.Error()
		}
		d.failAt(line, column, "%s%s", message, hint)
	}
}

// position is where byte offset of a scalar's text stands in the file; not exact when YAML's quoting moved it.
func (d *decoder) position(n *yaml.Node, offset int) (line, column int, exact bool) {
	if n.Line < 1 || n.Line > len(d.lines) || offset > len(n.Value) {
		return n.Line, n.Column, false
	}
	text := []rune(d.lines[n.Line-1])
	start := n.Column - 1
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		start++
	}
	if start < 0 || start > len(text) || !strings.HasPrefix(string(text[start:]), n.Value) {
		return n.Line, n.Column, false
	}
	return n.Line, start + 1 + utf8.RuneCountInString(n.Value[:offset]), true
}

// make remembers that the file makes a column; false when the name is taken or reserved.
func (d *decoder) make(n *yaml.Node, name, what string) bool {
	if name == "time" || name == "known" {
		d.fail(n, "%q is a reserved name: the row's own instant, and when its outcome is known", name)
		return false
	}
	if first, taken := d.made[name]; taken {
		d.fail(n, "%q is made twice: as a %s in line %d, and as a %s here", name, first.what, first.at.line, what)
		return false
	}
	d.made[name] = made{what, where(n)}
	return true
}
