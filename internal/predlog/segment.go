package predlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"rondo.dev/rondo/internal/rondo"
)

// A segment begins with 8 bytes "RONDOLG1", u64 first offset, u32 CRC32C of those 16. The record at offset o stands at
// position headerBytes + o - first.

const (
	magic       = "RONDOLG1"
	headerBytes = 20
	chunkBytes  = 1 << 20
	indexBytes  = 256 << 10 // one index entry about every so many bytes
)

type segment struct {
	path  string
	first uint64
	r     *os.File
	size  atomic.Int64 // bytes of records that readers may see

	mu      sync.Mutex
	index   []mark // sparse, grows as the segment is read
	indexed int64  // bytes that the index covers
}

// mark is where a record starts and when it arrived.
type mark struct{ position, at int64 }

func (s *segment) end() uint64 { return s.first + uint64(s.size.Load()) }

func header(first uint64) []byte {
	b := append([]byte(nil), magic...)
	b = binary.LittleEndian.AppendUint64(b, first)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

func writeHeader(path string, first uint64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(header(first)); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func openSegment(path string, first uint64) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	s := &segment{path: path, first: first, r: f}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open segment: %w", err)
	}
	head := make([]byte, headerBytes)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		_ = f.Close()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if n < headerBytes { // killed while it was made: nothing was ever acknowledged in it
		if err := writeHeader(path, first); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("make %s whole: %w", path, err)
		}
		return s, nil
	}
	if string(head) != string(header(first)) {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s does not begin as a segment of offset %d", ErrCorrupt, path, first)
	}
	s.size.Store(info.Size() - headerBytes)
	return s, nil
}

// newSegment starts the segment that holds records from offset first on and makes it the one written to.
func (l *Log) newSegment(first uint64) error {
	path := filepath.Join(l.dir, fmt.Sprintf("%020d.log", first))
	f, err := l.create(path)
	if err != nil {
		return unavailable("start a segment", err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.Write(header(first))
	}
	written := err == nil
	if written {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(l.dir)
	}
	deaf := written && err != nil && !full(err)
	var s *segment
	if err == nil {
		s, err = openSegment(path, first)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(path) // an empty segment; the next try makes it again
		if deaf {
			return l.breakDown("a segment of the prediction log could not be synced", err)
		}
		return unavailable("start a segment", err)
	}
	l.mu.Lock()
	old := l.active
	l.active = f
	l.segments = append(l.segments, s)
	l.mu.Unlock()
	if old != nil {
		_ = old.Close() // synced already
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

func unavailable(doing string, err error) error {
	message := "the prediction log cannot " + doing
	if full(err) {
		message += "; the disk is full: make room, nothing that was acknowledged is lost"
	}
	return &rondo.Error{Kind: rondo.Unavailable, Message: message, Err: err}
}

// scan calls f for each record from position on, up to size. The payload is valid during the call only. It returns the
// position behind the last whole record, and ok false where a frame is damaged or cut off.
func (s *segment) scan(position, size int64, f func(frame, []byte) bool) (int64, bool, error) {
	var buf []byte
	at := position // position of buf[0]
	for position < size {
		rest := buf[min(int64(len(buf)), position-at):]
		want := int64(frameBytes)
		head, ok := readFrame(rest, s.first+uint64(position))
		if ok {
			want += int64(head.length)
		}
		switch {
		case ok && int64(len(rest)) >= want:
			payload := rest[frameBytes:want]
			if !head.holds(payload) {
				return position, false, nil
			}
			if !f(head, payload) {
				return position, true, nil
			}
			position += want
			continue
		case !ok && len(rest) >= frameBytes, want > size-position:
			return position, false, nil
		}
		n := min(max(want, chunkBytes), size-position)
		if int64(cap(buf)) < n {
			buf = make([]byte, n)
		}
		buf, at = buf[:n], position
		if _, err := s.r.ReadAt(buf, headerBytes+position); err != nil {
			return position, false, fmt.Errorf("read %s: %w", s.path, err)
		}
	}
	return position, true, nil
}

// check reads the last segment at open: size is where its whole records end, closed says that the last one is the
// log's orderly end. Damage below what a later record calls synced is an error.
func (s *segment) check() (size int64, closed bool, err error) {
	all := s.size.Load()
	size, ok, err := s.scan(0, all, func(f frame, _ []byte) bool {
		closed = f.kind == end
		return true
	})
	if err != nil || ok {
		return size, closed, err
	}
	rest := make([]byte, all-size)
	if _, err := s.r.ReadAt(rest, headerBytes+size); err != nil {
		return 0, false, fmt.Errorf("read %s: %w", s.path, err)
	}
	damaged := s.first + uint64(size)
	for i := 1; i+frameBytes <= len(rest); i++ {
		f, ok := readFrame(rest[i:], damaged+uint64(i))
		if !ok || f.durable <= damaged || i+frameBytes+f.length > len(rest) {
			continue
		}
		if f.holds(rest[i+frameBytes : i+frameBytes+f.length]) {
			return 0, false, fmt.Errorf("%w: the record at offset %d was synced and cannot be read (a later one stands at %d); restore %s from a copy",
				ErrCorrupt, damaged, f.offset, s.path)
		}
	}
	return size, false, nil
}

// extend grows the index to size.
func (s *segment) extend(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indexed >= size {
		return nil
	}
	position := s.indexed
	done, ok, err := s.scan(position, size, func(f frame, payload []byte) bool {
		if n := len(s.index); n == 0 || position-s.index[n-1].position >= indexBytes {
			s.index = append(s.index, mark{position, f.at})
		}
		position += frameBytes + int64(len(payload))
		return true
	})
	s.indexed = done
	if err == nil && !ok {
		err = s.damage(done)
	}
	return err
}

// marks are those of the first size bytes.
func (s *segment) marks(size int64) ([]mark, error) {
	if err := s.extend(size); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := sort.Search(len(s.index), func(i int) bool { return s.index[i].position >= size })
	return s.index[:n:n], nil
}

func (s *segment) damage(position int64) error {
	return fmt.Errorf("%w: the record at offset %d in %s cannot be read", ErrCorrupt, s.first+uint64(position), s.path)
}

// seek is a position at or before the first record that stands at offset from or later and arrived at fromAt or later.
func (s *segment) seek(size int64, from uint64, fromAt int64) (int64, error) {
	if from <= s.first && fromAt <= 0 {
		return 0, nil
	}
	if err := s.extend(size); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	later := sort.Search(len(s.index), func(i int) bool { return s.index[i].at >= fromAt })
	behind := sort.Search(len(s.index), func(i int) bool { return s.first+uint64(s.index[i].position) > from })
	if i := max(later, behind) - 1; i >= 0 {
		return s.index[i].position, nil
	}
	return 0, nil
}

// lastArrival is the arrival of the last record in the first size bytes; ok is false where there is none.
func (s *segment) lastArrival(size int64) (at int64, ok bool, err error) {
	if err := s.extend(size); err != nil {
		return 0, false, err
	}
	s.mu.Lock()
	if len(s.index) == 0 {
		s.mu.Unlock()
		return 0, false, nil
	}
	from := s.index[len(s.index)-1].position
	s.mu.Unlock()
	_, whole, err := s.scan(from, size, func(f frame, _ []byte) bool {
		at, ok = f.at, true
		return true
	})
	if err == nil && !whole {
		err = s.damage(from)
	}
	return at, ok, err
}

// firstArrival is the arrival of the first record; ok is false where there is none.
func (s *segment) firstArrival() (at int64, ok bool, err error) {
	size := s.size.Load()
	if size < frameBytes {
		return 0, false, nil
	}
	b := make([]byte, frameBytes)
	if _, err := s.r.ReadAt(b, headerBytes); err != nil {
		return 0, false, fmt.Errorf("read %s: %w", s.path, err)
	}
	f, ok := readFrame(b, s.first)
	if !ok {
		return 0, false, s.damage(0)
	}
	return f.at, true, nil
}
