package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"rondo.dev/rondo/metric"
)

// program is a process that answers commands line by line.
type program struct {
	name string
	run  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// start starts a program, which reads its rows.
func start(python, name, folder string) (*program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	words := []string{python, filepath.Join("bench", "trees", "peers.py"), name, folder}
	if name == names[0] {
		words = []string{self, "own", folder}
	}
	p := &program{name: name, run: exec.Command(words[0], words[1:]...)}
	b, err := os.ReadFile(filepath.Join(folder, "case.json"))
	if err != nil {
		return nil, err
	}
	var c testCase
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	threads := strconv.Itoa(c.Threads)
	p.run.Env = append(os.Environ(), "OMP_NUM_THREADS="+threads, "GOMAXPROCS="+threads)
	p.run.Stderr = os.Stderr
	if p.in, err = p.run.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.run.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.run.Start()
}

func (p *program) ask(command string) (a answer, err error) {
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		return a, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	err = json.Unmarshal(line, &a)
	return a, err
}

// stop ends a program: its input ends.
func (p *program) stop() {
	_ = p.in.Close()
	_ = p.run.Wait() // what it had to say was said
}

// peak is the memory of a process that read, binned and trained two trees.
func (c testCase) peak(python, name, folder string) (float64, error) {
	c.Trees = 1
	b, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	path := filepath.Join(folder, "case.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return 0, err
	}
	p, err := start(python, name, folder)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if _, err := p.ask("bin"); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	a, err := p.ask("train")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return a.Peak, os.WriteFile(path, whole, 0o600)
}

// auc scores what a program's last model says of the test rows.
func (p *program) auc(file string, labels []bool) (float64, error) {
	if _, err := p.ask("test " + file); err != nil {
		return 0, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return auc(b, labels)
}

// auc is that of float64 scores as bytes.
func auc(b []byte, labels []bool) (float64, error) {
	if len(b) != 8*len(labels) {
		return 0, fmt.Errorf("%d bytes of scores for %d rows", len(b), len(labels))
	}
	scores := make([]float64, len(labels))
	for i := range scores {
		scores[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	e, err := metric.AUC(scores, labels, 0.95)
	return e.Value, err
}
