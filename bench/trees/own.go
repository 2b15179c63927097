package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"rondo.dev/rondo/boost"
	"rondo.dev/rondo/internal/lib/clock"
)

// answer is what a program says to a command; peers.py writes the same.
type answer struct {
	Bin   float64 `json:"bin_cpu_s"`
	CPU   float64 `json:"cpu_s_per_tree"`
	Wall  float64 `json:"wall_s_per_tree"`
	Batch float64 `json:"batch_ns"`
	Row   float64 `json:"row_ns"`
	Peak  float64 `json:"peak_mib"`
}

// own is Rondo as one of the programs.
type own struct {
	c     testCase
	data  boost.Data
	test  []float32
	model *boost.Model
	small *boost.Model // for predict
}

// serve does what the lines of in say.
func serve(folder string, in io.Reader, out io.Writer) error {
	o := &own{}
	if err := o.load(folder); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		word, file, _ := strings.Cut(lines.Text(), " ")
		var a answer
		var err error
		switch word {
		case "bin": // training bins
		case "train":
			a, err = o.train()
		case "test":
			err = o.write(filepath.Join(folder, "test"), file)
		case "predict":
			a, err = o.predict(filepath.Join(folder, "test"))
		default:
			err = fmt.Errorf("command %q is unknown", word)
		}
		if err != nil {
			return err
		}
		a.Peak = float64(usage().Maxrss) / 1024
		if err := json.NewEncoder(out).Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (o *own) load(folder string) error {
	b, err := os.ReadFile(filepath.Join(folder, "case.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &o.c); err != nil {
		return err
	}
	d := boost.Data{Rows: o.c.Rows}
	for i := range o.c.Columns {
		d.Features = append(d.Features, "x"+strconv.Itoa(i))
	}
	if o.c.Categorical > 0 {
		d.Categories = make([]int, o.c.Columns)
		for i := o.c.Columns - o.c.Categorical; i < o.c.Columns; i++ {
			d.Categories[i] = categoryCodes
		}
	}
	if d.Values, err = readNumbers(filepath.Join(folder, "values")); err != nil {
		return err
	}
	if d.Labels, err = readDoubles(filepath.Join(folder, "labels")); err != nil {
		return err
	}
	if o.c.Weights {
		d.Weights, err = readDoubles(filepath.Join(folder, "weights"))
	}
	o.data = d
	return err
}

func readDoubles(path string) ([]float64, error) {
	numbers, err := readNumbers(path)
	doubles := make([]float64, len(numbers))
	for i, x := range numbers {
		doubles[i] = float64(x)
	}
	return doubles, err
}

func (o *own) params(trees int) boost.Params {
	p := boost.DefaultParams(boost.Binary)
	p.Trees, p.Leaves, p.Depth, p.Rate, p.Threads = trees, 1<<o.c.Depth, o.c.Depth, o.c.Rate, o.c.Threads
	p.L2, p.MinChildWeight, p.MinRows = 1, 1, 1
	return p
}

// train trains twice, one tree and many: what the many cost more is theirs, and the rest is the binning.
func (o *own) train() (answer, error) {
	var cpu, wall [2]float64
	for i, trees := range [2]int{1, 1 + o.c.Trees} {
		o.model = nil
		debug.FreeOSMemory()
		before, watch := cpuSeconds(), clock.Start()
		m, err := boost.Train(context.Background(), o.params(trees), o.data, nil, nil)
		if err != nil {
			return answer{}, err
		}
		cpu[i], wall[i], o.model = cpuSeconds()-before, watch.Elapsed().Seconds(), m
	}
	n := float64(o.c.Trees)
	a := answer{CPU: (cpu[1] - cpu[0]) / n, Wall: (wall[1] - wall[0]) / n}
	a.Bin = cpu[0] - a.CPU
	return a, nil
}

// write leaves the probabilities of the test rows in a file.
func (o *own) write(test, file string) error {
	values, err := readNumbers(test)
	if err != nil {
		return err
	}
	out := make([]float64, o.c.TestRows)
	o.model.PredictBatch(values, o.c.TestRows, out, o.c.Threads)
	b := make([]byte, 0, 8*len(out))
	for _, p := range out {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p))
	}
	return os.WriteFile(file, b, 0o600)
}

// predict is that of peers.py: the fastest of many short stretches, by the wall clock.
func (o *own) predict(test string) (answer, error) {
	const rows, trees, stretch = 100_000, 100, stretchRows
	if o.small == nil {
		d := o.data
		d.Rows, d.Values, d.Labels, d.Weights = rows, d.Values[:rows*o.c.Columns], d.Labels[:rows], nil
		var err error
		if o.small, err = boost.Train(context.Background(), o.params(trees), d, nil, nil); err != nil {
			return answer{}, err
		}
		if o.test, err = readNumbers(test); err != nil {
			return answer{}, err
		}
	}
	width, out := o.c.Columns, make([]float64, stretch)
	a := answer{Batch: math.Inf(1), Row: math.Inf(1)}
	for start := 0; start < 100*stretch; start += stretch {
		values := o.test[start*width : (start+stretch)*width]
		watch := clock.Start()
		o.small.PredictBatch(values, stretch, out, 1)
		a.Batch = min(a.Batch, float64(watch.Elapsed().Nanoseconds())/stretch)
		watch = clock.Start()
		for r := range 200 {
			o.small.Predict(values[r*width:(r+1)*width], out)
		}
		a.Row = min(a.Row, float64(watch.Elapsed().Nanoseconds())/200)
	}
	return a, nil
}

func usage() syscall.Rusage {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use) // cannot fail for this process
	return use
}

func cpuSeconds() float64 {
	use := usage()
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}
