package draft

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/profile"
	"rondo.dev/rondo/internal/rondo"
)

// Candidate is a column that could be the target.
type Candidate struct {
	Column string         `json:"column"`
	Kind   rondo.TaskKind `json:"kind"`
	Why    string         `json:"why"`
	Named  bool           `json:"named"` // its name says that it is the target
	score  float64
}

const (
	mostClasses  = 100 // of text
	mostNumbered = 10  // of whole numbers; with more they are a quantity
	leastClass   = 10  // rows that a class has on average
	strayRows    = 5   // a third value of a two-valued column that has at most so many rows is noise
)

// Targets ranks the columns that could be the target, the likeliest first.
func Targets(t *column.Table) []Candidate {
	p := profile.Of(t)
	var out []Candidate
	for i := range p.Columns {
		c := &p.Columns[i]
		kind, why := kindOf(c, p.Rows)
		if kind == "" || unique(c, p.Rows) && kind != rondo.Regression || serial(t.Column(c.Name)) {
			continue
		}
		one := Candidate{Column: c.Name, Kind: kind, Why: why, score: 1}
		one.Named = hinted(c.Name, "target", "label", "class", "outcome", "y")
		switch {
		case one.Named:
			one.score += 4
		case hinted(c.Name, "churn", "churned", "default", "fraud", "survived", "species", "result", "diagnosis", "quality", "price", "rating", "status", "late", "damage"):
			one.score += 2
		}
		if kind != rondo.Regression {
			one.score++
		}
		if i == len(p.Columns)-1 {
			one.score++
			one.Why += "; it is the last column"
		}
		if c.Nulls > 0 {
			one.score -= float64(c.Nulls) / float64(p.Rows)
			one.Why += fmt.Sprintf("; missing in %s of the rows", percent(c.Nulls, p.Rows))
		}
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b Candidate) int { return cmp.Compare(b.score, a.score) })
	return out
}

// Obvious is the one candidate whose name says that it is the target.
func Obvious(list []Candidate) (Candidate, bool) {
	var found []Candidate
	for _, c := range list {
		if c.Named {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return Candidate{}, false
	}
	return found[0], true
}

// kindOf is the task a column would be the target of, or "" with the reason why it cannot be one.
func kindOf(c *profile.Column, rows int) (rondo.TaskKind, string) {
	there := rows - c.Nulls
	number := c.Type == column.Int64.String() || c.Type == column.Float64.String()
	switch {
	case there == 0:
		return "", "it has no values"
	case c.Distinct < 2:
		return "", "it has one value"
	case c.Type == column.Timestamp.String() || c.Type == column.Duration.String():
		return "", "it is a " + c.Type
	}
	if main, _ := pair(c); main != nil {
		return rondo.Binary, "two values: " + frequent(main, there)
	}
	classes := c.Distinct * leastClass
	switch {
	case c.Type == column.String.String() && c.Distinct <= mostClasses && classes <= there,
		c.Type == column.Int64.String() && c.Distinct <= mostNumbered && classes <= there:
		return rondo.Multiclass, fmt.Sprintf("%d values: %s", c.Distinct, frequent(c.Top, there))
	case number:
		return rondo.Regression, fmt.Sprintf("a number from %s to %s", round(c.Numbers.Min), round(c.Numbers.Max))
	}
	return "", fmt.Sprintf("it is text with %d different values in %d rows", c.Distinct, there)
}

// pair are the two values of a two-valued column, and its stray rows: those of any others, where they are so few that they
// are noise. Nil when it is no such column.
func pair(c *profile.Column) (two []profile.Value, stray int) {
	if !c.Exact || len(c.Top) < 2 || c.Distinct > 4 {
		return nil, 0
	}
	for _, v := range c.Top[2:] {
		if v.Rows > strayRows {
			return nil, 0
		}
		stray += v.Rows
	}
	if stray > 0 && (c.Type != column.String.String() || stray*50 > c.Top[0].Rows+c.Top[1].Rows || c.Top[1].Rows < 10*strayRows) {
		return nil, 0
	}
	return c.Top[:2], stray
}

// frequent lists values with their shares.
func frequent(values []profile.Value, rows int) string {
	const most = 4
	var parts []string
	for _, v := range values[:min(len(values), most)] {
		parts = append(parts, short(v.Value)+" "+percent(v.Rows, rows))
	}
	if len(values) > most {
		parts = append(parts, "...")
	}
	return strings.Join(parts, ", ")
}

// positives are words for the class one asks about; without them it is the rarer one.
var positives = []string{"1", "true", "yes", "y", "t", "positive", "pos", "malignant", "fraud", "churned", "died", "failed", "bad", "late", "damage", "damaged"}

// task decides what is asked.
func (m *maker) task() error {
	c := m.profile.Column(m.raw)
	kind, why := kindOf(c, m.profile.Rows)
	if m.Yes != "" || m.No != "" {
		if kind, why = m.yesNo(c); kind == "" {
			return &rondo.Error{Kind: rondo.Invalid, Field: m.raw, Message: why}
		}
	}
	if ours(m.raw) {
		kind, why = "", "Rondo gives columns of its own that name; rename it in the data"
	}
	if kind == "" {
		return &rondo.Error{Kind: rondo.Invalid, Field: m.raw, Message: "this column cannot be the target: " + why}
	}
	m.Kind, m.Draft.Target = kind, Line{m.raw, m.raw + ": " + why + "."}
	if c.Nulls > 0 {
		m.Draft.Target.Why += fmt.Sprintf(" It is missing in %d rows, which are left out.", c.Nulls)
	}
	v := m.Table.Column(m.raw)
	switch {
	case m.Yes != "" || m.No != "":
		m.one(c)
	case kind == rondo.Binary && v.Type != column.Bool:
		m.binary(c)
	case kind == rondo.Multiclass:
		m.rare(c)
		m.dominated(c)
	}
	m.labels = labelsOf(kind, v, m.Draft.Derive, m.asked(c))
	return nil
}

// asked says of which values a binary target is true.
func (m *maker) asked(c *profile.Column) func(value string) bool {
	switch {
	case m.Yes != "":
		return func(value string) bool { return value == m.Yes }
	case m.No != "":
		return func(value string) bool { return value != m.No }
	}
	yes := m.positive(c)
	return func(value string) bool { return value == yes }
}

// yesNo is the kind of a target that was made a yes-or-no question.
func (m *maker) yesNo(c *profile.Column) (rondo.TaskKind, string) {
	value := m.Yes + m.No
	rows, v := 0, m.Table.Column(m.raw)
	for i := range v.Len() {
		if !v.IsNull(i) && v.Text(i) == value {
			rows++
		}
	}
	there := m.profile.Rows - c.Nulls
	switch {
	case m.Yes != "" && m.No != "":
		return "", "say which value is yes, or which is no; not both"
	case rows == 0:
		return "", fmt.Sprintf("no row has the value %q; there are %s", value, frequent(c.Top, there))
	case rows == there:
		return "", fmt.Sprintf("every row has the value %q", value)
	}
	return rondo.Binary, fmt.Sprintf("%s in %s of the rows, against all other values", short(value), percent(rows, there))
}

// one derives whether a target has, or has not, one value.
func (m *maker) one(c *profile.Column) {
	sign, word := " = ", "_is_"
	if m.No != "" {
		sign, word = " != ", "_not_"
	}
	name := strings.TrimLeft(slug(m.raw, '_')+word+slug(m.Yes+m.No, '_'), "_0123456789")
	for m.Table.Column(name) != nil {
		name += "_"
	}
	m.Draft.Derive = &Line{expr.QuoteColumn(m.raw) + sign + literal(c.Type, m.Yes+m.No), "a binary target is true or false"}
	m.Draft.Target.Text = name
}

// positive is the value that a binary target asks about.
func (m *maker) positive(c *profile.Column) string {
	two, _ := pair(c)
	if m.Kind != rondo.Binary {
		return ""
	}
	for _, word := range positives {
		for _, v := range two {
			if strings.EqualFold(v.Value, word) {
				return v.Value
			}
		}
	}
	return two[1].Value
}

// binary derives the bool that a binary target has to be.
func (m *maker) binary(c *profile.Column) {
	two, stray := pair(c)
	yes := m.positive(c)
	no := two[0].Value
	if no == yes {
		no = two[1].Value
	}
	name := slug(m.raw, '_') + "_is_" + slug(yes, '_')
	if slug(yes, '_') == "" || slug(m.raw, '_') == "" || c.Type != column.String.String() || slices.Contains(positives[:5], strings.ToLower(yes)) {
		name = strings.TrimLeft(slug(m.raw, '_')+"_yes", "_0123456789")
	}
	for m.Table.Column(name) != nil {
		name += "_"
	}
	q := expr.QuoteColumn(m.raw)
	text := q + " = " + literal(c.Type, yes)
	why := fmt.Sprintf("the question is asked of %s, against %s; a binary target is true or false", short(yes), short(no))
	if stray > 0 {
		text = fmt.Sprintf("case when %s = %s then true when %s = %s then false end", q, literal(c.Type, yes), q, literal(c.Type, no))
		why += fmt.Sprintf("; %d rows have another value and are left out", stray)
	}
	m.Draft.Derive = &Line{text, why}
	m.Draft.Target.Text = name
}

// literal is a value in an expression.
func literal(kind, value string) string {
	if kind == column.String.String() {
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	return value
}

// rare tells of classes that cannot be learned or judged.
func (m *maker) rare(c *profile.Column) {
	var few []string
	for _, v := range c.Top {
		if v.Rows < 2*leastClass {
			few = append(few, fmt.Sprintf("%s (%d)", short(v.Value), v.Rows))
		}
	}
	if len(few) > 0 {
		m.Draft.Target.Why += " Too few rows to learn or judge: " + strings.Join(few, ", ") + "."
	}
}

// dominated proposes another question where one class is nearly all rows.
func (m *maker) dominated(c *profile.Column) {
	if most := c.Top[0]; float64(most.Rows) > mostBase*float64(m.profile.Rows-c.Nulls) {
		m.Draft.Target.Why += fmt.Sprintf(" Nearly all are %s: rondo init asks yes or no, is it anything else, with --no '%s'.",
			short(most.Value), short(most.Value))
	}
}
