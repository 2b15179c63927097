package modelfile

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"rondo.dev/rondo/internal/rondo"
)

// The readers of single values: each says what it wants when it finds something else.

func (d *decoder) whole(n *yaml.Node, low, high uint64) (uint64, bool) {
	s, ok := d.text(n, "a whole number")
	if !ok {
		return 0, false
	}
	x, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n.Style != 0 || x < low || x > high {
		d.fail(n, "%s is a whole number from %d to %d, not %s", d.path, low, high, found(n))
		return 0, false
	}
	return x, true
}

func (d *decoder) number(n *yaml.Node, what string, valid func(float64) bool) (float64, bool) {
	s, ok := d.text(n, what)
	if !ok {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || n.Style != 0 || strings.ContainsAny(s, "xX_pPnN") || !valid(x) {
		d.fail(n, "%s is %s, not %s", d.path, what, found(n))
		return 0, false
	}
	return x, true
}

// share reads 10% or 0.1 as 0.1, with 0 and 1 outside.
func (d *decoder) share(n *yaml.Node) (float64, bool) {
	const what = "a share between 0 and 1, as in 10% or 0.1"
	s, ok := d.text(n, what)
	if !ok {
		return 0, false
	}
	x, err := parseShare(s)
	if err != nil || x <= 0 || x >= 1 {
		d.fail(n, "%s is %s, not %s", d.path, what, found(n))
		return 0, false
	}
	return x, true
}

func parseShare(s string) (float64, error) {
	digits, percent := strings.CutSuffix(s, "%")
	if strings.Trim(digits, "0123456789.") != "" {
		return 0, fmt.Errorf("%q is no share", s)
	}
	if percent {
		digits += "e-2"
	}
	return strconv.ParseFloat(digits, 64)
}

// duration reads 30s, 15m, 3h, 31d (D32).
func (d *decoder) duration(n *yaml.Node) (time.Duration, bool) {
	const what = "a duration: a whole number with s, m, h or d, as in 15m, 3h or 31d"
	s, ok := d.text(n, what)
	if !ok {
		return 0, false
	}
	t, ok := parseDuration(s)
	if !ok {
		hint := ""
		if strings.HasSuffix(s, "month") || strings.HasSuffix(s, "y") || strings.HasSuffix(s, "year") {
			hint = "; months and years differ in length, write days"
		}
		d.fail(n, "%s is %s, not %s%s", d.path, what, found(n), hint)
	}
	return t, ok
}

func parseDuration(s string) (time.Duration, bool) {
	if len(s) < 2 {
		return 0, false
	}
	unit, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]
	digits := s[:len(s)-1]
	x, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || digits[0] == '+' || x <= 0 || x > math.MaxInt64/int64(unit) {
		return 0, false
	}
	return time.Duration(x) * unit, true
}

// money reads $500 or $0.25; monthly expects $20/month.
func (d *decoder) money(n *yaml.Node, monthly bool) (rondo.Money, bool) {
	what := "an amount of money, as in $500 or $0.25"
	if monthly {
		what = "an amount of money a month, as in $20/month"
	}
	s, ok := d.text(n, what)
	if !ok {
		return 0, false
	}
	amount, suffix := strings.CutSuffix(s, "/month")
	m, ok := parseMoney(amount)
	if !ok || suffix != monthly {
		d.fail(n, "%s is %s, not %s", d.path, what, found(n))
		return 0, false
	}
	return m, true
}

func parseMoney(s string) (rondo.Money, bool) {
	digits, dollar := strings.CutPrefix(s, "$")
	whole, fraction, _ := strings.Cut(strings.ReplaceAll(digits, ",", ""), ".")
	if !dollar || len(fraction) > 6 || whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	micro, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
	return rondo.Money(micro), err == nil
}

// beside reads a file or glob beside the model file or below it.
func (d *decoder) beside(n *yaml.Node, glob bool) (string, bool) {
	s, ok := d.text(n, "a file beside this one")
	if !ok {
		return "", false
	}
	if scheme, _, remote := strings.Cut(s, "://"); remote {
		d.fail(n, "%s: %s:// cannot be honoured by this installation yet: copy the data beside the model file", d.path, short(scheme))
		return "", false
	}
	clean := strings.ReplaceAll(s, `\`, "/")
	if strings.HasPrefix(clean, "/") || strings.HasPrefix(clean, "~") || len(clean) > 1 && clean[1] == ':' || hasDots(clean) {
		d.fail(n, "%s is a file beside the model file or below its folder, not %s", d.path, found(n))
		return "", false
	}
	if _, err := path.Match(s, ""); err != nil {
		d.fail(n, "%s: %s is no pattern: a bracket is not closed", d.path, found(n))
		return "", false
	}
	if !glob && strings.ContainsAny(s, "*?[") {
		d.fail(n, "%s is one file, not a pattern", d.path)
		return "", false
	}
	for _, ext := range fileTypes {
		if strings.HasSuffix(strings.ToLower(s), ext) {
			return s, true
		}
	}
	d.fail(n, "%s: the name of %s ends in none of %s", d.path, found(n), strings.Join(fileTypes, ", "))
	return "", false
}

var fileTypes = []string{".csv", ".json", ".jsonl", ".ndjson", ".parquet"}

func hasDots(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}
