package modelfile

import (
	"time"

	"rondo.dev/rondo/internal/rondo"
)

// The stages of preparation, in their order (D1). A stage names only columns of earlier stages.
const (
	stageSource   = "time"
	stageLookup   = "lookup"
	stageKey      = "key"
	stageChecks   = "checks"
	stageDerive   = "derive"
	stageKnown    = "label.known"
	stageHistory  = "history"
	stageFeatures = "features"
	stageDrop     = "drop"
	stageEnd      = "slices"
)

// defaults fills in what a good engineer would have chosen. The presets of table.go say the same in words; a test holds
// them together.
func (d *decoder) defaults() {
	s := d.spec
	if s.Data.Split.By == "" {
		s.Data.Split.By = rondo.ByHash
		if s.Data.Time != nil {
			s.Data.Split.By = rondo.ByTime
		}
	}
	preset(&s.Data.Split.Validation, 0.1)
	preset(&s.Data.Split.Test, 0.2)
	_, retrains := d.at["retrain"]
	if s.Retrain.When == "" && s.Retrain.Every > 0 {
		s.Retrain.When = rondo.WhenEvery
	}
	if s.Retrain.When == "" && !retrains {
		s.Retrain.When = rondo.WhenNever
	}
	preset(&s.Train.Trainer, "boosted-trees")
	if s.Train.Refit == "" {
		s.Train.Refit = rondo.RefitNone
		if s.Retrain.When != rondo.WhenNever {
			s.Train.Refit = rondo.RefitPromotion
		}
	}
	preset(&s.Train.Trees, 100)
	preset(&s.Train.Leaves, 63)
	preset(&s.Train.Rate, 0.1)
	if s.Task.Kind == rondo.Regression {
		preset(&s.Evaluate.Primary, rondo.SquaredLoss)
	}
	preset(&s.Evaluate.Primary, rondo.LogLoss)
	preset(&s.Deploy.Prove, rondo.NotWorse)
	preset(&s.Deploy.Margin, 0.01)
	preset(&s.Deploy.AtMost, 35*24*time.Hour)
	if len(s.Deploy.Canary) == 0 {
		s.Deploy.Canary = []float64{0.01, 0.1, 0.5}
	}
	preset(&s.Deploy.Watch, 7*24*time.Hour)
	preset(&s.Monitor.FalsePerYear, 1)
}

// preset sets what has not been set: no field with a default can be zero when it is given.
func preset[T comparable](to *T, value T) {
	var zero T
	if *to == zero {
		*to = value
	}
}

// check finds what is wrong between fields.
func (d *decoder) check() {
	d.checkTime()
	d.checkTask()
	d.checkColumns()
	d.checkExpressions()
	d.checkBars()
	d.checkRetrain()
}

// set is where a field stands, when it was set.
func (d *decoder) set(path string) (place, bool) {
	p, ok := d.at[path]
	return p, ok
}

func (d *decoder) checkTime() {
	s := d.spec
	if s.Data.Split.Validation+s.Data.Split.Test > 0.9 {
		p, ok := d.set("data.split.test")
		if !ok {
			p = d.at["data.split"]
		}
		d.failPlace(p, "data.split leaves %.0f%% of the rows for training; leave at least 10%%", 100*(1-s.Data.Split.Validation-s.Data.Split.Test))
	}
	if s.Data.Time != nil {
		return
	}
	needs := []string{"data.label.known", "data.history", "train.window"}
	if s.Data.Split.By == rondo.ByTime {
		needs = append(needs, "data.split.by")
	}
	for _, path := range needs {
		if p, ok := d.set(path); ok && (path != "train.window" || s.Train.Window > 0) {
			d.failPlace(p, "%s needs data.time: the column that says when the question is asked", path)
		}
	}
}

func (d *decoder) checkTask() {
	s := d.spec
	if p, ok := d.set("decide"); ok && s.Task.Kind != "" && s.Task.Kind != rondo.Binary {
		d.failPlace(p, "decide is for binary models; this one is %s", s.Task.Kind)
	}
	p, declared := d.set("decide")
	_, hasCost := d.set("decide.cost")
	switch {
	case declared && s.Decide == nil:
		d.failPlace(p, "decide says nothing; give cost: {fp, fn}, or a threshold")
	case s.Decide != nil && s.Decide.MinCost && !hasCost:
		d.failPlace(p, "decide.threshold min-cost needs decide.cost: {fp, fn}")
	case hasCost && s.Decide != nil && s.Decide.FP+s.Decide.FN == 0 && !d.badCost:
		d.failPlace(p, "decide.cost: one of fp and fn costs more than $0")
	}
	fits := map[rondo.TaskKind]rondo.Loss{rondo.Binary: rondo.LogLoss, rondo.Multiclass: rondo.LogLoss, rondo.Regression: rondo.SquaredLoss}
	want, known := fits[s.Task.Kind]
	if p, ok := d.set("evaluate.primary"); ok && known && s.Evaluate.Primary != want {
		d.failPlace(p, "evaluate.primary is %s for %s models", want, s.Task.Kind)
	}
	if m, ok := d.made[s.Task.Target]; ok && m.what != "derived column" {
		d.failPlace(d.at["task.target"], "task.target is a column of the source or of derive; %q is a %s", s.Task.Target, m.what)
	}
	if s.Task.Target == "time" || s.Task.Target == "known" {
		d.failPlace(d.at["task.target"], "task.target: %q is a reserved name", s.Task.Target)
	}
}

// checkColumns holds fields that name a column to the order of the stages.
func (d *decoder) checkColumns() {
	for _, c := range d.columns {
		m, ok := d.made[c.name]
		switch {
		case ok && c.stage != "target" && !visible(m.what, c.stage):
			d.failPlace(c.at, "%s cannot name %q: it is a %s, which is made later", c.path, c.name, m.what)
		case c.name == d.spec.Task.Target && (c.stage == stageKey || c.stage == stageFeatures || c.stage == stageLookup || c.stage == stageSource):
			d.failPlace(c.at, "%s cannot name %q: it is the target, which is known later", c.path, c.name)
		}
	}
	for _, h := range d.spec.Data.History {
		for _, by := range h.By {
			if by == d.spec.Task.Target {
				d.failPlace(d.made[h.Name].at, "history %q is grouped by the target %q, which the row does not know yet", h.Name, by)
			}
		}
	}
}

// visible says whether what the file makes is there in a stage (D1).
func visible(what, stage string) bool {
	order := map[string]int{stageSource: 0, stageLookup: 1, stageKey: 2, stageChecks: 3, stageDerive: 4, stageKnown: 4, stageHistory: 5, stageFeatures: 6, stageDrop: 7, stageEnd: 7}
	made := map[string]int{"lookup": 0, "running number": 7, "derived column": 5, "history": 6}
	return order[stage] >= made[what]
}

// checkExpressions holds expressions to the order of the stages, and features to what is known when the question is asked.
func (d *decoder) checkExpressions() {
	derived := make(map[string]bool) // by the lines of derive so far
	for _, e := range d.expressions {
		for _, name := range e.expr.Columns() {
			m, made := d.made[name]
			switch {
			case name == "known" && e.stage != stageHistory:
				d.fail(e.at, "%s cannot name known: it belongs to the outcome", e.stage)
			case name == "time" && d.spec.Data.Time == nil:
				d.fail(e.at, "time is the row's instant; it needs data.time")
			case name == d.spec.Task.Target && e.stage == stageFeatures && e.name != "":
				d.fail(e.at, "a feature cannot name the target %q: it is known later", name)
			case name == d.spec.Task.Target && e.stage == stageKnown:
				d.fail(e.at, "label.known cannot name the target %q: it says when that is known", name)
			case e.stage == stageDerive && made && m.what == "derived column" && !derived[name]:
				d.fail(e.at, "derive is read from top to bottom: %q cannot name %q, which stands later or is itself", e.name, name)
			case made && e.stage != stageDerive && !visible(m.what, e.stage),
				made && e.stage == stageDerive && m.what != "derived column" && !visible(m.what, e.stage):
				d.fail(e.at, "%s cannot name %q: it is a %s, which is made later", e.stage, name, m.what)
			}
		}
		if e.stage == stageDerive {
			derived[e.name] = true
		}
	}
}

func (d *decoder) checkRetrain() {
	s, r := d.spec, d.spec.Retrain
	p, declared := d.set("retrain")
	if !declared {
		return
	}
	_, every := d.set("retrain.every")
	_, hasCost := d.set("decide.cost")
	_, hasWhen := d.set("retrain.when")
	switch {
	case !hasWhen && !every:
		d.failPlace(p, "retrain.when is missing: regret, every or never")
	case r.When == rondo.WhenEvery && !every:
		d.failPlace(d.at["retrain.when"], "retrain.when every needs retrain.every: a duration")
	case every && r.When != rondo.WhenEvery && r.When != "":
		d.failPlace(d.at["retrain.every"], "retrain.every belongs to when: every; this is when: %s", r.When)
	}
	if r.When == rondo.WhenRegret && !hasCost {
		d.failPlace(d.at["retrain.when"], "retrain.when regret needs decide.cost, because regret is counted in money; without it write when: every and every: 7d")
	}
	if r.When != rondo.WhenNever && r.When != "" && s.Data.Time == nil {
		d.failPlace(p, "retrain needs data.time: a model without time has no newer rows to learn from")
	}
	if g := r.Guards; g.Cooldown > 0 && g.MaxAge > 0 && g.MaxAge < g.Cooldown {
		d.failPlace(d.at["retrain.guards.maxAge"], "retrain.guards.maxAge is shorter than cooldown: one demands what the other forbids")
	}
	if r.When == rondo.WhenNever {
		for _, path := range []string{"retrain.price", "retrain.guards"} {
			if at, ok := d.set(path); ok {
				d.failPlace(at, "%s has no meaning with when: never; remove it", path)
			}
		}
	}
}
