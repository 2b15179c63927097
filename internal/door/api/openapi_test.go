package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

func TestEveryRouteIsDescribed(t *testing.T) {
	var described []string
	for _, o := range own() {
		described = append(described, o.pattern)
	}
	slices.Sort(described)
	if routes := slices.Sorted(maps.Keys((&Server{}).routes())); !slices.Equal(routes, described) {
		t.Errorf("described are\n%v\nand there are\n%v", described, routes)
	}
}

func TestEverySchemaOfTheDescriptionResolves(t *testing.T) {
	b, err := describe(append(own(), operationsOf(verbs(nil, nil))...))
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	schemas := 0
	check := func(where string, c content) {
		for _, m := range c.Content {
			schemas++
			if m.Schema == nil {
				t.Errorf("%s has no schema", where)
			} else if _, err := m.Schema.Resolve(&jsonschema.ResolveOptions{}); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			where := method + " " + path
			takes := slices.ContainsFunc(o.Parameters, func(p parameter) bool { return p.In == "header" && p.Name == "Idempotency-Key" && !p.Required })
			if keyed := slices.Contains([]string{"predictions", "events", "feedback"}, path[strings.LastIndex(path, "/")+1:]); takes != keyed {
				t.Errorf("%s takes a key: %v", where, takes)
			}
			for _, answer := range o.Responses {
				check(where, answer)
			}
			if o.Body != nil {
				check(where, *o.Body)
			}
			if open := path == "/healthz" || path == "/readyz" || path == "/v1/openapi.json"; open != (len(o.Security) == 0) {
				t.Errorf("%s asks for %v", where, o.Security)
			}
		}
	}
	if schemas < 40 {
		t.Errorf("%d schemas", schemas)
	}
}
