package evaluate

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
	"rondo.dev/rondo/stat"
)

// alpha is the error a bar may make; maxUses is how often the same test rows may be asked before they are worn out (S17).
const (
	alpha   = 0.05
	maxUses = 10
	shown   = 0.95 // level of the intervals that people see
)

// Request is what is judged.
type Request struct {
	Spec        *rondo.Spec
	Test, Train *Scored // Train may be nil; it is shown, never judged (D31)
	Threshold   *float64
	HasChampion bool
	Use         int // which use of these test rows this is, from 1
	// Noise scores the test rows with Gaussian noise of that share of each feature's deviation. Nil where no bar asks.
	Noise func(share float64, names ...string) (*Scored, error)
}

// Judge measures, and decides every bar.
func Judge(r Request) (*rondo.Evaluation, error) {
	if r.Test == nil || r.Test.Rows() == 0 {
		return nil, errors.New("no test rows to judge on")
	}
	ev := &rondo.Evaluation{Part: rondo.TestPart, Rows: r.Test.Rows(), Threshold: r.Threshold, Use: r.Use,
		Alpha: stat.HoldoutAlpha(alpha, r.Use)}
	var err error
	if ev.Metrics, err = metrics(r.Test, r.Threshold); err != nil {
		return nil, err
	}
	if r.Train != nil {
		if ev.Train, err = metrics(r.Train, r.Threshold); err != nil {
			return nil, err
		}
	}
	if r.Test.Kind == rondo.Binary {
		if ev.Calibration, err = calibration(r.Test); err != nil {
			return nil, err
		}
	}
	ev.Verdict = rondo.Met
	for _, text := range r.Spec.Evaluate.Bars {
		bar, err := r.bar(text, ev)
		if err != nil {
			return nil, err
		}
		ev.Bars = append(ev.Bars, bar)
		switch {
		case bar.Verdict == rondo.NotMet:
			ev.Verdict = rondo.NotMet
		case bar.Verdict == rondo.Inconclusive && ev.Verdict == rondo.Met:
			ev.Verdict = rondo.Inconclusive
		}
	}
	if len(ev.Slices) == 0 {
		if err := r.defaultSlices(ev); err != nil {
			return nil, err
		}
	}
	ev.Digest, err = digest(ev)
	return ev, err
}

func metrics(s *Scored, threshold *float64) ([]rondo.Metric, error) {
	var out []rondo.Metric
	for _, name := range Names(s.Kind, threshold != nil) {
		e, err := measure(name, s, threshold, shown)
		if errors.Is(err, ErrNotMeasured) {
			continue // absent, never 0
		}
		if err != nil {
			return nil, err
		}
		out = append(out, rondo.Metric{Name: name, Number: number(e)})
	}
	return out, nil
}

func calibration(s *Scored) ([]rondo.CalibrationBin, error) {
	bins, err := metric.Calibration(s.Outputs, s.labels(), eceBins, shown)
	if err != nil {
		return nil, fmt.Errorf("calibration: %w", err)
	}
	var out []rondo.CalibrationBin
	for _, b := range bins {
		if b.Rows > 0 {
			out = append(out, rondo.CalibrationBin{Predicted: b.Score, Observed: b.Rate.Value, Rows: b.Rows})
		}
	}
	return out, nil
}

// bar decides one bar.
func (r *Request) bar(text string, ev *rondo.Evaluation) (rondo.BarResult, error) {
	b, err := expr.ParseBar(text)
	if err != nil {
		return rondo.BarResult{}, fmt.Errorf("bar %q: %w", text, err)
	}
	out := rondo.BarResult{Bar: b.Text, Bound: b.Bound.Value}
	if b.Bound.Champion() {
		out.Verdict, out.Reason = rondo.NotAsked, b.Text+": not asked, there is no champion"
		if r.HasChampion {
			out.Reason = b.Text + ": asked in shadow, on rows later than both trainings"
		}
		return out, nil
	}
	if r.Use > maxUses {
		out.Verdict = rondo.Inconclusive
		out.Reason = fmt.Sprintf("%s: the test rows are worn out, this is their use %d; wait for fresh labels", b.Text, r.Use)
		return out, nil
	}
	name, by, rows, noise := plain(b)
	s := r.Test
	if noise > 0 {
		if r.Noise == nil {
			return out, errors.New("no way to score noisy rows")
		}
		if s, err = r.Noise(noise, "robust", name); err != nil {
			return out, err
		}
	}
	if b.Metric == "worst" {
		return r.worst(b, name, by, rows, ev)
	}
	e, err := measure(name, s, r.Threshold, metric.OneSided(1-ev.Alpha))
	if errors.Is(err, ErrNotMeasured) {
		out.Verdict, out.Reason = rondo.Inconclusive, fmt.Sprintf("%s: %v", b.Text, err)
		return out, nil
	}
	if err != nil {
		return out, err
	}
	got := number(e)
	out.Got = &got
	out.Verdict = verdict(b, got)
	out.Reason = reason(b, got, out.Verdict)
	return out, nil
}

func verdict(b *expr.Bar, got rondo.Number) rondo.Verdict {
	bound := b.Bound.Value
	switch {
	case b.AtLeast && got.Low >= bound, !b.AtLeast && got.High <= bound:
		return rondo.Met
	case b.AtLeast && got.High < bound, !b.AtLeast && got.Low > bound:
		return rondo.NotMet
	}
	return rondo.Inconclusive
}

func reason(b *expr.Bar, got rondo.Number, v rondo.Verdict) string {
	text := fmt.Sprintf("%s: %s, got %.4f, between %.4f and %.4f on %d rows", b.Text, v, got.Value, got.Low, got.High, got.Rows)
	if v == rondo.Inconclusive {
		text += "; these rows cannot decide it"
	}
	return text
}

// worst judges the worst slice of at least rows rows, with bounds that hold for all of them together (Bonferroni).
func (r *Request) worst(b *expr.Bar, name string, by []string, rows int64, ev *rondo.Evaluation) (rondo.BarResult, error) {
	out := rondo.BarResult{Bar: b.Text, Bound: b.Bound.Value}
	groups, err := slicesBy(r.Test, by)
	if err != nil {
		return out, err
	}
	judged := 0
	for _, g := range groups {
		if int64(len(g.rows)) >= rows {
			judged++
		}
	}
	level := metric.OneSided(1 - ev.Alpha/float64(max(1, judged)))
	small := 0
	var worst *rondo.Slice
	for _, g := range groups {
		slice := rondo.Slice{By: strings.Join(by, ", "), Group: g.name, Metric: name, Judged: int64(len(g.rows)) >= rows}
		slice.Rows = len(g.rows)
		if !slice.Judged {
			small += len(g.rows)
			ev.Slices = append(ev.Slices, slice)
			continue
		}
		e, err := measure(name, r.Test.take(g.rows), r.Threshold, level)
		if errors.Is(err, ErrNotMeasured) {
			slice.Judged = false
			small += len(g.rows)
			ev.Slices = append(ev.Slices, slice)
			continue
		}
		if err != nil {
			return out, err
		}
		slice.Number = number(e)
		ev.Slices = append(ev.Slices, slice)
		if worst == nil || (b.AtLeast && slice.Low < worst.Low) || (!b.AtLeast && slice.High > worst.High) {
			worst = &ev.Slices[len(ev.Slices)-1]
		}
	}
	ev.NotJudged = float64(small) / float64(r.Test.Rows())
	if worst == nil {
		out.Verdict = rondo.Inconclusive
		out.Reason = fmt.Sprintf("%s: no slice has %d rows that can be judged; %d slices are not judged", b.Text, rows, len(groups))
		return out, nil
	}
	got := worst.Number
	out.Got = &got
	out.Verdict = verdict(b, got)
	out.Reason = fmt.Sprintf("%s; worst is %s of %d judged, %.0f%% of the rows are in slices too small to judge",
		reason(b, got, out.Verdict), worst.Group, judged, 100*ev.NotJudged)
	return out, nil
}

// slice is the rows of one group.
type slice struct {
	name string
	rows []int32
}

// slicesBy parts rows by columns, largest group first.
func slicesBy(s *Scored, by []string) ([]slice, error) {
	if s.Table == nil {
		return nil, errors.New("the rows have no columns to slice by")
	}
	at := map[string]int{}
	var out []slice
	for i := range s.Rows() {
		var name strings.Builder
		for j, c := range by {
			v := s.Table.Column(c)
			if v == nil {
				return nil, &rondo.Error{Kind: rondo.Invalid, Field: "evaluate.bars", Message: fmt.Sprintf("there is no column %q to slice by", c)}
			}
			if j > 0 {
				name.WriteString(" / ")
			}
			name.WriteString(v.Text(i))
		}
		n, ok := at[name.String()]
		if !ok {
			n = len(out)
			at[name.String()] = n
			out = append(out, slice{name: name.String()})
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

// defaultSlices shows, without judging, the monitored slices that no bar asked for.
func (r *Request) defaultSlices(ev *rondo.Evaluation) error {
	const most = 20
	for _, by := range r.Spec.Monitor.Slices {
		groups, err := slicesBy(r.Test, []string{by})
		if err != nil {
			return err
		}
		name := Names(r.Test.Kind, false)[0]
		for _, g := range groups[:min(most, len(groups))] {
			e, err := measure(name, r.Test.take(g.rows), r.Threshold, shown)
			if err == nil {
				ev.Slices = append(ev.Slices, rondo.Slice{By: by, Group: g.name, Metric: name, Number: number(e)})
			}
		}
	}
	return nil
}

// ChampionBars judges the bars that name the champion, on rows that both scored and neither was trained on (S20).
func ChampionBars(spec *rondo.Spec, champion, challenger *Scored) ([]rondo.BarResult, error) {
	var out []rondo.BarResult
	for _, text := range spec.Evaluate.Bars {
		b, err := expr.ParseBar(text)
		if err != nil {
			return nil, fmt.Errorf("bar %q: %w", text, err)
		}
		if !b.Bound.Champion() {
			continue
		}
		result, err := championBar(b, champion, challenger)
		if err != nil {
			return nil, err
		}
		out = append(out, result)
	}
	return out, nil
}

func championBar(b *expr.Bar, champion, challenger *Scored) (rondo.BarResult, error) {
	name, _, _, _ := plain(b)
	out := rondo.BarResult{Bar: b.Text}
	base, err := measure(name, champion, nil, shown)
	if err == nil {
		out.Bound = b.Bound.Over(base.Value)
		var got rondo.Number
		if got, err = paired(name, champion, challenger, base.Value); err == nil {
			out.Got = &got
			fixed := *b
			fixed.Bound = expr.Bound{Kind: expr.NumberBound, Value: out.Bound}
			out.Verdict = verdict(&fixed, got)
			out.Reason = reason(b, got, out.Verdict) + fmt.Sprintf("; the champion has %.4f", base.Value)
			return out, nil
		}
	}
	if errors.Is(err, ErrNotMeasured) || rondo.KindOf(err) != "" {
		out.Verdict, out.Reason = rondo.Inconclusive, fmt.Sprintf("%s: %v", b.Text, err)
		return out, nil
	}
	return out, err
}

// paired is the challenger's value with the interval of its difference to the champion, on the same rows.
func paired(name string, champion, challenger *Scored, base float64) (rondo.Number, error) {
	if name == "auc" && champion.Kind == rondo.Binary {
		d, err := champion.days().AUCDifference(challenger.Outputs, champion.Outputs, champion.labels(), metric.OneSided(1-alpha))
		if err != nil {
			return rondo.Number{}, fmt.Errorf("auc %w: %v", ErrNotMeasured, err)
		}
		return rondo.Number{Value: base + d.Value, Low: base + d.Low, High: base + d.High, Rows: d.Rows}, nil
	}
	e, err := measure(name, challenger, nil, metric.OneSided(1-alpha))
	return number(e), err
}

// digest is over the numbers of an evaluation: equal rows and an equal model give an equal one.
func digest(ev *rondo.Evaluation) (rondo.Digest, error) {
	plain := *ev
	plain.ID, plain.Model, plain.Dataset, plain.Run, plain.Digest = "", "", "", "", ""
	b, err := json.Marshal(plain)
	if err != nil {
		return "", fmt.Errorf("digest an evaluation: %w", err)
	}
	return rondo.DigestOf(sha256.Sum256(b)), nil
}
