package modelfile

import (
	yaml "go.yaml.in/yaml/v4"

	"rondo.dev/rondo/internal/rondo"
)

// document is the table of all fields: what is decoded, refused, defaulted, published and explained.
func document() field {
	return field{fields: []field{
		{name: "apiVersion", doc: "the version of this language", form: words("rondo/v1"), preset: "rondo/v1",
			read: func(d *decoder, n *yaml.Node) { d.choice(n, []string{"rondo/v1"}) }},
		{name: "kind", doc: "what the file declares", form: words("Model"), preset: "Model",
			read: func(d *decoder, n *yaml.Node) { d.choice(n, []string{"Model"}, "Template") }},
		{name: "name", doc: "what the model is called: small letters, digits and hyphens", form: nameForm(), required: true, read: (*decoder).name},
		{name: "task", doc: "the shape of the answer, {kind, target}", required: true, fields: taskFields()},
		{name: "data", doc: "where rows come from and what is made of them", required: true, fields: dataFields()},
		{name: "train", doc: "how a version is made", fields: trainFields()},
		{name: "decide", doc: "how a probability becomes an answer (binary models)", fields: decideFields()},
		{name: "evaluate", doc: "what a version must reach", fields: evaluateFields()},
		{name: "deploy", doc: "how a challenger replaces the champion", fields: deployFields()},
		{name: "monitor", doc: "what is watched", fields: monitorFields()},
		{name: "retrain", doc: "when a new version is bought", fields: retrainFields()},
		{name: "govern", doc: "owner, approvals, privacy, retention", refused: "remove it; who may do what comes with a later release"},
		{name: "budget", doc: "what the model may cost", fields: budgetFields()},
		{name: "each", doc: "many models of one file", refused: "remove it, and write one file a model"},
	}}
}

func taskFields() []field {
	const later = "remove it, or choose a task of kind binary, multiclass or regression that does without"
	return []field{
		{name: "kind", doc: "the shape of the answer", form: words("binary", "multiclass", "regression"), required: true,
			read: func(d *decoder, n *yaml.Node) {
				s, _ := d.choice(n, []string{"binary", "multiclass", "regression"}, "multilabel", "rank", "forecast", "generate", "custom")
				d.spec.Task.Kind = rondo.TaskKind(s)
			}},
		{name: "target", doc: "the column to predict: one of the source or of derive", form: columnForm(), required: true,
			read: func(d *decoder, n *yaml.Node) { d.spec.Task.Target, _ = d.column(n, "target") }},
		{name: "group", doc: "rows that are ranked together", refused: later}, {name: "at", doc: "how many of a ranking count", refused: later},
		{name: "position", doc: "where a row was shown", refused: later}, {name: "series", doc: "the series of a forecast", refused: later},
		{name: "every", doc: "the step of a forecast", refused: later}, {name: "horizon", doc: "the length of a forecast", refused: later},
		{name: "knownAhead", doc: "columns known in advance", refused: later}, {name: "quantiles", doc: "quantiles to predict", refused: later},
		{name: "conformal", doc: "conformal intervals", refused: later}, {name: "prompt", doc: "the column of the question", refused: later},
	}
}

func dataFields() []field {
	expressions := func(stage string, to func(s *rondo.Spec) *[]string) func(d *decoder, n *yaml.Node) {
		return func(d *decoder, n *yaml.Node) {
			for _, item := range d.items(n, "expressions", false) {
				if text, ok := d.expression(item, stage, ""); ok {
					*to(d.spec) = append(*to(d.spec), text)
				}
			}
		}
	}
	return []field{
		{name: "source", doc: "a file or a pattern beside the model file: .csv, .json, .jsonl, .ndjson or .parquet", form: fileForm(), required: true,
			read: (*decoder).source},
		{name: "time", doc: "when the question is asked; nothing known later may answer it",
			form: either("column, or {column, zone}", columnForm(), objectForm("", timeFields())), read: (*decoder).time, fields: timeFields()},
		{name: "key", doc: "which row this is; without it a row is its content",
			form: either("columns, or {columns, number}", oneOrMore(columnForm()), objectForm("", keyFields())), read: (*decoder).key, fields: keyFields()},
		{name: "lookup", doc: "small tables joined by equality", form: mapOf("name", objectForm("{from, on, take}", lookupFields(nil))), read: (*decoder).lookups},
		{name: "checks", doc: "a row that fails one is quarantined with its reason; unknown fails", form: listOf(expressionForm()),
			read: expressions(stageChecks, func(s *rondo.Spec) *[]string { return &s.Data.Checks })},
		{name: "batchChecks", doc: "a batch that fails one is quarantined whole: AGGREGATE(COLUMN) within P% of profile",
			form: listOf(form{"batch check", schema{Type: "string"}}), read: (*decoder).batchChecks},
		{name: "derive", doc: "columns made from others, in this order", form: mapOf("column", expressionForm()), read: (*decoder).derive},
		{name: "label", doc: "when the outcome can be known", fields: labelFields()},
		{name: "history", doc: "aggregates over outcomes known before the row's time",
			form: mapOf("column", objectForm("{mean | sum | count, by, over}", historyFields(nil))), read: (*decoder).histories},
		{name: "features", doc: "steps over the columns, fitted on training rows only: a new column, impute, encode, dateParts",
			form: listOf(mapOf("column", either("expression, or the columns of a step", expressionForm(), form{"", schema{Type: "object"}}))), read: (*decoder).features},
		{name: "drop", doc: "columns that are no features, whatever else they are for", form: oneOrMore(columnForm()),
			read: func(d *decoder, n *yaml.Node) { d.spec.Data.Drop = d.columnList(n, stageDrop) }},
		{name: "split", doc: "how rows are parted into training, validation and test", fields: splitFields()},
		{name: "query", doc: "SQL over whole tables", refused: "remove it, and make its table beside the model file"},
		{name: "request", doc: "which columns of query the caller sends", refused: "remove it; every column of source is sent by the caller"},
		{name: "available", doc: "when a column's value was there", refused: "remove it, and leave columns out that are not there in time"},
		{name: "sensitive", doc: "columns for evaluation only", refused: "remove it, or put the columns under drop"},
	}
}

func timeFields() []field {
	return []field{
		{name: "column", doc: "a timestamp, or local time with a zone", form: columnForm(), required: true,
			read: func(d *decoder, n *yaml.Node) { d.timeOf().Column, _ = d.column(n, stageSource) }},
		{name: "zone", doc: "an IANA name, or {column: COLUMN} that holds one; without it the column carries offsets or is UTC",
			form: either("zone, or {column}", textForm(), objectForm("", zoneFields())), read: (*decoder).zone},
	}
}

func zoneFields() []field {
	return []field{{name: "column", doc: "the column that holds IANA names", form: columnForm(), required: true,
		read: func(d *decoder, n *yaml.Node) { d.timeOf().ZoneColumn, _ = d.column(n, stageLookup) }}}
}

func keyFields() []field {
	return []field{
		{name: "columns", doc: "the columns that tell rows apart", form: oneOrMore(columnForm()), required: true,
			read: func(d *decoder, n *yaml.Node) { d.keyOf().Columns = d.columnList(n, stageKey) }},
		{name: "number", doc: "a column for the running number among rows of equal columns", form: columnForm(),
			read: func(d *decoder, n *yaml.Node) {
				if name, ok := d.text(n, "the name of a column"); ok && d.make(n, name, "running number") {
					d.keyOf().Number = name
				}
			}},
	}
}

func labelFields() []field {
	const later = "remove it; outcomes come with the source, as feedback and as events"
	fields := []field{{name: "known", doc: "when the outcome can be known; without it, with the row itself", form: expressionForm(),
		read: func(d *decoder, n *yaml.Node) { d.label().Known, _ = d.expression(n, stageKnown, "") }}}
	for _, name := range []string{"feedback", "within", "absent", "since", "early", "seen", "explore", "lag", "affectedBy", "from", "query"} {
		fields = append(fields, field{name: name, doc: "late, missing or chosen labels", refused: later})
	}
	return fields
}

func splitFields() []field {
	const later = "remove it; rows are parted by time or by the hash of their key"
	return []field{
		{name: "by", doc: "by time with an embargo, or at random by the hash of the key", form: words("time", "hash"), preset: "time where data.time is declared, else hash",
			read: func(d *decoder, n *yaml.Node) {
				s, _ := d.choice(n, []string{"time", "hash"}, "group")
				d.spec.Data.Split.By = rondo.SplitBy(s)
			}},
		{name: "validation", doc: "the share for stopping, thresholds and calibration", form: shareForm(), preset: "10%",
			read: func(d *decoder, n *yaml.Node) { d.spec.Data.Split.Validation, _ = d.share(n) }},
		{name: "test", doc: "the share that only bars see", form: shareForm(), preset: "20%",
			read: func(d *decoder, n *yaml.Node) { d.spec.Data.Split.Test, _ = d.share(n) }},
		{name: "group", doc: "columns whose rows stay on one side", refused: later}, {name: "origins", doc: "rolling origins", refused: later},
		{name: "step", doc: "the step between origins", refused: later},
	}
}

func trainFields() []field {
	const later = "remove it; boosted-trees does without"
	fields := []field{
		{name: "trainer", doc: "what makes the model", form: words("boosted-trees"), preset: "boosted-trees",
			read: func(d *decoder, n *yaml.Node) {
				d.spec.Train.Trainer, _ = d.choice(n, []string{"boosted-trees"}, "torch", "command", "container")
			}},
		{name: "window", doc: "how far back rows are learned from", form: either("duration, or all", durationForm(), words("all")), preset: "all",
			read: func(d *decoder, n *yaml.Node) {
				if n.Value != "all" || n.Kind != yaml.ScalarNode {
					d.spec.Train.Window, _ = d.duration(n)
				}
			}},
		{name: "refit", doc: "whether what was proved is fitted once more on the newest rows: never, before it is proved, or at promotion",
			form: words("none", "window", "promotion"), preset: "promotion where retrain is declared, else none: what was measured is what answers",
			read: func(d *decoder, n *yaml.Node) {
				s, _ := d.choice(n, []string{"none", "window", "promotion"})
				d.spec.Train.Refit = rondo.Refit(s)
			}},
		{name: "trees", doc: "how many trees at most; validation may stop earlier", form: wholeForm(), preset: "100",
			read: func(d *decoder, n *yaml.Node) { x, _ := d.whole(n, 1, 10_000); d.spec.Train.Trees = int(x) }},
		{name: "leaves", doc: "how many leaves a tree has at most", form: wholeForm(), preset: "63",
			read: func(d *decoder, n *yaml.Node) { x, _ := d.whole(n, 2, 1024); d.spec.Train.Leaves = int(x) }},
		{name: "rate", doc: "the learning rate", form: numberForm(), preset: "0.1",
			read: func(d *decoder, n *yaml.Node) {
				d.spec.Train.Rate, _ = d.number(n, "a number above 0 and at most 1", func(x float64) bool { return x > 0 && x <= 1 })
			}},
		{name: "seed", doc: "the number all chance comes from", form: wholeForm(), preset: "0",
			read: func(d *decoder, n *yaml.Node) { d.spec.Train.Seed, _ = d.whole(n, 0, 1<<63-1) }},
		{name: "resources", doc: "what a run is given", fields: []field{
			only("gpus", "GPUs of a run", "0", wholeForm(), "no GPUs are handed out: write 0, or remove it"),
			only("nodes", "machines of a run", "1", wholeForm(), "a run has one machine: write 1, or remove it"),
			only("spot", "whether cheaper machines may vanish", "false", booleanForm(), "there are no spot machines: write false, or remove it"),
		}},
		only("precision", "the numbers of the model", "fp32", words("fp32"), "write fp32, or remove it"),
		only("gradientCheckpointing", "memory for time", "false", booleanForm(), "write false, or remove it"),
		{name: "tune", doc: "search for parameters", refused: "remove it, and write trees, leaves and rate"},
	}
	for _, name := range []string{"weight", "balance", "recipe", "base", "rank", "maxTokens", "network", "params", "command", "image"} {
		fields = append(fields, field{name: name, doc: "of other trainers", refused: later})
	}
	return fields
}

// only is a field of which one value can be honoured.
func only(name, doc, value string, f form, instead string) field {
	return field{name: name, doc: doc, form: f, preset: value, read: func(d *decoder, n *yaml.Node) {
		if s, ok := d.text(n, value); ok && s != value {
			d.fail(n, "%s: %s cannot be honoured by this installation yet: %s", d.path, short(s), instead)
		}
	}}
}

func decideFields() []field {
	return []field{
		{name: "threshold", doc: "the probability from which the answer is yes: where costs are least, or a number",
			form: either("min-cost, or a share", words("min-cost"), shareForm()), preset: "min-cost", read: (*decoder).threshold},
		{name: "cost", doc: "what a wrong answer costs", fields: []field{
			{name: "fp", doc: "a wrong yes", form: moneyForm(), required: true, read: func(d *decoder, n *yaml.Node) { d.cost(n, &d.decide().FP) }},
			{name: "fn", doc: "a wrong no", form: moneyForm(), required: true, read: func(d *decoder, n *yaml.Node) { d.cost(n, &d.decide().FN) }},
		}},
	}
}

func evaluateFields() []field {
	return []field{
		{name: "primary", doc: "the one bounded loss per row that promotion and rollback test", form: words("log-loss", "squared"),
			preset: "log-loss; squared for regression", read: func(d *decoder, n *yaml.Node) {
				s, _ := d.choice(n, []string{"log-loss", "squared"}, "pinball", "cost")
				d.spec.Evaluate.Primary = rondo.Loss(s)
			}},
		{name: "bars", doc: "all must hold, with confidence, on rows that no training has seen", form: listOf(form{"bar", schema{Type: "string"}}), read: (*decoder).readBars},
	}
}

func deployFields() []field {
	const later = "remove it; champion and challengers are answered by this program"
	return []field{
		{name: "rollout", doc: "what a challenger must prove, and how traffic moves", fields: []field{
			{name: "prove", doc: "what a retrained challenger of the same recipe must be; a person's change must be better", form: words("not-worse", "better"), preset: "not-worse",
				read: func(d *decoder, n *yaml.Node) {
					s, _ := d.choice(n, []string{"not-worse", "better"})
					d.spec.Deploy.Prove = rondo.Proof(s)
				}},
			{name: "margin", doc: "how much worse still counts as not worse, as a share of the champion's loss", form: shareForm(), preset: "1%",
				read: func(d *decoder, n *yaml.Node) { d.spec.Deploy.Margin, _ = d.share(n) }},
			{name: "shadow", doc: "the time in which both are scored and one answers", fields: []field{
				{name: "until", doc: "what ends it", form: words("decided"), preset: "decided", read: func(d *decoder, n *yaml.Node) { d.choice(n, []string{"decided"}) }},
				{name: "atMost", doc: "the longest it may last", form: durationForm(), preset: "35d",
					read: func(d *decoder, n *yaml.Node) { d.spec.Deploy.AtMost, _ = d.duration(n) }},
			}},
			{name: "canary", doc: "the shares of traffic a proved challenger gets, step by step", form: listOf(shareForm()), preset: "[1%, 10%, 50%]", read: (*decoder).canary},
			{name: "watch", doc: "how long the old champion stays ready after a promotion", form: durationForm(), preset: "7d",
				read: func(d *decoder, n *yaml.Node) { d.spec.Deploy.Watch, _ = d.duration(n) }},
			{name: "unit", doc: "what is randomised", refused: "remove it; traffic is parted by the key"},
			{name: "atLeast", doc: "the shortest shadow", refused: "remove it; a verdict waits for enough days by itself"},
			{name: "onInconclusive", doc: "what happens at the deadline", refused: "remove it; the champion stays"},
			{name: "waves", doc: "rollout over many models", refused: "remove it"},
		}},
		{name: "optimize", doc: "smaller forms of the model", refused: later}, {name: "serve", doc: "where it is answered", refused: later},
		{name: "batch", doc: "files scored by schedule", refused: later},
	}
}

func monitorFields() []field {
	return []field{
		{name: "falsePerYear", doc: "how many false alarms a year are bearable, over all monitors", form: numberForm(), preset: "1",
			read: func(d *decoder, n *yaml.Node) {
				d.spec.Monitor.FalsePerYear, _ = d.number(n, "a number above 0 and at most 365", func(x float64) bool { return x > 0 && x <= 365 })
			}},
		{name: "slices", doc: "columns whose values are watched apart", form: oneOrMore(columnForm()),
			read: func(d *decoder, n *yaml.Node) { d.spec.Monitor.Slices = d.columnList(n, stageEnd) }},
		{name: "log", doc: "the share of payloads that is kept", refused: "remove it; every prediction is logged whole"},
	}
}

func retrainFields() []field {
	return []field{
		{name: "when", doc: "by regret (needs decide.cost), every so often, or never", form: words("regret", "every", "never"), preset: "every where every is given",
			read: func(d *decoder, n *yaml.Node) {
				s, _ := d.choice(n, []string{"regret", "every", "never"}, "drift")
				d.spec.Retrain.When = rondo.RetrainWhen(s)
			}},
		{name: "every", doc: "the time between two retrains", form: durationForm(), read: func(d *decoder, n *yaml.Node) { d.spec.Retrain.Every, _ = d.duration(n) }},
		{name: "price", doc: "what a retrain costs beside computing: people and risk", form: moneyForm(), preset: "$0",
			read: func(d *decoder, n *yaml.Node) { d.spec.Retrain.Price, _ = d.money(n, false) }},
		{name: "guards", doc: "what holds a retrain back, or demands one", fields: []field{
			{name: "cooldown", doc: "the shortest time between two retrains", form: durationForm(),
				read: func(d *decoder, n *yaml.Node) { d.spec.Retrain.Guards.Cooldown, _ = d.duration(n) }},
			{name: "budget", doc: "the most that retraining may cost in a calendar month (UTC)", form: monthlyForm(),
				read: func(d *decoder, n *yaml.Node) { d.spec.Retrain.Guards.Budget, _ = d.money(n, true) }},
			{name: "maxAge", doc: "the age at which a version is replaced in any case", form: durationForm(),
				read: func(d *decoder, n *yaml.Node) { d.spec.Retrain.Guards.MaxAge, _ = d.duration(n) }},
		}},
	}
}

func budgetFields() []field {
	return []field{
		{name: "limit", doc: "the most that the model may cost in a calendar month (UTC), everything counted; no training is begun whose predicted price is more than is left",
			form: monthlyForm(), read: func(d *decoder, n *yaml.Node) {
				if m, ok := d.money(n, true); ok && m == 0 {
					d.fail(n, "budget.limit is $0/month, with which nothing can ever be trained; name an amount, or pause the model: rondo pause")
				} else if ok {
					d.spec.Budget = m
				}
			}},
		{name: "hard", doc: "whether a training that runs is stopped at the limit", refused: "remove it; nothing is begun beyond the limit, and what runs is brought to its end"},
	}
}
