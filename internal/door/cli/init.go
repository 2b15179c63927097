package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/control/draft"
	"rondo.dev/rondo/internal/rondo"
)

// lookRows is how many rows init looks at.
const lookRows = 2_000_000

type initCmd struct {
	Data   string `arg:"" help:"A file (.csv, .json, .jsonl, .ndjson or .parquet), a folder of them, or a pattern in quotes."`
	Target string `help:"The column to predict."`
	Yes    string `help:"Ask whether the target has this value."`
	No     string `help:"Ask whether the target has any value but this."`
	Name   string `help:"The model's name; without it, that of the file."`
	Out    string `help:"The model file to write." default:"model.yaml" type:"path"`
	Force  bool   `help:"Write over a model file that is there."`
}

// drafted is what init answers in JSON.
type drafted struct {
	File string `json:"file"`
	*draft.Draft
}

// Run looks at the data and writes a model file.
func (c *initCmd) Run(ctx context.Context, e *env) error {
	if _, err := os.Lstat(c.Out); err == nil && !c.Force {
		return &rondo.Error{Kind: rondo.Invalid, Field: c.Out, Message: "is there already; --force writes over it, --out FILE writes another"}
	}
	source, err := c.source()
	if err != nil {
		return err
	}
	table, err := app.ReadTable(ctx, filepath.Dir(c.Out), source, lookRows)
	if err != nil {
		return err
	}
	if c.Target == "" {
		if c.Target, err = c.ask(e, draft.Targets(table.Table)); err != nil {
			return err
		}
	}
	d, err := draft.Make(draft.Source{Model: c.Name, Path: source, Table: table.Table, Naive: table.Naive, Whole: table.Whole, Yes: c.Yes, No: c.No}, c.Target)
	if err != nil {
		return err
	}
	if err := c.write(d.Text()); err != nil {
		return err
	}
	return e.show(drafted{c.Out, d}, func(w io.Writer) error { return printDraft(w, c.Out, d) })
}

// source is the data as the model file will name it.
func (c *initCmd) source() (string, error) {
	path, err := filepath.Abs(c.Data)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if path, err = pattern(path); err != nil {
			return "", err
		}
	} else if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(path, "*?[") {
		return "", &rondo.Error{Kind: rondo.NotFound, Field: c.Data, Message: "there is no such file"}
	}
	source, err := filepath.Rel(filepath.Dir(c.Out), path)
	if err != nil || !filepath.IsLocal(source) {
		return "", &rondo.Error{Kind: rondo.Invalid, Field: c.Data, Message: "a model file names data beside it or below: " +
			"write it there with --out " + filepath.Join(filepath.Dir(path), "model.yaml")}
	}
	if !slices.Contains(fileTypes, strings.ToLower(filepath.Ext(source))) {
		return "", &rondo.Error{Kind: rondo.Unsupported, Field: c.Data, Message: "the name ends in none of " + strings.Join(fileTypes, ", ")}
	}
	return filepath.ToSlash(source), nil
}

var fileTypes = []string{".csv", ".json", ".jsonl", ".ndjson", ".parquet"}

// pattern is the one kind of data file that a folder holds.
func pattern(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("look into %s: %w", dir, err)
	}
	var found []string
	for _, entry := range entries {
		if ext := strings.ToLower(filepath.Ext(entry.Name())); !entry.IsDir() && slices.Contains(fileTypes, ext) && !slices.Contains(found, ext) {
			found = append(found, ext)
		}
	}
	if len(found) != 1 {
		return "", &rondo.Error{Kind: rondo.Invalid, Field: dir, Message: fmt.Sprintf("holds %d kinds of data files (%s); name one, as in '%s'",
			len(found), strings.Join(found, ", "), filepath.Join(dir, "*.csv"))}
	}
	return filepath.Join(dir, "*"+found[0]), nil
}

const mostAsked = 8

// ask finds out which column is the target: by its name, or from the person at the terminal.
func (c *initCmd) ask(e *env, list []draft.Candidate) (string, error) {
	if one, ok := draft.Obvious(list); ok {
		return one.Column, nil
	}
	in, file := e.In.(*os.File)
	list = list[:min(len(list), mostAsked)]
	if len(list) == 0 {
		return "", &rondo.Error{Kind: rondo.Invalid, Field: c.Data, Message: "has no column that could be the target"}
	}
	if e.Output == "json" || !file || !term.IsTerminal(int(in.Fd())) {
		return "", c.undecided(e, list)
	}
	fmt.Fprintln(e.Out, "Which column is to be predicted?")
	for i, one := range list {
		fmt.Fprintf(e.Out, "  %d  %s  (%s; %s)\n", i+1, one.Column, one.Kind, one.Why)
	}
	fmt.Fprint(e.Out, "Its number or name: ")
	answer, err := bufio.NewReader(e.In).ReadString('\n')
	if err != nil && answer == "" {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	answer = strings.TrimSpace(answer)
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(list) {
		return list[n-1].Column, nil
	}
	return answer, nil
}

// undecided lists the candidates where nobody can be asked.
func (c *initCmd) undecided(e *env, list []draft.Candidate) error {
	if e.Output == "json" {
		if err := e.json(struct {
			Error      string            `json:"error"`
			Candidates []draft.Candidate `json:"candidates"`
		}{"which column is the target? name it with --target", list}); err != nil {
			return err
		}
		return &exit{code: exitCodes[rondo.Invalid]}
	}
	fmt.Fprintf(e.Err, "rondo: which column of %s is to be predicted? Name it with --target; likely ones:\n", c.Data)
	t := newTable(e.Err, "COLUMN", "TASK", "WHY")
	for _, one := range list {
		t.row(one.Column, string(one.Kind), one.Why)
	}
	if err := t.flush(); err != nil {
		return err
	}
	return &exit{code: exitCodes[rondo.Invalid]}
}

// write puts the whole file in place, or nothing.
func (c *initCmd) write(text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(c.Out), ".model-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		if c.Force {
			err = os.Rename(f.Name(), c.Out)
		} else {
			err = os.Link(f.Name(), c.Out) // unlike a rename, it never writes over a file that came meanwhile
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	return nil
}

func printDraft(w io.Writer, file string, d *draft.Draft) error {
	fmt.Fprintf(w, "%s looked at: %s rows, %d columns\n\n", d.Source, group(d.Rows), d.Columns)
	tell := func(head, text string) { fmt.Fprintf(w, "%-8s%s\n", head, wrap(text, 72, "        ")) }
	tell("task", fmt.Sprintf("%s. %s", d.Kind, d.Target.Why))
	if d.Derive != nil {
		tell("target", d.Target.Text+" = "+d.Derive.Text)
	}
	tell("time", d.Time.Why+".")
	tell("key", d.KeyWhy+".")
	for _, l := range d.Leaks {
		tell("leak?", fmt.Sprintf("%s: %s. It is dropped; if it is known when the question is asked, take it back.", l.Text, l.Why))
	}
	for _, l := range d.Drop {
		if !slices.ContainsFunc(d.Leaks, func(k draft.Line) bool { return k.Text == l.Text }) {
			tell("drop", l.Text+": "+l.Why)
		}
	}
	for _, b := range d.Bars {
		tell("bar", b.Text+": "+b.Why)
	}
	_, err := fmt.Fprintf(w, "\nwritten: %s. Read it, then: rondo run %s\n", file, relative(file))
	return err
}

// relative is a path as somebody who stands here would write it.
func relative(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
