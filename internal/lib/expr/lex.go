package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	endToken      tokenKind = iota
	wordToken               // text as written; keywords are words too
	quotedToken             // a "quoted column", unescaped in text
	stringToken             // a 'string', unescaped in text
	intToken                // digits
	floatToken              // digits with point or exponent
	durationToken           // digits with a unit
	symbolToken             // an operator or bracket
)

type token struct {
	kind   tokenKind
	text   string
	at     int // byte offset
	length int
}

// is says whether the token is the symbol or, in any case, the keyword s.
func (t token) is(s string) bool {
	return t.kind == symbolToken && t.text == s || t.kind == wordToken && strings.EqualFold(t.text, s)
}

func (t token) describe() string {
	switch t.kind {
	case endToken:
		return "the end"
	case stringToken:
		return "the text '" + t.text + "'"
	default:
		return fmt.Sprintf("%q", t.text)
	}
}

var units = map[string]int64{"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6, "d": 86400e6}

type lexer struct {
	text string
	at   int
	bar  bool // bars: words may hold a hyphen before a letter (log-loss), and $ stands before money
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

func (l *lexer) peek(ahead int) byte {
	if l.at+ahead < len(l.text) {
		return l.text[l.at+ahead]
	}
	return 0
}

// lex cuts the whole text into tokens, the last one an endToken.
func lex(text string, bar bool) ([]token, error) {
	if len(text) > MaxBytes {
		return nil, &Error{MaxBytes, fmt.Sprintf("an expression has at most %d bytes; this one has %d", MaxBytes, len(text))}
	}
	if i := invalidUTF8(text); i >= 0 {
		return nil, &Error{i, "this is not UTF-8 text"}
	}
	l := &lexer{text: text, bar: bar}
	var out []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		t.length = l.at - t.at
		out = append(out, t)
		if t.kind == endToken {
			return out, nil
		}
	}
}

func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size <= 1 {
				return i
			}
		}
	}
	return -1
}

func (l *lexer) next() (token, error) {
	for strings.IndexByte(" \t\r\n", l.peek(0)) >= 0 && l.at < len(l.text) {
		l.at++
	}
	start := l.at
	if start == len(l.text) {
		return token{kind: endToken, at: start}, nil
	}
	switch c := l.peek(0); {
	case isLetter(c):
		return l.word(), nil
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		return l.number()
	case c == '\'':
		text, err := l.quoted('\'', "string")
		return token{kind: stringToken, text: text, at: start}, err
	case c == '"':
		text, err := l.quoted('"', "column name")
		if err == nil && text == "" {
			err = &Error{start, "a column name is empty"}
		}
		return token{kind: quotedToken, text: text, at: start}, err
	}
	return l.symbol()
}

func (l *lexer) word() token {
	start := l.at
	for isLetter(l.peek(0)) || isDigit(l.peek(0)) || l.bar && l.peek(0) == '-' && isLetter(l.peek(1)) {
		l.at++
	}
	return token{kind: wordToken, text: l.text[start:l.at], at: start}
}

func (l *lexer) digits() {
	for isDigit(l.peek(0)) {
		l.at++
	}
}

func (l *lexer) number() (token, error) {
	start, kind := l.at, intToken
	l.digits()
	if l.peek(0) == '.' && isDigit(l.peek(1)) {
		kind = floatToken
		l.at++
		l.digits()
	}
	if c := l.peek(0) | 0x20; c == 'e' {
		sign := 1
		if l.peek(1) == '+' || l.peek(1) == '-' {
			sign = 2
		}
		if isDigit(l.peek(sign)) {
			kind = floatToken
			l.at += sign
			l.digits()
		}
	}
	suffix := l.at
	for isLetter(l.peek(0)) || isDigit(l.peek(0)) {
		l.at++
	}
	if unit := l.text[suffix:l.at]; unit != "" {
		if _, ok := units[unit]; !ok {
			return token{}, &Error{suffix, fmt.Sprintf("%q is no unit of time; write us, ms, s, m, h or d, as in 15m or 3h", unit)}
		}
		if kind == floatToken && !l.bar {
			return token{}, &Error{start, fmt.Sprintf("a duration is a whole number of its unit; write %q in a smaller unit", l.text[start:l.at])}
		}
		kind = durationToken
	}
	return token{kind: kind, text: l.text[start:l.at], at: start}, nil
}

func (l *lexer) quoted(quote byte, what string) (string, error) {
	start := l.at
	l.at++
	var b strings.Builder
	for l.at < len(l.text) {
		c := l.text[l.at]
		l.at++
		if c != quote {
			b.WriteByte(c)
			continue
		}
		if l.peek(0) != quote {
			return b.String(), nil
		}
		b.WriteByte(quote)
		l.at++
	}
	return "", &Error{start, fmt.Sprintf("a %s starts here and is not closed", what)}
}

func (l *lexer) symbol() (token, error) {
	start, rest := l.at, l.text[l.at:]
	if strings.HasPrefix(rest, "--") {
		return token{}, &Error{start, "SQL reads -- as a comment; write - (-x)"}
	}
	if strings.HasPrefix(rest, "==") {
		return token{}, &Error{start, `equality is one "="`}
	}
	for _, s := range []string{"!=", "<>", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ","} {
		if strings.HasPrefix(rest, s) {
			l.at += len(s)
			return token{kind: symbolToken, text: s, at: start}, nil
		}
	}
	if rest[0] == '$' && l.bar {
		l.at++
		return token{kind: symbolToken, text: "$", at: start}, nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	hint := ""
	switch {
	case strings.HasPrefix(rest, "&&"):
		hint = `; write "and"`
	case strings.HasPrefix(rest, "||"):
		hint = `; write "or", or concat(...) for text`
	case r == '!':
		hint = `; write "not"`
	case r == '\u2018' || r == '\u2019':
		hint = "; text stands in straight quotes: 'text'"
	}
	return token{}, &Error{start, fmt.Sprintf("%q has no meaning here%s", r, hint)}
}
