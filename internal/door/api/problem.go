package api

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"rondo.dev/rondo/internal/rondo"
)

// problem is an error as RFC 9457 writes it, with the field and reason that a caller can act on.
type problem struct {
	Type   string     `json:"type"`
	Title  string     `json:"title"`
	Status int        `json:"status"`
	Kind   rondo.Kind `json:"kind"`
	Field  string     `json:"field,omitempty"`
	Detail string     `json:"detail"`
}

const internalKind rondo.Kind = "internal"

// statuses is how kinds of errors are answered.
var statuses = map[rondo.Kind]int{
	rondo.Invalid:     http.StatusBadRequest,
	rondo.NotFound:    http.StatusNotFound,
	rondo.Conflict:    http.StatusConflict,
	rondo.Denied:      http.StatusForbidden,
	rondo.Refused:     http.StatusUnprocessableEntity,
	rondo.Unsupported: http.StatusNotImplemented,
	rondo.OverBudget:  http.StatusPaymentRequired,
	rondo.Unavailable: http.StatusServiceUnavailable,
	internalKind:      http.StatusInternalServerError,
}

// errUnauthorized is the one denial that asks for a token.
var errUnauthorized = rondo.Errorf(rondo.Denied, "a bearer token is needed: Authorization: Bearer rondo_...")

// writer is a response of this door: it knows where faults are logged.
type writer struct {
	http.ResponseWriter
	log *slog.Logger
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// writeProblem answers with an error. What has no kind is logged in full, once, and answered with an id only.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := problem{Type: "about:blank", Kind: rondo.KindOf(err), Detail: err.Error()}
	var large *http.MaxBytesError
	var e *rondo.Error
	switch {
	case errors.As(err, &large):
		p.Kind, p.Status, p.Detail = rondo.Invalid, http.StatusRequestEntityTooLarge, "the body is larger than the limit; send fewer rows a request"
	case errors.As(err, &e):
		p.Field = e.Field
		switch {
		case errors.Is(err, errUnauthorized):
			p.Status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", "Bearer")
		case errors.Is(err, errMedia):
			p.Status = http.StatusUnsupportedMediaType
		}
	default:
		var id [4]byte
		_, _ = rand.Read(id[:]) // it never fails
		p.Kind, p.Detail = internalKind, "internal, id "+hex.EncodeToString(id[:])
		if own, ok := w.(*writer); ok {
			own.log.Error("request failed", "id", hex.EncodeToString(id[:]), "method", r.Method, "path", r.URL.Path, "error", err)
		}
	}
	if p.Status == 0 {
		p.Status = statuses[p.Kind]
	}
	p.Title = http.StatusText(p.Status)
	b, err := json.Marshal(p)
	if err != nil {
		http.Error(w, p.Title, p.Status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n')) // the caller is gone
}

// asError is the error that a problem document speaks of.
func asError(status int, body []byte) error {
	var p problem
	if err := json.Unmarshal(body, &p); err != nil || p.Kind == "" {
		return rondo.Errorf(rondo.Unavailable, "the server answered %d %s", status, http.StatusText(status))
	}
	if p.Kind == internalKind {
		return errors.New("the server: " + p.Detail)
	}
	detail := p.Detail
	if p.Field != "" && len(detail) > len(p.Field)+2 && detail[:len(p.Field)] == p.Field {
		detail = detail[len(p.Field)+2:] // Error() puts the field in front again
	}
	return &rondo.Error{Kind: p.Kind, Field: p.Field, Message: detail}
}
