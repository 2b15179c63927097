package transform

import (
	"time"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/zone"
)

// times fills time and zones: a timestamp without a declared zone is an instant, with one it is local; text with an
// offset is an instant, without one it is local and needs a zone.
func (r *Rows) times(f *Frame, rows int) {
	source := f.Table.Column(r.data.Time.Column)
	zones := r.zoned(f, rows)
	out := column.New(column.Timestamp, rows)
	for i := range out.Ints {
		local, isInstant, ok := r.readTime(source, i)
		switch {
		case !ok:
			out.SetNull(i)
			f.Bad[i] = int16(r.timeText)
		case isInstant:
			out.Ints[i] = local
		case zones.at(i) == nil:
			out.SetNull(i)
			f.Bad[i] = int16(r.zoneText)
		default:
			utc, odd := zones.at(i).UTC(local)
			out.Ints[i] = utc
			if odd {
				f.Odd++
			}
		}
	}
	f.Table.Set(timeColumn, out)
	f.Time = out.Ints
}

func (r *Rows) readTime(v *column.Vector, i int) (us int64, isInstant, ok bool) {
	if v.IsNull(i) {
		return 0, false, false
	}
	if v.Type == column.String {
		return ParseTime(v.Strings[i])
	}
	return v.Ints[i], r.data.Time.Zone == "" && r.data.Time.ZoneColumn == "", true
}

// rowZones are the zones of rows: one for all, or one each.
type rowZones struct {
	one  *zone.Zone
	each []*zone.Zone
}

func (z rowZones) at(i int) *zone.Zone {
	if z.each != nil {
		return z.each[i]
	}
	return z.one
}

// zoned finds the zones and sets Frame.Zones: nil where the model declares none.
func (r *Rows) zoned(f *Frame, rows int) rowZones {
	if r.zone == nil && r.data.Time.ZoneColumn == "" {
		return rowZones{}
	}
	f.Zones = make([]*time.Location, rows)
	if r.zone != nil {
		for i := range f.Zones {
			f.Zones[i] = r.zone.Location
		}
		return rowZones{one: r.zone}
	}
	names := f.Table.Column(r.data.Time.ZoneColumn)
	each := make([]*zone.Zone, rows)
	var last string
	var found *zone.Zone
	for i := range each {
		if names.IsNull(i) {
			continue
		}
		if name := names.Strings[i]; name != last {
			last = name
			found, _ = r.zones.Get(name) // an unknown name is a bad row, with that as its reason
		}
		if found != nil {
			each[i], f.Zones[i] = found, found.Location
		}
	}
	return rowZones{each: each}
}
