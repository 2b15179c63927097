package evaluate

import (
	"fmt"
	"math"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/stat"
)

// Plan says of each bar what it can decide with so many test rows, before anything is trained. Interval widths are those
// of a metric whose rows are independent, at a quarter of positives: a promise of scale, not a bound.
func Plan(spec *rondo.Spec, rows int) []string {
	var out []string
	for _, text := range spec.Evaluate.Bars {
		b, err := expr.ParseBar(text)
		if err != nil {
			continue // modelfile has parsed every bar
		}
		if b.Bound.Champion() {
			out = append(out, b.Text+": asked in shadow, not of the first version")
			continue
		}
		if rows == 0 {
			out = append(out, b.Text+": no test rows")
			continue
		}
		name, _, least, _ := plain(b)
		if b.Metric == "worst" {
			if int64(rows) < least {
				out = append(out, fmt.Sprintf("%s: no slice of %d test rows can have %d; it will be inconclusive", b.Text, rows, least))
				continue
			}
			least := int(max(least, 1))
			text := fmt.Sprintf("%s: slices of at least %d rows are judged together", b.Text, least)
			if w := halfWidth(name, least, rows/least); !math.IsNaN(w) {
				text += fmt.Sprintf(", the smallest to about %.3f", w)
			}
			out = append(out, text)
			continue
		}
		w := halfWidth(name, rows, 1)
		if math.IsNaN(w) {
			out = append(out, fmt.Sprintf("%s: asked on %d test rows", b.Text, rows))
			continue
		}
		out = append(out, fmt.Sprintf("%s: %d test rows decide it unless the value is within about %.4f of the bound", b.Text, rows, w))
	}
	return out
}

// deviation is of one row's share in a metric, measured at a quarter of positives and an AUC of 0.75
// (TestPlannedWidthIsMeasured); NaN for metrics in units of the target.
func deviation(name string) float64 {
	switch name {
	case "brier":
		return 0.22
	case "ece":
		return 0.4
	case "accuracy":
		return 0.45
	case "log-loss":
		return 0.55
	case "f1", "macro-f1":
		return 0.8
	case "precision":
		return 0.9
	case "recall":
		return 1
	case "average-precision", "ap":
		return 1.07
	}
	return math.NaN()
}

// halfWidth is about how far the bound of a first use is from the value, where it holds for so many slices together; NaN for
// metrics in units of the target.
func halfWidth(name string, rows, slices int) float64 {
	n := max(4, float64(rows))
	z := math.Sqrt2 * math.Erfinv(1-2*stat.HoldoutAlpha(alpha, 1)/float64(slices))
	if name == "auc" {
		positives := n / 4 // Hanley and McNeil (1982) at AUC 0.75
		const a = 0.75
		q1, q2 := a/(2-a), 2*a*a/(1+a)
		v := (a*(1-a) + (positives-1)*(q1-a*a) + (n-positives-1)*(q2-a*a)) / (positives * (n - positives))
		return z * math.Sqrt(v)
	}
	return z * deviation(name) / math.Sqrt(n)
}
