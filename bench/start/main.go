// Command start measures how soon an empty installation is ready and what it holds in memory when it has nothing to do.
//
//	go run ./bench/start [-bin DIR] [-rounds 5]
//
// It starts `rondo up` on a home of its own, waits for the line that names the address, asks /readyz, lets the server be
// for two seconds and reads its resident memory from /proc. Seconds are medians over rounds, MiB the largest.
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
)

// report is the document.
type report struct {
	Rounds   int     `json:"rounds"`
	Ready    float64 `json:"ready_s"`
	Resident float64 `json:"resident_mib"`
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
	r := &report{Rounds: rounds}
	var seconds []float64
	for i := range rounds {
		ready, resident, err := once(filepath.Join(bin, "rondo"), filepath.Join(dir, "home"+strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		seconds = append(seconds, ready.Seconds())
		r.Resident = max(r.Resident, resident)
	}
	slices.Sort(seconds)
	r.Ready = seconds[len(seconds)/2]
	return r, nil
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
	time.Sleep(2 * time.Second)
	resident, err = memory(up.Process.Pid)
	return ready, resident, err
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
