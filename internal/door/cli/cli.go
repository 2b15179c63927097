// Package cli is the command line: it translates words into control's verbs and values into text, tables or JSON.
//
// A command finds the running server of its home by the lock file and speaks HTTP to it; where none runs, it starts the
// same program in its own process for as long as it takes. Every command takes -o json: one document on standard output,
// everything else on standard error. Exit codes: 0 done; 1 a fault; 2 the command or a declaration is wrong; 3 refused by
// a bar, guard, budget or policy; 4 no such thing; 5 denied; 6 the installation cannot be used now.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"rondo.dev/rondo/internal/modelfile"
	"rondo.dev/rondo/internal/rondo"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Version of the program, as released.
const Version = "0.1.0"

type globals struct {
	Home   string `help:"Where this installation lives." default:"~/.rondo" env:"RONDO_HOME" type:"path"`
	Output string `short:"o" name:"output" help:"Print text, or one JSON document (json)." enum:"text,json,wide" default:"text"`
	Debug  bool   `help:"Log what happens, on standard error." env:"RONDO_DEBUG"`
}

type commands struct {
	globals
	Demo       demoCmd       `cmd:"" help:"The whole loop on real flights, in a folder of its own."`
	Up         upCmd         `cmd:"" help:"Start everything in this process; the first time it prints the token."`
	Init       initCmd       `cmd:"" help:"Look at a file and write the model.yaml that a good engineer would start from."`
	Check      checkCmd      `cmd:"" help:"An honest evaluation of anybody's predictions."`
	Apply      applyCmd      `cmd:"" help:"Check model files, show plan and price, set what is desired."`
	Run        runCmd        `cmd:"" help:"Apply one model file and bring it through a cycle, here and now."`
	Get        getCmd        `cmd:"" help:"List models, versions, runs, datasets, evaluations, cycles, steps, decisions, routes or days."`
	Why        whyCmd        `cmd:"" help:"The chain from evidence to outcome of a model, a version or a cycle."`
	Predict    predictCmd    `cmd:"" help:"Ask a model about rows."`
	Feedback   feedbackCmd   `cmd:"" help:"Say later what was true."`
	Promote    promoteCmd    `cmd:"" help:"Let an earlier version answer again."`
	Rollback   rollbackCmd   `cmd:"" help:"Put the version that answered before back."`
	Pause      pauseCmd      `cmd:"" help:"Stop what the loop would start of its own; serving goes on."`
	Resume     resumeCmd     `cmd:"" help:"Go on with the loop."`
	Cost       costCmd       `cmd:"" help:"What a model has cost, by cause."`
	Token      tokenCmd      `cmd:"" help:"Make, list and revoke bearer tokens."`
	Schema     schemaCmd     `cmd:"" help:"Print the JSON Schema of model files, for editors."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Completion completionCmd `cmd:"" help:"Print a completion script for bash, zsh or fish."`
}

// env is what a command runs in.
type env struct {
	globals
	Streams
	log    *slog.Logger
	cli    *kong.Kong
	chosen bool // the home was chosen on the command line
}

// Main runs one command and returns its exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("rondo"), kong.Description("Rondo keeps AI models good in production."),
		kong.Writers(s.Out, s.Err), kong.Exit(func(code int) { exited = code }), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}))
	if err != nil {
		fmt.Fprintln(s.Err, "rondo:", err)
		return 1
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(s.Err, "rondo: %v; see: rondo --help\n", err)
		return 2
	}
	level := slog.LevelWarn
	if c.Debug {
		level = slog.LevelDebug
	}
	e := &env{globals: c.globals, Streams: s, cli: parser, log: slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: level}))}
	for _, p := range parsed.Path {
		e.chosen = e.chosen || p.Flag != nil && p.Flag.Name == "home"
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(e)
	if err == nil {
		return 0
	}
	return e.fail(ctx, err)
}

// exitCodes is the one table from kinds to exit codes.
var exitCodes = map[rondo.Kind]int{
	rondo.Invalid: 2, rondo.Unsupported: 2, rondo.Refused: 3, rondo.OverBudget: 3, rondo.Conflict: 3,
	rondo.NotFound: 4, rondo.Denied: 5, rondo.Unavailable: 6,
}

// fail prints an error, and says which code to exit with.
func (e *env) fail(ctx context.Context, err error) int {
	var quiet *exit
	if errors.As(err, &quiet) {
		return quiet.code
	}
	code, known := exitCodes[rondo.KindOf(err)]
	if !known {
		code = 1
	}
	var mistakes modelfile.Errors
	if errors.As(err, &mistakes) {
		code = 2
	}
	if errors.Is(err, os.ErrNotExist) && !known {
		code = 4
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		fmt.Fprintln(e.Err, "rondo: stopped; start it again and it goes on where it was")
		return 1
	}
	if e.Output == "json" {
		_ = e.json(map[string]any{"error": err.Error(), "kind": rondo.KindOf(err), "exit": code})
		return code
	}
	if mistakes != nil {
		fmt.Fprintln(e.Err, mistakes)
		return code
	}
	fmt.Fprintln(e.Err, "rondo:", err)
	return code
}

// exit ends a command with a code after it has said everything itself.
type exit struct{ code int }

func (e *exit) Error() string { return fmt.Sprintf("exit %d", e.code) }

func (e *env) json(v any) error {
	enc := json.NewEncoder(e.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// show prints v as JSON, or as text by print.
func (e *env) show(v any, print func(io.Writer) error) error {
	if e.Output == "json" {
		return e.json(v)
	}
	return print(e.Out)
}

// home is the folder of the installation, absolute.
func (e *env) home() (string, error) {
	home, err := filepath.Abs(kong.ExpandPath(e.Home))
	if err != nil {
		return "", fmt.Errorf("home %s: %w", e.Home, err)
	}
	return home, nil
}
