package boost

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ImportXGBoost reads a model that XGBoost saved, as JSON or UBJ (versions 1.7 to 3.2 were read), and answers as XGBoost
// does but for its float32 sums. All rounds count, whatever best_iteration says. Rows hold the codes of categories;
// the names a data frame had for them are not read. Booster dart and gblinear, vector leaves and objectives that boost does
// not know give ErrUnsupported; binary:logistic gives probabilities, as do multi:softprob and multi:softmax.
//
// The bytes may come from a stranger: memory stays within some 100 times len(b) plus 3 MB, and the error names an offset.
func ImportXGBoost(b []byte) (*Model, error) {
	doc, err := document(b)
	if err != nil {
		return nil, fmt.Errorf("import of XGBoost: %w", err)
	}
	x := &xgboostReader{m: &Model{}}
	x.model(doc)
	if x.err == nil {
		x.err = x.m.finishImport()
	}
	if x.err != nil {
		return nil, fmt.Errorf("import of XGBoost: %w", x.err)
	}
	return x.m, nil
}

// xgboostReader makes a model of a document and keeps the first error.
type xgboostReader struct {
	m   *Model
	err error
}

func (x *xgboostReader) fail(it item, format string, args ...any) {
	if x.err == nil {
		x.err = fmt.Errorf("%w: offset %d: %s", ErrFormat, it.at, fmt.Sprintf(format, args...))
	}
}

func (x *xgboostReader) refuse(format string, args ...any) {
	if x.err == nil {
		x.err = unsupported(format, args...)
	}
}

// find is the field of an object, if it is there.
func (x *xgboostReader) find(it item, name string) (item, bool) {
	if it.kind == itemObject && it.list != nil {
		if i := slices.Index(it.list.names, name); i >= 0 {
			return it.list.items[i], true
		}
	}
	return item{at: it.at}, false
}

func (x *xgboostReader) field(it item, name string, kind itemKind) item {
	f, found := x.find(it, name)
	if !found {
		x.fail(it, "%q is missing", name)
	} else if f.kind != kind {
		x.fail(f, "%q is %s, %s wanted", name, itemNames[f.kind], itemNames[kind])
	}
	return f
}

// items and numbers are the elements of an array.
func (x *xgboostReader) items(it item, name string) []item {
	f := x.field(it, name, itemArray)
	if x.err != nil || f.list == nil {
		return nil
	}
	if f.list.numbers != nil {
		x.fail(f, "%q holds numbers", name)
	}
	return f.list.items
}

func (x *xgboostReader) numbers(it item, name string) []float64 {
	f := x.field(it, name, itemArray)
	if x.err != nil || f.list == nil {
		return nil
	}
	if len(f.list.items) > 0 {
		x.fail(f, "%q holds other things than numbers", name)
	}
	return f.list.numbers
}

// size is a number that XGBoost keeps as a text.
func (x *xgboostReader) size(it item, name string, low, high int) int {
	f := x.field(it, name, itemText)
	n, err := strconv.Atoi(f.text)
	if x.err == nil && (err != nil || n < low || n > high) {
		x.fail(f, "%q is %q, must be %d to %d", name, f.text, low, high)
	}
	return n
}

// texts are the numbers in a text such as "5E-1" or "[1E0,2E0]".
func (x *xgboostReader) texts(it item, name string) []float64 {
	f := x.field(it, name, itemText)
	var all []float64
	for s := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(f.text, "["), "]"), ",") {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			x.fail(f, "%q is %q, no number", name, s)
			return []float64{0}
		}
		all = append(all, n)
	}
	return all
}

func (x *xgboostReader) model(doc item) {
	learner := x.field(doc, "learner", itemObject)
	booster := x.field(learner, "gradient_booster", itemObject)
	if name := x.field(booster, "name", itemText); x.err == nil && name.text != "gbtree" {
		x.refuse("booster %s", name.text)
	}
	params := x.field(learner, "learner_model_param", itemObject)
	features := x.size(params, "num_feature", 1, maxColumns)
	if targets, found := x.find(params, "num_target"); found && targets.text != "1" {
		x.refuse("%s targets", targets.text)
	}
	if x.err != nil {
		return
	}
	x.objective(x.field(learner, "objective", itemObject))
	classes := x.size(params, "num_class", 0, maxClasses)
	if x.m.objective == Multiclass && classes < 2 {
		x.fail(params, "%d classes", classes)
	}
	if x.err != nil {
		return
	}
	x.m.gain = make([]float64, features)
	x.m.features = x.names(learner, features)
	x.m.base = x.base(params, classes)
	x.trees(x.field(booster, "model", itemObject))
}

// names are the features' names, f0, f1, ... where the model has none.
func (x *xgboostReader) names(learner item, n int) []string {
	var names []string
	if _, found := x.find(learner, "feature_names"); found {
		for _, it := range x.items(learner, "feature_names") {
			if it.kind != itemText {
				x.fail(it, "a feature's name is %s", itemNames[it.kind])
			}
			names = append(names, it.text)
		}
	}
	if len(names) == 0 {
		for i := range n {
			names = append(names, "f"+strconv.Itoa(i))
		}
	}
	if len(names) != n {
		x.fail(learner, "%d names for %d features", len(names), n)
	}
	return names
}

func (x *xgboostReader) objective(it item) {
	name := x.field(it, "name", itemText).text
	parameter := func(group, field string) float64 {
		all := x.texts(x.field(it, group, itemObject), field)
		if len(all) != 1 {
			x.refuse("objective %s with %d times %s", name, len(all), field)
		}
		return all[0]
	}
	switch {
	case name == "binary:logistic", name == "reg:logistic":
		x.m.objective = Binary
	case name == "multi:softprob", name == "multi:softmax":
		x.m.objective = Multiclass
	case name == "reg:squarederror":
		x.m.objective = Squared
	case name == "reg:pseudohubererror":
		x.m.objective, x.m.parameter = Huber, parameter("pseudo_huber_param", "huber_slope")
	case name == "reg:quantileerror":
		x.m.objective, x.m.parameter = Quantile, parameter("quantile_loss_param", "quantile_alpha")
	case name == "reg:absoluteerror":
		x.m.objective, x.m.parameter = Quantile, 0.5
	case name == "count:poisson":
		x.m.objective = Poisson
	case name == "reg:tweedie":
		x.m.objective, x.m.parameter = Tweedie, parameter("tweedie_regression_param", "tweedie_variance_power")
	case strings.HasPrefix(name, "rank:"):
		x.m.objective = Rank
	default:
		x.refuse("objective %q", name)
	}
	if x.err == nil && !x.m.objective.takes(x.m.parameter) {
		x.refuse("objective %s with parameter %v", name, x.m.parameter)
	}
}

// base turns the base score, kept as a prediction (but for classes), into scores.
func (x *xgboostReader) base(params item, classes int) []float64 {
	scores := x.texts(params, "base_score")
	want := 1
	if x.m.objective == Multiclass {
		want = classes
	}
	if len(scores) == 1 {
		scores = slices.Repeat(scores, want)
	}
	if len(scores) != want {
		x.fail(params, "%d base scores for %d outputs", len(scores), want)
	}
	for i, b := range scores {
		switch x.m.objective {
		case Binary:
			if !(b > 0 && b < 1) {
				x.fail(params, "base score %v is no probability between 0 and 1", b)
			}
			scores[i] = -logarithm(1/b - 1)
		case Poisson, Tweedie:
			if !(b > 0) {
				x.fail(params, "base score %v is not above 0", b)
			}
			scores[i] = logarithm(b)
		}
	}
	return scores
}

// trees brings the trees into rounds: XGBoost says of each to which output it adds.
func (x *xgboostReader) trees(model item) {
	trees, groups := x.items(model, "trees"), x.numbers(model, "tree_info")
	if x.err == nil && len(trees) != len(groups) {
		x.fail(model, "%d trees, %d in tree_info", len(trees), len(groups))
	}
	outputs := make([][]item, len(x.m.base))
	rounds := 0
	for i := 0; i < len(trees) && x.err == nil; i++ {
		k := int(groups[i])
		if float64(k) != groups[i] || k < 0 || k >= len(outputs) {
			x.fail(trees[i], "tree %d is of output %v of %d", i, groups[i], len(outputs))
			return
		}
		outputs[k] = append(outputs[k], trees[i])
		rounds = max(rounds, len(outputs[k]))
	}
	for k := range outputs {
		if len(outputs[k]) != rounds {
			x.refuse("%d trees for output %d, %d for another", len(outputs[k]), k, rounds)
		}
	}
	for round := 0; round < rounds && x.err == nil; round++ {
		for k := range outputs {
			x.tree(outputs[k][round])
		}
	}
}

// tree reads the columns of a tree's nodes: float32 numbers, as XGBoost compares and adds them.
func (x *xgboostReader) tree(it item) {
	if x.err != nil {
		return
	}
	if v := x.size(x.field(it, "tree_param", itemObject), "size_leaf_vector", 0, math.MaxInt32); v > 1 {
		x.refuse("leaves of %d numbers", v)
	}
	left, right := x.numbers(it, "left_children"), x.numbers(it, "right_children")
	feature, cut := x.numbers(it, "split_indices"), x.numbers(it, "split_conditions")
	missingLeft, cover := x.numbers(it, "default_left"), x.numbers(it, "sum_hessian")
	gain := x.numbers(it, "loss_changes")
	for _, column := range [][]float64{right, feature, cut, missingLeft, cover, gain} {
		if x.err == nil && len(column) != len(left) {
			x.fail(it, "a tree's columns have %d and %d numbers", len(left), len(column))
		}
	}
	if x.err != nil {
		return
	}
	nodes := make([]foreign, len(left))
	for i := range nodes {
		nodes[i] = foreign{
			leaf: left[i] == -1, value: float64(float32(cut[i])), feature: index(feature[i]), missingLeft: missingLeft[i] != 0,
			left: index(left[i]), right: index(right[i]), cover: cover[i], gain: gain[i],
		}
		// Less than a number is at most the one before it.
		nodes[i].cut = math.Nextafter32(float32(cut[i]), float32(math.Inf(-1)))
	}
	x.categories(it, nodes)
	for i, n := range nodes {
		if c := float32(cut[i]); !n.leaf && n.set == nil && !(c >= -math.MaxFloat32) {
			x.fail(it, "node %d splits at %v", i, c)
		}
	}
	if x.err != nil {
		return
	}
	if err := x.m.appendForeign(nodes); err != nil {
		x.fail(it, "%v", err)
	}
}

// index is a number as a place, -1 if it is none.
func index(x float64) int {
	if x >= 0 && x < math.MaxInt32 && x == math.Trunc(x) {
		return int(x)
	}
	return -1
}

// categories gives the splits by category their sets. XGBoost's go right, ours go left: the children change sides.
func (x *xgboostReader) categories(it item, nodes []foreign) {
	if _, found := x.find(it, "categories"); !found {
		return // before 1.5
	}
	all, at := x.numbers(it, "categories"), x.numbers(it, "categories_nodes")
	starts, sizes := x.numbers(it, "categories_segments"), x.numbers(it, "categories_sizes")
	kinds := x.numbers(it, "split_type")
	if x.err == nil && (len(at) != len(starts) || len(at) != len(sizes) || len(kinds) != len(nodes)) {
		x.fail(it, "%d splits by category with %d and %d sets, %d kinds of %d nodes", len(at), len(starts), len(sizes), len(kinds), len(nodes))
	}
	if x.err != nil {
		return
	}
	used := 0
	for i := range at {
		node, start, size := index(at[i]), index(starts[i]), index(sizes[i])
		used += size
		if node < 0 || node >= len(nodes) || start < 0 || size <= 0 || start > len(all) || size > len(all)-start || used > len(all) {
			x.fail(it, "set %d of node %v is %v categories from %v of %d", i, at[i], sizes[i], starts[i], len(all))
			return
		}
		n := &nodes[node]
		for _, c := range all[start : start+size] {
			code := index(c)
			if code < 0 || code >= maxCategories {
				x.fail(it, "category %v, must be 0 to %d", c, maxCategories-1)
				return
			}
			n.set = append(n.set, uint32(code))
		}
		slices.Sort(n.set)
		n.set = slices.Compact(n.set)
	}
	for i := range nodes {
		n := &nodes[i]
		if !n.leaf && (kinds[i] != 0) != (n.set != nil) {
			x.fail(it, "node %d splits by kind %v with %d categories", i, kinds[i], len(n.set))
			return
		}
		if n.set != nil {
			n.left, n.right, n.missingLeft = n.right, n.left, !n.missingLeft
		}
	}
}
