package folder_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/lib/smalldisk"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
	"rondo.dev/rondo/internal/seam/object/folder"
	"rondo.dev/rondo/internal/seam/object/objecttest"
)

func file(dir string, d rondo.Digest) string { return filepath.Join(dir, string(d[:2]), string(d[2:])) }

// replace writes other bytes under an object's name and leaves its file time.
func replace(path string, b []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, b, 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
}

func TestStoreKeepsItsPromises(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) objecttest.Place {
		dir := filepath.Join(t.TempDir(), "objects")
		return objecttest.Place{
			Open:   func(clk clock.Clock) (object.Store, error) { return folder.Open(dir, clk) },
			Damage: func(d rondo.Digest, b []byte) error { return replace(file(dir, d), b) },
			Bytes: func() (sum int64, err error) {
				err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
					if err != nil || e.IsDir() {
						return err
					}
					info, err := e.Info()
					if err == nil {
						sum += info.Size()
					}
					return err
				})
				return sum, err
			},
		}
	})
}

func open(t *testing.T) (*folder.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "objects")
	s, err := folder.Open(dir, clock.Wall{})
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestObjectIsAReadOnlyFileOfItsOwner(t *testing.T) {
	s, dir := open(t)
	d, err := s.Put(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file(dir, d))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o400 {
		t.Errorf("mode %v", info.Mode())
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("%d temporary files are left", len(left))
	}
}

func TestLinksAreNeverFollowed(t *testing.T) {
	secret := []byte("secret")
	d := rondo.DigestOf(sha256.Sum256(secret))
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, string(d[2:])), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(s *folder.Store, what string) {
		t.Helper()
		if b, err := s.Get(t.Context(), d); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s: %q, %v", what, b, err)
		}
		if n, err := s.Sweep(t.Context(), func(rondo.Digest) bool { return false }, -time.Hour); n != 0 || err != nil {
			t.Errorf("%s: swept %d, %v", what, n, err)
		}
	}

	s, dir := open(t)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, string(d[:2])), 0o700),
		os.Symlink(filepath.Join(outside, string(d[2:])), file(dir, d))); err != nil {
		t.Fatal(err)
	}
	refused(s, "file is a link")
	if _, err := s.Put(t.Context(), secret); err != nil { // the link gives way to the object
		t.Fatal(err)
	}
	if info, err := os.Lstat(file(dir, d)); err != nil || !info.Mode().IsRegular() {
		t.Errorf("after Put: %v, %v", info, err)
	}

	s, dir = open(t)
	if err := os.Symlink(outside, filepath.Join(dir, string(d[:2]))); err != nil {
		t.Fatal(err)
	}
	refused(s, "subfolder is a link")
	if _, err := s.Put(t.Context(), secret); err == nil {
		t.Error("Put went through a link")
	}
	if b, err := os.ReadFile(filepath.Join(outside, string(d[2:]))); err != nil || string(b) != "secret" {
		t.Errorf("outside: %q, %v", b, err)
	}

	s, dir = open(t)
	if err := os.MkdirAll(file(dir, d), 0o700); err != nil {
		t.Fatal(err)
	}
	refused(s, "object is a folder")
}

func TestSweepRemovesWhatACrashLeftHalfWritten(t *testing.T) {
	s, dir := open(t)
	old, young := filepath.Join(dir, "tmp", "old"), filepath.Join(dir, "tmp", "young")
	for _, path := range []string{old, young, filepath.Join(dir, "README")} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := clock.Wall{}.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), func(rondo.Digest) bool { return false }, 0); n != 0 || err != nil {
		t.Fatalf("swept %d objects, %v", n, err)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("old is there: %v", err)
	}
	readme := filepath.Join(dir, "README")
	for _, path := range []string{young, readme} { // may be in use; is not ours
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if err := s.Tidy(t.Context()); err != nil { // nobody uses it
		t.Fatal(err)
	}
	if _, err := os.Stat(young); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("young is there after tidying: %v", err)
	}
	if _, err := os.Stat(readme); err != nil {
		t.Error(err)
	}
}

// meddler is a clock that does something when it is asked the next time.
type meddler struct {
	*clock.Virtual
	next func()
}

func (m *meddler) Now() time.Time {
	if f := m.next; f != nil {
		m.next = nil
		f()
	}
	return m.Virtual.Now()
}

// Sweep has looked at an old object and asks for the time; a Put of the same bytes comes in between. Either the Put waits,
// or the object survives. The 50 ms are what a wrong Put has to get through; the right one waits them out.
func TestPutBetweenTheLookAndTheRemovalIsNotLost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "objects")
	clk := &meddler{Virtual: clock.NewVirtual(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))}
	s, err := folder.Open(dir, clk)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Put(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	clk.Set(clk.Now().Add(2 * time.Hour))
	again := make(chan error, 1)
	clk.next = func() {
		ctx, done := context.WithCancel(t.Context())
		go func() {
			_, err := s.Put(ctx, []byte("x"))
			again <- err
			done()
		}()
		_ = clock.Wall{}.Until(ctx, clock.Wall{}.Now().Add(50*time.Millisecond))
	}
	if _, err := s.Sweep(t.Context(), func(rondo.Digest) bool { return false }, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := <-again; err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), d); err != nil {
		t.Errorf("put and lost: %v", err)
	}
}

func TestFullDiskRefusesAndGoesOnWhenThereIsRoom(t *testing.T) {
	disk, inside := smalldisk.Enter(t, "2m")
	if !inside {
		return
	}
	ballast, dir := filepath.Join(disk, "ballast"), filepath.Join(disk, "objects")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := folder.Open(dir, clock.Wall{})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[rondo.Digest][]byte{}
	fill := func() {
		t.Helper()
		before := len(kept)
		for i := 0; ; i++ {
			b := bytes.Repeat(fmt.Appendf(nil, "%d/%d ", before, i), 10_000)
			d, err := s.Put(t.Context(), b)
			if err == nil {
				kept[d] = b
				continue
			}
			if rondo.KindOf(err) != rondo.Unavailable {
				t.Fatalf("a full disk is %v", err)
			}
			d = rondo.DigestOf(sha256.Sum256(b))
			if _, err := s.Get(t.Context(), d); !errors.Is(err, object.ErrNotFound) {
				t.Fatalf("what was refused is %v", err)
			}
			break
		}
		if len(kept) < before+5 {
			t.Fatalf("%d objects, %d before", len(kept), before)
		}
		for d, b := range kept {
			if got, err := s.Get(t.Context(), d); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("kept and lost: %v", err)
			}
		}
		if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
			t.Fatalf("%d temporary files are left, %v", len(left), err)
		}
	}
	fill()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	fill()
}

// Many put the same bytes at once and each replaces the file of the other, while many read it: nobody is told of damage.
func TestReplacedByTheSameBytesIsNoDamage(t *testing.T) {
	s, dir := open(t)
	d, err := s.Put(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ { // as a Put's last act does
			next := filepath.Join(dir, "tmp", fmt.Sprint(i))
			if err := errors.Join(os.WriteFile(next, []byte("x"), 0o400), os.Rename(next, file(dir, d))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5000 {
		if _, err := s.Get(t.Context(), d); err != nil {
			t.Error(err)
			break
		}
	}
	stop()
	all.Wait()
}
