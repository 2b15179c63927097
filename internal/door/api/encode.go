package api

import (
	"math"
	"strconv"
	"unicode/utf8"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/stage/serve"
)

// appendAnswer writes an answer: what Predictions reads.
func appendAnswer(b []byte, a *serve.Answer) []byte {
	b = append(b, `{"predictions":[`...)
	for i := range a.Predictions {
		p := &a.Predictions[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		if p.ID.Logged {
			b = append(b, '"')
			b = p.ID.Append(b)
			b = append(b, '"')
		} else {
			b = append(b, "null"...)
		}
		b = append(b, `,"version":`...)
		b = strconv.AppendInt(b, int64(p.Version.Number), 10)
		b = appendValue(b, a.Kind, p)
		if len(p.Outside) > 0 {
			b = append(b, `,"outside":`...)
			b = appendStrings(b, p.Outside)
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if len(a.Degraded) > 0 {
		b = append(b, `,"degraded":`...)
		b = appendStrings(b, a.Degraded)
	}
	if a.Repeated {
		b = append(b, `,"repeated":true`...)
	}
	return append(b, "}\n"...)
}

// appendValue writes value and probability by the kind of the task (D19).
func appendValue(b []byte, kind rondo.TaskKind, p *serve.Prediction) []byte {
	b = append(b, `,"value":`...)
	switch kind {
	case rondo.Binary:
		if positive, ok := p.Positive(); ok {
			b = strconv.AppendBool(b, positive)
		} else {
			b = append(b, "null"...)
		}
		b = append(b, `,"probability":`...)
		return appendFloat(b, p.Outputs[0])
	case rondo.Multiclass:
		b = appendString(b, p.Class())
		b = append(b, `,"probability":{`...)
		for k, class := range p.Version.Program.Classes() {
			if k > 0 {
				b = append(b, ',')
			}
			b = appendString(b, class)
			b = append(b, ':')
			b = appendFloat(b, p.Outputs[k])
		}
		return append(b, '}')
	}
	return appendFloat(b, p.Outputs[0])
}

// appendFloat writes the shortest number that reads back to the same bits.
func appendFloat(b []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, x, 'g', -1, 64)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string; what is not UTF-8 is replaced.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			b = append(append(b, s[start:i]...), "\ufffd"...)
		} else {
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendCell writes row i of a column as rows.go reads it. local: timestamps without an offset.
func appendCell(b []byte, v *column.Vector, i int, local bool) []byte {
	if v.IsNull(i) {
		return append(b, "null"...)
	}
	switch v.Type {
	case column.Bool:
		return strconv.AppendBool(b, v.Bools[i])
	case column.Float64:
		return appendFloat(b, v.Floats[i])
	case column.String:
		return appendString(b, v.Strings[i])
	case column.Timestamp:
		b = append(b, '"')
		b = appendInstant(b, v.Ints[i])
		if !local {
			b = append(b, 'Z')
		}
		return append(b, '"')
	}
	if x := v.Ints[i]; x > exactInt || x < -exactInt {
		b = append(b, '"')
		b = strconv.AppendInt(b, x, 10)
		return append(b, '"')
	}
	return strconv.AppendInt(b, v.Ints[i], 10)
}

// appendInstant writes microseconds as 2001-01-31T23:59:59, with a fraction where there is one.
func appendInstant(b []byte, us int64) []byte {
	const day = 86_400_000_000
	days := us / day
	if us -= days * day; us < 0 {
		days, us = days-1, us+day
	}
	year, month, dayOfMonth := civil(days)
	b = pad(b, year, 4)
	b = append(pad(append(b, '-'), month, 2), '-')
	b = append(pad(b, dayOfMonth, 2), 'T')
	seconds := int(us / 1e6)
	b = append(pad(b, seconds/3600, 2), ':')
	b = append(pad(b, seconds/60%60, 2), ':')
	b = pad(b, seconds%60, 2)
	if micro := int(us % 1e6); micro > 0 {
		b = pad(append(b, '.'), micro, 6)
	}
	return b
}

func pad(b []byte, n, width int) []byte {
	for unit := pow10[width-1]; unit > 0; unit /= 10 {
		b = append(b, byte('0'+n/unit%10))
	}
	return b
}

var pow10 = [...]int{1, 10, 100, 1000, 10_000, 100_000}

// civil is the inverse of daysSince1970.
func civil(days int64) (year, month, day int) {
	days += 719468
	era := days / 146097
	if days < 0 {
		era = (days - 146096) / 146097
	}
	ofEra := days - era*146097
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/146096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*ofYear + 2) / 153
	day = int(ofYear - (153*shifted+2)/5 + 1)
	month = int(shifted+2)%12 + 1
	year = int(yearOfEra + era*400)
	if month <= 2 {
		year++
	}
	return year, month, day
}

// appendRows writes {"rows": [...]} of a table. local names the column whose timestamps have no offset.
func appendRows(b []byte, t *column.Table, local string) []byte {
	names := make([][]byte, len(t.Names))
	for c, name := range t.Names {
		names[c] = append(appendString(nil, name), ':')
		if c > 0 {
			names[c] = append([]byte{','}, names[c]...)
		}
	}
	b = append(b, `{"rows":[`...)
	for i := range t.Rows() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		for c, v := range t.Columns {
			b = append(b, names[c]...)
			b = appendCell(b, v, i, t.Names[c] == local)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
