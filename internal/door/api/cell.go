package api

import (
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/stage/serve"
)

// How values are written is the same in JSON, JSON lines and CSV (R12), so one table gives equal bits through every door:
//	bool       true, false
//	int64      digits; 1.0 is 1; beyond 2^53 in JSON as a string, because many programs round such numbers
//	float64    a decimal number; NaN and infinities are refused; -0 is 0
//	string     text in UTF-8
//	timestamp  2001-01-31T23:59:59.123456 with Z or an offset, or without (see serve.Zone); a blank for the T is fine
//	duration   microseconds, as int64
//	missing    null; in CSV an empty field without quotes

// exactInt is the largest integer up to which every integer is a float64.
const exactInt = 1 << 53

// parseInt reads digits, or a number whose fraction is zero.
func parseInt(b []byte) (x int64, ok bool) {
	s := unsafe.String(unsafe.SliceData(b), len(b))
	if x, err := strconv.ParseInt(s, 10, 64); err == nil {
		return x, b[0] != '+'
	}
	f, ok := parseFloat(b)
	if !ok || f != math.Trunc(f) || math.Abs(f) > exactInt {
		return 0, false
	}
	return int64(f), true
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parseFloat reads a decimal number, correctly rounded. Numbers of few digits take the short way: both operands are exact,
// so one operation rounds once (Clinger 1990).
func parseFloat(b []byte) (float64, bool) {
	i, negative := 0, false
	if len(b) > 0 && b[0] == '-' {
		negative, i = true, 1
	}
	mantissa, scale, digits := uint64(0), 0, 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9' && digits < 18; i++ {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		digits++
	}
	if i < len(b) && b[i] == '.' && digits > 0 {
		i++
		for ; i < len(b) && b[i] >= '0' && b[i] <= '9' && digits < 18; i++ {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			digits++
			scale++
		}
		if scale == 0 && (i == len(b) || b[i] < '0' || b[i] > '9') {
			return 0, false
		}
	}
	if i == len(b) && digits > 0 && mantissa < exactInt && scale < len(tens) {
		x := float64(mantissa) / tens[scale]
		if negative && x != 0 {
			x = -x
		}
		return x, true
	}
	for _, c := range b { // what ParseFloat also reads: words, hexadecimals, underscores
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	if err != nil {
		return 0, false
	}
	return x + 0, true // -0 becomes 0
}

// parseInstant reads a time into microseconds, as wall-clock time where it has no offset.
func parseInstant(b []byte, zone serve.Zone) (us int64, err error) {
	us, offset, rest, ok := parseLocal(b)
	if !ok {
		return 0, fmt.Errorf("%.40q is no time; write it as 2001-01-31T23:59:59", b)
	}
	switch {
	case len(rest) == 0 && zone == serve.WithOffset:
		return 0, fmt.Errorf("%.40q needs Z or an offset", b)
	case len(rest) > 0 && zone == serve.LocalTime:
		return 0, fmt.Errorf("%.40q is local time and takes no offset", b)
	}
	return us - offset, nil
}

// parseLocal reads date, time of day and offset; rest is the offset's text.
func parseLocal(b []byte) (us, offset int64, rest []byte, ok bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, 0, nil, false
	}
	year, ok1 := decimal(b[:4])
	month, ok2 := decimal(b[5:7])
	day, ok3 := decimal(b[8:10])
	if !ok1 || !ok2 || !ok3 || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, 0, nil, false
	}
	us = daysSince1970(year, month, day) * 86_400_000_000
	b = b[10:]
	if len(b) == 0 {
		return us, 0, nil, true
	}
	if b[0] != 'T' && b[0] != ' ' || len(b) < 6 || b[3] != ':' {
		return 0, 0, nil, false
	}
	hour, ok1 := decimal(b[1:3])
	minute, ok2 := decimal(b[4:6])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, 0, nil, false
	}
	us += int64(hour*3600+minute*60) * 1e6
	b = b[6:]
	if len(b) >= 3 && b[0] == ':' {
		second, ok := decimal(b[1:3])
		if !ok || second > 59 {
			return 0, 0, nil, false
		}
		us += int64(second) * 1e6
		if b = b[3:]; len(b) > 0 && b[0] == '.' {
			var micro int64
			if micro, b, ok = fraction(b[1:]); !ok {
				return 0, 0, nil, false
			}
			us += micro
		}
	}
	offset, ok = parseOffset(b)
	return us, offset, b, ok
}

// fraction reads the digits of a second's fraction; finer than a microsecond is no time of ours.
func fraction(b []byte) (us int64, rest []byte, ok bool) {
	unit := int64(100_000)
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if unit == 0 && b[i] != '0' {
			return 0, nil, false
		}
		us += int64(b[i]-'0') * unit
		unit /= 10
	}
	return us, b[i:], i > 0
}

// parseOffset reads nothing, Z, +HH:MM, +HHMM or +HH.
func parseOffset(b []byte) (us int64, ok bool) {
	switch {
	case len(b) == 0, len(b) == 1 && (b[0] == 'Z' || b[0] == 'z'):
		return 0, true
	case b[0] != '+' && b[0] != '-' || len(b) < 3:
		return 0, false
	}
	hour, ok1 := decimal(b[1:3])
	minute, ok2 := 0, true
	switch rest := b[3:]; {
	case len(rest) == 0:
	case len(rest) == 3 && rest[0] == ':':
		minute, ok2 = decimal(rest[1:])
	case len(rest) == 2:
		minute, ok2 = decimal(rest)
	default:
		return 0, false
	}
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, false
	}
	if us = int64(hour*3600+minute*60) * 1e6; b[0] == '-' {
		us = -us
	}
	return us, true
}

func decimal(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func daysIn(year, month int) int {
	switch {
	case month == 2 && (year%4 == 0 && year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// daysSince1970 counts days of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms", 2013).
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := year / 400
	ofEra := year - era*400
	ofYear := (153*((month+9)%12)+2)/5 + day - 1
	return int64(era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468)
}

// cell appends one value to a column that is being built. quoted: the text was a string in JSON.
func cell(v *column.Vector, f *serve.Field, text []byte, quoted bool) error {
	switch f.Type {
	case column.String:
		if n := len(v.Strings); n > 0 && v.Strings[n-1] == string(text) {
			v.Strings = append(v.Strings, v.Strings[n-1]) // a run of equal values is held once
		} else {
			v.Strings = append(v.Strings, string(text))
		}
		return nil
	case column.Timestamp:
		us, err := parseInstant(text, f.Zone)
		v.Ints = append(v.Ints, us)
		return err
	case column.Float64:
		x, ok := parseFloat(text)
		if !ok || math.IsInf(x, 0) {
			return fmt.Errorf("%.40q is no number that float64 holds", text)
		}
		v.Floats = append(v.Floats, x)
		return nil
	case column.Bool:
		switch string(text) {
		case "true":
			v.Bools = append(v.Bools, true)
		case "false":
			v.Bools = append(v.Bools, false)
		default:
			return fmt.Errorf("%.40q is neither true nor false", text)
		}
		return nil
	}
	if len(text) == 0 {
		return fmt.Errorf("\"\" is no integer")
	}
	x, ok := parseInt(text)
	if !ok {
		return fmt.Errorf("%.40q is no integer of 64 bits", text)
	}
	if !quoted && (x > exactInt || x < -exactInt) {
		return fmt.Errorf("%d is beyond 2^53; send it as a string", x)
	}
	v.Ints = append(v.Ints, x)
	return nil
}
