package boost

import "strconv"

// The tables of the tests come from a formula, so that testdata/oracle/peers.py makes the same ones: uniform(i) is the
// top 24 bits of mix(seed + i*golden), a column is uniform or the sum of four (a bell), labels come from a score of
// pieces. See peers.py for the same lines in NumPy.

type world struct {
	rows, columns int
	seed          uint64
	missing       float64 // share of the values that are missing
}

func uniform(seed, i uint64) float64 { return float64(mix(seed+i*golden)>>40) / (1 << 24) }

func (w world) values() []float32 {
	values := make([]float32, w.rows*w.columns)
	for i := range values {
		at := uint64(i)
		x := uniform(w.seed, 8*at)
		switch i % w.columns % 4 {
		case 0: // a bell
			x = 2 * (x + uniform(w.seed, 8*at+1) + uniform(w.seed, 8*at+2) + uniform(w.seed, 8*at+3) - 2)
		case 1: // skewed
			x = x * x * x * 10
		case 2: // few values
			x = float64(int(x * 7))
		}
		values[i] = float32(x)
		if w.missing > 0 && uniform(w.seed, 8*at+4) < w.missing {
			values[i] = nan32
		}
	}
	return values
}

// score is a smooth-and-stepped function of a row's first columns; missing counts as 0.5, as do columns
// that are not there.
func (w world) score(row []float32) float64 {
	x := func(i int) float64 {
		if i >= len(row) || row[i] != row[i] {
			return 0.5
		}
		return float64(row[i])
	}
	s := x(0) + float64(0.5*x(1)) - float64(0.3*x(2)) + float64(x(3)*x(4))
	if x(5) > 2 {
		s += 1
	}
	if x(0) > 0 && x(3) > 0.5 {
		s += 1.5
	}
	return s - 1.5
}

func (w world) noise(row, which int) float64 {
	return uniform(w.seed+1, uint64(row)*4+uint64(which))
}

// table makes labels: Binary and Multiclass by thresholds of score plus noise, Squared the score plus noise.
func (w world) table(o Objective, classes int) Data {
	d := Data{Rows: w.rows, Values: w.values(), Labels: make([]float64, w.rows)}
	for c := range w.columns {
		d.Features = append(d.Features, "x"+strconv.Itoa(c))
	}
	for r := range w.rows {
		s := w.score(d.Values[r*w.columns : (r+1)*w.columns])
		bell := 2 * (w.noise(r, 0) + w.noise(r, 1) + w.noise(r, 2) + w.noise(r, 3) - 2)
		s += bell
		switch o {
		case Binary:
			if s > 0.5 {
				d.Labels[r] = 1
			}
		case Multiclass:
			d.Labels[r] = float64(min(max(int(s+1.5), 0), classes-1))
		default:
			d.Labels[r] = s
		}
	}
	return d
}
