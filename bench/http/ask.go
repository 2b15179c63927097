package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/stage/serve/servetest"
)

// connections is how many requests are in flight at once.
const connections = 8

// asker sends one kind of request again and again.
type asker struct {
	client *http.Client
	url    string
	bodies [][]byte
	cpuURL string // where the server says what it has used
}

// cpu is what client and server have used.
func (a *asker) cpu() (time.Duration, error) {
	resp, err := a.client.Get(a.cpuURL)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var us int64
	if _, err := fmt.Fscan(resp.Body, &us); err != nil {
		return 0, err
	}
	return ownCPU() + time.Duration(us)*time.Microsecond, nil
}

func (a *asker) ask(n int) error {
	req, err := http.NewRequest(http.MethodPost, a.url, bytes.NewReader(a.bodies[n%len(a.bodies)]))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", a.url, resp.Status, b)
	}
	return nil
}

// full asks as fast as the connections allow; paced asks at a rate.
func (a *asker) full(each time.Duration) (result, error) {
	return a.run(each, func(context.Context) (time.Time, bool) { return time.Now(), true })
}

func (a *asker) paced(each time.Duration, perSecond int) (result, error) {
	due := make(chan time.Time, perSecond*10)
	start, gap := time.Now(), time.Second/time.Duration(perSecond)
	go func() {
		defer close(due)
		for at := start; at.Before(start.Add(each)); at = at.Add(gap) {
			if wait := time.Until(at); wait > 0 {
				time.Sleep(wait)
			}
			due <- at // latency counts from when the request was due
		}
	}()
	return a.run(2*each, func(context.Context) (time.Time, bool) { at, ok := <-due; return at, ok })
}

func (a *asker) run(each time.Duration, next func(context.Context) (time.Time, bool)) (result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), each)
	defer cancel()
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	before, err := a.cpu()
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	for c := range connections {
		wg.Go(func() {
			var mine []time.Duration
			for n := c; ctx.Err() == nil; n += connections {
				from, ok := next(ctx)
				if !ok {
					break
				}
				if err := a.ask(n); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				mine = append(mine, time.Since(from))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if failed != nil || len(took) == 0 {
		return result{}, fmt.Errorf("%d answers, then: %w", len(took), failed)
	}
	after, err := a.cpu()
	if err != nil {
		return result{}, err
	}
	slices.Sort(took)
	at := func(q float64) float64 {
		return took[min(len(took)-1, int(math.Ceil(q*float64(len(took))))-1)].Seconds() * 1e3
	}
	return result{Rate: float64(len(took)) / elapsed.Seconds(), P50: at(0.5), P99: at(0.99),
		CPU: (after - before).Seconds() * 1e6 / float64(len(took))}, nil
}

// bodies are requests of so many rows each.
func bodies(flights *column.Table, rows int) ([][]byte, error) {
	var out [][]byte
	for at := 0; at+rows <= flights.Rows(); at += rows {
		var body flightsBody
		for i := at; i < at+rows; i++ {
			body.Rows = append(body.Rows, flight{
				Date:     time.UnixMicro(flights.Column("date").Ints[i]).UTC().Format("2006-01-02T15:04:05"),
				Distance: flights.Column("distance").Floats[i],
				Origin:   flights.Column("origin").Strings[i], Destination: flights.Column("destination").Strings[i],
			})
		}
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func measureAll(real, bare string, each time.Duration, rounds int) (*report, error) {
	flights, err := servetest.New(context.Background(), 1)
	if err != nil {
		return nil, err
	}
	rows := flights.Rows(servetest.Start.Add(5*time.Hour), 160)
	single, err := bodies(rows, 1)
	if err != nil {
		return nil, err
	}
	hundred, err := bodies(rows, 100)
	if err != nil {
		return nil, err
	}
	client := api.NewClient("", "").HTTP
	cpu := "http://" + bare + "/cpu"
	predict := &asker{client, "http://" + real + "/v1/models/" + servetest.Name + "/predictions", single, cpu}
	batch := &asker{client, predict.url, hundred, cpu}
	echo, copied := &asker{client, "http://" + bare + "/json", single, cpu}, &asker{client, "http://" + bare + "/copy", single, cpu}
	for _, a := range []*asker{predict, batch, echo, copied} { // warm connections and caches
		if _, err := a.full(each / 4); err != nil {
			return nil, err
		}
	}
	var all []report
	for range rounds {
		var r report
		for _, m := range []struct {
			into *result
			run  func() (result, error)
		}{
			{&r.EchoJSON, func() (result, error) { return echo.full(each) }},
			{&r.Predict, func() (result, error) { return predict.full(each) }},
			{&r.EchoCopy, func() (result, error) { return copied.full(each) }},
			{&r.Batch, func() (result, error) { return batch.full(each) }},
			{&r.PacedEcho, func() (result, error) { return echo.paced(each, 1000) }},
			{&r.Paced, func() (result, error) { return predict.paced(each, 1000) }},
		} {
			if *m.into, err = m.run(); err != nil {
				return nil, err
			}
		}
		r.Ratio, r.RatioCopy = r.Predict.Rate/r.EchoJSON.Rate, r.Predict.Rate/r.EchoCopy.Rate
		r.CPURatio = r.EchoJSON.CPU / r.Predict.CPU
		r.PacedRatio, r.BatchRows = r.Paced.P99/r.PacedEcho.P99, r.Batch.Rate*100
		all = append(all, r)
	}
	paced := median(slices.Clone(all), func(r report) float64 { return r.PacedRatio }).PacedRatio
	rowsRate := median(slices.Clone(all), func(r report) float64 { return r.BatchRows })
	out := median(all, func(r report) float64 { return r.Ratio })
	out.PacedRatio, out.BatchRows, out.Batch = paced, rowsRate.BatchRows, rowsRate.Batch
	out.Cores, out.Rounds = runtime.NumCPU(), rounds
	return &out, nil
}
