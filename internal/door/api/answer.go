package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// decode reads an answer of the server's own.
func decode[T any](body []byte) (T, error) {
	var out T
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("read the server's answer: %w", err)
	}
	return out, nil
}

func readSent(body []byte) (*Sent, error) { return decode[*Sent](body) }

// readPredictions reads what appendAnswer wrote.
func readPredictions(body []byte) (*Predictions, error) {
	p := &Predictions{Raw: body}
	s := &scanner{b: body}
	rows := bytes.Count(body, []byte(`"id":`))
	p.IDs, p.Versions, p.Probability = make([]string, 0, rows), make([]int, 0, rows), make([]float64, 0, rows)
	err := s.object(func(name []byte) error {
		switch string(name) {
		case "predictions":
			return s.array(func(int) error { return p.readOne(s) })
		case "degraded":
			list, err := s.strings()
			p.Degraded = list
			return err
		case "repeated":
			p.Repeated = s.word("true")
			return nil
		}
		return s.fail("unknown field %.40q", name)
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if missing := len(p.IDs) - len(p.Outside); missing > 0 {
		p.Outside = append(p.Outside, make([][]string, missing)...)
	}
	return p, nil
}

func (s *scanner) strings() (out []string, err error) {
	err = s.array(func(int) error {
		text, err := s.text()
		out = append(out, string(text))
		return err
	})
	return out, err
}

func (s *scanner) float() (float64, error) {
	text, err := s.number()
	if err != nil {
		return 0, err
	}
	x, ok := parseFloat(text)
	if !ok {
		return 0, s.fail("%.40q is no number", text)
	}
	return x, nil
}

func (p *Predictions) readOne(s *scanner) error {
	i := len(p.IDs)
	p.IDs, p.Versions = append(p.IDs, ""), append(p.Versions, 0)
	return s.object(func(name []byte) error {
		switch string(name) {
		case "id":
			if s.word("null") {
				return nil
			}
			text, err := s.text()
			p.IDs[i] = string(text)
			return err
		case "version":
			text, err := s.number()
			if err == nil {
				p.Versions[i], err = strconv.Atoi(string(text))
			}
			return err
		case "value":
			return p.readValue(s, i)
		case "probability":
			if s.peek() == '{' {
				return p.readClasses(s, i)
			}
			x, err := s.float()
			p.Probability = append(p.Probability, x)
			return err
		case "outside":
			list, err := s.strings()
			for len(p.Outside) < i {
				p.Outside = append(p.Outside, nil)
			}
			p.Outside = append(p.Outside, list)
			return err
		}
		return s.fail("unknown field %.40q", name)
	})
}

func (p *Predictions) readValue(s *scanner, i int) error {
	switch c := s.peek(); {
	case s.word("null"):
		return nil
	case s.word("true"):
		p.Positive = append(p.Positive, true)
		return nil
	case s.word("false"):
		p.Positive = append(p.Positive, false)
		return nil
	case c == '"':
		text, err := s.text()
		p.Classes = append(p.Classes, string(text))
		return err
	}
	x, err := s.float()
	p.Numbers = append(p.Numbers, x)
	return err
}

func (p *Predictions) readClasses(s *scanner, i int) error {
	classes := map[string]float64{}
	err := s.object(func(name []byte) error {
		class := string(name)
		x, err := s.float()
		classes[class] = x
		return err
	})
	p.PerClass = append(p.PerClass, classes)
	return err
}

// say says a verb with a JSON body, or none, and reads what it gives.
func say[Out any](ctx context.Context, c *Client, method, path string, body any) (Out, error) {
	var none Out
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return none, fmt.Errorf("write the request: %w", err)
		}
	}
	answer, err := c.Call(ctx, method, path, "", b)
	if err != nil {
		return none, err
	}
	return decode[Out](answer)
}
