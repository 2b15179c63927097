// Command bounds runs the programs of bench/bounds.yaml one after the other and fails when a number is out of its bound.
//
//	go run ./bench/bounds [-file bench/bounds.yaml] [-only NAME] [-write docs/benchmarks.md [-story bin/story.json]]
//
// Each program prints one JSON document; a bound names a number in it (a.b is b of a) and the least or the most it may be.
// Bounds are ratios to something measured in the same run, or promises with a wide margin; what was measured when a bound
// was set stands beside it. A bound that is missed is measured once more, because a busy machine is no regression; two
// misses are one. With -write the numbers become a page that names machine, date and versions, and with -story, the
// document of a demo, what the models were worth.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// program is a measurement with its bounds.
type program struct {
	Name   string   `yaml:"name"`
	Run    []string `yaml:"run"`
	Bounds []bound  `yaml:"bounds"`
}

// bound is on one number of a program's document. Measured, On and Date say where the bound comes from.
type bound struct {
	Number   string   `yaml:"number"`
	AtLeast  *float64 `yaml:"atLeast"`
	AtMost   *float64 `yaml:"atMost"`
	Measured float64  `yaml:"measured"`
	On       string   `yaml:"on"`
	Date     string   `yaml:"date"`
	Why      string   `yaml:"why"`
}

func main() {
	file := flag.String("file", "bench/bounds.yaml", "programs and bounds")
	only := flag.String("only", "", "run this program alone")
	write := flag.String("write", "", "write what was measured to this page")
	story := flag.String("story", "", "the document of a demo, for the page")
	flag.Parse()
	readings, err := run(*file, *only, os.Stdout)
	if *write != "" && err == nil {
		err = writePage(*write, *story, readings)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// reading is what was measured for a bound.
type reading struct {
	program string
	bound   bound
	got     float64
}

func run(file, only string, out io.Writer) ([]reading, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	programs, err := read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var readings []reading
	var missed []error
	ran := 0
	for _, p := range programs {
		if only != "" && only != p.Name {
			continue
		}
		ran++
		got, err := p.twice(ask, out)
		if err != nil {
			missed = append(missed, fmt.Errorf("%s: %w", p.Name, err))
		}
		readings = append(readings, got...)
	}
	if ran == 0 {
		return nil, fmt.Errorf("no program is called %q", only)
	}
	return readings, errors.Join(missed...)
}

func read(text []byte) ([]program, error) {
	var programs []program
	if err := yaml.Load(text, &programs, yaml.WithKnownFields()); err != nil {
		return nil, err
	}
	for _, p := range programs {
		if p.Name == "" || len(p.Run) == 0 || len(p.Bounds) == 0 {
			return nil, fmt.Errorf("program %q: name, run and bounds are needed", p.Name)
		}
		for _, b := range p.Bounds {
			if b.Number == "" || b.On == "" || b.Date == "" || (b.AtLeast == nil) == (b.AtMost == nil) {
				return nil, fmt.Errorf("%s, %q: number, on, date and one of atLeast and atMost are needed", p.Name, b.Number)
			}
		}
	}
	return programs, nil
}

// twice measures, and measures once more when a bound is missed.
func (p program) twice(ask func([]string) ([]byte, error), out io.Writer) ([]reading, error) {
	readings, err := p.once(ask, out)
	if err == nil {
		return readings, nil
	}
	fmt.Fprintf(out, "%s: %v; once more\n", p.Name, err)
	return p.once(ask, out)
}

func (p program) once(ask func([]string) ([]byte, error), out io.Writer) (readings []reading, err error) {
	answer, err := ask(p.Run)
	if err != nil {
		return nil, err
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(answer, &doc); err != nil {
		return nil, fmt.Errorf("its document: %w", err)
	}
	var missed []error
	for _, b := range p.Bounds {
		got, err := number(doc, b.Number)
		if err != nil {
			return nil, err
		}
		readings = append(readings, reading{p.Name, b, got})
		limit, kept := b.limit(), true
		if b.AtLeast != nil {
			kept = got >= *b.AtLeast
		} else {
			kept = got <= *b.AtMost
		}
		fmt.Fprintf(out, "%-40s %-24s %10.4g   %-16s (was %.4g)\n", p.Name, b.Number, got, limit, b.Measured)
		if !kept {
			missed = append(missed, fmt.Errorf("%s is %.4g, %s", b.Number, got, limit))
		}
	}
	return readings, errors.Join(missed...)
}

func (b bound) limit() string {
	if b.AtLeast != nil {
		return fmt.Sprintf("at least %.6g", *b.AtLeast)
	}
	return fmt.Sprintf("at most %.6g", *b.AtMost)
}

// number finds a.b in a document.
func number(doc map[string]json.RawMessage, name string) (float64, error) {
	first, rest, nested := strings.Cut(name, ".")
	raw, ok := doc[first]
	if !ok {
		return 0, fmt.Errorf("the document has no %s", first)
	}
	if nested {
		var inner map[string]json.RawMessage
		if err := json.Unmarshal(raw, &inner); err != nil {
			return 0, fmt.Errorf("%s: %w", first, err)
		}
		return number(inner, rest)
	}
	var x *float64
	if err := json.Unmarshal(raw, &x); err != nil || x == nil {
		return 0, fmt.Errorf("%s is no number: %s", name, raw)
	}
	return *x, nil
}

// ask runs a program and gives what it printed.
func ask(words []string) ([]byte, error) {
	c := exec.Command(words[0], words[1:]...)
	var problem bytes.Buffer
	c.Stderr = &problem
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, problem.Bytes())
	}
	return out, nil
}
