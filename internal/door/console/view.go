package console

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// How much of what may grow without end is shown; the newest, or the largest.
const (
	mostDecisions = 200
	mostVersions  = 100
	mostModels    = 1000
	mostSlices    = 24
	mostFeatures  = 20
	mostTrials    = 5
)

// list is the page of all models.
type list struct {
	Title  string
	Models []entry
	More   int
}

// entry is a model in the list.
type entry struct{ Name, Path, Task, Champion, Doing string }

func modelsPage(models []control.ModelLine) list {
	l := list{Title: "Models"}
	for _, m := range models {
		if len(l.Models) == mostModels {
			l.More = len(models) - mostModels
			break
		}
		e := entry{Name: m.Name, Path: "/models/" + url.PathEscape(m.Name), Champion: dash(string(m.Champion)), Doing: "-"}
		if m.Spec != nil {
			e.Task = string(m.Spec.Task.Kind) + ", " + m.Spec.Task.Target
		}
		switch {
		case m.Paused:
			e.Doing = "paused"
		case m.Cycle != "":
			e.Doing = "a cycle is open"
		}
		l.Models = append(l.Models, e)
	}
	return l
}

// page is the page of one model.
type page struct {
	Title, Task, Answers, Now string
	Paused                    bool
	Tiles                     []tile
	Answered, Quality, Excess *picture
	NoDays                    bool
	Trials                    []trial
	Regret, Money             *picture
	Costs                     *control.Costs
	Causes                    []cause
	Decided                   string // what wrong answers cost
	Versions                  []version
	MoreVersions              int
	Decisions                 []decision
	Waits, MoreDecisions      int
	Evaluation                *evaluation
	Importance                *picture
	ImportanceOf              string
	Steps                     []control.StepLine
}

type tile struct{ Name, Value, Note string }

type trial struct {
	Title, Text string
	Picture     *picture
}

type cause struct {
	Cause, Amount, CPU string
	Entries            int
}

type version struct{ ID, State, Trained, From, To, AUC, Replaced, Why string }

type decision struct{ At, Mark, Text string }

type evaluation struct {
	Title       string
	Verdict     rondo.Verdict
	Bars        []rondo.BarResult
	Metrics     []metric
	Calibration *picture
	Slices      []*picture
	NotJudged   string
}

type metric struct{ Name, Value, Interval, Train string }

func modelPage(life *control.Life) page {
	c := newCalendar(life)
	p := page{Title: life.Model.Name, Answers: life.Answers, Paused: life.Model.Paused, Now: life.Now.UTC().Format(time.DateTime), Steps: life.Steps,
		Costs: &life.Costs, NoDays: len(c.days) == 0}
	if s := life.Model.Spec; s != nil {
		p.Task = fmt.Sprintf("%s, target %s", s.Task.Kind, s.Task.Target)
	}
	p.Tiles = tiles(life, &c)
	p.Answered = c.answered()
	if p.Quality = c.auc(); p.Quality == nil {
		p.Quality = c.loss()
	}
	p.Excess = c.excess()
	p.Trials = trials(life.Trials)
	p.Regret = c.regret(life.Decisions)
	p.money(life)
	p.Versions, p.MoreVersions = versions(life)
	p.decisions(life.Decisions)
	p.Evaluation = newest(life)
	if life.Run != nil {
		p.Importance = importance(life.Run)
		p.ImportanceOf = string(life.Model.Champion)
	}
	return p
}

// tiles are the few numbers that come first.
func tiles(life *control.Life, c *calendar) []tile {
	out := []tile{{"Champion", dash(string(life.Model.Champion)), ""}}
	if n := len(c.days); n > 0 {
		week := c.days[max(0, n-7):]
		rows, labelled, outside := 0, 0, 0
		for _, d := range week {
			rows, labelled, outside = rows+d.Rows, labelled+d.Labelled, outside+d.Outside
		}
		if auc := c.week(n-1, func(d control.Day) *rondo.Number { return d.AUC }); finite(auc) {
			out = append(out, tile{"AUC, last 7 days", fmt.Sprintf("%.3f", auc), "mean of the days, weighted by rows"})
		}
		note := group(labelled) + " have an outcome"
		if outside > 0 {
			note += ", " + group(outside) + " failed checks"
		}
		out = append(out, tile{fmt.Sprintf("Rows answered, last %d days", len(week)), group(rows), note})
	}
	if life.Model.Quality != "" {
		out = append(out, tile{"Quality", life.Model.Quality, "loss beyond what the model expects of itself"})
	}
	out = append(out, tile{"Spent on it", life.Costs.Amount.String(), "CPU " + life.Costs.CPU})
	if life.Model.Cycle != "" {
		out = append(out, tile{"Steps to do", strconv.Itoa(len(life.Steps)), "in " + string(life.Model.Cycle)})
	}
	return out
}

// trials are the newest first.
func trials(all []control.Trial) (out []trial) {
	for _, t := range slices.Backward(all) {
		if len(out) == mostTrials {
			break
		}
		v := trial{Title: fmt.Sprintf("%s, from %s", t.Version, t.Began.At.UTC().Format(time.DateOnly)), Picture: trialPicture(t), Text: "goes on"}
		if t.Ended != nil {
			v.Text = control.Explain(t.Ended)
		}
		out = append(out, v)
	}
	return out
}

func (p *page) money(life *control.Life) {
	var names, values []string
	var amounts []float64
	title := "Dollars by cause"
	free := life.Costs.Amount == 0
	if free {
		title = "CPU by cause (no price is set, so everything costs $0.00)"
	}
	totals := slices.Clone(life.Costs.Totals)
	slices.SortStableFunc(totals, func(a, b store.Total) int { return cmp.Or(cmp.Compare(b.Amount, a.Amount), cmp.Compare(b.CPU, a.CPU)) })
	for _, t := range totals {
		p.Causes = append(p.Causes, cause{t.Cause, t.Amount.String(), t.CPU.Round(time.Millisecond).String(), t.Entries})
		names = append(names, t.Cause)
		if free {
			amounts, values = append(amounts, t.CPU.Seconds()), append(values, t.CPU.Round(time.Millisecond).String())
		} else {
			amounts, values = append(amounts, max(t.Amount.Dollars(), 0)), append(values, t.Amount.String())
		}
	}
	p.Money = bars(title, "Money by cause", names, values, amounts)
	if s := life.Model.Spec; s == nil || s.Decide == nil {
		return
	}
	total, days := rondo.Money(0), 0
	for _, d := range life.Days {
		if d.Labelled > 0 {
			total, days = total.Add(d.Cost), days+1
		}
	}
	if days > 0 {
		p.Decided = fmt.Sprintf("Wrong answers cost %s over %d days, by decide.cost.", total, days)
	}
}

// versions are shown newest first; a proved version is shown as its refit.
func versions(life *control.Life) (out []version, more int) {
	refitted := map[rondo.VersionID]bool{}
	for _, v := range life.Versions {
		refitted[v.RefitOf] = true
	}
	why := map[rondo.VersionID]*rondo.Decision{}
	for _, d := range life.Decisions {
		if d.Version != "" && (d.Outcome == rondo.Promoted || d.Outcome == rondo.RolledBack || d.Outcome == rondo.RefusedIt ||
			d.Outcome == rondo.Kept && d.Rule != "watch") {
			why[d.Version] = d
		}
	}
	aucs := map[rondo.EvaluationID]string{}
	for _, ev := range life.Evaluations {
		for _, m := range ev.Metrics {
			if m.Name == "auc" {
				aucs[ev.ID] = fmt.Sprintf("%.3f (%.3f to %.3f)", m.Value, m.Low, m.High)
			}
		}
	}
	for _, v := range slices.Backward(life.Versions) {
		if refitted[v.ID] && v.From == nil {
			continue
		}
		if len(out) == mostVersions {
			more++
			continue
		}
		line := version{ID: string(v.ID), State: string(v.State), Trained: day(&v.Trained[0]) + " to " + day(&v.Trained[1]), From: day(v.From), To: day(v.Until),
			AUC: dash(aucs[v.Evaluation]), Replaced: "-", Why: "-"}
		if v.From != nil && v.Until == nil {
			line.To = "now"
		}
		if d := why[v.ID]; d != nil {
			line.Why, line.Replaced = string(d.Outcome)+", "+d.Rule, dash(string(d.Replaced))
		}
		out = append(out, line)
	}
	return out, more
}

// decisions are shown newest first; those to wait are counted.
func (p *page) decisions(all []*rondo.Decision) {
	for _, d := range slices.Backward(all) {
		switch {
		case d.Outcome == rondo.Waiting || d.Outcome == rondo.Probed:
			p.Waits++
		case len(p.Decisions) == mostDecisions:
			p.MoreDecisions++
		default:
			p.Decisions = append(p.Decisions, decision{d.At.UTC().Format("2006-01-02 15:04"), cmp.Or(marked[d.Outcome], "other"), control.Explain(d)})
		}
	}
}

// newest is the newest evaluation.
func newest(life *control.Life) *evaluation {
	if len(life.Evaluations) == 0 {
		return nil
	}
	ev := life.Evaluations[len(life.Evaluations)-1]
	out := &evaluation{Title: string(ev.ID), Verdict: ev.Verdict, Bars: ev.Bars, Calibration: calibration(ev.Calibration)}
	var of []string
	for _, v := range life.Versions {
		if v.Evaluation == ev.ID {
			of = append(of, string(v.ID))
		}
	}
	if len(of) > 0 {
		out.Title = of[0]
	}
	if len(of) > 1 { // the refit is bound to what its recipe scored
		out.Title += " (fitted once more as " + of[len(of)-1] + ")"
	}
	out.Title = fmt.Sprintf("%s, on %s rows never trained on (use %d of these rows)", out.Title, group(ev.Rows), ev.Use)
	trained := map[string]float64{}
	for _, m := range ev.Train {
		trained[m.Name] = m.Value
	}
	byName := map[string]*rondo.Metric{}
	for i, m := range ev.Metrics {
		byName[m.Name] = &ev.Metrics[i]
		line := metric{m.Name, fmt.Sprintf("%.4f", m.Value), fmt.Sprintf("%.4f to %.4f", m.Low, m.High), "-"}
		if x, ok := trained[m.Name]; ok {
			line.Train = fmt.Sprintf("%.4f", x)
		}
		out.Metrics = append(out.Metrics, line)
	}
	out.sliced(ev.Slices, byName)
	if ev.NotJudged > 0 {
		out.NotJudged = fmt.Sprintf("%.1f%% of the rows are in groups too small to judge.", 100*ev.NotJudged)
	}
	return out
}

// sliced draws one picture for each column and metric, of judged groups, the lowest first.
func (e *evaluation) sliced(all []rondo.Slice, overall map[string]*rondo.Metric) {
	type kind struct{ by, metric string }
	var order []kind
	groups := map[kind][]rondo.Slice{}
	for _, s := range all {
		if !s.Judged || !finite(s.Value) || !finite(s.Low) || !finite(s.High) {
			continue
		}
		k := kind{s.By, s.Metric}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], s)
	}
	for _, k := range order {
		g := groups[k]
		slices.SortStableFunc(g, func(a, b rondo.Slice) int { return cmp.Compare(a.Value, b.Value) })
		left := max(0, len(g)-mostSlices)
		p := slicesPicture(k.metric, g[:len(g)-left], overall[k.metric])
		if p == nil {
			continue
		}
		if left > 0 {
			p.Note = fmt.Sprintf("%d groups with higher values are left out.", left)
		}
		e.Slices = append(e.Slices, p)
	}
}

// importance is the share of the gain by feature, the largest first.
func importance(r *rondo.Run) *picture {
	if len(r.Importance) != len(r.Features) {
		return nil
	}
	order := make([]int, len(r.Features))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.Importance[b], r.Importance[a]) })
	order = order[:min(len(order), mostFeatures)]
	var names, values []string
	var amounts []float64
	for _, i := range order {
		if x := r.Importance[i]; finite(x) {
			names, amounts, values = append(names, r.Features[i]), append(amounts, x), append(values, fmt.Sprintf("%.1f%%", 100*x))
		}
	}
	p := bars("Share of the gain of all splits", "Feature importance", names, values, amounts)
	if p != nil && len(r.Features) > len(names) {
		p.Note = fmt.Sprintf("%d features with less are left out.", len(r.Features)-len(names))
	}
	return p
}

func day(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

func dash(s string) string { return cmp.Or(s, "-") }

// group writes 1234567 as 1,234,567.
func group(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
