package matrix

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func example() *Matrix {
	return &Matrix{
		Features: []string{"hour", "origin ✈ \"x\""}, Rows: 2,
		Values:  []float32{1, float32(math.NaN()), float32(math.Inf(1)), -2.5},
		Targets: []float64{1, 0}, Times: []int64{-5, 1 << 60}, Classes: []string{"", "late"},
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &Matrix{
			Features: rapid.SliceOfNDistinct(rapid.String(), 1, 5, rapid.ID[string]).Draw(t, "features"),
			Rows:     rapid.IntRange(0, 40).Draw(t, "rows"),
		}
		n := m.Rows * len(m.Features)
		m.Values = rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "values")
		m.Targets = rapid.SliceOfN(rapid.Float64(), m.Rows, m.Rows).Draw(t, "targets")
		if rapid.Bool().Draw(t, "times") {
			m.Times = rapid.SliceOfN(rapid.Int64(), m.Rows, m.Rows).Draw(t, "t")
		}
		if m.Validate() != nil {
			t.Skip("names too long, or an infinite target")
		}
		b := Append(nil, m)
		got, err := Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, got, cmpopts.EquateNaNs()); d != "" {
			t.Fatal(d)
		}
		if !bytes.Equal(Append(nil, got), b) {
			t.Fatal("bytes differ the second time")
		}
		var w bytes.Buffer
		if err := Write(&w, m); err != nil || !bytes.Equal(w.Bytes(), b) {
			t.Fatalf("Write and Append differ: %v", err)
		}
	})
}

func TestEqualMatricesAreEqualBytes(t *testing.T) {
	a, b := example(), example()
	a.Values[1] = math.Float32frombits(0xffc12345) // another NaN
	a.Targets[1] = math.Copysign(0, -1)
	if !bytes.Equal(Append(nil, a), Append(nil, b)) {
		t.Error("the bits of NaN or -0 reach the file")
	}
	got, err := Read(Append([]byte("x"), a)[1:])
	if err != nil || math.Float32bits(got.Values[1]) != 0x7fc00000 {
		t.Errorf("NaN read as %x, %v", math.Float32bits(got.Values[1]), err)
	}
}

func TestHeaderAloneIsRead(t *testing.T) {
	h, err := ReadHeader(bytes.NewReader(Append(nil, example())))
	if err != nil || h.Rows != 2 || len(h.Features) != 2 || len(h.Classes) != 2 || !h.Times {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestMoreRowsThanABlockAreRead(t *testing.T) {
	m := &Matrix{Features: []string{"a", "b", "c"}, Rows: blockValues + 7}
	for i := range m.Rows {
		m.Values = append(m.Values, float32(i), float32(-i), 0.5)
		m.Targets = append(m.Targets, float64(i)/3)
	}
	got, err := Read(Append(nil, m))
	if err != nil || !cmp.Equal(m, got) {
		t.Errorf("differs: %v", err)
	}
}

func TestForeignBytesAreRefused(t *testing.T) {
	good := Append(nil, example())
	line := func(s string) []byte { return []byte(s + "\n") }
	for name, b := range map[string][]byte{
		"empty":         nil,
		"not JSON":      []byte("PAR1...\n"),
		"no newline":    []byte(`{"format":"rondo-matrix"`),
		"unknown field": line(`{"format":"rondo-matrix","version":1,"rows":0,"features":["a"],"times":false,"x":1}`),
		"two values":    line(`{"format":"rondo-matrix","version":1,"rows":0,"features":["a"],"times":false} {}`),
		"version":       line(`{"format":"rondo-matrix","version":2,"rows":0,"features":["a"],"times":false}`),
		"no features":   line(`{"format":"rondo-matrix","version":1,"rows":0,"features":[],"times":false}`),
		"twice":         line(`{"format":"rondo-matrix","version":1,"rows":0,"features":["a","a"],"times":false}`),
		"one class":     line(`{"format":"rondo-matrix","version":1,"rows":0,"features":["a"],"classes":["x"],"times":false}`),
		"many rows":     line(`{"format":"rondo-matrix","version":1,"rows":2147483647,"features":["a"],"times":true}`),
		"negative rows": line(`{"format":"rondo-matrix","version":1,"rows":-1,"features":["a"],"times":true}`),
		"cut short":     good[:len(good)-1],
		"too long":      append(bytes.Clone(good), 0),
		"class 7":       bytes.Replace(good, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, []byte{0, 0, 0, 0, 0, 0, 0x1c, 0x40}, 1),
		"NaN target":    bytes.Replace(good, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, 1),
	} {
		if m, err := Read(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestAFalseCountTakesNoMemory(t *testing.T) {
	b := []byte(`{"format":"rondo-matrix","version":1,"rows":2147483647,"features":["a"],"times":true}` + "\n")
	if n := testing.AllocsPerRun(3, func() { _, _ = Read(b) }); n > 100 {
		t.Errorf("%v allocations", n)
	}
}

func TestInvalidMatricesAreNotWritten(t *testing.T) {
	for name, change := range map[string]func(*Matrix){
		"values":  func(m *Matrix) { m.Values = m.Values[1:] },
		"targets": func(m *Matrix) { m.Targets = nil },
		"times":   func(m *Matrix) { m.Times = m.Times[1:] },
		"class":   func(m *Matrix) { m.Targets[0] = 2 },
		"name":    func(m *Matrix) { m.Features[0] = "\xff" },
		"long":    func(m *Matrix) { m.Features[0] = strings.Repeat("a", MaxName+1) },
	} {
		m := example()
		change(m)
		if err := Write(&bytes.Buffer{}, m); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Append(nil, example()))
	f.Add([]byte(`{"format":"rondo-matrix","version":1,"rows":0,"features":["a"],"times":true}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(b)
		if err != nil {
			return
		}
		again, err := Read(Append(nil, m))
		if err != nil || !cmp.Equal(m, again, cmpopts.EquateNaNs()) {
			t.Fatalf("read, written, read differs: %v", err)
		}
	})
}
