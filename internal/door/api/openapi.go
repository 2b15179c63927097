package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
)

// The description of this door (OpenAPI 3.1): what is registered is described, by the types that are decoded and encoded and,
// for the bodies that have none, by hand.

// operation is a route as it is described. in and out make the schemas of its bodies; nil: none.
type operation struct {
	pattern string // "GET /v1/why", as it is registered
	scope   string // of the token; empty: none is asked for
	summary string
	query   []string
	keyed   bool // takes an Idempotency-Key
	in, out func() *jsonschema.Schema
}

// document, and what is in it, are as OpenAPI 3.1 writes them.
type (
	document struct {
		OpenAPI    string                            `json:"openapi"`
		Info       info                              `json:"info"`
		Paths      map[string]map[string]description `json:"paths"`
		Components components                        `json:"components"`
	}
	info struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	}
	description struct {
		Summary    string                `json:"summary"`
		Security   []map[string][]string `json:"security"`
		Parameters []parameter           `json:"parameters,omitempty"`
		Body       *content              `json:"requestBody,omitempty"`
		Responses  map[string]content    `json:"responses"`
	}
	parameter struct {
		Name     string             `json:"name"`
		In       string             `json:"in"`
		Required bool               `json:"required,omitempty"`
		Schema   *jsonschema.Schema `json:"schema"`
	}
	content struct {
		Description string           `json:"description"`
		Content     map[string]media `json:"content,omitempty"`
	}
	media struct {
		Schema *jsonschema.Schema `json:"schema,omitempty"`
	}
	components struct {
		SecuritySchemes map[string]scheme `json:"securitySchemes"`
	}
	scheme struct {
		Type   string `json:"type"`
		Scheme string `json:"scheme"`
	}
)

const bearer = "token"

// describe makes the document of some operations.
func describe(operations []operation) ([]byte, error) {
	d := document{
		OpenAPI: "3.1.0", Info: info{Title: "Rondo", Version: "v1"}, Paths: map[string]map[string]description{},
		Components: components{SecuritySchemes: map[string]scheme{bearer: {Type: "http", Scheme: "bearer"}}},
	}
	for _, o := range operations {
		method, path, _ := strings.Cut(o.pattern, " ")
		if d.Paths[path] == nil {
			d.Paths[path] = map[string]description{}
		}
		d.Paths[path][strings.ToLower(method)] = o.describe(path)
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	return append(b, '\n'), nil
}

func (o *operation) describe(path string) description {
	text := &jsonschema.Schema{Type: "string"}
	d := description{Summary: o.summary, Security: []map[string][]string{}, Responses: map[string]content{
		"default": {Description: "a problem document (RFC 9457)", Content: map[string]media{"application/problem+json": {schemaOf[problem]()}}},
	}}
	answer := content{Description: "done", Content: map[string]media{"text/plain": {text}}}
	if o.out != nil {
		answer.Content = map[string]media{"application/json": {o.out()}}
	}
	d.Responses["200"] = answer
	if o.scope != "" {
		d.Summary += "; scope " + o.scope
		d.Security = append(d.Security, map[string][]string{bearer: {}})
	}
	for _, part := range strings.Split(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			d.Parameters = append(d.Parameters, parameter{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: text})
		}
	}
	for _, name := range o.query {
		d.Parameters = append(d.Parameters, parameter{Name: name, In: "query", Schema: text})
	}
	if o.keyed {
		d.Parameters = append(d.Parameters, parameter{Name: keyHeader, In: "header", Schema: &jsonschema.Schema{Type: "string", MaxLength: jsonschema.Ptr(maxKey)}})
	}
	if o.in != nil {
		d.Body = &content{Content: map[string]media{"application/json": {o.in()}}}
	}
	return d
}

// schemaOf is the schema of a type as it is encoded. Types are ours, so one that has none is a fault of this program.
func schemaOf[T any]() *jsonschema.Schema {
	options := &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[[]byte](): {Type: "string", ContentEncoding: "base64"},
	}}
	s, err := jsonschema.For[T](options)
	if err != nil {
		panic(fmt.Sprintf("api: schema of %T: %v", *new(T), err))
	}
	return s
}

func object(required []string, properties map[string]*jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Required: required, Properties: properties, PropertyOrder: slices.Sorted(maps.Keys(properties)),
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
}

func always(s *jsonschema.Schema) func() *jsonschema.Schema {
	return func() *jsonschema.Schema { return s }
}

func list(of *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: of}
}

// The bodies of the requests that are read and written without a type. Which columns a model takes, its shape says.
var (
	anyCell  = &jsonschema.Schema{Types: []string{"boolean", "integer", "number", "string", "null"}}
	anyRow   = &jsonschema.Schema{Type: "object", AdditionalProperties: anyCell}
	rowsBody = object([]string{"rows"}, map[string]*jsonschema.Schema{"rows": list(anyRow)})
	labels   = object([]string{"labels"}, map[string]*jsonschema.Schema{"labels": list(object(nil, map[string]*jsonschema.Schema{
		"id": {Type: "string"}, "key": anyRow, "label": anyCell, "values": anyRow}))})
	answers = object([]string{"predictions"}, map[string]*jsonschema.Schema{
		"predictions": list(object([]string{"id", "version", "value"}, map[string]*jsonschema.Schema{
			"id": {Types: []string{"string", "null"}}, "version": {Type: "integer"}, "value": anyCell,
			"probability": {Types: []string{"number", "object", "null"}}, "outside": list(&jsonschema.Schema{Type: "string"})})),
		"degraded": list(&jsonschema.Schema{Type: "string"}), "repeated": {Type: "boolean"}})
)

// own are the operations of the door itself.
func own() []operation {
	return []operation{
		{pattern: "POST /v1/models/{model}/predictions", scope: ScopePredict, keyed: true, summary: "what the model says to rows", in: always(rowsBody), out: always(answers)},
		{pattern: "POST /v1/models/{model}/events", scope: ScopeEvents, keyed: true, summary: "rows with outcomes that nobody asked about", in: always(rowsBody), out: schemaOf[Sent]},
		{pattern: "POST /v1/models/{model}/feedback", scope: ScopeFeedback, keyed: true, summary: "what was true", in: always(labels), out: schemaOf[Sent]},
		{pattern: "GET /v1/models/{model}/log", scope: ScopeRead, summary: "how far the log has come", out: schemaOf[Progress]},
		{pattern: "GET /v1/models/{model}/shape", scope: ScopeRead, summary: "what the model is asked with", out: schemaOf[Shape]},
		{pattern: "GET /metrics", scope: ScopeRead, summary: "counters and timings, as Prometheus reads them"},
		{pattern: "GET /healthz", summary: "whether the process lives"},
		{pattern: "GET /readyz", summary: "whether it can answer"},
		{pattern: "GET /v1/openapi.json", summary: "this document", out: schemaOf[struct{}]},
	}
}

// described answers with the document, made at the first request.
func described() http.HandlerFunc {
	made := sync.OnceValues(func() ([]byte, error) { return describe(append(own(), operationsOf(verbs(nil, nil))...)) })
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := made()
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		w.Header()["Content-Type"] = jsonType
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b) // the caller is gone
	}
}

func operationsOf(verbs []spoken) []operation {
	out := make([]operation, len(verbs))
	for i, v := range verbs {
		out[i] = v.operation
		out[i].scope = scopeOf(v.method())
	}
	return out
}

func (o *operation) method() string {
	method, _, _ := strings.Cut(o.pattern, " ")
	return method
}

// scopeOf is what a verb asks of a token.
func scopeOf(method string) string {
	if method == http.MethodGet || method == http.MethodHead {
		return ScopeRead
	}
	return ScopeAdmin
}
