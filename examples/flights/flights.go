// Package flights carries the example's files, so that the demo runs wherever the binary is. PROVENANCE.md says where
// they come from.
package flights

import "embed"

// Files are the model file, the airports and six months of flights.
//
//go:embed model.yaml airports.csv 2001-*.parquet
var Files embed.FS
