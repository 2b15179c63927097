package evaluate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
	"rondo.dev/rondo/stat"
)

// ChampionBars judges the bars that name the champion, on rows that both scored and neither was trained on (S20). Look is
// how often these bars are asked in this trial, counted from 1: all looks together err in at most 5 % (S17).
func ChampionBars(spec *rondo.Spec, champion, challenger *Scored, look int) ([]rondo.BarResult, error) {
	if !sameRows(champion, challenger) {
		return nil, errors.New("champion and challenger were not asked about the same rows")
	}
	var out []rondo.BarResult
	for _, text := range spec.Evaluate.Bars {
		b, err := expr.ParseBar(text)
		if err != nil {
			return nil, fmt.Errorf("bar %q: %w", text, err)
		}
		if !b.Bound.Champion() {
			continue
		}
		result, err := championBar(b, champion, challenger, stat.HoldoutAlpha(alpha, look))
		if err != nil {
			return nil, err
		}
		out = append(out, result)
	}
	return out, nil
}

// sameRows compares the truth of both. Versions of a multiclass model may know other classes, so names are compared, and a
// class that one of them does not know fits any.
func sameRows(a, b *Scored) bool {
	if a.Kind != b.Kind || a.Rows() != b.Rows() {
		return false
	}
	if a.Kind != rondo.Multiclass {
		return slices.Equal(a.Target, b.Target)
	}
	for i := range a.Target {
		x, y := classOf(a.Target[i], len(a.Classes)), classOf(b.Target[i], len(b.Classes))
		if x >= 0 && y >= 0 && a.Classes[x] != b.Classes[y] {
			return false
		}
	}
	return true
}

func championBar(b *expr.Bar, champion, challenger *Scored, alpha float64) (rondo.BarResult, error) {
	out := rondo.BarResult{Bar: b.Text}
	base, got, err := compare(b, champion, challenger, alpha)
	if errors.Is(err, ErrNotMeasured) || rondo.KindOf(err) != "" {
		out.Verdict, out.Reason = rondo.Inconclusive, fmt.Sprintf("%s: %v", b.Text, err)
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Bound, out.Got = b.Bound.Over(base), &got
	fixed := *b
	fixed.Bound = expr.Bound{Kind: expr.NumberBound, Value: out.Bound}
	out.Verdict = verdict(&fixed, got)
	out.Reason = reason(b, got, out.Verdict) + fmt.Sprintf("; the champion has %.4f", base)
	return out, nil
}

// compare gives the champion's value, and the challenger's with the interval of its difference to the champion's.
func compare(b *expr.Bar, champion, challenger *Scored, alpha float64) (base float64, got rondo.Number, err error) {
	name, by, rows, noise := plain(b)
	if noise > 0 {
		return 0, got, fmt.Errorf("%s %w in shadow: logged rows carry no noise", b.Metric, ErrNotMeasured)
	}
	if name == "auc" && by == nil && champion.Kind == rondo.Binary {
		old, err := measure(name, champion, nil, shown)
		if err != nil {
			return 0, got, err
		}
		d, err := champion.days().AUCDifference(challenger.Outputs, champion.Outputs, champion.labels(), metric.OneSided(1-alpha))
		if err != nil {
			return 0, got, fmt.Errorf("auc %w: %v", ErrNotMeasured, err)
		}
		return old.Value, rondo.Number{Value: old.Value + d.Value, Low: old.Value + d.Low, High: old.Value + d.High, Rows: d.Rows}, nil
	}
	whole := []slice{{rows: everyRow(champion.Rows())}}
	if by != nil {
		groups, err := slicesBy(champion, by)
		if err != nil {
			return 0, got, err
		}
		if whole = groups[:enough(groups, rows)]; len(whole) == 0 {
			return 0, got, fmt.Errorf("%s %w: no slice has %d rows", name, ErrNotMeasured, rows)
		}
	}
	p := pair{name: name, atLeast: b.AtLeast, slices: whole, champion: champion, challenger: challenger}
	return p.jackknife(alpha)
}

func everyRow(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

// pair is one metric of two versions on the same rows, or the worst of it over slices.
type pair struct {
	name                 string
	atLeast              bool
	slices               []slice
	champion, challenger *Scored
}

// values are the metric of both without the rows of one block; block -1 is none.
func (p *pair) values(blocks []int32, without int32) (champion, challenger float64, err error) {
	for i, s := range p.slices {
		rows := s.rows
		if without >= 0 {
			rows = make([]int32, 0, len(s.rows))
			for _, r := range s.rows {
				if blocks[r] != without {
					rows = append(rows, r)
				}
			}
		}
		a, err := measure(p.name, p.champion.take(rows), p.champion.Threshold, shown)
		if err != nil {
			return 0, 0, err
		}
		b, err := measure(p.name, p.challenger.take(rows), p.challenger.Threshold, shown)
		if err != nil {
			return 0, 0, err
		}
		if i == 0 || p.atLeast && a.Value < champion || !p.atLeast && a.Value > champion {
			champion = a.Value
		}
		if i == 0 || p.atLeast && b.Value < challenger || !p.atLeast && b.Value > challenger {
			challenger = b.Value
		}
	}
	return champion, challenger, nil
}

// leastBlocks is the number of blocks where rows count as independent.
const leastBlocks = 20

// jackknife is the interval of the difference by leaving out one block after the other: days where rows have ten of them,
// else twenty blocks of rows (the delete-m jackknife of Busing, Meijer and van der Leeden 1999, for blocks of unequal size).
func (p *pair) jackknife(alpha float64) (base float64, got rondo.Number, err error) {
	rows := p.champion.Rows()
	blocks := []int32(p.champion.days())
	if blocks == nil {
		blocks = make([]int32, rows)
		for i := range blocks {
			blocks[i] = int32(i % leastBlocks)
		}
	}
	count := make([]float64, slices.Max(blocks)+1)
	for _, b := range blocks {
		count[b]++
	}
	if len(count) < leastDays {
		return 0, got, fmt.Errorf("%s %w against the champion: only %d rows", p.name, ErrNotMeasured, rows)
	}
	base, value, err := p.values(blocks, -1)
	if err != nil {
		return 0, got, err
	}
	difference, n, g := value-base, float64(rows), float64(len(count))
	without := make([]float64, len(count))
	centre := g * difference
	for j, m := range count {
		a, b, err := p.values(blocks, int32(j))
		if err != nil {
			return 0, got, err
		}
		without[j] = b - a
		centre -= (1 - m/n) * without[j]
	}
	pseudo := make([]float64, len(count))
	for j, m := range count {
		h := n / m
		pseudo[j] = (h*difference - (h-1)*without[j] - centre) / math.Sqrt(h-1) * math.Sqrt(g-1)
	}
	e, err := metric.Mean(pseudo, metric.OneSided(1-alpha))
	if err != nil {
		return 0, got, fmt.Errorf("%s %w against the champion: %v", p.name, ErrNotMeasured, err)
	}
	return base, rondo.Number{Value: value, Low: value + e.Low - e.Value, High: value + e.High - e.Value, Rows: rows}, nil
}
