package modelfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// skip is the tag of a node whose mistake has been told: whoever meets it says nothing more.
const skip = "!skip"

// tree reads YAML into nodes that are safe to walk, or returns nil when there is nothing to go on with.
func (d *decoder) tree(b []byte) *yaml.Node {
	if len(b) > MaxBytes {
		d.failAt(1, 1, "a model file has at most %d KiB", MaxBytes>>10)
		return nil
	}
	if line, column, ok := invalidText(b); ok {
		d.failAt(line, column, "this is not UTF-8 text")
		return nil
	}
	d.lines = strings.Split(string(b), "\n")
	if line, column := tooDeep(b); line > 0 {
		d.failAt(line, column, "this nests more than %d deep", MaxDepth)
		return nil
	}
	var doc yaml.Node
	if err := yaml.Load(b, &doc); err != nil {
		d.syntax(err)
		return nil
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		d.fail(root, "a model file is a mapping that starts with apiVersion, kind and name")
		return nil
	}
	if !d.clean(root, 1) {
		return nil
	}
	return root
}

func invalidText(b []byte) (line, column int, bad bool) {
	line, column = 1, 1
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && size == 1:
			return line, column, true
		case r == '\n':
			line, column = line+1, 0
		}
		column++
		b = b[size:]
	}
	return 0, 0, false
}

// tooDeep looks for nesting over MaxDepth without parsing: brackets that open a flow collection, and indicators that
// stack up in one line. It gives the place, or 0.
func tooDeep(b []byte) (line, column int) {
	line = 1
	flow, stacked, start := 0, 0, 0
	quote, before := byte(0), byte('\n') // before: the last character that is no space; '\n' at a line's start
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '\n' {
			line, start, stacked, before = line+1, i+1, 0, '\n'
			continue
		}
		opens := flow > 0 && strings.IndexByte("[{,:?\n", before) >= 0 ||
			flow == 0 && (before == '\n' || strings.IndexByte(":-?", before) >= 0 && b[i-1] == ' ')
		switch {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '#' && (i == 0 || b[i-1] == ' ' || b[i-1] == '\n'):
			for i+1 < len(b) && b[i+1] != '\n' {
				i++
			}
		case opens && (c == '\'' || c == '"'):
			quote = c
		case (opens || flow > 0) && (c == '[' || c == '{'):
			flow++
		case flow > 0 && (c == ']' || c == '}'):
			flow--
		case opens && flow == 0 && (c == '-' || c == '?') && i+1 < len(b) && (b[i+1] == ' ' || b[i+1] == '\n'):
			stacked++
		}
		if flow > MaxDepth || stacked > MaxDepth {
			return line, i - start + 1
		}
		if c != ' ' && c != '\t' && c != '\r' {
			before = c
		}
	}
	return 0, 0
}

// syntax tells what the YAML library complains about.
func (d *decoder) syntax(err error) {
	message, line, column := err.Error(), 0, 0
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		message = many.Errors[0].Message
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		message, line, column = one.Message, one.Mark.Line, one.Mark.Column
		if one.ContextMsg != "" {
			message = one.ContextMsg + ": " + message
		}
		if open := one.ContextMark; open.Line > 0 && (strings.Contains(message, "flow") || strings.Contains(message, "quoted")) {
			line, column = open.Line, open.Column // where it starts says more than where it does not end
		}
	}
	switch {
	case strings.Contains(message, "no documents"):
		message = "the file is empty; a model file starts with apiVersion, kind and name"
	case strings.Contains(message, "expected single document"):
		message = "one document a file; put every model in a file of its own"
	case strings.Contains(message, "flow"):
		message += `; inside [ ] and { } a text with a comma, colon, quote or bracket stands in "double quotes"`
	case strings.Contains(message, "mapping values are not allowed"):
		message += `; a text with ": " in it stands in quotes`
	}
	d.failAt(max(line, 1), max(column, 1), "YAML: %s", message)
}

// clean refuses what a model file must not hold, once and in linear time, and takes it out of the tree. It is false when
// the tree is too large to go on.
func (d *decoder) clean(n *yaml.Node, depth int) bool {
	d.nodes++
	switch {
	case depth > MaxDepth:
		d.fail(n, "this nests more than %d deep", MaxDepth)
		return false
	case d.nodes > MaxNodes:
		d.fail(n, "a model file has at most %d values", MaxNodes)
		return false
	case n.Kind == yaml.AliasNode:
		d.refuse(n, "aliases such as *%s are not allowed; write the value again", n.Value)
		return true
	case n.Anchor != "":
		d.fail(n, "anchors such as &%s are not allowed", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n, "tags such as %s are not allowed", n.Tag)
	}
	if n.Kind == yaml.MappingNode {
		d.cleanKeys(n)
	}
	if n.Style&yaml.FlowStyle != 0 {
		d.mendCuts(n)
	}
	for _, child := range n.Content {
		if !d.clean(child, depth+1) {
			return false
		}
	}
	return true
}

func (d *decoder) refuse(n *yaml.Node, format string, args ...any) {
	d.fail(n, format, args...)
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: skip, Line: n.Line, Column: n.Column}
}

// cleanKeys takes out pairs whose key is no text, a merge key, or a repeat.
func (d *decoder) cleanKeys(n *yaml.Node) {
	first := make(map[string]int, len(n.Content)/2)
	kept := n.Content[:0]
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null" && key.Style == 0 && key.Value == "":
			d.fail(key, "a key is a plain name")
			continue
		case key.Tag == "!!merge":
			d.fail(key, "merge keys (<<) are not allowed; write the fields out")
			continue
		}
		if line, again := first[key.Value]; again {
			d.fail(key, "%q stands twice here; the first is in line %d", key.Value, line)
			continue
		}
		first[key.Value] = key.Line
		kept = append(kept, key, n.Content[i+1])
	}
	n.Content = kept
}

// mendCuts finds texts that YAML has cut at a comma inside [ ] or { }, says so once, and takes the scraps out.
func (d *decoder) mendCuts(n *yaml.Node) {
	width := 1
	if n.Kind == yaml.MappingNode {
		width = 2
	}
	kept := n.Content[:0]
	for i := 0; i+width <= len(n.Content); i += width {
		value := n.Content[i+width-1]
		kept = append(kept, n.Content[i:i+width]...)
		if value.Kind != yaml.ScalarNode || value.Style != 0 || !open(value.Value) {
			continue
		}
		text := value.Value
		for i+2*width <= len(n.Content) && open(text) && n.Content[i+width].Kind == yaml.ScalarNode {
			i += width
			text += ", " + n.Content[i].Value
		}
		hint := "put it in quotes"
		if !strings.Contains(text, `"`) {
			hint = fmt.Sprintf("write it in quotes: %q", text)
		}
		d.refuse(value, `YAML cuts a text at the comma inside [ ] and { }, so this one ends early; %s, or on a line of its own in block style`, hint)
	}
	n.Content = kept
}

// open says whether a text has a bracket or quote that is not closed.
func open(s string) bool {
	depth, quote := 0, rune(0)
	for _, c := range s {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
	}
	return depth > 0 || quote != 0
}
