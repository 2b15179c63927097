package serve

import (
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/lib/rowhash"
)

// openKeys finds the newest prediction of a key. It keeps at least the newest limit/2 and at most limit keys: two
// generations, of which the older is dropped whole when the younger is full.
type openKeys struct {
	limit      int
	now, older map[rowhash.Key]place
	dropped    uint64
}

// place is a row of a record.
type place struct {
	offset uint64
	row    uint32
}

func (o *openKeys) put(key rowhash.Key, p place) {
	if len(o.now) >= max(1, o.limit/2) {
		o.dropped += uint64(len(o.older))
		o.older, o.now = o.now, make(map[rowhash.Key]place)
	}
	o.now[key] = p
}

func (o *openKeys) find(key rowhash.Key) (place, bool) {
	p, ok := o.now[key]
	if !ok {
		p, ok = o.older[key]
	}
	return p, ok
}

// recent holds records that feedback is likely to be about, first in first out by rows.
type recent struct {
	limit, rows int
	at          map[uint64]known
	order       []uint64
}

// known is what feedback needs of a prediction's record.
type known struct {
	at    int64
	table *column.Table
}

func (r *recent) put(offset uint64, k known) {
	if _, ok := r.at[offset]; ok {
		return
	}
	r.at[offset] = k
	r.order = append(r.order, offset)
	r.rows += k.table.Rows()
	for r.rows > r.limit && len(r.order) > 1 {
		old := r.order[0]
		r.order = r.order[1:]
		r.rows -= r.at[old].table.Rows()
		delete(r.at, old)
	}
}

// pick copies cells: row i of the result is row refs[i].row of tables[refs[i].table]; what a table lacks, or has as another
// type, is missing.
func pick(name string, t column.Type, tables []*column.Table, refs []ref) *column.Vector {
	out := column.New(t, len(refs))
	from := make([]*column.Vector, len(tables))
	for i, table := range tables {
		if v := table.Column(name); v != nil && v.Type == t {
			from[i] = v
		}
	}
	for i, r := range refs {
		v := from[r.table]
		if v == nil || v.IsNull(int(r.row)) {
			out.SetNull(i)
			continue
		}
		switch t {
		case column.Bool:
			out.Bools[i] = v.Bools[r.row]
		case column.Float64:
			out.Floats[i] = v.Floats[r.row]
		case column.String:
			out.Strings[i] = v.Strings[r.row]
		default:
			out.Ints[i] = v.Ints[r.row]
		}
	}
	return out
}

// ref is a row of one of several tables.
type ref struct {
	table int
	row   uint32
}
