package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bar is what a metric has to reach: `auc >= 0.70`, `worst(auc by origin, rows >= 5000) >= 0.60`.
type Bar struct {
	Metric  string // as written: auc, log-loss, worst, robust, calibration, latency
	Args    []BarArg
	AtLeast bool // ">="; else "<="
	Bound   Bound
	Text    string // canonical; ParseBar(Text) is the same bar
}

// BarArg is one argument of a metric. Name (with By) stands alone; else one of Rows, Noise, P is set.
type BarArg struct {
	Name  string   // a metric or a variant of one: auc, ece
	By    []string // the columns that part the rows into slices
	Rows  int64    // rows >= N
	Noise float64  // noise 5% is 0.05
	P     int      // p99 is 99
}

// BoundKind is what a bound is measured in.
type BoundKind uint8

// The kinds of bound.
const (
	NumberBound   BoundKind = iota + 1
	ShareBound              // a percent alone: 5% is Value 0.05
	DurationBound           // Duration
	MoneyBound              // Micros of a dollar
	ChampionBound           // the champion's value, moved by Value: absolutely, or by that share of it when Relative
)

// Bound is the right side of a bar.
type Bound struct {
	Kind     BoundKind
	Value    float64
	Relative bool
	Duration time.Duration
	Micros   int64
}

// Champion says whether the bar can only be asked when there is a champion.
func (b Bound) Champion() bool { return b.Kind == ChampionBound }

// Over is the number a ChampionBound stands for, given the champion's value.
func (b Bound) Over(champion float64) float64 {
	if b.Relative {
		return champion + float64(math.Abs(champion)*b.Value)
	}
	return champion + b.Value
}

// ParseBar reads a bar. Its error is an *Error.
func ParseBar(text string) (*Bar, error) {
	p, err := newParser(text, true)
	if err != nil {
		return nil, err
	}
	bar := &Bar{}
	if bar.Metric, err = p.name("a bar starts with a metric"); err != nil {
		return nil, err
	}
	if p.accept("(") {
		if bar.Args, err = p.barArgs(); err != nil {
			return nil, err
		}
	}
	switch t := p.next(); {
	case t.is(">="):
		bar.AtLeast = true
	case t.is("<="):
	case t.is(">"), t.is("<"):
		return nil, &Error{t.at, fmt.Sprintf(`a bar compares with ">=" or "<=", not %q`, t.text)}
	default:
		return nil, &Error{t.at, fmt.Sprintf(`a bar is METRIC >= BOUND or METRIC <= BOUND; %s stands where ">=" or "<=" should`, t.describe())}
	}
	if bar.Bound, err = p.bound(); err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, &Error{t.at, fmt.Sprintf("the bar is complete before %s", t.describe())}
	}
	bar.Text = bar.String()
	return bar, nil
}

// name expects a bare word.
func (p *parser) name(why string) (string, error) {
	t := p.next()
	if t.kind != wordToken {
		return "", &Error{t.at, fmt.Sprintf("%s, not with %s", why, t.describe())}
	}
	return t.text, nil
}

func (p *parser) barArgs() ([]BarArg, error) {
	var args []BarArg
	for {
		arg, err := p.barArg()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if p.accept(",") {
			continue
		}
		if t := p.peek(); !p.accept(")") {
			return nil, &Error{t.at, fmt.Sprintf(`%s stands where "," or ")" should`, t.describe())}
		}
		return args, nil
	}
}

func (p *parser) barArg() (BarArg, error) {
	t := p.peek()
	switch {
	case t.is("rows") && p.tokens[p.at+1].is(">="):
		p.at += 2
		n := p.next()
		rows, err := strconv.ParseInt(n.text, 10, 64)
		if n.kind != intToken || err != nil || rows < 1 {
			return BarArg{}, &Error{n.at, `"rows >=" needs a whole number of at least 1`}
		}
		return BarArg{Rows: rows}, nil
	case t.is("noise"):
		p.next()
		n := p.peek()
		share, percent, err := p.amount()
		if err != nil {
			return BarArg{}, err
		}
		if !percent || share <= 0 || share > 1 {
			return BarArg{}, &Error{n.at, `"noise" needs a percent above 0 and at most 100, as in noise 5%`}
		}
		return BarArg{Noise: share}, nil
	}
	name, err := p.name("an argument of a metric is a name, rows >= N, noise P% or pN")
	if err != nil {
		return BarArg{}, err
	}
	if n, ok := percentile(name); ok {
		return BarArg{P: n}, nil
	}
	arg := BarArg{Name: name}
	if !p.accept("by") {
		return arg, nil
	}
	for {
		t := p.next()
		if t.kind != wordToken && t.kind != quotedToken {
			return BarArg{}, &Error{t.at, fmt.Sprintf(`"by" needs a column, not %s`, t.describe())}
		}
		arg.By = append(arg.By, t.text)
		if !p.peek().is(",") || p.startsArg(p.at+1) {
			return arg, nil
		}
		p.next()
	}
}

// startsArg says whether another argument, not a further column of "by", starts at token i.
func (p *parser) startsArg(i int) bool {
	if i+1 >= len(p.tokens) {
		return true
	}
	t, after := p.tokens[i], p.tokens[i+1]
	return t.is("rows") && after.is(">=") || t.is("noise") && (after.kind == intToken || after.kind == floatToken)
}

// percentile reads p50, p99: p and a whole number from 1 to 99.
func percentile(name string) (int, bool) {
	if len(name) < 2 || len(name) > 3 || name[0] != 'p' {
		return 0, false
	}
	n, err := strconv.Atoi(name[1:])
	return n, err == nil && n >= 1 && n <= 99 && name[1] != '0'
}

// amount reads a number, or a percent as a share.
func (p *parser) amount() (value float64, percent bool, err error) {
	t := p.next()
	sign := 1.0
	if t.is("-") {
		sign, t = -1, p.next()
	}
	if t.kind != intToken && t.kind != floatToken {
		return 0, false, &Error{t.at, fmt.Sprintf("a number is missing before %s", t.describe())}
	}
	value, perr := strconv.ParseFloat(t.text, 64)
	if perr != nil {
		return 0, false, &Error{t.at, fmt.Sprintf("%s is larger than any float64", t.text)}
	}
	if p.accept("%") {
		if value, perr = strconv.ParseFloat(shiftPercent(t.text), 64); perr != nil {
			return 0, false, &Error{t.at, fmt.Sprintf("%s is larger than any float64", t.text)}
		}
		percent = true
	}
	return 0 + float64(sign*value), percent, nil
}

// shiftPercent is text divided by a hundred in decimal, so that 5% is the float64 nearest to 0.05.
func shiftPercent(text string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	e, _ := strconv.Atoi(exponent)
	return mantissa + "e" + strconv.Itoa(max(min(e, 1<<20), -1<<20)-2)
}

func (p *parser) bound() (Bound, error) {
	t := p.peek()
	switch {
	case t.is("champion"):
		p.next()
		return p.championBound()
	case t.is("$"):
		p.next()
		n := p.next()
		micros, ok := dollars(n)
		if !ok {
			return Bound{}, &Error{n.at, `"$" needs an amount with at most 6 decimals, as in $5 or $0.25`}
		}
		return Bound{Kind: MoneyBound, Micros: micros}, nil
	case t.kind == durationToken:
		p.next()
		us, ok := decimalDuration(t.text)
		if !ok {
			return Bound{}, &Error{t.at, fmt.Sprintf("%s is not a whole number of microseconds, or too long", t.text)}
		}
		return Bound{Kind: DurationBound, Duration: time.Duration(us) * time.Microsecond}, nil
	}
	value, percent, err := p.amount()
	if err != nil {
		return Bound{}, &Error{t.at, fmt.Sprintf("a bound is a number, a percent, a duration, an amount of $, or champion; not %s", t.describe())}
	}
	if percent {
		return Bound{Kind: ShareBound, Value: value}, nil
	}
	return Bound{Kind: NumberBound, Value: value}, nil
}

func (p *parser) championBound() (Bound, error) {
	b := Bound{Kind: ChampionBound}
	sign := 1.0
	switch {
	case p.accept("-"):
		sign = -1
	case p.accept("+"):
	default:
		return b, nil
	}
	at := p.peek().at
	value, percent, err := p.amount()
	if err != nil {
		return Bound{}, err
	}
	if value < 0 {
		return Bound{}, &Error{at, "one sign is enough"}
	}
	b.Value, b.Relative = 0+float64(sign*value), percent
	return b, nil
}

// dollars reads an amount as whole micro-dollars.
func dollars(t token) (int64, bool) {
	if t.kind != intToken && t.kind != floatToken || strings.ContainsAny(t.text, "eE") {
		return 0, false
	}
	return decimal(t.text, 6)
}

// decimal reads digits with a point as a whole number of 10^-places.
func decimal(text string, places int) (int64, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > places {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 64)
	return n, err == nil
}

// decimalDuration reads 5ms or 1.5s as microseconds.
func decimalDuration(text string) (int64, bool) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	unit := units[text[len(digits):]]
	millionths, ok := decimal(digits, 6)
	if !ok || millionths > math.MaxInt64/unit/1000 {
		return 0, false
	}
	product := millionths * unit
	return product / 1e6, product%1e6 == 0
}

// String is the canonical text.
func (b *Bar) String() string {
	var s strings.Builder
	s.WriteString(b.Metric)
	for i, a := range b.Args {
		s.WriteString([]string{", ", "("}[boolInt(i == 0)] + a.String())
	}
	if len(b.Args) > 0 {
		s.WriteByte(')')
	}
	return s.String() + " " + []string{"<=", ">="}[boolInt(b.AtLeast)] + " " + b.Bound.String()
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (a BarArg) String() string {
	switch {
	case a.Rows > 0:
		return "rows >= " + strconv.FormatInt(a.Rows, 10)
	case a.Noise > 0:
		return "noise " + formatPercent(a.Noise)
	case a.P > 0:
		return "p" + strconv.Itoa(a.P)
	}
	text := a.Name
	for i, c := range a.By {
		text += []string{", ", " by "}[boolInt(i == 0)] + quoteSliceColumn(c)
	}
	return text
}

// quoteSliceColumn also quotes the words that would start another argument.
func quoteSliceColumn(name string) string {
	if lower := strings.ToLower(name); lower == "rows" || lower == "noise" {
		return `"` + name + `"`
	}
	return QuoteColumn(name)
}

func (b Bound) String() string {
	switch b.Kind {
	case ShareBound:
		return formatPercent(b.Value)
	case DurationBound:
		return formatDuration(b.Duration.Microseconds())
	case MoneyBound:
		text := fmt.Sprintf("$%d.%06d", b.Micros/1e6, b.Micros%1e6)
		return strings.TrimRight(strings.TrimRight(text, "0"), ".")
	case ChampionBound:
		if b.Value == 0 {
			return "champion"
		}
		amount := formatNumber(math.Abs(b.Value))
		if b.Relative {
			amount = formatPercent(math.Abs(b.Value))
		}
		return "champion " + []string{"-", "+"}[boolInt(b.Value > 0)] + " " + amount
	}
	return formatNumber(b.Value)
}

func formatNumber(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// formatPercent writes the share x as a percent, exactly: shiftPercent turns it back into x.
func formatPercent(x float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(x, 'e', -1, 64), "e")
	e, _ := strconv.Atoi(exponent)
	percent, err := strconv.ParseFloat(mantissa+"e"+strconv.Itoa(e+2), 64)
	plain := strconv.FormatFloat(percent, 'f', -1, 64)
	if back, _ := strconv.ParseFloat(shiftPercent(plain), 64); err == nil && back == x && len(plain) < 20 {
		return plain + "%"
	}
	return mantissa + "e" + strconv.Itoa(e+2) + "%"
}
