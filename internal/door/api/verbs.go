package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"rondo.dev/rondo/internal/control"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/store"
)

// progress tells what the loop is doing; app keeps it.
type progress interface{ Progress() []Doing }

// Doing is what is being done for a model, for people who watch.
type Doing struct {
	Model string `json:"model"`
	Step  string `json:"step"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
	Note  string `json:"note,omitempty"`
}

// maxVerb bounds the body of a verb; a model file is at most 256 KiB, base64 in JSON.
const maxVerb = 1 << 20

// Answer and request bodies of the verbs.
type (
	applyBody struct {
		control.Declaration
		Dry bool `json:"dry"`
	}
	reasonBody struct {
		Version rondo.VersionID `json:"version,omitempty"`
		Reason  string          `json:"reason,omitempty"`
	}
	pauseBody struct {
		Paused bool `json:"paused"`
	}
	tokenBody struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
	}
	madeToken struct {
		Token string `json:"token"`
	}
	none struct{}
)

// spoken is a verb of control as it is said over HTTP.
type spoken struct {
	operation
	http.Handler
}

// Verbs mounts control's verbs. Who may say them is decided in front of it, by scope.
func Verbs(c *control.Control, p progress) http.Handler {
	mux := http.NewServeMux()
	for _, v := range verbs(c, p) {
		mux.Handle(v.pattern, v)
	}
	return mux
}

func verbs(c *control.Control, p progress) []spoken {
	return []spoken{
		verb("POST /v1/models", "declares a model, or with dry only plans it", func(r *http.Request, in applyBody) (*control.Plan, error) {
			return c.Apply(r.Context(), in.Declaration, in.Dry)
		}),
		verb("POST /v1/models/{model}/cycles", "starts a cycle", func(r *http.Request, _ none) (none, error) {
			return none{}, c.Run(r.Context(), r.PathValue("model"))
		}),
		verb("POST /v1/models/{model}/pause", "lets the loop rest, or go on", func(r *http.Request, in pauseBody) (none, error) {
			return none{}, c.SetPaused(r.Context(), r.PathValue("model"), in.Paused)
		}),
		verb("POST /v1/models/{model}/rollback", "lets the version before answer again", func(r *http.Request, in reasonBody) (*rondo.Decision, error) {
			return c.Rollback(r.Context(), r.PathValue("model"), in.Reason)
		}),
		verb("POST /v1/models/{model}/promote", "lets a version answer", func(r *http.Request, in reasonBody) (*rondo.Decision, error) {
			return c.Promote(r.Context(), in.Version, in.Reason)
		}),
		verb("GET /v1/models/{model}/cost", "what was paid, by cause", func(r *http.Request, _ none) (*control.Costs, error) {
			return c.Cost(r.Context(), r.PathValue("model"))
		}),
		verb("GET /v1/why", "the chain from evidence to outcome", func(r *http.Request, _ none) (*control.Why, error) {
			all, _ := strconv.ParseBool(r.URL.Query().Get("all"))
			return c.Why(r.Context(), r.URL.Query().Get("subject"), all)
		}, "subject", "all"),
		verb("GET /v1/list/{kind}", "what there is of a kind", func(r *http.Request, _ none) (*control.Listing, error) {
			return c.Get(r.Context(), r.PathValue("kind"), r.URL.Query().Get("model"))
		}, "model"),
		verb("GET /v1/progress", "what is being done", func(*http.Request, none) ([]Doing, error) { return p.Progress(), nil }),
		verb("POST /v1/tokens", "makes a token", func(r *http.Request, in tokenBody) (madeToken, error) {
			token, err := c.NewToken(r.Context(), in.Name, in.Scopes)
			return madeToken{Token: token}, err
		}),
		verb("GET /v1/tokens", "the tokens there are, without their secrets", func(r *http.Request, _ none) ([]store.Token, error) { return c.Tokens(r.Context()) }),
		verb("DELETE /v1/tokens/{name}", "revokes a token", func(r *http.Request, _ none) (none, error) {
			return none{}, c.RevokeToken(r.Context(), r.PathValue("name"))
		}),
	}
}

// verb decodes a strict JSON body (of POSTs), says the verb, and encodes what it gives.
func verb[In, Out any](pattern, summary string, say func(*http.Request, In) (Out, error), query ...string) spoken {
	o := operation{pattern: pattern, summary: summary, query: query, out: schemaOf[Out]}
	if _, ok := any(*new(In)).(none); !ok {
		o.in = schemaOf[In]
	}
	return spoken{o, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		if r.Method == http.MethodPost {
			d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxVerb))
			d.DisallowUnknownFields()
			if err := d.Decode(&in); err != nil && !errors.Is(err, io.EOF) {
				writeProblem(w, r, &rondo.Error{Kind: rondo.Invalid, Message: "the body is not what this verb takes", Err: err})
				return
			}
		}
		out, err := say(r, in)
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the client went away: nobody to tell
	})}
}
