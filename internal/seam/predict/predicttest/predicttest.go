// Package predicttest examines implementations of predict: every line of its promise is a test.
package predicttest

import (
	"bytes"
	"fmt"
	"math"
	"sync"
	"testing"

	"rondo.dev/rondo/internal/lib/seed"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict"
)

// Case is one artefact with what it has to be.
type Case struct {
	Name     string
	Artefact []byte
	Features []string
	Outputs  int
	Kind     rondo.TaskKind
}

const rows = 300

// Run examines a runtime on artefacts of its format.
func Run(t *testing.T, r predict.Runtime, cases []Case) {
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			m, err := r.Load(t.Context(), c.Artefact)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if m.Outputs() != c.Outputs || fmt.Sprint(m.Features()) != fmt.Sprint(c.Features) {
				t.Fatalf("%d outputs, features %q", m.Outputs(), m.Features())
			}
			values := Rows(len(c.Features))
			want := make([]float64, rows*c.Outputs)
			if err := m.Predict(values, rows, want); err != nil {
				t.Fatal(err)
			}
			sane(t, c, want)
			batches(t, m, values, want)
			concurrent(t, m, values, want)
			widths(t, m, len(c.Features))
			strangers(t, r, c.Artefact)
		})
	}
}

// Rows are values of all sorts: ordinary, missing, infinite, the two zeros, the largest and the smallest.
func Rows(width int) []float32 {
	rng := seed.Seed(1).Rand("predicttest")
	odd := []float32{
		float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
		math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32,
	}
	values := make([]float32, rows*width)
	for i := range values {
		if rng.IntN(4) == 0 {
			values[i] = odd[rng.IntN(len(odd))]
		} else {
			values[i] = float32(rng.NormFloat64())
		}
	}
	return values
}

func sane(t *testing.T, c Case, out []float64) {
	t.Helper()
	for i := 0; i < len(out); i += c.Outputs {
		sum := 0.0
		for _, x := range out[i : i+c.Outputs] {
			if math.IsNaN(x) || math.IsInf(x, 0) || c.Kind != rondo.Regression && (x < 0 || x > 1) {
				t.Fatalf("row %d: %v", i/c.Outputs, x)
			}
			sum += x
		}
		if c.Kind == rondo.Multiclass && math.Abs(sum-1) > 1e-12 {
			t.Fatalf("row %d: probabilities sum to %v", i/c.Outputs, sum)
		}
	}
}

func batches(t *testing.T, m predict.Model, values []float32, want []float64) {
	t.Helper()
	width, outputs := len(m.Features()), m.Outputs()
	for _, size := range []int{1, 2, 7, 64, 65, 299} {
		got := make([]float64, len(want))
		for from := 0; from < rows; from += size {
			to := min(from+size, rows)
			if err := m.Predict(values[from*width:to*width], to-from, got[from*outputs:to*outputs]); err != nil {
				t.Fatal(err)
			}
		}
		same(t, fmt.Sprintf("batches of %d", size), got, want)
	}
}

func concurrent(t *testing.T, m predict.Model, values []float32, want []float64) {
	t.Helper()
	var group sync.WaitGroup
	got := make([][]float64, 8)
	errs := make([]error, len(got))
	for g := range got {
		got[g] = make([]float64, len(want))
		group.Go(func() { errs[g] = m.Predict(values, rows, got[g]) })
	}
	group.Wait()
	for g := range got {
		if errs[g] != nil {
			t.Fatal(errs[g])
		}
		same(t, "eight at once", got[g], want)
	}
}

func same(t *testing.T, how string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Fatalf("%s: number %d is %x, not %x", how, i, math.Float64bits(got[i]), math.Float64bits(want[i]))
		}
	}
}

func widths(t *testing.T, m predict.Model, width int) {
	t.Helper()
	out := make([]float64, 2*m.Outputs())
	for what, err := range map[string]error{
		"a value missing":  m.Predict(make([]float32, 2*width-1), 2, out),
		"a value too many": m.Predict(make([]float32, 2*width+1), 2, out),
		"a row too many":   m.Predict(make([]float32, 3*width), 2, out),
		"negative rows":    m.Predict(nil, -1, out),
		"no room":          m.Predict(make([]float32, 2*width), 2, out[1:]),
	} {
		if rondo.KindOf(err) != rondo.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := m.Predict(nil, 0, nil); err != nil {
		t.Errorf("no rows: %v", err)
	}
}

func strangers(t *testing.T, r predict.Runtime, good []byte) {
	t.Helper()
	rng := seed.Seed(2).Rand("strangers")
	for _, b := range [][]byte{nil, []byte("no model"), good[:len(good)-1], append(bytes.Clone(good), 0)} {
		if _, err := r.Load(t.Context(), b); rondo.KindOf(err) != rondo.Invalid {
			t.Errorf("%d bytes that are no model: %v", len(b), err)
		}
	}
	for range 200 {
		b := bytes.Clone(good)
		b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
		if _, err := r.Load(t.Context(), b); rondo.KindOf(err) != rondo.Invalid {
			t.Fatalf("a changed byte was accepted: %v", err)
		}
	}
}
