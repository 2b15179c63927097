// Package modelfile answers: what does this model file declare, and what is wrong with it?
//
// A model file is YAML 1.2; Parse turns it into a rondo.Spec with every default filled in, or into Errors: all mistakes
// at once, each with line, column, fact and next move. Three kinds of words are told apart: those that can be honoured,
// those that the language knows and this installation cannot honour yet (refused by name), and unknown ones (answered
// with the nearest known). One table of fields (document, in table.go) drives decoding, defaults, the JSON Schema and
// the reference page.
//
// What needs no data is checked here: syntax of expressions, bars and batch checks, names, order of the stages (D1), bars
// that do not fit the task. Columns and their types are checked by transform, which sees the data.
//
// Hostile text: at most 256 KiB, 64 deep, 10,000 nodes; no aliases, anchors, tags, merge keys or duplicate keys. Size and
// depth are checked before the YAML library sees the text, and only its node tree is used.
//
// Canonical form: Canonical is the Spec as JSON with expressions in their canonical text, so two files that differ in
// spacing, comments or quoting have one Digest.
package modelfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"rondo.dev/rondo/internal/rondo"
)

// The limits of a model file.
const (
	MaxBytes = 256 << 10
	MaxDepth = 64
	MaxNodes = 10_000
)

// maxMistakes is how many mistakes are listed before "and more".
const maxMistakes = 100

// Mistake is one thing that is wrong, where it stands. Line and Column count from 1; columns count characters.
type Mistake struct {
	File         string
	Line, Column int
	Message      string
}

func (m Mistake) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.Message)
}

// Errors is everything that is wrong with a file, in the order of the file.
type Errors []Mistake

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, m := range e {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// As makes the errors a rondo.Error of kind Invalid for whoever asks.
func (e Errors) As(target any) bool {
	t, ok := target.(**rondo.Error)
	if ok {
		*t = &rondo.Error{Kind: rondo.Invalid, Message: e.Error()}
	}
	return ok
}

// Load reads a model file; Dir of the result is its folder.
func Load(path string) (*rondo.Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		kind := rondo.Unavailable
		if errors.Is(err, os.ErrNotExist) {
			kind = rondo.NotFound
		}
		return nil, &rondo.Error{Kind: kind, Field: path, Message: "read the model file", Err: err}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, &rondo.Error{Kind: rondo.Unavailable, Field: path, Message: "read the model file", Err: err}
	}
	spec, err := Parse(path, b)
	if err != nil {
		return nil, err
	}
	if spec.Dir, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", path, err)
	}
	return spec, nil
}

// Parse reads the text of a model file; name is what mistakes call it. Its error is Errors.
func Parse(name string, b []byte) (*rondo.Spec, error) {
	d := &decoder{file: name, spec: &rondo.Spec{}, made: make(map[string]made), at: make(map[string]place)}
	if root := d.tree(b); root != nil {
		d.object(root, document().fields)
		d.defaults()
		d.check()
	}
	if len(d.errs) == 0 {
		return d.spec, nil
	}
	sort.SliceStable(d.errs, func(i, j int) bool {
		a, b := d.errs[i], d.errs[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	if more := len(d.errs) - maxMistakes; more > 0 {
		d.errs = d.errs[:maxMistakes]
		last := d.errs[maxMistakes-1]
		d.errs = append(d.errs, Mistake{name, last.Line, last.Column, fmt.Sprintf("and %d more mistakes after this", more)})
	}
	return nil, d.errs
}

// Canonical is the declaration as JSON: equal declarations, equal bytes.
func Canonical(s *rondo.Spec) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // a Spec that Parse made holds no value JSON lacks
		panic(fmt.Sprintf("marshal the spec of %s: %v", s.Name, err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// Digest names a declaration by its content.
func Digest(s *rondo.Spec) rondo.Digest { return rondo.DigestOf(sha256.Sum256(Canonical(s))) }
