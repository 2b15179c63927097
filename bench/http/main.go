// Command http measures the request path beside a bare net/http JSON echo: same machine, same two processes, same client,
// turn by turn.
//
//	go run ./bench/http [-o json] [-seconds 2] [-rounds 3] [-atleast 0.5]
//
// The program starts itself as server: a real door, row program with zones, history and target encodings, 100 trees of 63
// leaves, prediction log; and two echoes: one that decodes and encodes the same body with encoding/json, one that copies
// bytes. It then asks single rows over kept connections as fast as it can, single rows at 1,000 a second, and batches of
// 100 rows. Rates are requests a second, times milliseconds; a ratio is the median over rounds.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
)

const (
	secret    = "rondo_bench"
	childFlag = "RONDO_BENCH_SERVER"
	trees     = 100
)

func main() {
	output := flag.String("o", "text", "text or json")
	seconds := flag.Float64("seconds", 2, "how long each measurement takes")
	rounds := flag.Int("rounds", 3, "how often everything is measured")
	least := flag.Float64("atleast", 0, "fail when the ratio to the JSON echo is below this")
	flag.Parse()
	var err error
	if dir := os.Getenv(childFlag); dir != "" {
		err = answer(dir)
	} else {
		err = measure(*output, time.Duration(*seconds*float64(time.Second)), *rounds, *least)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// answer is the server's process: it prints its two addresses and ends with its standard input.
func answer(dir string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	clk := clock.NewVirtual(servetest.Start.Add(6 * time.Hour))
	log, err := predlog.Open(dir, clk, predlog.Options{})
	if err != nil {
		return err
	}
	go func() { _ = log.Run(ctx) }()
	flights, err := servetest.New(ctx, trees)
	if err != nil {
		return err
	}
	server := serve.New(log, clk, serve.Options{})
	if _, err := flights.Served(ctx, server, native.New(native.Options{})); err != nil {
		return err
	}
	past := flights.Rows(servetest.Start, 3000) // six hours of outcomes, so that history is no empty map
	past = past.Slice(0, 1000)
	past.Set("delay", flights.Delays(past))
	if _, err := server.Events(ctx, servetest.Name, past, serve.Meta{}); err != nil {
		return err
	}
	token := api.Token{Name: "bench", Hash: sha256.Sum256([]byte(secret)), Scopes: []string{api.ScopeAdmin}}
	door := api.New(api.Options{Serve: server, Tokens: func() []api.Token { return []api.Token{token} }, Logger: slog.New(slog.DiscardHandler)})
	real, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /json", echoJSON)
	mux.HandleFunc("POST /copy", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("GET /cpu", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, ownCPU().Microseconds()) })
	go func() { _ = door.Run(ctx, real) }()
	go func() { _ = (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(bare) }()
	fmt.Println(real.Addr(), bare.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// ownCPU is what this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// flight is a row as a Go program would declare it.
type flight struct {
	Date        string  `json:"date"`
	Distance    float64 `json:"distance"`
	Origin      string  `json:"origin"`
	Destination string  `json:"destination"`
}

type flightsBody struct {
	Rows []flight `json:"rows"`
}

// echoJSON decodes and encodes: what any JSON service does at least.
func echoJSON(w http.ResponseWriter, r *http.Request) {
	var body flightsBody
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}

// result is what one way of asking gave.
type result struct {
	Rate float64 `json:"rate"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	CPU  float64 `json:"cpu_us"` // user and system time of client and server, a request
}

// report is the document of -o json.
type report struct {
	Cores       int     `json:"cores"`
	Rounds      int     `json:"rounds"`
	Predict     result  `json:"predict"`
	EchoJSON    result  `json:"echo_json"`
	EchoCopy    result  `json:"echo_copy"`
	Ratio       float64 `json:"ratio"`      // rate of predictions to that of the JSON echo
	RatioCopy   float64 `json:"ratio_copy"` // to that of the copying echo
	PacedRatio  float64 `json:"paced_p99_ratio"`
	CPURatio    float64 `json:"cpu_ratio"`     // CPU of a JSON echo to that of a prediction: what other work on the machine does not change
	Paced       result  `json:"paced_predict"` // at 1,000 a second
	PacedEcho   result  `json:"paced_echo_json"`
	Batch       result  `json:"batch"` // requests of 100 rows
	BatchRows   float64 `json:"batch_rows_per_second"`
	ReadyMillis float64 `json:"server_ready_ms"`
}

func measure(output string, each time.Duration, rounds int, least float64) error {
	dir, err := os.MkdirTemp("", "rondo-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFlag+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the server did not start: %w", err)
	}
	ready := time.Since(started)
	real, bare, _ := strings.Cut(strings.TrimSpace(line), " ")
	r, err := measureAll(real, bare, each, rounds)
	if err != nil {
		return err
	}
	r.ReadyMillis = ready.Seconds() * 1e3
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		return fmt.Errorf("the server: %w", err)
	}
	if r.Ratio < least {
		err = fmt.Errorf("predictions reach %.2f of the JSON echo's rate; the bound is %.2f", r.Ratio, least)
	}
	if output == "json" {
		return errors.Join(json.NewEncoder(os.Stdout).Encode(r), err)
	}
	for _, l := range []struct {
		name string
		r    result
	}{{"predict, 1 row", r.Predict}, {"echo, JSON", r.EchoJSON}, {"echo, copy", r.EchoCopy}, {"predict at 1,000/s", r.Paced}, {"echo at 1,000/s", r.PacedEcho}, {"predict, 100 rows", r.Batch}} {
		fmt.Printf("%-20s %9.0f /s   p50 %6.3f ms   p99 %6.3f ms   cpu %6.0f us\n", l.name, l.r.Rate, l.r.P50, l.r.P99, l.r.CPU)
	}
	fmt.Printf("ratio to the JSON echo %.2f (by CPU %.2f), to the copying echo %.2f; p99 at 1,000/s %.2f times the echo's; %.0f rows/s in batches\n",
		r.Ratio, r.CPURatio, r.RatioCopy, r.PacedRatio, r.BatchRows)
	return err
}

// median of a list that is sorted by it.
func median[T any](list []T, by func(T) float64) T {
	slices.SortFunc(list, func(a, b T) int {
		switch {
		case by(a) < by(b):
			return -1
		case by(a) > by(b):
			return 1
		}
		return 0
	})
	return list[len(list)/2]
}
