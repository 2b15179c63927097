package rondo

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Ids begin with what they are, and sort by the time they were made.
type (
	CycleID      string
	StepID       string
	DatasetID    string
	RunID        string
	EvaluationID string
	DecisionID   string
	RolloutID    string
	AlarmID      string
)

// VersionID is MODEL/NUMBER, as people say it.
type VersionID string

// NewVersionID is the id of a model's n-th version.
func NewVersionID(model string, n int) VersionID { return VersionID(fmt.Sprintf("%s/%d", model, n)) }

// Model is the model of the version.
func (v VersionID) Model() string {
	model, _, _ := strings.Cut(string(v), "/")
	return model
}

// Number is what stands behind the slash.
func (v VersionID) Number() string {
	_, n, _ := strings.Cut(string(v), "/")
	return n
}

var base32Lower = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes PREFIX_TIMECHANCE: 48 bits of milliseconds, then 80 bits of chance, so ids sort by time. Under a virtual
// clock chance comes from a seed and the id's own name, so a replay makes the same ids. Instants before 1970 sort last.
func NewID(prefix string, at time.Time, chance [32]byte) string {
	ms := uint64(at.UnixMilli())
	b := []byte{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms)}
	return prefix + "_" + base32Lower.EncodeToString(append(b, chance[:10]...))
}

// Digest names bytes: SHA-256 in lower-case hexadecimal.
type Digest string

// DigestOf is the digest of a sum.
func DigestOf(sum [32]byte) Digest { return Digest(hex.EncodeToString(sum[:])) }

// Short is enough of it for people.
func (d Digest) Short() string {
	if len(d) < 12 {
		return string(d)
	}
	return string(d[:12])
}

// Valid says whether d is 64 lower-case hexadecimal digits, so it may name a file.
func (d Digest) Valid() bool {
	if len(d) != 64 {
		return false
	}
	for _, c := range []byte(d) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
