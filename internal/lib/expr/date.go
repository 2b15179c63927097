package expr

import (
	"math"
	"time"
)

// zoneCache remembers, for each zone, its offset in the stretch of time that was asked last: rows that lie near each
// other in time cost no look into the zone's table.
type zoneCache struct {
	last    *time.Location
	stretch *zoneStretch
	known   map[*time.Location]*zoneStretch
}

type zoneStretch struct{ from, to, offset int64 } // seconds: [from, to), offset east of UTC

// maxZones bounds what a cache keeps.
const maxZones = 1024

func (z *zoneCache) offset(loc *time.Location, sec int64) int64 {
	if loc == nil || loc == time.UTC {
		return 0
	}
	if loc != z.last {
		if z.known == nil || len(z.known) > maxZones {
			z.known = make(map[*time.Location]*zoneStretch)
		}
		s := z.known[loc]
		if s == nil {
			s = &zoneStretch{}
			z.known[loc] = s
		}
		z.last, z.stretch = loc, s
	}
	if s := z.stretch; sec < s.from || sec >= s.to {
		at := time.Unix(sec, 0).In(loc)
		_, offset := at.Zone()
		*s = zoneStretch{from: math.MinInt64, to: math.MaxInt64, offset: int64(offset)}
		start, end := at.ZoneBounds()
		if !start.IsZero() {
			s.from = start.Unix()
		}
		if !end.IsZero() {
			s.to = end.Unix()
		}
	}
	return z.stretch.offset
}

const secondsPerDay = 86400

// floorDiv is the quotient rounded down, and what is left over.
func floorDiv(x, by int64) (quotient, rest int64) {
	quotient, rest = x/by, x%by
	if rest < 0 {
		return quotient - 1, rest + by
	}
	return quotient, rest
}

// datePart is d = a part of the instant a in the row's zone.
func datePart(name string, d, a int) run {
	part := map[string]func(days, second int64) int64{
		"second": func(_, s int64) int64 { return s % 60 },
		"minute": func(_, s int64) int64 { return s / 60 % 60 },
		"hour":   func(_, s int64) int64 { return s / 3600 },
		"weekday": func(days, _ int64) int64 {
			_, rest := floorDiv(days+4, 7) // 1970-01-01 was a Thursday
			return rest
		},
		"year":  func(days, _ int64) int64 { y, _, _ := civil(days); return y },
		"month": func(days, _ int64) int64 { _, m, _ := civil(days); return m },
		"day":   func(days, _ int64) int64 { _, _, day := civil(days); return day },
		"dayofyear": func(days, _ int64) int64 {
			y, _, _ := civil(days)
			return days - daysBefore(y) + 1
		},
	}[name]
	return func(m *machine, n int) {
		rd, ra := &m.regs[d], &m.regs[a]
		rd.nullFrom(ra, ra, n)
		loc := m.env.Zone
		for i, us := range ra.ints[:n] {
			if m.env.Zones != nil {
				loc = m.env.Zones[m.from+i]
			}
			sec, _ := floorDiv(us, 1e6)
			rd.ints[i] = part(floorDiv(sec+m.zones.offset(loc, sec), secondsPerDay))
		}
	}
}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar.
// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
func civil(days int64) (year, month, day int64) {
	era, doe := floorDiv(days+719468, 146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if mp >= 10 {
		month = mp - 9
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// daysBefore is the number of days from 1970-01-01 to the first of January of a year.
func daysBefore(year int64) int64 {
	y := year - 1
	era, yoe := floorDiv(y, 400)
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + 306 - 719468
}
