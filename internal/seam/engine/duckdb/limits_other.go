//go:build !unix

package duckdb

import "runtime/debug"

// limitSelf bounds what Go holds; DuckDB bounds its own. Address space cannot be limited on this system.
func limitSelf(int64) error {
	debug.SetMemoryLimit(512 << 20)
	return nil
}
