package api

import (
	"fmt"
	"slices"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/nearest"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/serve"
)

// labelReader reads {"labels": [{"id" | "key": {...}, "label": ... | "values": {...}}, ...]}.
type labelReader struct {
	shape               *serve.Shape
	s                   *scanner
	key, target, values *builder
	ids                 []serve.ID
	byKey               bool
	told, derived       bool // some label gave the target; some gave values
}

func readLabels(body []byte, shape *serve.Shape, limit int) (*serve.Labels, error) {
	l := &labelReader{shape: shape, s: &scanner{b: body}}
	keys := append([]serve.Field(nil), shape.Key...)
	for i := range keys {
		keys[i].Required = false // only in labels by key; see one
	}
	target := shape.Target
	target.Name, target.Required = "label", false
	l.key, l.target, l.values = newBuilder(keys, limit), newBuilder([]serve.Field{target}, limit), newBuilder(shape.Labels, limit)
	for _, b := range []*builder{l.key, l.target, l.values} {
		b.title = "labels"
	}
	given := false
	err := l.s.object(func(name []byte) error {
		if string(name) != "labels" {
			return &rondo.Error{Kind: rondo.Invalid, Field: clip(string(name)), Message: "unknown field" + nearest.Hint(string(name), []string{"labels"})}
		}
		if given {
			return &rondo.Error{Kind: rondo.Invalid, Field: "labels", Message: "given twice"}
		}
		given = true
		return l.s.array(l.one)
	})
	if err == nil {
		err = l.s.end()
	}
	if err != nil {
		return nil, err
	}
	return l.labels()
}

// labels is what was read.
func (l *labelReader) labels() (*serve.Labels, error) {
	switch {
	case len(l.ids) == 0:
		return nil, &rondo.Error{Kind: rondo.Invalid, Field: "labels", Message: "no labels"}
	case l.told && l.derived && !l.shape.TargetIsLabel:
		return nil, bothOutcomes("label", "values")
	}
	out := &serve.Labels{IDs: l.ids, Outcome: l.values.table()}
	if l.byKey {
		out.Keys = l.key.table()
	}
	if l.told {
		told := l.target.table().Columns[0]
		if before := out.Outcome.Column(l.shape.Target.Name); before != nil { // some named it under values
			told = either(told, before)
		}
		out.Outcome.Set(l.shape.Target.Name, told)
	}
	return out, nil
}

// either is a where it is not missing, else b.
func either(a, b *column.Vector) *column.Vector {
	joined := &column.Vector{Type: a.Type}
	rows := make([]int32, a.Len())
	for i := range rows {
		if rows[i] = int32(i); a.IsNull(i) {
			rows[i] += int32(a.Len())
		}
	}
	_ = joined.Append(a) // of one type
	_ = joined.Append(b)
	return joined.Take(rows)
}

// one reads the i-th label.
func (l *labelReader) one(i int) error {
	for _, b := range []*builder{l.key, l.target, l.values} {
		if err := b.start(); err != nil {
			return err
		}
	}
	var id serve.ID
	var hasID, hasKey, hasLabel, hasValues bool
	err := l.s.object(func(name []byte) error {
		switch string(name) {
		case "id":
			if hasID {
				return l.wrong(i, "id", "given twice")
			}
			hasID = true
			text, err := l.s.text()
			if err != nil {
				return l.wrong(i, "id", "is a string, as a prediction gave it")
			}
			if id, err = serve.ParseID(string(text)); err != nil {
				return l.wrong(i, "id", err.Error())
			}
			return nil
		case "key":
			if hasKey {
				return l.wrong(i, "key", "given twice")
			}
			hasKey = true
			return l.fields(l.key)
		case "label":
			if hasLabel {
				return l.wrong(i, "label", "given twice")
			}
			hasLabel = true
			if err := l.target.claim(0); err != nil {
				return err
			}
			return l.target.jsonValue(l.s, 0)
		case "values":
			if hasValues {
				return l.wrong(i, "values", "given twice")
			}
			hasValues = true
			return l.fields(l.values)
		}
		return l.wrong(i, clip(string(name)), "unknown field"+nearest.Hint(string(name), []string{"id", "key", "label", "values"}))
	})
	switch {
	case err != nil:
		return err
	case hasID == hasKey:
		return l.wrong(i, "id", "a label is about an id or a key, one of them")
	case hasLabel == hasValues:
		return l.wrong(i, "label", "a label gives the target as label, or the columns it is derived from as values, one of them")
	case hasValues && !slices.Contains(l.values.seen, i+1):
		return l.wrong(i, "values", "names no column")
	case hasKey && len(l.shape.Key) == 0:
		return l.wrong(i, "key", "the model declares no key; send the id")
	}
	for f, field := range l.shape.Key {
		if hasKey && field.Required && l.key.seen[f] != i+1 {
			return l.wrong(i, "key."+field.Name, "is missing")
		}
	}
	l.ids = append(l.ids, id)
	l.byKey, l.told, l.derived = l.byKey || hasKey, l.told || hasLabel, l.derived || hasValues
	for _, b := range []*builder{l.key, l.target, l.values} {
		if err := b.finish(); err != nil {
			return err
		}
	}
	return nil
}

func (l *labelReader) fields(b *builder) error {
	return l.s.object(func(name []byte) error {
		f, err := b.find(name)
		if err == nil {
			err = b.claim(f)
		}
		if err != nil {
			return err
		}
		return b.jsonValue(l.s, f)
	})
}

func (l *labelReader) wrong(i int, field, message string) error {
	return &rondo.Error{Kind: rondo.Invalid, Field: fmt.Sprintf("labels[%d].%s", i, field), Message: message}
}
