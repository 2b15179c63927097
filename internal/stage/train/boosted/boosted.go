// Package boosted is the child's side of the trainer contract for boosted trees: `rondo trainer boosted`.
//
// It reads matrices and parameters as package train lays them out, trains with boost, and prints a line of JSON a round:
// {"round": 1, "train": 0.52, "validation": 0.55}, mean losses of the objective (log loss, or squared error). The model is
// written whole, then COMPLETE with its hash. Matrices and parameters alone decide the model's bytes.
//
// Exit codes: 0 done, 1 the parameters or rows cannot be trained on (standard error says why), 2 called wrongly or the
// machine failed, 75 stopped by SIGTERM. There are no checkpoints: a stopped training begins anew.
package boosted

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"rondo.dev/rondo/boost"
	"rondo.dev/rondo/internal/matrix"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/train"
)

const exitMachine = 2

// Main trains once and returns the exit code.
func Main(args []string) int {
	if len(args) != 0 {
		fmt.Fprintln(os.Stderr, "trainer boosted: not for people; takes no arguments")
		return exitMachine
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := Train(ctx, os.Getenv, func(line []byte) { _, _ = os.Stdout.Write(append(line, '\n')) })
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return train.ExitResume
	}
	fmt.Fprintln(os.Stderr, err)
	return ExitCode(err)
}

// ExitCode is how a training ends that Train gave err for.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case rondo.KindOf(err) == rondo.Invalid:
		return train.ExitUser
	}
	return exitMachine
}

// Train trains once, as env says, and tells the line of each round.
func Train(ctx context.Context, env func(string) string, tell func(line []byte)) error {
	var given train.Params
	if err := train.ReadJSON(env(train.EnvParams), &given); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	seed, err := strconv.ParseUint(env(train.EnvSeed), 10, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", train.EnvSeed, err)
	}
	rows, classes, err := load(filepath.Join(env(train.EnvData), train.TrainFile))
	if err != nil {
		return err
	}
	validation, _, err := load(filepath.Join(env(train.EnvData), train.ValidationFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	p, err := params(given, classes, seed)
	if err != nil {
		return err
	}
	m, err := boost.Train(ctx, p, *rows, validation, func(round int, loss, validation float64) {
		if line := roundLine(round, loss, validation); line != nil {
			tell(line)
		}
	})
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return rondo.Errorf(rondo.Invalid, "%w", err)
	}
	return save(m, env(train.EnvOut))
}

// load reads one matrix.
func load(path string) (*boost.Data, int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	m, err := matrix.ReadFrom(file, info.Size())
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return &boost.Data{Features: m.Features, Rows: m.Rows, Values: m.Values, Labels: m.Targets}, len(m.Classes), nil
}

func params(given train.Params, classes int, seed uint64) (boost.Params, error) {
	objective, ok := map[rondo.TaskKind]boost.Objective{
		rondo.Binary: boost.Binary, rondo.Multiclass: boost.Multiclass, rondo.Regression: boost.Squared,
	}[given.Task]
	if !ok || (objective == boost.Multiclass) != (classes > 0) {
		return boost.Params{}, rondo.Errorf(rondo.Invalid, "task %q on a target with %d classes", given.Task, classes)
	}
	p := boost.DefaultParams(objective)
	p.Classes = classes
	p.Trees, p.Leaves, p.Rate = given.Trees, given.Leaves, given.Rate
	p.Threads, p.Seed = given.Threads, seed
	return p, nil
}

// roundLine is the line of a round; nil for a loss that is no number.
func roundLine(round int, loss, validation float64) []byte {
	line := rondo.Round{Round: round, Train: loss}
	if !math.IsNaN(validation) {
		line.Validation = &validation
	}
	b, err := json.Marshal(line)
	if err != nil {
		return nil
	}
	return b
}

// save writes the model, then the word that it is whole.
func save(m *boost.Model, out string) error {
	b, err := m.MarshalBinary()
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if err := train.WriteFile(filepath.Join(out, train.ModelFile), b); err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	done := train.Complete{Model: rondo.DigestOf(sha256.Sum256(b)), Bytes: int64(len(b))}
	if err := train.WriteJSON(filepath.Join(out, train.CompleteFile), done); err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	return nil
}
