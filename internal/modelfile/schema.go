package modelfile

import (
	"encoding/json"
	"fmt"
)

// schema is the part of JSON Schema (draft 2020-12) that a model file needs.
type schema struct {
	Version     string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Additional  *additional        `json:"additionalProperties,omitempty"`
	Required    []string           `json:"required,omitempty"`
}

// additional is what fields beside the named ones may be; nil inside: there are none.
type additional struct{ schema *schema }

func (a additional) MarshalJSON() ([]byte, error) {
	if a.schema == nil {
		return []byte("false"), nil
	}
	return json.Marshal(a.schema)
}

// objectSchema leaves out what this installation refuses: an editor does not offer it and marks it.
func objectSchema(fields []field) schema {
	s := schema{Type: "object", Properties: make(map[string]*schema), Additional: &additional{}}
	for _, f := range fields {
		if f.refused != "" {
			continue
		}
		one := f.form.schema
		if f.read == nil {
			one = objectSchema(f.fields)
		}
		one.Description = f.doc
		if f.preset != "" {
			one.Description += " (default: " + f.preset + ")"
		}
		s.Properties[f.name] = &one
		if f.required {
			s.Required = append(s.Required, f.name)
		}
	}
	return s
}

// Schema is the JSON Schema of a model file, so that editors complete and check it.
func Schema() []byte {
	s := objectSchema(document().fields)
	s.Version, s.Title = "https://json-schema.org/draft/2020-12/schema", "Rondo model file"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil { // strings, lists and maps of them always marshal
		panic(fmt.Sprintf("marshal the schema: %v", err))
	}
	return append(b, '\n')
}
