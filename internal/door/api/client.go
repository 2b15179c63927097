package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// Client speaks to a server. Safe for concurrent use.
type Client struct {
	URL   string // http://127.0.0.1:7766
	Token string
	HTTP  *http.Client
}

// NewClient makes a client that keeps its connections.
func NewClient(url, token string) *Client {
	transport := &http.Transport{MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true}
	return &Client{URL: strings.TrimRight(url, "/"), Token: token, HTTP: &http.Client{Transport: transport}}
}

// Call says one request and gives the answer's body. Errors are those of the server, or rondo.Unavailable when it does
// not answer.
func (c *Client) Call(ctx context.Context, method, path, key string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if key != "" {
		req.Header.Set(keyHeader, key)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("ask %s: %w", path, context.Cause(ctx))
		}
		return nil, &rondo.Error{Kind: rondo.Unavailable, Message: "the server does not answer", Err: err}
	}
	defer resp.Body.Close()
	answer, err := readAll(resp.Body, int(resp.ContentLength), maxAnswer)
	if err != nil {
		return nil, &rondo.Error{Kind: rondo.Unavailable, Message: "the server's answer breaks off", Err: err}
	}
	if resp.StatusCode >= 300 {
		return nil, asError(resp.StatusCode, answer)
	}
	return answer, nil
}

const maxAnswer = 64 << 20

// readAll reads at most limit bytes, in one piece where the length is known.
func readAll(r io.Reader, length, limit int) ([]byte, error) {
	var b []byte
	if length >= 0 && length <= limit {
		b = make([]byte, length)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return b, err
}

// Predictions are the answers to a table's rows, in their order.
type Predictions struct {
	IDs         []string // empty where the record could not be logged
	Versions    []int
	Positive    []bool    // binary, where the version decides
	Numbers     []float64 // regression
	Classes     []string  // multiclass
	Probability []float64 // binary: of the positive class
	PerClass    []map[string]float64
	Outside     [][]string // nil where a row is inside
	Degraded    []string
	Repeated    bool
	Raw         []byte // the answer as it came
}

// Ask is how a table is sent.
type Ask struct {
	Key   string // idempotency key; empty: none
	Local string // the column whose timestamps are local time, without an offset
}

func callPath(model, verb string) string { return "/v1/models/" + url.PathEscape(model) + "/" + verb }

// Predict asks for the rows of a table.
func (c *Client) Predict(ctx context.Context, model string, t *column.Table, ask Ask) (*Predictions, error) {
	body, err := c.Call(ctx, http.MethodPost, callPath(model, "predictions"), ask.Key, appendRows(nil, t, ask.Local))
	if err != nil {
		return nil, err
	}
	return readPredictions(body)
}

// Sent is the answer to feedback and events.
type Sent struct {
	Accepted int       `json:"accepted"`
	Refused  []Refusal `json:"refused,omitempty"`
	Repeated bool      `json:"repeated,omitempty"`
}

// Refusal is a label that was not taken.
type Refusal struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// Events sends rows with their outcomes.
func (c *Client) Events(ctx context.Context, model string, t *column.Table, ask Ask) (*Sent, error) {
	body, err := c.Call(ctx, http.MethodPost, callPath(model, "events"), ask.Key, appendRows(nil, t, ask.Local))
	if err != nil {
		return nil, err
	}
	return readSent(body)
}

// Feedback sends outcomes: column "id" holds prediction ids, unless it is one of keys, which name the columns of the row's
// key; target names the column of the target, and all other columns are values it is derived from.
func (c *Client) Feedback(ctx context.Context, model string, t *column.Table, keys []string, target string, ask Ask) (*Sent, error) {
	body, err := c.Call(ctx, http.MethodPost, callPath(model, "feedback"), ask.Key, appendLabels(nil, t, keys, target, ask.Local))
	if err != nil {
		return nil, err
	}
	return readSent(body)
}

// appendLabels writes {"labels": [...]} of a table.
func appendLabels(b []byte, t *column.Table, keys []string, target, local string) []byte {
	isKey := map[string]bool{}
	for _, k := range keys {
		isKey[k] = true
	}
	group := func(b []byte, title string, i int, belongs func(string) bool) []byte {
		first := true
		for c, name := range t.Names {
			if !belongs(name) {
				continue
			}
			if first {
				b = append(append(append(b, ",\""...), title...), "\":{"...)
			} else {
				b = append(b, ',')
			}
			first = false
			b = append(appendString(b, name), ':')
			b = appendCell(b, t.Columns[c], i, name == local)
		}
		if !first {
			b = append(b, '}')
		}
		return b
	}
	b = append(b, `{"labels":[`...)
	for i := range t.Rows() {
		if i > 0 {
			b = append(b, ',')
		}
		start := len(b)
		if v := t.Column("id"); v != nil && !isKey["id"] && !v.IsNull(i) {
			b = append(b, `,"id":`...)
			b = appendCell(b, v, i, false)
		} else {
			b = group(b, "key", i, func(name string) bool { return isKey[name] })
		}
		if v := t.Column(target); v != nil {
			b = append(b, `,"label":`...)
			b = appendCell(b, v, i, false)
		} else {
			b = group(b, "values", i, func(name string) bool { return name != "id" && !isKey[name] })
		}
		if len(b) == start {
			b = append(b, ' ')
		}
		b[start] = '{' // in place of the first comma
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// Progress is how far a model's log has come.
type Progress struct {
	Durable     uint64    `json:"durable"`
	LastArrival time.Time `json:"lastArrival"`
	Predictions []string  `json:"predictions"` // the last idempotency keys, newest last
	Feedback    []string  `json:"feedback"`
	Events      []string  `json:"events"`
}

// Progress asks how far a model's log has come.
func (c *Client) Progress(ctx context.Context, model string) (*Progress, error) {
	body, err := c.Call(ctx, http.MethodGet, callPath(model, "log"), "", nil)
	if err != nil {
		return nil, err
	}
	return decode[*Progress](body)
}

// Token is what the door knows of a token: never the token itself.
type Token = store.Token
