package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"rondo.dev/rondo/internal/rondo"
)

// The names that a trainer and Rondo agree on.
const (
	EnvData     = "RONDO_DATA_DIR" // holds TrainFile, and ValidationFile where there is one
	EnvOut      = "RONDO_OUT_DIR"  // gets ModelFile, then CompleteFile
	EnvParams   = "RONDO_PARAMS"   // a file of Params as JSON; each also as RONDO_PARAM_NAME
	EnvSeed     = "RONDO_SEED"
	EnvDeadline = "RONDO_DEADLINE" // RFC 3339; SIGTERM comes then

	TrainFile      = "train.matrix"
	ValidationFile = "validation.matrix"
	ModelFile      = "model.bin"
	CompleteFile   = "COMPLETE" // the model counts when this is there and its hash is right

	ExitUser   = 1  // what was declared, or the rows, cannot be trained on
	ExitResume = 75 // stopped as asked
)

// Params are what a trainer is told. Threads does not change the answer.
type Params struct {
	Task    rondo.TaskKind `json:"task"`
	Trees   int            `json:"trees"`
	Leaves  int            `json:"leaves"`
	Rate    float64        `json:"rate"`
	Threads int            `json:"threads"`
}

// Complete says that a model is whole.
type Complete struct {
	Model rondo.Digest `json:"model"`
	Bytes int64        `json:"bytes"`
}

const maxJSON = 1 << 20

// ReadJSON reads a small JSON file strictly.
func ReadJSON(path string, v any) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxJSON+1))
	if err != nil {
		return err
	}
	if len(b) > maxJSON {
		return fmt.Errorf("%s: more than %d bytes", path, maxJSON)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// WriteJSON makes a JSON file that is there whole or not at all.
func WriteJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return WriteFile(path, b)
}

// WriteFile makes a file that is there whole or not at all.
func WriteFile(path string, b []byte) error {
	part := path + ".part"
	if err := os.WriteFile(part, b, 0o600); err != nil {
		return err
	}
	return os.Rename(part, path)
}
