package control_test

import (
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// decisions are one of every outcome, as the loop records them.
func decisions() []*rondo.Decision {
	n, s := rondo.Numeric, rondo.Textual
	return []*rondo.Decision{
		{Outcome: rondo.Promoted, Rule: "first", Version: "m/1"},
		{Outcome: rondo.Promoted, Rule: "not-worse", Version: "m/3", Replaced: "m/1", Numbers: []rondo.Fact{n("days", 21), n("champion loss", .43217), n("challenger loss", .4299)},
			Alternatives: []string{"keep m/1"}},
		{Outcome: rondo.RefusedIt, Rule: "bars", Numbers: []rondo.Fact{s("not met", "auc >= 0.7: not met, got 0.6800, between 0.6700 and 0.6900 on 9000 rows")}},
		{Outcome: rondo.RefusedIt, Rule: "harm", Version: "m/2", Numbers: []rondo.Fact{n("log evidence of harm", 3.1)}, Alternatives: []string{"the champion m/1 goes on answering"}},
		{Outcome: rondo.Kept, Rule: "watch", Version: "m/3", Numbers: []rondo.Fact{n("days", 7)}},
		{Outcome: rondo.Kept, Rule: "inconclusive", Version: "m/2", Numbers: []rondo.Fact{n("days", 35)}},
		{Outcome: rondo.RolledBack, Rule: "watch", Version: "m/1", Replaced: "m/3"},
		{Outcome: rondo.RolledBack, Rule: "a person", Version: "m/1", Replaced: "m/3", Numbers: []rondo.Fact{s("reason", "complaints")}},
		{Outcome: rondo.Retraining, Rule: "regret", Version: "m/1", Numbers: []rondo.Fact{n("regret, dollars", 512.3), n("price, dollars", 501.25)}},
		{Outcome: rondo.Waiting, Rule: "regret", Version: "m/1", Numbers: []rondo.Fact{n("regret, dollars", 0), n("price, dollars", .0123)}},
		{Outcome: rondo.Probed, Rule: "guard", Version: "m/1", Numbers: []rondo.Fact{s("held back by", "the model is paused")}},
		{Outcome: rondo.Started, Rule: "shadow", Version: "m/2", Numbers: []rondo.Fact{n("past days", 28), s("at most until", "2001-04-30")}},
		{Outcome: rondo.Alarmed, Rule: "quality", Version: "m/1", Numbers: []rondo.Fact{s("since", "2001-03-11"), n("excess loss", .0321)}},
		{Outcome: rondo.Quarantined, Rule: "batch checks", Numbers: []rondo.Fact{n("rows", 120000), s("reason", "median(distance) is 1101, not within 25% of 684")}},
		{Outcome: rondo.Stopped, Rule: "budget"},
		{Outcome: rondo.Failed, Rule: "train", Numbers: []rondo.Fact{s("reason", "no rows are left")}},
	}
}

func TestEveryOutcomeIsExplainedInOneLine(t *testing.T) {
	var got strings.Builder
	for _, d := range decisions() {
		line := control.Explain(d)
		if strings.Contains(line, "\n") || line != control.Explain(d) {
			t.Errorf("%q", line)
		}
		got.WriteString(line + "\n")
	}
	const golden = "testdata/explain.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != got.String() {
		t.Errorf("%v: explained\n%swant\n%s", err, got.String(), want)
	}
}

func TestNumbersAreShortForPeople(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 21: "21", -3: "-3", 120000: "120000", 1e12: "1e+12", .43217: "0.4322", 1234.5678: "1235", 1e-9: "1e-09"} {
		if got := control.Short(x); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
	if got := control.Facts([]rondo.Fact{rondo.Numeric("x", math.NaN())}); got != "x NaN" {
		t.Errorf("%q", got)
	}
}

// story is a model whose second version was promoted and later put aside by a watch, which is in no cycle.
func story(t *testing.T) *installation {
	t.Helper()
	i := install(t)
	i.versions(t, rondo.Retired, rondo.Champion)
	i.write(t, func(tx store.Tx) error {
		if err := tx.Records().AddEvaluation(&rondo.Evaluation{ID: "ev_1", Model: "penguins", Bars: []rondo.BarResult{{Bar: "accuracy >= 0.9", Verdict: rondo.Met}}}); err != nil {
			return err
		}
		if err := tx.Cycles().Add(rondo.Cycle{ID: "cyc_2", Model: "penguins", Started: tx.Now()}); err != nil {
			return err
		}
		for n, d := range []rondo.Decision{
			{Cycle: "cyc_1", Outcome: rondo.Promoted, Rule: "first", Version: "penguins/1"},
			{Outcome: rondo.Waiting, Rule: "regret", Version: "penguins/1"},
			{Cycle: "cyc_2", Outcome: rondo.Started, Rule: "shadow", Version: "penguins/2"},
			{Cycle: "cyc_2", Outcome: rondo.Promoted, Rule: "not-worse", Version: "penguins/2", Replaced: "penguins/1"},
			{Outcome: rondo.RolledBack, Rule: "watch", Version: "penguins/1", Replaced: "penguins/2"},
		} {
			d.ID, d.Step = rondo.DecisionID("dec_"+string(rune('1'+n))), rondo.StepID("step_"+string(rune('1'+n)))
			d.Model, d.At = "penguins", began.Add(time.Duration(n)*time.Hour)
			if err := tx.Decisions().Add(&d); err != nil {
				return err
			}
		}
		return nil
	})
	return i
}

func TestWhyFollowsAModelAVersionAndACycle(t *testing.T) {
	i := story(t)
	for _, c := range []struct {
		subject string
		all     bool
		want    string // numbers of the decisions
		hidden  int
		bars    int
	}{
		{"penguins", false, "1345", 1, 0},
		{"penguins", true, "12345", 0, 0},
		{"penguins/1", false, "145", 1, 1},
		{"penguins/2", false, "345", 0, 1}, // that it was put aside belongs to its chain
		{"cyc_2", false, "34", 0, 0},
	} {
		why, err := i.Why(t.Context(), c.subject, c.all)
		if err != nil {
			t.Errorf("%s: %v", c.subject, err)
			continue
		}
		got := ""
		for _, d := range why.Chain {
			got += strings.TrimPrefix(string(d.ID), "dec_")
			if d.Text != control.Explain(d.Decision) {
				t.Errorf("%s: %q", c.subject, d.Text)
			}
		}
		if got != c.want || why.Hidden != c.hidden || len(why.Bars) != c.bars || why.Model != "penguins" {
			t.Errorf("%s: decisions %s, %d hidden, %d bars", c.subject, got, why.Hidden, len(why.Bars))
		}
		if why.Now != "Version penguins/2 answers since 2026-03-03 12:00:00." {
			t.Errorf("%s: %s", c.subject, why.Now)
		}
	}
	for _, subject := range []string{"walrus", "penguins/9", "cyc_9", ""} {
		if _, err := i.Why(t.Context(), subject, false); rondo.KindOf(err) != rondo.NotFound {
			t.Errorf("%q: %v", subject, err)
		}
	}
}

func TestEveryKindIsListedAndAnUnknownOneNamesTheNearest(t *testing.T) {
	i := story(t)
	i.write(t, func(tx store.Tx) error {
		if err := tx.Records().AddDataset(&rondo.Dataset{ID: "ds_1", Model: "penguins"}); err != nil {
			return err
		}
		if err := tx.Records().AddRun(&rondo.Run{ID: "run_1", Model: "penguins", Dataset: "ds_1"}); err != nil {
			return err
		}
		if err := tx.Values().Put("penguins", "day/2026-03-01", []byte("{}")); err != nil {
			return err
		}
		if err := tx.Ledger().Add(rondo.Entry{At: tx.Now(), Model: "penguins", Cause: "train", Ref: "run_1", CPU: time.Minute, Amount: 2 * rondo.Dollar}); err != nil {
			return err
		}
		if err := tx.Ledger().Add(rondo.Entry{At: tx.Now(), Model: "penguins", Cause: "evaluate", Ref: "run_1", CPU: time.Second, Amount: rondo.Dollar / 2}); err != nil {
			return err
		}
		return tx.Steps().Add(store.Step{ID: "step_9", Model: "penguins", Cycle: "cyc_2", Kind: "train", State: store.StepOpen, Due: tx.Now(), Made: tx.Now()})
	})
	for kind, want := range map[string]int{"models": 1, "datasets": 1, "runs": 1, "versions": 2, "evaluations": 1, "cycles": 1, "steps": 1, "decisions": 5, "routes": 1, "days": 1} {
		for _, name := range []string{"", "penguins"} {
			out, err := i.Get(t.Context(), kind, name)
			if err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			got := len(out.Models) + len(out.Datasets) + len(out.Runs) + len(out.Versions) + len(out.Evaluations) + len(out.Cycles) + len(out.Steps) +
				len(out.Decisions) + len(out.Routes) + len(out.Days)
			if got != want || out.Kind != kind {
				t.Errorf("%s of %q: %d, want %d", kind, name, got, want)
			}
		}
		if _, err := i.Get(t.Context(), kind, "walrus"); rondo.KindOf(err) != rondo.NotFound {
			t.Errorf("%s of a walrus: %v", kind, err)
		}
	}
	for kind, want := range map[string]string{"model": `did you mean "models"?`, "verisons": `did you mean "versions"?`, "x": "there are models, datasets"} {
		if _, err := i.Get(t.Context(), kind, ""); rondo.KindOf(err) != rondo.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	out, err := i.Get(t.Context(), "models", "")
	if m := out.Models[0]; err != nil || m.Champion != "penguins/2" || m.Cycle != "cyc_2" {
		t.Errorf("%+v, %v", m, err)
	}
	costs, err := i.Cost(t.Context(), "penguins")
	if err != nil || costs.Amount != 2_500_000 || len(costs.Totals) != 2 || costs.CPU != "1m1s" {
		t.Errorf("%+v, %v", costs, err)
	}
	if _, err := i.Cost(t.Context(), "walrus"); rondo.KindOf(err) != rondo.NotFound {
		t.Errorf("costs of a walrus: %v", err)
	}
}
