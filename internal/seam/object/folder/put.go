package folder

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"rondo.dev/rondo/internal/lib/fail"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
)

// temporary holds what is being written; a crash leaves it there for Sweep.
const temporary = "tmp"

// Put keeps b.
func (s *Store) Put(ctx context.Context, b []byte) (rondo.Digest, error) {
	d := rondo.DigestOf(sha256.Sum256(b))
	reused, err := s.reuse(ctx, d)
	if err != nil {
		return "", err
	}
	if reused {
		return d, nil
	}
	return s.put(ctx, bytes.NewReader(b))
}

// PutFile keeps the bytes of a plain file.
func (s *Store) PutFile(ctx context.Context, path string) (rondo.Digest, error) {
	seen, err := os.Lstat(path)
	if err != nil {
		return "", explain("putting file", err)
	}
	if !seen.Mode().IsRegular() {
		return "", rondo.Errorf(rondo.Invalid, "%s is no plain file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", explain("putting file", err)
	}
	defer f.Close()
	if got, err := f.Stat(); err != nil || !os.SameFile(seen, got) {
		return "", errors.Join(fmt.Errorf("%s changed while it was opened", path), err)
	}
	return s.put(ctx, f)
}

// put writes a temporary file, syncs it and gives it its name.
func (s *Store) put(ctx context.Context, from io.Reader) (d rondo.Digest, err error) {
	name := temporary + "/" + rand.Text()
	d, err = s.write(ctx, name, from)
	if err == nil {
		var reused bool
		if reused, err = s.reuse(ctx, d); err == nil && !reused {
			err = s.publish(name, d)
		}
	}
	if err != nil {
		d = ""
	}
	if gone := s.root.Remove(name); gone != nil && !errors.Is(gone, fs.ErrNotExist) && err == nil {
		err = explain("removing temporary file", gone)
	}
	return d, err
}

func (s *Store) write(ctx context.Context, name string, from io.Reader) (rondo.Digest, error) {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return "", explain("writing object", err)
	}
	sum := sha256.New()
	if _, err = io.Copy(io.MultiWriter(f, sum), &until{ctx, from}); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", explain("writing object", err)
	}
	return rondo.DigestOf([32]byte(sum.Sum(nil))), nil
}

// until is a reader that ends with its context.
type until struct {
	ctx  context.Context
	from io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.from.Read(p)
}

// publish gives a synced file the object's name and makes that durable, or takes it away again.
func (s *Store) publish(from string, d rondo.Digest) error {
	sub, name, err := place(d)
	if err != nil {
		return err
	}
	what := "publishing object " + d.Short()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.makeSub(sub); err != nil {
		return explain(what, err)
	}
	now := s.clk.Now()
	if err := s.root.Chtimes(from, now, now); err != nil {
		return explain(what, err)
	}
	fail.At("object/rename")
	if err := s.root.Rename(from, name); err != nil {
		return explain(what, err)
	}
	fail.At("object/renamed")
	if err := s.syncDir(sub); err != nil {
		return explain(what, errors.Join(err, s.root.Remove(name)))
	}
	return nil
}

// reuse renews an object that is there and right. One that is missing or wrong is written again.
func (s *Store) reuse(ctx context.Context, d rondo.Digest) (bool, error) {
	r, err := s.open(ctx, d)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		err = errors.Join(err, r.Close())
	}
	if errors.Is(err, object.ErrNotFound) || errors.Is(err, object.ErrCorrupt) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	sub, name, err := place(d)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clk.Now()
	err = s.root.Chtimes(name, now, now)
	if errors.Is(err, fs.ErrNotExist) { // swept since it was read
		return false, nil
	}
	if err == nil {
		err = errors.Join(s.makeSub(sub), s.syncDir(sub)) // who put it first may have died before its sync
	}
	if err != nil {
		return false, explain("renewing object "+d.Short(), err)
	}
	return true, nil
}

// makeSub makes a subfolder, and its name durable once in this process.
func (s *Store) makeSub(sub string) error {
	if s.synced[sub] {
		return nil
	}
	if err := s.root.Mkdir(sub, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := s.root.Lstat(sub)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder: %w", sub, object.ErrCorrupt)
	}
	if err := s.syncDir("."); err != nil {
		return err
	}
	s.synced[sub] = true
	return nil
}

func (s *Store) syncDir(sub string) error {
	dir, err := s.root.Open(sub)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
