package transform

import "time"

// ParseTime reads "2001-01-31T23:59:59.123456" with a blank for the T if one likes, seconds and fraction or the whole
// time of day left out if one likes, and Z or an offset behind it: then zoned is true and the result is an instant. Else
// it is local, written as if it were UTC.
func ParseTime(s string) (us int64, zoned, ok bool) {
	date := len(s) >= 10 && s[4] == '-' && s[7] == '-'
	if !date {
		return 0, false, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 || year == 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false, false
	}
	us = time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).UnixMicro()
	rest := s[10:]
	if rest == "" {
		return us, false, true
	}
	if rest[0] != 'T' && rest[0] != ' ' && rest[0] != 't' {
		return 0, false, false
	}
	clock, rest, ok := parseClock(rest[1:])
	if !ok {
		return 0, false, false
	}
	offset, zoned, ok := parseOffset(rest)
	return us + clock - offset, zoned, ok
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// parseClock reads HH:MM[:SS[.ffffff]].
func parseClock(s string) (us int64, rest string, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, "", false
	}
	hour, ok1 := digits(s[:2])
	minute, ok2 := digits(s[3:5])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, "", false
	}
	us, s = int64(hour*3600+minute*60)*1e6, s[5:]
	if len(s) < 3 || s[0] != ':' {
		return us, s, true
	}
	second, ok3 := digits(s[1:3])
	if !ok3 || second > 59 {
		return 0, "", false
	}
	us, s = us+int64(second)*1e6, s[3:]
	if s == "" || s[0] != '.' {
		return us, s, true
	}
	n := 1
	unit := int64(100_000)
	for ; n < len(s) && s[n] >= '0' && s[n] <= '9'; n++ {
		if unit == 0 && s[n] != '0' {
			return 0, "", false // finer than a microsecond
		}
		us += int64(s[n]-'0') * unit
		unit /= 10
	}
	return us, s[n:], n > 1
}

// parseOffset reads nothing, Z, or +HH:MM, +HHMM, +HH.
func parseOffset(s string) (us int64, zoned, ok bool) {
	switch {
	case s == "":
		return 0, false, true
	case s == "Z" || s == "z":
		return 0, true, true
	case s[0] != '+' && s[0] != '-' || len(s) < 3:
		return 0, false, false
	}
	hour, ok1 := digits(s[1:3])
	minute, ok2 := 0, true
	switch rest := s[3:]; {
	case rest == "":
	case len(rest) == 3 && rest[0] == ':':
		minute, ok2 = digits(rest[1:])
	case len(rest) == 2:
		minute, ok2 = digits(rest)
	default:
		return 0, false, false
	}
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, false, false
	}
	us = int64(hour*3600+minute*60) * 1e6
	if s[0] == '-' {
		us = -us
	}
	return us, true, true
}

func digits(s string) (n int, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
