package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rondo.dev/rondo/internal/app"
	"rondo.dev/rondo/internal/door/api"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// askRows is how many rows go into one request.
const askRows = 5_000

// readRows reads a file of rows, in tables of at most askRows.
func readRows(ctx context.Context, file string, types map[string]column.Type, use func(*column.Table) error) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	return app.ReadRows(ctx, path, types, func(t *column.Table) error {
		for from := 0; from < t.Rows(); from += askRows {
			if err := use(t.Slice(from, min(from+askRows, t.Rows()))); err != nil {
				return err
			}
		}
		return nil
	})
}

type predictCmd struct {
	Model string `arg:"" help:"The model."`
	File  string `short:"f" required:"" help:"Rows: .csv, .json, .jsonl or .parquet. Columns known only with the outcome are left out."`
}

// Run asks, in the order of the file.
func (c *predictCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	shape, err := session.Shape(ctx, c.Model)
	if err != nil {
		return err
	}
	unused, err := session.unused(ctx, c.Model, shape)
	if err != nil {
		return err
	}
	types, local := requestTypes(shape)
	p := &printer{e: e, out: newTable(e.Out, "ID", "VERSION", "VALUE", "PROBABILITY", "OUTSIDE")}
	err = readRows(ctx, c.File, types, func(t *column.Table) error {
		answer, err := session.Predict(ctx, c.Model, asked(t, shape, unused), api.Ask{Local: local})
		if err != nil {
			return err
		}
		return p.add(answer)
	})
	if err != nil {
		return err
	}
	return p.end()
}

// unused are the columns that a model's declaration drops and no question needs.
func (s *session) unused(ctx context.Context, model string, shape *api.Shape) ([]string, error) {
	list, err := s.Get(ctx, "models", model)
	if err != nil || len(list.Models) == 0 || list.Models[0].Spec == nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Models[0].Spec.Data.Drop, func(name string) bool {
		return slices.ContainsFunc(shape.Request, func(f api.ShapeField) bool { return f.Name == name })
	}), nil
}

// requestTypes are the types of a model's columns, and its time where that is written without an offset: a short file
// would be read otherwise than the whole one was.
func requestTypes(shape *api.Shape) (types map[string]column.Type, local string) {
	types = make(map[string]column.Type, len(shape.Request))
	for _, f := range shape.Request {
		if t, err := column.ParseType(f.Type); err == nil {
			types[f.Name] = t
		}
		if f.Local {
			local = f.Name
		}
	}
	return types, local
}

// feedbackTypes are those of the columns that feedback may have: prediction ids, keys and outcomes.
func feedbackTypes(shape *api.Shape) (types map[string]column.Type, local string) {
	types, local = requestTypes(shape)
	outcomes := append([]api.ShapeField{{Name: shape.Target, Type: shape.Labels}}, shape.Outcomes...)
	for _, f := range outcomes {
		if t, err := column.ParseType(f.Type); err == nil {
			types[f.Name] = t
		}
	}
	if !slices.Contains(shape.Key, "id") {
		types["id"] = column.String
	}
	return types, local
}

// asked leaves out what a request cannot know, outcomes and the target, and what the model says it drops.
func asked(t *column.Table, shape *api.Shape, unused []string) *column.Table {
	out := &column.Table{}
	for i, name := range t.Names {
		outcome := name == shape.Target || slices.ContainsFunc(shape.Outcomes, func(f api.ShapeField) bool { return f.Name == name })
		if !outcome && !slices.Contains(unused, name) {
			out.Set(name, t.Columns[i])
		}
	}
	return out
}

// printer prints answers as they come: a table, or one JSON document at the end.
type printer struct {
	e    *env
	out  *table
	json []answered
}

// answered is one answer in JSON.
type answered struct {
	ID          string             `json:"id"`
	Version     int                `json:"version"`
	Value       any                `json:"value"` // bool, number, text, or null without a threshold
	Probability *float64           `json:"probability,omitempty"`
	Classes     map[string]float64 `json:"classes,omitempty"`
	Outside     []string           `json:"outside,omitempty"`
}

func (p *printer) add(a *api.Predictions) error {
	for i, id := range a.IDs {
		row := answered{ID: id, Version: a.Versions[i], Outside: a.Outside[i]}
		probability := ""
		switch {
		case a.Numbers != nil:
			row.Value = a.Numbers[i]
		case a.Classes != nil:
			row.Value, row.Classes = a.Classes[i], a.PerClass[i]
			probability = fmt.Sprintf("%.4f", a.PerClass[i][a.Classes[i]])
		default:
			row.Probability = &a.Probability[i]
			probability = fmt.Sprintf("%.4f", a.Probability[i])
			if a.Positive != nil {
				row.Value = a.Positive[i]
			}
		}
		if p.e.Output == "json" {
			p.json = append(p.json, row)
			continue
		}
		value := "-"
		if row.Value != nil {
			value = fmt.Sprint(row.Value)
			if x, ok := row.Value.(float64); ok {
				value = strconv.FormatFloat(x, 'g', 6, 64)
			}
		}
		p.out.row(id, fmt.Sprint(row.Version), value, probability, strings.Join(row.Outside, ","))
	}
	return nil
}

func (p *printer) end() error {
	if p.e.Output == "json" {
		return p.e.json(struct {
			Predictions []answered `json:"predictions"`
		}{p.json})
	}
	return p.out.flush()
}

type feedbackCmd struct {
	Model string `arg:"" help:"The model."`
	File  string `short:"f" required:"" help:"Outcomes: a column id (of the prediction) or the key's columns, and the target or the columns it is derived from."`
}

// Run says what was true.
func (c *feedbackCmd) Run(ctx context.Context, e *env) error {
	session, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer session.close()
	shape, err := session.Shape(ctx, c.Model)
	if err != nil {
		return err
	}
	types, local := feedbackTypes(shape)
	total, rows := api.Sent{}, 0
	err = readRows(ctx, c.File, types, func(t *column.Table) error {
		from := rows
		rows += t.Rows()
		sent, err := session.Feedback(ctx, c.Model, t, shape.Key, shape.Target, api.Ask{Local: local})
		if rondo.KindOf(err) == rondo.NotFound { // none of these rows was asked about; others may have been
			for i := range t.Rows() {
				total.Refused = append(total.Refused, api.Refusal{Index: from + i, Reason: err.Error()})
			}
			return nil
		}
		if err != nil {
			return err
		}
		total.Accepted += sent.Accepted
		for _, r := range sent.Refused {
			r.Index += from
			total.Refused = append(total.Refused, r)
		}
		return nil
	})
	if err != nil {
		if total.Accepted > 0 {
			return fmt.Errorf("after %d outcomes that were accepted: %w", total.Accepted, err)
		}
		return err
	}
	if err := e.show(total, func(w io.Writer) error {
		fmt.Fprintf(w, "%d outcomes accepted\n", total.Accepted)
		for _, r := range total.Refused {
			fmt.Fprintf(w, "row %d refused: %s\n", r.Index+1, r.Reason)
		}
		return nil
	}); err != nil {
		return err
	}
	if len(total.Refused) > 0 {
		return &exit{code: exitCodes[rondo.NotFound]}
	}
	return nil
}
