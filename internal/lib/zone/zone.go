// Package zone answers: which instant is this local time? It holds the time zones of the world.
//
// The tz database (Version) is embedded, so that every machine has the same one: zoneinfo.zip is the file of the Go
// distribution that the standard library embeds too (public domain, iana.org/time-zones).
//
// Units: microseconds; a local time is written as if it were UTC. Local times that exist twice (clocks set back) mean the
// first of their two instants; local times that do not exist (clocks set forward) are read with the offset that held
// before the change. UTC says for which times one of these two rules was needed. Transitions of the years 1850 to 2200
// are known; beyond them the nearest known offset holds.
package zone

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"sort"
	"sync"
	"time"
)

// Version names the embedded tz database.
const Version = "2025c"

//go:embed zoneinfo.zip
var database []byte

const maxZoneBytes = 1 << 20

var (
	firstInstant = time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC)
	lastInstant  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Zone is one time zone. Safe for concurrent use.
type Zone struct {
	Location *time.Location
	// Period i+1 begins at local times >= after[i]; local times in [odd[i], after[i]) need a rule. offsets[i] is local
	// minus UTC in period i, so there is one more offset than changes.
	after, odd, offsets []int64
}

// UTC is the instant of a local time, and whether that local time exists twice or not at all.
func (z *Zone) UTC(local int64) (utc int64, odd bool) {
	low, high := 0, len(z.after)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if z.after[middle] <= local {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return local - z.offsets[low], low < len(z.odd) && local >= z.odd[low]
}

// newZone lists the changes of a location. At instant T the offset goes from a to b: local times below T+max(a,b) are
// read with a, and those from T+min(a,b) on exist twice (b < a) or not at all (b > a).
func newZone(location *time.Location) *Zone {
	z := &Zone{Location: location}
	at := firstInstant.In(location)
	_, offset := at.Zone()
	z.offsets = append(z.offsets, int64(offset)*1e6)
	for {
		var ok bool
		if at, ok = change(at); !ok {
			return z
		}
		_, next := at.Zone()
		instant := at.UnixMicro()
		z.after = append(z.after, instant+int64(max(offset, next))*1e6)
		z.odd = append(z.odd, instant+int64(min(offset, next))*1e6)
		z.offsets = append(z.offsets, int64(next)*1e6)
		offset = next
	}
}

// change is the next instant after at when the offset changes. On the last day of leap years the standard library's
// bounds say that a period ends where it begins (America/New_York, 2040-12-31 00:00 UTC): there we go on by the hour.
func change(at time.Time) (time.Time, bool) {
	_, offset := at.Zone()
	for {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.After(lastInstant) {
			return time.Time{}, false
		}
		if !end.After(at) {
			end = at.Add(time.Hour)
		}
		at = end
		if _, next := at.Zone(); next != offset {
			return at, true
		}
	}
}

// Zones hands out zones by their IANA names. Safe for concurrent use; a zone is read once. At zero it is ready.
type Zones struct {
	mu    sync.RWMutex
	known map[string]*Zone
	files map[string]*zip.File
}

// Get is the zone of an IANA name. Names are those of the database, in its spelling.
func (s *Zones) Get(name string) (*Zone, error) {
	s.mu.RLock()
	z := s.known[name]
	s.mu.RUnlock()
	if z != nil {
		return z, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if z := s.known[name]; z != nil {
		return z, nil
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	file, ok := s.files[name]
	if !ok {
		return nil, fmt.Errorf("%q is no time zone of the tz database %s", name, Version)
	}
	z, err := read(name, file)
	if err != nil {
		return nil, fmt.Errorf("read time zone %q: %w", name, err)
	}
	s.known[name] = z
	return z, nil
}

// Names lists the zones, sorted.
func (s *Zones) Names() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return nil, err
	}
	out := make([]string, 0, len(s.files))
	for name := range s.files {
		out = append(out, name)
	}
	sort.Strings(out)
	return out, nil
}

func (s *Zones) open() error {
	if s.files != nil {
		return nil
	}
	archive, err := zip.NewReader(bytes.NewReader(database), int64(len(database)))
	if err != nil {
		return fmt.Errorf("open the embedded tz database: %w", err)
	}
	s.known = make(map[string]*Zone)
	s.files = make(map[string]*zip.File, len(archive.File))
	for _, file := range archive.File {
		if !file.FileInfo().IsDir() {
			s.files[file.Name] = file
		}
	}
	return nil
}

func read(name string, file *zip.File) (*Zone, error) {
	if name == "UTC" {
		return newZone(time.UTC), nil
	}
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxZoneBytes))
	if err != nil {
		return nil, err
	}
	location, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil, err
	}
	return newZone(location), nil
}
