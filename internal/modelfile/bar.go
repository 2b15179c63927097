package modelfile

import (
	"slices"
	"sort"
	"strings"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
)

// metric is what a bar may ask for.
type metric struct {
	tasks  []rondo.TaskKind
	up     bool   // larger is better
	decide bool   // needs a threshold in binary models
	share  bool   // lies in [0, 1]
	doc    string // for the reference
}

func metrics() map[string]metric {
	binary, classes, all := []rondo.TaskKind{rondo.Binary}, []rondo.TaskKind{rondo.Multiclass}, []rondo.TaskKind{rondo.Binary, rondo.Multiclass}
	regression := []rondo.TaskKind{rondo.Regression}
	return map[string]metric{
		"auc":               {tasks: all, up: true, share: true, doc: "area under the ROC curve; of several classes the mean over one against the rest"},
		"average-precision": {tasks: binary, up: true, share: true, doc: "area under the precision-recall curve"},
		"log-loss":          {tasks: all, doc: "mean logarithmic loss, in nats"},
		"brier":             {tasks: binary, share: true, doc: "mean squared error of the probability"},
		"accuracy":          {tasks: all, up: true, share: true, doc: "share of right answers, at decide's threshold, else at 0.5"},
		"precision":         {tasks: binary, up: true, decide: true, share: true, doc: "share of right answers among yes"},
		"recall":            {tasks: binary, up: true, decide: true, share: true, doc: "share of the true that were found"},
		"f1":                {tasks: binary, up: true, decide: true, share: true, doc: "harmonic mean of precision and recall"},
		"macro-f1":          {tasks: classes, up: true, share: true, doc: "mean over classes of F1"},
		"rmse":              {tasks: regression, doc: "root of the mean squared error, in units of the target"},
		"mae":               {tasks: regression, doc: "mean absolute error, in units of the target"},
		"r2":                {tasks: regression, up: true, doc: "share of the variance explained"},
		"ece":               {tasks: binary, share: true, doc: "expected calibration error; written calibration(ece)"},
	}
}

// refusedMetrics are words of the language that no evaluation answers yet.
var refusedMetrics = []string{"latency", "gap", "ratio", "ips", "ndcg", "mrr", "mase", "wql", "coverage", "pinball", "cost", "skew",
	"exact", "perplexity", "judge", "beats", "flips"}

var wrappers = []string{"worst", "robust", "calibration"}

func metricNames() []string {
	names := append([]string(nil), wrappers...)
	for name := range metrics() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (d *decoder) checkBars() {
	seen := make(map[string]place)
	for _, b := range d.bars {
		if first, again := seen[b.bar.Text]; again {
			d.failPlace(b.at, "this bar stands twice; the first is in line %d", first.line)
			continue
		}
		seen[b.bar.Text] = b.at
		name, ok := d.measured(b)
		if !ok {
			continue
		}
		d.checkMetric(b, name)
	}
}

// measured is the metric inside a bar, when the form of the bar is right.
func (d *decoder) measured(b placedBar) (string, bool) {
	args := b.bar.Args
	arg := func(i int) expr.BarArg {
		if i < len(args) {
			return args[i]
		}
		return expr.BarArg{}
	}
	form := ""
	switch b.bar.Metric {
	case "worst":
		if len(args) != 2 || arg(0).Name == "" || len(arg(0).By) == 0 || arg(1).Rows == 0 {
			form = "worst(METRIC by COLUMN, rows >= N)"
		}
	case "robust":
		if len(args) != 2 || arg(0).Name == "" || len(arg(0).By) > 0 || arg(1).Noise == 0 {
			form = "robust(METRIC, noise P%)"
		}
	case "calibration":
		if len(args) != 1 || arg(0).Name != "ece" || len(arg(0).By) > 0 {
			form = "calibration(ece)"
		}
	case "ece":
		form = "calibration(ece)"
	default:
		if slices.Contains(refusedMetrics, b.bar.Metric) {
			d.failPlace(b.at, "a bar on %s cannot be honoured by this installation yet: remove it", b.bar.Metric)
			return "", false
		}
		if _, ok := metrics()[b.bar.Metric]; ok && len(args) > 0 {
			form = b.bar.Metric + " without arguments"
		}
		return b.bar.Metric, d.form(b, form)
	}
	return arg(0).Name, d.form(b, form)
}

func (d *decoder) form(b placedBar, form string) bool {
	if form != "" {
		d.failPlace(b.at, "this bar is written %s", form)
	}
	return form == ""
}

func (d *decoder) checkMetric(b placedBar, name string) {
	m, ok := metrics()[name]
	if !ok {
		if slices.Contains(refusedMetrics, name) {
			d.failPlace(b.at, "a bar on %s cannot be honoured by this installation yet: remove it", name)
			return
		}
		hint := nearest.Hint(name, metricNames())
		if hint == "" {
			hint = "; there are " + strings.Join(metricNames(), ", ")
		}
		d.failPlace(b.at, "unknown metric %q%s", name, hint)
		return
	}
	task := d.spec.Task.Kind
	bound := b.bar.Bound
	switch {
	case task != "" && !slices.Contains(m.tasks, task):
		d.failPlace(b.at, "%s does not fit a %s model%s", name, task, otherMetric(name, task))
	case m.decide && task == rondo.Binary && d.spec.Decide == nil:
		d.failPlace(b.at, "%s needs a threshold: declare decide, or use a metric of probabilities such as auc or average-precision", name)
	case m.up && !b.bar.AtLeast:
		d.failPlace(b.at, "%s is better when it is larger: write >=", name)
	case !m.up && b.bar.AtLeast:
		d.failPlace(b.at, "%s is better when it is smaller: write <=", name)
	case bound.Kind == expr.DurationBound, bound.Kind == expr.MoneyBound:
		d.failPlace(b.at, "%s is a number; its bound is a number, a percent or champion", name)
	case bound.Kind != expr.ChampionBound && m.share && (bound.Value < 0 || bound.Value > 1):
		d.failPlace(b.at, "%s lies between 0 and 1; its bound is %s", name, bound)
	}
}

// otherMetric is what a metric is called in another task.
func otherMetric(name string, task rondo.TaskKind) string {
	other := map[rondo.TaskKind]map[string]string{
		rondo.Multiclass: {"f1": "macro-f1", "ece": "log-loss", "brier": "log-loss"},
		rondo.Binary:     {"macro-f1": "f1", "rmse": "brier"},
		rondo.Regression: {"brier": "rmse", "log-loss": "rmse", "accuracy": "mae", "auc": "r2"},
	}[task][name]
	if other == "" {
		return ""
	}
	return "; there it is " + other
}
