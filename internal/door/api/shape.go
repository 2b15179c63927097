package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"rondo.dev/rondo/internal/stage/serve"
)

// Shape is what a model is asked with, for whoever writes requests.
type Shape struct {
	Model    string       `json:"model"`
	Task     string       `json:"task"`
	Target   string       `json:"target"`
	Labels   string       `json:"labels"` // the target's type
	Request  []ShapeField `json:"request"`
	Outcomes []ShapeField `json:"outcomes"` // columns that feedback may name under values
	Key      []string     `json:"key,omitempty"`
}

// ShapeField is a column of requests. Local: an instant is written without an offset.
type ShapeField struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Local    bool   `json:"local,omitempty"`
}

func shapeFields(fields []serve.Field) []ShapeField {
	out := make([]ShapeField, len(fields))
	for i, f := range fields {
		out[i] = ShapeField{Name: f.Name, Type: f.Type.String(), Required: f.Required, Local: f.Zone == serve.LocalTime}
	}
	return out
}

func (s *Server) shape(w http.ResponseWriter, r *http.Request, _ string) error {
	shape, err := s.opt.Serve.Shape(r.PathValue("model"))
	if err != nil {
		return err
	}
	out := Shape{Model: shape.Model, Task: string(shape.Kind), Target: shape.Target.Name, Labels: shape.Target.Type.String(),
		Request: shapeFields(shape.Request), Outcomes: shapeFields(shape.Labels)}
	for _, k := range shape.Key {
		out.Key = append(out.Key, k.Name)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("write the shape: %w", err)
	}
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(append(b, '\n')) // the caller is gone
	return nil
}

// Shape asks what a model is asked with.
func (c *Client) Shape(ctx context.Context, model string) (*Shape, error) {
	return say[*Shape](ctx, c, http.MethodGet, callPath(model, "shape"), nil)
}
