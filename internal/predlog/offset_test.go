package predlog

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
)

// TestNoOffsetIsHandedOutTwice lives through processes that append, flush or not, and end in order or by a kill.
func TestNoOffsetIsHandedOutTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "log")
		if err != nil {
			t.Fatal(err)
		}
		given := map[uint64]int{} // by which process
		kept := 0
		for life := range rapid.IntRange(2, 6).Draw(rt, "processes") {
			l, err := Open(dir, clock.NewVirtual(start), Options{SegmentBytes: 900})
			if err != nil {
				rt.Fatal(err)
			}
			appended, lost := rapid.IntRange(0, 3).Draw(rt, "records"), 0
			for range appended {
				r := Record{Kind: Prediction, Model: "m", Table: rows(1, "text")}
				if _, err := l.Append(&r); err != nil {
					rt.Fatal(err)
				}
				if before, twice := given[r.Offset]; twice {
					rt.Fatalf("process %d gave out offset %d; process %d had", life, r.Offset, before)
				}
				given[r.Offset] = life
				lost++
				if rapid.Bool().Draw(rt, "flushed") {
					if err := l.flush(); err != nil {
						rt.Fatal(err)
					}
					kept, lost = kept+lost, 0
				}
			}
			if rapid.Bool().Draw(rt, "in order") {
				if err := l.Close(); err != nil {
					rt.Fatal(err)
				}
				kept += lost
			} else {
				l.closeSegments()
			}
		}
		l, err := Open(dir, clock.NewVirtual(start), Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer l.closeSegments()
		found := 0
		for _, r := range collect(t, l, Query{}) {
			if _, ok := given[r.Offset]; !ok {
				rt.Fatalf("a record at offset %d, which nobody was given", r.Offset)
			}
			found++
		}
		if found != kept {
			rt.Fatalf("%d records of %d", found, kept)
		}
	})
}

func TestALogThatNobodyAppendsToStaysAsItWas(t *testing.T) {
	dir := t.TempDir()
	path, _ := durableLog(t, dir, 2)
	l, err := Open(dir, clock.NewVirtual(start), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil { // after the gap: a segment with an end
		t.Fatal(err)
	}
	files := func() (all string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all += e.Name() + string(b)
		}
		return all
	}
	before := files()
	if len(before) < len(filepath.Base(path)) {
		t.Fatal("no log")
	}
	for range 3 {
		l, err := Open(dir, clock.NewVirtual(start), Options{})
		if err != nil || !l.Report().Clean {
			t.Fatal(l.Report(), err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if files() != before {
		t.Error("opening and closing changed the log")
	}
}

// A log of a program that did not say when it went on: end, and more behind it.
func TestALogWithoutBeginningsOpens(t *testing.T) {
	dir := t.TempDir()
	var want []Record
	for range 3 {
		l, err := Open(dir, clock.NewVirtual(start), Options{})
		if err != nil {
			t.Fatal(err)
		}
		l.resting = false
		r := Record{Kind: Event, Model: "m", Table: rows(2, "text")}
		if _, err := l.Append(&r); err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Open(dir, clock.NewVirtual(start), Options{})
	if err != nil || !l.Report().Clean {
		t.Fatal(l.Report(), err)
	}
	defer l.closeSegments()
	got := collect(t, l, Query{})
	for i := range want {
		if len(got) != len(want) || !same(got[i], want[i]) {
			t.Fatalf("record %d of %d", i, len(got))
		}
	}
}

func TestAFullDiskAtTheStartRefusesUntilThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, clock.NewVirtual(start), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	room := frameBytes / 2
	l, err = openLog(dir, clock.NewVirtual(start), Options{}, func(path string) (file, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		return fullDisk{f, &room}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	r := Record{Kind: Prediction, Model: "m", Table: rows(1, "text")}
	for range 2 {
		if _, err := l.Append(&r); rondo.KindOf(err) != rondo.Unavailable || !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	room = 1 << 20
	if _, err := l.Append(&r); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = Open(dir, clock.NewVirtual(start), Options{})
	if err != nil || !l.Report().Clean {
		t.Fatal(l.Report(), err)
	}
	defer l.closeSegments()
	if got := collect(t, l, Query{}); len(got) != 1 || !same(got[0], r) {
		t.Fatalf("%d records", len(got))
	}
}

func TestManyFirstRecordsBeginOnce(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, clock.NewVirtual(start), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, _ = running(t, dir, clock.NewVirtual(start), Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := l.AppendDurable(t.Context(), &Record{Kind: Event, Model: "m", Table: rows(1, "x")}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := collect(t, l, Query{})
	if len(got) != 8 || got[0].Offset != 2*frameBytes { // the end, the beginning
		t.Fatalf("%d records from offset %d on", len(got), got[0].Offset)
	}
}

// diary is a file that notes what is done to it.
type diary struct {
	file
	said *[]string
}

func (d diary) Truncate(size int64) error {
	*d.said = append(*d.said, "cut")
	return d.file.Truncate(size)
}

func (d diary) Sync() error {
	*d.said = append(*d.said, "sync")
	return d.file.Sync()
}

func TestACutTailIsSyncedBeforeTheLogGoesOn(t *testing.T) {
	dir := t.TempDir()
	path, _ := durableLog(t, dir, 2)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	var said []string
	l, err := openLog(dir, clock.NewVirtual(start), Options{}, func(at string) (file, error) {
		if at != path {
			said = append(said, "next")
		}
		f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE, 0o600)
		return diary{f, &said}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.closeSegments()
	if len(said) < 3 || said[0] != "cut" || said[1] != "sync" || said[2] != "next" {
		t.Errorf("what was done, in order: %v", said)
	}
}

// A person removes the oldest segments of a log that is not open: what is left is read, and offsets go on.
func TestALogWithoutItsOldestSegmentsIsReadFromWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	opt := Options{SegmentBytes: 900}
	l, err := Open(dir, clock.NewVirtual(start), opt)
	if err != nil {
		t.Fatal(err)
	}
	var given []Record
	for range 40 {
		r := Record{Kind: Event, Model: "m", Table: rows(3, "text")}
		if _, err := l.Append(&r); err != nil {
			t.Fatal(err)
		}
		if err := l.flush(); err != nil {
			t.Fatal(err)
		}
		given = append(given, r)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(paths) < 5 {
		t.Fatal(paths, err)
	}
	for _, path := range paths[:3] {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if l, err = Open(dir, clock.NewVirtual(start), opt); err != nil {
		t.Fatal(err)
	}
	defer l.closeSegments()
	got := collect(t, l, Query{})
	want := given[len(given)-len(got):]
	if len(got) == 0 || len(got) == len(given) || l.End() <= given[39].Offset {
		t.Fatalf("%d of %d records, end %d", len(got), len(given), l.End())
	}
	for i := range got {
		if !same(got[i], want[i]) {
			t.Fatalf("record %d differs", i)
		}
	}
	if _, err := l.At(given[0].Offset); !errors.Is(err, ErrNotFound) {
		t.Errorf("a removed record: %v", err)
	}
	for r, err := range l.Back(Query{}) {
		if err != nil || !same(r, want[len(want)-1]) {
			t.Fatal(err)
		}
		want = want[:len(want)-1]
	}
	if len(want) > 0 {
		t.Errorf("%d records are not read back", len(want))
	}
}
