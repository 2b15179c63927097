package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/serve"
)

// request is a request of rows whose body was read. body is valid until the handler returns.
type request struct {
	model string
	form  form
	body  []byte
	meta  serve.Meta
	out   []byte // memory for the answer
}

// form is how rows are written.
type form uint8

const (
	asJSON form = iota
	asLines
	asCSV
)

// errMedia is answered with 415.
var errMedia = &rondo.Error{Kind: rondo.Unsupported, Field: "Content-Type", Message: "send application/json, application/x-ndjson or text/csv"}

func formOf(contentType string) (form, error) {
	if contentType == "application/json" {
		return asJSON, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0, errMedia
	}
	switch media {
	case "application/json":
		return asJSON, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		return asLines, nil
	case "text/csv":
		return asCSV, nil
	}
	return 0, errMedia
}

// A request that is repeated with the same key is answered as before.
const (
	keyHeader = "Idempotency-Key"
	maxKey    = 255 // bytes
)

// scratch is memory that requests use one after the other.
type scratch struct{ body, out []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// keepScratch is the largest buffer that is kept for the next request.
const keepScratch = 1 << 20

// rows reads a body within the limits and answers what f encodes.
func (s *Server) rows(scope string, f func(*http.Request, *request) ([]byte, error)) http.HandlerFunc {
	return s.allowed(scope, func(w http.ResponseWriter, r *http.Request, sender string) error {
		watch := clock.Start()
		form, err := formOf(r.Header.Get("Content-Type"))
		if err != nil {
			return err
		}
		key := r.Header.Get(keyHeader)
		if len(key) > maxKey {
			return &rondo.Error{Kind: rondo.Invalid, Field: keyHeader, Message: fmt.Sprintf("is longer than %d bytes", maxKey)}
		}
		memory := scratches.Get().(*scratch)
		defer func() {
			if cap(memory.body) <= keepScratch && cap(memory.out) <= keepScratch {
				scratches.Put(memory)
			}
		}()
		if memory.body, err = s.read(w, r, memory.body[:0]); err != nil {
			return err
		}
		q := &request{model: r.PathValue("model"), form: form, body: memory.body, meta: serve.Meta{Key: key, Sender: sender}, out: memory.out[:0]}
		out, err := f(r, q)
		if err != nil {
			return err
		}
		memory.out = out[:0]
		header := w.Header()
		header["Content-Type"] = jsonType
		header["Content-Length"] = []string{strconv.Itoa(len(out))}
		_, _ = w.Write(out) // the caller is gone
		s.timed.add(scope, watch.Elapsed())
		return nil
	})
}

var jsonType = []string{"application/json"}

// read reads the body into b, never more than the limit.
func (s *Server) read(w http.ResponseWriter, r *http.Request, b []byte) ([]byte, error) {
	if r.ContentLength > s.opt.MaxBody {
		return b, &http.MaxBytesError{Limit: s.opt.MaxBody}
	}
	body := http.MaxBytesReader(w, r.Body, s.opt.MaxBody)
	if n := int(r.ContentLength); n > cap(b) && n <= keepScratch { // a claim is believed up to what costs nothing
		b = make([]byte, 0, n)
	}
	for {
		if len(b) == cap(b) {
			b = append(b, make([]byte, max(512, len(b)))...)[:len(b)]
		}
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return b, large
			}
			return b, &rondo.Error{Kind: rondo.Invalid, Message: "the body breaks off", Err: err}
		}
	}
}

func (s *Server) decode(q *request, fields []serve.Field) (*column.Table, error) {
	switch q.form {
	case asLines:
		return jsonLines(q.body, fields, s.opt.MaxRows)
	case asCSV:
		return csvRows(q.body, fields, s.opt.MaxRows)
	}
	return jsonRows(q.body, fields, s.opt.MaxRows)
}

func (s *Server) predictions(r *http.Request, q *request) ([]byte, error) {
	shape, err := s.opt.Serve.Shape(q.model)
	if err != nil {
		return nil, err
	}
	rows, err := s.decode(q, shape.Request)
	if err != nil {
		return nil, err
	}
	answer, err := s.opt.Serve.Predict(r.Context(), q.model, rows, q.meta)
	if err != nil {
		return nil, err
	}
	return appendAnswer(q.out, answer), nil
}

func (s *Server) events(r *http.Request, q *request) ([]byte, error) {
	shape, err := s.opt.Serve.Shape(q.model)
	if err != nil {
		return nil, err
	}
	rows, err := s.decode(q, shape.Event)
	if err != nil {
		return nil, err
	}
	if !shape.TargetIsLabel && rows.Column(shape.Target.Name) != nil {
		for _, f := range shape.Labels {
			if rows.Column(f.Name) != nil {
				return nil, bothOutcomes(shape.Target.Name, f.Name)
			}
		}
	}
	receipt, err := s.opt.Serve.Events(r.Context(), q.model, rows, q.meta)
	if err != nil {
		return nil, err
	}
	return appendReceipt(q.out, receipt), nil
}

func bothOutcomes(target, label string) error {
	return &rondo.Error{Kind: rondo.Invalid, Field: target, Message: fmt.Sprintf("is derived from %q; a request sends one or the other", label)}
}

func (s *Server) feedback(r *http.Request, q *request) ([]byte, error) {
	if q.form != asJSON {
		return nil, &rondo.Error{Kind: rondo.Unsupported, Field: "Content-Type", Message: "feedback is application/json", Err: errMedia}
	}
	shape, err := s.opt.Serve.Shape(q.model)
	if err != nil {
		return nil, err
	}
	labels, err := readLabels(q.body, shape, s.opt.MaxRows)
	if err != nil {
		return nil, err
	}
	receipt, err := s.opt.Serve.Feedback(r.Context(), q.model, *labels, q.meta)
	if err != nil {
		return nil, err
	}
	return appendReceipt(q.out, receipt), nil
}

func appendReceipt(b []byte, r *serve.Receipt) []byte {
	b = append(b, `{"accepted":`...)
	b = strconv.AppendInt(b, int64(r.Accepted), 10)
	for i, refused := range r.Refused {
		if i == 0 {
			b = append(b, `,"refused":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"index":`...)
		b = strconv.AppendInt(b, int64(refused.Index), 10)
		b = append(b, `,"reason":`...)
		b = append(appendString(b, refused.Reason), '}')
		if i == len(r.Refused)-1 {
			b = append(b, ']')
		}
	}
	if r.Repeated {
		b = append(b, `,"repeated":true`...)
	}
	return append(b, "}\n"...)
}

func (s *Server) progress(w http.ResponseWriter, r *http.Request, _ string) error {
	p, err := s.opt.Serve.Progress(r.Context(), r.PathValue("model"))
	if err != nil {
		return err
	}
	out := Progress{Durable: p.Durable, Predictions: p.Predictions, Feedback: p.Feedback, Events: p.Events}
	if p.LastArrival != 0 {
		out.LastArrival = time.UnixMicro(p.LastArrival).UTC()
	}
	b, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("write the log's progress: %w", err)
	}
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(append(b, '\n')) // the caller is gone
	return nil
}
