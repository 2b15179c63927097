package draft

import (
	"fmt"
	"math"
	"slices"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
)

const (
	leakScore = 0.95    // RULES 7: one column that reaches it is suspected to know the answer
	leakRows  = 100_000 // rows looked at, evenly spread
	leakLeast = 40      // fewer labelled rows cannot tell
	leakBins  = 32      // of numbers, by rank
	leakNulls = 20      // fewer rows may be blank all over: that tells nothing
	// An amount that is almost always 0, and where it is not the rare answer comes: a cost, a refund, a count of what followed.
	leakZeros = 0.8
	leakRate  = 0.7 // of the rare answer, where the amount is not 0
	leakLift  = 5   // times its share in all rows
	leakSome  = 30  // rows where it is not 0
)

// labels is the target of the rows that have one.
type labels struct {
	kind    rondo.TaskKind
	rows    []int32   // of the table
	values  []float64 // 0 or 1, the class index, or the number
	classes int
	missing []bool // of all rows
}

// labelsOf reads the target as derive will make it; derived is nil where it is a bool, a class or a number already.
func labelsOf(kind rondo.TaskKind, v *column.Vector, derived *Line, yes func(string) bool) *labels {
	l := &labels{kind: kind, missing: make([]bool, v.Len())}
	ids := make(map[string]int)
	stride := max(1, v.Len()/leakRows)
	for i := range v.Len() {
		if l.missing[i] = v.IsNull(i); l.missing[i] || i%stride != 0 {
			continue
		}
		x, _ := v.Float(i)
		switch {
		case kind == rondo.Binary && derived != nil:
			x = 0
			if yes(v.Text(i)) {
				x = 1
			}
		case kind == rondo.Multiclass:
			id, ok := ids[v.Text(i)]
			if !ok {
				id = len(ids)
				ids[v.Text(i)] = id
			}
			x = float64(id)
		}
		l.rows, l.values = append(l.rows, int32(i)), append(l.values, x)
	}
	l.classes = max(2, len(ids))
	return l
}

// leak says why a column is suspected to know the answer, or "".
func (l *labels) leak(v *column.Vector) string {
	if l.sameMissing(v) {
		return "it is missing exactly where the target is, so it comes with the answer"
	}
	if len(l.rows) < leakLeast {
		return ""
	}
	if why := l.followed(v); why != "" {
		return why
	}
	switch score := l.score(v); {
	case score <= leakScore:
		return ""
	case l.kind == rondo.Binary:
		return fmt.Sprintf("alone it ranks the target with AUC %.3f", score)
	case l.kind == rondo.Multiclass:
		return fmt.Sprintf("alone it names the class: %s of what chance leaves open", percent(int(1000*score), 1000))
	default:
		return fmt.Sprintf("alone it explains %s of the target's variance", percent(int(1000*score), 1000))
	}
}

func (l *labels) sameMissing(v *column.Vector) bool {
	n := v.Nulls()
	if n < leakNulls || n == v.Len() {
		return false
	}
	for i, missing := range l.missing {
		if missing != v.IsNull(i) {
			return false
		}
	}
	return true
}

// followed says why an amount looks like what comes after a rare answer, or "".
func (l *labels) followed(v *column.Vector) string {
	if l.kind != rondo.Binary || v.Type != column.Int64 && v.Type != column.Float64 {
		return ""
	}
	var all, some, allYes, someYes float64
	for i, r := range l.rows {
		x, ok := v.Float(int(r))
		all++
		allYes += l.values[i]
		if ok && x != 0 {
			some++
			someYes += l.values[i]
		}
	}
	if some < leakSome || some > (1-leakZeros)*all {
		return ""
	}
	for _, answer := range []struct {
		word      string
		all, some float64
	}{{"yes", allYes, someYes}, {"no", all - allYes, some - someYes}} {
		rate, usual := answer.some/some, answer.all/all
		if rate >= leakRate && rate >= leakLift*usual {
			return fmt.Sprintf("the answer is %s in %s of the %.0f rows where it is not 0, and in %s of all: it may be what followed", answer.word, percent(int(answer.some), int(some)), some, percent(int(answer.all), int(all)))
		}
	}
	return ""
}

// score is how well v alone tells the target of rows whose target was not looked at: rows are put into bins, and each half
// of the rows is told by the bins of the other half.
func (l *labels) score(v *column.Vector) float64 {
	bins, count := binned(v, l.rows)
	switch l.kind {
	case rondo.Multiclass:
		return l.classScore(bins, count)
	case rondo.Regression:
		means := l.means(bins, count)
		var mean, left, all float64
		for _, y := range l.values {
			mean += y / float64(len(l.values))
		}
		for i, y := range l.values {
			left += (y - means[i]) * (y - means[i])
			all += (y - mean) * (y - mean)
		}
		if all == 0 {
			return 0
		}
		return 1 - left/all
	}
	return max(l.auc(l.means(bins, count)), l.direct(v))
}

// means tells each row by the mean of its bin in the other half; a bin that the other half does not have tells its mean.
func (l *labels) means(bins []int, count int) []float64 {
	sum, n := [2][]float64{make([]float64, count), make([]float64, count)}, [2][]float64{make([]float64, count), make([]float64, count)}
	var total, rows [2]float64
	for i, y := range l.values {
		sum[i%2][bins[i]] += y
		n[i%2][bins[i]]++
		total[i%2] += y
		rows[i%2]++
	}
	out := make([]float64, len(bins))
	for i, b := range bins {
		other := 1 - i%2
		out[i] = total[other] / rows[other]
		if n[other][b] > 0 {
			out[i] = sum[other][b] / n[other][b]
		}
	}
	return out
}

func (l *labels) auc(scores []float64) float64 {
	yes := make([]bool, len(l.values))
	for i, y := range l.values {
		yes[i] = y == 1
	}
	e, err := metric.AUC(scores, yes, 0.95)
	if err != nil {
		return 0 // one class only
	}
	return e.Value
}

// direct is the AUC of a number as it stands, either way round, over rows that have it; 0 where that is less than half.
func (l *labels) direct(v *column.Vector) float64 {
	there := &labels{kind: l.kind}
	var scores []float64
	for i, r := range l.rows {
		if x, ok := v.Float(int(r)); ok {
			scores, there.values = append(scores, x), append(there.values, l.values[i])
		}
	}
	if 2*len(scores) < len(l.rows) {
		return 0
	}
	a := there.auc(scores)
	if a == 0 {
		return 0
	}
	return max(a, 1-a)
}

// classScore is the accuracy of the most frequent class of a row's bin, beyond that of the most frequent class of all.
func (l *labels) classScore(bins []int, count int) float64 {
	seen := [2][]int{make([]int, count*l.classes), make([]int, count*l.classes)}
	base := make([]int, l.classes)
	for i, y := range l.values {
		seen[i%2][bins[i]*l.classes+int(y)]++
		base[int(y)]++
	}
	right := 0
	for i, y := range l.values {
		of := seen[1-i%2][bins[i]*l.classes:][:l.classes]
		most := slices.Max(of)
		if most > 0 && slices.Index(of, most) == int(y) {
			right++
		}
	}
	chance := float64(slices.Max(base)) / float64(len(l.values))
	if chance == 1 {
		return 0
	}
	return (float64(right)/float64(len(l.values)) - chance) / (1 - chance)
}

// binned puts rows into bins: text by value, numbers by rank; missing values have one of their own.
func binned(v *column.Vector, rows []int32) (bins []int, count int) {
	bins = make([]int, len(rows))
	if v.Type == column.String || v.Type == column.Bool {
		ids := map[string]int{}
		for i, r := range rows {
			if v.IsNull(int(r)) {
				continue
			}
			id, ok := ids[v.Text(int(r))]
			if !ok {
				id = len(ids) + 1
				ids[v.Text(int(r))] = id
			}
			bins[i] = id
		}
		return bins, len(ids) + 1
	}
	var sorted []float64
	for _, r := range rows {
		if x, ok := v.Float(int(r)); ok {
			sorted = append(sorted, x)
		}
	}
	slices.Sort(sorted)
	var edges []float64
	for b := 1; b < min(leakBins, len(rows)/20); b++ {
		if at := b * len(sorted) / min(leakBins, len(rows)/20); at < len(sorted) {
			edges = append(edges, sorted[at])
		}
	}
	edges = slices.Compact(edges)
	for i, r := range rows {
		if x, ok := v.Float(int(r)); ok && !math.IsNaN(x) {
			at, exact := slices.BinarySearch(edges, x)
			if exact {
				at++
			}
			bins[i] = at + 1
		}
	}
	return bins, len(edges) + 2
}
