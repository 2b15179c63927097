// Command start measures how soon an installation is ready and what it holds in memory when it has nothing to do: an empty
// one, and one whose champion was trained on the flights of January.
//
//	go run ./bench/start [-bin DIR] [-rounds 5]
//
// It starts `rondo up` on a home of its own, waits for the line that names the address, asks /readyz, waits until no step is
// due (the first start with a champion fits cheap models beside it), lets the server be for two seconds and reads its
// resident memory from /proc. Seconds are medians over rounds, MiB the largest.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/seam/store"
)

// report is the document.
type report struct {
	Rounds   int     `json:"rounds"`
	Ready    float64 `json:"ready_s"`
	Resident float64 `json:"resident_mib"`
	Champion struct {
		Ready    float64 `json:"ready_s"`
		Resident float64 `json:"resident_mib"`
	} `json:"champion"`
}

func main() {
	bin := flag.String("bin", "", "the folder of rondo; it is built when this is empty")
	rounds := flag.Int("rounds", 5, "how often")
	flag.Parse()
	r, err := measure(*bin, *rounds)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(bin string, rounds int) (*report, error) {
	dir, err := os.MkdirTemp("", "rondo-start")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if bin == "" {
		bin = dir
		build := exec.Command("go", "build", "-o", bin, "rondo.dev/rondo/cmd/rondo")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, err
		}
	}
	program := filepath.Join(bin, "rondo")
	r := &report{Rounds: rounds}
	if r.Ready, r.Resident, err = repeat(rounds, program, func(i int) string { return filepath.Join(dir, "home"+strconv.Itoa(i)) }); err != nil {
		return nil, err
	}
	home := filepath.Join(dir, "champion")
	if out, err := exec.Command(program, "--home", home, "run", "examples/flights/model.yaml").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("a champion: %w\n%s", err, out)
	}
	r.Champion.Ready, r.Champion.Resident, err = repeat(rounds, program, func(int) string { return home })
	return r, err
}

// repeat is the median of the seconds and the largest memory.
func repeat(rounds int, rondo string, home func(int) string) (ready, resident float64, err error) {
	var seconds []float64
	for i := range rounds {
		took, memory, err := once(rondo, home(i))
		if err != nil {
			return 0, 0, err
		}
		seconds = append(seconds, took.Seconds())
		resident = max(resident, memory)
	}
	slices.Sort(seconds)
	return seconds[len(seconds)/2], resident, nil
}

func once(rondo, home string) (ready time.Duration, resident float64, err error) {
	up := exec.Command(rondo, "--home", home, "-o", "json", "up", "--listen", "127.0.0.1:0")
	up.Stderr = os.Stderr
	out, err := up.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	from := time.Now()
	if err := up.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = up.Process.Signal(syscall.SIGTERM) // it has ended already, or it ends now
		if ended := up.Wait(); err == nil {
			err = ended
		}
	}()
	var started struct {
		Address string `json:"address"`
	}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&started); err != nil {
		return 0, 0, fmt.Errorf("what up printed: %w", err)
	}
	answer, err := http.Get(started.Address + "/readyz")
	if err != nil {
		return 0, 0, err
	}
	ready = time.Since(from)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("readyz: %s", answer.Status)
	}
	for idle := false; !idle; {
		if idle, err = nothingDue(rondo, home); err != nil {
			return 0, 0, err
		}
		time.Sleep(2 * time.Second)
	}
	resident, err = memory(up.Process.Pid)
	return ready, resident, err
}

// nothingDue asks the server of a home whether its loop waits.
func nothingDue(rondo, home string) (bool, error) {
	out, err := exec.Command(rondo, "--home", home, "-o", "json", "get", "steps").Output()
	if err != nil {
		return false, fmt.Errorf("its steps: %w", err)
	}
	var list control.Listing
	if err := json.Unmarshal(out, &list); err != nil {
		return false, fmt.Errorf("its steps: %w", err)
	}
	for _, step := range list.Steps {
		due, err := time.Parse(time.DateTime, step.Due)
		if err != nil || step.State != store.StepOpen || !due.After(clock.Wall{}.Now()) {
			return false, err
		}
	}
	return true, nil
}

// memory is the resident memory of a process in MiB.
func memory(pid int) (float64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d says nothing of its memory", pid)
}
