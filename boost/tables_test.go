package boost

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"math"
	"os"
	"strconv"
	"testing"
)

// The tables of the oracle's tasks, line by line those of testdata/oracle/tables.py, which has the sources of the formulas.

func normal(seed, i uint64) float64 {
	return math.Sqrt(-2*math.Log(1-uniform(seed, 2*i))) * math.Cos(2*math.Pi*uniform(seed, 2*i+1))
}

func numbered(rows, columns int, value func(at uint64) float64) Data {
	d := Data{Rows: rows, Values: make([]float32, rows*columns), Labels: make([]float64, rows)}
	for c := range columns {
		d.Features = append(d.Features, "x"+strconv.Itoa(c))
	}
	for i := range d.Values {
		d.Values[i] = float32(value(uint64(i)))
	}
	return d
}

func friedmanTable(seed uint64, rows int, label func(seed uint64, f float64, x []float32, row uint64) float64) Data {
	d := numbered(rows, 10, func(at uint64) float64 { return uniform(seed, at) })
	for r := range rows {
		x := d.Values[10*r : 10*r+10]
		a, b, c := float64(x[0]), float64(x[1]), float64(x[2])
		f := 10*math.Sin(math.Pi*a*b) + 20*(c-0.5)*(c-0.5) + 10*float64(x[3]) + 5*float64(x[4])
		d.Labels[r] = label(seed+1, f, x, uint64(r))
	}
	return d
}

func friedman1(seed uint64) Data {
	return friedmanTable(seed, 20_000, func(s uint64, f float64, _ []float32, r uint64) float64 { return f + normal(s, r) })
}

func quantileTable(seed uint64) Data {
	return friedmanTable(seed, 20_000, func(s uint64, f float64, x []float32, r uint64) float64 {
		return f + normal(s, r)*(1+3*float64(x[5]))
	})
}

func outliersTable(seed uint64) Data {
	return friedmanTable(seed, 20_000, func(s uint64, f float64, _ []float32, r uint64) float64 {
		if uniform(s+1, r) < 0.1 {
			return f + 15*normal(s, r)
		}
		return f + normal(s, r)
	})
}

func count(seed, row uint64, mean float64) float64 {
	u, p, n := uniform(seed, row), math.Exp(-mean), 0.0
	for below, k := p, 1.0; k < 60; k++ {
		if u >= below {
			n = k
		}
		p *= mean / k
		below += p
	}
	return n
}

func poissonTable(seed uint64) Data {
	return friedmanTable(seed, 20_000, func(s uint64, f float64, _ []float32, r uint64) float64 {
		return count(s, r, math.Exp(f/10-1))
	})
}

func tweedieTable(seed uint64) Data {
	return friedmanTable(seed, 20_000, func(s uint64, f float64, _ []float32, r uint64) float64 {
		sum := 0.0
		for k := range int(count(s, r, math.Exp(f/10-1.5)/2)) {
			sum -= 2 * math.Log(1-uniform(s+1, 60*r+uint64(k)))
		}
		return sum
	})
}

func imbalancedTable(seed uint64) Data {
	return friedmanTable(seed, 50_000, func(s uint64, f float64, _ []float32, r uint64) float64 {
		if f+3*normal(s, r) > 29.75 {
			return 1
		}
		return 0
	})
}

func rankingTable(seed uint64) Data {
	d := friedmanTable(seed, 20_000, func(s uint64, f float64, _ []float32, r uint64) float64 {
		return math.Min(math.Max(math.Trunc((f+4*normal(s, r)-9)/3), 0), 4)
	})
	for range 1000 {
		d.Groups = append(d.Groups, 20)
	}
	return d
}

func hastieTable(rows, columns int) func(seed uint64) Data {
	return func(seed uint64) Data {
		d := numbered(rows, columns, func(at uint64) float64 { return normal(seed, at) })
		for r := range rows {
			sum := 0.0
			for _, x := range d.Values[r*columns : r*columns+10] {
				sum += float64(x) * float64(x)
			}
			if sum > 9.34 {
				d.Labels[r] = 1
			}
		}
		return d
	}
}

func waveformTable(seed uint64) Data {
	const rows, columns = 10_000, 21
	d := numbered(rows, columns, func(at uint64) float64 { return 0 })
	wave := func(column int, shift float64) float64 { return max(6-math.Abs(float64(column+1)-11-shift), 0) }
	pairs := [3][2]float64{{0, 4}, {0, -4}, {4, -4}}
	for r := range rows {
		class, u := int(uniform(seed+1, uint64(2*r))*3), uniform(seed+1, uint64(2*r+1))
		for c := range columns {
			at := r*columns + c
			d.Values[at] = float32(u*wave(c, pairs[class][0]) + (1-u)*wave(c, pairs[class][1]) + normal(seed, uint64(at)))
		}
		d.Labels[r] = float64(class)
	}
	return d
}

func categoriesTable(seed uint64) Data {
	const rows = 30_000
	d := numbered(rows, 5, func(uint64) float64 { return 0 })
	d.Categories = []int{1000, 1000, 30, 0, 0}
	for r := range rows {
		u := func(i int) float64 { return uniform(seed, uint64(6*r+i)) }
		score := 2*u(3) - u(4)
		for c, n := range d.Categories[:3] {
			code := math.Trunc(u(c) * u(c) * float64(n))
			score += 3*uniform(uint64(77+c), uint64(code)) - 1.5
			d.Values[5*r+c] = float32(code)
		}
		d.Values[5*r+3], d.Values[5*r+4] = float32(u(3)), float32(u(4))
		if u(5) < 1/(1+math.Exp(-score)) {
			d.Labels[r] = 1
		}
	}
	return d
}

func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return b
}

func flightsTable(t *testing.T, label func(late float64) float64) func(seed uint64) Data {
	raw := unpacked(t, "testdata/oracle/flights.bin.gz")
	return func(seed uint64) Data {
		d := Data{Features: []string{"origin", "destination", "minute", "day", "distance"}}
		group := -1
		for at := 0; at < len(raw); at += 14 {
			field := func(i int) int { return int(binary.LittleEndian.Uint16(raw[at+2*i:])) }
			if (field(0) < 30_000) != (seed%2 == 1) {
				continue
			}
			for i := 1; i <= 5; i++ {
				d.Values = append(d.Values, float32(field(i)))
			}
			d.Labels = append(d.Labels, label(float64(field(6)-2000)))
			if field(0) != group {
				group = field(0)
				d.Groups = append(d.Groups, 0)
			}
			d.Groups[len(d.Groups)-1]++
			d.Rows++
		}
		return d
	}
}

func isLate(late float64) float64 {
	if late > 15 {
		return 1
	}
	return 0
}

func clippedMinutes(late float64) float64 { return min(max(late, -60), 180) }

func howLate(late float64) float64 {
	n := 0.0
	for _, edge := range []float64{0, 15, 30, 60} {
		if late > edge {
			n++
		}
	}
	return n
}

func digitsTable(t *testing.T) func(seed uint64) Data {
	raw := unpacked(t, "testdata/oracle/digits.bin.gz")
	return func(seed uint64) Data {
		d := numbered(0, 64, nil)
		for row := int(seed % 2); row < len(raw)/65; row += 2 {
			for _, x := range raw[row*65 : row*65+64] {
				d.Values = append(d.Values, float32(x))
			}
			d.Labels = append(d.Labels, float64(raw[row*65+64]))
			d.Rows++
		}
		return d
	}
}
