package monitor

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// Moved is how far a column is from its reference. Effect is the difference of means in reference deviations for numbers,
// and the total variation distance (0 to 1) for text and bools: the share of rows that would have to change. Before and Now
// are means of numbers, shares of true, and numbers of different texts. Measured is false where one of the tables has no
// value; then only the missing rows are told.
type Moved struct {
	Column      string
	Kind        column.Type
	Measured    bool
	Constant    bool // the reference had one number only; Effect has no unit then, and is infinite where it moved
	Effect      float64
	Before, Now float64
	NullsBefore float64
	NullsNow    float64
	Unseen      float64 // share of rows with a text the reference never had
}

// Drift ranks the columns that both tables have by how far they moved, largest first, equal ones in the reference's order.
// It needs rows in both. Timestamps move by nature and are left out.
func Drift(reference, now *column.Table, limit int) []Moved {
	var out []Moved
	if reference.Rows() == 0 || now.Rows() == 0 {
		return nil
	}
	for i, name := range reference.Names {
		a, b := reference.Columns[i], now.Column(name)
		if b == nil || a.Type != b.Type || a.Type == column.Timestamp {
			continue
		}
		m := Moved{Column: name, Kind: a.Type, NullsBefore: nullShare(a), NullsNow: nullShare(b)}
		if m.Measured = a.Nulls() < a.Len() && b.Nulls() < b.Len(); m.Measured {
			m.compare(a, b)
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(x, y Moved) int { return cmp.Compare(y.size(), x.size()) })
	return out[:max(0, min(limit, len(out)))]
}

// size ranks: the effect, or a change in missing rows when that is larger.
func (m Moved) size() float64 { return max(math.Abs(m.Effect), math.Abs(m.NullsNow-m.NullsBefore)) }

// Fact is the line of the table of what moved.
func (m Moved) Fact() rondo.Fact {
	var parts []string
	switch {
	case !m.Measured:
	case m.Kind == column.String:
		parts = append(parts, fmt.Sprintf("%.1f%% of the rows are distributed otherwise, %.2f%% were never seen", 100*m.Effect, 100*m.Unseen))
	case m.Kind == column.Bool:
		parts = append(parts, fmt.Sprintf("true in %.1f%%, was %.1f%%", 100*m.Now, 100*m.Before))
	case m.Constant:
		parts = append(parts, fmt.Sprintf("mean %.4g, was always %.4g", m.Now, m.Before))
	default:
		parts = append(parts, fmt.Sprintf("mean %.4g, was %.4g (%+.2f deviations)", m.Now, m.Before, m.Effect))
	}
	if d := m.NullsNow - m.NullsBefore; math.Abs(d) > 0.005 || !m.Measured {
		parts = append(parts, fmt.Sprintf("missing %.1f%%, was %.1f%%", 100*m.NullsNow, 100*m.NullsBefore))
	}
	return rondo.Textual("moved: "+m.Column, strings.Join(parts, "; "))
}

func nullShare(v *column.Vector) float64 { return float64(v.Nulls()) / float64(v.Len()) }

func (m *Moved) compare(a, b *column.Vector) {
	if a.Type == column.String {
		m.distance(a, b)
		return
	}
	before, sd := moments(a)
	now, _ := moments(b)
	m.Before, m.Now = before, now
	switch {
	case a.Type == column.Bool:
		m.Effect = now - before
	case sd > 0:
		m.Effect = (now - before) / sd
	default:
		if m.Constant = true; now != before {
			m.Effect = math.Copysign(math.Inf(1), now-before)
		}
	}
}

// moments are mean and standard deviation of the values that are there.
func moments(v *column.Vector) (mean, sd float64) {
	var n, m2 float64
	for i := range v.Len() {
		x, ok := v.Float(i)
		if !ok {
			continue
		}
		n++
		d := x - mean
		mean += d / n
		m2 += d * (x - mean)
	}
	if n > 1 {
		sd = math.Sqrt(m2 / (n - 1))
	}
	return mean, sd
}

func (m *Moved) distance(a, b *column.Vector) {
	before, now := shares(a), shares(b)
	m.Before, m.Now = float64(len(before)), float64(len(now))
	names := make([]string, 0, len(before)+len(now))
	for name := range before {
		names = append(names, name)
	}
	for name := range now {
		if _, seen := before[name]; !seen {
			names = append(names, name)
		}
	}
	slices.Sort(names) // sums in fixed order
	for _, name := range names {
		m.Effect += math.Abs(before[name]-now[name]) / 2
		if _, seen := before[name]; !seen {
			m.Unseen += now[name]
		}
	}
}

func shares(v *column.Vector) map[string]float64 {
	counts := map[string]float64{}
	n := 0.0
	for i, s := range v.Strings {
		if !v.IsNull(i) {
			counts[s]++
			n++
		}
	}
	for s := range counts {
		counts[s] /= n
	}
	return counts
}
