// Package registry answers: what exactly is this version?
//
// A version is bound to its dataset, transform, artefact, evaluation and declaration by digest: equal digests mean an
// equal model made of equal rows, judged by equal numbers. Ids, instants, prices and hosts are not part of it (D10), so a
// run that was killed and went on gives the version that an undisturbed one gives.
package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"rondo.dev/rondo/internal/rondo"
)

// Parts are what a version is bound to. RefitOf is the proved version, empty for a version with an evaluation of its own.
type Parts struct {
	Spec       rondo.Digest
	Revision   int
	Cycle      rondo.CycleID
	Dataset    *rondo.Dataset
	Run        *rondo.Run
	Evaluation *rondo.Evaluation
	RefitOf    *rondo.Version
	Threshold  *float64
	Loss       float64
	Clip       *float64 // nil for a bounded loss
	Spread     []rondo.Spread
	Reference  []float64
}

// Bind makes a candidate version. Its id and number are given by the store.
func Bind(p Parts) (*rondo.Version, error) {
	switch {
	case p.Dataset == nil || p.Run == nil || p.Evaluation == nil:
		return nil, errors.New("a version needs a dataset, a run and an evaluation")
	case p.Run.Dataset != p.Dataset.ID:
		return nil, fmt.Errorf("run %s trained on %s, not on %s", p.Run.ID, p.Run.Dataset, p.Dataset.ID)
	case p.RefitOf == nil && p.Evaluation.Run != p.Run.ID:
		return nil, fmt.Errorf("evaluation %s judged run %s, not %s", p.Evaluation.ID, p.Evaluation.Run, p.Run.ID)
	case p.RefitOf != nil && p.Evaluation.ID != p.RefitOf.Evaluation:
		return nil, fmt.Errorf("%s was proved by evaluation %s, not by %s", p.RefitOf.ID, p.RefitOf.Evaluation, p.Evaluation.ID)
	case p.RefitOf != nil && p.Dataset.Model != p.RefitOf.Model:
		return nil, fmt.Errorf("%s is no version of %s", p.RefitOf.ID, p.Dataset.Model)
	}
	digests := []rondo.Digest{p.Spec, p.Dataset.Digest, p.Dataset.Transform, p.Run.Artefact, p.Evaluation.Digest}
	if p.RefitOf != nil {
		digests = append(digests, p.RefitOf.Digest)
	}
	for _, d := range digests {
		if !d.Valid() {
			return nil, errors.New("a version needs the digests of declaration, dataset, transform, artefact and evaluation")
		}
	}
	v := &rondo.Version{
		Model: p.Dataset.Model, State: rondo.Candidate, Cycle: p.Cycle, Spec: p.Spec, Revision: p.Revision,
		Dataset: p.Dataset.ID, Run: p.Run.ID, Evaluation: p.Evaluation.ID,
		Artefact: p.Run.Artefact, Transform: p.Dataset.Transform, Threshold: p.Threshold, Loss: p.Loss, Clip: p.Clip, Spread: p.Spread, Reference: p.Reference,
	}
	if part := p.Dataset.Part(rondo.TrainPart); part != nil {
		v.Trained[0], v.Trained[1], v.Rows = part.From, part.To, part.Rows
	}
	h := sha256.New()
	field := func(s string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, d := range digests {
		field(string(d))
	}
	if p.RefitOf != nil {
		v.RefitOf = p.RefitOf.ID
	}
	if p.Threshold != nil {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], math.Float64bits(*p.Threshold))
		field(string(b[:]))
	}
	v.Digest = rondo.DigestOf([32]byte(h.Sum(nil)))
	return v, nil
}
