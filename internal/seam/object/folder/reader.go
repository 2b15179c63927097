package folder

import (
	"context"
	"fmt"
	"hash"
	"io"
	"os"

	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/internal/seam/object"
)

// reader hashes what it reads. The bytes that complete the object are given out only after the digest has been compared,
// so that a caller who reads exactly its size is told too.
type reader struct {
	ctx  context.Context // of the one call of Open
	f    *os.File
	want rondo.Digest
	left int64
	sum  hash.Hash
	err  error // what every further Read returns
}

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.f.Read(p)
	r.sum.Write(p[:n])
	r.left -= int64(n)
	switch {
	case err != nil && err != io.EOF:
		r.err = explain("reading object "+r.want.Short(), err)
	case err == io.EOF && r.left > 0, r.left < 0:
		r.err = r.corrupt()
	case r.left == 0:
		if rondo.DigestOf([32]byte(r.sum.Sum(nil))) != r.want {
			r.err = r.corrupt()
			break
		}
		if err == io.EOF {
			r.err = io.EOF
		}
		return n, err
	default:
		return n, nil
	}
	return 0, r.err
}

func (r *reader) corrupt() error {
	return fmt.Errorf("object %s: %w", r.want.Short(), object.ErrCorrupt)
}

func (r *reader) Close() error { return r.f.Close() }
