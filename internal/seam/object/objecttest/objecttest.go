// Package objecttest examines an object.Store: every promise of package object as a test.
//
// An implementation's test calls Run. What only it can do (damage stored bytes, count copies) comes with Place.
package objecttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
)

// Place is one empty place for objects.
type Place struct {
	Open   func(clk clock.Clock) (object.Store, error) // the same objects again at each call
	Damage func(d rondo.Digest, b []byte) error        // replaces the stored bytes
	Bytes  func() (int64, error)                       // how much all stored objects take
}

// Run examines the stores that place makes.
func Run(t *testing.T, place func(t *testing.T) Place) {
	tests := []struct {
		name string
		test func(*desk)
	}{
		{"PutBytesAreThereAfterReopening", testPut},
		{"PutFileEqualsPut", testPutFile},
		{"PutAgainCostsNoSecondCopy", testAgain},
		{"DamageIsNeverData", testDamage},
		{"PutMendsDamage", testMend},
		{"HostileDigestsAreRefused", testHostile},
		{"MissingIsNotFound", testMissing},
		{"EndedContextStops", testContext},
		{"SweepKeepsWhatIsKeptOrYoung", testSweep},
		{"PutAgainRenews", testRenew},
		{"PutsAndSweepsTogetherLoseNothing", testTogether},
		{"StoreEqualsAMap", testModel},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { c.test(newDesk(t, place)) })
	}
}

type desk struct {
	*testing.T
	clk *clock.Virtual
	at  Place
	st  object.Store
}

func newDesk(t *testing.T, place func(t *testing.T) Place) *desk {
	d := &desk{T: t, clk: clock.NewVirtual(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)), at: place(t)}
	d.reopen()
	return d
}

func (d *desk) reopen() {
	d.Helper()
	st, err := d.at.Open(d.clk)
	d.ok(err)
	d.st = st
}

func (d *desk) later(by time.Duration) { d.clk.Set(d.clk.Now().Add(by)) }

func (d *desk) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) is(err, want error) {
	d.Helper()
	if !errors.Is(err, want) {
		d.Fatalf("error %v, want %v", err, want)
	}
}

func (d *desk) put(b []byte) rondo.Digest {
	d.Helper()
	got, err := d.st.Put(d.Context(), b)
	d.ok(err)
	if want := rondo.DigestOf(sha256.Sum256(b)); got != want {
		d.Fatalf("digest %s, want %s", got, want)
	}
	return got
}

// reads demands these bytes by both ways of reading.
func (d *desk) reads(id rondo.Digest, want []byte) {
	d.Helper()
	got, err := d.st.Get(d.Context(), id)
	d.ok(err)
	if !bytes.Equal(got, want) {
		d.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
	r, err := d.st.Open(d.Context(), id)
	d.ok(err)
	defer r.Close()
	d.ok(iotest.TestReader(r, want))
}

// fails demands an error by both ways of reading.
func (d *desk) fails(id rondo.Digest, want error) {
	d.Helper()
	b, err := d.st.Get(d.Context(), id)
	d.is(err, want)
	if b != nil {
		d.Fatalf("%d bytes came with error %v", len(b), err)
	}
	r, err := d.st.Open(d.Context(), id)
	if err == nil {
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
	}
	d.is(err, want)
}

// samples are contents of sizes that matter to buffers.
func samples() [][]byte {
	var all [][]byte
	for _, n := range []int{0, 1, 511, 512, 513, 32 << 10, 70<<10 + 7} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i * 31 >> (i % 7))
		}
		all = append(all, b)
	}
	return all
}

func testPut(d *desk) {
	var ids []rondo.Digest
	for _, b := range samples() {
		ids = append(ids, d.put(b))
	}
	d.reopen()
	for i, b := range samples() {
		d.reads(ids[i], b)
	}
}

func testPutFile(d *desk) {
	dir := d.TempDir()
	path := filepath.Join(dir, "file")
	for _, b := range samples() {
		d.ok(os.WriteFile(path, b, 0o600))
		id, err := d.st.PutFile(d.Context(), path)
		d.ok(err)
		if want := rondo.DigestOf(sha256.Sum256(b)); id != want {
			d.Fatalf("digest %s, want %s", id, want)
		}
		d.reads(id, b)
		if d.put(b) != id {
			d.Fatal("Put and PutFile disagree")
		}
	}
	link := filepath.Join(dir, "link")
	d.ok(os.Symlink(path, link))
	for _, bad := range []string{link, dir, filepath.Join(dir, "nothing")} {
		if id, err := d.st.PutFile(d.Context(), bad); err == nil || id != "" {
			d.Fatalf("%s was put as %q", bad, id)
		}
	}
}

func (d *desk) size() int64 {
	d.Helper()
	n, err := d.at.Bytes()
	d.ok(err)
	return n
}

func testAgain(d *desk) {
	b := bytes.Repeat([]byte("again"), 1000)
	id := d.put(b)
	once := d.size()
	path := filepath.Join(d.TempDir(), "file")
	d.ok(os.WriteFile(path, b, 0o600))
	for range 3 {
		d.put(b)
		_, err := d.st.PutFile(d.Context(), path)
		d.ok(err)
	}
	if now := d.size(); now != once {
		d.Fatalf("objects take %d bytes, %d after the first Put", now, once)
	}
	d.reads(id, b)
}

// damages are the ways in which 5000 bytes may go wrong.
func damages(b []byte) map[string][]byte {
	flip := func(i int) []byte {
		c := slices.Clone(b)
		c[i] ^= 1
		return c
	}
	return map[string][]byte{
		"first bit": flip(0), "middle bit": flip(len(b) / 2), "last bit": flip(len(b) - 1),
		"short": b[:len(b)-1], "long": append(slices.Clone(b), 0), "empty": {}, "other": []byte("other"),
	}
}

func testDamage(d *desk) {
	b := bytes.Repeat([]byte("12345"), 1000)
	id := d.put(b)
	for name, wrong := range damages(b) {
		d.ok(d.at.Damage(id, wrong))
		d.Log(name)
		d.fails(id, object.ErrCorrupt)

		// Whoever reads exactly the size gets the right bytes or is told too.
		r, err := d.st.Open(d.Context(), id)
		d.ok(err)
		got := make([]byte, len(b))
		if _, err = io.ReadFull(r, got); err != nil || !bytes.Equal(got, b) {
			d.is(err, object.ErrCorrupt)
		}
		_, err = r.Read(make([]byte, 10))
		d.is(err, object.ErrCorrupt) // again and again
		d.ok(r.Close())

		// Damage under an open reader: the right bytes, or told.
		d.put(b)
		r, err = d.st.Open(d.Context(), id)
		d.ok(err)
		d.ok(d.at.Damage(id, wrong))
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, b) {
			d.is(err, object.ErrCorrupt)
		}
		d.ok(r.Close())
	}
}

func testMend(d *desk) {
	b := bytes.Repeat([]byte("12345"), 1000)
	id := d.put(b)
	for _, wrong := range damages(b) {
		d.ok(d.at.Damage(id, wrong))
		d.put(b)
		d.reads(id, b)
	}
}

func testHostile(d *desk) {
	good := string(d.put([]byte("good")))
	for _, bad := range []string{"", "..", "../../etc/passwd", "/etc/passwd", good[:63], good + "0", strings.ToUpper(good),
		"../" + good[:61], good[:2] + "/" + good[3:], strings.Repeat("\x00", 64), strings.Repeat("a", 1<<20)} {
		if bad == good { // a digest of digits alone has no upper case
			continue
		}
		_, err := d.st.Get(d.Context(), rondo.Digest(bad))
		if rondo.KindOf(err) != rondo.Invalid || len(err.Error()) > 400 {
			d.Fatalf("digest %.80q: error %.400v", bad, err)
		}
		_, err = d.st.Open(d.Context(), rondo.Digest(bad))
		if rondo.KindOf(err) != rondo.Invalid {
			d.Fatalf("digest %.80q: error %.400v", bad, err)
		}
	}
}

func testMissing(d *desk) {
	d.fails(rondo.DigestOf(sha256.Sum256([]byte("nobody put this"))), object.ErrNotFound)
	d.put([]byte("neighbour"))
	d.fails(rondo.DigestOf(sha256.Sum256([]byte("nobody put this"))), object.ErrNotFound)
}

func testContext(d *desk) {
	kept := d.put([]byte("kept"))
	ctx, cancel := context.WithCancel(d.Context())
	r, err := d.st.Open(ctx, kept)
	d.ok(err)
	defer r.Close()
	cancel()
	_, err = r.Read(make([]byte, 1))
	d.is(err, context.Canceled)

	_, err = d.st.Put(ctx, []byte("lost"))
	d.is(err, context.Canceled)
	d.fails(rondo.DigestOf(sha256.Sum256([]byte("lost"))), object.ErrNotFound)
	path := filepath.Join(d.TempDir(), "file")
	d.ok(os.WriteFile(path, []byte("lost"), 0o600))
	_, err = d.st.PutFile(ctx, path)
	d.is(err, context.Canceled)
	_, err = d.st.Get(ctx, kept)
	d.is(err, context.Canceled)
	_, err = d.st.Sweep(ctx, func(rondo.Digest) bool { return false }, -time.Hour)
	d.is(err, context.Canceled)
	d.reads(kept, []byte("kept"))
}

func (d *desk) sweep(age time.Duration, keep ...rondo.Digest) int {
	d.Helper()
	n, err := d.st.Sweep(d.Context(), func(id rondo.Digest) bool { return slices.Contains(keep, id) }, age)
	d.ok(err)
	return n
}

func (d *desk) equal(got, want int) {
	d.Helper()
	if got != want {
		d.Fatalf("got %d, want %d", got, want)
	}
}

func testSweep(d *desk) {
	kept, old := d.put([]byte("kept")), d.put([]byte("old"))
	d.later(time.Hour)
	young := d.put([]byte("young"))
	d.equal(d.sweep(time.Hour, kept), 0) // exactly an hour is not older than an hour
	d.later(time.Second)
	d.equal(d.sweep(time.Hour, kept), 1)
	d.reads(kept, []byte("kept"))
	d.reads(young, []byte("young"))
	d.fails(old, object.ErrNotFound)
	d.reopen()
	d.later(time.Hour)
	d.equal(d.sweep(time.Hour), 2)
	d.fails(kept, object.ErrNotFound)
	if n := d.size(); n != 0 {
		d.Fatalf("%d bytes are left", n)
	}
}

func testRenew(d *desk) {
	b, path := []byte("again"), filepath.Join(d.TempDir(), "file")
	d.ok(os.WriteFile(path, b, 0o600))
	id := d.put(b)
	d.later(2 * time.Hour)
	d.put(b)
	d.equal(d.sweep(time.Hour), 0)
	d.later(2 * time.Hour)
	_, err := d.st.PutFile(d.Context(), path)
	d.ok(err)
	d.equal(d.sweep(time.Hour), 0)
	d.reads(id, b)
	d.later(2 * time.Hour)
	d.equal(d.sweep(time.Hour), 1)
	d.put(b) // what was swept can be put again
	d.reads(id, b)
}

// Everything is old, and a sweeper that keeps nothing runs all the time. Whatever a Put has returned must be readable
// until the clock moves: the Put made it young, whether it wrote or renewed.
func testTogether(d *desk) {
	ctx, stop := context.WithCancel(d.Context())
	var sweeper, putters sync.WaitGroup
	sweeper.Go(func() {
		for ctx.Err() == nil {
			_, err := d.st.Sweep(ctx, func(rondo.Digest) bool { return false }, time.Hour)
			if err != nil && !errors.Is(err, context.Canceled) {
				d.Error(err)
			}
		}
	})
	for range 10 {
		for w := range 4 {
			putters.Go(func() {
				for i := range 5 {
					b := fmt.Appendf(nil, "object %d", (w+i)%5) // the same few from everybody
					id, err := d.st.Put(ctx, b)
					if err != nil {
						d.Error(err)
						return
					}
					if got, err := d.st.Get(ctx, id); err != nil || !bytes.Equal(got, b) {
						d.Errorf("put and lost: %v", err)
					}
				}
			})
		}
		putters.Wait()
		d.later(2 * time.Hour)
	}
	stop()
	sweeper.Wait()
}

// testModel runs random operations beside a map from digest to bytes and time of Put.
func testModel(d *desk) {
	type kept struct {
		bytes string
		put   time.Time
	}
	world := map[rondo.Digest]kept{}
	rapid.Check(d.T, func(t *rapid.T) {
		for range 20 {
			b := []byte(rapid.SampledFrom([]string{"", "a", "bb", "ccc", "dddd"}).Draw(t, "bytes"))
			id := rondo.DigestOf(sha256.Sum256(b))
			switch rapid.SampledFrom([]string{"put", "put", "get", "get", "clock", "sweep", "reopen", "damage"}).Draw(t, "operation") {
			case "put":
				d.put(b)
				world[id] = kept{string(b), d.clk.Now()}
			case "get":
				w, there := world[id]
				switch {
				case !there:
					d.fails(id, object.ErrNotFound)
				case w.bytes != string(b):
					d.fails(id, object.ErrCorrupt)
				default:
					d.reads(id, b)
				}
			case "clock":
				d.later(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute)
			case "sweep":
				want := 0
				for id, w := range world {
					if id[0] >= '8' && d.clk.Now().Sub(w.put) > time.Hour {
						delete(world, id)
						want++
					}
				}
				n, err := d.st.Sweep(d.Context(), func(id rondo.Digest) bool { return id[0] < '8' }, time.Hour)
				d.ok(err)
				d.equal(n, want)
			case "reopen":
				d.reopen()
			case "damage":
				if w, there := world[id]; there {
					d.ok(d.at.Damage(id, []byte("wrong")))
					world[id] = kept{"wrong", w.put}
				}
			}
		}
	})
}
