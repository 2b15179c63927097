package modelfile_test

import (
	"testing"

	"rondo.dev/rondo/internal/modelfile"
)

func TestFlights(t *testing.T) {
	spec, err := modelfile.Load("../../examples/flights/model.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", modelfile.Canonical(spec))
}
