package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
)

// testCase is one table and how it is learned.
type testCase struct {
	Name        string  `json:"name"`
	Rows        int     `json:"rows"`
	TestRows    int     `json:"testRows"`
	Columns     int     `json:"columns"`
	Depth       int     `json:"depth"`
	Trees       int     `json:"trees"` // beyond the first
	Threads     int     `json:"threads"`
	Rate        float64 `json:"rate"`
	Missing     float64 `json:"missing"` // share of the values
	Weights     bool    `json:"weights"`
	Categorical int     `json:"categorical"` // the last columns are codes below categoryCodes
}

const categoryCodes = 200

// standard is the case that has a bound.
var standard = testCase{
	Name: "1M x 28, depth 6", Rows: 1_000_000, TestRows: 200_000, Columns: 28, Depth: 6, Trees: 20, Threads: 1, Rate: 0.1,
}

// predicts tells whether there are test rows enough to measure predictions, and one thread as they are measured on.
func (c testCase) predicts() bool { return c.TestRows >= 100*stretchRows && c.Threads == 1 }

// stretchRows is how many rows one measured prediction has.
const stretchRows = 1920

// others vary it, one thing at a time.
func others() []testCase {
	deep, wide, gaps, codes, two := standard, standard, standard, standard, standard
	deep.Name, deep.Depth = "depth 8", 8
	wide.Name, wide.Columns, wide.Rows = "200 columns, 300,000 rows", 200, 300_000
	gaps.Name, gaps.Missing, gaps.Weights = "a tenth missing, weights", 0.1, true
	codes.Name, codes.Categorical = "8 columns of 200 categories", 8
	two.Name, two.Threads = "two threads", 2
	return []testCase{deep, wide, gaps, codes, two}
}

// draw is a hash (SplitMix64's) of a stream and a place as a number from 0 to 1.
func draw(stream, at uint64) float64 {
	x := stream*0x9e3779b97f4a7c15 + at*0xd1342543de82ef95
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>40) / (1 << 24)
}

// row fills one row and returns the log-odds of its label: bells, skewed columns, few values, products, steps; no pure
// interaction, which a greedy tree finds by luck.
func (c testCase) row(at uint64, row []float32) float64 {
	u := func(column int) float64 { return draw(uint64(column)+1, at) }
	for i := range row {
		x := u(i)
		switch {
		case i >= c.Columns-c.Categorical:
			x = math.Floor(x * categoryCodes)
		case i%5 == 1:
			x = -math.Log(1 - x)
		case i%5 == 2 && i > 5:
			x = math.Floor(x * 9)
		case i%5 == 3:
			x = u(i)*u(i+1000) + u(i+2000)
		default:
			x = u(i) + u(i+1000) + u(i+2000) + u(i+3000) - 2
		}
		row[i] = float32(x)
	}
	x := func(i int) float64 { return float64(row[i]) }
	score := 2*x(0) + 0.8*math.Tanh(x(1)-1) + x(0)*x(3) + 0.7*math.Abs(x(4)) - 0.5*x(5) + 0.3*x(6)*x(8) - 0.5
	if x(9) > 0.3 {
		score += 0.7
	}
	for i := c.Columns - c.Categorical; i < c.Columns; i++ {
		score += 1.2 * (draw(uint64(500+i), uint64(row[i])) - 0.5) // an effect of its own for each code
	}
	for i := range row {
		if c.Missing > 0 && draw(uint64(i)+5000, at) < c.Missing {
			row[i] = float32(math.NaN())
		}
	}
	return score
}

// table is a part of a case in memory.
type table struct {
	values, labels, weights []float32
}

// make computes rows first to first+n.
func (c testCase) make(first, n int) table {
	t := table{values: make([]float32, n*c.Columns), labels: make([]float32, n)}
	for r := range n {
		at := uint64(first + r)
		score := c.row(at, t.values[r*c.Columns:(r+1)*c.Columns])
		if draw(9999, at) < 1/(1+math.Exp(-1.5*score)) {
			t.labels[r] = 1
		}
		if c.Weights {
			t.weights = append(t.weights, float32(0.5+1.5*draw(9998, at)))
		}
	}
	return t
}

// write leaves the case in a folder and returns the labels of its test rows.
func (c testCase) write(folder string) ([]bool, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "case.json"), b, 0o600); err != nil {
		return nil, err
	}
	train, test := c.make(0, c.Rows), c.make(c.Rows, c.TestRows)
	for name, numbers := range map[string][]float32{
		"values": train.values, "labels": train.labels, "weights": train.weights, "test": test.values,
	} {
		if err := writeNumbers(filepath.Join(folder, name), numbers); err != nil {
			return nil, err
		}
	}
	labels := make([]bool, len(test.labels))
	for i, y := range test.labels {
		labels[i] = y == 1
	}
	return labels, nil
}

func writeNumbers(path string, numbers []float32) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for len(numbers) > 0 {
		n := min(len(numbers), 1<<16)
		if err := binary.Write(w, binary.LittleEndian, numbers[:n]); err != nil {
			return err
		}
		numbers = numbers[n:]
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// readNumbers reads float32 numbers by pieces, so that the file is not in memory twice.
func readNumbers(path string) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	numbers := make([]float32, info.Size()/4)
	r := bufio.NewReaderSize(f, 1<<20)
	for rest := numbers; len(rest) > 0; {
		n := min(len(rest), 1<<16)
		if err := binary.Read(r, binary.LittleEndian, rest[:n]); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return numbers, nil
}
