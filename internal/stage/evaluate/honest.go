package evaluate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
	"rondo.dev/rondo/stat"
)

// Honest is an evaluation of somebody's predictions: what they show, and what they cannot.
type Honest struct {
	Columns     *Recognised            `json:"columns"`
	Rows        int                    `json:"rows"` // with label and score
	Missing     int                    `json:"missing"`
	Base        string                 `json:"base"` // what answering without looking would reach
	Threshold   float64                `json:"threshold,omitempty"`
	Metrics     []rondo.Metric         `json:"metrics"`
	Calibration []rondo.CalibrationBin `json:"calibration,omitempty"`
	Slices      []WorstSlice           `json:"slices,omitempty"`
	Times       []Period               `json:"times,omitempty"`
	Bars        []rondo.BarResult      `json:"bars,omitempty"`
	Verdict     rondo.Verdict          `json:"verdict,omitempty"` // of bars, where any were asked
	Repeats     int                    `json:"repeats"`           // rows equal to an earlier one in every column
	SeenTwice   int                    `json:"seenTwice"`         // rows whose inputs an earlier one has, label and scores aside
	Contrary    int                    `json:"contrary"`          // those of them with another label
	TrainedOn   *int                   `json:"trainedOn,omitempty"`
	Findings    []string               `json:"findings"` // what to doubt, and what these rows cannot decide
}

// WorstSlice is what a column shows of groups of rows.
type WorstSlice struct {
	By        string      `json:"by"`
	Worst     rondo.Slice `json:"worst"`
	Judged    int         `json:"judged"`    // groups large enough
	NotJudged float64     `json:"notJudged"` // share of the rows in groups too small
	Below     bool        `json:"below"`     // the worst is below the whole with 95 % confidence, all groups taken together
}

// Period is the headline metric in a stretch of time.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	rondo.Number
}

// Check is what is evaluated.
type Check struct {
	Table     *column.Table
	Training  *column.Table // rows the model was trained on, if they are there
	Columns   *Recognised
	Threshold float64
	Bars      []string
}

const (
	sliceRows = 100  // fewer rows are not judged
	fewOf     = 50   // of a class make every interval wide
	tooGood   = 0.99 // an AUC or a share of right answers that is doubted
	want      = 0.02 // the precision people ask for, in AUC or shares
	periods   = 4
)

// Evaluate looks at predictions as somebody would who has to rely on them.
func (c Check) Evaluate() (*Honest, error) {
	h := &Honest{Columns: c.Columns, Threshold: c.Threshold}
	table := c.leaveTraining(h) // 1. only rows the model has not seen
	s, rows, missing, err := c.Columns.scored(table)
	if err != nil {
		return nil, err
	}
	h.Rows, h.Missing = len(rows), missing
	h.seenTwice(s, c) // 2. are these rows that many rows?
	h.base(s)         // 3. what needs no model
	names := c.Columns.names()
	for _, name := range names { // 4. numbers with intervals
		e, err := measure(name, s, &c.Threshold, shown)
		if errors.Is(err, ErrNotMeasured) {
			h.find("%s", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		h.Metrics = append(h.Metrics, rondo.Metric{Name: name, Number: number(e)})
	}
	if len(h.Metrics) == 0 {
		return h, nil
	}
	if err := h.calibrate(s); err != nil { // 5. are probabilities what they say?
		return nil, err
	}
	if err := h.slices(s, names[0], c); err != nil { // 6. for whom is it worst?
		return nil, err
	}
	h.times(s, names[0], c) // 7. does it get worse?
	h.limits(s, names[0])   // 8. what can these rows not decide?
	return h, h.judge(s, c) // 9. bars
}

func (h *Honest) find(format string, args ...any) {
	h.Findings = append(h.Findings, fmt.Sprintf(format, args...))
}

// names are the metrics that fit, the headline first.
func (r *Recognised) names() []string {
	switch {
	case r.Kind == rondo.Binary && r.Unscaled:
		return []string{"auc", "average-precision"}
	case r.Kind == rondo.Binary && r.Hard:
		return []string{"accuracy", "precision", "recall", "f1"}
	case r.Kind == rondo.Multiclass && r.Hard:
		return []string{"accuracy", "macro-f1"}
	}
	return Names(r.Kind, true)
}

// base is what answering without looking reaches on these rows.
func (h *Honest) base(s *Scored) {
	n := float64(s.Rows())
	if s.Kind == rondo.Regression {
		mean, squares := 0.0, 0.0
		for _, y := range s.Target {
			mean += y / n
		}
		for _, y := range s.Target {
			squares += (y - mean) * (y - mean)
		}
		h.Base = fmt.Sprintf("always answering the mean, %.4g, has rmse %.4g", mean, math.Sqrt(squares/n))
		return
	}
	counts := map[float64]int{}
	for _, y := range s.Target {
		counts[y]++
	}
	entropy, most, least := 0.0, 0, s.Rows()
	for _, y := range slices.Sorted(maps.Keys(counts)) {
		p := float64(counts[y]) / n
		entropy -= p * math.Log(p)
		most, least = max(most, counts[y]), min(least, counts[y])
	}
	h.Base = fmt.Sprintf("always answering the most frequent class is right in %.1f %%; always answering the shares has log-loss %.4f", 100*float64(most)/n, entropy)
	if len(counts) > 1 && least < fewOf {
		h.find("only %d rows of the rarest class: every number that counts them is uncertain", least)
	}
}

// calibrate compares what was said with what came.
func (h *Honest) calibrate(s *Scored) error {
	r := h.Columns
	switch {
	case r.Kind == rondo.Binary && r.Unscaled:
		h.find("scores lie outside 0 to 1: they rank, but are no probabilities, so only ranking is measured")
	case r.Hard:
		h.find("these are answers, not probabilities: neither ranking nor calibration can be measured; keep the scores next time")
	case r.Kind == rondo.Binary:
		bins, err := calibration(s)
		if err != nil {
			return err
		}
		h.Calibration = bins
		said, came := 0.0, 0.0
		for i, p := range s.Outputs {
			said += p / float64(s.Rows())
			came += s.Target[i] / float64(s.Rows())
		}
		e, err := metric.Mean(differences(s), shown)
		if err == nil && (e.Low > 0 || e.High < 0) {
			word := map[bool]string{true: "high", false: "low"}[said > came]
			h.find("on average %.1f %% is said and %.1f %% comes true: the scores are too %s", 100*said, 100*came, word)
		}
	case r.Kind == rondo.Regression:
		h.Calibration = byScore(s)
		e, err := metric.Mean(differences(s), shown)
		if err == nil && (e.Low > 0 || e.High < 0) {
			h.find("answers are on average %.4g too %s (between %.4g and %.4g)", math.Abs(e.Value), map[bool]string{true: "high", false: "low"}[e.Value > 0], math.Min(math.Abs(e.Low), math.Abs(e.High)), math.Max(math.Abs(e.Low), math.Abs(e.High)))
		}
	}
	return nil
}

func differences(s *Scored) []float64 {
	out := make([]float64, s.Rows())
	for i, y := range s.Target {
		out[i] = s.Outputs[i] - y
	}
	return out
}

// byScore is mean answer against mean truth, in ten groups of rows by their answer.
func byScore(s *Scored) []rondo.CalibrationBin {
	order := make([]int32, s.Rows())
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(s.Outputs[a], s.Outputs[b]) })
	var out []rondo.CalibrationBin
	for b := range eceBins {
		in := order[b*len(order)/eceBins : (b+1)*len(order)/eceBins]
		if len(in) == 0 {
			continue
		}
		bin := rondo.CalibrationBin{Rows: len(in)}
		for _, i := range in {
			bin.Predicted += s.Outputs[i] / float64(len(in))
			bin.Observed += s.Target[i] / float64(len(in))
		}
		out = append(out, bin)
	}
	return out
}

// better says whether a larger value of a metric is better.
func better(name string) bool {
	return !slices.Contains([]string{"log-loss", "brier", "ece", "rmse", "mae"}, name)
}

// slices finds the worst group of rows by each column; intervals hold for all groups of a column together (Bonferroni).
func (h *Honest) slices(s *Scored, name string, c Check) error {
	whole := h.Metrics[0].Value
	for _, by := range c.Columns.By {
		groups, err := slicesBy(s, []string{by})
		if err != nil {
			return err
		}
		judged, small := 0, 0
		for _, g := range groups {
			if len(g.rows) >= sliceRows {
				judged++
			} else {
				small += len(g.rows)
			}
		}
		out := WorstSlice{By: by, NotJudged: float64(small) / float64(s.Rows())}
		for _, g := range groups {
			if len(g.rows) < sliceRows {
				continue
			}
			e, err := measure(name, s.take(g.rows), &c.Threshold, metric.OneSided(1-alpha/float64(judged)))
			if err != nil {
				continue // one class only
			}
			if out.Judged == 0 || (e.Value < out.Worst.Value) == better(name) {
				out.Worst = rondo.Slice{By: by, Group: g.name, Metric: name, Number: number(e), Judged: true}
			}
			out.Judged++
		}
		if out.Judged == 0 {
			h.find("no group of %s has %d rows and more than one outcome: none is judged", by, sliceRows)
			continue
		}
		out.Below = better(name) && out.Worst.High < whole || !better(name) && out.Worst.Low > whole
		h.Slices = append(h.Slices, out)
	}
	return nil
}

// times measures the headline in stretches of equally many rows.
func (h *Honest) times(s *Scored, name string, c Check) {
	if s.Times == nil {
		return
	}
	order := make([]int32, s.Rows())
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(s.Times[a], s.Times[b]) })
	if s.Rows() < periods*sliceRows {
		h.find("%d rows are too few to see whether it gets worse with time", s.Rows())
		return
	}
	for p := range periods {
		in := order[p*len(order)/periods : (p+1)*len(order)/periods]
		e, err := measure(name, s.take(in), &c.Threshold, shown)
		if err != nil {
			continue
		}
		at := func(i int32) time.Time { return time.UnixMicro(s.Times[i]).UTC() }
		h.Times = append(h.Times, Period{From: at(in[0]), To: at(in[len(in)-1]), Number: number(e)})
	}
	if len(h.Times) < 2 {
		return
	}
	old, now := h.Times[0], h.Times[len(h.Times)-1]
	if better(name) && now.High < old.Low || !better(name) && now.Low > old.High {
		h.find("it gets worse with time: %s was %.4f in the first quarter of the rows and is %.4f in the last", name, old.Value, now.Value)
	}
}

// limits says how much more rows a sharper answer would take, and what is too good.
func (h *Honest) limits(s *Scored, name string) {
	m := h.Metrics[0]
	half := (m.High - m.Low) / 2
	goal := want
	if h.Columns.Kind == rondo.Regression {
		goal = want * m.Value // of itself
	}
	if half > goal && goal > 0 {
		rows := float64(s.Rows()) * (half / goal) * (half / goal)
		unit := fmt.Sprintf("%.2g", goal)
		if h.Columns.Kind == rondo.Regression {
			unit = fmt.Sprintf("%.0f %%", 100*want)
		}
		h.find("%s is known to about %.2g either way; a difference of %s cannot be decided with these rows, that takes about %s", name, half, unit, about(rows))
	}
	if better(name) && m.Value > tooGood {
		h.find("%s %.4f is too good to be trusted: look for an input that knows the answer, or for rows that were trained on", name, m.Value)
	}
	if s.Times == nil {
		h.find("no time: whether rows are later than those it was trained on, and whether it gets worse, cannot be seen")
	}
}

// about rounds a number of rows to two digits.
func about(x float64) string {
	step := math.Pow(10, math.Floor(math.Log10(x))-1)
	return grouped(int(math.Ceil(x/step) * step))
}

// grouped is a number with commas.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// judge asks the bars, as they are asked of a version.
func (h *Honest) judge(s *Scored, c Check) error {
	if len(c.Bars) == 0 {
		return nil
	}
	ev := &rondo.Evaluation{Alpha: stat.HoldoutAlpha(alpha, 1)}
	r := &Request{Spec: &rondo.Spec{}, Test: s, Threshold: &c.Threshold, Use: 1}
	h.Verdict = rondo.Met
	for _, text := range c.Bars {
		b, err := r.bar(text, ev)
		if err != nil {
			return &rondo.Error{Kind: rondo.Invalid, Field: "--bar", Message: err.Error()}
		}
		h.Bars = append(h.Bars, b)
		switch {
		case b.Verdict == rondo.NotMet, b.Verdict == rondo.NotAsked:
			h.Verdict = rondo.NotMet
		case b.Verdict == rondo.Inconclusive && h.Verdict == rondo.Met:
			h.Verdict = rondo.Inconclusive
		}
	}
	return nil
}
