package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"rondo.dev/rondo/internal/lib/seed"
)

// TestMain lets this test program be rondo, the hidden children included: a script's rondo is a link to it by that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rondo": main})
}

func TestScripts(t *testing.T) {
	data, err := filepath.Abs("../../examples/tables")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TABLES", data)
			env.Setenv("RONDO_HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("HOME", env.WorkDir)
			return predictions(filepath.Join(env.WorkDir, "predictions.csv"))
		},
		Cmds:          map[string]func(ts *testscript.TestScript, neg bool, args []string){"rondo-exit": exits},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// exits runs rondo and holds its exit code: rondo-exit CODE ARGUMENT...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rondo-exit CODE ARGUMENT...")
	}
	err := ts.Exec("rondo", args[1:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("rondo: %v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("rondo %s: exit code %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// predictions writes 1,200 rows of somebody's predictions, and 20 of them again.
func predictions(file string) error {
	rng := seed.Seed(1).Rand("predictions")
	var b strings.Builder
	b.WriteString("day,region,x,score,label\n")
	var first []string
	for i := range 1200 {
		p, y := rng.Float64(), 0
		if rng.Float64() < p {
			y = 1
		}
		row := fmt.Sprintf("2024-%02d-%02d,%s,%.6f,%.4f,%d\n", 1+i/100, 1+i%100/4, []string{"north", "south"}[rng.IntN(2)], rng.NormFloat64(), p, y)
		b.WriteString(row)
		if i < 20 {
			first = append(first, row)
		}
	}
	b.WriteString(strings.Join(first, ""))
	return os.WriteFile(file, []byte(b.String()), 0o600)
}
