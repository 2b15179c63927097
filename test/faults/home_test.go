// Package faults does to a running server what happens to servers: a second one on its home, a kill, a full disk, a clock
// set back, a rollback under load. What was acknowledged stays, errors say what is wrong, and the server goes on.
package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/engine/duckdb"
	"rondo.dev/rondo/internal/seam/executor/process"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/stage/train/boosted"
)

const model = "orders"

// binary is the program; begun is a home with a champion that nobody serves: tests copy it.
var binary, begun string

// handed names the two for the runs of one test in a place of its own.
const handed = "RONDO_FAULTS"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 { // the test's binary is its own children where a test has the program in its process
		switch os.Args[1] {
		case "trainer":
			os.Exit(boosted.Main(os.Args[3:]))
		case "supervise":
			os.Exit(process.Main(os.Args[2:]))
		case "engine-child":
			os.Exit(duckdb.Main(os.Args[2:]))
		}
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if both := os.Getenv(handed); both != "" {
		binary, begun, _ = strings.Cut(both, "\n")
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "rondo-faults-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = begin(dir)
	}
	if err == nil {
		err = os.Setenv(handed, binary+"\n"+begun)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// begin builds the program and makes the home.
func begin(dir string) error {
	binary, begun = filepath.Join(dir, "rondo"), filepath.Join(dir, "home")
	if bin := os.Getenv("RONDO_BIN"); bin != "" {
		binary = filepath.Join(bin, "rondo")
	} else if out, err := exec.Command("go", "build", "-o", binary, "rondo.dev/rondo/cmd/rondo").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	file, err := declare(dir, time.Now().UTC().Truncate(time.Hour).Add(-3*time.Hour), "")
	if err != nil {
		return err
	}
	if out, err := exec.Command(binary, "--home", begun, "run", file).CombinedOutput(); err != nil {
		return fmt.Errorf("the first version: %w\n%s", err, out)
	}
	return secondVersion(begun)
}

// declare writes forty days of orders up to an instant and their model file.
func declare(dir string, end time.Time, retrain string) (string, error) {
	const days, perDay = 40, 150
	rng := rand.New(rand.NewPCG(1, 2))
	var rows bytes.Buffer
	rows.WriteString("number,at,kind,x,bought\n")
	for i := range days * perDay {
		at := end.Add(-time.Duration(days*perDay-1-i) * 24 * time.Hour / perDay)
		x, kind := rng.Float64(), kinds[rng.IntN(len(kinds))]
		fmt.Fprintf(&rows, "%d,%s,%s,%.4f,%t\n", i, at.Format(time.RFC3339), kind, x, rng.Float64() < chance(x, kind))
	}
	if err := os.WriteFile(filepath.Join(dir, "orders.csv"), rows.Bytes(), 0o600); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "orders.yaml")
	return file, os.WriteFile(file, []byte(`apiVersion: rondo/v1
kind: Model
name: orders
task: {kind: binary, target: bought}
data:
  source: orders.csv
  time: {column: at}
  key: {columns: [number]}
  label: {known: time + 1h}
  history: {kind_2d: {mean: bought, by: kind, over: 2d}}
  features: [{encode: {kind: target}}]
  split: {by: time, validation: 10%, test: 20%}
train: {trainer: boosted-trees, trees: 200, leaves: 8, window: 30d}
decide: {threshold: min-cost, cost: {fp: $1, fn: $2}}
evaluate: {primary: log-loss, bars: [auc >= 0.6]}
`+retrain), 0o600)
}

var kinds = []string{"book", "lamp", "rug"}

func chance(x float64, kind string) float64 { return 0.1 + 0.6*x + 0.05*float64(len(kind)-3) }

// secondVersion lets a copy of the champion answer, so that there is a version to go back to.
func secondVersion(home string) error {
	ctx := context.Background()
	a, err := app.Open(ctx, app.Config{Home: home, Manual: true})
	if err != nil {
		return err
	}
	err = a.Store.Write(ctx, func(tx store.Tx) error {
		route, err := tx.Versions().Route(model)
		if err != nil {
			return err
		}
		first, err := tx.Versions().Get(route.Champion)
		if err != nil {
			return err
		}
		second := *first
		second.State, second.From, second.Until = rondo.Candidate, nil, nil
		if err := tx.Versions().Add(&second); err != nil {
			return err
		}
		if err := tx.Versions().Move(first.ID, rondo.Retired); err != nil {
			return err
		}
		if err := tx.Versions().Move(second.ID, rondo.Champion); err != nil {
			return err
		}
		_, err = tx.Versions().SetRoute(store.Route{Model: model, Champion: second.ID})
		return err
	})
	return errors.Join(err, a.Close())
}

// aHome is a copy of the home for one test, under dir or in a folder of its own.
func aHome(t *testing.T, dir string) string {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	home := filepath.Join(dir, "home")
	if err := os.CopyFS(home, os.DirFS(begun)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

// server is a running `rondo up`.
type server struct {
	cmd    *exec.Cmd
	client *api.Client
	token  string // as printed
	errs   *bytes.Buffer
}

// up starts a server and waits until it is ready. It is killed at the test's end, if it still runs.
func up(t *testing.T, home string) *server {
	t.Helper()
	s := &server{cmd: exec.Command(binary, "--home", home, "-o", "json", "up", "--listen", "127.0.0.1:0"), errs: &bytes.Buffer{}}
	s.cmd.Stderr = s.errs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	})
	var started struct{ Address, Token string }
	if err := json.NewDecoder(out).Decode(&started); err != nil {
		t.Fatalf("what up printed: %v\n%s", err, s.errs)
	}
	token, err := app.ReadToken(home)
	if err != nil {
		t.Fatal(err)
	}
	s.client, s.token = api.NewClient(started.Address, token), started.Token
	return s
}

// stop ends a server in order, and gives how long that took.
func (s *server) stop(t *testing.T) time.Duration {
	t.Helper()
	from := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("an orderly end: %v\n%s", err, s.errs)
	}
	return time.Since(from)
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it says that it was killed
}

// command runs the program to its end, and gives its exit code and what it said.
func command(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	out, err := exec.Command(binary, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// orders are rows to ask, or with outcome to tell, numbered from a number on.
func orders(from, rows int, at time.Time, outcome bool) *column.Table {
	number, when, kind := column.New(column.Int64, rows), column.New(column.Timestamp, rows), column.New(column.String, rows)
	x, bought := column.New(column.Float64, rows), column.New(column.Bool, rows)
	for i := range rows {
		rng := rand.New(rand.NewPCG(7, uint64(from+i)))
		number.Ints[i], when.Ints[i], kind.Strings[i] = int64(from+i), at.UnixMicro(), kinds[rng.IntN(len(kinds))]
		x.Floats[i] = rng.Float64()
		bought.Bools[i] = rng.Float64() < chance(x.Floats[i], kind.Strings[i])
	}
	t := &column.Table{}
	t.Set("number", number)
	t.Set("at", when)
	t.Set("kind", kind)
	t.Set("x", x)
	if outcome {
		t.Set("bought", bought)
	}
	return t
}
