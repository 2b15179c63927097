package evaluate

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
	"rondo.dev/rondo/stat"
)

const (
	alpha = 0.05 // the error a bar may make
	shown = 0.95 // level of the intervals that people see
)

// Request is what is judged.
type Request struct {
	Spec        *rondo.Spec
	Test, Train *Scored // Train may be nil; it is shown, never judged (D31)
	Threshold   *float64
	HasChampion bool
	Use         int // which use of these test rows this is, from 1
	Wear        Wear
	// Noise scores the test rows with Gaussian noise of that share of each feature's deviation. Nil where no bar asks.
	Noise func(share float64, names ...string) (*Scored, error)
}

// Judge measures, and decides every bar.
func Judge(r Request) (*rondo.Evaluation, error) {
	if r.Test == nil || r.Test.Rows() == 0 {
		return nil, errors.New("no test rows to judge on")
	}
	if r.Use < 1 {
		return nil, errors.New("a use of test rows is counted from 1")
	}
	ev := &rondo.Evaluation{Part: rondo.TestPart, Rows: r.Test.Rows(), Threshold: r.Threshold, Use: r.Use,
		Alpha: stat.HoldoutAlpha(alpha, r.Use)}
	var err error
	if r.WornOut() != "" {
		return r.unseen(ev)
	}
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
	if err := r.watchedSlices(ev); err != nil {
		return nil, err
	}
	ev.Digest, err = digest(ev)
	return ev, err
}

// WornOut says why these test rows are not to be looked at, or "". Where no bar is asked there is nothing to wear out.
func (r *Request) WornOut() string {
	if len(r.Spec.Evaluate.Bars) == 0 {
		return ""
	}
	return r.Wear.wornOut(r.Use, r.Test)
}

// unseen leaves every bar undecided and nothing measured: what is worn out says nothing to anybody.
func (r *Request) unseen(ev *rondo.Evaluation) (*rondo.Evaluation, error) {
	ev.Verdict = rondo.Inconclusive
	for _, text := range r.Spec.Evaluate.Bars {
		b, err := expr.ParseBar(text)
		if err != nil {
			return nil, fmt.Errorf("bar %q: %w", text, err)
		}
		ev.Bars = append(ev.Bars, rondo.BarResult{Bar: b.Text, Bound: b.Bound.Value, Verdict: rondo.Inconclusive,
			Reason: b.Text + ": " + r.WornOut()})
	}
	var err error
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
