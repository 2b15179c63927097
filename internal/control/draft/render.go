package draft

import (
	"fmt"
	"regexp"
	"strings"

	"rondo.dev/rondo/internal/rondo"
)

// Text is the draft as a model file, with its reasons as comments.
func (d *Draft) Text() []byte {
	w := &writer{}
	w.comment("", fmt.Sprintf("Written by rondo init after looking at %s: %d rows, %d columns. Each line is a guess with its reason; change what is wrong.", d.Source, d.Rows, d.Columns))
	w.comment("", "Then: rondo run FILE")
	w.line("apiVersion: rondo/v1")
	w.line("kind: Model")
	w.line("name: " + d.Model)
	w.line("")
	w.comment("", d.Target.Why)
	w.line(fmt.Sprintf("task: {kind: %s, target: %s}", d.Kind, flow(d.Target.Text)))
	w.line("")
	d.data(w)
	w.line("")
	w.said("train: "+d.Train.Text, d.Train.Why)
	if d.Decide != nil {
		w.line("")
		w.comment("", "The threshold is a guess: "+d.Decide.Why)
		w.line("decide: " + d.Decide.Text)
	}
	w.line("")
	w.line("evaluate:")
	w.comment("  ", "A version answers only when all bars hold with 95 % confidence, on rows it was not trained on.")
	w.list("  bars:", d.Bars, scalar)
	if len(d.Slices) > 0 {
		w.line("")
		var quoted []string
		for _, s := range d.Slices {
			quoted = append(quoted, flow(s))
		}
		w.said("monitor: {slices: ["+strings.Join(quoted, ", ")+"]}", "shown apart in every evaluation")
	}
	if d.Time.Text != "" && d.Kind == rondo.Binary {
		w.line("")
		w.comment("", "With costs under decide, retraining can be bought when it pays: retrain: {when: regret, price: $100}")
	}
	return []byte(w.String())
}

func (d *Draft) data(w *writer) {
	w.line("data:")
	w.line("  source: " + scalar(d.Source))
	w.comment("  ", "The time: "+d.Time.Why+".")
	switch {
	case d.Zone != "":
		w.line(fmt.Sprintf("  time: {column: %s, zone: %s}", flow(d.Time.Text), d.Zone))
		w.comment("  ", "^ its values have no zone; UTC is a guess: name the zone they were written in, as in America/New_York")
	case d.Time.Text != "":
		w.line("  time: " + scalar(d.Time.Text))
	}
	w.comment("  ", "The key: "+d.KeyWhy+".")
	if d.Key != nil {
		names := make([]string, len(d.Key))
		for i, k := range d.Key {
			names[i] = flow(k)
		}
		number := ""
		if d.Number != "" {
			number = ", number: " + flow(d.Number)
		}
		w.line("  key: {columns: [" + strings.Join(names, ", ") + "]" + number + "}")
	}
	if len(d.Checks) > 0 {
		w.comment("  ", "A row that fails a check is set aside with its reason. Ranges are those of this data with half as much again on either side.")
		w.list("  checks:", d.Checks, scalar)
	}
	if d.Derive != nil {
		w.comment("  ", "The target: "+d.Derive.Why+".")
		w.line("  derive:")
		w.line("    " + scalar(d.Target.Text) + ": " + scalar(d.Derive.Text))
	}
	if d.Time.Text != "" {
		w.comment("  ", "When is the outcome known? Without a word here, at once. If later, say so: label: {known: time + 1d}")
	}
	if len(d.Features) > 0 {
		w.comment("  ", "Columns that are not named anywhere are features as they are.")
		w.list("  features:", d.Features, func(s string) string { return s })
	}
	if len(d.Drop) > 0 {
		if len(d.Leaks) > 0 {
			w.comment("  ", "Suspected leaks know the answer too well. One that is really known when the question is asked: take it out of drop.")
		}
		w.list("  drop:", d.Drop, scalar)
	}
	w.said("  split: "+d.Split.Text, d.Split.Why)
}

// writer writes lines of at most width characters where it can.
type writer struct{ strings.Builder }

const width100 = 118

func (w *writer) line(s string) { w.WriteString(s + "\n") }

// said writes a line with its reason behind it, or above it where the line would be too long.
func (w *writer) said(s, why string) {
	indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
	switch {
	case why == "":
		w.line(s)
	case len(s)+len(why)+3 <= width100:
		w.line(s + "  # " + why)
	default:
		w.comment(indent, why)
		w.line(s)
	}
}

func (w *writer) list(head string, lines []Line, write func(string) string) {
	w.line(head)
	for _, l := range lines {
		w.said("    - "+write(l.Text), oneLine(l.Why))
	}
}

// comment writes words as one comment, broken into lines.
func (w *writer) comment(indent, text string) {
	line := indent + "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width100 && len(line) > len(indent)+1 {
			w.line(line)
			line = indent + "#"
		}
		line += " " + word
	}
	w.line(line)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var (
	plainWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$`)
	plainText = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_ .,=<>()/*+-]*[A-Za-z0-9_)]$`)
	reserved  = regexp.MustCompile(`^(?i:true|false|null|yes|no|on|off|y|n|nan|inf)$`)
)

// flow writes a name inside brackets or braces.
func flow(s string) string {
	if plainWord.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	return single(s)
}

// scalar writes a value of its own.
func scalar(s string) string {
	if plainText.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	return single(s)
}

// single quotes a value; what single quotes cannot hold is escaped in double ones.
func single(s string) string {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0xfeff || r == 0x2028 || r == 0x2029 {
			return fmt.Sprintf("%q", s)
		}
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
