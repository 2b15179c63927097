package api

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
)

var flights = sync.OnceValues(func() (*servetest.Flights, error) { return servetest.New(context.Background(), 20) })

const secret = "rondo_test"

func tokens() []Token {
	return []Token{
		{Name: "all", Hash: sha256.Sum256([]byte(secret)), Scopes: []string{ScopeAdmin}},
		{Name: "asker", Hash: sha256.Sum256([]byte("rondo_ask")), Scopes: []string{ScopePredict}},
	}
}

// house is a server on loopback, its log and its routes.
type house struct {
	*servetest.Flights
	log    *predlog.Log
	serve  *serve.Server
	end    *serve.Endpoint
	url    string
	client *Client
	fault  *bytes.Buffer
}

// build starts a server over a log's folder; stop ends it and leaves the log open.
func build(ctx context.Context, dir string, clk clock.Clock) (h *house, stop func(), err error) {
	h = &house{fault: &bytes.Buffer{}}
	if h.Flights, err = flights(); err != nil {
		return nil, nil, err
	}
	if h.log, err = predlog.Open(dir, clk, predlog.Options{}); err != nil {
		return nil, nil, err
	}
	logs, endLogs := context.WithCancel(context.WithoutCancel(ctx))
	ctx, cancel := context.WithCancel(ctx)
	var wg, writer sync.WaitGroup
	writer.Go(func() { _ = h.log.Run(logs) })
	h.serve = serve.New(h.log, clk, serve.Options{})
	if h.end, err = h.Served(ctx, h.serve, native.New(native.Options{})); err != nil {
		cancel()
		endLogs()
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		endLogs()
		return nil, nil, err
	}
	door := New(Options{Serve: h.serve, Tokens: tokens, Logger: slog.New(slog.NewTextHandler(h.fault, nil)), MaxRows: 1000, MaxBody: 1 << 20})
	wg.Go(func() { _ = door.Run(ctx, listener) })
	h.url = "http://" + listener.Addr().String()
	h.client = NewClient(h.url, secret)
	return h, func() { cancel(); wg.Wait(); endLogs(); writer.Wait() }, nil
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h, stop, err := build(context.Background(), t.TempDir(), clock.NewVirtual(servetest.Start.Add(3*time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return h
}

func (h *house) post(t testing.TB, verb, contentType, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, h.url+"/v1/models/"+servetest.Name+"/"+verb, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

const row = `{"date":"2001-01-01 02:00","distance":500,"origin":"JFK","destination":"SEA"}`

func TestAPredictionGoesOutAndItsOutcomeComesBack(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	rows := h.Rows(servetest.Start, 40)
	p, err := h.client.Predict(ctx, servetest.Name, rows, Ask{Key: "p1", Local: "date"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.IDs) != 40 || len(p.Probability) != 40 || len(p.Positive) != 40 || p.Versions[39] != 1 || p.IDs[0] == "" {
		t.Fatalf("%+v", p)
	}
	again, err := h.client.Predict(ctx, servetest.Name, rows, Ask{Key: "p1", Local: "date"})
	if err != nil || !again.Repeated || again.IDs[7] != p.IDs[7] || again.Probability[7] != p.Probability[7] {
		t.Fatalf("repeated: %v %v", err, again)
	}
	told := &column.Table{}
	told.Set("id", &column.Vector{Type: column.String, Strings: p.IDs})
	told.Set("delay", h.Delays(rows))
	sent, err := h.client.Feedback(ctx, servetest.Name, told, nil, "late", Ask{Key: "f1"})
	if err != nil || sent.Accepted != 40 {
		t.Fatalf("%+v, %v", sent, err)
	}
	byKey := rows.Take([]int32{3})
	byKey.Set("late", &column.Vector{Type: column.Bool, Bools: []bool{true}})
	lost := byKey.Take([]int32{0, 0})
	lost.Columns[lost.Index("origin")].Strings[1] = "XXX"
	sent, err = h.client.Feedback(ctx, servetest.Name, lost, []string{"date", "origin", "destination"}, "late", Ask{Local: "date"})
	if err != nil || sent.Accepted != 1 || len(sent.Refused) != 1 || sent.Refused[0].Index != 1 {
		t.Fatalf("by key: %+v, %v", sent, err)
	}
	events := h.Rows(servetest.Start.Add(time.Minute), 10)
	events.Set("delay", h.Delays(events))
	if sent, err = h.client.Events(ctx, servetest.Name, events, Ask{Key: "e1", Local: "date"}); err != nil || sent.Accepted != 10 {
		t.Fatalf("%+v, %v", sent, err)
	}
	progress, err := h.client.Progress(ctx, servetest.Name)
	if err != nil || progress.Durable == 0 || progress.LastArrival.IsZero() ||
		fmt.Sprint(progress.Predictions, progress.Feedback, progress.Events) != "[p1] [f1] [e1]" {
		t.Fatalf("%+v, %v", progress, err)
	}
}

// TestEveryMistakeIsAnsweredWithFieldAndReason is also the list of what a stranger may send.
func TestEveryMistakeIsAnsweredWithFieldAndReason(t *testing.T) {
	h := newHouse(t)
	in := func(s string) string { return `{"rows":[` + s + `]}` }
	for _, c := range []struct {
		name, verb, media, token, body string
		status                         int
		field, detail                  string
	}{
		{"fine", "predictions", "application/json", secret, in(row), 200, "", ""},
		{"no token", "predictions", "application/json", "", in(row), 401, "", "bearer token"},
		{"wrong token", "predictions", "application/json", "x", in(row), 401, "", "bearer token"},
		{"scope", "feedback", "application/json", "rondo_ask", `{"labels":[]}`, 403, "", "scope feedback"},
		{"media", "predictions", "text/html", secret, in(row), 415, "Content-Type", "application/json"},
		{"empty", "predictions", "application/json", secret, ``, 400, "", "'{'"},
		{"no rows", "predictions", "application/json", secret, `{"rows":[]}`, 400, "rows", "no rows"},
		{"no object", "predictions", "application/json", secret, `[]`, 400, "", "'{'"},
		{"unknown top", "predictions", "application/json", secret, `{"row":[]}`, 400, "row", `"rows"`},
		{"unknown field", "predictions", "application/json", secret, in(strings.Replace(row, "distance", "distnace", 1)), 400, "rows[0].distnace", `did you mean "distance"`},
		{"label field", "predictions", "application/json", secret, in(strings.Replace(row, "{", `{"delay":3,`, 1)), 400, "rows[0].delay", "unknown"},
		{"twice", "predictions", "application/json", secret, in(strings.Replace(row, "{", `{"origin":"JFK",`, 1)), 400, "rows[0].origin", "twice"},
		{"missing", "predictions", "application/json", secret, in(strings.Replace(row, `"origin":"JFK",`, "", 1)), 400, "rows[0].origin", "missing"},
		{"null is not missing", "predictions", "application/json", secret, in(strings.Replace(row, `"JFK"`, "null", 1)), 200, "", ""},
		{"NaN", "predictions", "application/json", secret, in(strings.Replace(row, "500", "NaN", 1)), 400, "rows[0].distance", "null"},
		{"infinite", "predictions", "application/json", secret, in(strings.Replace(row, "500", "1e999", 1)), 400, "rows[0].distance", "float64"},
		{"text for number", "predictions", "application/json", secret, in(strings.Replace(row, "500", `"500"`, 1)), 400, "rows[0].distance", "string"},
		{"number for text", "predictions", "application/json", secret, in(strings.Replace(row, `"JFK"`, "7", 1)), 400, "rows[0].origin", "number"},
		{"bool for text", "predictions", "application/json", secret, in(strings.Replace(row, `"JFK"`, "true", 1)), 400, "rows[0].origin", "true"},
		{"nested", "predictions", "application/json", secret, in(strings.Replace(row, `"JFK"`, `{"a":[]}`, 1)), 400, "rows[0].origin", "nested"},
		{"leading zero", "predictions", "application/json", secret, in(strings.Replace(row, "500", "0500", 1)), 400, "", "'5'"},
		{"offset", "predictions", "application/json", secret, in(strings.Replace(row, "02:00", "02:00Z", 1)), 400, "rows[0].date", "local"},
		{"no such day", "predictions", "application/json", secret, in(strings.Replace(row, "01-01", "02-30", 1)), 400, "rows[0].date", "no time"},
		{"future", "predictions", "application/json", secret, in(strings.Replace(row, "2001-01-01", "2001-01-02", 1)), 400, "rows[0].time", "after now"},
		{"surrogate", "predictions", "application/json", secret, in(strings.Replace(row, "JFK", `\ud800`, 1)), 400, "", "surrogate"},
		{"bytes", "predictions", "application/json", secret, in(strings.Replace(row, "JFK", "\xff", 1)), 400, "", "UTF-8"},
		{"cut", "predictions", "application/json", secret, in(row)[:60], 400, "", "ends"},
		{"after the end", "predictions", "application/json", secret, in(row) + "x", 400, "", "after the end"},
		{"deep", "predictions", "application/json", secret, strings.Repeat("[", 1000), 400, "", "'{'"},
		{"too many rows", "predictions", "application/json", secret, in(strings.Repeat(row+",", 1000) + row), 400, "rows", "more than 1000"},
		{"too large", "predictions", "application/json", secret, strings.Repeat(" ", 1<<20+1), 413, "", "larger"},
		{"csv fewer", "predictions", "text/csv", secret, "date,distance,origin,destination\n2001-01-01 02:00,5,JFK\n", 400, "", "fewer"},
		{"csv more", "predictions", "text/csv", secret, "date,distance,origin,destination\n2001-01-01 02:00,5,JFK,SEA,1\n", 400, "", "more"},
		{"csv twice", "predictions", "text/csv", secret, "date,date\n", 400, "rows[0].date", "twice"},
		{"csv quotes", "predictions", "text/csv", secret, "date,distance,origin,destination\n\"2001", 400, "", "quotes"},
		{"lines", "predictions", "application/x-ndjson", secret, row + "\n\n" + row + "\n", 200, "", ""},
		{"events without outcome", "events", "application/json", secret, in(row), 400, "late", "outcome"},
		{"events both", "events", "application/json", secret, in(strings.Replace(row, "{", `{"delay":3,"late":true,`, 1)), 400, "late", "one or the other"},
		{"feedback both", "feedback", "application/json", secret, `{"labels":[{"id":"p_0000000000000000000g","label":true,"values":{}}]}`, 400, "labels[0].label", "one of them"},
		{"feedback without values", "feedback", "application/json", secret, `{"labels":[{"id":"` + serve.ID{Logged: true}.String() + `","values":{}}]}`, 400, "labels[0].values", "no column"},
		{"feedback about nothing", "feedback", "application/json", secret, `{"labels":[{"label":true}]}`, 400, "labels[0].id", "one of them"},
		{"feedback bad id", "feedback", "application/json", secret, `{"labels":[{"id":"x","label":true}]}`, 400, "labels[0].id", "no prediction id"},
		{"feedback unknown id", "feedback", "application/json", secret, `{"labels":[{"id":"` + serve.ID{Offset: 1 << 40, Logged: true}.String() + `","label":true}]}`, 404, "labels[0]", "no such prediction"},
		{"feedback key", "feedback", "application/json", secret, `{"labels":[{"key":{"origin":"JFK"},"label":true}]}`, 400, "labels[0].key.date", "missing"},
		{"feedback type", "feedback", "application/json", secret, `{"labels":[{"id":"` + serve.ID{Logged: true}.String() + `","label":1}]}`, 400, "labels[0].label", "number"},
	} {
		status, body := h.post(t, c.verb, c.media, c.token, c.body)
		if status != c.status {
			t.Errorf("%s: %d %s", c.name, status, body)
			continue
		}
		if status == 200 {
			continue
		}
		var p problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != status || p.Field != c.field || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s: %v %s", c.name, err, body)
		}
	}
	if h.fault.Len() > 0 {
		t.Errorf("internal faults: %s", h.fault.String())
	}
}

func TestUnknownModelAndHealth(t *testing.T) {
	h := newHouse(t)
	if _, err := h.client.Predict(t.Context(), "nobody", h.Rows(servetest.Start, 1), Ask{}); rondo.KindOf(err) != rondo.NotFound {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "rondo_serve_rows_total"} {
		body, err := h.client.Call(t.Context(), http.MethodGet, path, "", nil)
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, %v", path, body, err)
		}
	}
	deaf := New(Options{Serve: h.serve, Tokens: func() []Token { return nil }, Logger: slog.New(slog.DiscardHandler),
		Ready: func() error { return rondo.Errorf(rondo.Unavailable, "the log is broken") }})
	answer := httptest.NewRecorder()
	deaf.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "the log is broken") {
		t.Errorf("a server that cannot log is ready: %d %s", answer.Code, answer.Body)
	}
}

func TestHTTPRequestsSurviveRouteChanges(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 3 {
		rows := h.Rows(servetest.Start, 2)
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := h.client.Predict(context.Background(), servetest.Name, rows, Ask{Local: "date"}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 100 {
		v, err := h.Version(t.Context(), native.New(native.Options{}), n+2)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.serve.Swap(t.Context(), serve.Table{servetest.Name: {Endpoint: h.end, Generation: n + 2, Champion: v}}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
}

// TestMain is also the server that gets killed: it prints its address.
func TestMain(m *testing.M) {
	if dir := os.Getenv("API_VICTIM"); dir != "" {
		h, _, err := build(context.Background(), dir, clock.NewVirtual(servetest.Start.Add(3*time.Hour)))
		if err != nil {
			panic(err)
		}
		fmt.Println(h.url)
		select {}
	}
	os.Exit(m.Run())
}

func TestAKilledServerLosesNoAcknowledgedFeedback(t *testing.T) {
	dir := t.TempDir()
	f, err := flights()
	if err != nil {
		t.Fatal(err)
	}
	acked := map[string]int64{} // prediction id -> delay
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "API_VICTIM="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		client := NewClient(strings.TrimSpace(line), secret)
		for n := 0; ; n++ {
			rows := f.Rows(servetest.Start.Add(time.Duration(n)*time.Second), 3)
			p, err := client.Predict(t.Context(), servetest.Name, rows, Ask{Local: "date"})
			if err != nil {
				break
			}
			told := &column.Table{}
			told.Set("id", &column.Vector{Type: column.String, Strings: p.IDs})
			told.Set("delay", f.Delays(rows))
			sent, err := client.Feedback(t.Context(), servetest.Name, told, nil, "late", Ask{Key: fmt.Sprint(round, n)})
			if err != nil {
				break
			}
			if sent.Accepted != 3 {
				t.Fatalf("%+v", sent)
			}
			for i, id := range p.IDs {
				acked[id] = told.Column("delay").Ints[i]
			}
			if n == 30+17*round {
				go func() { _ = cmd.Process.Kill() }() // at any instant from here
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) {
			t.Fatalf("the server ended by itself: %v", err)
		}
	}
	log, err := predlog.Open(dir, clock.Wall{}, predlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for r, err := range log.Scan(predlog.Query{Kinds: []predlog.Kind{predlog.Feedback}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Table.Rows() {
			id := serve.ID{Offset: uint64(r.Table.Column("offset").Ints[i]), Row: uint32(r.Table.Column("row").Ints[i])}.String()
			if delay, ok := acked[id]; ok {
				if r.Table.Column("delay").Ints[i] != delay {
					t.Fatalf("feedback to %s is another one", id)
				}
				found++
			}
		}
	}
	if found != len(acked) || found < 200 {
		t.Fatalf("%d of %d acknowledged labels are there", found, len(acked))
	}
	t.Logf("%d acknowledged labels after 3 kills", found)
}

func TestAPanicIsLoggedAsAFault(t *testing.T) {
	var log bytes.Buffer
	door := New(Options{Tokens: tokens, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Console: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the drawer is empty") })})
	server := httptest.NewServer(door.Handler())
	answer, err := http.Get(server.URL + "/models")
	if err == nil {
		_ = answer.Body.Close()
		t.Errorf("answered %s", answer.Status)
	}
	server.Close()
	if said := log.String(); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "the drawer is empty") || !strings.Contains(said, "path=/models") {
		t.Errorf("logged: %s", said)
	}
}
