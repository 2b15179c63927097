// Package api is Rondo's own HTTP door, and its client. It checks size and token, decodes rows straight into typed columns,
// asks serve, and encodes; what it says of models otherwise (Verbs) goes through control. It decides nothing.
//
// Rows come as {"rows": [{...}]} (application/json), one object a line (application/x-ndjson, application/jsonl) or CSV
// with a header (text/csv); the same table gives the same bits through each (cell.go). A field that the model does not
// know is refused with the nearest name, a field given twice is refused, a field left out is not null: it is refused
// unless training rows lacked it too. Errors are problem documents (RFC 9457) that name field and reason; one table turns
// rondo.Kind into a status. Nothing is logged of rows or tokens.
//
// Tokens are compared by SHA-256 in constant time over all tokens there are. Scopes: predict, feedback, events, read,
// admin (which is all of them). GET /healthz, /readyz and /v1/openapi.json, which describes all of this, need none.
//
// Limits: 16 MiB a body, 100,000 rows, 16 KiB of headers, a minute to read and to answer.
package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/serve"
)

// Options of a server. Serve, Tokens and Logger have to be given.
type Options struct {
	Serve   *serve.Server
	Control http.Handler   // everything else under /v1/: the verbs; nil: none
	Console http.Handler   // everything else; nil: none
	Tokens  func() []Token // those that are valid now; called by every request
	Ready   func() error   // nil while the installation can answer
	Logger  *slog.Logger
	MaxBody int64 // 16 MiB
	MaxRows int   // 100,000
}

// Server is the door. Make it with New, run it with Run, or use Handler.
type Server struct {
	opt     Options
	log     *slog.Logger
	handler http.Handler
	timed   timings
}

// Scopes of tokens.
const (
	ScopePredict  = "predict"
	ScopeFeedback = "feedback"
	ScopeEvents   = "events"
	ScopeRead     = "read"
	ScopeAdmin    = "admin"
)

// New makes the door. It starts nothing.
func New(opt Options) *Server {
	if opt.MaxBody == 0 {
		opt.MaxBody = 16 << 20
	}
	if opt.MaxRows == 0 {
		opt.MaxRows = 100_000
	}
	s := &Server{opt: opt, log: opt.Logger}
	mux := http.NewServeMux()
	for pattern, answer := range s.routes() {
		mux.HandleFunc(pattern, answer)
	}
	if opt.Control != nil {
		mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
			s.allowed(scopeOf(r.Method), func(w http.ResponseWriter, r *http.Request, _ string) error {
				opt.Control.ServeHTTP(w, r)
				return nil
			})(w, r)
		})
	}
	if opt.Console != nil {
		mux.Handle("/", opt.Console)
	}
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.rescue(r)
		mux.ServeHTTP(&writer{ResponseWriter: w, log: s.log}, r)
	})
	return s
}

// rescue logs a panic of a handler as the fault it is, and cuts the connection, as net/http does. What net/http itself has to
// say is about callers, and logged for debugging.
func (s *Server) rescue(r *http.Request) {
	fault := recover()
	if fault == nil {
		return
	}
	if fault != http.ErrAbortHandler {
		s.log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
	}
	panic(http.ErrAbortHandler)
}

// routes are the door's own; own describes them.
func (s *Server) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /v1/models/{model}/predictions": s.rows(ScopePredict, s.predictions),
		"POST /v1/models/{model}/events":      s.rows(ScopeEvents, s.events),
		"POST /v1/models/{model}/feedback":    s.rows(ScopeFeedback, s.feedback),
		"GET /v1/models/{model}/log":          s.allowed(ScopeRead, s.progress),
		"GET /v1/models/{model}/shape":        s.allowed(ScopeRead, s.shape),
		"GET /metrics":                        s.allowed(ScopeRead, s.metrics),
		"GET /healthz":                        func(w http.ResponseWriter, _ *http.Request) { answerText(w, http.StatusOK, "ok\n") },
		"GET /readyz":                         s.ready,
		"GET /v1/openapi.json":                described(),
	}
}

// Handler is the door without a listener.
func (s *Server) Handler() http.Handler { return s.handler }

// Run answers on a listener until ctx ends; requests that have begun then have ten seconds to end.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("answer on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(wait)
	if err != nil {
		err = errors.Join(fmt.Errorf("end the requests on %s: %w", l.Addr(), err), server.Close())
	}
	<-ended
	return err
}

// allowed lets a request with a token of this scope through, with the token's name.
func (s *Server) allowed(scope string, next func(http.ResponseWriter, *http.Request, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sender, err := s.sender(r, scope)
		if err == nil {
			err = next(w, r, sender)
		}
		if err != nil {
			writeProblem(w, r, err)
		}
	}
}

// sender is the name of the request's token.
func (s *Server) sender(r *http.Request, scope string) (string, error) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", errUnauthorized
	}
	hash := sha256.Sum256([]byte(secret))
	tokens, found := s.opt.Tokens(), -1
	for i := range tokens {
		if subtle.ConstantTimeCompare(hash[:], tokens[i].Hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return "", errUnauthorized
	}
	for _, has := range tokens[found].Scopes {
		if has == scope || has == ScopeAdmin {
			return tokens[found].Name, nil
		}
	}
	return "", rondo.Errorf(rondo.Denied, "token %q has no scope %s (see: rondo token new NAME --scopes %s)", tokens[found].Name, scope, scope)
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.opt.Ready != nil {
		if err := s.opt.Ready(); err != nil {
			answerText(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
	}
	answerText(w, http.StatusOK, "ready\n")
}

func (s *Server) metrics(w http.ResponseWriter, _ *http.Request, _ string) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for _, write := range []func(io.Writer) error{s.opt.Serve.WriteMetrics, s.timed.write} {
		if err := write(w); err != nil {
			return nil // the caller is gone
		}
	}
	return nil
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the caller is gone
}
