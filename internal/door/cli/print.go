package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
)

// table prints columns that fit.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, head ...string) *table {
	t := &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(head...)
	return t
}

func (t *table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }

func (t *table) flush() error { return t.w.Flush() }

// wrap breaks text at spaces so that no line is longer than width; later lines are indented.
func wrap(text string, width int, indent string) string {
	var out strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > width:
			out.WriteString("\n" + indent)
			column = len(indent)
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += n
	}
	return out.String()
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.DateOnly)
}

func printPlan(w io.Writer, p *control.Plan) error {
	what := "set"
	switch {
	case p.Dry:
		what = "checked, not set (dry run)"
	case !p.Changed:
		what = "unchanged"
	}
	fmt.Fprintf(w, "%s  revision %d, %s\n\n", p.Model, p.Revision, what)
	t := newTable(w, "COLUMN", "TYPE", "ORIGIN")
	for _, c := range p.Columns {
		t.row(c.Name, c.Type, c.Origin)
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = newTable(w, "PART", "ROWS", "FROM", "TO")
	for _, part := range p.Parts {
		t.row(string(part.Name), group(part.Rows), day(part.From), day(part.To))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if facts := control.Facts(p.Notes); facts != "" {
		fmt.Fprintf(w, "\n%s\n", wrap("Of "+group(p.Rows)+" rows: "+facts, 80, "  "))
	}
	for _, b := range p.Bars {
		fmt.Fprintln(w, wrap("bar  "+b, 80, "     "))
	}
	if p.Verdict != nil {
		fmt.Fprintln(w, wrap("verdict  "+p.Verdict.String(), 80, "     "))
	}
	price := p.Price.String()
	if !p.PriceSet {
		price += " (no price file: the rate is 0)"
	}
	_, err := fmt.Fprintf(w, "price of a cycle %s, about %s\n", price, p.Duration)
	return err
}

// group writes 1234567 as 1,234,567.
func group(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func printEvaluation(w io.Writer, ev *rondo.Evaluation) error {
	fmt.Fprintf(w, "\nEvaluation on %s rows never trained on (use %d of these rows)\n\n", group(ev.Rows), ev.Use)
	train := map[string]float64{}
	for _, m := range ev.Train {
		train[m.Name] = m.Value
	}
	t := newTable(w, "METRIC", "TEST", "95 % INTERVAL", "TRAIN")
	for _, m := range ev.Metrics {
		row := []string{m.Name, fmt.Sprintf("%.4f", m.Value), fmt.Sprintf("%.4f to %.4f", m.Low, m.High), ""}
		if x, ok := train[m.Name]; ok {
			row[3] = fmt.Sprintf("%.4f", x)
		}
		t.row(row...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if ev.Threshold != nil {
		fmt.Fprintf(w, "threshold %.4f, chosen on validation\n", *ev.Threshold)
	}
	fmt.Fprintln(w)
	for _, b := range ev.Bars {
		fmt.Fprintln(w, wrap("bar  "+b.Reason, 80, "     "))
	}
	return nil
}

func printListing(w io.Writer, l *control.Listing, wide bool) error {
	var t *table
	switch l.Kind {
	case "models":
		t = newTable(w, "MODEL", "TASK", "REVISION", "CHAMPION", "CYCLE", "QUALITY", "PAUSED")
		for _, m := range l.Models {
			champion := dash(string(m.Champion))
			if m.Instead != nil {
				champion += " (" + dash(string(m.Instead.Version)) + " answers)"
			}
			t.row(m.Name, string(m.Spec.Task.Kind), fmt.Sprint(m.Revision), champion, dash(string(m.Cycle)), dash(m.Quality), fmt.Sprint(m.Paused))
		}
	case "versions":
		return printVersions(w, l.Versions, wide)
	case "datasets":
		t = newTable(w, "DATASET", "ROWS", "FROM", "TO", "REPEATS", "PURGED", "DIGEST")
		for _, d := range l.Datasets {
			rows := 0
			for _, p := range d.Parts {
				rows += p.Rows
			}
			t.row(string(d.ID), group(rows), day(d.From), day(d.To), group(d.Repeats), group(d.Purged), d.Digest.Short())
		}
	case "runs":
		t = newTable(w, "RUN", "MODEL", "TREES", "LOSS", "CPU")
		for _, r := range l.Runs {
			loss := "-"
			if n := len(r.Rounds); n > 0 {
				loss = fmt.Sprintf("%.5f", r.Rounds[n-1].Train)
			}
			t.row(string(r.ID), r.Model, fmt.Sprint(len(r.Rounds)), loss, r.CPU.Round(time.Millisecond).String())
		}
	case "evaluations":
		t = newTable(w, "EVALUATION", "ROWS", "METRIC", "VALUE", "VERDICT")
		for _, ev := range l.Evaluations {
			name, value := "-", "-"
			if len(ev.Metrics) > 0 {
				name, value = ev.Metrics[0].Name, fmt.Sprintf("%.4f", ev.Metrics[0].Value)
			}
			t.row(string(ev.ID), group(ev.Rows), name, value, string(ev.Verdict))
		}
	case "cycles":
		t = newTable(w, "CYCLE", "CAUSE", "STARTED", "OUTCOME", "VERSION")
		for _, c := range l.Cycles {
			t.row(string(c.ID), string(c.Cause), c.Started.Format(time.DateTime), dash(string(c.Outcome)), dash(string(c.Version)))
		}
	case "steps":
		t = newTable(w, "STEP", "KIND", "STATE", "DUE", "ERROR")
		for _, s := range l.Steps {
			t.row(string(s.ID), s.Kind+" "+s.Name, string(s.State), s.Due, s.Error)
		}
	case "decisions":
		for _, d := range l.Decisions {
			fmt.Fprintln(w, wrap(d.At.Format(time.DateOnly)+"  "+control.Explain(d), 80, "            "))
		}
		return nil
	case "routes":
		t = newTable(w, "MODEL", "GENERATION", "CHAMPION", "CHALLENGER", "SHARE", "PARENT")
		for _, r := range l.Routes {
			t.row(r.Model, fmt.Sprint(r.Generation), string(r.Champion), dash(string(r.Challenger)), fmt.Sprintf("%.0f%%", 100*r.Share), dash(string(r.Parent)))
		}
	default:
		for _, d := range l.Days {
			fmt.Fprintf(w, "%s  %s\n", strings.TrimPrefix(d.Name, "day/"), d.Value)
		}
		return nil
	}
	return t.flush()
}

// printVersions shows, unless wide, only what a reader needs: a proved version is shown as its refit (D33).
func printVersions(w io.Writer, versions []*rondo.Version, wide bool) error {
	refitted := map[rondo.VersionID]bool{}
	for _, v := range versions {
		if v.RefitOf != "" && !wide {
			refitted[v.RefitOf] = true
		}
	}
	t := newTable(w, "VERSION", "STATE", "TRAINED ON", "ANSWERED FROM", "TO", "REFIT OF")
	for _, v := range versions {
		if refitted[v.ID] {
			continue
		}
		from, to := "-", "-"
		if v.From != nil {
			from, to = day(*v.From), "now"
		}
		if v.Until != nil {
			to = day(*v.Until)
		}
		t.row(string(v.ID), string(v.State), day(v.Trained[0])+" to "+day(v.Trained[1]), from, to, dash(string(v.RefitOf)))
	}
	return t.flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func printWhy(w io.Writer, why *control.Why) error {
	for _, said := range why.Chain {
		fmt.Fprintln(w, wrap(said.At.Format(time.DateOnly)+"  "+said.Text, 80, "            "))
	}
	for _, b := range why.Bars {
		fmt.Fprintln(w, wrap("bar  "+b.Reason, 80, "     "))
	}
	if why.Hidden > 0 {
		fmt.Fprintf(w, "%d decisions to wait are left out; see: rondo why %s --all\n", why.Hidden, why.Subject)
	}
	_, err := fmt.Fprintln(w, why.Now)
	return err
}

func printCost(w io.Writer, c *control.Costs) error {
	t := newTable(w, "CAUSE", "ENTRIES", "CPU", "AMOUNT")
	for _, total := range c.Totals {
		t.row(total.Cause, fmt.Sprint(total.Entries), total.CPU.Round(time.Millisecond).String(), total.Amount.String())
	}
	t.row("total", "", c.CPU, c.Amount.String())
	return t.flush()
}
