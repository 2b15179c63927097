package evaluate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
)

// mostListed is how many slices that are not judged an evaluation lists by name, the largest first.
const mostListed = 100

// slice is the rows of one group.
type slice struct {
	name string
	rows []int32
}

// slicesBy parts rows by columns, largest group first. A missing value is a group of its own.
func slicesBy(s *Scored, by []string) ([]slice, error) {
	if s.Table == nil {
		return nil, errors.New("the rows have no columns to slice by")
	}
	columns := make([]func(int) (string, bool), len(by))
	for j, c := range by {
		v := s.Table.Column(c)
		if v == nil {
			return nil, &rondo.Error{Kind: rondo.Invalid, Field: "evaluate.bars", Message: fmt.Sprintf("there is no column %q to slice by", c)}
		}
		columns[j] = func(i int) (string, bool) { return v.Text(i), v.IsNull(i) }
	}
	at := map[string]int{}
	var out []slice
	var key []byte
	names := make([]string, len(by))
	for i := range s.Rows() {
		key = key[:0]
		for j, text := range columns {
			name, missing := text(i)
			names[j] = name
			if missing {
				key = append(key, 0)
				continue
			}
			key = append(binary.AppendUvarint(append(key, 1), uint64(len(name))), name...)
		}
		n, ok := at[string(key)]
		if !ok {
			n = len(out)
			at[string(key)] = n
			out = append(out, slice{name: strings.Join(names, " / ")})
		}
		out[n].rows = append(out[n].rows, int32(i))
	}
	slices.SortStableFunc(out, func(a, b slice) int {
		if len(a.rows) != len(b.rows) {
			return len(b.rows) - len(a.rows)
		}
		return strings.Compare(a.name, b.name)
	})
	return out, nil
}

// enough is how many of the groups, which are in order of size, have at least rows rows.
func enough(groups []slice, rows int64) int {
	n := 0
	for n < len(groups) && int64(len(groups[n].rows)) >= rows {
		n++
	}
	return n
}

// worst judges the worst slice of at least rows rows, with bounds that hold for all of them together (Bonferroni). One
// slice that is proved to miss the bound is enough for not met; met needs all of them, so a slice of enough rows that
// cannot be measured leaves the bar inconclusive.
func (r *Request) worst(b *expr.Bar, name string, by []string, rows int64, ev *rondo.Evaluation) (rondo.BarResult, error) {
	out := rondo.BarResult{Bar: b.Text, Bound: b.Bound.Value}
	groups, err := slicesBy(r.Test, by)
	if err != nil {
		return out, err
	}
	large := enough(groups, rows)
	level := metric.OneSided(1 - ev.Alpha/float64(max(1, large)))
	small := 0
	var worst *rondo.Slice
	var unmeasured error
	for i, g := range groups {
		s := rondo.Slice{By: strings.Join(by, ", "), Group: g.name, Metric: name, Number: rondo.Number{Rows: len(g.rows)}}
		if i < large {
			e, err := measure(name, r.Test.take(g.rows), r.Threshold, level)
			switch {
			case err == nil:
				s.Number, s.Judged = number(e), true
				if worst == nil || worse(b, s.Number, worst.Number) {
					worst = &s
				}
			case !errors.Is(err, ErrNotMeasured):
				return out, err
			case unmeasured == nil:
				unmeasured = fmt.Errorf("%s: %w", g.name, err)
			}
		}
		if !s.Judged {
			small += len(g.rows)
		}
		if s.Judged || i < mostListed {
			ev.Slices = append(ev.Slices, s)
		}
	}
	share := float64(small) / float64(r.Test.Rows())
	ev.NotJudged = max(ev.NotJudged, share)
	if worst == nil {
		out.Verdict = rondo.Inconclusive
		out.Reason = fmt.Sprintf("%s: no slice has %d rows that can be judged; %d slices are not judged", b.Text, rows, len(groups))
		return out, nil
	}
	got := worst.Number
	out.Got = &got
	out.Verdict = verdict(b, got)
	if out.Verdict == rondo.Met && unmeasured != nil {
		out.Verdict = rondo.Inconclusive
	}
	out.Reason = fmt.Sprintf("%s; worst is %s of %d judged, %.0f%% of the rows are in slices that are not judged",
		reason(b, got, out.Verdict), worst.Group, large, 100*share)
	if unmeasured != nil {
		out.Reason += "; a slice of enough rows is among them: " + unmeasured.Error()
	}
	return out, nil
}

// worse says whether slice x decides the bar rather than y: one that is proved to miss the bound before all others, then
// the one whose bound is nearest to missing it.
func worse(b *expr.Bar, x, y rondo.Number) bool {
	missesX, missesY := verdict(b, x) == rondo.NotMet, verdict(b, y) == rondo.NotMet
	switch {
	case missesX != missesY:
		return missesX
	case missesX && b.AtLeast:
		return x.High < y.High
	case missesX:
		return x.Low > y.Low
	case b.AtLeast:
		return x.Low < y.Low
	}
	return x.High > y.High
}

// watchedSlices shows, without judging, the monitored slices that no bar has sliced by.
func (r *Request) watchedSlices(ev *rondo.Evaluation) error {
	const most = 20
	for _, by := range r.Spec.Monitor.Slices {
		if slices.ContainsFunc(ev.Slices, func(s rondo.Slice) bool { return s.By == by }) {
			continue
		}
		groups, err := slicesBy(r.Test, []string{by})
		if err != nil {
			return err
		}
		name := Names(r.Test.Kind, false)[0]
		for _, g := range groups[:min(most, len(groups))] {
			e, err := measure(name, r.Test.take(g.rows), r.Threshold, shown)
			switch {
			case err == nil:
				ev.Slices = append(ev.Slices, rondo.Slice{By: by, Group: g.name, Metric: name, Number: number(e)})
			case !errors.Is(err, ErrNotMeasured):
				return err
			}
		}
	}
	return nil
}
