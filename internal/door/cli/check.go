package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
)

type checkCmd struct {
	File      string   `arg:"" help:"Predictions with what was true: .csv, .json, .jsonl or .parquet."`
	Label     string   `help:"The column of what was true; without it, recognised by its name."`
	Score     string   `help:"The column of scores or answers; without it, recognised by its name."`
	Positive  string   `help:"The label that a score speaks of."`
	Time      string   `help:"The column of times."`
	By        []string `help:"Columns whose groups are looked at apart."`
	Threshold float64  `help:"From which score on the answer is yes." default:"0.5"`
	TrainedOn string   `help:"Rows that the model was trained on: overlap is looked for."`
	Bar       []string `help:"A bar to judge by, as in 'auc >= 0.7'; exit code 3 where one does not hold." sep:"none"`
}

// Run evaluates a file, outside any installation.
func (c *checkCmd) Run(ctx context.Context, e *env) error {
	table, err := lookAt(ctx, c.File)
	if err != nil {
		return err
	}
	p := control.Predictions{Name: c.File, Rows: table.Table, Label: c.Label, Score: c.Score, Positive: c.Positive, Time: c.Time, By: c.By,
		Threshold: c.Threshold, Bars: c.Bar}
	if c.TrainedOn != "" {
		training, err := lookAt(ctx, c.TrainedOn)
		if err != nil {
			return err
		}
		p.TrainedOn = training.Table
	}
	seen, err := control.Check(p)
	if err != nil {
		return err
	}
	if !table.Whole {
		seen.Findings = append(seen.Findings, fmt.Sprintf("only the first %d rows were looked at", lookRows))
	}
	if err := e.show(seen, func(w io.Writer) error { return printHonest(w, c.File, seen) }); err != nil {
		return err
	}
	if seen.Verdict != "" && seen.Verdict != rondo.Met {
		return &exit{code: exitCodes[rondo.Refused]}
	}
	return nil
}

func lookAt(ctx context.Context, file string) (*app.Table, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	return app.ReadTable(ctx, filepath.Dir(path), filepath.Base(path), lookRows)
}

func printHonest(w io.Writer, file string, h *control.Checked) error {
	c := h.Columns
	what := fmt.Sprintf("%s: label %s, score %s", c.Kind, c.Label, strings.Join(c.Scores, ", "))
	if c.Positive != "" {
		what += fmt.Sprintf(" (of %s)", c.Positive)
	}
	if c.Time != "" {
		what += ", time " + c.Time
	}
	fmt.Fprintf(w, "%s  %s rows", file, group(h.Rows))
	if h.Missing > 0 {
		fmt.Fprintf(w, ", and %s without label or score, left out", group(h.Missing))
	}
	fmt.Fprintf(w, "\n%s\n%s\n\n", wrap(what, 80, "  "), wrap(h.Base, 80, "  "))
	if err := printMeasured(w, h); err != nil {
		return err
	}
	for _, s := range h.Slices {
		text := fmt.Sprintf("worst %s: %s with %s %.4f (%.4f to %.4f, %s rows) of %d groups judged", s.By, s.Worst.Group, s.Worst.Metric,
			s.Worst.Value, s.Worst.Low, s.Worst.High, group(s.Worst.Rows), s.Judged)
		if s.NotJudged > 0 {
			text += fmt.Sprintf("; %.0f %% of the rows are in groups too small", 100*s.NotJudged)
		}
		if s.Below {
			text += "; that is worse than the whole, not by chance"
		}
		fmt.Fprintln(w, wrap(text, 80, "  "))
	}
	for _, b := range h.Bars {
		fmt.Fprintln(w, wrap("bar "+b.Reason, 80, "  "))
	}
	fmt.Fprintln(w)
	for _, f := range h.Findings {
		fmt.Fprintln(w, wrap("- "+f, 80, "  "))
	}
	return nil
}

// printMeasured prints metrics, calibration and the course of time.
func printMeasured(w io.Writer, h *control.Checked) error {
	t := newTable(w, "METRIC", "VALUE", "95 % INTERVAL")
	for _, m := range h.Metrics {
		t.row(m.Name, fmt.Sprintf("%.4f", m.Value), fmt.Sprintf("%.4f to %.4f", m.Low, m.High))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if len(h.Calibration) > 0 {
		t = newTable(w, "SAID", "CAME TRUE", "ROWS")
		for _, b := range h.Calibration {
			t.row(fmt.Sprintf("%.4g", b.Predicted), fmt.Sprintf("%.4g", b.Observed), group(b.Rows))
		}
		if err := t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if len(h.Times) > 0 {
		t = newTable(w, "FROM", "TO", strings.ToUpper(h.Metrics[0].Name), "95 % INTERVAL")
		for _, p := range h.Times {
			t.row(p.From.Format(time.DateOnly), p.To.Format(time.DateOnly), fmt.Sprintf("%.4f", p.Value), fmt.Sprintf("%.4f to %.4f", p.Low, p.High))
		}
		if err := t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}
