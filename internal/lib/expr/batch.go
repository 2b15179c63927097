package expr

import (
	"fmt"
	"strings"

	"rondo.dev/rondo/internal/lib/nearest"
)

// BatchCheck holds a number over a whole batch against the same number of the profile: `median(distance) within 25% of
// profile`.
type BatchCheck struct {
	Aggregate string // one of BatchAggregates
	Column    string
	Within    float64 // 25% is 0.25
	Text      string  // canonical
}

var batchAggregates = []string{"median", "mean", "min", "max", "nulls", "distinct"}

// BatchAggregates are the numbers a batch check can ask for: nulls is the share of missing values, distinct the number of
// different ones.
func BatchAggregates() []string { return append([]string(nil), batchAggregates...) }

// ParseBatchCheck reads a batch check. Its error is an *Error.
func ParseBatchCheck(text string) (*BatchCheck, error) {
	p, err := newParser(text, true)
	if err != nil {
		return nil, err
	}
	const form = "a batch check reads AGGREGATE(COLUMN) within P% of profile"
	t := p.next()
	c := &BatchCheck{Aggregate: strings.ToLower(t.text)}
	if t.kind != wordToken {
		return nil, &Error{t.at, form}
	}
	if !contains(batchAggregates, c.Aggregate) {
		return nil, &Error{t.at, fmt.Sprintf("unknown aggregate %q; there are %s%s", t.text,
			strings.Join(batchAggregates, ", "), nearest.Hint(c.Aggregate, batchAggregates))}
	}
	if err := p.expect("(", c.Aggregate); err != nil {
		return nil, err
	}
	t = p.next()
	if t.kind != wordToken && t.kind != quotedToken {
		return nil, &Error{t.at, fmt.Sprintf("%s needs a column, not %s", c.Aggregate, t.describe())}
	}
	c.Column = t.text
	for _, word := range []string{")", "within"} {
		if err := p.expect(word, form+"; it"); err != nil {
			return nil, err
		}
	}
	at := p.peek().at
	within, percent, err := p.amount()
	if err != nil {
		return nil, err
	}
	if !percent || within <= 0 {
		return nil, &Error{at, `"within" needs a percent above 0, as in within 25% of profile`}
	}
	c.Within = within
	for _, word := range []string{"of", "profile"} {
		if err := p.expect(word, form+"; it"); err != nil {
			return nil, err
		}
	}
	if t := p.peek(); t.kind != endToken {
		return nil, &Error{t.at, fmt.Sprintf("the batch check is complete before %s", t.describe())}
	}
	c.Text = fmt.Sprintf("%s(%s) within %s of profile", c.Aggregate, QuoteColumn(c.Column), formatPercent(c.Within))
	return c, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
