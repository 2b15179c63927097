package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/rondo"
)

// leftOver is how old, by the machine's clock, a temporary file is before nobody can be writing it any more.
const leftOver = 24 * time.Hour

// Sweep removes objects that keep refuses and that were put longer than age ago, and what crashes left half written.
func (s *Store) Sweep(ctx context.Context, keep func(rondo.Digest) bool, age time.Duration) (int, error) {
	removed := 0
	for i := range 256 {
		sub := fmt.Sprintf("%02x", i)
		err := s.each(ctx, sub, func(name string) error {
			d := rondo.Digest(sub + name)
			if !d.Valid() || keep(d) {
				return nil
			}
			gone, err := s.removeOld(sub+"/"+name, s.clk, age)
			if gone {
				removed++
			}
			return err
		})
		if err != nil {
			return removed, explain("sweeping objects", err)
		}
	}
	err := s.each(ctx, temporary, func(name string) error {
		_, err := s.removeOld(temporary+"/"+name, clock.Wall{}, leftOver)
		return err
	})
	if err != nil {
		return removed, explain("sweeping temporary files", err)
	}
	return removed, nil
}

// Tidy removes all that was left half written, however young. It is for the process that owns the folder, before anything
// is put.
func (s *Store) Tidy(ctx context.Context) error {
	err := s.each(ctx, temporary, func(name string) error {
		_, err := s.removeOld(temporary+"/"+name, clock.Wall{}, math.MinInt64)
		return err
	})
	if err != nil {
		return explain("removing temporary files", err)
	}
	return nil
}

// each calls f with the name of every entry of a subfolder; none there is no entry.
func (s *Store) each(ctx context.Context, sub string, f func(name string) error) error {
	info, err := s.root.Lstat(sub)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(s.root.FS(), sub)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// removeOld removes a plain file that is older than age. Looking and removing are one step for Put.
func (s *Store) removeOld(name string, clk clock.Clock, age time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || clk.Now().Sub(info.ModTime()) <= age {
		return false, nil
	}
	if err := s.root.Remove(name); err != nil {
		return false, err
	}
	return true, nil
}
