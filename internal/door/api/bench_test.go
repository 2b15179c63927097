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

// BenchmarkRequest is the door without a network: decode, predict with 100 trees, log, encode.
func BenchmarkRequest(b *testing.B) {
	f, err := servetest.New(b.Context(), 100)
	if err != nil {
		b.Fatal(err)
	}
	clk := clock.NewVirtual(servetest.Start.Add(3 * time.Hour))
	log, err := predlog.Open(b.TempDir(), clk, predlog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = log.Run(ctx) }()
	s := serve.New(log, clk, serve.Options{})
	if _, err := f.Served(ctx, s, native.New(native.Options{})); err != nil {
		b.Fatal(err)
	}
	token := Token{Name: "bench", Hash: sha256.Sum256([]byte(secret)), Scopes: []string{ScopeAdmin}}
	door := New(Options{Serve: s, Tokens: func() []Token { return []Token{token} }, Logger: slog.New(slog.DiscardHandler)}).Handler()
	for _, n := range []int{1, 100} {
		body := appendRows(nil, f.Rows(servetest.Start, n), "date")
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/v1/models/"+servetest.Name+"/predictions", bytes.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+secret)
				w := httptest.NewRecorder()
				if door.ServeHTTP(w, r); w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
			}
		})
	}
}
