package boost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// smallModels has one trained model of each objective, with the rows it learned from.
func smallModels(t testing.TB) (models []*Model, tables []Data) {
	t.Helper()
	for _, o := range []Objective{Binary, Multiclass, Squared} {
		d := world{rows: 1500, columns: 7, seed: 7, missing: 0.1}.table(o, 3)
		p := DefaultParams(o)
		p.Classes, p.Trees, p.Leaves = 3, 9, 15
		models, tables = append(models, mustTrain(t, p, d, nil, nil)), append(tables, d)
	}
	return models, tables
}

func keysOf(row []float32) []uint32 {
	keys := make([]uint32, len(row))
	for i, x := range row {
		keys[i] = valueKey(x)
	}
	return keys
}

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

func TestBatchIsRowByRowToTheBit(t *testing.T) {
	models, tables := smallModels(t)
	wide := world{rows: 600, columns: stackColumns + 3, seed: 7, missing: 0.1}.table(Multiclass, 3)
	p := DefaultParams(Multiclass)
	p.Classes, p.Trees, p.Leaves = 3, 3, 15
	models, tables = append(models, mustTrain(t, p, wide, nil, nil)), append(tables, wide)
	for i, m := range models {
		d := tables[i]
		width, outputs := len(m.Features()), m.Outputs()
		rows := d.Rows - 3 // not a multiple of four
		d.Values[5] = float32(math.Inf(1))
		d.Values[6] = float32(math.Inf(-1))
		want := make([]float64, rows*outputs)
		for r := range rows {
			m.Predict(d.Values[r*width:(r+1)*width], want[r*outputs:(r+1)*outputs])
		}
		for _, threads := range []int{0, 1, 2, 3, 4, 2000} {
			got := make([]float64, rows*outputs)
			m.PredictBatch(d.Values[:rows*width], rows, got, threads)
			if !sameBits(got, want) {
				t.Errorf("%v: %d threads differ", m.Objective(), threads)
			}
		}
		m.PredictBatch(nil, 0, nil, 2)
	}
}

func TestPredictIsTheSumOfLeavesInTreeOrder(t *testing.T) {
	models, tables := smallModels(t)
	for i, m := range models {
		width := len(m.features)
		raw := make([]float64, m.Outputs())
		for r := range 50 {
			row := tables[i].Values[r*width : (r+1)*width]
			want := slices.Clone(m.base)
			for tree, root := range m.roots {
				want[tree%len(want)] += m.values[m.leaf(root, keysOf(row))]
			}
			m.Raw(row, raw)
			if !sameBits(raw, want) {
				t.Fatalf("%v: raw %v, want %v", m.objective, raw, want)
			}
			m.Predict(row, raw)
			sum := 0.0
			for _, p := range raw {
				sum += p
			}
			if m.objective == Multiclass && math.Abs(sum-1) > 1e-12 {
				t.Errorf("probabilities sum to %v", sum)
			}
		}
	}
}

func TestPredictAllocatesNothing(t *testing.T) {
	models, tables := smallModels(t)
	for i, m := range models {
		out := make([]float64, m.Outputs())
		row := tables[i].Values[:len(m.features)]
		if n := testing.AllocsPerRun(100, func() { m.Predict(row, out) }); n != 0 {
			t.Errorf("%v: %v allocations", m.objective, n)
		}
	}
}

func TestPredictRefusesRowsOfAnotherShape(t *testing.T) {
	models, tables := smallModels(t)
	for name, call := range map[string]func(){
		"short row":    func() { models[0].Predict(tables[0].Values[:6], make([]float64, 1)) },
		"short out":    func() { models[1].Predict(tables[1].Values[:7], make([]float64, 2)) },
		"batch values": func() { models[0].PredictBatch(tables[0].Values[:15], 2, make([]float64, 2), 1) },
		"batch out":    func() { models[0].PredictBatch(tables[0].Values[:14], 2, make([]float64, 1), 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

func TestSavedModelComesBackTheSame(t *testing.T) {
	models, tables := smallModels(t)
	for i, m := range models {
		b, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Load(b)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := back.MarshalBinary()
		if !bytes.Equal(b, again) {
			t.Errorf("%v: bytes differ after a load", m.objective)
		}
		if back.Objective() != m.objective || back.NumTrees() != m.NumTrees() || back.Classes() != m.Classes() ||
			!slices.Equal(back.Features(), m.features) || !sameBits(back.Importance(), m.gain) {
			t.Errorf("%v: description differs after a load", m.objective)
		}
		rows := tables[i].Rows
		want, got := make([]float64, rows*m.Outputs()), make([]float64, rows*m.Outputs())
		m.PredictBatch(tables[i].Values, rows, want, 1)
		back.PredictBatch(tables[i].Values, rows, got, 1)
		if !sameBits(got, want) {
			t.Errorf("%v: predictions differ after a load", m.objective)
		}
	}
}

// seal puts a right checksum under tampered bytes.
func seal(b []byte) []byte {
	body := b[:len(b)-sumBytes]
	sum := crc32.ChecksumIEEE(body)
	return append(slices.Clone(body), byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
}

func TestLoadRefusesDamageAndNamesTheOffset(t *testing.T) {
	models, _ := smallModels(t)
	good, _ := models[0].MarshalBinary()
	for n := range good {
		if _, err := Load(good[:n]); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
		if n+sumBytes > len(good)-1 {
			continue
		}
		if _, err := Load(seal(good[:n+sumBytes])); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut after %d bytes with a right checksum: %v", n, err)
		}
	}
	change := func(at int, to ...byte) []byte {
		b := slices.Clone(good)
		copy(b[at:], to)
		return seal(b)
	}
	names := 0
	for _, name := range models[0].features {
		names += 4 + len(name) + 8
	}
	first := headerBytes + 8
	tree := first + names + 8
	nan := []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}
	for what, c := range map[string]struct {
		b    []byte
		want string
	}{
		"magic":         {change(0, 'X'), "offset 0: does not begin"},
		"version":       {change(8, 9), "offset 8: version 9"},
		"objective":     {change(10, 77), "offset 10: objective 77"},
		"flags":         {change(11, 2), "offset 10: objective 0 with flags 2"},
		"parameter":     {change(24, 1), "offset 24: objective binary with parameter"},
		"no features":   {change(12, 0, 0, 0, 0), "offset 12: 0 features"},
		"features":      {change(12, 0xff, 0xff, 0, 0), "offset 12: 65535 features"},
		"outputs":       {change(16, 2), "offset 16: 2 outputs"},
		"trees":         {change(20, 0xff, 0xff, 0xff, 0x7f), "offset 20: 2147483647 trees"},
		"name":          {change(first, 0xff, 0xff, 0xff, 0xff), "offset 32: 4294967295 bytes"},
		"same name":     {change(first+4+2+8+4, good[first+4], good[first+5]), "both named"},
		"gain":          {change(first+4+2, nan...), "offset 38: number is NaN"},
		"base":          {change(first+names, nan...), fmt.Sprintf("offset %d: number is NaN", first+names)},
		"nodes":         {change(tree, 0xff, 0xff, 0xff), fmt.Sprintf("offset %d: 16777215 nodes", tree)},
		"few nodes":     {change(tree, 1, 0, 0, 0), "tree of 1 nodes lacks 2"},
		"orphan":        {change(tree+4, 0), "node 1 has no parent"},
		"kind":          {change(tree+4, 9), fmt.Sprintf("offset %d: node kind 9", tree+4)},
		"split feature": {change(tree+5, 7), fmt.Sprintf("offset %d: split of feature 7", tree+5)},
		"cut":           {change(tree+9, 0, 0, 0xc0, 0x7f), "at NaN"},
		"cut -0":        {change(tree+9, 0, 0, 0, 0x80), "at -0"},
		"tail":          {seal(append(slices.Clone(good), 0)), "bytes after the last tree"},
		"checksum":      {append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1), "checksum"},
	} {
		if _, err := Load(c.b); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", what, err, c.want)
		}
	}
}

// versionOne is what version 1 of the format would hold of m.
func versionOne(t testing.TB, m *Model) []byte {
	t.Helper()
	bare := m.extended()
	bare.cover = nil
	b := modelBytes(t, bare)
	b[len(formatMagic)] = 1
	return seal(slices.Delete(b, headerBytes, headerBytes+8)) // the parameter
}

// Files that version 1 wrote, with the bits of its predictions for the first 20 rows of the table they were trained on.
func TestFilesOfVersionOneLoad(t *testing.T) {
	for _, o := range []Objective{Binary, Multiclass, Squared} {
		b, err := os.ReadFile(fmt.Sprintf("testdata/released/%v-1.boost", o))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Load(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(versionOne(t, m), b) {
			t.Errorf("%v: the file does not come back", o)
		}
		b, err = os.ReadFile(fmt.Sprintf("testdata/released/%v-1.json", o))
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		values, out := world{rows: 400, columns: 5, seed: 7, missing: 0.1}.values(), make([]float64, m.Outputs())
		for r := range 20 {
			m.Predict(values[5*r:5*r+5], out)
			for _, x := range out {
				got = append(got, fmt.Sprintf("%016x", math.Float64bits(x)))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: predictions differ: %v, want %v", o, got, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, o := range []Objective{Binary, Multiclass, Squared} {
		p := DefaultParams(o)
		p.Classes, p.Trees, p.Leaves, p.Threads = 3, 2, 3, 1
		m := mustTrain(f, p, world{rows: 200, columns: 2, seed: 7, missing: 0.1}.table(o, 3), nil, nil)
		b, _ := m.MarshalBinary()
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(versionOne(f, m))
	}
	b, _ := randomForest(3, 40).MarshalBinary()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < sumBytes {
			return
		}
		m, err := Load(seal(b)) // else the checksum would refuse nearly everything
		if err != nil {
			return
		}
		if len(m.nodes)+len(m.sets.words) > len(b) || len(m.features) > len(b) || len(m.base) > len(b) {
			t.Fatalf("%d nodes, %d features, %d outputs from %d bytes", len(m.nodes), len(m.features), len(m.base), len(b))
		}
		row, out := make([]float32, len(m.features)), make([]float64, m.Outputs())
		row[0] = nan32
		m.Predict(row, out)
		again, _ := m.MarshalBinary()
		if b[len(formatMagic)] == 1 {
			again = versionOne(t, m)
		}
		if !bytes.Equal(again, seal(b)) {
			t.Fatal("a model that loads must be written as it was read")
		}
	})
}
