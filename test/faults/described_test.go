package faults

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"rondo.dev/rondo/internal/door/api"
)

// described is what the test reads of an OpenAPI document.
type described struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct {
				Schema *jsonschema.Schema `json:"schema"`
			} `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
}

// What a running server answers fits what it says of itself: every GET, what rows are answered with, and an error.
func TestAnswersAreAsTheyAreDescribed(t *testing.T) {
	s := up(t, aHome(t, ""))
	get := func(path string) (int, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.client.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if path != "/v1/openapi.json" {
			req.Header.Set("Authorization", "Bearer "+s.client.Token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b
	}
	_, text := get("/v1/openapi.json")
	var d described
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	fits := func(method, path, code, media string, answer []byte) {
		t.Helper()
		schema := d.Paths[path][method].Responses[code].Content[media].Schema
		if schema == nil {
			t.Fatalf("%s %s is not described", method, path)
		}
		resolved, err := schema.Resolve(&jsonschema.ResolveOptions{})
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		var v any
		if err := json.Unmarshal(answer, &v); err != nil {
			t.Fatalf("%s %s: %v in %.200s", method, path, err, answer)
		}
		if err := resolved.Validate(v); err != nil {
			t.Errorf("%s %s: %v\n%.600s", method, path, err, answer)
		}
	}
	answer, err := s.client.Predict(t.Context(), model, orders(1, 20, time.Now(), false), api.Ask{Key: "described"})
	if err != nil {
		t.Fatal(err)
	}
	fits("post", "/v1/models/{model}/predictions", "200", "application/json", answer.Raw)
	asked := 0
	for path, methods := range d.Paths {
		if _, ok := methods["get"]; !ok || !strings.HasPrefix(path, "/v1/") {
			continue
		}
		addresses := []string{strings.NewReplacer("{model}", model).Replace(path)}
		switch path {
		case "/v1/why":
			addresses = []string{"/v1/why?all=1&subject=" + model}
		case "/v1/list/{kind}":
			addresses = nil
			for _, kind := range []string{"models", "datasets", "runs", "versions", "evaluations", "cycles", "steps", "decisions", "routes", "days"} {
				addresses = append(addresses, "/v1/list/"+kind+"?model="+model)
			}
		case "/v1/openapi.json":
			continue
		}
		for _, address := range addresses {
			code, b := get(address)
			if code != http.StatusOK {
				t.Errorf("%s: %d %s", address, code, b)
				continue
			}
			fits("get", path, "200", "application/json", b)
			asked++
		}
	}
	if asked < 14 {
		t.Errorf("%d answers were looked at", asked)
	}
	code, b := get("/v1/list/nonsense")
	if code == http.StatusOK {
		t.Error("there is a list of nonsense")
	}
	fits("get", "/v1/list/{kind}", "default", "application/problem+json", b)
}
