// Command trees trains boosted trees beside XGBoost and LightGBM: the same rows, bins, depth, rate and threads, one program after
// the other in turns, medians of the turns.
//
//	go run ./bench/trees [-o json] [-long | -only NAME] [-turns 3]
//
// The peers live in bench/trees/.venv, made on first use by pip from requirements.txt. Without -long it measures 1,000,000 rows
// of 28 columns, depth 6, one thread, in about two minutes; with it also the cases of case.go, of which -only picks one. Each program is a process of its own that
// keeps its rows. CPU seconds a tree leave the binning and the first tree out. The memory is the peak of a process that read the file,
// binned and trained two trees. Predictions are those of 100 trees: the fastest of a hundred stretches of 1,920 rows by the
// wall clock on one thread, because a busy machine slows the mean of long stretches more.
//
// ratio is ours to the peer's CPU time a tree; bin_ratio and peak_ratio are ours to the peer's; predict_ratio is the peer's time
// to ours. auc_lead is our AUC on the test rows less the peer's.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "own" {
		exit(serve(os.Args[2], os.Stdin, os.Stdout))
	}
	format := flag.String("o", "text", "json or text")
	long := flag.Bool("long", false, "all cases")
	only := flag.String("only", "", "this case alone, by its name")
	turns := flag.Int("turns", 3, "how often each program trains; the middle counts")
	flag.Parse()
	exit(run(*format, *only, *long, *turns))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// numbers are what one program measured; Ratios compare us to a peer.
type numbers struct {
	AUC   float64 `json:"auc"`
	CPU   float64 `json:"cpu_s_per_tree"`
	Wall  float64 `json:"wall_s_per_tree"`
	Bin   float64 `json:"bin_cpu_s"`
	Batch float64 `json:"batch_ns_per_row,omitempty"`
	Row   float64 `json:"one_row_ns,omitempty"`
	Peak  float64 `json:"peak_mib"`
	*ratios
}

type ratios struct {
	Ratio   float64 `json:"ratio"`
	Bin     float64 `json:"bin_ratio"`
	Peak    float64 `json:"peak_ratio"`
	Predict float64 `json:"predict_ratio,omitempty"`
	Lead    float64 `json:"auc_lead"`
}

// result is one case; the document is the standard case's with the others below cases.
type result struct {
	Case     string  `json:"case"`
	Rondo    numbers `json:"rondo"`
	XGBoost  numbers `json:"xgboost"`
	LightGBM numbers `json:"lightgbm"`
}

type report struct {
	result
	Cases []result `json:"cases,omitempty"`
}

func run(format, only string, long bool, turns int) error {
	if turns < 1 || format != "json" && format != "text" {
		return errors.New("-turns must be at least 1 and -o json or text")
	}
	python, err := environment()
	if err != nil {
		return err
	}
	cases := []testCase{standard}
	if long || only != "" {
		cases = append(cases, others()...)
	}
	if only != "" {
		cases = slices.DeleteFunc(cases, func(c testCase) bool { return c.Name != only })
	}
	if len(cases) == 0 {
		return fmt.Errorf("no case is called %q", only)
	}
	var results []result
	for _, c := range cases {
		r, err := c.measure(python, turns)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		results = append(results, r)
	}
	doc := report{results[0], results[1:]}
	if format == "json" {
		return json.NewEncoder(os.Stdout).Encode(doc)
	}
	for _, r := range results {
		r.print()
	}
	return nil
}

// environment is the Python with the peers, made if it is not there.
func environment() (string, error) {
	here := filepath.Join("bench", "trees")
	python := filepath.Join(here, ".venv", "bin", "python")
	if _, err := os.Stat(filepath.Join(here, ".venv", "ready")); err == nil {
		return python, nil
	}
	for _, words := range [][]string{
		{"python3", "-m", "venv", filepath.Join(here, ".venv")},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join(here, "requirements.txt")},
	} {
		c := exec.Command(words[0], words[1:]...)
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return "", fmt.Errorf("an environment for the peers (python3 with venv, and pip's index, are needed): %w", err)
		}
	}
	return python, os.WriteFile(filepath.Join(here, ".venv", "ready"), nil, 0o600)
}

var names = [...]string{"rondo", "xgboost", "lightgbm"}

// measure lets the programs take turns on a case.
func (c testCase) measure(python string, turns int) (result, error) {
	folder, err := os.MkdirTemp("", "rondo-trees")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(folder)
	labels, err := c.write(folder)
	if err != nil {
		return result{}, err
	}
	var all [len(names)]samples
	for i, name := range names { // memory first, in processes that do nothing else
		if all[i].peak, err = c.peak(python, name, folder); err != nil {
			return result{}, err
		}
	}
	var programs [len(names)]*program
	for i, name := range names {
		if programs[i], err = start(python, name, folder); err != nil {
			return result{}, err
		}
		defer programs[i].stop()
	}
	for turn := range turns {
		for i, p := range programs {
			if err := all[i].turn(p, turn == 0, c.predicts()); err != nil {
				return result{}, fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	for i, p := range programs {
		if all[i].auc, err = p.auc(filepath.Join(folder, p.name), labels); err != nil {
			return result{}, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return result{c.Name, all[0].numbers(nil), all[1].numbers(&all[0]), all[2].numbers(&all[0])}, nil
}

// samples are a program's answers, turn by turn.
type samples struct {
	cpu, wall, bin, batch, row []float64
	auc, peak                  float64
}

func (s *samples) turn(p *program, first, predict bool) error {
	if first {
		a, err := p.ask("bin")
		if err != nil {
			return err
		}
		s.bin = append(s.bin, a.Bin)
	}
	a, err := p.ask("train")
	if err != nil {
		return err
	}
	s.cpu, s.wall = append(s.cpu, a.CPU), append(s.wall, a.Wall)
	if a.Bin > 0 { // ours bins with every training
		if first {
			s.bin = nil
		}
		s.bin = append(s.bin, a.Bin)
	}
	if !predict {
		return nil
	}
	if a, err = p.ask("predict"); err != nil {
		return err
	}
	s.batch, s.row = append(s.batch, a.Batch), append(s.row, a.Row)
	return nil
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

func (s *samples) numbers(ours *samples) numbers {
	n := numbers{AUC: s.auc, CPU: median(s.cpu), Wall: median(s.wall), Bin: median(s.bin), Batch: median(s.batch), Row: median(s.row), Peak: s.peak}
	if ours == nil {
		return n
	}
	n.ratios = &ratios{
		Ratio: median(quotients(ours.cpu, s.cpu)), Bin: median(ours.bin) / median(s.bin), Peak: ours.peak / s.peak, Lead: ours.auc - s.auc,
	}
	if len(s.batch) > 0 {
		n.Predict = median(quotients(s.batch, ours.batch))
	}
	return n
}

// quotients compares turn by turn: neighbours in time.
func quotients(a, b []float64) []float64 {
	q := make([]float64, len(a))
	for i := range a {
		q[i] = a[i] / b[i]
	}
	return q
}

func (r result) print() {
	fmt.Printf("%s\n%-10s %8s %12s %12s %10s %12s %12s %10s %8s\n", r.Case, "", "AUC", "CPU-s/tree", "wall-s/tree", "bin CPU-s", "batch ns/row",
		"one row ns", "peak MiB", "ratio")
	for i, n := range []numbers{r.Rondo, r.XGBoost, r.LightGBM} {
		ratio := "1"
		if n.ratios != nil {
			ratio = fmt.Sprintf("%.3f", n.Ratio)
		}
		fmt.Printf("%-10s %8.5f %12.4f %12.4f %10.2f %12.0f %12.0f %10.0f %8s\n", names[i], n.AUC, n.CPU, n.Wall, n.Bin, n.Batch, n.Row, n.Peak, ratio)
	}
}
