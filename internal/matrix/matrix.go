// Package matrix answers: which bytes does a trainer read? A matrix is the rows of one part of a dataset after the
// transform: float32 features, a float64 target, and the row's time where there is one.
//
// Shapes: Values is row-major [Rows][len(Features)], Targets [Rows], Times nil or [Rows] (microseconds UTC, ascending or
// not: the order of rows is the writer's).
//
// Missing: NaN in Values is missing; every NaN is written with the same bits, and -0 as 0, so equal matrices are equal
// bytes (D24). A target is never missing: NaN and infinities are refused. With Classes a target is an index into them.
//
// Errors: everything Read says about its bytes wraps ErrFormat and is found before memory is taken for it; memory stays
// within a small multiple of the bytes. The format is docs/formats/matrix.md.
package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

// ErrFormat is wrapped by every error about bytes that are no matrix.
var ErrFormat = errors.New("not a valid matrix")

// The limits of a matrix.
const (
	MaxRows     = math.MaxInt32
	MaxFeatures = 1<<16 - 1
	MaxClasses  = 1 << 12
	MaxName     = 4096     // bytes of a feature's or class's name
	maxHeader   = 16 << 20 // bytes of the header line
)

// Matrix is a part of a dataset as the trainer reads it.
type Matrix struct {
	Features []string
	Rows     int
	Values   []float32
	Targets  []float64
	Times    []int64  // nil without time
	Classes  []string // multiclass only: a target is an index into it
}

// Validate says what Read would refuse: Append and Write of a valid matrix can be read back.
func (m *Matrix) Validate() error {
	h := m.header()
	if err := h.check(); err != nil {
		return err
	}
	if err := m.checkShape(); err != nil {
		return err
	}
	return checkTargets(m.Targets, 0, len(m.Classes))
}

func (m *Matrix) checkShape() error {
	switch {
	case len(m.Values)%len(m.Features) != 0 || len(m.Values)/len(m.Features) != m.Rows:
		return fmt.Errorf("%w: %d values for %d rows of %d features", ErrFormat, len(m.Values), m.Rows, len(m.Features))
	case len(m.Targets) != m.Rows:
		return fmt.Errorf("%w: %d targets for %d rows", ErrFormat, len(m.Targets), m.Rows)
	case m.Times != nil && len(m.Times) != m.Rows:
		return fmt.Errorf("%w: %d times for %d rows", ErrFormat, len(m.Times), m.Rows)
	}
	return nil
}

// checkTargets looks at the targets of the rows from first on.
func checkTargets(targets []float64, first, classes int) error {
	for i, y := range targets {
		if math.IsNaN(y) || math.IsInf(y, 0) {
			return fmt.Errorf("%w: target of row %d is %v", ErrFormat, first+i, y)
		}
		if classes > 0 && (y != math.Trunc(y) || y < 0 || y >= float64(classes)) {
			return fmt.Errorf("%w: target of row %d is %v, no index into %d classes", ErrFormat, first+i, y, classes)
		}
	}
	return nil
}

// Append appends the matrix to b. The matrix has to be valid; Append panics when its lengths do not agree.
func Append(b []byte, m *Matrix) []byte {
	buf := bytes.NewBuffer(b)
	if len(m.Features) > 0 {
		buf.Grow(m.Rows*(4*len(m.Features)+16) + 256)
	}
	if err := write(buf, m); err != nil {
		panic("matrix: " + err.Error())
	}
	return buf.Bytes()
}

// Write writes a matrix, or says why it is none.
func Write(w io.Writer, m *Matrix) error {
	if err := m.Validate(); err != nil {
		return err
	}
	return write(w, m)
}

// Read reads a matrix that is all of b.
func Read(b []byte) (*Matrix, error) { return ReadFrom(bytes.NewReader(b), int64(len(b))) }

func checkNames(what string, names []string, limit int) error {
	if len(names) > limit {
		return fmt.Errorf("%w: %d %s names, at most %d", ErrFormat, len(names), what, limit)
	}
	at := make(map[string]int, len(names))
	for i, name := range names {
		if len(name) > MaxName || !utf8.ValidString(name) {
			return fmt.Errorf("%w: %s %d: name has to be UTF-8 of at most %d bytes", ErrFormat, what, i, MaxName)
		}
		if first, seen := at[name]; seen {
			return fmt.Errorf("%w: %s names %d and %d are both %q", ErrFormat, what, first, i, name)
		}
		at[name] = i
	}
	return nil
}
