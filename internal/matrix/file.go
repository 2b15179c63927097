package matrix

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	formatName    = "rondo-matrix"
	formatVersion = 1
	blockValues   = 1 << 14 // numbers that are encoded at a time
)

// Header is the first line of a matrix file.
type Header struct {
	Format   string   `json:"format"`
	Version  int      `json:"version"`
	Rows     int      `json:"rows"`
	Features []string `json:"features"`
	Classes  []string `json:"classes,omitempty"`
	Times    bool     `json:"times"`
}

func (m *Matrix) header() Header {
	return Header{
		Format: formatName, Version: formatVersion,
		Rows: m.Rows, Features: m.Features, Classes: m.Classes, Times: m.Times != nil,
	}
}

func (h Header) check() error {
	switch {
	case h.Format != formatName:
		return fmt.Errorf("%w: header says format %q, not %q", ErrFormat, h.Format, formatName)
	case h.Version != formatVersion:
		return fmt.Errorf("%w: version %d, this program reads version %d", ErrFormat, h.Version, formatVersion)
	case h.Rows < 0 || h.Rows > MaxRows:
		return fmt.Errorf("%w: %d rows, must be 0 to %d", ErrFormat, h.Rows, MaxRows)
	case len(h.Features) == 0:
		return fmt.Errorf("%w: no features", ErrFormat)
	case len(h.Classes) == 1:
		return fmt.Errorf("%w: one class only, must be none or at least 2", ErrFormat)
	}
	if err := checkNames("feature", h.Features, MaxFeatures); err != nil {
		return err
	}
	return checkNames("class", h.Classes, MaxClasses)
}

// body is the number of bytes after the header line: at most 2^31 rows of 2^18 bytes, so it cannot overflow.
func (h Header) body() int64 {
	row := 4*int64(len(h.Features)) + 8
	if h.Times {
		row += 8
	}
	return int64(h.Rows) * row
}

// ReadHeader reads the first line alone, and no byte behind it when r is an io.ByteReader.
func ReadHeader(r io.Reader) (Header, error) {
	h, _, err := readHeader(r)
	return h, err
}

func readHeader(r io.Reader) (h Header, size int64, err error) {
	bytewise, ok := r.(io.ByteReader)
	if !ok {
		bytewise = bufio.NewReader(r)
	}
	var line []byte
	for {
		c, err := bytewise.ReadByte()
		if errors.Is(err, io.EOF) {
			return h, 0, fmt.Errorf("%w: ends within the header", ErrFormat)
		}
		if err != nil {
			return h, 0, fmt.Errorf("read matrix header: %w", err)
		}
		if len(line) == 0 && c != '{' {
			return h, 0, fmt.Errorf("%w: does not begin with a JSON header", ErrFormat)
		}
		if c == '\n' {
			break
		}
		if line = append(line, c); len(line) > maxHeader {
			return h, 0, fmt.Errorf("%w: header is longer than %d bytes", ErrFormat, maxHeader)
		}
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return h, 0, fmt.Errorf("%w: header: %w", ErrFormat, err)
	}
	if dec.InputOffset() != int64(len(line)) {
		return h, 0, fmt.Errorf("%w: header: more than one JSON value", ErrFormat)
	}
	if len(h.Classes) == 0 {
		h.Classes = nil
	}
	return h, int64(len(line)) + 1, h.check()
}

// ReadFrom reads a matrix of size bytes without holding them beside it.
func ReadFrom(r io.Reader, size int64) (*Matrix, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	h, used, err := readHeader(br)
	if err != nil {
		return nil, err
	}
	if size-used != h.body() {
		return nil, fmt.Errorf("%w: %d bytes after the header, %d rows of %d features have %d",
			ErrFormat, size-used, h.Rows, len(h.Features), h.body())
	}
	m := &Matrix{
		Features: h.Features, Rows: h.Rows, Classes: h.Classes,
		Values: make([]float32, h.Rows*len(h.Features)), Targets: make([]float64, h.Rows),
	}
	if err := readNumbers(br, m.Values, 4, func(b []byte) float32 {
		return canonical(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}); err != nil {
		return nil, err
	}
	if err := readNumbers(br, m.Targets, 8, func(b []byte) float64 {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}); err != nil {
		return nil, err
	}
	if err := checkTargets(m.Targets, 0, len(m.Classes)); err != nil {
		return nil, err
	}
	if !h.Times {
		return m, nil
	}
	m.Times = make([]int64, h.Rows)
	return m, readNumbers(br, m.Times, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
}

func readNumbers[T any](r io.Reader, into []T, width int, decode func([]byte) T) error {
	buf := make([]byte, min(len(into), blockValues)*width)
	for len(into) > 0 {
		n := min(len(into), blockValues)
		if _, err := io.ReadFull(r, buf[:n*width]); err != nil {
			return fmt.Errorf("read matrix: %w", err)
		}
		for i := range n {
			into[i] = decode(buf[i*width:])
		}
		into = into[n:]
	}
	return nil
}

func write(w io.Writer, m *Matrix) error {
	if err := m.checkShape(); err != nil {
		return err
	}
	line, err := json.Marshal(m.header())
	if err != nil {
		return fmt.Errorf("matrix header: %w", err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write matrix: %w", err)
	}
	le := binary.LittleEndian
	if err := writeNumbers(w, m.Values, func(b []byte, x float32) []byte {
		return le.AppendUint32(b, math.Float32bits(canonical(x)))
	}); err != nil {
		return err
	}
	if err := writeNumbers(w, m.Targets, func(b []byte, x float64) []byte {
		return le.AppendUint64(b, math.Float64bits(x+0)) // -0 + 0 is 0
	}); err != nil {
		return err
	}
	return writeNumbers(w, m.Times, func(b []byte, x int64) []byte { return le.AppendUint64(b, uint64(x)) })
}

func writeNumbers[T any](w io.Writer, from []T, encode func([]byte, T) []byte) error {
	buf := make([]byte, 0, min(len(from), blockValues)*8)
	for len(from) > 0 {
		n := min(len(from), blockValues)
		buf = buf[:0]
		for _, x := range from[:n] {
			buf = encode(buf, x)
		}
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("write matrix: %w", err)
		}
		from = from[n:]
	}
	return nil
}

var missing = math.Float32frombits(0x7fc00000)

// canonical gives every NaN the same bits, and -0 those of 0.
func canonical(x float32) float32 {
	if x != x {
		return missing
	}
	return x + 0
}
