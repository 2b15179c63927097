package predlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

var start = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

func rows(n int, text string) *column.Table {
	t := &column.Table{}
	x := column.New(column.Int64, n)
	s := column.New(column.String, n)
	for i := range n {
		x.Ints[i], s.Strings[i] = int64(i), text
	}
	t.Set("x", x)
	t.Set("s", s)
	return t
}

// running opens a log and runs its writer until stop is called.
func running(t testing.TB, dir string, clk clock.Clock, opt Options) (l *Log, stop func()) {
	t.Helper()
	l, err := Open(dir, clk, opt)
	if err != nil {
		t.Fatal(err)
	}
	return l, run(t, l)
}

func run(t testing.TB, l *Log) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.Run(ctx) })
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(stop)
	return stop
}

func collect(t testing.TB, l *Log, q Query) []Record {
	t.Helper()
	var out []Record
	for r, err := range l.Scan(q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestLogAnswersLikeASliceOfRecords(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "log")
		if err != nil {
			t.Fatal(err)
		}
		clk := clock.NewVirtual(start)
		opt := Options{SegmentBytes: 900}
		l, err := Open(dir, clk, opt)
		if err != nil {
			rt.Fatal(err)
		}
		var want []Record
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				if err := l.Close(); err != nil {
					rt.Fatal(err)
				}
				if l, err = Open(dir, clk, opt); err != nil {
					rt.Fatal(err)
				}
				if !l.Report().Clean {
					rt.Fatal("closed in order, and not clean")
				}
			case 1, 2:
				if err := l.flush(); err != nil {
					rt.Fatal(err)
				}
			default:
				threshold := 0.25
				r := Record{
					Kind: Kind(rapid.IntRange(1, 3).Draw(rt, "kind")), Model: rapid.SampledFrom([]string{"a", "bb"}).Draw(rt, "model"),
					Version: "a/1", Revision: 3, History: l.End(), Threshold: &threshold, Key: "k", Sender: "s",
					Table: rows(rapid.IntRange(0, 9).Draw(rt, "rows"), "text"),
				}
				clk.Set(clk.Now().Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "later")) * time.Second))
				if _, err := l.Append(&r); err != nil {
					rt.Fatal(err)
				}
				want = append(want, r)
			}
		}
		for _, w := range want {
			if got, err := l.At(w.Offset); err != nil || !same(got, w) {
				rt.Fatalf("record at %d: %v", w.Offset, err)
			}
		}
		if err := l.flush(); err != nil {
			rt.Fatal(err)
		}
		q := Query{
			Model: rapid.SampledFrom([]string{"", "a", "bb", "c"}).Draw(rt, "asked"), From: rapid.Uint64Range(0, l.End()).Draw(rt, "from"),
			FromAt: start.Add(time.Duration(rapid.IntRange(-1, 60).Draw(rt, "fromAt")) * time.Second).UnixMicro(),
			ToAt:   start.Add(time.Duration(rapid.IntRange(0, 90).Draw(rt, "toAt")) * time.Second).UnixMicro(),
		}
		var filtered []Record
		for _, w := range want {
			if (q.Model == "" || w.Model == q.Model) && w.Offset >= q.From && w.At >= q.FromAt && w.At < q.ToAt {
				filtered = append(filtered, w)
			}
		}
		got := collect(t, l, q)
		if len(got) != len(filtered) {
			rt.Fatalf("%d records, want %d", len(got), len(filtered))
		}
		for i := range got {
			if !same(got[i], filtered[i]) {
				rt.Fatalf("record %d differs", i)
			}
		}
		for r, err := range l.Back(q) {
			if err != nil || len(got) == 0 || !same(r, got[len(got)-1]) {
				rt.Fatalf("%d records before the end: %v", len(got), err)
			}
			got = got[:len(got)-1]
		}
		if len(got) > 0 {
			rt.Fatalf("%d records are left", len(got))
		}
		if err := l.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

func same(a, b Record) bool {
	x, errA := appendRecord(nil, &a)
	y, errB := appendRecord(nil, &b)
	return errA == nil && errB == nil && bytes.Equal(x, y) && a.Offset == b.Offset && a.At == b.At && a.Kind == b.Kind && a.next == b.next
}

func TestArrivalNeverGoesBackWithTheClock(t *testing.T) {
	dir := t.TempDir()
	l, _ := running(t, dir, clock.NewVirtual(start), Options{})
	first := Record{Kind: Event, Model: "m", Table: rows(1, "a")}
	if _, err := l.AppendDurable(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, clock.NewVirtual(start.AddDate(0, 0, -1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	second := Record{Kind: Event, Model: "m", Table: rows(1, "a")}
	if _, err := again.Append(&second); err != nil || second.At != first.At {
		t.Fatalf("arrived %d after %d: %v", second.At, first.At, err)
	}
}

// durableLog writes n records, each synced, without closing the log, and gives the segment's path.
func durableLog(t *testing.T, dir string, n int) (path string, records []Record) {
	t.Helper()
	l, stop := running(t, dir, clock.NewVirtual(start), Options{})
	for range n {
		r := Record{Kind: Feedback, Model: "m", Table: rows(3, "text")}
		if _, err := l.AppendDurable(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	stop()
	return l.segments[len(l.segments)-1].path, records
}

func TestEveryTornTailIsCut(t *testing.T) {
	master := t.TempDir()
	path, records := durableLog(t, master, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := int(records[2].Offset) + headerBytes
	try := func(b []byte, what string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, clock.NewVirtual(start), Options{})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		rep := l.Report()
		if rep.Clean || rep.CutAt != records[2].Offset || rep.Cut != int64(len(b)-last) {
			t.Fatalf("%s: %+v", what, rep)
		}
		if got := collect(t, l, Query{}); len(got) != 2 {
			t.Fatalf("%s: %d records", what, len(got))
		}
		if _, err := l.At(records[2].Offset); !errors.Is(err, ErrLost) {
			t.Fatalf("%s: the cut record: %v", what, err)
		}
		r := Record{Kind: Event, Model: "m", Table: rows(1, "new")}
		if _, err := l.Append(&r); err != nil || r.Offset < uint64(len(whole)) {
			t.Fatalf("%s: an offset is used twice: %d, %v", what, r.Offset, err)
		}
		l.closeSegments()
	}
	for cut := last + 1; cut < len(whole); cut += 3 {
		try(whole[:cut], fmt.Sprintf("cut to %d", cut))
	}
	for at := last; at < len(whole); at += 5 {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		try(b, fmt.Sprintf("flipped at %d", at))
	}
	try(append(bytes.Clone(whole[:last]), make([]byte, 500)...), "zeros")
}

func TestDamageInTheMiddleNamesTheOffset(t *testing.T) {
	path, records := durableLog(t, t.TempDir(), 4)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from, to := int(records[1].Offset)+headerBytes, int(records[2].Offset)+headerBytes
	for at := from; at < to; at++ {
		b := bytes.Clone(whole)
		b[at] ^= 4
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(filepath.Dir(path), clock.NewVirtual(start), Options{})
		if !errors.Is(err, ErrCorrupt) || !bytes.Contains([]byte(err.Error()), fmt.Appendf(nil, "offset %d ", records[1].Offset)) {
			t.Fatalf("flipped at %d: %v", at, err)
		}
	}
}

// fullDisk writes at most room bytes, half-writing what does not fit.
type fullDisk struct {
	file
	room *int
}

func (f fullDisk) Write(b []byte) (int, error) {
	if len(b) <= *f.room {
		*f.room -= len(b)
		return f.file.Write(b)
	}
	n, err := f.file.Write(b[:*f.room])
	*f.room = 0
	return n, errors.Join(err, unix.ENOSPC)
}

func TestFullDiskRefusesAndGoesOn(t *testing.T) {
	room := 1000
	dir := t.TempDir()
	l, err := openLog(dir, clock.NewVirtual(start), Options{SegmentBytes: 4000}, func(path string) (file, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		return fullDisk{f, &room}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	var kept []Record
	ctx := t.Context()
	refused := 0
	for i := range 60 {
		if i == 40 {
			room = 1 << 20
		}
		p := Record{Kind: Prediction, Model: "m", Table: rows(2, "predicted")}
		if _, err := l.Append(&p); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, p)
		f := Record{Kind: Feedback, Model: "m", Table: rows(2, "told")}
		switch _, err := l.AppendDurable(ctx, &f); {
		case err == nil:
			kept = append(kept, f)
		case rondo.KindOf(err) == rondo.Unavailable && errors.Is(err, unix.ENOSPC):
			refused++
		default:
			t.Fatal(err)
		}
	}
	if refused == 0 || refused > 40 {
		t.Fatalf("%d refused", refused)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, clock.NewVirtual(start), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := collect(t, again, Query{})
	if len(got) != len(kept) || !again.Report().Clean {
		t.Fatalf("%d records, want %d; %+v", len(got), len(kept), again.Report())
	}
	for i := range got {
		if !same(got[i], kept[i]) {
			t.Fatalf("record %d differs", i)
		}
	}
}

// deaf is a disk whose sync fails from some call on.
type deaf struct {
	file
	left *int
}

func (d deaf) Sync() error {
	if *d.left--; *d.left < 0 {
		return unix.EIO
	}
	return d.file.Sync()
}

func TestAfterAFailedSyncNothingIsAcceptedAndNobodyWaits(t *testing.T) {
	left := 3
	l, err := openLog(t.TempDir(), clock.NewVirtual(start), Options{}, func(path string) (file, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		return deaf{f, &left}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- l.Run(t.Context()) }()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				_, err := l.AppendDurable(t.Context(), &Record{Kind: Event, Model: "m", Table: rows(1, "x")})
				if err == nil {
					continue
				}
				if rondo.KindOf(err) != rondo.Unavailable || !errors.Is(err, unix.EIO) {
					t.Error(err)
				}
				return
			}
		})
	}
	wg.Wait()
	if _, err := l.Append(&Record{Kind: Event, Model: "m", Table: rows(1, "x")}); rondo.KindOf(err) != rondo.Unavailable {
		t.Fatal(err)
	}
	if err := <-ran; !errors.Is(err, unix.EIO) || l.Err() == nil {
		t.Errorf("whoever runs the log is told %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// A sync that fails while nobody waits ends Run too, and so does that of a new segment.
func TestRunEndsWithAnyFailedSync(t *testing.T) {
	for syncs := 1; syncs < 8; syncs++ {
		left := syncs
		l, err := openLog(t.TempDir(), clock.NewVirtual(start), Options{SegmentBytes: 200, FlushEvery: time.Millisecond}, func(path string) (file, error) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
			return deaf{f, &left}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan error, 1)
		go func() { ran <- l.Run(t.Context()) }()
		for err == nil {
			_, err = l.Append(&Record{Kind: Prediction, Model: "m", Table: rows(1, "x")})
		}
		if err := <-ran; rondo.KindOf(err) != rondo.Unavailable || !errors.Is(err, unix.EIO) {
			t.Errorf("after %d syncs Run ended with %v", syncs, err)
		}
	}
}

func TestWhoeverWaitsFlushesWhereNoWriterRuns(t *testing.T) {
	l, err := Open(t.TempDir(), clock.NewVirtual(start), Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, l)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 40 {
				if _, err := l.AppendDurable(t.Context(), &Record{Kind: Event, Model: "m", Table: rows(1, "x")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop() // at any instant
	wg.Wait()
	if got := collect(t, l, Query{}); len(got) != 320 {
		t.Fatalf("%d records", len(got))
	}
}

func TestFullQueueIsCounted(t *testing.T) {
	l, err := Open(t.TempDir(), clock.NewVirtual(start), Options{QueueBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	refused := uint64(0)
	for range 50 {
		if _, err := l.Append(&Record{Kind: Prediction, Model: "m", Table: rows(1, "x")}); rondo.KindOf(err) == rondo.Unavailable {
			refused++
		}
	}
	if refused == 0 || refused != l.Dropped() || len(l.queue) > 1000 {
		t.Fatalf("refused %d, counted %d", refused, l.Dropped())
	}
}

func TestGroupCommitSharesSyncs(t *testing.T) {
	l, _ := running(t, t.TempDir(), clock.NewVirtual(start), Options{SegmentBytes: 20_000})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				r := Record{Kind: Event, Model: fmt.Sprint("m", w), Table: rows(1, fmt.Sprint(i))}
				if _, err := l.AppendDurable(t.Context(), &r); err != nil {
					t.Error(err)
				}
				if got, err := l.At(r.Offset); err != nil || !same(got, r) {
					t.Errorf("at %d: %v", r.Offset, err)
				}
			}
		})
	}
	wg.Wait()
	if got := collect(t, l, Query{}); len(got) != 400 {
		t.Fatalf("%d records", len(got))
	}
	if len(l.segments) < 2 {
		t.Fatal("no second segment")
	}
}

func TestReadingBackIsReadingForwardTurnedRound(t *testing.T) {
	clk := clock.NewVirtual(start)
	l, err := Open(t.TempDir(), clk, Options{SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 { // 3 MiB: many stretches of the index, and one record longer than any
		clk.Set(start.Add(time.Duration(i) * time.Second))
		n := 1 + i*7919%120
		if i == 1000 {
			n = 40_000
		}
		if _, err := l.Append(&Record{Kind: Kind(1 + i%3), Model: "m", Key: fmt.Sprint(i), Table: rows(n, "some text")}); err != nil {
			t.Fatal(err)
		}
		if i%500 == 499 {
			if err := l.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(l.segments) < 3 {
		t.Fatalf("%d segments", len(l.segments))
	}
	at := func(n int) int64 { return start.Add(time.Duration(n) * time.Second).UnixMicro() }
	all := collect(t, l, Query{})
	for name, q := range map[string]Query{
		"all": {}, "bare": {Bare: true}, "kinds": {Kinds: []Kind{Event, Feedback}}, "times": {FromAt: at(700), ToAt: at(2100)},
		"offsets": {From: all[900].Offset, To: all[1200].Offset}, "nothing": {ToAt: at(0)}, "model": {Model: "n"},
	} {
		want := collect(t, l, q)
		if len(want) == 0 && name != "nothing" && name != "model" {
			t.Fatalf("%s: no records", name)
		}
		for r, err := range l.Back(q) {
			if err != nil || len(want) == 0 {
				t.Fatalf("%s: %v, %d records left", name, err, len(want))
			}
			w := want[len(want)-1]
			if r.Offset != w.Offset || r.Key != w.Key || q.Bare != (r.Table == nil) || !q.Bare && !same(r, w) {
				t.Fatalf("%s: record at %d; want %d", name, r.Offset, w.Offset)
			}
			want = want[:len(want)-1]
		}
		if len(want) > 0 {
			t.Fatalf("%s: %d records are left", name, len(want))
		}
	}
	for r, err := range l.Back(Query{}) { // whoever has seen enough ends it
		if err != nil || r.Key != "2999" {
			t.Fatal(r.Key, err)
		}
		break
	}
}
