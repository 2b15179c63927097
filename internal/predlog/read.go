package predlog

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"sort"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// Query says which records to read, in order of offset. Zero fields do not restrict.
type Query struct {
	Model  string
	Kinds  []Kind
	From   uint64 // offsets from this one on, which need not be a record's
	To     uint64 // up to, not including
	FromAt int64  // arrivals from this one on
	ToAt   int64  // up to, not including
	Bare   bool   // records come without their Table
}

func (q *Query) read(f frame, payload []byte, strings *column.Strings) (Record, error) {
	if !q.Bare {
		return readRecord(f, payload, strings)
	}
	r, _, err := readNames(f, payload)
	return r, err
}

func (q *Query) wants(f frame, payload []byte) bool {
	if f.kind.mark() || f.offset < q.From || f.at < q.FromAt {
		return false
	}
	if len(q.Kinds) > 0 {
		found := false
		for _, k := range q.Kinds {
			found = found || k == f.kind
		}
		if !found {
			return false
		}
	}
	return q.Model == "" || bytes.Equal(payloadModel(payload), []byte(q.Model))
}

// Read gives a model's records from offset from on, up to what is written when it begins.
func (l *Log) Read(model string, from uint64) iter.Seq2[Record, error] {
	return l.Scan(Query{Model: model, From: from})
}

// ReadRange gives a model's records that arrived in [fromAt, toAt).
func (l *Log) ReadRange(model string, fromAt, toAt int64) iter.Seq2[Record, error] {
	return l.Scan(Query{Model: model, FromAt: fromAt, ToAt: toAt})
}

// Scan gives the records of a query, up to what is written when it begins. The first error ends it.
func (l *Log) Scan(q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		l.mu.Lock()
		segments, written := l.segments[:len(l.segments):len(l.segments)], l.written
		l.mu.Unlock()
		if q.To == 0 || q.To > written {
			q.To = written
		}
		start, err := firstSegment(segments, q)
		if err != nil {
			yield(Record{}, err)
			return
		}
		strings := &column.Strings{}
		for _, s := range segments[start:] {
			if s.first >= q.To || !q.readSegment(s, strings, yield) {
				return
			}
		}
	}
}

// firstSegment is the last segment that begins at or before what the query asks for.
func firstSegment(segments []*segment, q Query) (int, error) {
	start := max(0, sort.Search(len(segments), func(i int) bool { return segments[i].first > q.From })-1)
	if q.FromAt <= 0 {
		return start, nil
	}
	for i := len(segments) - 1; i > start; i-- {
		at, ok, err := segments[i].firstArrival() // not ok: an empty segment
		if err != nil {
			return 0, err
		}
		if ok && at < q.FromAt {
			return i, nil
		}
	}
	return start, nil
}

// readSegment gives the segment's records; false ends the scan.
func (q *Query) readSegment(s *segment, strings *column.Strings, yield func(Record, error) bool) bool {
	size := min(s.size.Load(), int64(q.To-s.first))
	position, err := s.seek(size, q.From, q.FromAt)
	if err != nil {
		yield(Record{}, err)
		return false
	}
	more := true
	position, whole, err := s.scan(position, size, func(f frame, payload []byte) bool {
		if q.ToAt > 0 && f.at >= q.ToAt {
			more = false
			return false
		}
		if !q.wants(f, payload) {
			return true
		}
		r, err := q.read(f, payload, strings)
		more = yield(r, err) && err == nil
		return more
	})
	if more && err == nil && !whole {
		err = s.damage(position)
	}
	if err != nil {
		yield(Record{}, err)
		return false
	}
	return more
}

// Back gives the records of a query from the newest to the oldest, from what is written when it begins. The first error
// ends it. It holds a stretch of the log of 256 KiB, or one record, in memory.
func (l *Log) Back(q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		l.mu.Lock()
		segments, written := l.segments[:len(l.segments):len(l.segments)], l.written
		l.mu.Unlock()
		if q.To == 0 || q.To > written {
			q.To = written
		}
		strings := &column.Strings{}
		for i := len(segments) - 1; i >= 0; i-- {
			s := segments[i]
			if s.first >= q.To {
				continue
			}
			if at, ok, err := s.firstArrival(); err == nil && ok && q.ToAt > 0 && at >= q.ToAt {
				continue
			}
			if !q.backSegment(s, strings, yield) || s.first <= q.From {
				return
			}
		}
	}
}

// backSegment gives the segment's records, newest first; false ends the reading.
func (q *Query) backSegment(s *segment, strings *column.Strings, yield func(Record, error) bool) bool {
	size := min(s.size.Load(), int64(q.To-s.first))
	marks, err := s.marks(size)
	if err != nil {
		yield(Record{}, err)
		return false
	}
	var held []Record
	for i := len(marks) - 1; i >= 0; i-- {
		end := size
		if i < len(marks)-1 {
			end = marks[i+1].position
		}
		if q.ToAt > 0 && marks[i].at >= q.ToAt {
			continue
		}
		held = held[:0]
		var bad error
		position, whole, err := s.scan(marks[i].position, end, func(f frame, payload []byte) bool {
			if q.ToAt > 0 && f.at >= q.ToAt || !q.wants(f, payload) {
				return true
			}
			var r Record
			r, bad = q.read(f, payload, strings)
			held = append(held, r)
			return bad == nil
		})
		if err == nil && !whole {
			err = s.damage(position)
		}
		if err = errors.Join(bad, err); err != nil {
			yield(Record{}, err)
			return false
		}
		for n := len(held) - 1; n >= 0; n-- {
			if !yield(held[n], nil) {
				return false
			}
		}
		if marks[i].at < q.FromAt || s.first+uint64(marks[i].position) <= q.From {
			return false // what is before arrived earlier
		}
	}
	return true
}

// At is the record at an offset, also while it is queued.
func (l *Log) At(offset uint64) (Record, error) {
	l.mu.Lock()
	for _, b := range []struct {
		frames []byte
		at     uint64
	}{{l.queue, l.queueAt}, {l.flying, l.flyingAt}} {
		if offset >= b.at && offset < b.at+uint64(len(b.frames)) {
			f, ok := readFrame(b.frames[offset-b.at:], offset)
			if !ok {
				l.mu.Unlock()
				return Record{}, notFound(offset)
			}
			payload := bytes.Clone(b.frames[offset-b.at+frameBytes:][:f.length])
			l.mu.Unlock()
			return wanted(f, payload)
		}
	}
	segments := l.segments
	l.mu.Unlock()
	i := sort.Search(len(segments), func(i int) bool { return segments[i].first > offset }) - 1
	if i < 0 {
		return Record{}, notFound(offset)
	}
	s := segments[i]
	if offset >= s.end() {
		if i < len(segments)-1 {
			return Record{}, &rondo.Error{Kind: rondo.NotFound, Message: "the record was lost when the process ended", Err: ErrLost}
		}
		return Record{}, notFound(offset)
	}
	head := make([]byte, frameBytes)
	position := headerBytes + int64(offset-s.first)
	if _, err := s.r.ReadAt(head, position); err != nil {
		return Record{}, notFound(offset)
	}
	f, ok := readFrame(head, offset)
	if !ok || f.next() > s.end() {
		return Record{}, notFound(offset)
	}
	payload := make([]byte, f.length)
	if _, err := s.r.ReadAt(payload, position+frameBytes); err != nil {
		return Record{}, fmt.Errorf("read %s: %w", s.path, err)
	}
	if !f.holds(payload) {
		return Record{}, s.damage(position - headerBytes)
	}
	return wanted(f, payload)
}

func wanted(f frame, payload []byte) (Record, error) {
	if f.kind.mark() {
		return Record{}, notFound(f.offset)
	}
	return readRecord(f, payload, nil)
}

func notFound(offset uint64) error {
	return &rondo.Error{Kind: rondo.NotFound, Message: fmt.Sprintf("no record at offset %d", offset), Err: ErrNotFound}
}
