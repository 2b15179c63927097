package api

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"rondo.dev/rondo/internal/rondo"
)

// scanner reads JSON (RFC 8259) from bytes that a stranger sent. It holds no more than one unescaped string.
type scanner struct {
	b       []byte
	at      int
	scratch []byte
	depth   int
}

func (s *scanner) fail(format string, args ...any) error {
	return rondo.Errorf(rondo.Invalid, "JSON at byte %d: %s", s.at, fmt.Sprintf(format, args...))
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek is the next byte that is no space; 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at >= len(s.b) {
		return 0
	}
	return s.b[s.at]
}

// take reads c if it is next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) expect(c byte) error {
	if s.take(c) {
		return nil
	}
	if s.at >= len(s.b) {
		return s.fail("ends where %q is expected", c)
	}
	return s.fail("%q where %q is expected", s.b[s.at], c)
}

// end says whether nothing is left.
func (s *scanner) end() error {
	if s.peek(); s.at < len(s.b) {
		return s.fail("%q after the end", s.b[s.at])
	}
	return nil
}

// text reads a string. The result is valid until the next call.
func (s *scanner) text() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start := s.at
	ascii := true
	for s.at < len(s.b) {
		switch c := s.b[s.at]; {
		case c == '"':
			out := s.b[start:s.at]
			s.at++
			if !ascii && !utf8.Valid(out) {
				return nil, s.fail("a string is not UTF-8")
			}
			return out, nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, s.fail("a control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		s.at++
	}
	return nil, s.fail("ends within a string")
}

// escaped goes on with a string that has an escape; it began at start.
func (s *scanner) escaped(start int) ([]byte, error) {
	out := append(s.scratch[:0], s.b[start:s.at]...)
	defer func() { s.scratch = out[:0] }()
	for s.at < len(s.b) {
		c := s.b[s.at]
		s.at++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return nil, s.fail("a string is not UTF-8")
			}
			return out, nil
		case c < ' ':
			return nil, s.fail("a control character in a string")
		case c != '\\':
			out = append(out, c)
			continue
		}
		if s.at >= len(s.b) {
			break
		}
		c = s.b[s.at]
		s.at++
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, err := s.unicode()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, s.fail("unknown escape \\%c", c)
		}
	}
	return nil, s.fail("ends within a string")
}

// unicode reads the four digits behind \u, and a second escape where the first is half of a pair.
func (s *scanner) unicode() (rune, error) {
	r, ok := s.hex4()
	if !ok {
		return 0, s.fail("\\u needs four hexadecimal digits")
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if s.at+1 < len(s.b) && s.b[s.at] == '\\' && s.b[s.at+1] == 'u' {
		s.at += 2
		if low, ok := s.hex4(); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, nil
			}
		}
	}
	return 0, s.fail("half of a surrogate pair")
}

func (s *scanner) hex4() (rune, bool) {
	if s.at+4 > len(s.b) {
		return 0, false
	}
	r := rune(0)
	for range 4 {
		c := s.b[s.at]
		s.at++
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// number reads a number's characters, strictly as JSON writes them.
func (s *scanner) number() ([]byte, error) {
	s.space()
	start := s.at
	if s.at < len(s.b) && s.b[s.at] == '-' {
		s.at++
	}
	switch {
	case s.at < len(s.b) && s.b[s.at] == '0':
		s.at++
	case !s.digits():
		s.at = start
		return nil, s.fail("a number is expected")
	}
	if s.at < len(s.b) && s.b[s.at] == '.' {
		s.at++
		if !s.digits() {
			return nil, s.fail("a digit is expected behind the point")
		}
	}
	if s.at < len(s.b) && (s.b[s.at] == 'e' || s.b[s.at] == 'E') {
		s.at++
		if s.at < len(s.b) && (s.b[s.at] == '+' || s.b[s.at] == '-') {
			s.at++
		}
		if !s.digits() {
			return nil, s.fail("a digit is expected in the exponent")
		}
	}
	return s.b[start:s.at], nil
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// word reads true, false or null if it is next.
func (s *scanner) word(w string) bool {
	s.space()
	if len(s.b)-s.at < len(w) || string(s.b[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

// object calls field for each name of an object; field reads the value. The name is valid until then.
func (s *scanner) object(field func(name []byte) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.depth++; s.depth > 8 {
		return s.fail("nested too deeply")
	}
	defer func() { s.depth-- }()
	if s.take('}') {
		return nil
	}
	for {
		name, err := s.text()
		if err != nil {
			return err
		}
		// The name may lie in scratch, which the value may need: names with escapes are copied.
		if len(s.scratch) == 0 && cap(s.scratch) > 0 && len(name) > 0 && &name[0] == &s.scratch[:1][0] {
			name = append([]byte(nil), name...)
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := field(name); err != nil {
			return err
		}
		if s.take('}') {
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}

// array calls element for each element of an array; element reads it.
func (s *scanner) array(element func(i int) error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if s.depth++; s.depth > 8 {
		return s.fail("nested too deeply")
	}
	defer func() { s.depth-- }()
	if s.take(']') {
		return nil
	}
	for i := 0; ; i++ {
		if err := element(i); err != nil {
			return err
		}
		if s.take(']') {
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}
