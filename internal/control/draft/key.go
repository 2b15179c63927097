package draft

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
	"rondo.dev/rondo/internal/profile"
	"rondo.dev/rondo/internal/transform"
)

const (
	leastTimes = 20   // with fewer different values a timestamp is a property of the row, not when it was asked
	mostUntime = 0.01 // share of rows without a time that may be set aside for it
	sorted     = 0.9  // share of rows in order from which a file looks as if it had been written in time
)

// instants are a column read as times; nil when it is none.
type instants struct {
	name     string
	us       []int64
	null     []bool
	naive    bool
	text     bool
	distinct int
	ordered  float64 // share of neighbours that are in order
	from, to int64
}

// instants reads a column as times: a timestamp, or text of which all but mostUntime parses.
func (m *maker) instants(c *profile.Column) *instants {
	v := m.Table.Column(c.Name)
	at := &instants{name: c.Name, us: make([]int64, v.Len()), null: make([]bool, v.Len()), distinct: c.Distinct, naive: m.Naive[c.Name]}
	bad, last, pairs, forward := 0, -1, 0, 0
	for i := range at.us {
		ok := !v.IsNull(i)
		switch {
		case !ok:
		case v.Type == column.Timestamp:
			at.us[i] = v.Ints[i]
		case v.Type == column.String:
			zoned := false
			at.us[i], zoned, ok = transform.ParseTime(v.Strings[i])
			at.text, at.naive = true, at.naive || ok && !zoned
		default:
			return nil
		}
		if at.null[i] = !ok; !ok {
			if bad++; float64(bad) > mostUntime*float64(v.Len()) && v.Type == column.String {
				return nil
			}
			continue
		}
		if last >= 0 {
			if pairs++; at.us[i] >= at.us[last] {
				forward++
			}
			at.from, at.to = min(at.from, at.us[i]), max(at.to, at.us[i])
		} else {
			at.from, at.to = at.us[i], at.us[i]
		}
		last = i
	}
	if last < 0 {
		return nil
	}
	at.ordered = max(float64(forward), float64(pairs-forward)) / float64(max(1, pairs))
	return at
}

func (t *instants) missing() float64 {
	n := 0
	for _, null := range t.null {
		if null {
			n++
		}
	}
	return float64(n) / float64(len(t.null))
}

func (t *instants) span() string {
	day := func(us int64) string { return time.UnixMicro(us).UTC().Format(time.DateOnly) }
	return day(t.from) + " to " + day(t.to)
}

// before says whether t is never later than u, where both are there, and sometimes earlier.
func (t *instants) before(u *instants) bool {
	earlier := false
	for i := range t.us {
		if t.null[i] || u.null[i] {
			continue
		}
		if t.us[i] > u.us[i] {
			return false
		}
		earlier = earlier || t.us[i] < u.us[i]
	}
	return earlier
}

// time chooses when the question is asked, and says what becomes of other times.
func (m *maker) time() {
	var all []*instants
	for i := range m.profile.Columns {
		c := &m.profile.Columns[i]
		if c.Name == m.raw {
			continue
		}
		if t := m.instants(c); t != nil {
			all = append(all, t)
		}
	}
	best := m.chooseTime(all)
	switch {
	case best != nil:
		m.Time = Line{best.name, fmt.Sprintf("%s is taken as when the question is asked: %s, %d different values, %.0f %% of the rows in order",
			best.name, best.span(), best.distinct, 100*best.ordered)}
		if best.naive {
			m.Zone = "UTC"
		}
	case len(all) == 0:
		m.Time.Why = "no column says when a question was asked, so the newest rows cannot be kept for the test"
	case m.Time.Why == "":
		m.Time.Why = fmt.Sprintf("%s is not taken as when the question is asked: it has only %d different values, or is missing too often", all[0].name, all[0].distinct)
	}
	for _, t := range all {
		switch {
		case t == best:
		case best != nil && best.before(t):
			m.drop(t.name, fmt.Sprintf("it is never before %s, so it may be known only later", best.name))
		case t.text || t.distinct < 2:
			m.drop(t.name, "a second time, as text")
		default:
			m.seconds[t.name] = true
		}
	}
}

func (m *maker) chooseTime(all []*instants) *instants {
	var fit []*instants
	for _, t := range all {
		switch {
		case t.distinct < leastTimes || t.missing() > mostUntime || hinted(t.name, "birth", "birthday", "birthdate", "dob", "born"):
		case t.name == "known" || t.name == "time" && t.naive:
			m.Time.Why = fmt.Sprintf("%q holds local times under a name that Rondo gives to a column of its own: rename it in the data, and it can be the time", t.name)
		default:
			fit = append(fit, t)
		}
	}
	for _, name := range []string{"known", "time"} { // reserved where a model has a time
		if len(fit) > 0 && m.Table.Column(name) != nil && !slices.ContainsFunc(fit, func(t *instants) bool { return t.name == name }) {
			m.Time.Why = fmt.Sprintf("a model with a time makes a column %q of its own: rename yours in the data, and declare data.time", name)
			return nil
		}
	}
	if len(fit) == 0 {
		return nil
	}
	slices.SortStableFunc(fit, func(a, b *instants) int {
		inOrder := func(t *instants) int { return map[bool]int{true: 0, false: 1}[t.ordered >= sorted] }
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return cmp.Compare(inOrder(a), inOrder(b))
	})
	return fit[0]
}

const (
	keyColumns  = 3   // a key of more columns is no name
	keyWidth    = 60  // characters, on average, from which text is prose
	keyTries    = 12  // columns tried together
	nearlyKey   = 0.5 // share of different values from which a column alone is worth a running number
	stepsOfWord = 64  // rows looked at for the width of text
)

// key finds columns that tell rows apart, and proves it on every row.
func (m *maker) key() {
	rows := m.distinctRows()
	repeats := m.Draft.Rows - len(rows)
	var can []string
	for i := range m.profile.Columns {
		if c := &m.profile.Columns[i]; m.mayName(c) {
			can = append(can, c.Name)
		}
	}
	slices.SortStableFunc(can, func(a, b string) int {
		x, y := m.profile.Column(a), m.profile.Column(b)
		if t := m.Time.Text; a == t || b == t { // the time first: a request always has it
			return map[bool]int{true: -1, false: 1}[a == t]
		}
		return cmp.Compare(y.Distinct, x.Distinct)
	})
	for _, name := range can {
		if m.collisions(rows, name) == 0 {
			m.Draft.Key = []string{name}
			break
		}
	}
	best := 0
	if m.Draft.Key == nil {
		best = m.grow(rows, can[:min(len(can), keyTries)])
	}
	said := fmt.Sprintf("%d rows", len(rows))
	if repeats > 0 {
		said += fmt.Sprintf(" that are no exact repeat (%d are)", repeats)
	}
	said = map[bool]string{true: "all ", false: "the first "}[m.Whole] + said
	switch {
	case m.Draft.Key == nil:
		m.KeyWhy = "no column or pair of columns names a row, so a row is its content"
	case best == 0:
		m.KeyWhy = fmt.Sprintf("proved: no two of %s share %s", said, strings.Join(m.Draft.Key, ", "))
	default:
		m.number(best, said)
	}
}

// number adds a running number to a key that is not unique.
func (m *maker) number(collisions int, said string) {
	m.Number = "nth"
	for m.Table.Column(m.Number) != nil || m.Number == m.Draft.Target.Text {
		m.Number += "_"
	}
	m.KeyWhy = fmt.Sprintf("of %s, %d share their key with an earlier one, so a running number tells them apart", said, collisions)
}

// grow adds, up to keyColumns times, the column that tells most rows apart. Without a time, a key that leaves more than
// half of the rows unnamed is none. It returns the rows that share their key with an earlier one.
func (m *maker) grow(rows []int32, can []string) int {
	var key []string
	best := len(rows)
	for len(key) < keyColumns && best > 0 {
		next, least := "", best
		for _, name := range can {
			if slices.Contains(key, name) || len(key) == 0 && m.Time.Text != "" && name != m.Time.Text {
				continue
			}
			if n := m.collisions(rows, append(slices.Clone(key), name)...); n < least {
				next, least = name, n
			}
		}
		if next == "" {
			break
		}
		key, best = append(key, next), least
	}
	if best > 0 && float64(len(rows)-best) < nearlyKey*float64(len(rows)) && m.Time.Text == "" {
		return len(rows)
	}
	if best > 0 && m.Time.Text == "" && !slices.ContainsFunc(key, named) {
		return len(rows) // measurements that happen to differ name nothing
	}
	m.Draft.Key = key
	return best
}

// named says whether a column is called what names things are.
func named(name string) bool {
	return hinted(name, "id", "key", "code", "uuid", "guid", "no", "nr", "number", "sku", "isbn", "iata", "zip", "name", "title", "ref", "reference", "year", "date", "month", "day") ||
		strings.HasSuffix(strings.ToLower(name), "_id") || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID")
}

// mayName says whether a column may be part of a key: there in every row, no measurement, no prose, not the target.
func (m *maker) mayName(c *profile.Column) bool {
	v := m.Table.Column(c.Name)
	switch {
	case c.Name == m.raw || c.Nulls > 0 || c.Distinct < 2 || m.dropped[c.Name] || v.Type == column.Float64 || v.Type == column.Bool:
		return false
	case v.Type == column.Int64:
		return named(c.Name) || serial(v)
	case v.Type == column.String:
		return width(v) <= keyWidth
	}
	return c.Name == m.Time.Text || m.Time.Text == ""
}

func width(v *column.Vector) int {
	n, sum := 0, 0
	for i := 0; i < v.Len(); i += max(1, v.Len()/stepsOfWord) {
		if !v.IsNull(i) {
			sum += len(v.Strings[i])
			n++
		}
	}
	return sum / max(1, n)
}

// unique says whether all values of a described column differ.
func unique(c *profile.Column, rows int) bool {
	return c.Nulls == 0 && (c.Exact && c.Distinct == rows || !c.Exact && float64(c.Distinct) > 0.95*float64(rows)) && rows > 1
}

// serial says whether whole numbers only ever grow: they count the rows.
func serial(v *column.Vector) bool {
	if v.Type != column.Int64 || v.Nulls() > 0 || v.Len() < 2 {
		return false
	}
	for i := 1; i < len(v.Ints); i++ {
		if v.Ints[i] <= v.Ints[i-1] {
			return false
		}
	}
	return true
}

// distinctRows are the rows without their exact repeats, which preparation drops.
func (m *maker) distinctRows() []int32 {
	seen := make(map[rowhash.Key]bool, m.Draft.Rows)
	out := make([]int32, 0, m.Draft.Rows)
	for i, k := range transform.RowHashes(m.Table) {
		if !seen[k] {
			seen[k] = true
			out = append(out, int32(i))
		}
	}
	return out
}

// collisions counts the rows that share these columns with an earlier one.
func (m *maker) collisions(rows []int32, names ...string) int {
	columns := make([]*column.Vector, len(names))
	for i, name := range names {
		columns[i] = m.Table.Column(name)
	}
	seen := make(map[rowhash.Key]bool, len(rows))
	keys := rowhash.Rows(columns, m.Table.Rows())
	for _, r := range rows {
		seen[keys[r]] = true
	}
	return len(rows) - len(seen)
}
