package serve

import "context"

// Recalls puts a test around what is read of the older log.
func (e *Endpoint) Recalls(around func(ctx context.Context, read func() error) error) {
	for _, r := range []*recalled{&e.older.keys, &e.older.rows} {
		read := r.read
		r.read = func(ctx context.Context) error { return around(ctx, func() error { return read(ctx) }) }
	}
}
