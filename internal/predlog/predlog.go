// Package predlog answers: what was asked, answered and found out, in order of arrival?
//
// A log is segments of framed records in a folder (docs/formats/predlog.md). A record is a header and one canonical
// column block: the rows of one request. Offsets are byte positions that grow over all segments and are never used
// twice, also not after a crash: where a process ended without Close, the next one leaves a gap, and every offset in a
// gap may have been handed out and lost (R17). Instants are microseconds UTC of the installation's clock, made monotone:
// a clock that steps back does not let arrivals go back.
//
// Durability: AppendDurable returns after the record is synced; many wait for one sync. Append returns at once; Run
// writes and syncs what is queued every FlushEvery. When the queue is full Append refuses, and Dropped counts it.
// A full disk is an error of kind rondo.Unavailable: what was not acknowledged will never be read, what is queued stays
// queued, and the log goes on when there is room. After a failed sync nobody knows what the disk holds: Run ends with the
// error, nothing is accepted any more, and whoever runs the log has to end too, so that the next Open finds out.
//
// Readers see every record that was written, and At also what is still queued. A torn tail is cut when the log is opened
// (Report); damage to records that were synced is ErrCorrupt and names the offset.
package predlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// Kind is what a record is about.
type Kind uint8

// The kinds that callers write and read.
const (
	Prediction Kind = 1
	Feedback   Kind = 2
	Event      Kind = 3
	SetAside   Kind = 4 // a feed that was refused as a whole: its rows, and why (ReasonColumn)

	void  Kind = 0   // space of a record that was refused after its offset had been given
	begun Kind = 254 // a process goes on after an orderly end, and may have handed out any offset from here on
	end   Kind = 255 // the log was closed in order
)

// mark says whether a frame is the log's own and no record.
func (k Kind) mark() bool { return k == void || k == begun || k == end }

func (k Kind) String() string {
	switch k {
	case Prediction:
		return "prediction"
	case Feedback:
		return "feedback"
	case Event:
		return "event"
	case SetAside:
		return "set aside"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Record is the rows of one request. Append and AppendDurable set Offset and At.
type Record struct {
	Offset    uint64
	Kind      Kind
	At        int64 // arrival, microseconds UTC; 0 when appended: now
	Model     string
	Version   rondo.VersionID
	Revision  int      // of the declaration
	History   uint64   // predictions: the log's end that live history had seen
	Threshold *float64 // predictions: that turned the probability into the answer
	Key       string   // idempotency key of the request; may be empty
	Sender    string   // whose token it was
	Table     *column.Table
	next      uint64
}

// Next is the offset after the record: where a reader that has seen it goes on.
func (r *Record) Next() uint64 { return r.next }

// A prediction's row time lies between its arrival less MaxBehind and its arrival plus MaxAhead. Later ones are refused;
// earlier ones are replays: answered and logged, but never facts and never judged (R6).
const (
	MaxAhead  = 5 * time.Minute
	MaxBehind = 24 * time.Hour
)

// Columns of records beside the model's own.
const (
	TimeColumn     = "time"
	KnownColumn    = "known"
	OutsideColumn  = "outside"     // predictions: the checks that the row fails, comma separated; missing: none
	OutputColumn   = "p"           // predictions of one number a row; p_0, p_1 ... where there are more
	AnsweredColumn = "answered_by" // predictions that several versions answered: which one answered the row
	FeedbackOffset = "offset"      // feedback: which prediction it is about
	FeedbackRow    = "row"
	ReasonColumn   = "@reason" // feeds that were set aside: why, in the first row
)

// Errors that callers ask about.
var (
	ErrCorrupt  = errors.New("prediction log is damaged")
	ErrNotFound = errors.New("no record at this offset")
	ErrLost     = errors.New("the record was lost when the process ended")
)

// Options; zero is what a good engineer would choose.
type Options struct {
	SegmentBytes int64         // 64 MiB
	QueueBytes   int           // 32 MiB: what may wait for the disk
	FlushEvery   time.Duration // 50 ms
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.QueueBytes <= 0 || o.QueueBytes > gap/4 {
		o.QueueBytes = 32 << 20
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = 50 * time.Millisecond
	}
	return o
}

// gap is left after a process that did not close: more than it can have handed out without writing.
const gap = 1 << 30

// Report is what Open found.
type Report struct {
	Clean  bool   // the log had been closed in order, or is new
	Cut    int64  // bytes of a torn tail that were cut
	CutAt  uint64 // where
	Lost   uint64 // the gap's first offset: ids from here to End may have been handed out and lost
	End    uint64 // where the log goes on
	Closed int    // segments
}

// Log is an open log. Safe for concurrent use.
type Log struct {
	dir    string
	clk    clock.Clock
	opt    Options
	report Report
	create func(path string) (file, error) // a test puts a full disk here

	mu       sync.Mutex
	segments []*segment // never empty; the last is written to
	active   file
	queue    []byte // frames that wait; queue[0] is at queueAt
	queueAt  uint64
	flying   []byte // frames that are being written; flying[0] is at flyingAt
	flyingAt uint64
	spare    []byte // the buffer of the flush before
	waiters  []waiter
	lastAt   int64
	written  uint64 // end of what readers see
	durable  uint64 // end of what is synced
	dropped  uint64
	broken   error
	closed   bool
	running  bool
	resting  bool       // the last frame is that of an orderly end: before an offset is handed out, begun has to be on the disk
	flushing sync.Mutex // one flush at a time; taken before mu

	urgent chan struct{} // somebody waits for a sync
	dirty  chan struct{} // the queue is no longer empty
	failed chan struct{} // closed when the log is broken
}

// file is what the writer needs of a segment's file.
type file interface {
	Write(b []byte) (int, error)
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
	Sync() error
	Close() error
}

// Open opens the log of a folder and makes the folder if there is none. The caller starts Run.
func Open(dir string, clk clock.Clock, opt Options) (*Log, error) {
	return openLog(dir, clk, opt, func(path string) (file, error) {
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	})
}

func openLog(dir string, clk clock.Clock, opt Options, create func(string) (file, error)) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the log's folder: %w", err)
	}
	l := &Log{
		dir: dir, clk: clk, opt: opt.withDefaults(), create: create,
		urgent: make(chan struct{}, 1), dirty: make(chan struct{}, 1), failed: make(chan struct{}),
	}
	if err := l.find(); err != nil {
		return nil, err
	}
	if err := l.recover(); err != nil {
		l.closeSegments()
		return nil, err
	}
	l.report.End, l.report.Closed = l.written, len(l.segments)-1
	return l, nil
}

// Report is what Open found.
func (l *Log) Report() Report { return l.report }

// End is where the next record will stand.
func (l *Log) End() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queueAt + uint64(len(l.queue))
}

// Durable is the end of what is synced, with the last arrival that the log has given.
func (l *Log) Durable() (offset uint64, lastAt int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable, l.lastAt
}

// Dropped counts records that a full queue refused since Open.
func (l *Log) Dropped() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// find lists the segments of the folder in order of their first offset.
func (l *Log) find() error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return fmt.Errorf("list the log's folder: %w", err)
	}
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".log")
		if !ok || len(digits) != 20 {
			continue
		}
		first, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			continue
		}
		s, err := openSegment(filepath.Join(l.dir, e.Name()), first)
		if err != nil {
			l.closeSegments()
			return err
		}
		l.segments = append(l.segments, s)
	}
	sort.Slice(l.segments, func(i, j int) bool { return l.segments[i].first < l.segments[j].first })
	for i := 1; i < len(l.segments); i++ {
		if s := l.segments[i-1]; s.end() > l.segments[i].first {
			l.closeSegments()
			return fmt.Errorf("%w: segment %s reaches into the one after it", ErrCorrupt, s.path)
		}
	}
	return nil
}

func (l *Log) closeSegments() {
	for _, s := range l.segments {
		_ = s.r.Close() // opened for reading only
	}
}

// recover reads the last segment to its end, cuts a torn tail and says where the log goes on.
func (l *Log) recover() error {
	if len(l.segments) == 0 {
		l.report.Clean = true
		return l.goOn(0)
	}
	last := l.segments[len(l.segments)-1]
	size, closed, err := last.check()
	if err != nil {
		return err
	}
	if at, err := l.newestArrival(size); err != nil {
		return err
	} else {
		l.lastAt = at
	}
	fileEnd := last.end()
	if cut := int64(fileEnd - last.first - uint64(size)); cut > 0 {
		l.report.Cut, l.report.CutAt = cut, last.first+uint64(size)
		if err := l.cut(last, size); err != nil {
			return fmt.Errorf("cut the torn tail of %s: %w", last.path, err)
		}
		last.size.Store(size)
	}
	if closed && l.report.Cut == 0 {
		l.report.Clean = true
		return l.continueIn(last)
	}
	l.report.Lost = last.first + uint64(size)
	return l.goOn(fileEnd + gap)
}

// cut takes a torn tail off for good: the segment will not be the last one, and nobody looks for a torn tail in the others.
func (l *Log) cut(s *segment, size int64) error {
	f, err := l.create(s.path)
	if err != nil {
		return err
	}
	if err = f.Truncate(headerBytes + size); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// newestArrival is the arrival of the newest record: in the last segment's first size bytes, or in the one before.
func (l *Log) newestArrival(size int64) (int64, error) {
	for i := len(l.segments) - 1; i >= 0; i-- {
		s := l.segments[i]
		if i < len(l.segments)-1 {
			size = s.size.Load()
		}
		at, ok, err := s.lastArrival(size)
		if ok || err != nil {
			return at, err
		}
	}
	return 0, nil
}

// continueIn goes on writing to the last segment, which was closed in order; the first record will say so (begin).
func (l *Log) continueIn(s *segment) error {
	f, err := l.create(s.path)
	if err != nil {
		return fmt.Errorf("open %s to go on: %w", s.path, err)
	}
	if _, err := f.Seek(headerBytes+s.size.Load(), 0); err != nil {
		_ = f.Close() // the seek error says it all
		return fmt.Errorf("go on in %s: %w", s.path, err)
	}
	l.active, l.resting = f, true
	l.setEnd(s.end())
	return nil
}

// goOn starts a new segment at offset first.
func (l *Log) goOn(first uint64) error {
	if err := l.newSegment(first); err != nil {
		return err
	}
	l.setEnd(first)
	return nil
}

func (l *Log) setEnd(offset uint64) {
	l.queueAt, l.written, l.durable = offset, offset, offset
}
