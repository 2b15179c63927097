package evaluate

import (
	"slices"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// leaveTraining leaves rows out that the file itself says were trained on, and tells when others repeat them.
func (c Check) leaveTraining(h *Honest) *column.Table {
	r := c.Columns
	if r.Part == "" {
		return c.Table
	}
	part := c.Table.Column(r.Part)
	inputs := c.hashes(c.Table, c.inputs(c.Table))
	trained := make(map[rowhash.Key]bool)
	var rest []int32
	for i := range part.Len() {
		if strings.HasPrefix(strings.ToLower(part.Text(i)), "train") {
			trained[inputs[i]] = true
		} else {
			rest = append(rest, int32(i))
		}
	}
	if len(trained) == 0 || len(rest) == 0 {
		return c.Table
	}
	h.find("%d rows are left out: %s says that they were trained on", part.Len()-len(rest), r.Part)
	n := 0
	for _, i := range rest {
		if trained[inputs[i]] {
			n++
		}
	}
	if n > 0 && len(c.inputs(c.Table)) > 0 {
		h.find("leak: %d of the other %d rows have the same inputs as a row that was trained on", n, len(rest))
	}
	return c.Table.Take(rest)
}

// inputs are the columns that are neither label, score, time nor part.
func (c Check) inputs(t *column.Table) []string {
	r := c.Columns
	var out []string
	for _, name := range t.Names {
		if name != r.Label && name != r.Time && name != r.Part && !slices.Contains(r.Scores, name) {
			out = append(out, name)
		}
	}
	return out
}

func (c Check) hashes(t *column.Table, names []string) []rowhash.Key {
	columns := make([]*column.Vector, len(names))
	for i, name := range names {
		columns[i] = t.Column(name)
	}
	return rowhash.Rows(columns, t.Rows())
}

// seenTwice counts rows that add nothing, and rows that training has.
func (h *Honest) seenTwice(s *Scored, c Check) {
	inputs := c.inputs(s.Table)
	seen := make(map[rowhash.Key]bool, s.Rows())
	for _, k := range c.hashes(s.Table, s.Table.Names) {
		if seen[k] && len(inputs) > 0 { // labels and scores alone may well be equal
			h.Repeats++
		}
		seen[k] = true
	}
	if h.Repeats > 0 {
		h.find("%d rows (%.1f %%) are exact repeats; counted twice, they make intervals too narrow", h.Repeats, 100*float64(h.Repeats)/float64(h.Rows))
	}
	if len(inputs) >= 2 { // one column is a group, not a row
		label := make(map[rowhash.Key]float64, s.Rows())
		told := inputs
		if c.Columns.Time != "" {
			told = append(slices.Clone(inputs), c.Columns.Time) // the same again, later, is another row
		}
		for i, k := range c.hashes(s.Table, told) {
			if y, again := label[k]; again {
				h.SeenTwice++
				if y != s.Target[i] {
					h.Contrary++
				}
				continue
			}
			label[k] = s.Target[i]
		}
		if h.SeenTwice > h.Repeats && 2*h.SeenTwice < h.Rows { // else they are too coarse to tell rows apart
			h.find("%d rows share all inputs with an earlier row, %d of them with another label; if such twins stand in training and test, the test is too kind", h.SeenTwice, h.Contrary)
		}
	}
	if c.Training == nil {
		return
	}
	var shared []string
	for _, name := range inputs {
		if v := c.Training.Column(name); v != nil && v.Type == s.Table.Column(name).Type {
			shared = append(shared, name)
		}
	}
	if len(shared) == 0 {
		h.find("the training rows share no column with these, so overlap cannot be looked for")
		return
	}
	trained := make(map[rowhash.Key]bool)
	for _, k := range c.hashes(c.Training, shared) {
		trained[k] = true
	}
	n := 0
	for _, k := range c.hashes(s.Table, shared) {
		if trained[k] {
			n++
		}
	}
	h.TrainedOn = &n
	if n > 0 {
		h.find("leak: %d of %d rows equal a training row in %s", n, h.Rows, strings.Join(shared, ", "))
	}
}
