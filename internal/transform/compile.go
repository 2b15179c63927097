package transform

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/lib/zone"
	"rondo.dev/rondo/internal/rondo"
)

// The columns that Rondo makes where a model declares a time.
const (
	timeColumn  = "time"
	knownColumn = "known"
)

// Rows is the compiled row preparation of one model. Safe for concurrent use.
type Rows struct {
	data      rondo.Data
	task      rondo.Task
	signature Signature
	lookups   []*lookup
	zones     *zone.Zones
	zone      *zone.Zone // of all rows, when declared by name
	zoneText  int        // reason: a row without a usable zone
	timeText  int        // reason: a row without a usable time
	checks    []check
	derived   []derivation // in an order in which each finds what it reads
	known     *expr.Program
	knownText int // reason: known is missing
	laterText int // reason: known is not after time
	keyNames  []string
	reasons   []string
	outside   [][]string // per reason: the columns it is about
}

type check struct {
	program *expr.Program
	outcome bool // reads what is known only with the outcome: not run in serving
	timed   bool // reads the time
	reason  int
}

type derivation struct {
	name    string
	program *expr.Program
	outcome bool
}

// compiler gathers what CompileRows knows of columns.
type compiler struct {
	spec   *rondo.Spec
	raw    map[string]column.Type
	types  expr.Schema         // all columns made so far, the declared time as its instant
	reads  map[string][]string // what a made column is computed from
	needs  map[string]string   // raw columns a question needs, and for what
	labels map[string]bool     // raw columns known only with the outcome
	taint  map[string]bool     // those, the target, and all that is derived from them
	rows   *Rows
}

// CompileRows compiles the preparation for a source of the given columns. lookups are the tables of Data.Lookup by name.
// Its errors are *rondo.Error, all of Kind Invalid.
func CompileRows(spec *rondo.Spec, source Schema, lookups map[string]*column.Table) (*Rows, error) {
	c := &compiler{
		spec: spec, raw: make(map[string]column.Type), types: make(expr.Schema), reads: make(map[string][]string),
		needs: make(map[string]string), labels: make(map[string]bool), taint: make(map[string]bool),
		rows: &Rows{data: spec.Data, task: spec.Task, zones: &zone.Zones{}},
	}
	// D1: each step may name only what the steps before it made.
	for _, step := range []func() error{
		func() error { return c.source(source) },
		func() error { return c.lookups(lookups) },
		c.time,
		c.key,
		c.order,
		c.origins,
		c.checks,
		c.derive,
		c.label,
		c.history,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := c.drops(); err != nil {
		return nil, err
	}
	c.sign(source)
	if _, err := newPlan(spec, c.rows.signature, c.leak); err != nil {
		return nil, err
	}
	return c.rows, nil
}

// Signature is every column with its origin.
func (r *Rows) Signature() Signature { return r.signature }

func (c *compiler) source(source Schema) error {
	for _, f := range source {
		switch _, twice := c.raw[f.Name]; {
		case twice:
			return invalid("data.source", "two columns are named %q", f.Name)
		case f.Name == "" || !utf8.ValidString(f.Name):
			return invalid("data.source", "a column has no name that can be written: %q", f.Name)
		case c.spec.Data.Time != nil && f.Name == knownColumn,
			c.spec.Data.Time != nil && f.Name == timeColumn && (c.spec.Data.Time.Column != timeColumn || c.spec.Data.Time.Zone+c.spec.Data.Time.ZoneColumn != ""):
			return invalid("data.source", "the source has a column %q, a name that Rondo gives to a column of its own; rename it", f.Name)
		}
		c.raw[f.Name] = f.Type
		c.types[f.Name] = f.Type
	}
	return nil
}

func (c *compiler) rawType(field, name string) (column.Type, error) {
	t, ok := c.raw[name]
	if !ok {
		return 0, invalid(field, "the source has no column %q%s", name, nearest.Hint(name, sortedNames(c.raw)))
	}
	return t, nil
}

func sortedNames[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// make adds a column that is computed from others.
func (c *compiler) make(field, name string, t column.Type, reads []string) error {
	if _, taken := c.types[name]; taken {
		return invalid(field, "there is a column %q already", name)
	}
	c.types[name] = t
	c.reads[name] = reads
	return nil
}

// need notes that a question needs a column, and with it all raw columns behind it.
func (c *compiler) need(name, why string) {
	for _, raw := range c.sources(name) {
		if _, ok := c.needs[raw]; !ok {
			c.needs[raw] = why
		}
	}
}

// sources are the raw columns behind a column, sorted.
func (c *compiler) sources(name string) []string {
	seen := make(map[string]bool)
	var visit func(string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, read := range c.reads[name] {
			visit(read)
		}
	}
	visit(name)
	var out []string
	for name := range seen {
		if _, made := c.reads[name]; !made {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

func (c *compiler) time() error {
	t := c.spec.Data.Time
	if t == nil {
		return nil
	}
	kind, err := c.rawType("data.time.column", t.Column)
	if err != nil {
		return err
	}
	if kind != column.Timestamp && kind != column.String {
		return invalid("data.time.column", "%q is %s; a time is a timestamp or text such as 2001-01-31 23:59", t.Column, kind)
	}
	reads := []string{t.Column}
	c.rows.timeText = c.reason(fmt.Sprintf("time: %s is missing or cannot be read as a time", t.Column), t.Column)
	c.rows.zoneText = c.rows.timeText
	switch {
	case t.Zone != "":
		if c.rows.zone, err = c.rows.zones.Get(t.Zone); err != nil {
			return &rondo.Error{Kind: rondo.Invalid, Field: "data.time.zone", Message: err.Error()}
		}
	case t.ZoneColumn != "":
		kind, ok := c.types[t.ZoneColumn]
		if !ok {
			return invalid("data.time.zone", "no column %q in the source or the lookups%s", t.ZoneColumn, nearest.Hint(t.ZoneColumn, sortedNames(c.types)))
		}
		if kind != column.String {
			return invalid("data.time.zone", "%q is %s; a zone is a name such as America/New_York", t.ZoneColumn, kind)
		}
		reads = append(reads, t.ZoneColumn)
		c.rows.zoneText = c.reason(fmt.Sprintf("time: %s is missing or no time zone", t.ZoneColumn), c.sources(t.ZoneColumn)...)
	}
	if kind == column.String && t.Zone == "" && t.ZoneColumn == "" {
		c.rows.zoneText = c.reason(fmt.Sprintf("time: %s has neither an offset nor a declared zone", t.Column), t.Column)
	}
	for _, name := range reads {
		c.need(name, "the time")
	}
	c.types[t.Column] = column.Timestamp
	if t.Column == timeColumn {
		return nil
	}
	return c.make("data.time", timeColumn, column.Timestamp, reads)
}

// reason adds a reason for a bad row, about some columns.
func (c *compiler) reason(text string, about ...string) int {
	c.rows.reasons = append(c.rows.reasons, text)
	c.rows.outside = append(c.rows.outside, about)
	return len(c.rows.reasons) - 1
}

func (c *compiler) key() error {
	k := c.spec.Data.Key
	if k == nil {
		return nil
	}
	if len(k.Columns) == 0 {
		return invalid("data.key.columns", "names no column")
	}
	for _, name := range k.Columns {
		if _, err := c.rawType("data.key.columns", name); err != nil {
			return err
		}
		c.need(name, "the key")
	}
	c.rows.keyNames = k.Columns
	if k.Number != "" {
		if err := c.make("data.key.number", k.Number, column.Int64, k.Columns); err != nil {
			return err
		}
	}
	return nil
}

// order parses the derivations and brings them into an order in which each finds what it reads.
func (c *compiler) order() error {
	texts := make(map[string]rondo.Named)
	for _, d := range c.spec.Data.Derive {
		if _, twice := texts[d.Name]; twice {
			return invalid("data.derive."+d.Name, "derived twice")
		}
		if _, taken := c.types[d.Name]; taken || d.Name == knownColumn {
			return invalid("data.derive."+d.Name, "there is a column %q already", d.Name)
		}
		texts[d.Name] = d
	}
	state := make(map[string]int) // 1: being visited, 2: done
	var visit func(name string, path []string) error
	visit = func(name string, path []string) error {
		d, ok := texts[name]
		if !ok || state[name] == 2 {
			return nil
		}
		if state[name] == 1 {
			return invalid("data.derive."+name, "is derived from itself: %s", strings.Join(append(path, name), ", from "))
		}
		state[name] = 1
		e, err := expr.Parse(d.Expr)
		if err != nil {
			return wrong("data.derive."+name, err)
		}
		for _, read := range e.Columns() {
			if err := visit(read, append(path, name)); err != nil {
				return err
			}
		}
		program, err := e.Compile(c.schema())
		if err != nil {
			return wrong("data.derive."+name, err)
		}
		state[name] = 2
		c.rows.derived = append(c.rows.derived, derivation{name: name, program: program})
		return c.make("data.derive."+name, name, program.Type(), program.Columns())
	}
	for _, d := range c.spec.Data.Derive {
		if err := visit(d.Name, nil); err != nil {
			return err
		}
	}
	return nil
}

// schema is what expressions may name: everything so far but the key's number, which is assigned row after row.
func (c *compiler) schema() expr.Schema {
	if c.spec.Data.Key == nil || c.spec.Data.Key.Number == "" {
		return c.types
	}
	out := make(expr.Schema, len(c.types))
	for name, t := range c.types {
		if name != c.spec.Data.Key.Number {
			out[name] = t
		}
	}
	return out
}

// wrong is a mistake in an expression of a field.
func wrong(field string, err error) error {
	return &rondo.Error{Kind: rondo.Invalid, Field: field, Message: err.Error()}
}

// checks come in two kinds: those about the question run everywhere, those about the outcome in training only.
func (c *compiler) checks() error {
	for _, text := range c.spec.Data.Checks {
		field := fmt.Sprintf("data.checks (%s)", text)
		program, err := expr.Compile(text, c.beforeDerive())
		if err != nil {
			return wrong(field, err)
		}
		if program.Type() != column.Bool {
			return invalid(field, "is %s; a check is true or false", program.Type())
		}
		one := check{program: program, reason: c.reason("check: "+text, program.Columns()...)}
		for _, name := range program.Columns() {
			one.outcome = one.outcome || c.taint[name]
			one.timed = one.timed || c.spec.Data.Time != nil && (name == timeColumn || name == c.spec.Data.Time.Column)
		}
		c.rows.checks = append(c.rows.checks, one)
	}
	return nil
}

// beforeDerive is what checks may name: raw, looked up, time.
func (c *compiler) beforeDerive() expr.Schema {
	out := make(expr.Schema)
	for name, t := range c.schema() {
		if !slices.ContainsFunc(c.rows.derived, func(d derivation) bool { return d.name == name }) {
			out[name] = t
		}
	}
	return out
}

func (c *compiler) derive() error {
	for i := range c.rows.derived {
		c.rows.derived[i].outcome = c.taint[c.rows.derived[i].name]
	}
	return nil
}

// label compiles known; its columns were found to be needed in origins.
func (c *compiler) label() error {
	if c.spec.Data.Time == nil || c.spec.Data.Label == nil || c.spec.Data.Label.Known == "" {
		return nil
	}
	program, err := expr.Compile(c.spec.Data.Label.Known, c.schema())
	if err != nil {
		return wrong("data.label.known", err)
	}
	if program.Type() != column.Timestamp {
		return invalid("data.label.known", "is %s; it says when, as in time + 2h", program.Type())
	}
	c.rows.known = program
	c.rows.knownText = c.reason("known: cannot be computed", program.Columns()...)
	c.rows.laterText = c.reason("known: is not after the row's time", program.Columns()...)
	return nil
}

func (c *compiler) history() error {
	for _, h := range c.spec.Data.History {
		t := column.Float64
		if h.Aggregate == rondo.Count {
			t = column.Int64
		}
		if err := c.make("data.history."+h.Name, h.Name, t, nil); err != nil {
			return err
		}
	}
	return nil
}
