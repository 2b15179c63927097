package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
)

// Wanted says what is what in a file of somebody's predictions; what is empty is recognised.
type Wanted struct {
	Label, Score, Time, Positive string
	By                           []string
}

// Recognised is what was taken for what.
type Recognised struct {
	Kind     rondo.TaskKind `json:"kind"`
	Label    string         `json:"label"`
	Scores   []string       `json:"scores"`             // one column, or one a class
	Classes  []string       `json:"classes,omitempty"`  // multiclass, in order of Scores
	Positive string         `json:"positive,omitempty"` // the label that a binary score speaks of
	Hard     bool           `json:"hard,omitempty"`     // answers, not probabilities
	Time     string         `json:"time,omitempty"`
	Part     string         `json:"part,omitempty"` // a column that says which rows were trained on
	By       []string       `json:"by,omitempty"`
	Unscaled bool           `json:"unscaled,omitempty"` // scores that rank, and are no probabilities
}

// The words by which columns are recognised, the surest first.
var (
	labelWords = []string{"label", "target", "y_true", "ytrue", "true", "truth", "actual", "ground_truth", "groundtruth", "outcome", "observed", "class", "y"}
	scoreWords = []string{"score", "probability", "proba", "prob", "y_score", "y_prob", "y_proba", "p", "prediction", "predicted", "pred", "y_pred", "ypred", "yhat", "y_hat", "forecast", "estimate"}
	timeWords  = []string{"time", "timestamp", "date", "datetime", "at", "ts", "day"}
	yesWords   = []string{"1", "true", "yes", "y", "t", "positive", "pos"}
	partWords  = []string{"train", "training", "valid", "validation", "val", "test", "testing", "holdout", "dev", "eval"}
)

const (
	mostValues = 50 // of a label or a slice
	fewNumbers = 20 // different whole numbers that may be classes, when the score is one too
)

// Recognise finds label, scores and time of a table of predictions.
func Recognise(t *column.Table, w Wanted) (*Recognised, error) {
	out := &Recognised{Positive: w.Positive}
	for _, name := range slices.Concat([]string{w.Label, w.Score, w.Time}, w.By) {
		if name != "" && t.Column(name) == nil {
			return nil, rondo.Errorf(rondo.Invalid, "there is no column %q%s", name, nearest.Hint(name, t.Names))
		}
	}
	if out.Label = w.Label; out.Label == "" {
		if out.Label = worded(t, labelWords, nil); out.Label == "" {
			out.Label = withClasses(t)
		}
		if out.Label == "" {
			return nil, rondo.Errorf(rondo.Invalid, "no column is called what labels are called (%s); name it with --label: %s",
				strings.Join(labelWords[:5], ", "), strings.Join(t.Names, ", "))
		}
	}
	if err := out.recogniseTask(t, w); err != nil {
		return nil, err
	}
	out.recogniseRest(t, w)
	return out, nil
}

// worded is the column whose name is the surest word, whatever its case and separators.
func worded(t *column.Table, words, but []string) string {
	plain := func(s string) string {
		return strings.ToLower(strings.Map(func(r rune) rune {
			if strings.ContainsRune("_- .", r) {
				return -1
			}
			return r
		}, s))
	}
	for _, word := range words {
		for _, name := range t.Names {
			if plain(name) == plain(word) && !slices.Contains(but, name) {
				return name
			}
		}
	}
	return ""
}

// values are the different values of a column in order of their first row, or nil when there are more than most.
func values(v *column.Vector, most int) []string {
	var out []string
	for i := range v.Len() {
		if v.IsNull(i) {
			continue
		}
		if s := v.Text(i); !slices.Contains(out, s) {
			if len(out) == most {
				return nil
			}
			out = append(out, s)
		}
	}
	return out
}

func (r *Recognised) recogniseTask(t *column.Table, w Wanted) error {
	label := t.Column(r.Label)
	labels := values(label, mostValues)
	score := w.Score
	if score == "" {
		if perClass := classColumns(t, labels, r.Label); len(labels) > 2 && perClass != nil {
			r.Kind, r.Classes, r.Scores = rondo.Multiclass, labels, perClass
			return nil
		}
		if score = worded(t, scoreWords, []string{r.Label}); score == "" {
			return rondo.Errorf(rondo.Invalid, "no column is called what scores are called (%s), and there is none for each class; name it with --score: %s",
				strings.Join(scoreWords[:5], ", "), strings.Join(t.Names, ", "))
		}
	}
	if score == r.Label {
		return rondo.Errorf(rondo.Invalid, "label and score are both %q", score)
	}
	r.Scores = []string{score}
	said := t.Column(score)
	number := said.Type == column.Int64 || said.Type == column.Float64
	given := values(said, mostValues)
	switch {
	case len(labels) == 2 && (number || said.Type == column.Bool || subset(given, labels)):
		return r.binary(said, labels, given)
	case label.Type == column.String || label.Type == column.Bool,
		label.Type == column.Int64 && labels != nil && len(labels) <= fewNumbers && said.Type == column.Int64 && subset(given, labels):
		if number && label.Type == column.String {
			return rondo.Errorf(rondo.Invalid, "the label %q is text with %d values and the score %q is a number: name a column of answers, or have one column of probabilities a class, as in p_%s",
				r.Label, len(labels), score, first(labels))
		}
		if labels == nil || given == nil {
			return rondo.Errorf(rondo.Invalid, "%q and %q have more than %d values; they are no classes", r.Label, score, mostValues)
		}
		r.Kind, r.Hard = rondo.Multiclass, true
		for _, s := range given {
			if !slices.Contains(labels, s) {
				labels = append(labels, s)
			}
		}
		slices.Sort(labels)
		r.Classes = labels
		return nil
	case number && (label.Type == column.Int64 || label.Type == column.Float64):
		if len(labels) < 2 && labels != nil {
			return rondo.Errorf(rondo.Invalid, "the label %q has one value only; nothing can be measured", r.Label)
		}
		r.Kind = rondo.Regression
		return nil
	}
	return rondo.Errorf(rondo.Invalid, "a label %q of type %s and a score %q of type %s do not belong together; name others with --label and --score",
		r.Label, label.Type, score, said.Type)
}

func first(s []string) string {
	if len(s) == 0 {
		return "CLASS"
	}
	return s[0]
}

func subset(some, all []string) bool {
	return some != nil && !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// classColumns are the columns of probabilities, one for each label, or nil.
func classColumns(t *column.Table, labels []string, label string) []string {
	var out []string
	for _, class := range labels {
		found := ""
		for _, form := range []string{"p_%s", "prob_%s", "proba_%s", "probability_%s", "score_%s", "p(%s)", "%s"} {
			name := fmt.Sprintf(form, class)
			if v := t.Column(name); v != nil && name != label && (v.Type == column.Float64 || v.Type == column.Int64) {
				found = name
				break
			}
		}
		if found == "" {
			return nil
		}
		out = append(out, found)
	}
	return out
}

// withClasses is the column of which every value has a column of probabilities, or "".
func withClasses(t *column.Table) string {
	for i, name := range t.Names {
		if labels := values(t.Columns[i], mostValues); len(labels) > 2 && classColumns(t, labels, name) != nil {
			return name
		}
	}
	return ""
}

// binary decides which label a score speaks of, and whether it is a probability, a ranking or an answer.
func (r *Recognised) binary(said *column.Vector, labels, given []string) error {
	r.Kind = rondo.Binary
	if r.Positive == "" {
		for _, word := range yesWords {
			for _, l := range labels {
				if r.Positive == "" && strings.EqualFold(l, word) {
					r.Positive = l
				}
			}
		}
	}
	if r.Positive == "" {
		return rondo.Errorf(rondo.Invalid, "the label %q is %s or %s; say with --positive which of them the score speaks of", r.Label, labels[0], labels[1])
	}
	if !slices.Contains(labels, r.Positive) {
		return rondo.Errorf(rondo.Invalid, "the label %q is never %q, but %s or %s", r.Label, r.Positive, labels[0], labels[1])
	}
	if said.Type == column.String || said.Type == column.Bool {
		r.Hard = true
		return nil
	}
	r.Hard = true
	for i := range said.Len() {
		x, ok := said.Float(i)
		if !ok {
			continue
		}
		r.Unscaled = r.Unscaled || x < 0 || x > 1
		r.Hard = r.Hard && (x == 0 || x == 1)
	}
	return nil
}

// recogniseRest finds time, part and slices among the other columns.
func (r *Recognised) recogniseRest(t *column.Table, w Wanted) {
	if r.Time = w.Time; r.Time == "" {
		name := worded(t, timeWords, nil)
		if name == "" {
			for i, v := range t.Columns {
				if v.Type == column.Timestamp && name == "" {
					name = t.Names[i]
				}
			}
		}
		if v := t.Column(name); v != nil && v.Type == column.Timestamp {
			r.Time = name
		}
	}
	const mostBy = 3
	for i, v := range t.Columns {
		name := t.Names[i]
		if name == r.Label || slices.Contains(r.Scores, name) || v.Type != column.String && v.Type != column.Bool {
			continue
		}
		found := values(v, mostValues)
		switch {
		case len(found) > 1 && len(found) <= 4 && subset(lower(found), partWords):
			r.Part = name
		case len(w.By) == 0 && len(found) > 1 && len(r.By) < mostBy:
			r.By = append(r.By, name)
		}
	}
	if len(w.By) > 0 {
		r.By = w.By
	}
}

func lower(s []string) []string {
	out := make([]string, len(s))
	for i, x := range s {
		out[i] = strings.ToLower(x)
	}
	return out
}

// scored makes rows with label and score of a table; the others are counted.
func (r *Recognised) scored(t *column.Table) (s *Scored, rows []int32, missing int, err error) {
	label := t.Column(r.Label)
	s = &Scored{Kind: r.Kind, Classes: r.Classes}
	var times *column.Vector
	if r.Time != "" {
		if times = t.Column(r.Time); times.Type != column.Timestamp {
			return nil, nil, 0, rondo.Errorf(rondo.Invalid, "the time %q is %s; a time is a timestamp such as 2001-01-31 23:59", r.Time, times.Type)
		}
	}
	for i := range t.Rows() {
		if label.IsNull(i) || slices.ContainsFunc(r.Scores, func(name string) bool { return t.Column(name).IsNull(i) }) || times != nil && times.IsNull(i) {
			missing++
			continue
		}
		if err := r.row(s, t, label, i); err != nil {
			return nil, nil, 0, err
		}
		if times != nil {
			s.Times = append(s.Times, times.Ints[i])
		}
		rows = append(rows, int32(i))
	}
	if len(rows) == 0 {
		return nil, nil, missing, rondo.Errorf(rondo.Invalid, "no row has both a label in %q and a score in %s", r.Label, strings.Join(r.Scores, ", "))
	}
	s.Table = t.Take(rows)
	return s, rows, missing, nil
}

func (r *Recognised) row(s *Scored, t *column.Table, label *column.Vector, i int) error {
	said := t.Column(r.Scores[0])
	switch {
	case r.Kind == rondo.Regression:
		y, _ := label.Float(i)
		x, _ := said.Float(i)
		s.Target, s.Outputs = append(s.Target, y), append(s.Outputs, x)
	case r.Kind == rondo.Binary:
		y, x := 0.0, 0.0
		if label.Text(i) == r.Positive {
			y = 1
		}
		if said.Type == column.String || said.Type == column.Bool && r.Positive != "true" && r.Positive != "1" {
			x = map[bool]float64{true: 1}[said.Text(i) == r.Positive]
		} else {
			x, _ = said.Float(i)
		}
		s.Target, s.Outputs = append(s.Target, y), append(s.Outputs, x)
	default:
		s.Target = append(s.Target, float64(slices.Index(r.Classes, label.Text(i))))
		if r.Hard {
			for _, class := range r.Classes {
				s.Outputs = append(s.Outputs, map[bool]float64{true: 1}[said.Text(i) == class])
			}
			return nil
		}
		sum := 0.0
		for _, name := range r.Scores {
			p, _ := t.Column(name).Float(i)
			sum += p
			s.Outputs = append(s.Outputs, p)
		}
		const slack = 0.01 // of rounding on the way to a file
		if math.Abs(sum-1) > slack {
			return rondo.Errorf(rondo.Invalid, "row %d: the probabilities of %s add up to %.4g, not 1", i+1, strings.Join(r.Scores, ", "), sum)
		}
		for j := range r.Scores { // what rounding lost is put back
			s.Outputs[len(s.Outputs)-1-j] /= sum
		}
	}
	return nil
}
