package api

import (
	"bytes"
	"unicode/utf8"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/serve"
)

// csvScanner reads RFC 4180 with commas. It tells an empty field (missing) from a quoted empty one (empty text).
type csvScanner struct {
	b       []byte
	at      int
	scratch []byte
}

// field reads one field; last says that the record ends with it.
func (s *csvScanner) field() (text []byte, quoted, last bool, err error) {
	if s.at < len(s.b) && s.b[s.at] == '"' {
		if text, err = s.quotes(); err != nil {
			return nil, false, false, err
		}
		quoted = true
	} else {
		start := s.at
		for s.at < len(s.b) && s.b[s.at] != ',' && s.b[s.at] != '\n' && s.b[s.at] != '"' {
			s.at++
		}
		text = s.b[start:s.at]
		if n := len(text); n > 0 && text[n-1] == '\r' && (s.at >= len(s.b) || s.b[s.at] == '\n') {
			text = text[:n-1]
		}
	}
	if s.at < len(s.b) && s.b[s.at] == '\r' && (s.at+1 == len(s.b) || s.b[s.at+1] == '\n') {
		s.at++
	}
	switch {
	case s.at >= len(s.b):
		return text, quoted, true, nil
	case s.b[s.at] == '\n':
		s.at++
		return text, quoted, true, nil
	case s.b[s.at] == ',':
		s.at++
		return text, quoted, false, nil
	}
	return nil, false, false, rondo.Errorf(rondo.Invalid, "CSV at byte %d: %q where a comma or the end of the line is expected", s.at, s.b[s.at])
}

// quotes reads a field in quotes; two quotes within are one.
func (s *csvScanner) quotes() ([]byte, error) {
	s.at++
	start := s.at
	i := bytes.IndexByte(s.b[s.at:], '"')
	if i >= 0 && (s.at+i+1 >= len(s.b) || s.b[s.at+i+1] != '"') {
		s.at += i + 1
		return s.b[start : start+i], nil
	}
	out := s.scratch[:0]
	defer func() { s.scratch = out[:0] }()
	for s.at < len(s.b) {
		c := s.b[s.at]
		s.at++
		if c != '"' {
			out = append(out, c)
			continue
		}
		if s.at >= len(s.b) || s.b[s.at] != '"' {
			return out, nil
		}
		out = append(out, '"')
		s.at++
	}
	return nil, rondo.Errorf(rondo.Invalid, "CSV ends within quotes that were opened at byte %d", start-1)
}

// csvRows reads a header line and rows.
func csvRows(body []byte, fields []serve.Field, limit int) (*column.Table, error) {
	b := newBuilder(fields, limit)
	s := &csvScanner{b: bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))}
	var order []int
	for last := false; !last; {
		name, _, end, err := s.field()
		if err != nil {
			return nil, err
		}
		i, err := b.find(name)
		if err == nil {
			err = b.claim(i)
		}
		if err != nil {
			return nil, err
		}
		order, last = append(order, i), end
	}
	clear(b.seen)
	for s.at < len(s.b) {
		if s.b[s.at] == '\n' || s.b[s.at] == '\r' && s.at+1 < len(s.b) && s.b[s.at+1] == '\n' {
			s.at += bytes.IndexByte(s.b[s.at:], '\n') + 1 // a blank line
			continue
		}
		if err := b.csvRow(s, order); err != nil {
			return nil, err
		}
	}
	if b.rows == 0 {
		return nil, noRows()
	}
	return b.table(), nil
}

func (b *builder) csvRow(s *csvScanner, order []int) error {
	if err := b.start(); err != nil {
		return err
	}
	for n, i := range order {
		text, quoted, last, err := s.field()
		if err != nil {
			return err
		}
		if err := b.claim(i); err != nil {
			return err
		}
		switch {
		case len(text) == 0 && !quoted:
			b.null(i)
		case b.fields[i].Type == column.String && !utf8.Valid(text):
			return b.wrong(b.fields[i].Name, "is not UTF-8")
		default:
			if err := b.value(i, text, true); err != nil {
				return err
			}
		}
		if last != (n == len(order)-1) {
			return rondo.Errorf(rondo.Invalid, "rows[%d] has %s fields than the header", b.rows, map[bool]string{true: "fewer", false: "more"}[last])
		}
	}
	return b.finish()
}
