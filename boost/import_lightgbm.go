package boost

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// ImportLightGBM reads a model that LightGBM saved as text (formats v3 and v4) and answers with its bits, but for the last
// ones of exponentials. A cut is a float64 there; rows are float32 here, so the largest float32 at most the cut decides alike.
// NaN where LightGBM has no missing values counts as its 0, as it does there. Values from above -1 to below 0 are category 0 in
// LightGBM and none here.
//
// ErrUnsupported are: linear trees, random forests (averages), objectives boost does not know, sigmoid other than 1, and splits
// of zero_as_missing that send 0 another way than its neighbours.
//
// The bytes may come from a stranger: memory stays within some 100 times len(b), and the error names the offset of a line.
func ImportLightGBM(b []byte) (*Model, error) {
	l := &lightgbmReader{m: &Model{}, rest: b}
	l.model()
	if l.err == nil {
		l.err = l.m.finishImport()
	}
	if l.err != nil {
		return nil, fmt.Errorf("import of LightGBM: %w", l.err)
	}
	return l.m, nil
}

// lightgbmReader goes from line to line. A line is a name, = and the rest.
type lightgbmReader struct {
	m     *Model
	rest  []byte
	at    int // offset of the line
	next  int // offset of the line after it
	err   error
	alpha float64 // of the parameters at the end: alpha and tweedie_variance_power
	power float64
}

func (l *lightgbmReader) fail(at int, format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("%w: offset %d: %s", ErrFormat, at, fmt.Sprintf(format, args...))
	}
}

func (l *lightgbmReader) refuse(format string, args ...any) {
	if l.err == nil {
		l.err = unsupported(format, args...)
	}
}

// line is the next one; false at the end.
func (l *lightgbmReader) line() (string, bool) {
	if len(l.rest) == 0 || l.err != nil {
		return "", false
	}
	line, rest, _ := bytes.Cut(l.rest, []byte("\n"))
	l.at, l.next = l.next, l.next+len(l.rest)-len(rest)
	l.rest = rest
	return strings.TrimSuffix(string(line), "\r"), true
}

// section is the lines of a block, up to an empty one, by name.
type section struct {
	at    int
	lines map[string]entry
}

const maxLines = 100 // of a section; LightGBM 4.7 has 22

type entry struct {
	at   int
	text string
}

func (l *lightgbmReader) section() section {
	s := section{at: l.next, lines: map[string]entry{}}
	for {
		line, ok := l.line()
		if !ok || line == "" {
			return s
		}
		name, text, _ := strings.Cut(line, "=")
		if _, twice := s.lines[name]; twice || len(s.lines) == maxLines {
			l.fail(l.at, "%.40q stands twice, or is line %d of its section", name, maxLines+1)
			return s
		}
		s.lines[name] = entry{l.at, text}
	}
}

func (l *lightgbmReader) entry(s section, name string) entry {
	e, found := s.lines[name]
	if !found {
		l.fail(s.at, "%s is missing", name)
	}
	return e
}

func (l *lightgbmReader) integer(s section, name string, low, high int) int {
	e := l.entry(s, name)
	n, err := strconv.Atoi(e.text)
	if l.err == nil && (err != nil || n < low || n > high) {
		l.fail(e.at, "%s is %.40q, must be %d to %d", name, e.text, low, high)
	}
	return n
}

// numbers are n numbers with spaces between.
func (l *lightgbmReader) numbers(s section, name string, n int) []float64 {
	e := l.entry(s, name)
	if l.err != nil {
		return nil
	}
	words := strings.Fields(e.text)
	if len(words) != n {
		l.fail(e.at, "%s has %d numbers, %d wanted", name, len(words), n)
		return nil
	}
	all := make([]float64, n)
	for i, w := range words {
		x, err := strconv.ParseFloat(w, 64)
		if err != nil || math.IsNaN(x) {
			l.fail(e.at, "%s: %.40q is no number", name, w)
			return nil
		}
		all[i] = x
	}
	return all
}

func (l *lightgbmReader) model() {
	if first, _ := l.line(); first != "tree" {
		l.fail(0, "does not begin with tree")
		return
	}
	head := l.section()
	version := l.entry(head, "version").text
	if l.err == nil && version != "v3" && version != "v4" {
		l.refuse("format version %.40q", version)
	}
	if _, found := head.lines["average_output"]; found {
		l.refuse("a random forest: trees are averaged")
	}
	columns := l.integer(head, "max_feature_idx", 0, maxColumns-1) + 1
	outputs := l.integer(head, "num_tree_per_iteration", 1, maxClasses)
	names := strings.Fields(l.entry(head, "feature_names").text)
	if l.err == nil && len(names) != columns {
		l.fail(head.lines["feature_names"].at, "%d names for %d features", len(names), columns)
	}
	objective := l.entry(head, "objective")
	if l.err != nil {
		return
	}
	l.m.features, l.m.gain, l.m.base = names, make([]float64, columns), make([]float64, outputs)
	for l.tree(version) {
	}
	if l.err == nil && len(l.m.roots)%outputs != 0 {
		l.fail(l.at, "%d trees are no whole number of rounds of %d", len(l.m.roots), outputs)
	}
	l.parameters()
	l.objective(objective, outputs)
}

// parameters finds alpha and power among what stands after the trees.
func (l *lightgbmReader) parameters() {
	for {
		line, ok := l.line()
		if !ok {
			return
		}
		name, text, _ := strings.Cut(strings.Trim(line, "[]"), ": ")
		x, err := strconv.ParseFloat(text, 64)
		switch {
		case name != "alpha" && name != "tweedie_variance_power":
		case err != nil:
			l.fail(l.at, "%s is %.40q", name, text)
		case name == "alpha":
			l.alpha = x
		default:
			l.power = x
		}
	}
}

func (l *lightgbmReader) objective(e entry, outputs int) {
	words := strings.Fields(e.text)
	if len(words) == 0 {
		l.fail(e.at, "no objective")
		return
	}
	want := 1
	switch words[0] {
	case "binary", "cross_entropy":
		l.m.objective = Binary
	case "multiclass":
		l.m.objective, want = Multiclass, max(outputs, 2)
	case "regression":
		l.m.objective = Squared
	case "huber":
		l.m.objective, l.m.parameter = Huber, l.alpha
	case "quantile":
		l.m.objective, l.m.parameter = Quantile, l.alpha
	case "regression_l1":
		l.m.objective, l.m.parameter = Quantile, 0.5
	case "poisson":
		l.m.objective = Poisson
	case "tweedie":
		l.m.objective, l.m.parameter = Tweedie, l.power
	case "lambdarank", "rank_xendcg":
		l.m.objective = Rank
	default:
		l.refuse("objective %.40q", words[0])
	}
	for _, w := range words[1:] {
		if w != "sigmoid:1" && !strings.HasPrefix(w, "num_class:") {
			l.refuse("objective %s with %.40s", words[0], w)
		}
	}
	if l.err == nil && outputs != want {
		l.fail(e.at, "objective %s with %d trees a round", words[0], outputs)
	}
	if l.err == nil && !l.m.objective.takes(l.m.parameter) {
		l.fail(e.at, "objective %s with parameter %v", words[0], l.m.parameter)
	}
}

// tree reads the next tree; false after the last.
func (l *lightgbmReader) tree(version string) bool {
	first, ok := l.line()
	for ok && first == "" {
		first, ok = l.line()
	}
	if first == "end of trees" || l.err != nil {
		return false
	}
	if !strings.HasPrefix(first, "Tree=") {
		l.fail(l.at, "%.40q, a tree or the end of trees wanted", first)
		return false
	}
	t := l.section()
	if linear, found := t.lines["is_linear"]; found && linear.text != "0" {
		l.refuse("linear trees")
	}
	leaves := l.integer(t, "num_leaves", 1, math.MaxInt32)
	values := l.numbers(t, "leaf_value", max(leaves, 0))
	if l.err != nil {
		return false
	}
	if leaves == 1 {
		l.append(t, []foreign{{leaf: true, value: values[0]}})
		return l.err == nil
	}
	nodes := l.splits(t, leaves, version)
	counts := l.numbers(t, "leaf_count", leaves)
	if l.err != nil {
		return false
	}
	for i := range values { // leaves stand behind the splits
		nodes[leaves-1+i] = foreign{leaf: true, value: values[i], cover: counts[i]}
	}
	l.append(t, nodes)
	return l.err == nil
}

func (l *lightgbmReader) append(t section, nodes []foreign) {
	if err := l.m.appendForeign(nodes); err != nil {
		l.fail(t.at, "%v", err)
	}
}

// decision_type: 1 by category, 2 missing goes left, 4 zero is missing, 8 NaN is missing.
const (
	lightgbmCategory = 1
	lightgbmLeft     = 2
	lightgbmZero     = 4
	lightgbmNaN      = 8
)

// splits reads the splits of a tree into the first of its 2 leaves - 1 nodes.
func (l *lightgbmReader) splits(t section, leaves int, version string) []foreign {
	n := leaves - 1
	feature, cut := l.numbers(t, "split_feature", n), l.numbers(t, "threshold", n)
	left, right := l.numbers(t, "left_child", n), l.numbers(t, "right_child", n)
	decision, gain := l.numbers(t, "decision_type", n), l.numbers(t, "split_gain", n)
	counts := l.numbers(t, "internal_count", n)
	if l.err != nil {
		return nil
	}
	sets := l.sets(t)
	child := func(x float64) int { // a leaf is the complement of its number
		if leaf := index(-1 - x); leaf >= 0 {
			return n + leaf
		}
		return index(x)
	}
	nodes := make([]foreign, 2*leaves-1)
	for i := 0; i < n && l.err == nil; i++ {
		f := foreign{feature: index(feature[i]), left: child(left[i]), right: child(right[i]), gain: gain[i], cover: counts[i]}
		kind := index(decision[i])
		switch {
		case kind < 0 || kind >= 16 || kind&(lightgbmZero|lightgbmNaN) == lightgbmZero|lightgbmNaN:
			l.fail(t.lines["decision_type"].at, "decision %v of split %d", decision[i], i)
		case kind&lightgbmCategory == 0:
			f.cut, f.missingLeft = l.cut(cut[i], kind)
		case index(cut[i]) < 0 || index(cut[i]) >= len(sets) || len(sets[index(cut[i])]) == 0:
			l.fail(t.at, "split %d asks set %v of %d, or an empty one", i, cut[i], len(sets))
		case version == "v3" && kind&lightgbmNaN == 0:
			l.refuse("a split by category in format v3 that takes NaN for category 0")
		default:
			f.set = sets[index(cut[i])]
			sets[index(cut[i])] = nil // a second split that asked it would double the memory
		}
		nodes[i] = f
	}
	return nodes
}

// cut is LightGBM's decision by number. Where 0 is missing, all numbers up to 1e-35 in size are.
func (l *lightgbmReader) cut(at float64, kind int) (cut float32, missingLeft bool) {
	cut = float32(at)
	if float64(cut) > at {
		cut = math.Nextafter32(cut, float32(math.Inf(-1)))
	}
	missingLeft = kind&lightgbmLeft != 0
	switch {
	case kind&lightgbmZero != 0:
		const zero = float32(1e-35)
		if missingLeft && cut < zero || !missingLeft && cut >= -zero {
			l.refuse("a split at %v that takes 0 for missing and sends it another way than its neighbours", at)
		}
	case kind&lightgbmNaN == 0:
		missingLeft = at >= 0 // NaN counts as 0
	}
	return cut, missingLeft
}

// sets are the sets of the tree's splits by category: 32 codes in each number.
func (l *lightgbmReader) sets(t section) [][]uint32 {
	n := 0
	if _, found := t.lines["num_cat"]; found {
		n = l.integer(t, "num_cat", 0, math.MaxInt32-1)
	}
	if n == 0 || l.err != nil {
		return nil
	}
	bounds := l.numbers(t, "cat_boundaries", n+1)
	if l.err != nil {
		return nil
	}
	words := l.numbers(t, "cat_threshold", max(index(bounds[n]), 0))
	sets := make([][]uint32, n)
	for i := 0; i < n && l.err == nil; i++ {
		start, end := index(bounds[i]), index(bounds[i+1])
		if start < 0 || end < start || end > len(words) || end-start > maxCategories/32 || i == 0 && start != 0 {
			l.fail(t.lines["cat_boundaries"].at, "set %d is numbers %v to %v of %d", i, bounds[i], bounds[i+1], len(words))
			return nil
		}
		for at, w := range words[start:end] {
			if !(w >= 0 && w < 1<<32 && w == math.Trunc(w)) {
				l.fail(t.lines["cat_threshold"].at, "%v is no 32 codes", w)
				return nil
			}
			for b := uint32(w); b != 0; b &= b - 1 {
				sets[i] = append(sets[i], uint32(32*at+bits.TrailingZeros32(b)))
			}
		}
	}
	return sets
}
