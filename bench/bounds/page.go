package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"rondo.dev/rondo/internal/lib/clock"
)

// machine is where and of what the numbers were measured.
type machine struct {
	Processor string
	Cores     int
	Load      string // of the last minute, when the page was written
	Date      string
	Versions  []string
}

// libraries are the modules whose version moves the numbers.
var libraries = []string{"github.com/duckdb/duckdb-go/v2", "github.com/mattn/go-sqlite3"}

// here describes this machine; what the system does not say is left empty.
func here() machine {
	m := machine{Processor: runtime.GOARCH, Cores: runtime.NumCPU(), Date: clock.Wall{}.Now().Format("2006-01-02"),
		Versions: []string{"Rondo " + said("git", "rev-parse", "--short", "HEAD"), runtime.Version()}}
	info, _ := os.ReadFile("/proc/cpuinfo") // there is none elsewhere than on Linux
	for line := range strings.Lines(string(info)) {
		if name, is := strings.CutPrefix(line, "model name"); is {
			m.Processor = strings.Trim(name, " \t:\n")
			break
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	m.Load, _, _ = strings.Cut(string(load), " ")
	for _, name := range libraries {
		m.Versions = append(m.Versions, said("go", "list", "-m", name))
	}
	return m
}

// said is what a command prints; nothing where it cannot be run.
func said(words ...string) string {
	out, _ := exec.Command(words[0], words[1:]...).Output()
	return strings.TrimSpace(string(out))
}

func writePage(path, story string, readings []reading) error {
	var demo []byte
	if story != "" {
		var err error
		if demo, err = os.ReadFile(story); err != nil {
			return err
		}
	}
	text, err := page(here(), readings, demo)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// quality is what the page tells of a demo.
type quality struct {
	Elapsed  float64           `json:"elapsed_s"`
	Versions []json.RawMessage `json:"versions"`
	Last     struct {
		Rows            int
		Champion, First struct{ AUC, Low, High float64 }
	} `json:"last15d"`
}

// page is docs/benchmarks.md.
func page(m machine, readings []reading, demo []byte) (string, error) {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nWritten by `make benchmarks`; do not edit. The bounds, and why each of them, stand in\n" +
		"[bench/bounds.yaml](../bench/bounds.yaml); `make bench` measures them in every CI run. Ratios are to something measured in the\n" +
		"same run: they move little with the machine and its load; plain seconds and rates move much.\n\n")
	fmt.Fprintf(&b, "- machine: %s, %d cores, load %s\n- date: %s\n- versions: %s\n\n", m.Processor, m.Cores, m.Load, m.Date, strings.Join(m.Versions, ", "))
	b.WriteString("| program | number | measured | bound | what it is |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range readings {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.program, r.bound.Number, plain(r.got), r.bound.limit(), r.bound.Why)
	}
	if demo == nil {
		return b.String(), nil
	}
	var q quality
	if err := json.Unmarshal(demo, &q); err != nil {
		return "", fmt.Errorf("the demo's document: %w", err)
	}
	fmt.Fprintf(&b, "\n## What the models are worth\n\nThe demo (`rondo demo`, five months of real flights, %.0f s here) had %d versions answer. On the %s labelled flights of its\n"+
		"last 15 days, the same rows for both:\n\n| version | AUC | 95 %% interval |\n| --- | --- | --- |\n", q.Elapsed, len(q.Versions), thousands(q.Last.Rows))
	fmt.Fprintf(&b, "| the champion | %.3f | %.3f to %.3f |\n", q.Last.Champion.AUC, q.Last.Champion.Low, q.Last.Champion.High)
	fmt.Fprintf(&b, "| the first version, never retrained | %.3f | %.3f to %.3f |\n", q.Last.First.AUC, q.Last.First.Low, q.Last.First.High)
	return b.String(), nil
}

// plain is a number for people, to about four digits.
func plain(x float64) string {
	if x >= 10_000 {
		return thousands(int(x))
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
