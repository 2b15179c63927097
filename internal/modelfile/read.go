package modelfile

import (
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/lib/zone"
	"rondo.dev/rondo/internal/rondo"
)

// The readers of values that are no plain scalars or objects.

func (d *decoder) timeOf() *rondo.Time {
	if d.spec.Data.Time == nil {
		d.spec.Data.Time = &rondo.Time{}
	}
	return d.spec.Data.Time
}

func (d *decoder) keyOf() *rondo.Key {
	if d.spec.Data.Key == nil {
		d.spec.Data.Key = &rondo.Key{}
	}
	return d.spec.Data.Key
}

func (d *decoder) label() *rondo.Label {
	if d.spec.Data.Label == nil {
		d.spec.Data.Label = &rondo.Label{}
	}
	return d.spec.Data.Label
}

func (d *decoder) decide() *rondo.Decide {
	if d.spec.Decide == nil {
		d.spec.Decide = &rondo.Decide{MinCost: true}
	}
	return d.spec.Decide
}

var validName = regexp.MustCompile(nameRule)

func (d *decoder) name(n *yaml.Node) {
	s, ok := d.text(n, "a name")
	if ok && !validName.MatchString(s) {
		d.fail(n, "name is small letters, digits and hyphens, starting with a letter, at most 63; not %s", found(n))
	}
	d.spec.Name = s
}

func (d *decoder) source(n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		d.fail(n, "data.source: tables with files or folders of files cannot be honoured by this installation yet: name one file or a pattern")
		return
	}
	d.spec.Data.Source, _ = d.beside(n, true)
}

func (d *decoder) time(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.timeOf().Column, _ = d.column(n, stageSource)
		return
	}
	d.object(n, timeFields())
}

func (d *decoder) zone(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		d.object(n, zoneFields())
		return
	}
	s, ok := d.text(n, "an IANA zone, or {column: COLUMN}")
	if !ok {
		return
	}
	var zones zone.Zones
	if _, err := zones.Get(s); err != nil {
		d.fail(n, "data.time.zone: %s is no IANA zone such as America/New_York or UTC; a column that holds one is written {column: %s}", found(n), short(s))
		return
	}
	d.timeOf().Zone = s
}

func (d *decoder) key(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.keyOf().Columns = d.columnList(n, stageKey)
		return
	}
	d.object(n, keyFields())
}

func (d *decoder) lookups(n *yaml.Node) {
	outer := d.path
	pairs := d.pairs(n, "a map of names to {from, on, take}")
	for i := 0; i+1 < len(pairs); i += 2 {
		l := rondo.Lookup{Name: pairs[i].Value}
		d.path = join(outer, short(l.Name))
		d.object(pairs[i+1], lookupFields(&l))
		d.spec.Data.Lookup = append(d.spec.Data.Lookup, l)
	}
	d.path = outer
}

func lookupFields(l *rondo.Lookup) []field {
	const later = "remove it; a lookup joins a file by equality"
	return []field{
		{name: "from", doc: "a file beside the model file", form: fileForm(), required: true,
			read: func(d *decoder, n *yaml.Node) { l.From, _ = d.beside(n, false) }},
		{name: "on", doc: "which columns are equal: {this model's column: the table's column}", form: mapOf("column", columnForm()), required: true,
			read: func(d *decoder, n *yaml.Node) {
				pairs := d.pairs(n, "a map of this model's columns to the table's")
				for i := 0; i+1 < len(pairs); i += 2 {
					column, ok := d.column(pairs[i], stageLookup)
					to, ok2 := d.text(pairs[i+1], "a column of the table")
					if ok && ok2 {
						l.On = append(l.On, rondo.Pair{Column: column, To: to})
					}
				}
			}},
		{name: "take", doc: "the table's columns that are taken over", form: oneOrMore(columnForm()), required: true,
			read: func(d *decoder, n *yaml.Node) {
				for _, item := range d.items(n, "columns of the table", true) {
					name, ok := d.text(item, "a column of the table")
					if !ok {
						continue
					}
					if d.make(item, d.arrivesAs(l.Name, name), "lookup") {
						l.Take = append(l.Take, name)
					}
				}
			}},
		{name: "asOf", doc: "joined as of the row's time", refused: later}, {name: "key", doc: "the key of a remote table", refused: later},
	}
}

// arrivesAs is what a taken column is called: its own name, or LOOKUP_COLUMN where another lookup has that (transform does
// the same where the source has it).
func (d *decoder) arrivesAs(lookup, column string) string {
	if m, taken := d.made[column]; taken && m.what == "lookup" || column == "time" || column == "known" {
		return lookup + "_" + column
	}
	return column
}

func (d *decoder) batchChecks(n *yaml.Node) {
	for _, item := range d.items(n, "batch checks", false) {
		s, ok := d.text(item, "a batch check")
		if !ok {
			continue
		}
		c, err := expr.ParseBatchCheck(s)
		if err != nil {
			d.syntaxIn(item, err)
			continue
		}
		d.columns = append(d.columns, placedColumn{stageChecks, c.Column, d.path, where(item)})
		d.spec.Data.BatchChecks = append(d.spec.Data.BatchChecks, c.Text)
	}
}

func (d *decoder) derive(n *yaml.Node) {
	outer := d.path
	pairs := d.pairs(n, "a map of new columns to expressions")
	for i := 0; i+1 < len(pairs); i += 2 {
		name := pairs[i].Value
		d.path = join(outer, short(name))
		text, ok := d.expression(pairs[i+1], stageDerive, name)
		if d.make(pairs[i], name, "derived column") && ok {
			d.spec.Data.Derive = append(d.spec.Data.Derive, rondo.Named{Name: name, Expr: text})
		}
	}
	d.path = outer
}

func (d *decoder) histories(n *yaml.Node) {
	outer := d.path
	pairs := d.pairs(n, "a map of new columns to aggregates")
	for i := 0; i+1 < len(pairs); i += 2 {
		h := rondo.History{Name: pairs[i].Value}
		d.path = join(outer, short(h.Name))
		before := len(d.errs)
		d.object(pairs[i+1], historyFields(&h))
		if h.Aggregate == "" && len(d.errs) == before {
			d.fail(pairs[i], "%s aggregates nothing; write mean: COLUMN, sum: COLUMN or count: rows", d.path)
		}
		if d.make(pairs[i], h.Name, "history") {
			d.spec.Data.History = append(d.spec.Data.History, h)
		}
	}
	d.path = outer
}

func historyFields(h *rondo.History) []field {
	const later = "remove it; mean, sum and count of outcomes in a window are what history computes"
	aggregate := func(a rondo.Aggregate) func(d *decoder, n *yaml.Node) {
		return func(d *decoder, n *yaml.Node) {
			if h.Aggregate != "" {
				d.fail(n, "%s: one history is one aggregate, %s or %s", d.path, h.Aggregate, a)
				return
			}
			h.Aggregate = a
			if a != rondo.Count {
				h.Of, _ = d.column(n, stageHistory)
				return
			}
			if s, ok := d.text(n, "rows"); ok && s != "rows" {
				d.fail(n, "%s counts rows: write count: rows", d.path)
			}
		}
	}
	fields := []field{
		{name: "mean", doc: "the mean of a bool (as a share) or a number", form: columnForm(), read: aggregate(rondo.Mean)},
		{name: "sum", doc: "the sum of a bool (as a count) or a number", form: columnForm(), read: aggregate(rondo.Sum)},
		{name: "count", doc: "the number of outcomes", form: words("rows"), read: aggregate(rondo.Count)},
		{name: "by", doc: "only outcomes with the row's own values of these columns; without it, all", form: oneOrMore(columnForm()),
			read: func(d *decoder, n *yaml.Node) { h.By = d.columnList(n, stageHistory) }},
		{name: "over", doc: "how far back, to before the row's time", form: durationForm(), required: true,
			read: func(d *decoder, n *yaml.Node) {
				if n.Kind == yaml.ScalarNode && n.Value == "all" {
					d.fail(n, "%s: all cannot be honoured by this installation yet: give a duration such as 31d", d.path)
					return
				}
				h.Over, _ = d.duration(n)
			}},
	}
	for _, name := range []string{"prior", "min", "max", "sd", "distinct", "quantile", "last"} {
		fields = append(fields, field{name: name, doc: "other aggregates", refused: later})
	}
	return fields
}

// The steps of features that are no new column.
var (
	steps        = []string{"impute", "encode", "dateParts"}
	refusedSteps = []string{"augment", "text", "image", "embed", "tokens", "scale", "decode", "resize"}
	imputes      = []string{"median", "mean", "mode"}
	encodings    = []string{"target", "one-hot", "ordinal"}
	dateParts    = []string{"year", "month", "day", "weekday", "hour", "minute", "dayofyear"}
)

func (d *decoder) features(n *yaml.Node) {
	outer := d.path
	seen := make(map[string]int)
	for _, item := range d.items(n, "steps, as in - NAME: EXPRESSION", false) {
		d.path = outer
		if item.Tag == skip {
			continue
		}
		if item.Kind != yaml.MappingNode || len(item.Content) != 2 {
			d.fail(item, "%s: one step a line, as in - NAME: EXPRESSION or - encode: {COLUMN: target}; not %s", d.path, found(item))
			continue
		}
		key, value := item.Content[0], item.Content[1]
		d.path = join(outer, short(key.Value))
		switch {
		case value.Tag == skip:
		case slices.Contains(refusedSteps, key.Value) && value.Kind == yaml.MappingNode:
			d.fail(key, "%s cannot be honoured by this installation yet: remove it, or choose %s", d.path, strings.Join(steps, ", "))
		case slices.Contains(steps, key.Value):
			d.step(key.Value, value)
		case value.Kind == yaml.MappingNode:
			d.fail(key, "unknown step %q%s", short(key.Value), nearest.Hint(key.Value, steps))
		default:
			d.feature(key, value, seen)
		}
	}
	d.path = outer
}

func (d *decoder) feature(key, value *yaml.Node, seen map[string]int) {
	name := key.Value
	if line, again := seen[name]; again {
		d.fail(key, "feature %q is made twice; the first is in line %d", short(name), line)
		return
	}
	seen[name] = key.Line
	if name == "time" || name == "known" {
		d.fail(key, "%q is a reserved name: the row's own instant, and when its outcome is known", name)
	}
	if text, ok := d.expression(value, stageFeatures, name); ok {
		d.spec.Data.Features = append(d.spec.Data.Features, rondo.FeatureStep{Expr: &rondo.Named{Name: name, Expr: text}})
	}
}

func (d *decoder) step(name string, n *yaml.Node) {
	var step rondo.FeatureStep
	pairs := d.pairs(n, "a map of columns to what is done to them")
	for i := 0; i+1 < len(pairs); i += 2 {
		column, ok := d.column(pairs[i], stageFeatures)
		if !ok || pairs[i+1].Tag == skip {
			continue
		}
		switch name {
		case "impute":
			how, ok := d.text(pairs[i+1], "median, mean, mode or a constant")
			if near, is := nearest.Name(how, imputes); is && len(how) > 3 {
				d.fail(pairs[i+1], "%s is median, mean, mode or a constant; did you mean %q?", d.path, near)
			} else if ok {
				step.Impute = append(step.Impute, rondo.Column{Column: column, How: how})
			}
		case "encode":
			if how, ok := d.choice(pairs[i+1], encodings, "hash", "frequency"); ok {
				step.Encode = append(step.Encode, rondo.Column{Column: column, How: how})
			}
		case "dateParts":
			p := rondo.DateParts{Column: column}
			for _, item := range d.items(pairs[i+1], "parts", true) {
				if part, ok := d.choice(item, dateParts); ok {
					p.Parts = append(p.Parts, part)
				}
			}
			step.DateParts = append(step.DateParts, p)
		}
	}
	if len(pairs) > 0 {
		d.spec.Data.Features = append(d.spec.Data.Features, step)
	}
}

func (d *decoder) threshold(n *yaml.Node) {
	s, ok := d.text(n, "min-cost or a share")
	switch {
	case !ok:
		d.decide()
	case s == "min-cost":
		d.decide().MinCost = true
	case strings.Contains(s, ">=") || strings.HasPrefix(s, "top"):
		d.fail(n, "decide.threshold: %s cannot be honoured by this installation yet: write min-cost, or a probability", found(n))
		d.decide().MinCost = false
	default:
		d.decide().MinCost = false
		d.decide().Threshold, _ = d.share(n)
	}
}

// cost reads one price of a wrong answer.
func (d *decoder) cost(n *yaml.Node, to *rondo.Money) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && !strings.HasPrefix(n.Value, "$") {
		d.fail(n, "%s: a cost that differs by row (%s) cannot be honoured by this installation yet: write an amount such as $4", d.path, found(n))
		d.badCost = true
		return
	}
	var ok bool
	*to, ok = d.money(n, false)
	d.badCost = d.badCost || !ok
}

func (d *decoder) canary(n *yaml.Node) {
	last := 0.0
	for _, item := range d.items(n, "shares", false) {
		share, ok := d.share(item)
		if ok && share <= last {
			d.fail(item, "%s grows from step to step", d.path)
		}
		if ok {
			last = share
			d.spec.Deploy.Canary = append(d.spec.Deploy.Canary, share)
		}
	}
}

func (d *decoder) readBars(n *yaml.Node) {
	for _, item := range d.items(n, "bars", false) {
		s, ok := d.text(item, "a bar")
		if !ok {
			continue
		}
		bar, err := expr.ParseBar(s)
		if err != nil {
			d.syntaxIn(item, err)
			continue
		}
		d.bars = append(d.bars, placedBar{bar, where(item)})
		d.spec.Evaluate.Bars = append(d.spec.Evaluate.Bars, bar.Text)
	}
}
