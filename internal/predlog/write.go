package predlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rondo.dev/rondo/internal/lib/fail"
	"rondo.dev/rondo/internal/rondo"
)

// waiter is somebody who waits until the frame at offset is synced.
type waiter struct {
	offset uint64
	done   chan error // buffered: the writer never waits
}

var errClosed = rondo.Errorf(rondo.Unavailable, "the prediction log is closed")

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// Append queues a record and returns its offset; Run writes it. A full queue refuses with rondo.Unavailable and counts.
func (l *Log) Append(r *Record) (uint64, error) {
	w, err := l.enqueue(r, false)
	return w.offset, err
}

// Pending is a record that has its place in the log and is not synced yet.
type Pending struct {
	done chan error
	err  error
	over bool
}

// Wait returns when the record is synced, or says why it never will be read.
func (p *Pending) Wait() error {
	if !p.over {
		p.err, p.over = <-p.done, true
	}
	return p.err
}

// Begin gives the record its place; Wait for the rest. Whoever has to do something in the order of the log begins its
// records under one lock and waits outside.
func (l *Log) Begin(r *Record) (*Pending, error) {
	w, err := l.enqueue(r, true)
	if err != nil {
		return nil, err
	}
	l.hurry()
	return &Pending{done: w.done}, nil
}

// hurry asks Run for a flush now. Where Run is not running, who waits flushes: before the first and after the last request.
func (l *Log) hurry() {
	l.mu.Lock()
	running := l.running
	l.mu.Unlock()
	if !running {
		_ = l.flush() // whoever waits is told
		return
	}
	select {
	case l.urgent <- struct{}{}:
	default:
	}
}

// AppendDurable returns when the record is synced. When ctx ends first, the record may be written later all the same:
// whoever asks again with the same idempotency key is answered once.
func (l *Log) AppendDurable(ctx context.Context, r *Record) (uint64, error) {
	p, err := l.Begin(r)
	if err != nil {
		return 0, err
	}
	select {
	case err := <-p.done:
		return r.Offset, err
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for the log: %w", context.Cause(ctx))
	}
}

// Sync returns when all that was queued before is synced.
func (l *Log) Sync(ctx context.Context) error {
	l.mu.Lock()
	if l.durable == l.queueAt+uint64(len(l.queue)) {
		l.mu.Unlock()
		return nil
	}
	w := waiter{offset: void64, done: make(chan error, 1)}
	if err := l.refusal(); err != nil {
		l.mu.Unlock()
		return err
	}
	l.waiters = append(l.waiters, w)
	l.mu.Unlock()
	l.hurry()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for the log: %w", context.Cause(ctx))
	}
}

// void64 is the offset of a waiter that has no frame of its own.
const void64 = ^uint64(0)

func (l *Log) refusal() error {
	if l.broken != nil {
		return l.broken
	}
	if l.closed {
		return errClosed
	}
	return nil
}

// enqueue gives the record its offset and arrival and puts its frame behind the queue.
func (l *Log) enqueue(r *Record, durable bool) (waiter, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	b, err := appendRecord((*buf)[:0], r)
	*buf = b[:0]
	if err != nil {
		return waiter{}, err
	}
	f := frame{length: len(b) - frameBytes, kind: r.Kind, crc: checksum(b[frameBytes:])}
	now := r.At
	if now == 0 {
		now = l.clk.Now().UnixMicro()
	}
	l.mu.Lock()
	if err := l.begin(); err != nil {
		l.mu.Unlock()
		return waiter{}, err
	}
	if waiting := len(l.queue) + len(l.flying); waiting > 0 && waiting+len(b) > l.opt.QueueBytes {
		l.dropped++
		l.mu.Unlock()
		return waiter{}, rondo.Errorf(rondo.Unavailable, "the prediction log's queue is full: the disk does not keep up")
	}
	l.lastAt = max(l.lastAt, now)
	f.offset, f.durable, f.at = l.queueAt+uint64(len(l.queue)), l.durable, l.lastAt
	f.put(b)
	empty := len(l.queue) == 0
	l.queue = append(l.queue, b...)
	w := waiter{offset: f.offset}
	if durable {
		w.done = make(chan error, 1)
		l.waiters = append(l.waiters, w)
	}
	l.mu.Unlock()
	r.Offset, r.At, r.next = f.offset, f.at, f.next()
	if empty && !durable {
		select {
		case l.dirty <- struct{}{}:
		default:
		}
	}
	return w, nil
}

// begin says whether a record may have an offset; it is called with mu held. The first one after an orderly end waits here
// until the disk says that the log goes on: else the next process would take a killed one's end for orderly, and give the
// same offsets again. Where the disk refuses, so does begin, and the next record tries again.
func (l *Log) begin() error {
	for l.resting && l.refusal() == nil {
		l.mu.Unlock()
		err := l.wake()
		l.mu.Lock()
		if err != nil {
			return err
		}
	}
	return l.refusal()
}

func (l *Log) wake() error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	l.mu.Lock()
	if !l.resting || l.refusal() != nil {
		l.mu.Unlock()
		return nil
	}
	b := make([]byte, frameBytes) // nothing is queued before it: no offset was handed out
	frame{kind: begun, offset: l.queueAt, durable: l.durable, at: l.lastAt, crc: checksum(nil)}.put(b)
	l.flyingAt = l.queueAt
	l.mu.Unlock()
	if err := l.write(b); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queueAt += frameBytes
	l.durable, l.resting = l.queueAt, false
	return nil
}

// Run writes and syncs what is queued until ctx ends, then once more. It ends by itself when the log is broken.
func (l *Log) Run(ctx context.Context) error {
	l.setRunning(true)
	timer := time.NewTimer(l.opt.FlushEvery)
	defer timer.Stop()
	for {
		select {
		case <-l.urgent:
			l.tryFlush(timer)
		case <-l.dirty:
			timer.Reset(l.opt.FlushEvery)
		case <-timer.C:
			l.tryFlush(timer)
		case <-l.failed:
			l.setRunning(false)
			return l.Err()
		case <-ctx.Done():
			l.setRunning(false) // from here on whoever waits flushes; what was queued before is flushed here
			return l.flush()
		}
	}
}

func (l *Log) setRunning(running bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = running
}

// tryFlush flushes; the waiters were told of a failure, and what stays queued is tried again.
func (l *Log) tryFlush(timer *time.Timer) {
	if err := l.flush(); err != nil && l.Err() == nil {
		timer.Reset(l.opt.FlushEvery)
	}
}

// flush writes and syncs all that is queued now and tells those who wait.
func (l *Log) flush() error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	l.mu.Lock()
	if l.broken != nil {
		err := l.broken
		l.mu.Unlock()
		return err
	}
	batch, waiters := l.queue, l.waiters
	l.flying, l.flyingAt = batch, l.queueAt
	l.queue, l.spare, l.waiters = l.spare[:0], nil, nil
	l.queueAt += uint64(len(batch))
	l.mu.Unlock()

	err := l.write(batch)
	l.mu.Lock()
	switch {
	case err == nil:
		l.durable = l.queueAt // all before the queue is synced
		if cap(batch) <= 4<<20 {
			l.spare = batch[:0]
		}
	case l.broken == nil:
		l.takeBack(batch, waiters)
	default: // nothing will be written any more
		waiters = append(waiters, l.waiters...)
		l.waiters = nil
	}
	l.flying = nil
	l.mu.Unlock()
	for _, w := range waiters {
		w.done <- err
	}
	return err
}

// takeBack puts an unwritten batch in front of the queue; the records that somebody waited for become void space.
func (l *Log) takeBack(batch []byte, waiters []waiter) {
	for _, w := range waiters {
		if w.offset == void64 {
			continue
		}
		b := batch[w.offset-l.flyingAt:]
		if f, ok := readFrame(b, w.offset); ok {
			f.kind = void
			f.put(b)
		}
	}
	l.queue = append(batch, l.queue...)
	l.queueAt = l.flyingAt
}

// write appends the batch to the last segment, or to a new one when that is full, and syncs it. After an error the
// file ends where it ended before, or the log is broken.
func (l *Log) write(batch []byte) error {
	if len(batch) == 0 {
		return nil
	}
	s := l.segments[len(l.segments)-1] // only the flusher adds segments
	if size := s.size.Load(); size > 0 && size+int64(len(batch)) > l.opt.SegmentBytes {
		if err := l.newSegment(l.flyingAt); err != nil {
			return err
		}
		s = l.segments[len(l.segments)-1]
	}
	size := s.size.Load()
	fail.At("predlog/write")
	if _, err := l.active.Write(batch); err != nil {
		return errors.Join(unavailable("write", err), l.restore(size))
	}
	if err := l.active.Sync(); err != nil {
		return l.breakDown("the prediction log could not be synced", err)
	}
	fail.At("predlog/synced")
	s.size.Store(size + int64(len(batch)))
	l.mu.Lock()
	l.written = s.end()
	l.mu.Unlock()
	return nil
}

// restore takes a half-written batch off the end of the file.
func (l *Log) restore(size int64) error {
	err := l.active.Truncate(headerBytes + size)
	if err == nil {
		_, err = l.active.Seek(headerBytes+size, 0)
	}
	if err != nil {
		return l.breakDown("the prediction log has a half-written record", err)
	}
	return nil
}

// breakDown ends the log: it has to be opened again. The flusher calls it, once.
func (l *Log) breakDown(message string, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = &rondo.Error{Kind: rondo.Unavailable, Message: message + "; what the disk holds is found out at the next start", Err: err}
	close(l.failed)
	return l.broken
}

// Err is why the log has to be opened again; nil while it works.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// Close writes what is queued and the mark of an orderly end, unless that is the last one already. The caller has ended Run
// and all readers. Of a broken log, which Run has told of, Close says nothing again.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	if l.broken == nil && !l.resting {
		b := make([]byte, frameBytes)
		f := frame{kind: end, offset: l.queueAt + uint64(len(l.queue)), durable: l.durable, at: l.lastAt, crc: checksum(nil)}
		f.put(b)
		l.queue = append(l.queue, b...)
	}
	broken := l.broken != nil
	l.mu.Unlock()
	var err error
	if !broken {
		err = l.flush()
	}
	if cerr := l.active.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close the log: %w", cerr)
	}
	l.closeSegments()
	return err
}
