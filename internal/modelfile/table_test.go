package modelfile

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v4"

	"rondo.dev/rondo/internal/lib/expr"
)

// The presets in words (table.go) and the defaults in code (check.go) say the same: writing out every preset changes
// nothing.
func TestPresetsAreTheDefaults(t *testing.T) {
	const head = "name: a\ntask: {kind: binary, target: b}\ndata:\n  source: a.csv\n"
	short, err := Parse("a.yaml", []byte(head))
	if err != nil {
		t.Fatal(err)
	}
	text := `apiVersion: rondo/v1
kind: Model
` + head + `  split: {by: hash, validation: 10%, test: 20%}
train: {trainer: boosted-trees, window: all, refit: none, trees: 100, leaves: 63, rate: 0.1, seed: 0, precision: fp32,
  gradientCheckpointing: false, resources: {gpus: 0, nodes: 1, spot: false}}
evaluate: {primary: log-loss}
deploy: {rollout: {prove: not-worse, margin: 1%, shadow: {until: decided, atMost: 35d}, canary: [1%, 10%, 50%], watch: 7d}}
monitor: {falsePerYear: 1}
`
	long, err := Parse("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := Canonical(short), Canonical(long); !bytes.Equal(a, b) || Digest(short) != Digest(long) {
		t.Errorf("left out: %s\nwritten out: %s", a, b)
	}
	each(document().fields, "", func(path string, f field) {
		value := strings.Split(f.preset, ";")[0]
		conditional := map[string]bool{"data.split.by": true, "train.refit": true, "decide.threshold": true, "retrain.when": true, "retrain.price": true}
		if f.preset != "" && !conditional[path] && !strings.Contains(text, f.name+": "+value) {
			t.Errorf("the preset of %s (%s) is not in this test", path, f.preset)
		}
	})
}

func each(fields []field, path string, visit func(path string, f field)) {
	for _, f := range fields {
		visit(join(path, f.name), f)
		each(f.fields, join(path, f.name), visit)
	}
}

func TestEveryFieldIsExplainedAndReadOrRefused(t *testing.T) {
	each(document().fields, "", func(path string, f field) {
		switch {
		case f.doc == "":
			t.Errorf("%s is not explained", path)
		case f.refused == "" && f.read == nil && len(f.fields) == 0:
			t.Errorf("%s is accepted and ignored", path)
		case f.read != nil && f.form.text == "":
			t.Errorf("%s has no form", path)
		}
	})
}

func TestTheSchemaAcceptsWhatParseAccepts(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(err)
	}
	for _, path := range paths {
		if problem := validate(s, load(t, path), ""); problem != "" {
			t.Errorf("%s: %s", path, problem)
		}
	}
	for _, bad := range []string{"typo", "types", "missing", "bars-regression", "not-yet"} {
		problem := validate(s, load(t, "testdata/bad/"+bad+".yaml"), "")
		if (problem == "") != (bad == "bars-regression") { // a bar is a text for a schema
			t.Errorf("%s: %q", bad, problem)
		}
	}
}

func load(t *testing.T, path string) any {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Load(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// validate is the part of JSON Schema that Schema uses; it gives the first problem.
func validate(s map[string]any, v any, path string) string {
	if forms, ok := s["anyOf"].([]any); ok {
		problems := ""
		for _, one := range forms {
			problem := validate(one.(map[string]any), v, path)
			if problem == "" {
				return ""
			}
			problems += problem + "; "
		}
		return problems
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		return fmt.Sprintf("%s: %v is none of %v", path, v, enum)
	}
	actual := map[string]bool{}
	switch v.(type) {
	case string:
		actual["string"] = true
	case bool:
		actual["boolean"] = true
	case int:
		actual["integer"], actual["number"] = true, true
	case float64:
		actual["number"] = true
	case map[string]any:
		actual["object"] = true
	case []any:
		actual["array"] = true
	}
	if typ, ok := s["type"].(string); ok && !actual[typ] {
		return fmt.Sprintf("%s: %v is no %s", path, v, typ)
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v.(string)) {
		return fmt.Sprintf("%s: %v does not match %s", path, v, p)
	}
	if items, ok := s["items"].(map[string]any); ok {
		for _, item := range v.([]any) {
			if problem := validate(items, item, path+"[]"); problem != "" {
				return problem
			}
		}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := object[name.(string)]; !ok {
			return fmt.Sprintf("%s: %s is missing", path, name)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for name, value := range object {
		sub, ok := properties[name].(map[string]any)
		if !ok {
			switch more := s["additionalProperties"].(type) {
			case bool:
				return fmt.Sprintf("%s: %s is not allowed", path, name)
			case map[string]any:
				sub = more
			default:
				continue
			}
		}
		if problem := validate(sub, value, join(path, name)); problem != "" {
			return problem
		}
	}
	return ""
}

// The reference page is written by `go test ./internal/modelfile -run Reference -update`.
func TestReferencePageIsCurrent(t *testing.T) {
	const page = "../../docs/reference/model-file.md"
	got := reference()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(page, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is not what the table of fields says; write it with -update", page)
	}
}

func reference() []byte {
	var b strings.Builder
	b.WriteString(`# The model file

<!-- Written from the table of fields: go test ./internal/modelfile -run Reference -update -->

One YAML document a model. Keys are camelCase, values kebab-case. Everything but ` + "`name`, `task` and `data`" + ` has a default.
Unknown fields are errors; words of the language that cannot be honoured yet are refused by name (last section).
An editor completes and checks the file with the JSON Schema that ` + "`rondo schema`" + ` prints.

| field | value | default | what it says |
| --- | --- | --- | --- |
`)
	var refused []string
	rows(&b, &refused, document().fields, "")
	b.WriteString("\n## A lookup\n\n| field | value | default | what it says |\n| --- | --- | --- | --- |\n")
	rows(&b, &refused, lookupFields(nil), "data.lookup.NAME")
	b.WriteString("\n## A history\n\nOne aggregate, and its window. Only outcomes count that were known before the row's time.\n\n| field | value | default | what it says |\n| --- | --- | --- | --- |\n")
	rows(&b, &refused, historyFields(nil), "data.history.NAME")
	fmt.Fprintf(&b, `
## Features

Without features, every column is one that the caller sends, a lookup takes or history keeps, except time, key and drop. A line under
features adds a column or replaces one:

- NAME: EXPRESSION
- impute: {COLUMN: %s, or a constant}
- encode: {COLUMN: %s}
- dateParts: {COLUMN: [%s]}

## Expressions

SQL's scalar expressions with SQL's three-valued null: or, and, not, = != < <= > >=, between, in, is null, + - * / %%, case. Text stands
in 'single quotes', an odd column name in "double quotes", an instant is timestamp '2001-01-31T12:00:00Z', a duration 15m, 3h or
60d. / is float64; what overflows or divides by zero is null. time is the row's instant. At most %d bytes, %d deep, %d parts.

| function | what it gives |
| --- | --- |
`, strings.Join(imputes, " or "), strings.Join(encodings, " or "), strings.Join(dateParts, ", "), expr.MaxBytes, expr.MaxDepth, expr.MaxNodes)
	for _, f := range expr.Functions() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.Usage, f.Meaning)
	}
	b.WriteString(`
## Bars

METRIC >= BOUND or METRIC <= BOUND. A bound is a number, a percent (a share), or champion, perhaps with + or - a number or a percent of it.
Around a metric: worst(METRIC by COLUMN, rows >= N) is the worst slice of at least N rows; robust(METRIC, noise P%) is the metric with
noise on the inputs; calibration(ece) is the expected calibration error.

| metric | tasks | better | what it is |
| --- | --- | --- | --- |
`)
	for _, name := range metricNames() {
		m, ok := metrics()[name]
		if !ok {
			continue
		}
		better, doc, tasks := "smaller", m.doc, ""
		if m.up {
			better = "larger"
		}
		if m.decide {
			doc += "; needs decide"
		}
		for i, task := range m.tasks {
			if i > 0 {
				tasks += ", "
			}
			tasks += string(task)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, tasks, better, doc)
	}
	b.WriteString("\nA batch check is AGGREGATE(COLUMN) within P% of profile, with one of " + strings.Join(expr.BatchAggregates(), ", ") + ".\n")
	b.WriteString("\n## Refused by name until a later release\n\n")
	refused = append(refused, "task.kind: multilabel, rank, forecast, generate, custom", "train.trainer: torch, command, container",
		"data.source and lookup.from: s3://, postgres://, https:// and other places", "bars on "+strings.Join(refusedMetrics, ", "),
		"data.features: "+strings.Join(refusedSteps, ", "))
	sort.Strings(refused)
	for _, r := range refused {
		b.WriteString("- " + r + "\n")
	}
	return []byte(b.String())
}

func rows(b *strings.Builder, refused *[]string, fields []field, path string) {
	for _, f := range fields {
		full := join(path, f.name)
		if f.refused != "" {
			*refused = append(*refused, full+": "+f.doc)
			continue
		}
		preset := f.preset
		if f.required {
			preset = "required"
		}
		text := f.form.text
		if text == "" {
			text = "fields"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", full, strings.ReplaceAll(text, "|", "or"), strings.ReplaceAll(preset, "|", "or"), f.doc)
		rows(b, refused, f.fields, full)
	}
}
