// Package predict answers rows with a loaded model.
//
// The promise (predicttest examines every implementation): a Model is immutable and safe for concurrent use; the answer
// of a row is the same bits alone, in any batch and at any concurrency; bytes are hostile until Load has accepted them
// within the limits; Predict of a wrong width is an error, not a panic. Outputs are probabilities (binary: of the positive
// class; multiclass: one a class) or the number (regression).
package predict

import "context"

// Model is a loaded model.
type Model interface {
	Features() []string
	Outputs() int // numbers a row: 1, or the number of classes
	// Predict answers rows of row-major values (NaN: missing) into out [rows*Outputs].
	Predict(values []float32, rows int, out []float64) error
	Close() error
}

// Runtime loads models of one format.
type Runtime interface {
	Load(ctx context.Context, artefact []byte) (Model, error)
}
