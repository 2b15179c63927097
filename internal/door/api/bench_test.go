package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/predlog"
	"rondo.dev/rondo/internal/seam/predict/native"
	"rondo.dev/rondo/internal/stage/serve"
	"rondo.dev/rondo/internal/stage/serve/servetest"
)

// benched is a door with a version of 100 trees, without a network.
type benched struct {
	*servetest.Flights
	clk  *clock.Virtual
	log  *predlog.Log
	door http.Handler
}

func bench(b *testing.B, now time.Time) *benched {
	f, err := servetest.New(b.Context(), 100)
	if err != nil {
		b.Fatal(err)
	}
	h := &benched{Flights: f, clk: clock.NewVirtual(now)}
	if h.log, err = predlog.Open(b.TempDir(), h.clk, predlog.Options{}); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	go func() { _ = h.log.Run(ctx) }()
	s := serve.New(h.log, h.clk, serve.Options{})
	if _, err := f.Served(ctx, s, native.New(native.Options{})); err != nil {
		b.Fatal(err)
	}
	token := Token{Name: "bench", Hash: sha256.Sum256([]byte(secret)), Scopes: []string{ScopeAdmin}}
	h.door = New(Options{Serve: s, Tokens: func() []Token { return []Token{token} }, Logger: slog.New(slog.DiscardHandler)}).Handler()
	return h
}

func (h *benched) post(b *testing.B, what string, body []byte) {
	r := httptest.NewRequest(http.MethodPost, "/v1/models/"+servetest.Name+"/"+what, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	if h.door.ServeHTTP(w, r); w.Code != http.StatusOK {
		b.Fatal(what, w.Body.String())
	}
}

// BenchmarkRequest is decode, predict, log, encode.
func BenchmarkRequest(b *testing.B) {
	h := bench(b, servetest.Start.Add(3*time.Hour))
	for _, n := range []int{1, 100} {
		body := appendRows(nil, h.Rows(servetest.Start, n), "date")
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.post(b, "predictions", body)
			}
		})
	}
}

// BenchmarkTick is a quarter of an hour of a feed: 100 rows asked, 400 flown, 100 outcomes told, with history of all that.
func BenchmarkTick(b *testing.B) {
	h := bench(b, servetest.Start)
	b.ReportAllocs()
	for tick := 0; b.Loop(); tick++ {
		b.StopTimer()
		now := servetest.Start.Add(time.Duration(tick) * 15 * time.Minute)
		h.clk.Set(now)
		flown := h.Rows(now.Add(-3*time.Hour), 400)
		flown.Set("delay", h.Delays(flown))
		asked, events := appendRows(nil, h.Rows(now.Add(-35*time.Minute), 100), "date"), appendRows(nil, flown, "date")
		told := []byte(`{"labels":[`)
		for i := range 100 {
			if i > 0 {
				told = append(told, ',')
			}
			id := serve.ID{Offset: h.log.End(), Row: uint32(i), Logged: true} // of what is asked next
			told = fmt.Appendf(told, `{"id":%q,"values":{"delay":%d}}`, id, i%40)
		}
		told = append(told, "]}"...)
		b.StartTimer()
		h.post(b, "predictions", asked)
		h.post(b, "events", events)
		h.post(b, "feedback", told)
	}
}
