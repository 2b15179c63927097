// Package folder keeps object.Store in a folder: the object abcdef... is the file ab/cdef...
//
// Durable: bytes are written to tmp/, synced, renamed, and the folders synced before Put returns. Files are 0400 of one
// owner. An object's file time is the installation's clock at its last Put; Sweep counts from there, and Put of bytes
// that are there verifies them, renews the time and mends them where they are wrong.
//
// Hostile: a digest that is not 64 lower-case hexadecimal digits is refused before it names a file. Everything stays
// inside the folder (os.Root). Links and other things that are no plain file are object.ErrCorrupt, and PutFile refuses
// them as its source. Every byte read is hashed.
//
// Several processes may read and put in one folder; Sweep is for the one that owns it, as a Put of another process could
// renew an object between its look and its removal.
package folder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
)

// mostBytes is the largest object that Get holds in memory; Open has no limit.
const mostBytes = 8 << 30

// Store is an open folder. Safe for concurrent use. It holds one descriptor, which ends with the process.
type Store struct {
	root *os.Root
	clk  clock.Clock

	mu     sync.Mutex      // held while a name appears, is renewed or goes
	synced map[string]bool // subfolders whose own name is durable
}

var _ object.Store = (*Store)(nil)

// Open opens or makes the folder.
func Open(dir string, clk clock.Clock) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, explain("making folder "+dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, explain("opening folder "+dir, err)
	}
	s := &Store{root: root, clk: clk, synced: map[string]bool{}}
	if err := s.makeSub(temporary); err != nil {
		root.Close()
		return nil, explain("making folder "+dir+"/"+temporary, err)
	}
	return s, nil
}

func place(d rondo.Digest) (sub, name string, err error) {
	if !d.Valid() {
		return "", "", rondo.Errorf(rondo.Invalid, "%.80q is no digest: 64 lower-case hexadecimal digits are", string(d))
	}
	return string(d[:2]), string(d[:2]) + "/" + string(d[2:]), nil
}

// Get reads and verifies a whole object.
func (s *Store) Get(ctx context.Context, d rondo.Digest) ([]byte, error) {
	r, err := s.open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.left > mostBytes {
		return nil, rondo.Errorf(rondo.Unsupported, "object %s has %d bytes: too many to hold, open it instead", d.Short(), r.left)
	}
	buf := bytes.NewBuffer(make([]byte, 0, r.left+bytes.MinRead))
	if _, err := buf.ReadFrom(r); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Open reads an object of any size.
func (s *Store) Open(ctx context.Context, d rondo.Digest) (io.ReadCloser, error) {
	r, err := s.open(ctx, d)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *Store) open(ctx context.Context, d rondo.Digest) (*reader, error) {
	sub, name, err := place(d)
	if err != nil {
		return nil, err
	}
	f, size, err := s.plain(sub, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("object %s: %w", d.Short(), object.ErrNotFound)
	}
	if err != nil {
		return nil, explain("opening object "+d.Short(), err)
	}
	return &reader{ctx: ctx, f: f, want: d, left: size, sum: sha256.New()}, nil
}

// plain opens a file that is no link, in a folder that is none. A Put of the same bytes may replace the file between the
// look and the opening: then it looks again.
func (s *Store) plain(sub, name string) (f *os.File, size int64, err error) {
	for range 100 {
		f, size, err = s.plainOnce(sub, name)
		if !errors.Is(err, errChanged) {
			break
		}
	}
	return f, size, err
}

var errChanged = errors.New("changed while it was opened")

func (s *Store) plainOnce(sub, name string) (*os.File, int64, error) {
	dir, err := s.root.Lstat(sub)
	if err != nil {
		return nil, 0, err
	}
	if !dir.IsDir() {
		return nil, 0, fmt.Errorf("%s is no folder: %w", sub, object.ErrCorrupt)
	}
	seen, err := s.root.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !seen.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is no plain file: %w", name, object.ErrCorrupt)
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	got, err := f.Stat()
	if err == nil && !os.SameFile(seen, got) {
		err = fmt.Errorf("%s: %w", name, errChanged)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, got.Size(), nil
}

// explain gives a full or failing disk its kind and the next move.
func explain(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &rondo.Error{Kind: rondo.Unavailable, Message: "the disk is full: make room, Rondo goes on when there is some", Err: err}
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return &rondo.Error{Kind: rondo.Unavailable, Message: "the folder cannot be used: check its disk and owner", Err: err}
	}
	return err
}
