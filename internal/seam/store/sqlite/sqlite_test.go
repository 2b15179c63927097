package sqlite_test

import (
	"path/filepath"
	"testing"

	"rondo.dev/rondo/internal/lib/clock"
	"rondo.dev/rondo/internal/seam/store"
	"rondo.dev/rondo/internal/seam/store/sqlite"
	"rondo.dev/rondo/internal/seam/store/storetest"
)

func TestStoreKeepsItsPromises(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open {
		path := filepath.Join(t.TempDir(), "rondo.db")
		return func(clk clock.Clock) (store.Store, error) {
			return sqlite.Open(t.Context(), path, clk, sqlite.Options{})
		}
	})
}
