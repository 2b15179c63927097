// Package object keeps bytes by their hash.
//
// The promise (objecttest examines every implementation):
//   - Put returns only when the bytes and their name are durable (file and folder synced, or the store's acknowledgement),
//     so a row may name them from then on (I5). Putting what is there already is no error and costs no second copy.
//   - Get verifies every byte against the name; a mismatch is ErrCorrupt, never data.
//   - An object that is being written is never visible. A failed Put leaves nothing behind that Get could find.
//   - Sweep removes what the caller does not keep and is older than age, counted from the last Put of the same bytes.
package object

import (
	"context"
	"errors"
	"io"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

// ErrNotFound is returned for a digest that no object has.
var ErrNotFound = errors.New("no such object")

// ErrCorrupt is returned when stored bytes are not those that were put.
var ErrCorrupt = errors.New("object does not match its digest")

// Store keeps bytes by their hash. Safe for concurrent use.
type Store interface {
	Put(ctx context.Context, b []byte) (rondo.Digest, error)
	// PutFile takes a file's bytes without holding them in memory.
	PutFile(ctx context.Context, path string) (rondo.Digest, error)
	Get(ctx context.Context, d rondo.Digest) ([]byte, error)
	// Open reads an object of any size; the last Read gives ErrCorrupt instead of io.EOF when the bytes are wrong.
	Open(ctx context.Context, d rondo.Digest) (io.ReadCloser, error)
	Sweep(ctx context.Context, keep func(rondo.Digest) bool, age time.Duration) (removed int, err error)
}
