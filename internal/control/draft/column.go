package draft

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/profile"
)

const (
	freeText   = 0.5   // share of different values from which text is an id or prose
	fewValues  = 16    // text with so many values becomes a column each, as transform does
	learnable  = 20    // rows a value needs to be learned, as in transform
	rangeRoom  = 0.5   // a range check leaves so much of the range on either side
	mostRange  = 1e100 // a wider range says nothing
	mostChecks = 60    // beyond that a list of ranges is not read any more
	mostSlices = 2
)

func (m *maker) drop(name, why string) {
	if !m.dropped[name] {
		m.dropped[name] = true
		m.Drop = append(m.Drop, Line{name, why})
	}
}

// drops finds what is no feature: nothing to learn from, names of rows, and what is suspected to know the answer.
func (m *maker) drops() {
	for i := range m.profile.Columns {
		c := &m.profile.Columns[i]
		v := m.Table.Column(c.Name)
		if c.Name == m.raw || c.Name == m.Time.Text || m.dropped[c.Name] || m.seconds[c.Name] {
			continue
		}
		there := m.profile.Rows - c.Nulls
		switch {
		case there == 0:
			m.drop(c.Name, "it is empty")
		case c.Distinct == 1 && c.Nulls == 0:
			m.drop(c.Name, "it is always "+short(c.Top[0].Value))
		case serial(v):
			m.drop(c.Name, "it numbers the rows")
		case v.Type == column.Int64 && unique(c, m.profile.Rows) && named(c.Name):
			m.drop(c.Name, "it names the row: no two are equal")
		case v.Type == column.String && dates(v):
			m.drop(c.Name, "it holds dates in a form that is not read (write them as 2001-01-31), and text of dates teaches nothing")
		case v.Type == column.String && float64(c.Distinct) > freeText*float64(there) && c.Distinct > fewValues:
			m.drop(c.Name, fmt.Sprintf("an id or free text: %d different values in %d rows", c.Distinct, there))
		case v.Type == column.String && c.Distinct > fewValues && (len(c.Top) == 0 || c.Top[0].Rows < learnable):
			m.drop(c.Name, fmt.Sprintf("no value stands in %d rows, so none could be learned", learnable))
		default:
			if why := m.labels.leak(v); why != "" {
				m.drop(c.Name, "suspected leak: "+why)
				m.Leaks = append(m.Leaks, Line{c.Name, why})
			}
		}
	}
	if m.used() == 0 && len(m.Leaks) > 0 {
		m.keepLeaks()
	}
}

// used counts the columns that are left to be features.
func (m *maker) used() int {
	n := 0
	for _, name := range m.Table.Names {
		if name != m.raw && !m.dropped[name] {
			n++
		}
	}
	return n
}

// keepLeaks takes suspected leaks back: without them there is no feature, so they have to be the question.
func (m *maker) keepLeaks() {
	var left []Line
	for _, d := range m.Drop {
		if strings.HasPrefix(d.Why, "suspected leak") {
			delete(m.dropped, d.Text)
			continue
		}
		left = append(left, d)
	}
	m.Drop = left
}

// dates says whether text looks like dates in a form that Rondo does not read.
func dates(v *column.Vector) bool {
	forms := []string{"Jan 2 2006", "Jan 2, 2006", "January 2, 2006", "2 Jan 2006", "02-Jan-2006", "1/2/2006", "2/1/2006", "1/2/06", "2.1.2006", "2006/01/02",
		"2006/01/02 15:04:05", "1/2/2006 15:04", "20060102", time.RFC1123, time.RFC850, time.ANSIC, "Jan 2006", "2006-01"}
	seen, good := 0, 0
	for i := 0; i < v.Len(); i += max(1, v.Len()/200) {
		if v.IsNull(i) {
			continue
		}
		seen++
		for _, f := range forms {
			if _, err := time.Parse(f, strings.TrimSpace(v.Strings[i])); err == nil {
				good++
				break
			}
		}
	}
	return seen > 0 && good*10 >= seen*9
}

// use writes checks and features of the columns that are left.
func (m *maker) use() {
	for i := range m.profile.Columns {
		c := &m.profile.Columns[i]
		if c.Name == m.raw || m.dropped[c.Name] || c.Name == m.Time.Text {
			continue
		}
		m.check(c)
		m.feature(c)
	}
	if t := m.Time.Text; t != "" {
		m.Features = append(m.Features, Line{"dateParts: {" + flow(t) + ": [" + strings.Join(m.clock(t), ", ") + "]}", ""})
	}
}

// check says what a value of the column has to be.
func (m *maker) check(c *profile.Column) {
	if len(m.Checks) == mostChecks || m.seconds[c.Name] || ours(c.Name) {
		return
	}
	q := expr.QuoteColumn(c.Name)
	v := m.Table.Column(c.Name)
	switch {
	case v.Type == column.Int64 || v.Type == column.Float64:
		low, high := bounds(c.Numbers.Min, c.Numbers.Max)
		if math.IsInf(high-low, 0) || math.IsNaN(high-low) || high-low > mostRange {
			return
		}
		text := fmt.Sprintf("%s between %s and %s", q, number(low, v.Type), number(high, v.Type))
		if c.Nulls > 0 {
			text = q + " is null or " + text
		}
		m.Checks = append(m.Checks, Line{text, fmt.Sprintf("%s to %s here", round(c.Numbers.Min), round(c.Numbers.Max))})
	case c.Nulls == 0 && (v.Type == column.String || v.Type == column.Bool):
		m.Checks = append(m.Checks, Line{q + " is not null", "never missing here"})
	}
}

// ours says whether expressions mean something else by a name.
func ours(name string) bool { return name == "time" || name == "known" }

// bounds leave room on either side of a range, and keep to one side of zero what is on one side of zero.
func bounds(low, high float64) (float64, float64) {
	room := rangeRoom * (high - low)
	if room == 0 {
		room = max(1, math.Abs(high))
	}
	wide, tall := low-room, high+room
	if low >= 0 {
		wide = max(0, wide)
	}
	if high <= 0 {
		tall = min(0, tall)
	}
	step := math.Pow(10, math.Floor(math.Log10(tall-wide))-1)
	return math.Floor(wide/step) * step, math.Ceil(tall/step) * step
}

// number writes a bound as the language reads it: no exponents.
func number(x float64, t column.Type) string {
	if t == column.Int64 || x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(math.Round(min(max(x, -9e18), 9e18)), 'f', 0, 64)
	}
	text := strconv.FormatFloat(cleaned(x), 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0" // a whole number beyond int64 is none to the language
	}
	return text
}

// cleaned is x to 6 digits: 0.30000000000000004 is 0.3.
func cleaned(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil {
		return x
	}
	return y
}

func round(x float64) string { return strconv.FormatFloat(cleaned(x), 'f', -1, 64) }

// feature says what is made of a column, where that is not what it would be anyway.
func (m *maker) feature(c *profile.Column) {
	v := m.Table.Column(c.Name)
	switch {
	case m.seconds[c.Name]:
		m.Features = append(m.Features, Line{"dateParts: {" + flow(c.Name) + ": [year, month]}", "a time, but not when the question is asked"})
	case v.Type == column.String:
		how, why := "one-hot", fmt.Sprintf("%d values", c.Distinct)
		if c.Distinct > fewValues {
			how, why = "target", fmt.Sprintf("%d values: the mean target of those known before, shrunk where rows are few", c.Distinct)
		}
		m.Features = append(m.Features, Line{"encode: {" + flow(c.Name) + ": " + how + "}", why})
		if c.Nulls == 0 && c.Distinct <= fewValues && len(m.Slices) < mostSlices {
			m.Slices = append(m.Slices, c.Name)
		}
	}
}

// clock chooses the parts of the time that can repeat within its span.
func (m *maker) clock(name string) []string {
	t := m.instants(m.profile.Column(name))
	const day = 24 * int64(time.Hour/time.Microsecond)
	parts := []string{"weekday"}
	hours, days := false, false
	for i, us := range t.us {
		hours = hours || !t.null[i] && us%day != 0
		days = days || !t.null[i] && time.UnixMicro(us).UTC().Day() != 1
	}
	if !days {
		parts = nil
	}
	if t.to-t.from > 300*day || parts == nil {
		parts = append(parts, "month")
	}
	if hours {
		parts = append(parts, "hour")
	}
	return parts
}
